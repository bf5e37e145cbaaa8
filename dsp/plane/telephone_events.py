"""Telephone events received (RFC 4733): one key press is one digit, whatever happens to its packets.

Seen in the field and dealt with: the marker bit is missing; all packets but the end ones are lost; the end packets are
lost; end packets are repeated; the timestamp moves on with every packet or on the end packets; an event lasts longer
than its duration field and goes on in segments (section 2.5.1.3).
"""

from typing import Any

import numpy as np

from dsp.jit import i64, kernel
from dsp.plane.layout import NS_PER_SAMPLE, TE_MEMORY

#: Without news for this long the key counts as released.
TIMEOUT_NS = 100_000_000
#: A packet of the same event that begins less than this after the known end belongs to it (40 ms).
CONTINUES = 320
CODES = np.frombuffer(b"0123456789*#ABCD", np.uint8).astype(np.int64)

IGNORED = 0
#: A key was pressed (it may have been released in the same packet).
BEGAN = 1
UPDATED = 2


@kernel
def _seen(leg: Any, ssrc: int, ts: int, event: int) -> bool:
    for i in range(TE_MEMORY):
        seen = leg.te_seen[i]
        if seen[0] == ssrc and seen[1] == ts and seen[2] == event + 1:
            return True
    return False


@kernel
def _remember(leg: Any, ssrc: int, ts: int, event: int) -> None:
    at = leg.te_next % TE_MEMORY
    leg.te_seen[at, 0] = ssrc
    leg.te_seen[at, 1] = ts
    leg.te_seen[at, 2] = event + 1  # zeroed memory must not look like event 0
    leg.te_next = at + 1


@kernel
def _follows(leg: Any, ts: int, event: int) -> bool:
    """Whether a packet goes on with the last event although its timestamp is another one."""
    return event == leg.te_event and (ts - leg.te_ts) & 0xFFFFFFFF < leg.te_duration + CONTINUES


@kernel
def end(leg: Any, seen: int, out: Any) -> int:
    """End the active event: 1 and (ASCII, start ns, duration ns, level dBm0 * 10, end seen) in `out`; else 0."""
    if leg.te_active == 0:
        return 0
    out[0] = CODES[leg.te_event]
    out[1] = leg.te_start_ns
    out[2] = leg.te_duration * NS_PER_SAMPLE
    out[3] = -10 * leg.te_volume
    out[4] = seen
    leg.te_active = 0
    return 1


@kernel
def take(
    leg: Any, data: Any, offset: int, size: int, marker: int, ts: int, ssrc: int, now_ns: int, out: Any
) -> tuple[int, int]:
    """Take in the first event block of a payload: (what it was, rows written to `out`, int64[2, 5], as by `end`)."""
    if size < 4 or data[offset] > 15:
        return IGNORED, 0
    event = i64(data[offset])
    final = i64(data[offset + 1]) >> 7
    volume = i64(data[offset + 1]) & 0x3F
    duration = (i64(data[offset + 2]) << 8) | i64(data[offset + 3])
    rows = 0
    what = UPDATED
    same = leg.te_active != 0 and event == leg.te_event and ts == leg.te_ts
    if not same:
        seen = _seen(leg, ssrc, ts, event)
        follows = (marker == 0 or final) and leg.te_next > 0 and _follows(leg, ts, event)
        if leg.te_active != 0 and follows:
            duration += (ts - leg.te_ts) & 0xFFFFFFFF
        elif seen or follows:
            return IGNORED, 0  # a repeat, or an end packet of a sender that moves the timestamp on
        else:
            rows = end(leg, 0, out[0])
            what = BEGAN
            leg.te_ts = ts
            leg.te_event = event
            leg.te_duration = 0
            leg.te_start_ns = now_ns - duration * NS_PER_SAMPLE
            leg.te_active = 1
        if not seen:
            _remember(leg, ssrc, ts, event)
    leg.te_duration = max(leg.te_duration, duration)
    leg.te_volume = volume
    leg.te_last_ns = now_ns
    if final:
        rows += end(leg, 1, out[rows])
    return what, rows


@kernel
def expire(leg: Any, now_ns: int, out: Any) -> int:
    """End the active event when nothing was heard of it for `TIMEOUT_NS`; as `end`."""
    if leg.te_active != 0 and now_ns - leg.te_last_ns >= TIMEOUT_NS:
        return end(leg, 0, out)
    return 0
