"""Requests to be called back: which numbers may be, and when. Nothing here calls anybody."""
