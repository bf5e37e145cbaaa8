"""What a call does when the peer of one of its legs wants another one in its place; `succession` has the new leg."""

from typing import TYPE_CHECKING

from edge.core.calls.leg import Leg
from edge.core.calls.succession import MOST, told
from edge.core.menus.words import TakenOver
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.reports import TransferAsked

if TYPE_CHECKING:
    from edge.core.calls.call import Call


def asked(call: "Call", report: TransferAsked) -> None:
    """Take the wish of a peer: dial who is to have its place, or tell why not."""
    leg = call.legs.get(report.leg)
    if leg is None:
        return
    attended = bool(report.replaces)
    call.fx.emit(events.TransferRequested(leg=leg.id, target=report.target, attended=attended))
    why_not = _why_not(call, leg)
    if why_not is not None:
        told(call.fx, leg, why_not)
        return
    call.transfers_asked += 1
    call.look_for_successor(leg, report)


def _why_not(call: "Call", leg: Leg) -> EndReason | None:
    """Return why nobody can take the place of `leg` now."""
    code, text = 0, ""
    if call.phase != "running" or not leg.talks:
        code, text = 481, "the leg is not up"
    elif call.guests.present:
        code, text = 603, "a talk of more than two"
    elif call.successor is not None or _waits_for_another(call):
        code, text = 491, "a transfer is under way"
    elif leg is not call.first and call.talks_with(leg) is None:
        code, text = 603, "it talks with nobody"
    elif call.transfers_asked >= MOST:
        code, text = 482, "too many transfers"
    return EndReason(outcome="rejected", ended_by="appliance", sip_code=code, text=text) if code else None


def _waits_for_another(call: "Call") -> bool:
    """Whether the menu's own transfer has not come to a talk, or the first leg is being sent elsewhere."""
    waits = call.run is not None and call.run.state == "transfer"
    return waits and (call.transfer is None or not call.transfer.bridged)


def left(call: "Call", leg: Leg, end: EndReason) -> bool:
    """Take the end of a leg whose place is to be taken; False: the call goes on as without that wish."""
    successor = call.successor
    if successor is None or successor.old is not leg or successor.alone is not None:
        return False
    alone = call.talks_with(leg)
    if alone is None or call.transfer is None or call.guests.present:
        return False
    if leg is call.first:
        call.recorder.stop()
        leg.leads = False
    call.transfer.part(alone)
    successor.vacated(alone, call.transfer.dial.ringing)
    leg.ended(end)
    return True


class House:
    """The call, as a successor sees it."""

    def __init__(self, call: "Call") -> None:
        self._call = call

    def take_place(self, old: Leg, new: Leg) -> None:
        """Let `new` talk in the place of `old`, also with the menu."""
        call = self._call
        call.successor = None
        if call.transfer is not None:
            call.transfer.take_in(old, new)
        if old is call.first:
            call.lead(new)
        old.take_down(EndReason(outcome="completed", ended_by="appliance", text="another leg has its place"))
        if call.transfer is None and call.run is not None:
            call.perform(call.run.handle(TakenOver(), call.fx.now_ms))

    def not_succeeded(self, old: Leg, reason: EndReason) -> None:
        """Go on without: with the talk as it was, or as after a transfer that failed."""
        call = self._call
        successor, call.successor = call.successor, None
        if successor is None or successor.alone is None:
            return
        if old is call.first:
            call.finish(reason)
        elif call.transfer is not None:
            call.transfer.end(reason)
