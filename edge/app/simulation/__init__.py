"""Campaigns in virtual time: callees, agents and trunks that chance makes, before the pacing that real ones have."""
