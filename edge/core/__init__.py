"""Decisions without I/O: each core is `handle(input, now) -> list[Action]` and a `deadline` that carries its reason."""
