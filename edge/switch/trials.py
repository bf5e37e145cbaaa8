"""Trials as they run: who gets which menu, what operators stopped, and what guard rails have counted.

What must outlive a restart (`State`) is written with the events that it comes from, in one transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from edge.core.indicators.sequential import Alarm, Watched, alarm_of
from edge.core.menus.model import Menu
from edge.core.routing.trials import Asker, Assigned, Trial, arm_of
from edge.runtime.clock import rfc3339
from edge.vocabulary import site_events

if TYPE_CHECKING:
    from edge.metrics.switch import SwitchMetrics
    from edge.switch.plan import Plan

#: Keys in `meta`: this, then the trial's name.
META = "trial/"

Condition = Literal["planned", "running", "stopped", "over"]


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a trial."""

    #: `Trial.what`: of another trial by the same name nothing is remembered.
    what: str
    #: Who stopped it; empty: nobody has.
    stopped: Literal["", "request", "guard"] = ""
    #: When it was stopped, and when it was started again: RFC 3339. Calls before `since` do not count any more.
    stopped_at: str = ""
    since: str = ""
    control: Watched = Watched()
    candidate: Watched = Watched()
    #: Why guard rails stopped it.
    alarm: Alarm | None = None


class Change(Struct, frozen=True):
    """What is to be stored, and to be told of."""

    meta: dict[str, str]
    event: site_events.TrialStarted | site_events.TrialStopped | None = None


class TrialError(Exception):
    """It cannot be started or stopped; the text says why."""


def read_state(text: str) -> State | None:
    """Read what was stored; None for what another version wrote."""
    try:
        return msgspec.json.decode(text, type=State)
    except msgspec.MsgspecError:
        return None


def state_of(trial: Trial, stored: State | None) -> State:
    """Give a trial's state, a fresh one where nothing of it is known."""
    return stored if stored is not None and stored.what == trial.what else State(what=trial.what)


def condition_of(trial: Trial, state: State, wall_ms: int) -> Condition:
    """Tell what becomes of calls that begin now."""
    if trial.until_ms and wall_ms >= trial.until_ms:
        return "over"
    if state.stopped:
        return "stopped"
    return "running" if trial.runs_at(wall_ms) else "planned"


def describe(trial: Trial, state: State, wall_ms: int) -> dict[str, Any]:
    """Return a trial for people."""
    return {
        "name": trial.name,
        "menu": trial.menu,
        "candidate": f"{trial.candidate}@{trial.version}" if trial.version else trial.candidate,
        "split": split_text(trial),
        "condition": condition_of(trial, state, wall_ms),
        "stopped_by": state.stopped,
        "stopped_at": state.stopped_at,
        "since": state.since,
        "control_calls": state.control.calls,
        "candidate_calls": state.candidate.calls,
        "alarm": msgspec.to_builtins(state.alarm),
    }


def split_text(trial: Trial) -> str:
    """Say who gets the candidate. Numbers are not named."""
    if trial.hours is not None:
        return "by hours"
    if trial.callers:
        return f"{len(trial.callers)} callers or prefixes"
    return f"{trial.attribute} = {trial.value}" if trial.attribute else f"{trial.share} % of callers"


