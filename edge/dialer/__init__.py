"""Campaigns: reads contacts, asks the rules, leases attempts, and has switch make the calls."""
