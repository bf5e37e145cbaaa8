"""A leg that is to take the place of another one in a call: its peer has asked for that by REFER.

The old talk goes on until the new leg can be heard, and also when none comes. Who asked may hang up before: then its
partner hears ringing meanwhile, and takes the failure as that of a transfer.
"""

from typing import Final, Protocol

from edge.core.calls.effects import Effects
from edge.core.calls.endings import out_of_time
from edge.core.calls.inputs import Reserved
from edge.core.calls.leg import Leg
from edge.core.calls.transfer import MEDIA_MS, RESERVE_MS
from edge.core.menus.model import Sound
from edge.vocabulary import events
from edge.vocabulary.commands import Play, ReserveSpan, StopPlay, TellReferrer
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import PlayId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegRinging, TransferAsked

#: Its deadline.
SUCCEEDS = "successor"
#: A call follows so many wishes of its peers: two who send each other calls must come to an end.
MOST = 10
#: How long a target may ring where no menu says it.
RING_MS = 30_000
#: From our 200 to its ACK, where the new leg calls us: RFC 3261 timer H is 32 s.
ACK_MS = 40_000
#: What a peer is told of an outcome that has no SIP status of its own.
CODES: Final[dict[Outcome, int]] = {
    "busy": 486,
    "cancelled": 487,
    "no_answer": 480,
    "not_found": 404,
    "no_route": 404,
    "rejected": 603,
    "media_lost": 488,
    "no_room": 503,
    "trunk_down": 503,
    "unreachable": 503,
}


def code_of(reason: EndReason) -> int:
    """Return the SIP status that tells a peer how a call ended for it."""
    if reason.sip_code is not None and reason.sip_code >= 400:
        return reason.sip_code
    return CODES.get(reason.outcome, 500)


class House(Protocol):
    """The call, as a successor sees it."""

    def take_place(self, old: Leg, new: Leg) -> None:
        """Let `new` talk in the place of `old`."""

    def not_succeeded(self, old: Leg, reason: EndReason) -> None:
        """Go on without a successor; `old` may have left."""


class Successor:
    """One such leg, from the reservation of its span to the moment that it has the place."""

    def __init__(self, leg: Leg, old: Leg, effects: Effects, house: House, ring_ms: int) -> None:
        self.leg = leg
        self.old = old
        #: Who was left alone as `old` hung up.
        self.alone: Leg | None = None
        self._ringing: PlayId | None = None
        self._fx = effects
        self._house = house
        self._ring_ms = ring_ms
        self.over = False

    def begin(self, asked: TransferAsked, caller: Private, identity: Identity) -> None:
        """Ask front for a span."""
        self._fx.emit(events.LegStarted(leg=self.leg.id, target=asked.target, trunk=asked.trunk))
        self._fx.front(
            ReserveSpan(
                leg=self.leg.id,
                target=asked.target,
                trunk=asked.trunk,
                caller=caller,
                identity=identity,
                replaces=asked.replaces,
            )
        )
        self._fx.set(SUCCEEDS, RESERVE_MS)

    def reserved(self, input: Reserved) -> None:  # noqa: A002
        """Front has a span: open media, then dial."""
        self.leg.span = input.span
        if input.seat is None:
            self.fail(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
            return
        self.leg.signalling = "seating"
        self.leg.take_seat(input.seat, None)
        self._fx.set(SUCCEEDS, MEDIA_MS)

    def dialled(self) -> None:
        """Media is open and the INVITE is on its way."""
        self._fx.set(SUCCEEDS, self._ring_ms)

    def rang(self, report: LegRinging) -> None:
        """Tell who asked that it rings."""
        if self.leg.rang(report):
            self._tell(report.code)

    def answered(self) -> None:
        """Take the answer; it has the place when its media facts are there."""
        if not self.leg.answered():
            return
        self._fx.emit(events.LegAnswered(leg=self.leg.id, after_ms=self._fx.now_ms - self.leg.started_ms))
        self._fx.set(SUCCEEDS, MEDIA_MS)
        self.connect()

    def connect(self) -> None:
        """Take the place as soon as it was answered and can be heard."""
        if self.over or self.leg.remote is None or not self.leg.talks:
            return
        self._end()
        self._tell(200)
        self._house.take_place(self.old, self.leg)
        self._fx.emit(events.TransferCompleted(leg=self.old.id, to=self.leg.id))

    def elapsed(self) -> None:
        """Give up, for something took too long."""
        self.fail(out_of_time(self.leg.signalling))

    def fail(self, reason: EndReason) -> None:
        """Take it down; the old talk goes on, if there still is one."""
        if not self.over:
            self.leg.take_down(reason)
            self.leg_ended(reason)

    def refused(self, reason: EndReason) -> None:
        """Front has no span, trunk or target for it; there is nothing to release."""
        self.leg.ended(reason)
        self.leg_ended(reason)

    def leg_ended(self, reason: EndReason) -> None:
        """Take the end that the leg reported by itself."""
        if not self.over:
            self._end()
            told(self._fx, self.old, reason)
            self._house.not_succeeded(self.old, reason)

    def abandon(self) -> None:
        """Give it up because there is nobody left to talk with."""
        if not self.over:
            self._end()
            reason = EndReason(outcome="cancelled", ended_by="appliance", text="nobody is left to talk with")
            told(self._fx, self.old, reason)
            self.leg.take_down(reason)

    def vacated(self, alone: Leg, ringing: list[Sound]) -> None:
        """Note that who asked has hung up: its partner hears ringing until the place is taken."""
        self.alone = alone
        if ringing:
            self._ringing = PlayId(f"{alone.plays_as}-s{self.leg.number}")
            files = [sound.path for sound in ringing]
            self._fx.media(Play(leg=alone.id, play=self._ringing, files=files, times=0))

    def _tell(self, code: int) -> None:
        if self.old.talks:
            self._fx.front(TellReferrer(self.old.id, code))

    def _end(self) -> None:
        self.over = True
        self._fx.clear(SUCCEEDS)
        if self._ringing is not None and self.alone is not None and self.alone.media == "open":
            self._fx.media(StopPlay(self.alone.id, self._ringing))
            self._ringing = None


def told(fx: Effects, leg: Leg, reason: EndReason) -> None:
    """Tell that nobody took the place of `leg`: its peer, and backends."""
    code = code_of(reason)
    if leg.talks:
        fx.front(TellReferrer(leg.id, code))
    fx.emit(events.TransferFailed(leg=leg.id, outcome=reason.outcome, sip_code=code))
