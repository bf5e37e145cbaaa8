"""One call: its legs, its menu, its recording, and its end.

What holds for every order of inputs: the first event is `call.started`, the last is `call.ended`, there is one of each,
and `callseq` counts from 1 without a gap. A call ends when its first leg ends or its menu does; then every other leg is
taken down, and `call.ended` follows when nothing is left anywhere, or after `ENDING_MS` when a process that died does
not answer. Inputs that no longer fit (a report that crossed ours) change nothing.

`reactions` says what each input does; the states of a leg are in `leg`, those of the menu in `menus.run`.
"""

from typing import Literal

from msgspec.structs import replace

from edge.core.calls import account
from edge.core.calls.account import without_digit
from edge.core.calls.actions import Action
from edge.core.calls.aftercare import Aftercare
from edge.core.calls.attempt import Attempt
from edge.core.calls.borrowed import BorrowedLeg
from edge.core.calls.bridged import Loan, parted
from edge.core.calls.dialling import Dialling
from edge.core.calls.effects import Effects
from edge.core.calls.elapsing import ENDING, FIRST_FACTS, LONGEST
from edge.core.calls.guests import Guest, Guests
from edge.core.calls.inputs import Abandoned, Entry, Handed, Incoming, Input, Originate
from edge.core.calls.keys import Keys
from edge.core.calls.leg import Leg
from edge.core.calls.line import Line
from edge.core.calls.messages import Messages
from edge.core.calls.questions import Questions
from edge.core.calls.queueing import Queueing
from edge.core.calls.reactions import REACTIONS
from edge.core.calls.recorder import Recorders
from edge.core.calls.secrecy import Secrecy
from edge.core.calls.stage import Stage
from edge.core.calls.succession import Successor
from edge.core.calls.talk import TalkSounds
from edge.core.calls.transfer import Transfer
from edge.core.deadline import Deadline, earliest
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import Aftercare as Wanted
from edge.core.menus.words import AskBackend, Dial, MenuAction, MessageAction, QueueAction, Started, StopDialling
from edge.core.menus.words import End as MenuEnd
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.ids import CallId, LegId, RecordingId, leg_id
from edge.vocabulary.media import FLASH
from edge.vocabulary.reports import DigitHeard, InfoDigit

