"""Figures made of events: what callers did, and how well a process works. Fed with events, in any number of pieces."""
