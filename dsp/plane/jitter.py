"""The playout buffer of a leg: a ring of samples indexed by RTP time.

Reordering costs nothing (each packet has its place), duplicates and late packets are found by what lies there. A place
that holds no sample has the value `ABSENT`, which no G.711 code decodes to. The kernel has no clock: a call of `play`
is 20 ms.

The delay starts at a target. While nothing has been heard yet, and again after a pause, a burst that waited somewhere
moves the start forward, so a backlog never becomes latency. Later, when the store never ran low for half a second,
one frame is taken out by cross-fading two into one; packets that come too late three times running set the delay anew.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane import concealment
from dsp.plane.layout import FRAME, JITTER_SAMPLES

ABSENT = -32768
#: The store has been empty this long: what comes next is a new beginning (60 ms).
DRY = 480
#: Ticks over which the least store is taken (0.5 s).
INTERVAL = 25
#: Store above the target that is let alone (20 ms packets, arriving at any instant of the tick).
SLACK = 2 * FRAME
#: Timestamps further than this from what is expected are a jump (1 s).
JUMP = 8000
#: Late packets in a row that set the delay anew.
LATE_RUN = 3

STOPPED = 0
#: Waiting for the first sample to come up; the start may still be moved.
PRIMING = 1
PLAYING = 2

PLACED = 0
LATE = 1
DUPLICATE = 2
JUMPED = 3


@kernel
def reset(leg: Any, ring: Any, target: int) -> None:
    """Empty the store; the next packet sets the time base. `target` is the delay in samples."""
    for i in range(JITTER_SAMPLES):
        ring[i] = ABSENT
    concealment.reset(leg)
    leg.jb_started = STOPPED
    leg.jb_target = min(max(target, FRAME), JITTER_SAMPLES // 2)
    leg.jb_dry = 0
    leg.jb_late_run = 0
    leg.jb_resync_ts = -1


@kernel
def _prime(leg: Any, ring: Any, ts: int) -> None:
    """Set the time base so that the sample at `ts` is played after the target delay; older samples are given up."""
    if leg.jb_started != STOPPED:
        leg.jb_resyncs += 1
        for i in range(JITTER_SAMPLES):
            ring[i] = ABSENT
    leg.jb_started = PRIMING
    leg.jb_play_ts = ts - leg.jb_target
    leg.jb_newest_ts = ts
    leg.jb_dry = 0
    leg.jb_late_run = 0
    leg.jb_interval = 0
    leg.jb_resync_ts = -1
    leg.jb_min_lead = JITTER_SAMPLES


@kernel
def unwrap(leg: Any, timestamp: int) -> int:
    """Extend a packet's 32-bit timestamp to the 64-bit one nearest to the newest packet's end, in the leg's samples."""
    shift = leg.wide - leg.rtp_wide  # G.722 has two samples for each count of its RTP clock
    if leg.jb_started == STOPPED:
        return timestamp << shift
    difference = (timestamp - (leg.jb_newest_ts >> shift)) & 0xFFFFFFFF
    if difference >= 0x80000000:
        difference -= 0x100000000
    return leg.jb_newest_ts + (difference << shift)


@kernel
def _erase(ring: Any, start: int, end: int) -> None:
    for i in range(start, end):
        ring[i % JITTER_SAMPLES] = ABSENT


@kernel
def put(leg: Any, ring: Any, samples: Any, length: int, ts: int) -> int:
    """Store `samples[:length]` (int16) of unwrapped time `ts`: PLACED, LATE, DUPLICATE or JUMPED (not stored)."""
    if leg.jb_started == STOPPED:
        _prime(leg, ring, ts)
    elif abs(ts - leg.jb_newest_ts) > JUMP and leg.jb_dry < DRY:
        if leg.jb_resync_ts < 0 or abs(ts - leg.jb_resync_ts) > FRAME:
            leg.jb_resync_ts = ts + length  # one packet may be damaged; a second one that follows on it is no accident
            return JUMPED
        _prime(leg, ring, ts)
    elif leg.jb_dry >= DRY:
        _prime(leg, ring, ts)
    leg.jb_resync_ts = -1
    if leg.jb_started == PRIMING and ts - leg.jb_target > leg.jb_play_ts:
        skipped = ts - leg.jb_target
        _erase(ring, max(leg.jb_play_ts, skipped - JITTER_SAMPLES), skipped)
        leg.jb_play_ts = skipped
    if ts + length <= leg.jb_play_ts:
        leg.jb_late += 1
        leg.jb_late_run += 1
        if leg.jb_late_run < LATE_RUN:
            return LATE
        _prime(leg, ring, ts)
    return _store(leg, ring, samples, length, ts)


