"""One call: its legs, its menu, its recording, and its end.

What holds for every order of inputs: the first event is `call.started`, the last is `call.ended`, there is one of each,
and `callseq` counts from 1 without a gap. A call ends when its first leg ends or its menu does; then every other leg is
taken down, and `call.ended` follows when nothing is left anywhere, or after `ENDING_MS` when a process that died does
not answer. Inputs that no longer fit (a report that crossed ours) change nothing.

`EFFECTS` says which input goes where; the states of a leg are in `leg`, those of the menu in `menus.run`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import (
    Abandoned,
    Action,
    Elapsed,
    Entry,
    Incoming,
    Input,
    MediaLost,
    Originate,
    Reserved,
    Resumed,
    Stopped,
)
from edge.core.calls.keys import Keys
from edge.core.calls.leg import Leg
from edge.core.calls.recorder import Recorder
from edge.core.calls.stage import Stage
from edge.core.calls.transfer import MEDIA_MS, Transfer
from edge.core.deadline import Deadline, earliest
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import Dial, DigitsGone, MenuAction, SoundChanged, Started, TimeUp, TransferEnded
from edge.core.menus.words import Digit as KeyPressed
from edge.core.menus.words import End as MenuEnd
from edge.core.menus.words import Resumed as MenuResumed
from edge.vocabulary import events
from edge.vocabulary.commands import ReserveSpan
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import CallId, LegId, leg_id
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    AudioStopped,
    CommandDone,
    DigitHeard,
    DigitsSent,
    InfoDigit,
    LegAnswered,
    LegEnded,
    LegMedia,
    LegMediaEnded,
    LegRinging,
    PlayEnded,
    RecordingDone,
    RecordingFailed,
    SoundHeard,
    SpanRefused,
)

#: A dead process must not hold a call open.
ENDING_MS = 10_000
#: From the INVITE to the moment that media is open; then from our 200 to its ACK (RFC 3261 timer H is 32 s).
OPEN_MS = 10_000
ACK_MS = 40_000
#: What outcome a refusal before the answer has.
REFUSALS: dict[int, Outcome] = {404: "no_route", 488: "media_lost", 503: "no_room"}

SETUP, LONGEST, ENDING, FIRST_FACTS = "set-up", "longest call", "ending", "media facts"

Phase = Literal["new", "setup", "running", "ending", "over"]


class Call:
    """The core. `menu` is needed unless the call is refused; it is stored under `Terms.menu_key`."""

    def __init__(self, id: CallId, menu: Menu | None) -> None:  # noqa: A002
        self.id = id
        self.phase: Phase = "new"
        self.end: EndReason | None = None
        self.begun: Incoming | Originate | None = None
        self.started_ms = 0
        self.answered_ms: int | None = None
        self.ended_ms: int | None = None
        self.legs: dict[LegId, Leg] = {}
        self.withheld = Withheld()
        self.run = MenuRun(menu, self.withheld) if menu is not None else None
        self._fx = Effects(id)
        self._first: Leg
        self._recorder: Recorder
        self._stage: Stage
        self._transfer: Transfer | None = None
        self._keys = Keys(self._fx, self.withheld)
        self._legs_made = 0
        self._entry: Entry | None = None

    # --- the shape of every core

    def handle(self, input: Input, now_ms: int) -> list[Action]:  # noqa: A002
        """Take one input; return what is to be done, in order. `entry` is then its journal line."""
        self.withheld.live()
        secret = self.run is not None and self.run.sensitive and self.phase == "running"
        actions = self._take(input, now_ms)
        self._entry = Entry(_without_digit(input) if secret else input, self.withheld.notes)
        return actions

    def replay(self, entry: Entry, now_ms: int) -> list[Action]:
        """Take a journal line; the actions are the ones it led to when the call was live."""
        self.withheld.replay(entry.withheld)
        return self._take(entry.input, now_ms)

    @property
    def entry(self) -> Entry:
        """The journal line of the last input that `handle` took."""
        if self._entry is None:
            raise RuntimeError("no input was handled yet")
        return self._entry

    @property
    def inputs(self) -> int:
        """Inputs taken so far: the number of the last journal line."""
        return self._fx.inputs

    @property
    def callseq(self) -> int:
        """Events made so far."""
        return self._fx.callseq

    @property
    def deadline(self) -> Deadline | None:
        """When to send `Elapsed`, and why; None only before the first input and when it is over."""
        menu = self.run.deadline if self.run is not None and self.phase == "running" else None
        return earliest((self._fx.deadline, menu))

    @property
    def over(self) -> bool:
        """Whether `call.ended` was emitted: nothing is left to do."""
        return self.phase == "over"

    def waits_for_seat(self, leg: LegId) -> bool:
        """Whether a reservation of `leg` would be used now."""
        known = self.legs.get(leg)
        return known is not None and known.signalling == "reserving" and self.phase in {"setup", "running"}

    @property
    def recordings(self) -> list[str]:
        """Ids of the recordings made."""
        return list(self._recorder.made) if self.phase != "new" else []

    @property
    def recording_path(self) -> str:
        """Where the recording lies, "" when the call is not recorded."""
        return self._recorder.path if self.phase != "new" else ""

    def _take(self, input: Input, now_ms: int) -> list[Action]:  # noqa: A002
        self._fx.begin(now_ms)
        effect = EFFECTS.get(type(input))
        if effect is not None and self.phase != "over" and (self.phase == "new") == isinstance(input, BEGINNINGS):
            effect(self, input)
            self._settle()
        return self._fx.take()

    # --- beginning

    def _begin(self, begun: Incoming | Originate, leg: Leg) -> None:
        self.begun = begun
        self.phase = "setup"
        self.started_ms = self._fx.now_ms
        self._first = leg
        self._recorder = Recorder(leg.id, begun.terms.recordings, self._fx)
        self._stage = Stage(leg.id, self._fx)
        self._fx.set(LONGEST, begun.terms.max_call_ms)

    def _new_leg(self, signalling: Literal["offered", "reserving"]) -> Leg:
        self._legs_made += 1
        leg = Leg(leg_id(self.id, self._legs_made), self._legs_made, signalling, self._fx)
        self.legs[leg.id] = leg
        return leg

    def _incoming(self, input: Incoming) -> None:  # noqa: A002
        report = input.report
        leg = self._new_leg("offered")
        leg.span = report.span
        self._begin(input, leg)
        self._fx.emit(
            events.CallStarted(
                direction="incoming",
                trunk=report.trunk,
                caller=report.caller,
                caller_name=report.caller_name,
                called=report.called,
                sip_call_id=report.sip_call_id,
            )
        )
        if input.refuse or input.seat is None or self.run is None:
            code = input.refuse or 503
            self._finish(EndReason(outcome=REFUSALS.get(code, "failed"), ended_by="appliance", sip_code=code))
            return
        leg.take_seat(input.seat, report.remote)
        self._fx.set(SETUP, OPEN_MS)

    def _originate(self, input: Originate) -> None:  # noqa: A002
        leg = self._new_leg("reserving")
        self._begin(input, leg)
        self._fx.emit(
            events.CallStarted(
                direction="outgoing",
                trunk=input.trunk,
                caller=input.caller,
                caller_name=Private(""),
                called=input.target,
                sip_call_id="",
            )
        )
        self._fx.front(ReserveSpan(leg=leg.id, target=input.target, trunk=input.trunk, caller=input.caller))
        self._fx.set(SETUP, OPEN_MS)

    # --- reports about signalling

    def _reserved(self, input: Reserved) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None or not self.waits_for_seat(input.leg):
            if input.seat is not None:
                self._fx.free(input.seat.slot)
            return
        if leg is not self._first:
            if self._transfer is not None and self._transfer.leg is leg:
                self._transfer.reserved(input)
            return
        leg.span = input.span
        if input.seat is None:
            self._finish(EndReason(outcome="no_room", ended_by="appliance", text="no media slot"))
            return
        leg.signalling = "seating"
        leg.take_seat(input.seat, None)

    def _refused(self, input: SpanRefused) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None or leg.signalling != "reserving":
            return
        if leg is self._first:
            self._first_ended(input.end)
        elif self._transfer is not None and self._transfer.leg is leg:
            self._transfer.refused(input.end)

    def _rang(self, input: LegRinging) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None:
            return
        if self._transfer is not None and self._transfer.leg is leg:
            self._transfer.rang(input)
        else:
            leg.rang(input)

    def _answered(self, input: LegAnswered) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None:
            return
        if self._transfer is not None and self._transfer.leg is leg:
            self._transfer.answered()
        elif leg is self._first and leg.answered():
            self.answered_ms = self._fx.now_ms
            self.phase = "running"
            self._fx.clear(SETUP)
            self._fx.emit(events.CallAnswered(after_ms=self._fx.now_ms - self.started_ms))
            self._recorder.start()
            if leg.remote is None:
                self._fx.set(FIRST_FACTS, MEDIA_MS)
            self._start_menu()

    def _negotiated(self, input: LegMedia) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None:
            return
        leg.negotiated(input.remote)
        if leg is self._first:
            self._start_menu()
        elif self._transfer is not None and self._transfer.leg is leg:
            self._transfer.connect()

    def _start_menu(self) -> None:
        if self.phase == "running" and self._first.remote is not None and self.run is not None:
            self._fx.clear(FIRST_FACTS)
            if self.run.state == "new":
                self._perform(self.run.handle(Started(), self._fx.now_ms))

    def _leg_ended(self, input: LegEnded) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None:
            return
        if leg is self._first:
            self._first_ended(input.end)
            return
        reason = leg.ended(input.end)
        if reason is not None and self._transfer is not None and self._transfer.leg is leg:
            self._transfer.leg_ended(reason)

    def _first_ended(self, end: EndReason) -> None:
        reason = self._first.ended(end)
        if reason is not None:
            self._finish(reason)

    # --- reports about media

    def _done(self, input: CommandDone) -> None:  # noqa: A002
        awaited = self._fx.awaited(input.id)
        leg = self.legs.get(awaited[1]) if awaited is not None else None
        if awaited is None or leg is None:
            return
        if input.error is None:
            self._succeeded(awaited[0], leg)
        else:
            self._failed(awaited[0], leg, input.error[:200])

    def _succeeded(self, kind: str, leg: Leg) -> None:
        if kind == "StartRecording":
            self._recorder.started()
        elif kind == "OpenLeg":
            leg.opened()
            if leg is self._first:
                if self.phase == "setup":
                    patience = ACK_MS if isinstance(self.begun, Incoming) else self._ring_timeout()
                    self._fx.set(SETUP, patience)
            elif self._transfer is not None and self._transfer.leg is leg and leg.signalling == "dialling":
                self._transfer.dialled()

    def _ring_timeout(self) -> int:
        return self.begun.ring_timeout_ms if isinstance(self.begun, Originate) else ACK_MS

    def _failed(self, kind: str, leg: Leg, error: str) -> None:
        """Take a command that could not be carried out as the report that will never come."""
        reason = EndReason(outcome="failed", ended_by="appliance", text=error)
        if kind in {"Answer", "MakeCall", "HangUp", "Reject"}:
            self._leg_ended(LegEnded(leg.id, reason))
        elif kind == "ReserveSpan":
            self._refused(SpanRefused(leg.id, reason))
        elif kind == "OpenLeg" and leg.media == "opening":
            leg.media_gone()
            self._fail_leg(leg, EndReason(outcome="no_room", ended_by="appliance", sip_code=503, text=error))
        elif kind == "CloseLeg":
            leg.media_gone()
        elif kind in {"StartRecording", "StopRecording"}:
            self._recorder.failed(error)
        elif kind == "Bridge":
            self._fail_transfer(EndReason(outcome="media_lost", ended_by="appliance", text=error))
        elif leg is self._first and self.phase == "running" and self.run is not None:
            self._menu_command_failed(kind)

    def _menu_command_failed(self, kind: str) -> None:
        if self.run is None:
            return
        if kind == "Play":
            self._perform(self._stage.lost(self.run, self._fx.now_ms))
        elif kind == "SendDigits":
            self._perform(self.run.handle(DigitsGone(), self._fx.now_ms))

    def _fail_leg(self, leg: Leg, reason: EndReason) -> None:
        if leg is self._first:
            self._finish(reason)
        elif self._transfer is not None and self._transfer.leg is leg:
            self._fail_transfer(reason)
        else:
            leg.take_down(reason)

    def _fail_transfer(self, reason: EndReason) -> None:
        if self._transfer is not None:
            self._transfer.fail(reason)

    def _media_ended(self, input: LegMediaEnded) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is not None:
            leg.figures(input)

    def _media_lost(self, input: MediaLost) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None or leg.media not in {"opening", "open", "closing"}:
            return
        if leg is self._first:
            self._recorder.failed("the media engine lost the leg")
        leg.media_gone()
        self._fail_leg(leg, EndReason(outcome="media_lost", ended_by="appliance", text="media engine lost the leg"))

    def _key(self, input: DigitHeard | InfoDigit) -> None:  # noqa: A002
        leg = self.legs.get(input.leg)
        if leg is None or self.phase != "running":
            return
        secret = leg is self._first and self.run is not None and self.run.sensitive
        digit = self._keys.take(leg, input, secret)
        if digit is not None and leg is self._first and self.run is not None:
            self._perform(self.run.handle(KeyPressed(digit), self._fx.now_ms))

    def _played(self, input: PlayEnded) -> None:  # noqa: A002
        if self.phase == "running" and self.run is not None and input.leg == self._first.id:
            self._perform(self._stage.played(input, self.run, self._fx.now_ms))

    def _sound(self, input: SoundHeard) -> None:  # noqa: A002
        if input.leg == self._first.id and self.run is not None and self.phase in {"setup", "running"}:
            self._perform(self.run.handle(SoundChanged(input.on), self._fx.now_ms))

    def _digits_sent(self, input: DigitsSent) -> None:  # noqa: A002
        if self.phase == "running" and self.run is not None and input.leg == self._first.id:
            self._perform(self.run.handle(DigitsGone(), self._fx.now_ms))

    def _audio_stopped(self, input: AudioStopped) -> None:  # noqa: A002
        if input.leg in self.legs:
            self._fx.emit(events.AudioStopped(leg=input.leg, silent_ms=input.silent_ms))

    def _recorded(self, input: RecordingDone) -> None:  # noqa: A002
        self._recorder.completed(input)

    def _recording_failed(self, input: RecordingFailed) -> None:  # noqa: A002
        self._recorder.failed(input.error[:200], input)

    # --- menu

    def _perform(self, actions: list[MenuAction]) -> None:
        for action in actions:
            if isinstance(action, Dial):
                self._dial(action)
            elif isinstance(action, MenuEnd):
                outcome: Outcome = "failed" if action.fault else "completed"
                self._finish(EndReason(outcome=outcome, ended_by="appliance", text=action.text[:200]))
            elif self.run is not None:
                self._stage.perform(action, self.run)

    def _dial(self, dial: Dial) -> None:
        leg = self._new_leg("reserving")
        stage = self._stage

        def ringing(on: bool) -> None:
            stage.ring(dial.ringing if on else [])

        self._transfer = Transfer(self._first, leg, dial, self._fx, ringing=ringing, ended=self._transfer_ended)
        self._transfer.begin(self._caller())

    def _caller(self) -> Private:
        if isinstance(self.begun, Incoming):
            return self.begun.report.caller
        return self.begun.caller if self.begun is not None else Private("")

    def _transfer_ended(self, reason: EndReason, talked: bool) -> None:
        self._transfer = None
        if self.run is None:
            return
        outcome = "" if talked else ("failed" if reason.outcome == "completed" else reason.outcome)
        actions = self.run.handle(TransferEnded(outcome), self._fx.now_ms)
        if talked and isinstance(actions[0], MenuEnd):
            self._finish(reason)  # the target hung up and nothing follows: its reason is the call's
        else:
            self._perform(actions)

    # --- time

    def _elapsed(self, _input: Elapsed) -> None:
        for reason in self._fx.due():
            if self.phase == "ending":
                if reason == ENDING:
                    self._give_up()
            elif reason == LONGEST:
                self._finish(EndReason(outcome="max_duration", ended_by="appliance"))
            elif reason == SETUP:
                self._setup_elapsed()
            elif reason == FIRST_FACTS:
                self._finish(EndReason(outcome="media_lost", ended_by="appliance", text="no media facts"))
            elif self._transfer is not None:
                self._transfer.elapsed(reason)
        deadline = self.run.deadline if self.run is not None and self.phase == "running" else None
        if deadline is not None and deadline.at_ms <= self._fx.now_ms and self.run is not None:
            self._perform(self.run.handle(TimeUp(), self._fx.now_ms))

    def _setup_elapsed(self) -> None:
        ringing = self._first.signalling in {"dialling", "ringing"}
        outcome: Outcome = "no_answer" if ringing else "no_room" if self._first.signalling == "reserving" else "failed"
        code = 503 if self._first.signalling == "offered" else None
        self._finish(EndReason(outcome=outcome, ended_by="appliance", sip_code=code, text="set-up took too long"))

    def _resumed(self, _input: Resumed) -> None:
        if self.run is not None and self.phase == "running":
            self._perform(self.run.handle(MenuResumed(), self._fx.now_ms))

    # --- the end

    def _stopped(self, input: Stopped) -> None:  # noqa: A002
        self._finish(EndReason(outcome="stopped", ended_by="appliance", text=input.text))

    def _abandoned(self, input: Abandoned) -> None:  # noqa: A002
        reason = EndReason(outcome="appliance_restart", ended_by="appliance")
        self.end = self.end or reason
        self.ended_ms = self.ended_ms if self.ended_ms is not None else self._fx.now_ms
        self.phase = "ending"
        self._recorder.restored(input.recordings)
        if self._transfer is not None:
            self._transfer.forgotten()
            self._transfer = None
        for leg in self.legs.values():
            leg.media = "none" if leg.seat is None else "closed"
            leg.ended(reason)
        self._fx.clear_all()

    def _finish(self, reason: EndReason) -> None:
        """Begin the end: everything goes down, `_settle` tells when it is."""
        if self.phase in {"ending", "over"}:
            return
        self.phase = "ending"
        self.end = reason
        self.ended_ms = self._fx.now_ms
        self._fx.clear_all()
        self._fx.set(ENDING, ENDING_MS)
        if self._transfer is not None:
            self._transfer.abandon(reason)
            self._transfer = None
        self._recorder.stop()
        for leg in self.legs.values():
            leg.take_down(reason)
        for leg in self.legs.values():
            leg.close_media()

    def _give_up(self) -> None:
        """Somebody never answered: count it as gone."""
        lost = EndReason(outcome="span_lost", ended_by="appliance", text="no report of its end")
        self._recorder.failed("no report of its end")
        for leg in self.legs.values():
            leg.ended(lost)
            leg.media_gone()

    def _settle(self) -> None:
        if self.phase != "ending" or self._recorder.running or not all(leg.gone for leg in self.legs.values()):
            return
        if self.end is None or self.ended_ms is None or self.begun is None:
            raise RuntimeError("a call ends without a reason")
        self.phase = "over"
        self._fx.clear_all()
        methods: Counter[str] = Counter()
        for leg in self.legs.values():
            methods.update(leg.fuser.digits)
        self._fx.emit(
            events.CallEnded(
                end=self.end,
                duration_ms=max(0, self.ended_ms - self.started_ms),
                answered_ms=max(0, self.ended_ms - self.answered_ms) if self.answered_ms is not None else 0,
                menu=self.begun.terms.menu,
                menu_version=self.begun.terms.menu_version,
                path=list(self.run.path) if self.run is not None else [],
                digits_by_method=dict(methods),
                digit_duplicates=sum(leg.fuser.duplicates for leg in self.legs.values()),
                recordings=self._recorder.made,
            )
        )


def _without_digit(input: Input) -> Input:  # noqa: A002
    """Blank the digit of a key press that must not be written."""
    if isinstance(input, DigitHeard):
        return DigitHeard(
            leg=input.leg,
            method=input.method,
            digit=Private(""),
            start_ms=input.start_ms,
            duration_ms=input.duration_ms,
            level_dbm0=input.level_dbm0,
            end_seen=input.end_seen,
        )
    if isinstance(input, InfoDigit):
        return InfoDigit(input.leg, Private(""), input.duration_ms, input.at_ms)
    return input


BEGINNINGS = (Incoming, Originate)

EFFECTS: dict[type, Callable[[Call, Any], None]] = {
    Incoming: Call._incoming,  # noqa: SLF001
    Originate: Call._originate,  # noqa: SLF001
    Reserved: Call._reserved,  # noqa: SLF001
    SpanRefused: Call._refused,  # noqa: SLF001
    LegRinging: Call._rang,  # noqa: SLF001
    LegAnswered: Call._answered,  # noqa: SLF001
    LegMedia: Call._negotiated,  # noqa: SLF001
    LegEnded: Call._leg_ended,  # noqa: SLF001
    CommandDone: Call._done,  # noqa: SLF001
    LegMediaEnded: Call._media_ended,  # noqa: SLF001
    MediaLost: Call._media_lost,  # noqa: SLF001
    DigitHeard: Call._key,  # noqa: SLF001
    InfoDigit: Call._key,  # noqa: SLF001
    PlayEnded: Call._played,  # noqa: SLF001
    SoundHeard: Call._sound,  # noqa: SLF001
    DigitsSent: Call._digits_sent,  # noqa: SLF001
    AudioStopped: Call._audio_stopped,  # noqa: SLF001
    RecordingDone: Call._recorded,  # noqa: SLF001
    RecordingFailed: Call._recording_failed,  # noqa: SLF001
    Elapsed: Call._elapsed,  # noqa: SLF001
    Resumed: Call._resumed,  # noqa: SLF001
    Stopped: Call._stopped,  # noqa: SLF001
    Abandoned: Call._abandoned,  # noqa: SLF001
}
