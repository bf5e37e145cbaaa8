"""What operators, or limits of the appliance, do to a call."""

from typing import TYPE_CHECKING

from edge.core.calls.inputs import (
    Announce,
    ChangeMode,
    ChangeSound,
    Drop,
    Invite,
    Ordered,
    PutOnHold,
    RecordCall,
    Stopped,
)
from edge.core.menus.model import Queue, Transfer
from edge.core.menus.words import LeaveQueue
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason

if TYPE_CHECKING:
    from edge.core.calls.call import Call


def stopped(call: "Call", input: Stopped) -> None:  # noqa: A002
    """End the call."""
    call.finish(EndReason(outcome="stopped", ended_by="appliance", text=input.text))


def invited(call: "Call", input: Invite) -> None:  # noqa: A002
    """Have a further phone rung, which joins the talk."""
    if call.talking and call.transfer is not None:
        call.guests.talks_with(call.transfer.leg)
        leg = call.dialled_leg(input.trunk)
        call.guests.invite(leg, input)


def mode(call: "Call", input: ChangeMode) -> None:  # noqa: A002
    """Let a guest be heard by others than before."""
    if call.talking:
        call.guests.change(input.leg, input.mode, input.to)


def sound_set(call: "Call", input: ChangeSound) -> None:  # noqa: A002
    """Mute a leg, or change its levels."""
    leg = call.legs.get(input.leg)
    if leg is not None and call.phase in {"setup", "running"}:
        leg.set_sound(input.sound)


def put_on_hold(call: "Call", input: PutOnHold) -> None:  # noqa: A002
    """Hold a leg of the talk, or resume it."""
    leg = call.legs.get(input.leg)
    if leg is not None and call.talking:
        leg.put_on_hold(input.on)


def dropped(call: "Call", input: Drop) -> None:  # noqa: A002
    """End a leg that is not the first one."""
    leg = call.legs.get(input.leg)
    if leg is not None and call.phase == "running" and (party := call.party(leg)) is not None:
        party.fail(EndReason(outcome="stopped", ended_by="appliance", text="by request"))


def announce(call: "Call", input: Announce) -> None:  # noqa: A002
    """Have something said in the talk."""
    if call.talking:
        call.talk_sounds.announce(input.what)


_PRIVATE = "the caller is asked for something that is nobody else's business"
#: Orders that bring the caller to somebody else, and so end what he is with.
ROUTES = (Transfer, Queue)


def why_not(call: "Call", input: Ordered) -> str:  # noqa: A002
    """Say why an order can't be carried out now; "" when it can."""
    if call.phase != "running" or call.run is None or call.run.state in {"new", "over"}:
        return "the call is in no menu"
    if input.handed is not None:
        return why_not_bridged(call)
    if isinstance(input.node, ROUTES):
        if call.loan is not None:
            return "the call is bridged with another one"
        return _PRIVATE if call.run.sensitive else ""
    return call.run.refuses_order


def why_not_bridged(call: "Call") -> str:
    """Say why a call can't be bridged with another one now; "" when it can."""
    if call.phase != "running" or call.run is None or call.run.state in {"new", "over"}:
        return "the call is in no menu"
    if call.line is not None:
        return "it is an agent's line"
    if call.run.sensitive:
        return _PRIVATE
    if call.loan is not None:
        return "it is bridged with another call"
    if call.guests.present:
        return "it is a conference"
    if call.successor is not None:
        return "a transfer is under way"
    if call.dialling.hunt is not None and call.dialling.hunt.taken is not None:
        return "the caller talks with somebody"
    return ""


def ordered(call: "Call", input: Ordered) -> None:  # noqa: A002
    """Do what somebody wants done; the menu goes on afterwards."""
    run = call.run
    node = run.node if run is not None else ""
    call.fx.emit(
        events.OrderStarted(
            operation=input.operation,
            act=input.act,
            node=node,
            language=input.language,
            characters=input.characters,
        )
    )
    if run is None or why_not(call, input):
        call.fx.emit(events.OrderEnded(operation=input.operation, result="refused"))
        return
    if isinstance(input.node, ROUTES):
        leave(call)
    if input.handed is not None:
        call.dialling.borrow(input.handed)
        call.bridged_by = input.operation
    call.perform(run.order(input.operation, input.node, call.fx.now_ms))


def leave(call: "Call") -> None:
    """Have the caller leave whoever he talks with, or waits for."""
    call.queueing.perform(LeaveQueue("left"))
    call.messages.leave()
    call.guests.dismiss()
    call.give_up_successor()
    call.dialling.give_up()


def recorded(call: "Call", input: RecordCall) -> None:  # noqa: A002
    """Record the call from now on, or no more."""
    if call.phase != "running":
        return
    if input.on:
        call.recorder.resume(guarded=call.guarded)
    else:
        call.recorder.stop()
