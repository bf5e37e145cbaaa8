"""Tone generation, phase-continuous."""
