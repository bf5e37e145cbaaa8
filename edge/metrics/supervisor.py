"""Metrics of the supervisor."""

from edge.metrics.library import CollectorRegistry, Counter, Gauge


class SupervisorMetrics:
    """One registry; label values are names of processes, a closed list."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.restarts = Counter(
            "edge_supervisor_restarts",
            "Times that a process was started again after it ended by itself.",
            ["process"],
            registry=self.registry,
        )
        self.running = Gauge(
            "edge_supervisor_running_processes",
            "Whether a process does its job (1), or is starting, waiting or down (0).",
            ["process"],
            registry=self.registry,
        )
        self.crash_loop = Gauge(
            "edge_supervisor_crash_loop_processes",
            "Whether restarts of a process are slowed because it failed too often.",
            ["process"],
            registry=self.registry,
        )
        self.spans = Gauge("edge_supervisor_spans", "Spans that front may use.", registry=self.registry)
        self.spans_wanted = Gauge("edge_supervisor_wanted_spans", "Spans that front asked for.", registry=self.registry)
        self.ready = Gauge("edge_supervisor_ready", "Whether the appliance is ready (1).", registry=self.registry)
        self.takes_calls = Gauge(
            "edge_supervisor_takes_calls", "Whether new calls are let in (1).", registry=self.registry
        )
        self.conditions = Gauge(
            "edge_supervisor_conditions", "Reasons for not being ready at this moment.", registry=self.registry
        )
        self.notes = Gauge(
            "edge_supervisor_notes",
            "What people should know of and keeps no call away, at this moment: a sink or a backend that fails, say.",
            registry=self.registry,
        )
        self.reloads = Counter(
            "edge_supervisor_reloads", "Reloads of the configuration.", ["result"], registry=self.registry
        )
        self.refused = Gauge(
            "edge_supervisor_refused_configurations",
            "Whether the files had faults when they were loaded last (1), so what they said before is in force.",
            registry=self.registry,
        )
        self.rolled_back = Gauge(
            "edge_supervisor_rolled_back_menus",
            "Menus that are held at a former version, whatever their files say.",
            registry=self.registry,
        )
