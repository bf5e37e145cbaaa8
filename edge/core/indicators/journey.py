"""What became of one call in its menu, folded from its events as they come.

Memory is that of one open call, bounded by the nodes of its menu. docs/indicators.md has the definitions for people.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final, Literal, get_args

from msgspec import Struct, field

from edge.core.menus.parts import NodeId
from edge.vocabulary import events

#: `contained`: served by the menu alone. `connected`: somebody answered. `deferred`: the caller left a message, or
#: asked to be called back. `abandoned`: the caller hung up before any of these. `lost`: sent away unserved, or cut off.
Fate = Literal["contained", "connected", "deferred", "abandoned", "lost"]
#: Rounds of a gather that failed.
FAILED: Final = ("no_input", "no_match")
#: Nodes of these kinds look for somebody to talk with.
CONNECTING: Final = frozenset({"transfer", "queue"})
#: At nodes of these kinds it is not the menu that takes the caller's time.
UNTIMED: Final = CONNECTING | {"survey", "record", "voicemail"}

#: The events that a journey is made of; all others change nothing.
Step = (
    events.CallStarted
    | events.MenuEntered
    | events.MenuInput
    | events.LegStarted
    | events.LegAnswered
    | events.BridgeStarted
    | events.TransferSent
    | events.TransferCompleted
    | events.VoicemailLeft
    | events.CallbackRequested
    | events.SurveyAnswered
    | events.CallEnded
)


#: The types of `Step`: whoever sees all events looks here first.
STEPS: Final = frozenset(get_args(Step))


class CallRecord(Struct, frozen=True, kw_only=True):
    """A call that ended, as indicators count it. Times are milliseconds on the clock that the events came with."""

    menu: str
    version: str
    trial: str
    arm: str
    #: Number of the caller, in E.164 where that is known; empty: it hides it, or the call is one of ours.
    caller: str
    started_ms: int
    ended_ms: int
    fate: Fate
    #: The node where the call ended.
    last: NodeId
    #: At nodes of the menu, without those of `UNTIMED`.
    in_menu_ms: int
    #: Somebody was looked for: at a node of `CONNECTING`, or dialled.
    transferred: bool
    #: Connected, and then back at a node where it had been before, or transferred again.
    sent_wrong: bool
    #: Nodes that it came to, each once.
    visited: frozenset[NodeId]
    #: Mean of its answers in a survey: 0 is the worst, 100 the best; None: it has answered none.
    score: float | None = None
    #: The call, and the earlier one that the answers are about; empty: this one.
    call: str = ""
    about: str = ""
    #: A later call is to ask how this one was.
    asks_later: bool = False
    #: Rounds of gathers, by node and result.
    rounds: dict[tuple[NodeId, str], int] = field(default_factory=dict)


class Journey:
    """One call. `served` are the nodes of its menu where a caller has what it called for."""

    def __init__(self, call: str = "") -> None:
        self._call = call
        self._about = ""
        self._asks_later = False
        self._started: events.CallStarted | None = None
        self._started_ms = 0
        self._first: events.MenuEntered | None = None
        self._last: NodeId = ""
        self._visited: set[NodeId] = set()
        self._before_talk: frozenset[NodeId] = frozenset()
        self._rounds: Counter[tuple[NodeId, str]] = Counter()
        self._last_round = ""
        self._in_menu_ms = 0
        #: Since when the menu takes the caller's time; None: it does not.
        self._since_ms: int | None = None
        self._wanted_somebody = False
        self._answered: set[str] = set()
        self._bridged: set[str] = set()
        self._connected = False
        self._sent_wrong = False
        self._deferred = False
        self._scores: list[float] = []

    def take(self, event: Step, at_ms: int) -> None:
        """Take an event of the call; `at_ms` on any one clock."""
        if isinstance(event, events.MenuEntered):
            self._enter(event, at_ms)
        elif isinstance(event, events.MenuInput):
            self._heard(event)
        elif isinstance(event, events.CallStarted):
            self._started, self._started_ms = event, at_ms
        elif isinstance(event, events.SurveyAnswered):
            self._rated(event)
        elif isinstance(event, events.VoicemailLeft | events.CallbackRequested):
            # Who hung up while waiting, and is called back for that, has still given up.
            self._deferred |= isinstance(event, events.VoicemailLeft) or event.reason == "asked"
            self._asks_later |= isinstance(event, events.CallbackRequested) and event.reason == "survey"
        else:
            self._connects(event)

    def _rated(self, event: events.SurveyAnswered) -> None:
        if event.value is not None and event.most > event.least:
            self._about = event.about
            score = 100 * (event.value - event.least) / (event.most - event.least)
            self._scores.append(100 - score if event.reverse else score)

    def _heard(self, event: events.MenuInput) -> None:
        if event.result in FAILED or event.result == "matched":
            self._rounds[event.node, event.result] += 1
            self._last_round = event.result

    def _connects(self, event: Step) -> None:
        """Take what is told of further legs."""
        match event:
            case events.LegStarted():
                # In a talk further legs are guests (a supervisor), or who is to take somebody's place, perhaps in vain.
                self._wanted_somebody = True
            case events.LegAnswered():
                self._answered.add(event.leg)
                self._connect()
            case events.BridgeStarted():
                self._bridged.add(event.other)
                self._connect()
            case events.TransferSent():
                self._wanted_somebody = True
                if event.sip_code < 300:
                    self._talks()
            case events.TransferCompleted():
                self._sent_wrong |= self._connected

    def ended(self, event: events.CallEnded, at_ms: int, served: Collection[NodeId] = ()) -> CallRecord | None:
        """Take the last event; None when the call never came to a menu."""
        started, first = self._started, self._first
        if started is None or first is None:
            return None
        # What ends a call is some 100 ms before `call.ended`, which waits for its recording.
        ended_ms = min(at_ms, self._started_ms + event.duration_ms) if event.duration_ms else at_ms
        self._stop_clock(ended_ms)
        return CallRecord(
            menu=first.menu,
            version=first.menu_version,
            trial=started.trial,
            arm=started.arm,
            caller=_caller(started),
            started_ms=self._started_ms,
            ended_ms=ended_ms,
            fate=self._fate(event, served),
            last=self._last,
            in_menu_ms=self._in_menu_ms,
            transferred=self._wanted_somebody,
            sent_wrong=self._sent_wrong,
            visited=frozenset(self._visited),
            score=sum(self._scores) / len(self._scores) if self._scores else None,
            call=self._call,
            about=self._about,
            asks_later=self._asks_later,
            rounds=dict(self._rounds),
        )

    def _fate(self, event: events.CallEnded, served: Collection[NodeId]) -> Fate:
        if self._connected:
            return "connected"
        if not self._visited.isdisjoint(served):
            return "contained"
        if self._deferred:
            return "deferred"
        if event.end.ended_by == "caller":
            return "abandoned"
        by_menu = event.end.outcome == "completed" and event.end.ended_by == "appliance"
        return "contained" if by_menu and not self._wanted_somebody and self._last_round not in FAILED else "lost"

    def _enter(self, event: events.MenuEntered, at_ms: int) -> None:
        if self._first is None:
            self._first = event
        self._stop_clock(at_ms)
        if event.kind not in UNTIMED:
            self._since_ms = at_ms
        self._wanted_somebody |= event.kind in CONNECTING
        if self._connected and (event.node in self._before_talk or event.kind in CONNECTING):
            self._sent_wrong = True
        self._last = event.node
        self._visited.add(event.node)

    def _stop_clock(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._in_menu_ms += max(0, at_ms - self._since_ms)
            self._since_ms = None

    def _connect(self) -> None:
        # Early media of a target is bridged before it answers: nobody has answered then.
        if not self._answered.isdisjoint(self._bridged):
            self._talks()

    def _talks(self) -> None:
        if not self._connected:
            self._connected = True
            self._before_talk = frozenset(self._visited)


def _caller(started: events.CallStarted) -> str:
    if started.direction != "incoming" or started.caller_withheld:
        return ""
    return (started.caller_e164 or started.caller).reveal()
