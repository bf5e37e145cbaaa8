"""Looking for somebody who takes the call: targets are dialled in an order, or all at once, until one of them does.

Each that is dialled is a `Transfer` with a leg of its own. The first that takes the call has it, and the hunt is over
for all others in the same input, so there never are two. Whoever answers with a whisper to be accepted has not taken it
yet: others go on ringing, and may be first.

Who took the last call of a list, and who of its targets talks already, is known to the exchange only. It is asked
(`AskHunt`), and what it says is an input (`HuntTold`), so a replay dials the same.
"""

from collections.abc import Collection
from typing import Final, Protocol

from edge.core.calls.actions import AskHunt, HuntTaken
from edge.core.calls.effects import Effects
from edge.core.calls.inputs import HuntTold
from edge.core.calls.leg import Leg
from edge.core.calls.transfer import DEADLINES, Transfer
from edge.core.menus.hunting import in_order, telling
from edge.core.menus.model import Sound
from edge.core.menus.words import Dial
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason, Outcome
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import PlayEnded

#: Deadline of all targets together.
HUNT: Final = "hunt"
_BUSY: Final = EndReason(outcome="busy", ended_by="appliance", text="all targets talk already")
_LATE: Final = EndReason(outcome="no_answer", ended_by="appliance", text="hunt timeout")


class Home(Protocol):
    """The call, as a hunt sees it."""

    def new_leg(self, trunk: str) -> Leg:
        """Make a leg that is to be dialled, with the settings of a trunk."""

    def ring(self, sounds: list[Sound]) -> None:
        """Play ringing to the first leg; empty: leave off."""

    def taken(self, target: int) -> None:
        """Tell the menu that a target takes the call."""

    def over(self, reason: EndReason, talked: bool) -> None:
        """Go on in the menu: nobody took the call, or the talk is over. Called once."""

    def heir(self) -> Leg | None:
        """Return who goes on with the talk in the place of the one that the first leg talks with."""


