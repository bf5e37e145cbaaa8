"""Serves HTTP: metrics of all processes, liveness, readiness."""
