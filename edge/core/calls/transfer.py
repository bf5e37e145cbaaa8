"""One further leg that the menu has dialled, from the reservation of its span to the end of its talk.

`hunt` says whom to dial, and what follows when nothing comes of one.
"""

from typing import Protocol

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Reserved
from edge.core.calls.leg import Leg
from edge.core.calls.whispering import WHISPER, Whispering
from edge.core.menus.words import Dial
from edge.vocabulary import events
from edge.vocabulary.commands import Bridge, Join, ReserveSpan, Unbridge
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegRinging, PlayEnded

#: Front answers a reservation at once, and lets it lapse after 5 s.
RESERVE_MS = 6000
#: How long after the answer the peer's media facts may be missing, and how long media may take to open a leg.
MEDIA_MS = 5000

#: Its deadlines begin with these; the leg's id follows.
RESERVE, OPEN, RING, FACTS = "reservation of ", "media of ", "ring of ", "media facts of "
DEADLINES = (RESERVE, OPEN, RING, FACTS, WHISPER)
ELSEWHERE = EndReason(outcome="cancelled", ended_by="appliance", text="call completed elsewhere")


class House(Protocol):
    """Whoever looks for somebody, as one of those who are dialled sees it."""

    def ring(self, on: bool) -> None:
        """Let the caller hear that it rings, or not any more."""

    def answered(self, transfer: "Transfer") -> None:
        """Take note that it is about to be told who calls."""

    def takes(self, transfer: "Transfer") -> None:
        """Let it talk with the first leg from now on, for it has answered: nobody else is to."""

    def ended(self, transfer: "Transfer", reason: EndReason, talked: bool) -> None:
        """Nothing came of it, or the talk is over. Called once."""

    def heir(self) -> Leg | None:
        """Return who goes on with the talk in its place."""


