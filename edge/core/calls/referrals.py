"""What a call does when the peer of one of its legs wants another one in its place; `succession` has the new leg."""

from typing import TYPE_CHECKING

from edge.core.calls import account
from edge.core.calls.inputs import GivenAway, Handed, Joins, TakesPlace
from edge.core.calls.leg import Leg
from edge.core.calls.succession import ACK_MS, MOST, RING_MS, SUCCEEDS, Successor, told
from edge.core.menus.words import TakenOver
from edge.vocabulary import events
from edge.vocabulary.commands import TellReferrer
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.reports import TransferAsked

if TYPE_CHECKING:
    from edge.core.calls.call import Call


_NOBODY = EndReason(
    outcome="rejected", ended_by="appliance", sip_code=603, text="nobody can be joined on the other leg"
)
_NO_LEG = EndReason(outcome="rejected", ended_by="appliance", sip_code=481, text="the leg to be replaced is over")
_NO_ROOM = EndReason(outcome="no_room", ended_by="appliance", sip_code=503, text="no media slot")


def asked(call: "Call", report: TransferAsked) -> None:
    """Take the wish of a peer: dial who is to have its place, or tell why not."""
    leg = call.legs.get(report.leg)
    if leg is None:
        return
    attended = bool(report.replaces) or report.other is not None
    call.fx.emit(events.TransferRequested(leg=leg.id, target=report.target, attended=attended))
    refusal = why_not(call, leg) or (_NOBODY if report.other is not None else None)
    if refusal is not None:
        told(call.fx, leg, refusal)
        return
    call.transfers_asked += 1
    new = call.dialled_leg(report.trunk)
    ring_ms = call.transfer.target.ring_timeout_ms if call.transfer is not None else RING_MS
    call.successor = Successor(new, leg, call.fx, House(call), ring_ms)
    call.successor.begin(report, account.caller_of(call.begun), account.identity_of(call.begun))


def joins(call: "Call", input: Joins) -> None:  # noqa: A002
    """Let who the peer talks with on its other leg have its place here, at once."""
    leg = call.legs.get(input.report.leg)
    if leg is None or input.handed is None or why_not(call, leg) is not None:
        asked(call, input.report)
        return
    call.fx.emit(events.TransferRequested(leg=leg.id, target=input.report.target, attended=True))
    call.transfers_asked += 1
    new = call.foreign_leg(input.handed.leg, "up", input.handed.trunk)
    new.take_over(input.handed)
    call.fx.front(TellReferrer(leg.id, 200))
    House(call).take_place(leg, new)
    call.fx.emit(events.TransferCompleted(leg=leg.id, to=new.id))


def takes_place(call: "Call", input: TakesPlace) -> None:  # noqa: A002
    """Answer a call that is to have the place of a leg, which it has as soon as it is up; or refuse it."""
    report = input.report
    old = call.legs.get(report.replaces) if report.replaces is not None else None
    new = call.foreign_leg(report.leg, "offered", report.trunk)
    new.span = report.span
    refusal = why_not(call, old) if old is not None else _NO_LEG
    if old is None or refusal is not None or input.seat is None:
        new.take_down(refusal or _NO_ROOM)
        return
    call.fx.emit(events.TransferRequested(leg=old.id, target=report.caller, attended=True))
    call.transfers_asked += 1
    call.successor = Successor(new, old, call.fx, House(call), RING_MS)
    call.fx.set(SUCCEEDS, ACK_MS)
    new.take_seat(input.seat, report.remote)
    if input.engine_up:
        new.answer()


def handed(call: "Call", leg: LegId) -> Handed | None:
    """Return who talks with `leg` as another call would go on with it; None: nobody does, or others do as well."""
    asking = call.legs.get(leg)
    other = call.talks_with(asking) if asking is not None and call.talking else None
    if other is None or other.seat is None or other.remote is None or other.media != "open":
        return None
    if (
        other.borrowed
        or call.guests.present
        or call.successor is not None
        or not other.talks
        or other.hold_asked is not None
    ):
        return None
    return Handed(leg=other.id, span=other.span, seat=other.seat, remote=other.remote, trunk=other.trunk)


def given_away(call: "Call", input: GivenAway) -> None:  # noqa: A002
    """Let go of a leg, and end what is left of the call."""
    leg = call.legs.pop(input.leg, None)
    if leg is None:
        return
    call.dialling.let_go()
    call.talk_sounds.settle([leg, *call.legs.values()], None, call.guests)
    if leg is call.first:
        call.recorder.stop()
    call.fx.emit(events.LegMoved(leg=leg.id, to=input.to))
    call.finish(EndReason(outcome="completed", ended_by="appliance", text="joined with another call"))


def why_not(call: "Call", leg: Leg) -> EndReason | None:
    """Return why nobody can take the place of `leg` now."""
    code, text = 0, ""
    if call.phase != "running" or not leg.talks:
        code, text = 481, "the leg is not up"
    elif call.line is not None:
        code, text = 603, "an agent's line"
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
        hunt = call.dialling.hunt
        if hunt is not None:
            hunt.take_in(old, new)
        if old is call.first:
            call.lead(new)
        old.take_down(EndReason(outcome="completed", ended_by="appliance", text="another leg has its place"))
        if hunt is not None:
            hunt.ring_again()
        elif call.run is not None:
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
