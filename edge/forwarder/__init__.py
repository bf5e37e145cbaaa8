"""Delivers the events of the outbox to sinks; keeps how far each is on disk."""

from edge.forwarder.process import main

__all__ = ["main"]