class Transfer:
    """One attempt at one target. `early`: what it sends before it answers may be heard."""

    def __init__(
        self, first: Leg, leg: Leg, dial: Dial, effects: Effects, house: House, *, index: int, early: bool
    ) -> None:
        self.first = first
        self.leg = leg
        #: Which of the targets it is.
        self.index = index
        self.target = dial.targets[index]
        self.dial = dial
        self.bridged = False
        self._early = early
        self._fx = effects
        self._house = house
        self._over = False
        self._dialled = leg.id
        self.whispering: Whispering | None = None
        if dial.whisper is not None:
            self.whispering = Whispering(leg, dial.whisper, effects, accepted=self.connect, refused=self.fail)

    def begin(self, caller: Private, identity: Identity, position: int, targets: int) -> None:
        """Ask front for a span; `position` of `targets`: in a hunt, counted from 1. A line that is up needs none."""
        target, trunk = Private(self.target.target), self.target.trunk
        if self.leg.borrowed:
            self._fx.emit(events.LegStarted(leg=self.leg.id, target=target, trunk=trunk, line=True))
            self._fx.emit(events.LegAnswered(leg=self.leg.id, after_ms=0, trunk=self.leg.trunk))
            self.connect()
            return
        self._fx.emit(
            events.LegStarted(leg=self.leg.id, target=target, trunk=trunk, position=position, targets=targets)
        )
        self._fx.front(ReserveSpan(leg=self.leg.id, target=target, trunk=trunk, caller=caller, identity=identity))
        self._fx.set(RESERVE + self._dialled, RESERVE_MS)

    def reserved(self, input: Reserved) -> None:  # noqa: A002
        """Front has a span: open media, then dial."""
        self._fx.clear(RESERVE + self._dialled)
        self.leg.span = input.span
        if input.seat is None:
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
            return
        self.leg.signalling = "seating"
        self.leg.take_seat(input.seat, None)
        self._fx.set(OPEN + self._dialled, MEDIA_MS)

    def dialled(self) -> None:
        """Media is open and the INVITE is on its way."""
        self._fx.clear(OPEN + self._dialled)
        self._fx.set(RING + self._dialled, self.target.ring_timeout_ms)

    def rang(self, report: LegRinging) -> None:
        """Let the caller hear that it rings: the target's own early media, else ours."""
        rang = self.leg.trace.rings_ms is not None
        if not self.leg.rang(report):
            return
        if self.target.rings_for_ms and not rang and self.leg.trace.rings_ms is not None:
            self._fx.set(RING + self._dialled, self.target.rings_for_ms)
        if not (self.leg.early_media and self._early):
            self._house.ring(True)
        self.connect()

    def answered(self) -> None:
        """Take the target's answer."""
        if not self.leg.answered():
            return
        self._fx.clear(RING + self._dialled)
        after_ms = self._fx.now_ms - self.leg.started_ms
        self._fx.emit(events.LegAnswered(leg=self.leg.id, after_ms=after_ms, trunk=self.leg.trunk))
        if self.bridged:
            self._house.takes(self)
        elif self.leg.remote is None:
            self._fx.set(FACTS + self._dialled, MEDIA_MS)
        self.connect()

    def connect(self) -> None:
        """Bridge as soon as the target can be heard, its media facts are there, and it has taken the call."""
        if self.bridged or self._over or self.leg.remote is None:
            return
        if not self.leg.talks:
            if self.leg.early_media and self._early:
                self._bridge()
            return
        self._fx.clear(FACTS + self._dialled)
        if self.whispering is None or self.whispering.state == "accepted":
            self._house.takes(self)
            if not self._over:  # the menu may have ended the call
                self._bridge()
        elif self.whispering.state == "new":
            self._house.answered(self)
            self.whispering.begin()

    def _bridge(self) -> None:
        self._house.ring(False)
        self.bridged = True
        self._fx.media(Bridge(self.first.id, self.leg.id))
        self._fx.emit(events.BridgeStarted(leg=self.first.id, other=self.leg.id))

    def key(self, digit: str) -> None:
        """Take a key of the target's."""
        if self.whispering is not None:
            self.whispering.key(digit)

    def played(self, report: PlayEnded) -> bool:
        """Take the end of a play to the target; whether it says that a sound could not be read."""
        return self.whispering is not None and self.whispering.played(report)

    def not_played(self) -> None:
        """Take note that media could not begin a play to the target."""
        if self.whispering is not None:
            self.whispering.not_played()

    def elapsed(self, reason: str) -> None:
        """One of the deadlines above passed."""
        if reason.startswith(RING):
            self.fail(EndReason(outcome="no_answer", ended_by="appliance", text="ring timeout"))
        elif reason.startswith(RESERVE):
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no span"))
        elif reason.startswith(WHISPER):
            if self.whispering is not None:
                self.whispering.elapsed()
        else:
            self.fail(EndReason(outcome="media_lost", ended_by="appliance", text="no media"))

    def fail(self, reason: EndReason) -> None:
        """Give up, and let the house go on at once: the leg goes down by itself."""
        leg, talked = self.leg, self.leg.answered_ms is not None and self.bridged
        if not self._handed_over():
            self._disconnect()
        leg.take_down(reason)
        if leg is self.leg:
            self._finish(reason, talked)

    def leg_ended(self, reason: EndReason) -> None:
        """Take the end that the leg reported by itself."""
        if self._handed_over():
            return
        talked = self.leg.answered_ms is not None and self.bridged
        if self.whispering is not None and self.whispering.under_way:
            # Who hangs up on the whisper does not want the call, or is no human.
            reason = EndReason(outcome="not_accepted", ended_by=reason.ended_by, text="hung up on the whisper")
        self._disconnect()
        self._finish(reason, talked)

    def _handed_over(self) -> bool:
        """Let somebody else in the talk take the leg's place, if there is one; whether the talk goes on so."""
        heir = self._house.heir() if self.bridged else None
        if heir is None:
            return False
        self._tell_parted()
        self.leg = heir
        self._fx.emit(events.BridgeStarted(leg=self.first.id, other=self.leg.id))
        return True

    def take_in(self, old: Leg, new: Leg) -> None:
        """Let `new` talk in the place of `old`, which may have left."""
        if self.bridged:
            self._tell_parted()
        other = self.leg if old is self.first else self.first
        if old is self.first:
            self.first = new
        else:
            self.leg = new
        self.bridged = True
        self._fx.media(Join(leg=new.id, other=other.id))
        self._fx.emit(events.BridgeStarted(leg=self.first.id, other=self.leg.id))

    def part(self, alone: Leg) -> None:
        """Note that one of the two has left, and `alone` waits for who takes its place."""
        self._fx.media(Unbridge(alone.id))
        self.bridged = False
        self._tell_parted()

    def let_go(self) -> None:
        """Note that one of the two goes on in another call, whose room it is in already."""
        if self.bridged:
            self.bridged = False
            self._tell_parted()

    def end(self, reason: EndReason) -> None:
        """Go on in the menu: nobody took the place of who left."""
        self._disconnect()
        self._finish(reason, talked=False)

    def _tell_parted(self) -> None:
        self.first.keys_out.forget()
        self.leg.keys_out.forget()
        self._fx.emit(events.BridgeEnded(leg=self.first.id, other=self.leg.id))

    def abandon(self, reason: EndReason) -> None:
        """Take the leg down because the call ends; nobody is told."""
        self._over = True
        connected = self.whispering is None or self.whispering.state == "accepted"
        talked = self.leg.answered_ms is not None and connected
        self._disconnect()
        outcome: Outcome = "completed" if talked else "cancelled"
        self.leg.take_down(EndReason(outcome=outcome, ended_by=reason.ended_by))

    def give_way(self) -> None:
        """Take the leg down because somebody else takes the call; nobody is told."""
        self._over = True
        self._disconnect()
        self.leg.take_down(ELSEWHERE, elsewhere=True)

    def forgotten(self) -> None:
        """Tell the end of what a restart of the appliance took: a bridge, or a whisper."""
        if self.bridged:
            self.bridged = False
            self._fx.emit(events.BridgeEnded(leg=self.first.id, other=self.leg.id))
        if self.whispering is not None:
            self.whispering.forgotten()

    def refused(self, reason: EndReason) -> None:
        """Front has no span, trunk or target for it; there is nothing to release."""
        self.leg.ended(reason)
        self._disconnect()
        self._finish(reason, False)

    def _disconnect(self) -> None:
        self._fx.clear(*(deadline + self._dialled for deadline in DEADLINES))
        if self.whispering is not None:
            self.whispering.stop()
        if self.bridged:
            self.bridged = False
            self._fx.media(Unbridge(self.first.id))
            self._tell_parted()

    def _finish(self, reason: EndReason, talked: bool) -> None:
        if not self._over:
            self._over = True
            self._house.ended(self, reason, talked)
