"""Streaming detectors: state records and kernels, one folder entry a detector."""
