"""Delivery of events to sinks: order per call, retry, back-off, cursor. Decisions only."""
