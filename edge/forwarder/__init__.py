"""Delivers the events of the outbox to sinks; keeps how far each is on disk."""
