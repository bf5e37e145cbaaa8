"""Decisions about how much an engine can carry."""
