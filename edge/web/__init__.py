"""Serves HTTP: metrics of all processes, liveness, readiness."""

from edge.web.process import main

__all__ = ["main"]