class Trials:
    """All trials of the appliance. The configuration may change; what is remembered stays."""

    def __init__(self, trials: Sequence[Trial], metrics: "SwitchMetrics") -> None:
        self._trials = {trial.name: trial for trial in trials}
        self._states: dict[str, State] = {}
        self._metrics = metrics

    def restore(self, stored: Mapping[str, str]) -> None:
        """Take what an earlier life stored, by the trial's name."""
        read = {name: read_state(text) for name, text in stored.items()}
        self._states = {name: state for name, state in read.items() if state is not None}

    def configure(self, trials: Sequence[Trial]) -> None:
        """Take a new configuration for new calls."""
        self._trials = {trial.name: trial for trial in trials}

    # --- calls

    def choose(self, plan: "Plan", menu: Menu, asker: Asker) -> tuple[Menu, Assigned | None]:
        """Give the menu that a call gets instead of the one that its route names, and what it is part of."""
        for trial in self._trials.values():
            if trial.menu != menu.name or condition_of(trial, self._state(trial), asker.wall_ms) != "running":
                continue
            candidate = plan.candidate(trial)
            if candidate is None:
                continue
            if trial.table:
                asker = msgspec.structs.replace(asker, attributes=plan.attributes(trial.table, asker.number))
            arm = arm_of(trial, asker)
            return (candidate if arm == "candidate" else menu), Assigned(trial.name, arm)
        return menu, None

    def has(self, trial: str) -> bool:
        """Whether a call that is part of this trial is to be counted."""
        return trial in self._trials

    def count(self, assigned: Assigned, fate: str, wall: datetime) -> Change | None:
        """Count a call that ended; returns what follows."""
        trial = self._trials.get(assigned.trial)
        self._metrics.trial_calls.labels(assigned.trial, assigned.arm, fate).inc()
        if trial is None:
            return None
        state = self._state(trial)
        counted = getattr(state, assigned.arm).plus(fate)
        state = msgspec.structs.replace(state, **{assigned.arm: counted})
        alarm = alarm_of(trial.guards, state.control, state.candidate) if not state.stopped else None
        if alarm is None:
            return self._store(trial, state)
        return self._stop(trial, state, wall, alarm)

    # --- operators

    def stop(self, name: str, wall: datetime) -> Change:
        """Let new calls get the menu that the route names. Raises `TrialError`."""
        trial = self._known(name)
        state = self._state(trial)
        if state.stopped:
            raise TrialError(f"trial '{name}' is stopped since {state.stopped_at}")
        return self._stop(trial, state, wall, None)

    def start(self, name: str, wall: datetime) -> Change:
        """Let a stopped trial run again; its guard rails count anew. Raises `TrialError`."""
        trial = self._known(name)
        state, wall_ms = self._state(trial), int(wall.timestamp() * 1000)
        if trial.until_ms and wall_ms >= trial.until_ms:
            raise TrialError(f"trial '{name}' is over: its time (until) has passed")
        if not state.stopped:
            raise TrialError(f"trial '{name}' is not stopped; it is {condition_of(trial, state, wall_ms)}")
        fresh = State(what=trial.what, since=rfc3339(wall))
        return self._store(trial, fresh, site_events.TrialStarted(trial=name))

    def listed(self, wall_ms: int) -> list[dict[str, Any]]:
        """Return all trials for people."""
        return [describe(trial, self._state(trial), wall_ms) for trial in self._trials.values()]

    def show(self, wall_ms: int) -> None:
        """Let the metrics tell which trials run."""
        for trial in self._trials.values():
            running = condition_of(trial, self._state(trial), wall_ms) == "running"
            self._metrics.trial_running.labels(trial.name).set(running)

    # --- states

    def _known(self, name: str) -> Trial:
        trial = self._trials.get(name)
        if trial is None:
            raise TrialError(f"no trial '{name[:60]}'; there are: {', '.join(self._trials) or 'none'}")
        return trial

    def _state(self, trial: Trial) -> State:
        return state_of(trial, self._states.get(trial.name))

    def _stop(self, trial: Trial, state: State, wall: datetime, alarm: Alarm | None) -> Change:
        by: Literal["request", "guard"] = "request" if alarm is None else "guard"
        stopped = msgspec.structs.replace(state, stopped=by, stopped_at=rfc3339(wall), alarm=alarm)
        event = site_events.TrialStopped(
            trial=trial.name,
            by=by,
            indicator=alarm.indicator if alarm is not None else "",
            worse_by=_points(alarm.worse_by) if alarm is not None else None,
            at_least=_points(alarm.at_least) if alarm is not None else None,
            control_calls=state.control.calls,
            candidate_calls=state.candidate.calls,
        )
        return self._store(trial, stopped, event)

    def _store(
        self, trial: Trial, state: State, event: site_events.TrialStarted | site_events.TrialStopped | None = None
    ) -> Change:
        self._states[trial.name] = state
        return Change({f"{META}{trial.name}": msgspec.json.encode(state).decode()}, event)


def _points(share: float) -> float:
    return round(100 * share, 1)
