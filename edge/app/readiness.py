"""Whether the appliance is ready, and if not, why: from the states and conditions of its processes."""

from typing import Any, NamedTuple

from edge.app.children import Process, describe
from edge.app.fleet import Fleet
from edge.runtime.clock import monotonic_ms

#: Conditions of switch and media that keep no call away: what went wrong is told, and the operator wants calls.
HARMLESS = frozenset({"outbox_shedding"})
#: Calls pass through none of these: events wait on disk, campaigns and answers to people wait, too. So it is noted when
#: one is away, and whoever looks at readiness sends his calls nowhere else.
BESIDE_CALLS = frozenset({"forwarder", "web", "dialer"})


class Condition(NamedTuple):
    """One reason for not being ready, or a note."""

    process: str
    condition: str
    text: str


def conditions(fleet: Fleet, mode: str) -> list[Condition]:
    """Return all reasons for not being ready; none: ready. `mode` is what the appliance is about to do."""
    found = [Condition("supervisor", mode, f"the appliance is {mode}")] if mode in {"draining", "stopping"} else []
    lines = fleet.lines.all()
    for process in fleet.long_lived.values():
        if not process.running and process not in lines and not _noted(process):
            found.append(Condition(process.name, "process", _why_not_running(process)))
        found += [Condition(process.name, name, text) for name, text in process.conditions.items()]
    if not fleet.spans.up:
        text = "spans end soon after their start" if fleet.spans.crash_loop else "no span is up yet"
        found.append(Condition("span", "process", text))
    return found


def notes(fleet: Fleet) -> list[Condition]:
    """Return what people should know, and is no reason for not being ready."""
    told = [
        Condition(process.name, name, text)
        for process in fleet.long_lived.values()
        for name, text in process.notes.items()
    ]
    # Calls go on by other trunks: a line's process keeps none away.
    away = [process for process in fleet.long_lived.values() if _noted(process)]
    away += fleet.lines.processes.values()
    return told + [
        Condition(process.name, "process", _why_not_running(process)) for process in away if not process.running
    ]


def _noted(process: Process) -> bool:
    """Whether it is only noted that a process is away. Its first start is waited for: then all of it is there."""
    return process.name in BESIDE_CALLS and process.lifecycle.ended_ms is not None


def takes_calls(fleet: Fleet, mode: str, *, was_complete: bool) -> bool:
    """Whether front should let new calls in.

    A process that is being restarted is no reason to refuse calls: it is back within the time of one retransmission,
    and front itself sees whether its link to switch is up.
    """
    # Conditions of these mean that a new call could not be stored or recorded. Others' (a sink that is away) don't.
    bad = any(process.conditions.keys() - HARMLESS for process in (fleet.switch, *fleet.media))
    # One engine is enough: switch gives calls to those that are there.
    lasting = _lasts(fleet.switch) and any(_lasts(engine) for engine in fleet.media)
    return was_complete and mode == "running" and not bad and lasting


def _lasts(process: Process) -> bool:
    return process.lifecycle.state not in {"refused", "stopped"} and not process.lifecycle.crash_loop


def complete(fleet: Fleet) -> bool:
    """Whether everything that a call passes through is up."""
    return (
        fleet.switch.running
        and any(engine.running for engine in fleet.media)
        and fleet.front.running
        and bool(fleet.spans.up)
    )


def _why_not_running(process: Process) -> str:
    state = process.lifecycle.state
    last = (
        f", last ended by {describe(process.lifecycle.last_status)}" if process.lifecycle.ended_ms is not None else ""
    )
    if state == "refused":
        return "refuses its configuration (see the log) and waits for a reload"
    if state == "waiting" and process.lifecycle.crash_loop:
        return f"crash loop{last}: restarts are slowed"
    if state == "stopped" and process.lifecycle.ended_ms is None:
        return "is started when calls are let in"
    return {"waiting": "waits for its next start", "aborting": "hangs, is being ended"}.get(state, state) + last


def process_document(process: Process, now_ms: int) -> dict[str, Any]:
    """Describe a process for status."""
    lifecycle = process.lifecycle
    return {
        "name": process.name,
        "pid": process.pid or None,
        "state": "crash loop" if lifecycle.crash_loop and lifecycle.state == "waiting" else lifecycle.state,
        "uptime_s": round((now_ms - lifecycle.launched_ms) / 1000, 1) if lifecycle.alive else None,
        "restarts": lifecycle.restarts,
        "last_exit": describe(lifecycle.last_status) if lifecycle.ended_ms is not None else None,
        "last_exit_s_ago": round((now_ms - lifecycle.ended_ms) / 1000, 1) if lifecycle.ended_ms is not None else None,
        "crash_loop": lifecycle.crash_loop,
    }


def spans_document(fleet: Fleet, now_ms: int | None = None) -> list[dict[str, Any]]:
    """Describe the spans for status."""
    now_ms = monotonic_ms() if now_ms is None else now_ms
    return [
        {
            "incarnation": span.incarnation,
            "pid": span.pid or None,
            "state": span.lifecycle.state,
            "port": span.port or None,
            "uptime_s": round((now_ms - span.lifecycle.launched_ms) / 1000, 1),
        }
        for span in fleet.spans.all()
    ]
