"""The one place that names metrics: one module a process, each with a class that holds a registry of its own.

Names are `edge_<process>_<what>_<unit>`; label values come from closed lists or from names in the configuration, never
from a call. docs/metrics.md is made from these modules.
"""
