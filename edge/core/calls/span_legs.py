"""What a span does about the legs of its endpoint: commands and signalling events in, actions and reports out.

The SIP state of a leg is the stack's; this core adds what the stack does not know: commands that arrive before their
INVITE, commands that arrive again or too late, who ended a leg, and the pace of INFO digits.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal

from edge.core.calls import endings
from edge.core.calls.span_words import (
    Action,
    Confirmed,
    Dial,
    Discarded,
    Disconnected,
    Ending,
    Event,
    Failed,
    Finish,
    InfoReceived,
    Invited,
    LegEvent,
    Progressed,
    Release,
    Respond,
    SendInfo,
    Tell,
    Tick,
)
from edge.core.deadline import Deadline, earliest
from edge.core.sip.info import pace_ms
from edge.vocabulary import commands as cmd
from edge.vocabulary import reports
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import FLASH, Address
from edge.vocabulary.private import Private

#: A command for a leg whose INVITE has not arrived waits this long.
EARLY_COMMAND_MS: Final = 3000
#: Ended legs that are remembered, so that a late command is known to be late and not early.
REMEMBERED: Final = 256
DIGITS: Final = frozenset("0123456789*#ABCD" + FLASH)


@dataclass
class _Leg:
    outgoing: bool
    media: Address | None = None
    answered: bool = False
    #: Of our own 200, sent but maybe not acknowledged.
    answering: bool = False
    #: We ended it: how it shall be reported.
    ended_by_us: EndReason | None = None
    digits: list[str] = field(default_factory=list)
    digits_command: CommandId | None = None
    digits_ms: int = 0
    next_digit_ms: int = 0


class SpanLegs:
    """All legs of one span."""

    def __init__(self) -> None:
        self._legs: dict[LegId, _Leg] = {}
        self._early: dict[LegId, list[tuple[int, CommandId, cmd.SpanCommand]]] = {}
        self._ended: OrderedDict[LegId, None] = OrderedDict()
        #: Things that the far end or switch should not have done, by kind; never reset.
        self.faults: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def holds(self, leg: LegId) -> bool:
        """Whether `leg` lives here."""
        return leg in self._legs

    def snapshot(self) -> reports.SpanSnapshot:
        """Return the legs that the span holds."""
        return reports.SpanSnapshot(
            {name: "confirmed" if leg.answered else "early" for name, leg in self._legs.items()}
        )

    @property
    def deadline(self) -> Deadline | None:
        """When `Tick` is due."""
        early = (
            Deadline(due, f"command for {leg} before its INVITE")
            for leg, waiting in self._early.items()
            for due, _, _ in waiting
        )
        digits = (
            Deadline(leg.next_digit_ms, f"next INFO digit of {name}") for name, leg in self._legs.items() if leg.digits
        )
        return earliest([*early, *digits])

    def command(self, id: CommandId, command: cmd.SpanCommand, now_ms: int) -> list[Action]:  # noqa: A002
        """Do a command of switch; the list ends with its `Finish`, now or in a later one."""
        name = command.leg
        if isinstance(command, cmd.MakeCall):
            return self._make_call(id, command)
        leg = self._legs.get(name)
        if leg is not None:
            return self._command(id, command, leg, now_ms)
        if name in self._ended:
            # It ended while the command was on its way; for HangUp and Reject that is what was wanted.
            wanted = isinstance(command, cmd.HangUp | cmd.Reject)
            return [Finish(id, None if wanted else "the leg has ended")]
        self._early.setdefault(name, []).append((now_ms + EARLY_COMMAND_MS, id, command))
        return []

    def handle(self, event: Event, now_ms: int) -> list[Action]:
        """Take note of what happened."""
        match event:
            case Invited(leg=name):
                return self._invited(name, now_ms)
            case Discarded(legs=names):
                return [action for name in names for action in self._end(name, "unknown to switch")]
            case Ending():
                return [action for name in list(self._legs) for action in self._end(name, "appliance stops")]
            case Tick():
                return self._expired(now_ms) + self._pace(now_ms)
            case _:
                leg = self._legs.get(event.leg)
                return [] if leg is None else self._leg_event(event, leg, now_ms)

    def _leg_event(self, event: LegEvent, leg: _Leg, now_ms: int) -> list[Action]:
        match event:
            case Progressed(leg=name, code=code, has_sdp=has_sdp):
                # The 100 of a further address comes when the one before has rung already.
                return [] if leg.answered or code <= 100 else [Tell(reports.LegRinging(name, code, has_sdp))]
            case Confirmed(leg=name):
                return self._confirmed(name, leg)
            case Disconnected():
                return self._disconnected(event, leg)
            case InfoReceived(leg=name, digit=digit, duration_ms=duration_ms):
                return self._info(name, digit, duration_ms, now_ms)
            case Failed(leg=name, text=text):
                return self._failed(name, leg, text)

    def _count(self, kind: str) -> None:
        self.faults[kind] = self.faults.get(kind, 0) + 1

    # --- commands ---

    def _make_call(self, id: CommandId, command: cmd.MakeCall) -> list[Action]:  # noqa: A002
        leg = self._legs.get(command.leg)
        if leg is not None:
            return [Finish(id, None if leg.outgoing else "the leg is an incoming one")]
        if command.leg in self._ended:
            return [Finish(id, "the leg has ended")]
        self._legs[command.leg] = _Leg(outgoing=True, media=command.media)
        return [Dial(command.leg, command.media), Finish(id)]

    def _command(self, id: CommandId, command: cmd.SpanCommand, leg: _Leg, now_ms: int) -> list[Action]:  # noqa: A002
        name = command.leg
        match command:
            case cmd.HangUp(text=text, elsewhere=elsewhere):
                return [*self._end(name, text, elsewhere=elsewhere), Finish(id)]
            case cmd.SendInfoDigits():
                return self._send_digits(id, command, leg, now_ms)
        if leg.outgoing:
            return [Finish(id, "the leg is an outgoing one")]
        if leg.ended_by_us:
            return [Finish(id, None if isinstance(command, cmd.Reject) else "the leg has ended")]
        return [*self._respond(command, leg), Finish(id)]

    def _respond(self, command: cmd.SpanCommand, leg: _Leg) -> list[Action]:
        name = command.leg
        match command:
            case cmd.Reject(code=code, text=text) if leg.answering:
                # Too late for a final response: the answer left already.
                return self._end(name, text or f"refused by {code} after the answer")
            case cmd.Reject(code=code, text=text):
                leg.ended_by_us = endings.refused_by_us(code, text)
                return [Respond(name, code, text=endings.printable(text))]
            case _ if leg.answering:
                return []
            case cmd.Ring():
                return [Respond(name, 180)]
            case cmd.Progress(media=media):
                leg.media = media
                return [Respond(name, 183, media)]
            case cmd.Answer(media=media):
                leg.media = media
                leg.answering = True
                return [Respond(name, 200, media)]
        return []

    def _end(self, name: LegId, text: str, *, elsewhere: bool = False) -> list[Action]:
        leg = self._legs.get(name)
        if leg is None or leg.ended_by_us is not None:
            return []
        if leg.outgoing or leg.answering:
            answered = leg.answered or leg.answering
            leg.ended_by_us = endings.hung_up("appliance", answered=answered, text=text)
            return [Release(name, answered, elsewhere=elsewhere)]
        leg.ended_by_us = EndReason(
            outcome="cancelled", ended_by="appliance", sip_code=480, text=endings.printable(text)
        )
        return [Respond(name, 480)]

    def _send_digits(
        self,
        id: CommandId,  # noqa: A002
        command: cmd.SendInfoDigits,
        leg: _Leg,
        now_ms: int,
    ) -> list[Action]:
        keys = list(command.digits.reveal().upper())
        if not leg.answered or leg.ended_by_us:
            return [Finish(id, "the leg is not answered")]
        if leg.digits_command is not None:
            return [Finish(id, "digits are being sent")]
        if not set(keys) <= DIGITS:
            return [Finish(id, "not digits")]
        leg.digits, leg.digits_command, leg.next_digit_ms = keys, id, max(now_ms, leg.next_digit_ms)
        leg.digits_ms = max(0, min(command.duration_ms, 10_000))
        return self._pace(now_ms) if keys else self._digits_over(leg, None)

    # --- events ---

    def _invited(self, name: LegId, now_ms: int) -> list[Action]:
        self._legs[name] = _Leg(outgoing=False)
        self._ended.pop(name, None)
        actions: list[Action] = []
        for _, id_, command in self._early.pop(name, []):
            actions += self.command(id_, command, now_ms)
        return actions

    def _confirmed(self, name: LegId, leg: _Leg) -> list[Action]:
        if leg.answered:
            return []
        leg.answered = True
        if leg.ended_by_us:
            # The 200 crossed our CANCEL; the stack sends the BYE. For switch the leg ended with its HangUp.
            return []
        return [Tell(reports.LegAnswered(name))]

    def _disconnected(self, event: Disconnected, leg: _Leg) -> list[Action]:
        actions: list[Action] = [] if leg.digits_command is None else self._digits_over(leg, "the leg has ended")
        return [*actions, *self._forget(event.leg, _reason(event, leg))]

    def _failed(self, name: LegId, leg: _Leg, text: str) -> list[Action]:
        if leg.digits_command is not None:
            return self._digits_over(leg, text)
        if leg.outgoing and not leg.answered and leg.ended_by_us is None:
            # Only a Dial can fail here, and then the stack has no call that could tell us of its end.
            self._count("dial")
            return self._forget(name, EndReason(outcome="failed", ended_by="appliance", text=endings.printable(text)))
        self._count("action")
        return []

    def _forget(self, name: LegId, end: EndReason) -> list[Action]:
        del self._legs[name]
        self._ended[name] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        return [Tell(reports.LegEnded(name, end))]

    def _info(self, name: LegId, digit: str, duration_ms: int, now_ms: int) -> list[Action]:
        if digit.upper() not in DIGITS:
            self._count("info_digit")
            return []
        return [Tell(reports.InfoDigit(name, Private(digit.upper()), max(0, min(duration_ms, 60_000)), now_ms))]

    # --- time ---

    def _expired(self, now_ms: int) -> list[Action]:
        actions: list[Action] = []
        for name, waiting in list(self._early.items()):
            actions += [Finish(id_, "no such leg") for due, id_, _ in waiting if due <= now_ms]
            left = [entry for entry in waiting if entry[0] > now_ms]
            if left:
                self._early[name] = left
            else:
                del self._early[name]
        return actions

    def _pace(self, now_ms: int) -> list[Action]:
        actions: list[Action] = []
        for name, leg in self._legs.items():
            if not leg.digits or leg.next_digit_ms > now_ms:
                continue
            actions.append(SendInfo(name, Private(leg.digits.pop(0)), leg.digits_ms))
            leg.next_digit_ms = now_ms + pace_ms(leg.digits_ms)
            if not leg.digits:
                actions += self._digits_over(leg, None)
        return actions

    def _digits_over(self, leg: _Leg, error: str | None) -> list[Action]:
        id_, leg.digits_command, leg.digits = leg.digits_command, None, []
        return [] if id_ is None else [Finish(id_, error)]


def _reason(event: Disconnected, leg: _Leg) -> EndReason:
    far_end: Literal["caller", "callee"] = "callee" if leg.outgoing else "caller"
    why = endings.why(event.reason_header)
    if event.by == "response" and leg.outgoing and not leg.answered:
        if event.status == 487 and leg.ended_by_us is not None:
            return leg.ended_by_us
        # Also when our CANCEL crossed it: what the far end said is the better truth.
        return endings.refused_by_callee(event.status, why, event.reason_phrase)
    if event.by in {"BYE", "CANCEL"}:
        answered = leg.answered or event.by == "BYE"
        return endings.hung_up(far_end, answered=answered, reason=why, text=event.reason_phrase)
    if leg.ended_by_us is not None:
        return leg.ended_by_us
    return endings.lost(event.status, answered=leg.answered or leg.answering, text=event.reason_phrase)
