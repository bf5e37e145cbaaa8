"""The SIP front door: the process that peers talk to."""

from edge.front.process import main

__all__ = ["main"]
