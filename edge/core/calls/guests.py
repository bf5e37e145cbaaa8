"""Further legs in a talk: supervisors who listen, whisper or barge in, and others who are added (a conference).

A guest is dialled within the talk of the first leg with the transfer's, and lives as long as that talk. While a guest
who is heard by all is there, the talk goes on without the transfer's leg: the guest takes its place.
"""

from typing import Final

from edge.core.calls.effects import Effects
from edge.core.calls.endings import out_of_time
from edge.core.calls.inputs import Invite, Reserved
from edge.core.calls.leg import Leg
from edge.core.calls.transfer import MEDIA_MS, RESERVE_MS
from edge.vocabulary import events
from edge.vocabulary.commands import Join, ReserveSpan
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import RoomMode
from edge.vocabulary.reports import LegRinging

#: Deadlines of a guest begin with it; its leg's id follows.
WAITS = "guest "
#: What a supervisor's keys do.
MODE_OF_KEY: Final[dict[str, RoomMode]] = {"4": "listen", "5": "whisper", "6": "talk"}


class Guest:
    """One further leg, from the reservation of its span to its end."""

    def __init__(self, leg: Leg, invite: Invite, effects: Effects, guests: "Guests") -> None:
        self.leg = leg
        self.mode: RoomMode = invite.mode
        #: Whom it whispers to; None: the leg that the first one talks with.
        self.to = invite.to
        self.supervises = invite.supervises
        self.joined = False
        self._ring_timeout_ms = invite.ring_timeout_ms
        self._fx = effects
        self._guests = guests
        self._deadline = WAITS + leg.id

    def begin(self, invite: Invite) -> None:
        """Ask front for a span."""
        self._fx.emit(events.LegStarted(leg=self.leg.id, target=invite.target, trunk=invite.trunk))
        self._fx.front(
            ReserveSpan(leg=self.leg.id, target=invite.target, trunk=invite.trunk, caller=invite.caller),
        )
        self._fx.set(self._deadline, RESERVE_MS)

    def reserved(self, input: Reserved) -> None:  # noqa: A002
        """Front has a span: open media, then dial."""
        self.leg.span = input.span
        if input.seat is None:
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
            return
        self.leg.signalling = "seating"
        self.leg.take_seat(input.seat, None)
        self._fx.set(self._deadline, MEDIA_MS)

    def dialled(self) -> None:
        """Media is open and the INVITE is on its way."""
        self._fx.set(self._deadline, self._ring_timeout_ms)

    def rang(self, report: LegRinging) -> None:
        """Note that its phone rings."""
        self.leg.rang(report)

    def answered(self) -> None:
        """Take the answer; it joins when its media facts are there."""
        if not self.leg.answered():
            return
        after_ms = self._fx.now_ms - self.leg.started_ms
        self._fx.emit(events.LegAnswered(leg=self.leg.id, after_ms=after_ms, trunk=self.leg.trunk))
        self._fx.set(self._deadline, MEDIA_MS)
        self.connect()

    def connect(self) -> None:
        """Join as soon as it was answered and can be heard."""
        if self.joined or self.leg.remote is None or not self.leg.talks:
            return
        self._fx.clear(self._deadline)
        self.joined = True
        self._guests.enter(self)
        self._fx.emit(events.ConferenceJoined(leg=self.leg.id, mode=self.mode, to=self.to))

    def elapsed(self) -> None:
        """Give up, for something took too long."""
        self.fail(out_of_time(self.leg.signalling))

    def fail(self, reason: EndReason) -> None:
        """Take the leg down; the others go on."""
        self._guests.forget(self)
        self.leg.take_down(reason)

    def leg_ended(self, _reason: EndReason) -> None:
        """Take the end that the leg reported by itself."""
        self._guests.forget(self)

    def refused(self, reason: EndReason) -> None:
        """Front has no span, trunk or target for it; there is nothing to release."""
        self._guests.forget(self)
        self.leg.ended(reason)

    def left(self) -> None:
        """Tell that it is not there any more."""
        self._fx.clear(self._deadline)
        if self.joined:
            self.joined = False
            self._fx.emit(events.ConferenceLeft(leg=self.leg.id))


