"""The supervisor, and the composition of all processes."""
