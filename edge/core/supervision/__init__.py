"""Decisions of the supervisor: when a process is restarted, given up on, or taken for hung."""
