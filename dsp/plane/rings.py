"""Commands into the engine and events out of it: rings with one producer and one consumer, in shared memory."""

from typing import Any

from dsp.jit import fence, kernel
from dsp.plane.layout import EVENT_HEAD, EVENT_TAIL, EVENTS, EVENTS_LOST


@kernel
def push_event(state: Any, kind: int, slot: int, now_ns: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
    """Tell an event of the leg in `slot`; counted as lost when the ring is full.

    It is visible at once: whoever then changes the leg's state may be killed in between and tell it again, but an
    event is never missing.
    """
    ctl = state.ctl
    head = ctl[EVENT_HEAD]
    if head - ctl[EVENT_TAIL] >= EVENTS:
        ctl[EVENTS_LOST] += 1
        return
    entry = state.events[head % EVENTS]
    entry[0], entry[1], entry[2], entry[3] = kind, slot, state.legs[slot].generation, now_ns
    entry[4], entry[5], entry[6], entry[7], entry[8], entry[9] = a, b, c, d, e, f
    fence()
    ctl[EVENT_HEAD] = head + 1
