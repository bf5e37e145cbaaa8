"""A live call as people are shown it."""

from typing import Any

from edge.core.calls.call import Call
from edge.core.calls.leg import Leg
from edge.switch.exchange import Exchange


def describe(exchange: Exchange, call: Call) -> dict[str, Any]:
    """Return a live call for people."""
    row = exchange.rows[call.id]
    return {
        "id": call.id,
        "state": "open",
        "phase": call.phase,
        "direction": row.direction,
        "trunk": call.first.trunk or row.trunk,
        "caller": row.caller,
        "called": row.called,
        "started": row.started,
        "answered": row.answered,
        "menu": row.menu,
        "node": call.run.node if call.run is not None else "",
        "doing": call.run.state if call.run is not None else "",
        "sensitive": call.run is not None and call.run.menu.sensitive,
        "deadline": call.deadline.reason if call.deadline is not None else "",
        "legs": [
            {
                "id": leg.id,
                "span": leg.span,
                "trunk": leg.trunk,
                "address": str(leg.address) if leg.address is not None else "",
                "signalling": leg.signalling,
                "media": leg.media,
                "slot": leg.seat.slot if leg.seat is not None else None,
                "rtp": exchange.plan.shown(leg),
                "mode": _mode_of(call, leg),
                "sound": leg.sound,
                "held": leg.held,
                "on_hold": leg.on_hold,
                "hold_asked": leg.hold_asked,
            }
            for leg in call.legs.values()
        ],
    }


def _mode_of(call: Call, leg: Leg) -> str:
    """How a leg takes part in the talk; "" when it does not."""
    guest = call.guests.present.get(leg.id)
    if guest is not None:
        return guest.mode if guest.joined else ""
    return "talk" if call.talks_with(leg) is not None else ""