class Guests:
    """The guests of one call. `partner` is the leg that the first one talks with."""

    def __init__(self, first: Leg, effects: Effects) -> None:
        self._first = first
        self._fx = effects
        self.partner: Leg | None = None
        self.present: dict[LegId, Guest] = {}

    def invite(self, leg: Leg, invite: Invite) -> None:
        """Have a further phone rung."""
        guest = Guest(leg, invite, self._fx, self)
        self.present[leg.id] = guest
        guest.begin(invite)

    def key(self, leg: Leg, digit: str) -> None:
        """Take a key that a supervisor pressed."""
        guest = self.present.get(leg.id)
        if guest is not None and guest.supervises and digit in MODE_OF_KEY:
            self.change(leg.id, MODE_OF_KEY[digit], None)

    def change(self, leg: LegId, mode: RoomMode, to: LegId | None) -> None:
        """Let a guest be heard by all, by nobody, or by `to`."""
        guest = self.present.get(leg)
        if guest is None or (guest.mode, guest.to) == (mode, to):
            return
        before = guest.mode, guest.to
        guest.mode, guest.to = mode, to
        if guest.joined:
            self.enter(guest)
            if (guest.mode, guest.to) != before:
                self._fx.emit(events.ConferenceModeChanged(leg=leg, mode=guest.mode, to=guest.to))

    def enter(self, guest: Guest) -> None:
        """Have media put the guest where it belongs. Whom it whispers to is settled here."""
        guest.to = self._whispers_to(guest) if guest.mode == "whisper" else None
        if guest.mode == "whisper" and guest.to is None:
            guest.mode = "listen"
        self._fx.media(Join(leg=guest.leg.id, other=self._first.id, mode=guest.mode, to=guest.to))

    def _whispers_to(self, guest: Guest) -> LegId | None:
        """Return whom a guest can whisper to: whom it asked for, if that one is there, else the first leg's partner."""
        there = {self._first.id} | ({self.partner.id} if self.partner is not None else set())
        there |= {leg for leg, other in self.present.items() if other.joined}
        there.discard(guest.leg.id)
        if guest.to is not None:
            return guest.to if guest.to in there else None
        return self.partner.id if self.partner is not None else None

    @property
    def talkers(self) -> list[Leg]:
        """Legs of guests who talk with the two."""
        return [guest.leg for guest in self.present.values() if guest.joined and guest.mode == "talk"]

    def whispers_to(self, leg: Leg) -> bool:
        """Whether somebody whispers to `leg`."""
        return any(g.joined and g.mode == "whisper" and g.to == leg.id for g in self.present.values())

    def heir(self) -> Leg | None:
        """Take out the guest who may go on with the talk: the first one who is heard by all."""
        for guest in self.present.values():
            if guest.joined and guest.mode == "talk" and guest.leg.talks:
                self.forget(guest)
                return guest.leg
        return None

    def follow(self, first: Leg) -> None:
        """Note that another leg is the call's first one now."""
        self._first = first

    def talks_with(self, partner: Leg | None) -> None:
        """Note whom the first leg talks with. Who whispered to somebody that has gone listens from now on."""
        self.partner = partner
        if partner is not None:
            self._settle_whispers()

    def forget(self, guest: Guest) -> None:
        """Note that a guest has gone."""
        if self.present.pop(guest.leg.id, None) is not None:
            guest.left()
            self._settle_whispers()

    def _settle_whispers(self) -> None:
        for guest in list(self.present.values()):
            if guest.joined and guest.mode == "whisper" and self._whispers_to(guest) is None:
                self.change(guest.leg.id, "listen", None)

    def dismiss(self) -> None:
        """Take all guests down, for the talk is over."""
        for guest in list(self.present.values()):
            outcome: Outcome = "completed" if guest.leg.answered_ms is not None else "cancelled"
            self.present.pop(guest.leg.id)
            guest.left()
            guest.leg.take_down(EndReason(outcome=outcome, ended_by="appliance", text="the talk is over"))
        self.partner = None

    def abandon(self) -> None:
        """Tell that all have left, for the call ends; their legs go with the others."""
        for guest in self.present.values():
            guest.left()
        self.present.clear()

    def elapsed(self, reason: str) -> None:
        """One of their deadlines passed."""
        guest = self.present.get(LegId(reason.removeprefix(WAITS)))
        if guest is not None:
            guest.elapsed()
