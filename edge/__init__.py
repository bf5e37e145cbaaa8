"""Telephony edge appliance: see ARCHITECTURE.md for the map."""
