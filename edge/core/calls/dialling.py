"""What the menu's `Dial` does in a call: a hunt for somebody and the talk with it, or sending the caller elsewhere."""

from typing import TYPE_CHECKING

from edge.core.calls import account
from edge.core.calls.elapsing import ELSEWHERE
from edge.core.calls.endings import outcome_of_response
from edge.core.calls.hunt import Hunt
from edge.core.calls.inputs import Handed
from edge.core.calls.leg import Leg
from edge.core.calls.transfer import Transfer
from edge.core.menus.model import Sound
from edge.core.menus.words import Dial, TransferEnded, TransferTaken
from edge.core.menus.words import End as MenuEnd
from edge.vocabulary import events
from edge.vocabulary.commands import Refer
from edge.vocabulary.endings import EndReason
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.core.calls.call import Call


class Dialling:
    """Whom a call's first leg talks with, or will."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self.hunt: Hunt | None = None
        #: Where the first leg was asked to go by REFER, until it is known what came of it.
        self._elsewhere: str | None = None
        #: The leg of another call that is the next one here.
        self._handed: Handed | None = None

    @property
    def transfer(self) -> Transfer | None:
        """The talk, or what may become it where one is dialled at a time."""
        return self.hunt.transfer if self.hunt is not None else None

    @property
    def reached(self) -> list[str]:
        """Keys of the targets that are being dialled, or talk."""
        return self.hunt.reached if self.hunt is not None else []

    def dial(self, dial: Dial) -> None:
        """Begin."""
        call = self._call
        if dial.by == "refer":
            self._send_elsewhere(dial)
            return
        if self.hunt is not None:  # a menu that dials anew has given up the former one
            self.give_up()
        menu, node = (call.run.menu.name, call.run.node) if call.run is not None else ("", "")
        dial = call.queueing.with_tone(dial)
        self.hunt = Hunt(call.first, dial, dial.hunt_list or f"{menu}/{node}", call.fx, self)
        self.hunt.begin(account.caller_of(call.begun), account.identity_of(call.begun))

    def borrow(self, handed: Handed) -> None:
        """Talk next with the leg of another call."""
        self._handed = handed

    def give_up(self) -> None:
        """Take down who is dialled; who talks with the caller already does so no more, either."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.abandon(EndReason(outcome="cancelled", ended_by="appliance", text="not wanted any more"))

    def stop(self) -> None:
        """Give up, unless somebody has taken the call."""
        if self.hunt is not None and self.hunt.taken is None:
            self.give_up()

    # --- as the hunt sees it

    def new_leg(self, trunk: str) -> Leg:
        """Make a leg that is to be dialled, or borrow the one that is up."""
        handed, self._handed = self._handed or self._call.queueing.take_line(), None
        return self._call.borrowed_leg(handed) if handed is not None else self._call.dialled_leg(trunk)

    def ring(self, sounds: list[Sound]) -> None:
        """Play ringing to the first leg; empty: leave off."""
        self._call.stage.ring(sounds)

    def taken(self, target: int) -> None:
        """Tell the menu that a target takes the call."""
        call = self._call
        if call.run is not None and call.phase == "running":
            call.perform(call.run.handle(TransferTaken(target), call.fx.now_ms))

    def heir(self) -> Leg | None:
        """Return the guest who goes on with the talk."""
        guests = self._call.guests
        heir = guests.heir()
        if heir is not None:
            guests.talks_with(heir)
        return heir

    def over(self, reason: EndReason, talked: bool) -> None:
        """Go on in the menu, or end the call where nothing follows a talk."""
        call = self._call
        self.hunt = None
        call.guests.dismiss()
        call.give_up_successor()
        if call.run is None:
            return
        if call.first.signalling == "down":
            call.finish(reason)
            return
        outcome = "" if talked else ("failed" if reason.outcome == "completed" else reason.outcome)
        actions = call.run.handle(TransferEnded(outcome), call.fx.now_ms)
        if talked and actions and isinstance(actions[0], MenuEnd):
            call.finish(reason)  # the target hung up and nothing follows: its reason is the call's
        else:
            call.perform(actions)

    # --- REFER

    def _send_elsewhere(self, dial: Dial) -> None:
        call, target = self._call, dial.targets[0]
        self._elsewhere = target.target
        call.fx.front(Refer(call.first.id, Private(target.target)))
        call.fx.set(ELSEWHERE, target.ring_timeout_ms)

    def sent_elsewhere(self, code: int) -> None:
        """Take what came of sending the first leg elsewhere: the call is over for us, or the menu goes on."""
        call = self._call
        target, self._elsewhere = self._elsewhere, None
        if target is None or call.phase != "running" or call.run is None:
            return
        call.fx.clear(ELSEWHERE)
        call.fx.emit(events.TransferSent(leg=call.first.id, target=Private(target), sip_code=code))
        if code < 300:
            call.finish(EndReason(outcome="completed", ended_by="appliance", text="sent elsewhere by REFER"))
        else:
            outcome = outcome_of_response(code, None)
            call.perform(call.run.handle(TransferEnded(outcome), call.fx.now_ms))

    # --- the end

    def end(self, reason: EndReason) -> None:
        """Take all legs down, for the call ends."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.abandon(reason)

    def let_go(self) -> None:
        """Note that one of the two who talk goes on in another call."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None and hunt.taken is not None:
            hunt.taken.let_go()

    def forgotten(self) -> None:
        """Tell the end of what a restart of the appliance took."""
        hunt, self.hunt = self.hunt, None
        if hunt is not None:
            hunt.forgotten()
