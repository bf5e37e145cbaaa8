"""Campaigns: reads contacts, asks the rules, leases attempts, and has switch make the calls."""

from edge.dialer.process import main

__all__ = ["main"]
