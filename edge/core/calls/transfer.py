"""Dialling a second leg and connecting it with the first."""

from collections.abc import Callable

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Reserved
from edge.core.calls.leg import Leg
from edge.core.menus.words import Dial
from edge.vocabulary import events
from edge.vocabulary.commands import Bridge, Join, ReserveSpan, Unbridge
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegRinging

#: Front answers a reservation at once, and lets it lapse after 5 s.
RESERVE_MS = 6000
#: How long after the answer the peer's media facts may be missing, and how long media may take to open a leg.
MEDIA_MS = 5000

RESERVE, OPEN, RING, FACTS = "reservation", "second leg's media", "ring", "second leg's media facts"


class Transfer:
    """One attempt. `ended` is called once: with the outcome of a failure, or with "" after a talk."""

    def __init__(
        self,
        first: Leg,
        leg: Leg,
        dial: Dial,
        effects: Effects,
        *,
        ringing: Callable[[bool], None],
        ended: Callable[[EndReason, bool], None],
        heir: Callable[[], Leg | None],
    ) -> None:
        self.first = first
        self.leg = leg
        self.dial = dial
        self.bridged = False
        self._fx = effects
        self._ringing = ringing
        self._ended = ended
        self._heir = heir
        self._over = False

    def begin(self, caller: Private, identity: Identity) -> None:
        """Ask front for a span."""
        target = Private(self.dial.target)
        self._fx.emit(events.LegStarted(leg=self.leg.id, target=target, trunk=self.dial.trunk))
        self._fx.front(
            ReserveSpan(leg=self.leg.id, target=target, trunk=self.dial.trunk, caller=caller, identity=identity)
        )
        self._fx.set(RESERVE, RESERVE_MS)

    def reserved(self, input: Reserved) -> None:  # noqa: A002
        """Front has a span: open media, then dial."""
        self._fx.clear(RESERVE)
        self.leg.span = input.span
        if input.seat is None:
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
            return
        self.leg.signalling = "seating"
        self.leg.take_seat(input.seat, None)
        self._fx.set(OPEN, MEDIA_MS)

    def dialled(self) -> None:
        """Media is open and the INVITE is on its way."""
        self._fx.clear(OPEN)
        self._fx.set(RING, self.dial.ring_timeout_ms)

    def rang(self, report: LegRinging) -> None:
        """Let the caller hear that it rings: the target's own early media, else ours."""
        if not self.leg.rang(report):
            return
        if not self.leg.early_media:
            self._ringing(True)
        self.connect()

    def answered(self) -> None:
        """Take the target's answer."""
        if not self.leg.answered():
            return
        self._fx.clear(RING)
        self._ringing(False)
        after_ms = self._fx.now_ms - self.leg.started_ms
        self._fx.emit(events.LegAnswered(leg=self.leg.id, after_ms=after_ms, trunk=self.leg.trunk))
        if self.leg.remote is None:
            self._fx.set(FACTS, MEDIA_MS)
        self.connect()

    def connect(self) -> None:
        """Bridge as soon as the target can be heard and its media facts are there."""
        if self.bridged or self.leg.remote is None or not (self.leg.talks or self.leg.early_media):
            return
        self._fx.clear(FACTS)
        self._ringing(False)
        self.bridged = True
        self._fx.media(Bridge(self.first.id, self.leg.id))
        self._fx.emit(events.BridgeStarted(leg=self.first.id, other=self.leg.id))

    def elapsed(self, reason: str) -> None:
        """One of the deadlines above passed."""
        if reason == RING:
            self.fail(EndReason(outcome="no_answer", ended_by="appliance", text="ring timeout"))
        elif reason == RESERVE:
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no span"))
        else:
            self.fail(EndReason(outcome="media_lost", ended_by="appliance", text="no media"))

    def fail(self, reason: EndReason) -> None:
        """Give up, and go on in the menu at once: the leg goes down by itself."""
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
        self._disconnect()
        self._finish(reason, talked)

    def _handed_over(self) -> bool:
        """Let somebody else in the talk take the leg's place, if there is one; whether the talk goes on so."""
        heir = self._heir() if self.bridged else None
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
        talked = self.leg.answered_ms is not None
        self._disconnect()
        outcome: Outcome = "completed" if talked else "cancelled"
        self.leg.take_down(EndReason(outcome=outcome, ended_by=reason.ended_by))

    def forgotten(self) -> None:
        """Tell the end of a bridge that a restart of the appliance took."""
        if self.bridged:
            self.bridged = False
            self._fx.emit(events.BridgeEnded(leg=self.first.id, other=self.leg.id))

    def refused(self, reason: EndReason) -> None:
        """Front has no span, trunk or target for it; there is nothing to release."""
        self.leg.ended(reason)
        self._finish(reason, False)

    def _disconnect(self) -> None:
        self._fx.clear(RESERVE, OPEN, RING, FACTS)
        self._ringing(False)
        if self.bridged:
            self.bridged = False
            self._fx.media(Unbridge(self.first.id))
            self._tell_parted()

    def _finish(self, reason: EndReason, talked: bool) -> None:
        if not self._over:
            self._over = True
            self._ended(reason, talked)
