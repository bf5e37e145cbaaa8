"""Telephone events received (RFC 4733): one key press is one digit, whatever happens to its packets.

Seen in the field and dealt with: the marker bit is missing; all packets but the end ones are lost; the end packets are
lost; end packets are repeated; the timestamp moves on with every packet or on the end packets; an event lasts longer
than its duration field and goes on in segments (section 2.5.1.3); several events in one payload (section 2.5.1.5);
the only packet left of a press comes after the next press has begun.

Times of packets count by the clock that was negotiated for telephone-event (`te_wide`: 16 kHz, else 8 kHz). Hook flash
(event 16) is told like a digit, under the code `FLASH`; it is no DTMF digit.
"""

from typing import Any

import numpy as np

from dsp.jit import i64, kernel
from dsp.plane.layout import NS_PER_SAMPLE, TE_MEMORY

#: Without news for this long the key counts as released.
TIMEOUT_NS = 100_000_000
#: A packet of the same event that begins less than this after the known end belongs to it (40 ms at 8 kHz).
CONTINUES = 320
#: An event that has lasted this long goes on in a next segment soon, and packets around the seam may be lost (140 ms).
SEGMENT_END = 0xF000
SEGMENT_CONTINUES = 1120
#: A packet that begins less than this before the present event is a late one (1 s at 8 kHz), not a new press.
LATE = 8000
#: Events taken from one payload.
MAX_BLOCKS = 4
#: Rows that `take` may write.
ROWS = 2 * MAX_BLOCKS

FLASH_EVENT = 16
#: What hook flash is told as; no key has this character.
FLASH = ord("!")
CODES = np.frombuffer(b"0123456789*#ABCD!", np.uint8).astype(np.int64)

#: States of the last event (`te_active`): over; on; told because nothing was heard of it, though it may still go on.
OVER = 0
ON = 1
TOLD = 2

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
    tolerance = SEGMENT_CONTINUES if leg.te_duration >= SEGMENT_END and leg.te_active != OVER else CONTINUES
    return event == leg.te_event and (ts - leg.te_ts) & 0xFFFFFFFF < leg.te_duration + (tolerance << leg.te_wide)


@kernel
def _behind(leg: Any, ts: int, ssrc: int) -> int:
    """How far a packet begins before the last event, in units of its clock; 0: it does not, or not a little."""
    behind = (leg.te_ts - ts) & 0xFFFFFFFF
    return behind if leg.te_next > 0 and ssrc == leg.te_ssrc and behind < LATE << leg.te_wide else 0


@kernel
def _tell(leg: Any, event: int, start_ns: int, duration: int, volume: int, seen: int, out: Any) -> int:
    out[0] = CODES[event]
    out[1] = start_ns
    out[2] = (duration * NS_PER_SAMPLE) >> leg.te_wide
    out[3] = -10 * volume
    out[4] = seen
    return 1


@kernel
def end(leg: Any, seen: int, out: Any) -> int:
    """End the active event: 1 and (ASCII, start ns, duration ns, level dBm0 * 10, end seen) in `out`; else 0."""
    was = leg.te_active
    leg.te_active = OVER
    if was != ON:
        return 0
    return _tell(leg, leg.te_event, leg.te_start_ns, leg.te_duration, leg.te_volume, seen, out)


@kernel
def _begin(leg: Any, ts: int, ssrc: int, event: int, start_ns: int) -> None:
    leg.te_ts = ts
    leg.te_ssrc = ssrc
    leg.te_event = event
    leg.te_duration = 0
    leg.te_start_ns = start_ns
    leg.te_active = ON


@kernel
def _block(
    leg: Any, event: int, final: int, volume: int, duration: int, marker: int, ts: int, ssrc: int, now_ns: int, out: Any
) -> tuple[int, int]:
    """Take in one event block; as `take`, at most two rows."""
    rows = 0
    what = UPDATED
    if leg.te_active == OVER or event != leg.te_event or ts != leg.te_ts:
        seen = _seen(leg, ssrc, ts, event)
        follows = (marker == 0 or final) and leg.te_next > 0 and _follows(leg, ts, event)
        behind = _behind(leg, ts, ssrc)
        start_ns = now_ns - ((duration * NS_PER_SAMPLE) >> leg.te_wide)
        if leg.te_active != OVER and follows:
            # Durations count from the packet's timestamp; a sender that moves it and lets them grow, too, means the
            # whole.
            ahead = (ts - leg.te_ts) & 0xFFFFFFFF
            duration += ahead if duration <= ahead else 0
        elif seen or follows:
            return IGNORED, 0  # a repeat, or an end packet of a sender that moves the timestamp on
        elif behind > 0:
            if event == leg.te_event and duration + (CONTINUES << leg.te_wide) > behind:
                return IGNORED, 0  # reaches up to the event that we know: its beginning, with a timestamp of its own
            # All that is left of an earlier press. It is told at once, before the one that is still on.
            _remember(leg, ssrc, ts, event)
            return IGNORED, _tell(leg, event, start_ns, duration, volume, final, out[0])
        else:
            rows = end(leg, 0, out[0])
            what = BEGAN
            _begin(leg, ts, ssrc, event, start_ns)
        if not seen:
            _remember(leg, ssrc, ts, event)
    leg.te_duration = max(leg.te_duration, duration)
    leg.te_volume = volume
    leg.te_last_ns = now_ns
    if leg.te_active == TOLD:
        what = IGNORED
    if final:
        rows += end(leg, 1, out[rows])
    return what, rows


@kernel
def take(
    leg: Any, data: Any, offset: int, size: int, marker: int, ts: int, ssrc: int, now_ns: int, out: Any
) -> tuple[int, int]:
    """Take in a payload: (what it was, rows written to `out`, int64[ROWS, 5], as by `end`).

    Events that follow the first one begin where the one before them ends. `BEGAN` is not said of hook flash.
    """
    what, rows = IGNORED, 0
    for block in range(min(size // 4, MAX_BLOCKS)):
        at = offset + 4 * block
        event = i64(data[at])
        if event > FLASH_EVENT:
            break
        final = i64(data[at + 1]) >> 7
        duration = (i64(data[at + 2]) << 8) | i64(data[at + 3])
        volume = i64(data[at + 1]) & 0x3F
        first = marker if block == 0 else 1
        was, told = _block(leg, event, final, volume, duration, first, ts, ssrc, now_ns, out[rows:])
        rows += told
        if was == UPDATED or event == FLASH_EVENT:
            what = max(what, UPDATED if was != IGNORED else IGNORED)
        elif was == BEGAN:
            what = BEGAN
        ts = (ts + duration) & 0xFFFFFFFF
    return what, rows


@kernel
def expire(leg: Any, now_ns: int, out: Any) -> int:
    """End the active event when nothing was heard of it for `TIMEOUT_NS`; as `end`."""
    if leg.te_active == ON and now_ns - leg.te_last_ns >= TIMEOUT_NS:
        told = end(leg, 0, out)
        leg.te_active = TOLD
        return told
    return 0
