"""What a leg says while nobody may overhear it, such as a card's number: not recorded, and not heard by others.

From `CMD_PRIVATE` on both tracks of the leg's recording are silence whose time counts, and no member of its room hears
it; keys are recognised as ever. The command is a decision of somebody far away, so it comes a little late: what was
recorded since its instant is silenced, too, as far as it still lies in the recorder's ring (`RECALL` back; the
recorder keeps its hands off that much of such a recording).

The end is late on purpose. The key that completes a number is told while its tone is still to be played, and it may be
held down: privacy lasts `TAIL_NS` longer, and until `KEY_NS` after the last key that was still down.

It stands in the leg's record, so it outlives the engine.
"""

from typing import Any

from dsp.detectors import dtmf_digit
from dsp.jit import fence, kernel
from dsp.plane import layout as lo
from dsp.plane import telephone_events
from dsp.plane.rings import push_event

TAIL_NS = 1_000_000_000
#: More than the longest playout delay (300 ms) and a press that is recognised only in its course.
KEY_NS = 500_000_000
#: Samples (8 kHz) of a recording that can be silenced afterwards.
RECALL = 5600


@kernel
def _recall(state: Any, slot: int, since_ns: int) -> int:
    """Silence what was recorded since an instant; gives the first frame of it."""
    ctl, leg = state.ctl, state.legs[slot]
    began_ns = ctl[lo.GRID_ANCHOR_NS] + leg.rec_start_tick * lo.TICK_NS
    first = (since_ns - began_ns) // lo.NS_PER_SAMPLE
    first = min(max(first, leg.rec_read, leg.rec_write - RECALL), leg.rec_write)
    ring = state.record[slot]
    for i in range(first, leg.rec_write):
        ring[i % lo.RECORD_FRAMES, 0] = 0
        ring[i % lo.RECORD_FRAMES, 1] = 0
    return first


@kernel
def told(state: Any, slot: int, now_ns: int, on: int, frame: int) -> None:
    """Tell from which frame of the leg's recording on, if there is one, it is silence or is so no more."""
    leg = state.legs[slot]
    if leg.rec_active:
        push_event(state, lo.EV_PRIVATE, slot, now_ns, leg.rec_number, on, frame, 0, 0, 0)


@kernel
def begin(state: Any, slot: int, since_ns: int, now_ns: int) -> None:
    """Make the leg private, for its recording from `since_ns` on."""
    leg = state.legs[slot]
    if leg.pv_on == 0:
        first = _recall(state, slot, since_ns) if leg.rec_active else 0
        told(state, slot, now_ns, 1, first)
    leg.pv_until_ns = 0
    fence()
    leg.pv_on = 1  # last: if the engine dies before, all of it is done again


@kernel
def end(leg: Any, now_ns: int) -> None:
    """Let the privacy of the leg run out."""
    if leg.pv_on and leg.pv_until_ns == 0:
        leg.pv_until_ns = now_ns + TAIL_NS


@kernel
def settle(state: Any, slot: int, tick: int, now_ns: int) -> None:
    """End a privacy that has run out. Once a tick, when what came in this tick has been looked at."""
    leg = state.legs[slot]
    if leg.pv_until_ns == 0:
        return
    if leg.te_active == telephone_events.ON or state.dtmf[slot].phase == dtmf_digit.ON:
        leg.pv_until_ns = max(leg.pv_until_ns, now_ns + KEY_NS)
    elif now_ns >= leg.pv_until_ns:
        told(state, slot, now_ns, 0, (tick - leg.rec_start_tick) * lo.FRAME)
        leg.pv_on = 0
        leg.pv_until_ns = 0
