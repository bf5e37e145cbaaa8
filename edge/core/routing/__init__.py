"""Routing: which menu answers which number."""
