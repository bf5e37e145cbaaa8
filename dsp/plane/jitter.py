"""The playout buffer of a leg: a ring of samples indexed by RTP time, played at a delay that follows the path.

Reordering costs nothing (each packet has its place), duplicates and late packets are found by what lies there. A place
that holds no sample has the value `ABSENT`, which no decoder gives. The kernel has no clock: a call of `play` is 20 ms,
and the packets that are put between two calls have come in between.

How deep the store should be is decided in `delay`; how the play clock gets there, here:

- inside what is played by leaving out or repeating a part of it (`pace`), never by a cut;
- in a pause that the sender announced (DTX: marker, or time that goes on without packets) by a shorter or longer pause;
- when the store has run empty the play clock stands still, so a delayed packet is played and not thrown away, and the
  delay it leaves is taken out afterwards; but where the delay is not wanted and concealment has bridged the time well,
  it stands for what came too late;
- while nothing has been played yet, a backlog moves the start forward, so it never becomes latency.

The samples of the last tick stay in the ring behind the play clock: `pace` repeats them.
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane import concealment, delay, interpolation, pace
from dsp.plane.layout import ABSENT, FRAME, JITTER_SAMPLES, MAX_DELAY, MIN_DELAY, PLAYOUT_DELAY

#: The store has been empty this long: a packet out of all bounds is a new beginning (60 ms).
DRY = 480
#: A packet this far off from what is expected is a jump (0.75 s; more than the longest delay, less than the ring).
JUMP = 6000
#: Late packets in a row that set the delay anew.
LATE_RUN = 3
#: What was bridged of this length (40 ms) need not be played when it comes after all.
BRIDGED = 320
#: Times without audio in a row that were the sender's pauses: then the next one is taken for a pause, too.
_PAUSES = 2

STOPPED = 0
#: Waiting for the first sample to come up; the start may still be moved.
PRIMING = 1
PLAYING = 2

PLACED = 0
LATE = 1
DUPLICATE = 2
JUMPED = 3


@kernel
def _least(ctl: Any, leg: Any) -> int:
    """Least delay of a leg: one that can tell keys by tones only is held back a packet, see `digits`."""
    tones_only = leg.dg_deaf == 0 and leg.te_payload_type < 0
    return max(ctl[MIN_DELAY], FRAME if tones_only else 0)


@kernel
def restart(state: Any, slot: int) -> None:
    """Empty a leg's store and take the settings for it."""
    ctl, leg = state.ctl, state.legs[slot]
    reset(leg, state.jitter[slot], ctl[PLAYOUT_DELAY], _least(ctl, leg), ctl[MAX_DELAY])


@kernel
def adjust(state: Any, slot: int) -> None:
    """Take the settings for a leg again, as its formats are other ones; the store stays as it is."""
    ctl, leg = state.ctl, state.legs[slot]
    _bound(leg, ctl[PLAYOUT_DELAY], _least(ctl, leg), ctl[MAX_DELAY])


