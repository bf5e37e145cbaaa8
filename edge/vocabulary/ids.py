"""Identifiers and units.

A `CallId` is minted once, by the process that sees the call first (front for an incoming call, switch for an
originated one). A leg's id is `<call>.<n>`, n from 1, so any process can name the call of a leg without a look-up.
"""

from typing import NewType

CallId = NewType("CallId", str)
LegId = NewType("LegId", str)
RecordingId = NewType("RecordingId", str)
CommandId = NewType("CommandId", str)
PlayId = NewType("PlayId", str)
#: A request to be called back: the id of the event that first asked for it.
CallbackId = NewType("CallbackId", str)

#: Name of one life of a span process; never reused, so a dialog can't be routed to a successor by accident.
Incarnation = NewType("Incarnation", str)
#: In the place of a span: front plays its part (`reports.LegAdopted`).
FRONT = Incarnation("front")

#: Index into media's table of pre-opened RTP/RTCP socket pairs.
SlotIndex = NewType("SlotIndex", int)


def leg_id(call: CallId, number: int) -> LegId:
    """Return the id of leg `number` (from 1) of `call`."""
    return LegId(f"{call}.{number}")


def call_of(leg: LegId) -> CallId:
    """Return the call that `leg` belongs to."""
    return CallId(leg.rpartition(".")[0])