@kernel
def _store(leg: Any, ring: Any, samples: Any, length: int, ts: int) -> int:
    first = max(leg.jb_play_ts - ts, 0)
    if ring[(ts + length - 1) % JITTER_SAMPLES] != ABSENT and ts + length <= leg.jb_newest_ts:
        leg.jb_duplicate += 1
        return DUPLICATE
    if ts + length - leg.jb_play_ts > JITTER_SAMPLES:
        # A burst of more than the ring holds: go on at its end.
        leg.jb_play_ts = ts + length - leg.jb_target
        _erase(ring, 0, JITTER_SAMPLES)
        leg.jb_resyncs += 1
        first = 0
    at = (ts + first) % JITTER_SAMPLES
    for i in range(first, length):
        ring[at] = samples[i]
        at += 1
        if at == JITTER_SAMPLES:
            at = 0
    leg.jb_newest_ts = max(leg.jb_newest_ts, ts + length)
    leg.jb_late_run = 0
    return PLACED


@kernel
def _copy(leg: Any, ring: Any, out: Any) -> int:
    """Take a frame out of the ring as it is; gives the number of absent samples."""
    at = leg.jb_play_ts % JITTER_SAMPLES
    absent = 0
    if at + FRAME <= JITTER_SAMPLES:
        for i in range(FRAME):
            value = ring[at + i]
            out[i] = value
            absent += value == ABSENT
            ring[at + i] = ABSENT
    else:
        for i in range(FRAME):
            k = (at + i) % JITTER_SAMPLES
            value = ring[k]
            out[i] = value
            absent += value == ABSENT
            ring[k] = ABSENT
    leg.jb_play_ts += FRAME
    return absent


@kernel
def _fill(leg: Any, out: Any) -> int:
    """Fill the holes of a frame and fade over to what is there; gives the number of samples made up."""
    made_up = 0
    start = 0
    while start < FRAME:
        absent = out[start] == ABSENT
        end = start + 1
        while end < FRAME and (out[end] == ABSENT) == absent:
            end += 1
        if absent:
            made_up += concealment.conceal(leg, out, start, end - start)
        else:
            concealment.resume(leg, out, start, end - start)
        start = end
    return made_up


@kernel
def _shrink(leg: Any, ring: Any, out: Any) -> None:
    """Fade the frame in `out` over into the next one, if that is complete: 20 ms of delay are gone."""
    at = leg.jb_play_ts
    for i in range(FRAME):
        if ring[(at + i) % JITTER_SAMPLES] == ABSENT:
            return
    for i in range(FRAME):
        k = (at + i) % JITTER_SAMPLES
        share = (i + 1) / (FRAME + 1)
        out[i] = round((1.0 - share) * out[i] + share * ring[k])
        ring[k] = ABSENT
    leg.jb_play_ts += FRAME
    leg.jb_dropped += FRAME


@kernel
def play(leg: Any, ring: Any, out: Any) -> int:
    """Play the next 20 ms to `out[:160]`; gives the number of samples that were lost in the stream (holes)."""
    if leg.jb_started == STOPPED:
        for i in range(FRAME):
            out[i] = 0
        return 0
    lead = leg.jb_newest_ts - leg.jb_play_ts
    leg.jb_min_lead = min(leg.jb_min_lead, lead)
    leg.jb_interval += 1
    absent = _copy(leg, ring, out)
    hole = 0
    if absent == 0 and not concealment.active(leg):
        leg.jb_dry = 0
        if leg.jb_interval >= INTERVAL and leg.jb_min_lead > leg.jb_target + SLACK:
            _shrink(leg, ring, out)
        concealment.good(leg, out, FRAME)
    else:
        # Nothing newer has come: a pause of the sender (DTX) or a delay; otherwise it is a hole.
        if lead <= 0:
            leg.jb_dry += FRAME
        elif leg.jb_started == PLAYING:
            hole = absent
        made_up = _fill(leg, out)
        if hole > 0:
            leg.jb_concealed += made_up
    if absent < FRAME:
        leg.jb_started = PLAYING
        if lead > 0:
            leg.jb_dry = 0
    if leg.jb_interval >= INTERVAL:
        leg.jb_interval = 0
        leg.jb_min_lead = JITTER_SAMPLES
    return hole
