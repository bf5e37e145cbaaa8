"""Decisions of the dialer: whom to call next, when it may, how many at once, and what follows from an outcome."""
