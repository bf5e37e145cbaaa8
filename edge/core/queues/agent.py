"""One agent: what he does, whether he takes calls at all, and how his time went."""

from msgspec import Struct, field
from msgspec.structs import replace

from edge.core.queues.model import (
    Activity,
    AgentMark,
    AgentState,
    AgentTerms,
    Presence,
    PresenceChanged,
    PresenceWanted,
    Ticket,
)
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private

#: States in which an agent works on a call; of the time that he takes calls they are his occupancy.
OCCUPIED: frozenset[AgentState] = frozenset({"previewing", "talking", "wrap_up"})
#: Of these is his handling time of a call.
HANDLING: frozenset[AgentState] = frozenset({"talking", "wrap_up"})
#: Why somebody does not take calls whose leg is to stay up: it is being called, was lost, or could not be had.
LINE, LINE_LOST, LINE_FAILED = "line", "line_lost", "line_failed"
_FOR_LINE = frozenset({LINE, LINE_LOST, LINE_FAILED})
_AT_HAND: dict[Presence, AgentState] = {"paused": "paused", "away": "logged_out"}


class Agent(Struct, kw_only=True):
    """Those whom no site names any more are kept while they talk."""

    terms: AgentTerms
    state: Activity = "ready"
    #: Since when he has this state.
    since_ms: int = 0
    #: Of `wrap_up` and `resting`: until when.
    until_ms: int = 0
    #: Since when he has not talked, which the longest idle one is chosen by.
    idle_since_ms: int = 0
    #: Whom he is rung for, or talks with.
    ticket: Ticket | None = None
    presence: Presence = "here"
    #: Why he pauses.
    reason: str = ""
    presence_since_ms: int = 0
    #: Where he said that he is: target and trunk.
    place: tuple[str, str] | None = None
    #: The call whose leg stays up for him, and whether it is up already.
    line: CallId | None = None
    line_up: bool = False
    #: Milliseconds in each state, and talks, since he logged in or the process began.
    spent: dict[AgentState, int] = field(default_factory=dict)
    talks: int = 0
    #: Milliseconds of pauses by reason, as `spent`.
    paused: dict[str, int] = field(default_factory=dict)
    #: Queue of the talk that he has, or wraps up.
    works_for: str = ""
    booked_ms: int = 0

    @property
    def available(self) -> bool:
        """Whether he may be rung now."""
        return self.state == "ready" and self.presence == "here"

    @property
    def shown(self) -> AgentState:
        """What he does, as people see it."""
        if self.state in {"previewing", "ringing", "talking"}:
            return self.state
        return _AT_HAND.get(self.presence, self.state)

    @property
    def shown_since_ms(self) -> int:
        """Since when."""
        return self.since_ms if self.shown == self.state else self.presence_since_ms

    @property
    def at(self) -> AgentTerms:
        """His terms, with the place where he is."""
        if self.place is None:
            return self.terms
        return replace(self.terms, target=Private(self.place[0]), trunk=self.place[1])

    @property
    def occupancy(self) -> float | None:
        """Share of the time in which he took calls that he worked on them; None: he has not taken any yet."""
        taking = sum(ms for state, ms in self.spent.items() if state not in {"paused", "logged_out"})
        return sum(self.spent.get(state, 0) for state in OCCUPIED) / taking if taking else None

    @property
    def handling_ms(self) -> float | None:
        """Mean of talk and wrap-up a talk; None: there was none yet."""
        return sum(self.spent.get(state, 0) for state in HANDLING) / self.talks if self.talks else None

    def mean_ms(self, state: AgentState) -> float | None:
        """Mean time in a state a talk; None: there was none yet."""
        return self.spent.get(state, 0) / self.talks if self.talks else None

    def book(self, now_ms: int) -> int:
        """Count the time that has passed for the state that he was in; returns how much."""
        passed_ms = max(0, now_ms - self.booked_ms)
        self.spent[self.shown] = self.spent.get(self.shown, 0) + passed_ms
        if self.shown == "paused":
            self.paused[self.reason] = self.paused.get(self.reason, 0) + passed_ms
        self.booked_ms += passed_ms
        return passed_ms

    def busy(self, state: Activity, ticket: Ticket, now_ms: int) -> None:
        """Ring him, or let him talk."""
        self.state, self.ticket, self.since_ms, self.until_ms = state, ticket, now_ms, 0

    def free(self, now_ms: int) -> None:
        """Let him have the next call."""
        self.state, self.ticket, self.since_ms, self.until_ms = "ready", None, now_ms, 0

    def pause(self, state: Activity, ms: int, now_ms: int) -> None:
        """Let him wrap up, or rest; he is idle from its end on, so that he does not come first again at once."""
        self.ticket, self.idle_since_ms = None, now_ms + ms
        if ms <= 0:
            self.free(now_ms)
        else:
            self.state, self.since_ms, self.until_ms = state, now_ms, now_ms + ms

    # --- presence

    def configure(self, terms: AgentTerms, now_ms: int) -> None:
        """Take the terms of another configuration. Whether he takes calls stays, unless he is to log in only now."""
        if terms.logs_in != self.terms.logs_in:
            self.presence, self.reason, self.presence_since_ms, self.place = first_presence(terms), "", now_ms, None
        self.terms = terms
        self._wait_for_line(LINE_LOST)

    def want(self, wanted: PresenceWanted, now_ms: int) -> PresenceChanged | None:
        """Do what is asked for; returns what has changed, None: it was so already."""
        before = self.presence, self.reason
        if wanted.wish == "log_in":
            self._log_in(wanted, now_ms)
        elif wanted.wish == "log_out":
            self.presence, self.reason, self.place = "away", "", None
        elif self.presence != "away":
            self.presence = "paused" if wanted.wish == "pause" else "here"
            self.reason = wanted.reason if wanted.wish == "pause" else ""
        if wanted.wish == "ready" and self.state in {"wrap_up", "resting"}:
            self.idle_since_ms = now_ms
            self.free(now_ms)
        self._wait_for_line(LINE)
        return self._changed(before, now_ms, wanted.call)

    def _changed(self, before: tuple[Presence, str], now_ms: int, call: CallId | None) -> PresenceChanged | None:
        if before == (self.presence, self.reason):
            return None
        lasted_ms, self.presence_since_ms = now_ms - self.presence_since_ms, now_ms
        if self.presence == "here":
            self.idle_since_ms = max(self.idle_since_ms, now_ms)  # who comes back is not the longest idle one
        return PresenceChanged(
            agent=self.terms.name,
            presence=self.presence,
            reason=self.reason,
            before=before[0],
            lasted_ms=lasted_ms,
            call=call,
        )

    def _log_in(self, wanted: PresenceWanted, now_ms: int) -> None:
        self.place = (wanted.target.reveal(), wanted.trunk) if wanted.target is not None else None
        if self.presence == "away":
            self.spent, self.paused, self.talks, self.booked_ms = {}, {}, 0, now_ms
        self.presence, self.reason = "here", ""

    # --- a leg that stays up

    @property
    def lacks_line(self) -> bool:
        """Whether he waits for his leg, and nobody calls him."""
        return self.terms.nailed_up and self.line is None and self.reason == LINE and self.presence == "paused"

    @property
    def spare_line(self) -> CallId | None:
        """His line, where he does not need it any more and talks with nobody."""
        spare = self.ticket is None and (self.presence == "away" or not self.terms.nailed_up)
        return self.line if spare else None

    def _wait_for_line(self, why: str) -> None:
        """Take no calls until the leg is up: what can't be bridged is not offered."""
        if self.terms.nailed_up and self.presence == "here" and not self.line_up:
            self.presence, self.reason = "paused", why

    def line_set(self, call: CallId, *, up: bool, now_ms: int) -> PresenceChanged | None:
        """Have a line; as soon as it is up he takes calls, unless he wanted to pause."""
        before = self.presence, self.reason
        self.line, self.line_up = call, up
        if up and self.presence == "paused" and self.reason in _FOR_LINE:
            self.presence, self.reason = "here", ""
        return self._changed(before, now_ms, call)

    def line_gone(self, now_ms: int, *, hung_up: bool, call: CallId | None) -> PresenceChanged | None:
        """Have none any more. Who hangs up on it has logged out; else he pauses until somebody says otherwise."""
        before, was_up = (self.presence, self.reason), self.line_up
        self.line, self.line_up = None, False
        if hung_up:
            self.presence, self.reason, self.place = "away", "", None
        elif self.presence == "here" or self.reason == LINE:
            self.presence, self.reason = "paused", LINE_LOST if was_up else LINE_FAILED
        return self._changed(before, now_ms, call)

    # --- restarts

    def mark(self) -> AgentMark:
        """Give what is remembered of him beside his calls."""
        usual = self.presence == first_presence(self.terms)
        target, trunk = self.place or ("", "")
        return AgentMark(
            idle_since_ms=self.idle_since_ms,
            until_ms=self.until_ms,
            rests=self.state == "resting",
            presence="" if usual else self.presence,
            reason=self.reason,
            since_ms=0 if usual else self.presence_since_ms,
            target=target,
            trunk=trunk,
        )

    def recall_presence(self, mark: AgentMark, now_ms: int) -> PresenceChanged | None:
        """Be where he said; returns what a line that was lost meanwhile has changed."""
        if mark.presence:
            self.presence, self.reason = mark.presence, mark.reason
            self.presence_since_ms = mark.since_ms or now_ms
        if mark.target:
            self.place = (mark.target, mark.trunk)
        before = self.presence, self.reason
        if self.line is None and self.reason == LINE:
            self.reason = LINE_LOST
        self._wait_for_line(LINE_LOST)
        return self._changed(before, now_ms, None)

    def recall(self, mark: AgentMark, now_ms: int) -> None:
        """Do what he did, when he has no call."""
        self.idle_since_ms = mark.idle_since_ms
        if self.ticket is None and mark.until_ms > now_ms:
            self.state, self.until_ms = "resting" if mark.rests else "wrap_up", mark.until_ms


def first_presence(terms: AgentTerms) -> Presence:
    """Say whether an agent takes calls before anybody has said anything of it."""
    return "away" if terms.logs_in else "here"