#: A dead process must not hold a call open.
ENDING_MS = 10_000

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
        self.fx = Effects(id)
        self.first: Leg
        self.recorder: Recorders
        self.messages: Messages
        self.stage: Stage
        self.guests: Guests
        #: Who is to take the place of a leg, as its peer wants, and how often one of them did.
        self.successor: Successor | None = None
        self.transfers_asked = 0
        self.dialling = Dialling(self)
        self.keys = Keys(self.fx, self.withheld)
        self.secrecy = Secrecy(self.fx)
        self.questions = Questions(id, self.fx)
        self.queueing = Queueing(self)
        self.aftercare = Aftercare(self)
        #: The key that the present input tells of is withheld from journal and events.
        self.secret_key = False
        self.talk_sounds = TalkSounds(self.fx)
        #: Of a call that the dialer has ordered.
        self.attempt: Attempt | None = None
        #: Of an agent whose leg stays up from call to call.
        self.line: Line | None = None
        #: Of a call whose caller talks in another one; and by which order another one's caller talks in this.
        self.loan: Loan | None = None
        self.bridged_by = ""
        self._legs_made = 0
        self._entry: Entry | None = None

    # --- the shape of every core

    def handle(self, input: Input, now_ms: int) -> list[Action]:  # noqa: A002
        """Take one input; return what is to be done, in order. `entry` is then its journal line."""
        self.withheld.live()
        self.secret_key = isinstance(input, DigitHeard | InfoDigit) and self._is_secret(input)
        actions = self._take(input, now_ms)
        self._entry = Entry(without_digit(input) if self.secret_key else input, self.withheld.notes)
        return actions

    def replay(self, entry: Entry, now_ms: int) -> list[Action]:
        """Take a journal line; the actions are the ones it led to when the call was live."""
        self.withheld.replay(entry.withheld)
        self.secret_key = isinstance(entry.input, DigitHeard | InfoDigit) and not entry.input.digit.reveal()
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
        return self.fx.inputs

    @property
    def callseq(self) -> int:
        """Events made so far."""
        return self.fx.callseq

    @property
    def menu_version(self) -> str:
        """Version of the menu that it runs on; empty: it has none."""
        return self.run.menu.version if self.run is not None else ""

    @property
    def deadline(self) -> Deadline | None:
        """When to send `Elapsed`, and why; None only before the first input and when it is over."""
        menu = self.run.deadline if self.run is not None and self.phase == "running" else None
        return earliest((self.fx.deadline, menu))

    @property
    def over(self) -> bool:
        """Whether `call.ended` was emitted: nothing is left to do."""
        return self.phase == "over"

    def waits_for_seat(self, leg: LegId) -> bool:
        """Whether a reservation of `leg` would be used now."""
        known = self.legs.get(leg)
        return known is not None and known.signalling == "reserving" and self.phase in {"setup", "running"}

    @property
    def recordings(self) -> dict[RecordingId, str]:
        """The recordings made, with their files."""
        return {**self.recorder.made, **self.messages.made} if self.phase != "new" else {}

    @property
    def is_recorded(self) -> bool:
        """Whether a recording is being made, or its end was not told yet."""
        return self.phase != "new" and (self.recorder.running or self.messages.running)

    @property
    def guarded(self) -> bool:
        """Whether what is recorded has to be kept off the disk for as long as it may have to be silenced."""
        return self.run is not None and self.run.menu.sensitive

    def _take(self, input: Input, now_ms: int) -> list[Action]:  # noqa: A002
        self.fx.begin(now_ms)
        effect = REACTIONS.get(type(input))
        if effect is not None and self.phase != "over" and (self.phase == "new") == isinstance(input, BEGINNINGS):
            effect(self, input)
            if self.phase == "running":
                self.queueing.settle()
            if self.phase == "running":
                self.talk_sounds.settle(self.legs.values(), self.transfer if self.talking else None, self.guests)
                self.aftercare.settle()
            if self.phase == "running" and self.run is not None:
                self.secrecy.settle(self.first.id, self.run.sensitive)
            if self.attempt is not None and self.attempt.wish is not None:
                self.finish(self.attempt.wish)
            self._settle()
        return self.fx.take()

    def _is_secret(self, report: DigitHeard | InfoDigit) -> bool:
        # A key pressed before the menu or after it decides nothing, so nobody needs to know which it was.
        if self.phase != "running":
            return report.digit.reveal() != FLASH
        return report.leg == self.first.id and self.secrecy.covers(report, self.first.fuser)

    # --- beginning

    def begin(self, begun: Incoming | Originate, signalling: Literal["offered", "reserving"]) -> Leg:
        """Take the first input: the terms that hold, and a first leg; what it does now is `beginning`'s."""
        leg = self._new_leg(signalling)
        self.begun = begun
        self.phase = "setup"
        self.started_ms = self.fx.now_ms
        self.first = leg
        self.recorder = Recorders(leg.id, begun.terms.recordings, self.fx)
        self.messages = Messages(self.fx, begun.terms.messages, account.caller_of(begun))
        self.guests = Guests(leg, self.fx)
        self.stage = Stage(leg.id, self.fx, leg.press)
        trunk = begun.report.trunk if isinstance(begun, Incoming) else begun.trunk
        self._set_up(leg, trunk, dialled=isinstance(begun, Originate))
        self.fx.set(LONGEST, begun.terms.max_call_ms)
        return leg

    def _new_leg(self, signalling: Literal["offered", "reserving"]) -> Leg:
        self._legs_made += 1
        leg = Leg(leg_id(self.id, self._legs_made), self._legs_made, signalling, self.fx)
        self.legs[leg.id] = leg
        return leg

    def _set_up(self, leg: Leg, trunk: str, *, dialled: bool = True) -> None:
        """Give a leg what its trunk's settings ask of media; who answers is only asked of legs that we dial."""
        if self.begun is None:
            return
        terms = self.begun.terms
        leg.trunk = trunk
        leg.sound = replace(leg.sound, auto_level=trunk in terms.auto_level)
        leg.hold_music = terms.hold_music.get(trunk, terms.hold_music.get("", ""))
        leg.no_rtp_ms = terms.no_rtp_ms.get(trunk, terms.no_rtp_ms.get("", 0))
        leg.own_ringing = trunk in terms.own_ringing
        if dialled:
            leg.amd = terms.amd.get(trunk, {})
            leg.tones = terms.tones.get(trunk, "")
            if leg.number == 1 and not leg.amd:
                leg.amd = terms.answering.get(trunk, terms.answering.get("", {}))

    def found_trunk(self, leg: Leg, trunk: str) -> None:
        """Take what front found about who carries a leg: it is dialled by URI or through a group, or has moved."""
        if trunk != leg.trunk and trunk:
            self._set_up(leg, trunk)

    def start_menu(self) -> None:
        """Enter the menu as soon as the first leg was answered and its media facts are there."""
        if self.phase == "running" and self.first.remote is not None and self.run is not None:
            self.fx.clear(FIRST_FACTS)
            if self.run.state == "new":
                started = Started(bool(self.first.amd), account.facts(self.begun, self.fx.now_ms - self.started_ms))
                self.perform(self.run.handle(started, self.fx.now_ms))

    def first_ended(self, end: EndReason) -> None:
        """End the call, since its first leg ended."""
        reason = self.first.ended(end)
        if reason is not None:
            self.finish(reason)

    # --- menu

    def perform(self, actions: list[MenuAction]) -> None:
        """Carry out what the menu asks for."""
        for action in actions:
            if isinstance(action, Dial):
                self.dialling.dial(action)
            elif isinstance(action, StopDialling):
                self.dialling.stop()
            elif isinstance(action, MenuEnd):
                self._menu_over(action)
            elif isinstance(action, AskBackend):
                self.questions.ask(action, self.run)
            elif isinstance(action, QueueAction):
                self.queueing.perform(action)
            elif isinstance(action, MessageAction):
                self.messages.perform(action, self.first.id)
            elif isinstance(action, Wanted):
                self.aftercare.perform(action)
            elif self.run is not None:
                self.stage.perform(action, self.run)

    def _menu_over(self, end: MenuEnd) -> None:
        if self.line is not None and not end.fault:
            self.line.begin()
            return
        outcome: Outcome = "failed" if end.fault else "completed"
        self.finish(EndReason(outcome=outcome, ended_by="appliance", text=end.text[:200]))

    def dialled_leg(self, trunk: str) -> Leg:
        """Make a further leg that is to be dialled, with the settings of a trunk."""
        leg = self._new_leg("reserving")
        self._set_up(leg, trunk)
        return leg

    def borrowed_leg(self, handed: Handed) -> Leg:
        """Take in the leg of an agent's line for a talk."""
        self._legs_made += 1
        leg = BorrowedLeg(handed, self._legs_made, self.fx)
        self.legs[leg.id] = leg
        self._set_up(leg, handed.trunk, dialled=False)
        leg.no_rtp_ms = 0  # its own call looks after that
        leg.as_it_was()
        return leg

    def foreign_leg(self, id: LegId, signalling: Literal["offered", "up"], trunk: str) -> Leg:  # noqa: A002
        """Take in a further leg that we have not dialled."""
        self._legs_made += 1
        leg = Leg(id, self._legs_made, signalling, self.fx)
        leg.leads = False
        self.legs[leg.id] = leg
        self._set_up(leg, trunk, dialled=False)
        return leg

    @property
    def transfer(self) -> Transfer | None:
        """The first leg's talk, or what may become it where one is dialled at a time."""
        return self.dialling.transfer

    def talks_with(self, leg: Leg) -> Leg | None:
        """Return the leg that `leg` is bridged with."""
        if self.transfer is None or not self.transfer.bridged:
            return None
        pair = (self.transfer.first, self.transfer.leg)
        return pair[1 - pair.index(leg)] if leg in pair else None

    @property
    def talking(self) -> bool:
        """Whether the first leg talks with another one, so that guests may come."""
        transfer = self.transfer
        return self.phase == "running" and transfer is not None and transfer.bridged and transfer.leg.talks

    def lead(self, leg: Leg) -> None:
        """Let another leg be the first one: its end is the call's, and it is recorded and hears the menu."""
        self.first.leads, leg.leads = False, True
        self.first = leg
        self.stage = Stage(leg.id, self.fx, leg.press)
        self.guests.follow(leg)
        self.secrecy.move(leg.id)
        self.messages.leave()
        self.recorder.move(leg.id, guarded=self.guarded)

    def party(self, leg: Leg) -> Transfer | Guest | Successor | None:
        """Return what brought a further leg into the call and follows what becomes of it."""
        if self.successor is not None and self.successor.leg is leg:
            return self.successor
        hunted = self.dialling.hunt.party(leg) if self.dialling.hunt is not None else None
        return hunted or self.guests.present.get(leg.id)

    def give_up_successor(self) -> None:
        """Do without whoever was to take the place of a leg."""
        successor, self.successor = self.successor, None
        if successor is not None:
            successor.abandon()

    # --- the end

    def abandon(self, input: Abandoned) -> None:  # noqa: A002
        """End at once, without a command: nobody is left who could carry one out."""
        reason = EndReason(outcome="appliance_restart", ended_by="appliance")
        self.end = self.end or reason
        self.ended_ms = self.ended_ms if self.ended_ms is not None else self.fx.now_ms
        self.aftercare.close(reason)
        self.phase = "ending"
        parted(self)
        if self.line is not None:
            self.line.gone(reason)
        self.recorder.restored(input.recordings)
        self.messages.restored(input.recordings)
        self.queueing.over(self.end)
        self.dialling.forgotten()
        self.guests.abandon()
        self.successor = None
        for leg in self.legs.values():
            leg.media = "none" if leg.seat is None else "closed"
            leg.ended(reason)
        self.fx.clear_all()

    def finish(self, reason: EndReason) -> None:
        """Begin the end: everything goes down, `_settle` tells when it is."""
        if self.phase in {"ending", "over"}:
            return
        self.phase = "ending"
        self.end = reason
        self.ended_ms = self.fx.now_ms
        self.aftercare.close(reason)
        self.fx.clear_all()
        self.fx.set(ENDING, ENDING_MS)
        parted(self)
        if self.line is not None:
            self.line.gone(reason)
        self.queueing.over(reason)
        self.dialling.end(reason)
        self.give_up_successor()
        self.guests.abandon()
        self.recorder.stop()
        self.messages.leave()
        for leg in self.legs.values():
            leg.take_down(reason)
        for leg in self.legs.values():
            leg.close_media()

    def give_up(self) -> None:
        """Somebody never answered: count it as gone."""
        lost = EndReason(outcome="span_lost", ended_by="appliance", text="no report of its end")
        self.recorder.lost("no report of its end")
        self.messages.lost("no report of its end")
        for leg in self.legs.values():
            leg.ended(lost)
            leg.media_gone()

    def _settle(self) -> None:
        if self.phase != "ending" or self.is_recorded or not all(leg.gone for leg in self.legs.values()):
            return
        if self.end is None or self.ended_ms is None or self.begun is None:
            raise RuntimeError("a call ends without a reason")
        self.phase = "over"
        self.fx.clear_all()
        if self.attempt is not None:
            self.attempt.close(self.end, self.ended_ms, self.legs)
        answered_ms = max(0, self.ended_ms - self.answered_ms) if self.answered_ms is not None else 0
        self.fx.emit(
            account.ended(
                self.begun.terms,
                self.end,
                (max(0, self.ended_ms - self.started_ms), answered_ms),
                self.legs.values(),
                run=self.run,
                recordings=list(self.recorder.made),
            )
        )


BEGINNINGS = (Incoming, Originate)