class Hunt:
    """One `Dial`, to the end of the talk that comes of it. `name` is what the exchange remembers its targets by."""

    def __init__(self, first: Leg, dial: Dial, name: str, effects: Effects, home: Home) -> None:
        self.first = first
        self.dial = dial
        #: Who has taken the call; None: nobody has yet.
        self.taken: Transfer | None = None
        self.caller = Private("")
        self.identity = Identity()
        self._name = name
        self._fx = effects
        self._home = home
        self._began_ms = effects.now_ms
        self._attempts: list[Transfer] = []
        #: Indices of targets that were not dialled yet, in order; None: the order is not known yet.
        self._waiting: list[int] | None = None
        self._asked = False
        self._rings = False
        self._outcomes: list[EndReason] = []
        self._dialled = 0
        self._skipped = 0
        self._told_end = False

    # --- whom to dial

    def begin(self, caller: Private, identity: Identity) -> None:
        """Dial the first target, or all; what their peers are told of the caller is given."""
        self.caller, self.identity = caller, identity
        dial = self.dial
        if dial.is_hunt:
            self._fx.emit(
                events.HuntStarted(hunt_list=dial.hunt_list, strategy=dial.strategy, targets=len(dial.targets))
            )
        if dial.hunt_timeout_ms:
            self._fx.set(HUNT, dial.hunt_timeout_ms)
        self._go_on()

    def _go_on(self) -> None:
        in_turn = self.dial.strategy == "round_robin" and self._waiting is None
        if in_turn or self.dial.skip_busy:
            self._asked = True
            keys = [target.key for target in self.dial.targets] if self.dial.skip_busy else []
            self._fx.ask(AskHunt(call=self._fx.call, name=self._name if in_turn else "", keys=keys))
        else:
            self._dial("", ())

    def told(self, input: HuntTold) -> None:  # noqa: A002
        """Take what the exchange knows."""
        if self._asked:
            self._asked = False
            self._dial(input.last, input.busy)

    def resumed(self) -> None:
        """Ask again what the exchange was asked before it was restarted."""
        if self._asked:
            self._go_on()

    def _dial(self, last: str, busy: Collection[str]) -> None:
        if self._waiting is None:
            self._waiting = in_order(self.dial, self._fx.call, last)
        targets = self.dial.targets
        while self._waiting and (self.dial.strategy == "all" or not self._attempts):
            index = self._waiting.pop(0)
            if targets[index].key in busy:
                self._skipped += 1
                self._note(index, _BUSY)
            else:
                self._attempt(index)
        if not self._attempts:
            self._nobody()

    def _attempt(self, index: int) -> None:
        dial = self.dial
        leg = self._home.new_leg(dial.targets[index].trunk)
        # Of several who ring none can be heard before one has answered; and who is to be told first, not before that.
        early = dial.early_media and dial.strategy != "all" and dial.whisper is None
        transfer = Transfer(self.first, leg, dial, self._fx, self, index=index, early=early)
        self._attempts.append(transfer)
        self._dialled += 1
        at = (index + 1, len(dial.targets)) if dial.is_hunt else (0, 0)
        transfer.begin(self.caller, self.identity, *at)

    def _note(self, index: int, reason: EndReason) -> None:
        self._outcomes.append(reason)
        if reason.outcome in self.dial.targets[index].leave_on:
            self._waiting = []
            self._outcomes = [reason]
            for other in self._attempts:
                other.give_way()
            self._attempts = []

    # --- as those who are dialled see it

    def ring(self, on: bool) -> None:
        """Let the caller hear that it rings, or not any more."""
        self._rings = on
        self._home.ring(self.dial.ringing if on else [])

    def answered(self, transfer: Transfer) -> None:
        """One is about to be told who calls: where it need not accept, it has the call, and the others do not."""
        if self.dial.whisper is not None and not self.dial.whisper.accept:
            self._leave_others(transfer)

    def takes(self, transfer: Transfer) -> None:
        """One has the call: nobody else will."""
        self._leave_others(transfer)
        self.taken = transfer
        self._fx.clear(HUNT)
        if self.dial.strategy == "round_robin":
            self._fx.ask(HuntTaken(name=self._name, key=transfer.target.key))
        self._tell_end("completed", transfer.leg.id)
        self._home.taken(transfer.index)

    def _leave_others(self, transfer: Transfer) -> None:
        self._waiting = []
        for other in self._attempts:
            if other is not transfer:
                other.give_way()
        self._attempts = [transfer]

    def ended(self, transfer: Transfer, reason: EndReason, talked: bool) -> None:
        """Dial the next one, or go on in the menu."""
        if transfer in self._attempts:
            self._attempts.remove(transfer)
        if self.taken is not None:
            self._over(reason, talked)
            return
        self._note(transfer.index, reason)
        if self._attempts:
            return
        if self._waiting:
            self._go_on()
        else:
            self._nobody()

    def heir(self) -> Leg | None:
        """Return who goes on with the talk."""
        return self._home.heir()

    def _nobody(self) -> None:
        reason = self._outcomes[telling([one.outcome for one in self._outcomes])] if self._outcomes else _LATE
        self._tell_end("failed" if reason.outcome == "completed" else reason.outcome, None)
        self._over(reason, False)

    def _over(self, reason: EndReason, talked: bool) -> None:
        self._fx.clear(HUNT)
        self.ring(False)
        self._home.over(reason, talked)

    def _tell_end(self, outcome: Outcome, leg: LegId | None) -> None:
        if not self.dial.is_hunt or self._told_end:
            return
        self._told_end = True
        after_ms = self._fx.now_ms - self._began_ms
        self._fx.emit(
            events.HuntEnded(outcome=outcome, leg=leg, dialled=self._dialled, skipped=self._skipped, after_ms=after_ms)
        )

    # --- what happens to them

    @property
    def transfer(self) -> Transfer | None:
        """The talk, or what may become it where one is dialled at a time."""
        if self.taken is not None or self.dial.strategy == "all":
            return self.taken
        return self._attempts[0] if self._attempts else None

    @property
    def reached(self) -> list[str]:
        """Keys of the targets that are being dialled, or talk."""
        return [transfer.target.key for transfer in self._attempts]

    def party(self, leg: Leg) -> Transfer | None:
        """Return what follows a leg."""
        return next((transfer for transfer in self._attempts if transfer.leg is leg), None)

    def elapsed(self, reason: str) -> None:
        """Take note that a deadline of the hunt, or of one who is dialled, has passed."""
        if reason == HUNT:
            self._out_of_time()
            return
        for transfer in list(self._attempts):
            if reason.startswith(DEADLINES) and reason.endswith(f" {transfer.leg.id}"):
                transfer.elapsed(reason)

    def _out_of_time(self) -> None:
        """Give up all that have not answered; who thinks about it has its own time."""
        self._waiting = []
        for transfer in list(self._attempts):
            if transfer.leg.answered_ms is None:
                transfer.fail(_LATE)

    def played(self, report: PlayEnded) -> bool:
        """Take the end of a play to one of them; whether it says that a sound could not be read."""
        whose = next((transfer for transfer in self._attempts if transfer.leg.id == report.leg), None)
        return whose is not None and whose.played(report)

    def take_in(self, old: Leg, new: Leg) -> None:
        """Let `new` be in the place of `old`: in the talk, or as who waits for it."""
        transfer = self.transfer
        if transfer is not None and (transfer is self.taken or transfer.bridged):
            transfer.take_in(old, new)
        else:
            for one in self._attempts:
                one.first = new
        if old is self.first:
            self.first = new

    def ring_again(self) -> None:
        """Let another one hear the ringing who waits in the caller's place."""
        if self._rings:
            self.ring(True)

    # --- the end

    def abandon(self, reason: EndReason) -> None:
        """Take all legs down, because the call ends or the menu does not want it any more; it is not told."""
        self._fx.clear(HUNT)
        for transfer in self._attempts:
            transfer.abandon(reason)
        self.ring(False)
        self._tell_end("cancelled", None)

    def forgotten(self) -> None:
        """Tell the end of what a restart of the appliance took."""
        for transfer in self._attempts:
            transfer.forgotten()
        self._tell_end("cancelled", None)