@kernel
def _bound(leg: Any, start: int, least: int, most: int) -> None:
    wide = leg.wide
    most = min(max(most, FRAME), JITTER_SAMPLES // 4)
    least = min(max(least, 0), most)
    leg.jb_most = most << wide
    leg.jb_least = least << wide
    leg.jb_start = min(max(start, least), most) << wide


@kernel
def reset(leg: Any, ring: Any, start: int, least: int, most: int) -> None:
    """Empty the store; the next packet sets the time base.

    Delay at the start and its bounds are in samples of 8 kHz, whatever the leg's rate.
    """
    for i in range(JITTER_SAMPLES):
        ring[i] = ABSENT
    concealment.reset(leg)
    _bound(leg, start, least, most)
    leg.jb_target = leg.jb_start
    leg.jb_started = STOPPED
    leg.jb_delay = 0
    leg.jb_dry = 0
    leg.jb_dry_made = 0
    leg.jb_late_run = 0
    leg.jb_pauses = 0
    leg.jb_jumped = 0
    leg.jb_clean = 0
    leg.jb_pace = 0
    leg.jb_wait = 0
    leg.pc_brief = 0


@kernel
def _prime(leg: Any, ring: Any, ts: int) -> None:
    """Set the time base so that the sample at `ts` is played after the start's delay; older samples are given up."""
    if leg.jb_started != STOPPED:
        leg.jb_resyncs += 1
        for i in range(JITTER_SAMPLES):
            ring[i] = ABSENT
    leg.jb_started = PRIMING
    leg.jb_play_ts = ts - leg.jb_start
    leg.jb_newest_ts = ts
    leg.jb_pause_ts = ts
    leg.jb_spurt_ts = ts
    leg.jb_dry = 0
    leg.jb_dry_made = 0
    leg.jb_late_run = 0
    leg.jb_jumped = 0
    leg.jb_clean = 0
    delay.begin(leg, ts)


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
def _advance(leg: Any, ring: Any, to: int) -> None:
    """Move the play clock to `to`; what lies more than a tick behind it is taken out of the ring."""
    tick = FRAME << leg.wide
    end = to - tick
    start = max(leg.jb_play_ts - tick, end - JITTER_SAMPLES)
    at = start % JITTER_SAMPLES
    for _ in range(start, end):
        ring[at] = ABSENT
        at = at + 1 if at + 1 < JITTER_SAMPLES else 0
    leg.jb_play_ts = to


@kernel
def _is_jump(leg: Any, ring: Any, length: int, ts: int) -> bool:
    """Judge a packet's time; sets the time base anew where a new beginning is sure."""
    off = leg.jb_clock - ts - delay.base(leg)
    dry = leg.jb_dry >= DRY << leg.wide
    if abs(off) <= JUMP << leg.wide:
        if dry and off > leg.jb_most:
            _prime(leg, ring, ts)  # nothing is heard, and to go on as before would keep too long a delay
        leg.jb_jumped = 0
        return False
    # One packet may be damaged; a second one that follows on it is no accident.
    if not dry and (leg.jb_jumped == 0 or abs(ts - leg.jb_resync_ts) > FRAME << leg.wide):
        leg.jb_jumped = 1
        leg.jb_resync_ts = ts + length
        return True
    _prime(leg, ring, ts)
    return False


@kernel
def put(leg: Any, ring: Any, samples: Any, length: int, ts: int, spurt: int, waited: int) -> int:
    """Store `samples[:length]` (int16) of unwrapped time `ts`: PLACED, LATE, DUPLICATE or JUMPED (not stored).

    `spurt` is 1 for the first packet after a pause of the sender (marker, or a step in time without one in sequence);
    `waited`: samples between its arrival and this tick, 0 when that is not known.
    """
    if leg.jb_started == STOPPED:
        _prime(leg, ring, ts)
    elif _is_jump(leg, ring, length, ts):
        return JUMPED
    if ring[(ts + length - 1) % JITTER_SAMPLES] != ABSENT and leg.jb_play_ts < ts + length <= leg.jb_newest_ts:
        leg.jb_duplicate += 1
        return DUPLICATE
    delay.note(leg, ts, length, waited)
    if leg.jb_started == PRIMING and ts - leg.jb_start > leg.jb_play_ts:
        _advance(leg, ring, ts - leg.jb_start)
        delay.begin(leg, ts)  # what waited somewhere before the start says nothing about the path
    if ts + length <= leg.jb_play_ts:
        leg.jb_late += 1
        leg.jb_late_run += 1
        if leg.jb_late_run < LATE_RUN:
            return LATE
        _prime(leg, ring, ts)
    _store(leg, ring, samples, length, ts, spurt)
    return PLACED


@kernel
def _store(leg: Any, ring: Any, samples: Any, length: int, ts: int, spurt: int) -> None:
    room = JITTER_SAMPLES - (FRAME << leg.wide)  # without the tick that is kept behind the play clock
    if ts + length - leg.jb_play_ts > room:
        # After a pause that is longer than the ring, or a burst that is: what is old is given up.
        if leg.jb_dry == 0:
            leg.jb_resyncs += 1
        _advance(leg, ring, ts + length - room // 2)
    if spurt and ts > leg.jb_newest_ts:
        leg.jb_pause_ts = leg.jb_newest_ts
        leg.jb_spurt_ts = ts
    if leg.jb_dry > 0:
        leg.jb_first_ts = min(leg.jb_first_ts, ts)
    first = max(leg.jb_play_ts - ts, 0)
    at = (ts + first) % JITTER_SAMPLES
    for i in range(first, length):
        ring[at] = samples[i]
        at = at + 1 if at + 1 < JITTER_SAMPLES else 0
    leg.jb_newest_ts = max(leg.jb_newest_ts, ts + length)
    leg.jb_late_run = 0


@kernel
def _take_up_again(leg: Any, ring: Any) -> int:
    """Place the play clock where a store that was empty goes on; gives the samples that are known to be lost."""
    lost = 0
    first = leg.jb_first_ts
    leg.jb_pauses = min(leg.jb_pauses + 1, _PAUSES) if leg.jb_spurt_ts == first else 0
    leg.pc_brief = leg.jb_pauses == _PAUSES
    if first <= leg.jb_play_ts:
        leg.jb_underruns += 1  # what comes next was only late
        late = min(leg.jb_clock - leg.jb_play_ts - leg.jd_want, leg.jb_dry)
        if late > 0 and leg.jb_dry <= BRIDGED << leg.wide and leg.jb_newest_ts >= leg.jb_play_ts + late:
            # What was made up stands for it: to play it as well would only add a delay that has to go again.
            _advance(leg, ring, leg.jb_play_ts + late)
            lost = late
        else:
            leg.jb_waited += leg.jb_dry >> leg.wide
    else:
        # A gap, by loss or by a pause: nobody hears how long it is, so the delay is as wanted after it.
        if leg.jb_spurt_ts != first:
            delay.lost(leg)
            delay.settle(leg)
        to = min(leg.jb_clock - leg.jd_want, first)
        missing = max(to, leg.jb_play_ts) - leg.jb_play_ts
        if leg.jb_spurt_ts != first:
            lost = min(leg.jb_play_ts + missing - leg.jb_dry_ts, leg.jb_dry)
        _advance(leg, ring, leg.jb_play_ts + missing)
    if leg.jb_spurt_ts != first:
        leg.jb_concealed += leg.jb_dry_made
    leg.jb_dry = 0
    leg.jb_dry_made = 0
    return lost


@kernel
def _copy(leg: Any, ring: Any, out: Any, n: int) -> int:
    """Copy what is to be played next; gives the number of absent samples."""
    at = leg.jb_play_ts % JITTER_SAMPLES
    first = min(n, JITTER_SAMPLES - at)
    absent = 0
    for i in range(first):
        value = ring[at + i]
        out[i] = value
        absent += value == ABSENT
    for i in range(n - first):
        value = ring[i]
        out[first + i] = value
        absent += value == ABSENT
    return absent


@kernel
def _fill(leg: Any, ring: Any, out: Any, n: int, ts: int) -> int:
    """Fill the holes of a frame and fade over to what is there; gives the number of samples made up.

    `ts` is the frame's time in the ring, where what follows on a hole may be found; -1: nothing follows.
    """
    made_up = 0
    start = 0
    while start < n:
        absent = out[start] == ABSENT
        end = start + 1
        while end < n and (out[end] == ABSENT) == absent:
            end += 1
        if absent:
            if ts >= 0:
                interpolation.foresee(leg, ring, ts + start)
            made_up += concealment.conceal(leg, out, start, end - start)
        else:
            concealment.resume(leg, out, start, end - start)
        start = end
    return made_up


@kernel
def _play_whole(leg: Any, ring: Any, out: Any) -> None:
    """Play a frame that has all its samples, as it is in `out` or with the delay brought nearer to the wanted one."""
    tick = FRAME << leg.wide
    leg.jb_clean += 1
    _advance(leg, ring, leg.jb_play_ts + pace.play(leg, ring, out, leg.jb_clock - leg.jb_play_ts - leg.jd_want))
    concealment.good(leg, out, tick)


@kernel
def _in_pause(leg: Any) -> bool:
    """Whether the whole next frame lies in a pause of the sender whose end is known."""
    return leg.jb_pause_ts <= leg.jb_play_ts and leg.jb_play_ts + (FRAME << leg.wide) <= leg.jb_spurt_ts


@kernel
def _play_pause(leg: Any, ring: Any, out: Any) -> None:
    """Play 20 ms of a pause, which is made as long as the wanted delay after it needs."""
    tick = FRAME << leg.wide
    surplus = leg.jb_clock - leg.jb_play_ts - leg.jd_want
    step = tick + min(max(surplus, -tick), leg.jb_spurt_ts - leg.jb_play_ts - tick)
    _advance(leg, ring, leg.jb_play_ts + step)
    concealment.conceal(leg, out, 0, tick)


@kernel
def _play_dry(leg: Any, ring: Any, out: Any, lead: int) -> int:
    """Play what is left (`lead` samples, perhaps none) and make up the rest; the play clock stands still for that.

    Gives the samples that are missing in what was left.
    """
    tick = FRAME << leg.wide
    if leg.jb_dry == 0:
        leg.jb_first_ts = 1 << 62
        leg.jb_dry_ts = leg.jb_play_ts + max(lead, 0)
    left = max(lead, 0)
    lost = 0
    for i in range(left):
        lost += out[i] == ABSENT
    for i in range(left, tick):
        out[i] = ABSENT
    at = leg.jb_play_ts
    _advance(leg, ring, at + left)
    leg.jb_dry += tick - left
    leg.jb_dry_made += _fill(leg, ring, out, tick, at)
    return lost


@kernel
def _measure(leg: Any) -> None:
    leg.jb_delay = (leg.jb_clock - leg.jb_play_ts - delay.base(leg)) >> leg.wide
    leg.jb_delay_sum += leg.jb_delay
    leg.jb_delay_ticks += 1
    leg.jb_delay_max = max(leg.jb_delay_max, leg.jb_delay)


@kernel
def play(leg: Any, ring: Any, out: Any) -> int:
    """Play the next 20 ms to `out[:FRAME << wide]`; gives the number of samples that were lost in the stream (holes).

    Samples made up for lost or delayed ones are counted in `jb_concealed`; a sender's pause is neither.
    """
    tick = FRAME << leg.wide
    if leg.jb_started == STOPPED:
        for i in range(tick):
            out[i] = ABSENT
        _fill(leg, ring, out, tick, -1)  # the end of what was heard before, then silence
        return 0
    hole = 0
    if leg.jb_dry > 0 and leg.jb_newest_ts > leg.jb_play_ts:
        hole = _take_up_again(leg, ring)
    if leg.jb_dry == 0:
        _measure(leg)
    lead = leg.jb_newest_ts - leg.jb_play_ts
    absent = _copy(leg, ring, out, tick)
    if absent == 0 and not concealment.active(leg):
        _play_whole(leg, ring, out)
    else:
        leg.jb_clean = 0
        if lead < tick:
            hole += _play_dry(leg, ring, out, lead)
        elif absent == tick and _in_pause(leg):
            _play_pause(leg, ring, out)
        else:
            if absent > 0 and leg.jb_started == PLAYING and not concealment.active(leg):
                delay.lost(leg)
            made_up = _fill(leg, ring, out, tick, leg.jb_play_ts)
            _advance(leg, ring, leg.jb_play_ts + tick)
            if leg.jb_started == PLAYING:
                hole += absent
                leg.jb_concealed += made_up
    if absent < tick:
        leg.jb_started = PLAYING
    leg.jb_clock += tick
    return hole
