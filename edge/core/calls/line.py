"""A call that is an agent's line: when its menu is over it is not hung up on, but kept, from one talk to the next.

The call stays what it is: its leg, that leg's signalling and media, and the end. A caller's call borrows the leg
(`borrowed`), so nobody is dialled: it is bridged in the input by which the agent is found. Between talks the agent
hears music, or nothing. Nothing of it is recorded, for the talks are recorded where the callers are.
"""

from typing import TYPE_CHECKING, Literal

from edge.core.calls.actions import LineNews
from edge.core.calls.elapsing import LONGEST
from edge.core.calls.inputs import Handed, Originate
from edge.core.calls.line_words import LineGivenUp, LineReturned, LineTaken, LineTerms
from edge.vocabulary import events
from edge.vocabulary.commands import Play, StopPlay
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, PlayId
from edge.vocabulary.reports import PlayEnded

if TYPE_CHECKING:
    from edge.core.calls.call import Call


class Line:
    """Of one agent. `new`: its menu is not over yet."""

    def __init__(self, call: "Call", terms: LineTerms) -> None:
        self.terms = terms
        self.state: Literal["new", "idle", "lent", "over"] = "new"
        #: Whose call has it.
        self.by: CallId | None = None
        self._call = call
        self._play: PlayId | None = None
        self._plays = 0

    @property
    def up(self) -> bool:
        """Whether calls can have it, or one has."""
        return self.state in {"idle", "lent"}

    def handed(self) -> Handed | None:
        """Return the leg as another call borrows it; None: it can't now."""
        leg = self._call.first
        if self.state != "idle" or not leg.talks or leg.media != "open" or leg.seat is None or leg.remote is None:
            return None
        return Handed(leg=leg.id, span=leg.span, seat=leg.seat, remote=leg.remote, trunk=leg.trunk)

    def begin(self) -> None:
        """Stay up, for the menu is over."""
        call = self._call
        self.state = "idle"
        call.recorder.stop()
        call.fx.clear(LONGEST)
        call.fx.emit(events.AgentLineUp(agent=self.terms.agent, leg=call.first.id))
        self._tell("up")
        self._music()

    def taken(self, by: CallId) -> None:
        """Let another call have the leg."""
        if self.state == "idle":
            self.state, self.by = "lent", by
            self._silence()

    def returned(self) -> None:
        """Have it back."""
        if self.state == "lent":
            self.state, self.by = "idle", None
            self._music()

    def played(self, report: PlayEnded) -> None:
        """Begin the music anew that an engine lost as it died; what can't be read is not asked for again."""
        if report.play == self._play:
            self._play = None
            if self.state == "idle" and report.how == "stopped":
                self._music()

    def gone(self, reason: EndReason) -> None:
        """Tell that it is over, for the call is."""
        if self.state != "over":
            was, self.state = self.state, "over"
            party = "callee" if isinstance(self._call.begun, Originate) else "caller"
            hung_up = was != "new" and reason.outcome == "completed" and reason.ended_by == party
            self._tell("gone", hung_up=hung_up, end=reason)

    def _tell(self, what: Literal["up", "gone"], *, hung_up: bool = False, end: EndReason | None = None) -> None:
        fx, leg = self._call.fx, self._call.first.id
        fx.tell_queue(LineNews(call=fx.call, agent=self.terms.agent, leg=leg, what=what, hung_up=hung_up, end=end))

    def _music(self) -> None:
        if self.terms.music:
            self._plays += 1
            leg = self._call.first.id
            self._play = PlayId(f"{leg}-l{self._plays}")
            self._call.fx.media(Play(leg=leg, play=self._play, files=[self.terms.music], times=0))

    def _silence(self) -> None:
        if self._play is not None:
            self._call.fx.media(StopPlay(self._call.first.id, self._play))
            self._play = None


def taken(call: "Call", input: LineTaken) -> None:  # noqa: A002
    """Let another call have the agent's leg."""
    if call.line is not None and call.phase == "running":
        call.line.taken(input.by)


def returned(call: "Call", _input: LineReturned) -> None:
    """Have the agent's leg back."""
    if call.line is not None and call.phase == "running":
        call.line.returned()


def given_up(call: "Call", input: LineGivenUp) -> None:  # noqa: A002
    """Be a line no more: hang up, or go on with the menu."""
    line = call.line
    if line is None:
        return
    if line.state == "new" and call.phase == "running":
        line.state, call.line = "over", None  # the menu says what follows, such as that he has logged out
    elif call.phase in {"setup", "running"}:
        line.state = "over"
        call.finish(EndReason(outcome="completed", ended_by="appliance", text=input.why[:200]))
