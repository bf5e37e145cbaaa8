"""What operators, or limits of the appliance, do to a call."""

from typing import TYPE_CHECKING

from edge.core.calls.inputs import Announce, ChangeMode, ChangeSound, Drop, Invite, PutOnHold, Stopped
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
