"""The brain: calls, menus, routing; the only writer of state and events."""

from edge.switch.process import main

__all__ = ["main"]
