"""Metrics of a line."""

from typing import Final, get_args

from edge.core.lines.words import EndCause, LineState
from edge.metrics.library import CollectorRegistry, Counter, Gauge

#: What may be wrong: the dialogue is not as the profile says, the control port or the sound device was lost.
FAULTS: Final = ("dialogue", "port", "sound")


class LineMetrics:
    """A line of a modem or sound card. Label `line`: names of the site file; all others are closed lists."""

    def __init__(self, line: str) -> None:
        self.registry = CollectorRegistry()
        self._line = line

        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"edge_line_{name}_total", text, ["line", *more], registry=self.registry)

        def gauge(name: str, text: str, *more: str) -> Gauge:
            return Gauge(f"edge_line_{name}", text, ["line", *more], registry=self.registry)

        self.ready = gauge("ready", "1 while the line takes calls")
        self.state = gauge("state", "1 for the state that the line is in", "state")
        self.call = gauge("calls", "Calls on the line")
        self.signal = gauge("signal_dbm", "Received signal strength as the modem says it; NaN: not known")
        self.drift = gauge(
            "drift_ratio", "By how much the sound device's clock is ahead of ours, as heard (1e-6: one ppm)"
        )
        self.underruns = counter("underruns", "Times that a store of sound was empty", "direction")
        self.overruns = counter("overruns", "Times that a store of sound was too full, and was shortened", "direction")
        self.reconnects = counter("reconnects", "Times that the device came back")
        self.faults = counter("faults", "What was not as it should be, by kind", "fault")
        self.calls = counter("calls_ended", "Calls that ended, by what the modem said of it", "cause")
        self.messages = counter("messages", "Short messages that came")
        for fault in FAULTS:
            self.faults.labels(line, fault)
        for direction in ("in", "out"):
            self.underruns.labels(line, direction)
            self.overruns.labels(line, direction)
        for cause in get_args(EndCause):
            self.calls.labels(line, cause)
        for one in (self.ready, self.call, self.drift, self.reconnects, self.messages):
            one.labels(line)
        self.signal.labels(line).set(float("nan"))
        self.show("absent")

    def show(self, state: LineState) -> None:
        """Set what follows from the state."""
        self.ready.labels(self._line).set(state == "ready")
        for one in get_args(LineState):
            self.state.labels(self._line, one).set(one == state)
