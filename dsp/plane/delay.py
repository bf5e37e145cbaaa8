"""How deep the playout buffer should be: what the arrivals of packets say about their path.

For each packet there is a least *offset* (play clock minus RTP time) at which it would still be in time: what the
clock shows when the engine reads it, minus its timestamp. The least of them over the last seconds is the *base*, the
fastest that the path can do; everything above it is variation. A histogram with forgetting holds the variation, and
the wanted offset is where delay and late loss together cost the least by the E-model (ITU-T G.107): a rare spike is
not worth its delay, a frequent one is. No delay is kept for variation that was not seen for two windows.

A calm path needs no store at all. Where packets are lost, one packet in store is worth its delay: concealment then
sees what follows on a hole and bridges it from both sides.

The grid is the tick: of packets that come just before it, the next may come just behind it and be read a tick later.
So a packet that waited less than a *guard* counts as one that came a tick later. The guard is what the two clocks drift
apart in ten seconds, by the fastest arrivals of one window and the next, which kernel time stamps give to the sample:
drift never surprises then, and where there is none, no tick is given away.

All lengths are samples of the leg's own rate unless they are scaled here (`<< leg.wide`).
"""

from typing import Any

from dsp.jit import kernel
from dsp.plane.layout import DELAY_BUCKETS, FRAME

#: Width of a bucket (5 ms).
BUCKET = 40
#: Base and highest variation are taken over the present and the last of these (8 s; the first ones are 2 and 4 s).
WINDOW = 64_000
FIRST_WINDOW = 16_000
#: The histogram forgets half of it in this time (1 s), the memory of loss a 32nd.
FORGET = 8_000
_FORGET_SHIFT = 1
_FORGET_LOSS_SHIFT = 5
#: Bounds of the guard (0.5 and 5 ms), what it is until a drift was measured (3 ms), and the time it looks ahead (10 s).
LEAST_GUARD = 4
MOST_GUARD = 40
FIRST_GUARD = 24
_AHEAD = 80_000
_UNKNOWN = 1 << 62
#: What the delay at the start weighs against what is measured: as a packet of 20 ms.
_PRIOR = FRAME
#: A path is taken to have lost nothing in two seconds before the first packet.
_CAME = 100 * FRAME

#: The E-model's delay impairment, for each ms, and from `_LONG_MS` on: half as much again as R. G. Cole and J. H.
#: Rosenbluth (2001) fitted to G.107, since late speech is waited for and played, not lost. The path itself is taken to
#: need some of the 177 ms.
_PER_MS = 0.036
_LONG_PER_MS = 0.165
_LONG_MS = 100.0
#: Effective equipment impairment by loss in percent: 95 p / (p + Bpl), with the Bpl of G.711 with concealment (G.113).
_IMPAIRMENT = 95.0
_ROBUSTNESS = 25.1
#: Bpl where concealment sees what follows; PESQ is then higher by 0.07 at 1 % lost, by 0.3 at 10 %. A change of delay
#: costs, too: what pays (from 0.5 % on) is kept down to half of that gain.
_FORESIGHT_ROBUSTNESS = 45.0


@kernel
def begin(leg: Any, ts: int) -> None:
    """Forget the path; the packet of time `ts` that is read now is the first of the new one."""
    needed = leg.jb_clock - ts
    for i in range(DELAY_BUCKETS):
        leg.jd_counts[i] = 0
    prior = min((leg.jb_start + (BUCKET << leg.wide) - 1) // (BUCKET << leg.wide), DELAY_BUCKETS - 1)
    leg.jd_counts[prior] = _PRIOR
    leg.jd_total = _PRIOR
    leg.jd_lost = 0
    leg.jd_came = _CAME
    leg.jd_foresight = 0
    leg.jd_packet = FRAME << leg.wide
    leg.jd_reference = needed
    leg.jd_previous = needed
    leg.jd_exact = _UNKNOWN
    leg.jd_exact_before = _UNKNOWN
    leg.jd_exact_previous = needed
    leg.jd_guard = FIRST_GUARD << leg.wide
    leg.jd_low = needed
    leg.jd_low_before = needed
    leg.jd_high = needed + leg.jb_start
    leg.jd_high_before = leg.jd_high
    leg.jd_window = FIRST_WINDOW << leg.wide
    leg.jd_window_end = leg.jb_clock + leg.jd_window
    leg.jd_forget_at = leg.jb_clock + (FORGET << leg.wide)
    leg.jd_want = needed + leg.jb_start
    leg.jb_target = leg.jb_start


@kernel
def base(leg: Any) -> int:
    """Offset of the fastest packets of the last two windows."""
    return min(leg.jd_low, leg.jd_low_before)


@kernel
def _follow_base(leg: Any) -> None:
    """Move the histogram's origin along with the base, by whole buckets."""
    width = BUCKET << leg.wide
    shift = (base(leg) - leg.jd_reference) // width
    if shift == 0:
        return
    leg.jd_reference += shift * width
    counts = leg.jd_counts
    if shift > 0:
        for i in range(1, min(shift, DELAY_BUCKETS - 1) + 1):
            counts[0] += counts[i]
        for i in range(1, DELAY_BUCKETS):
            counts[i] = counts[i + shift] if i + shift < DELAY_BUCKETS else 0
    else:
        last = DELAY_BUCKETS - 1
        for i in range(max(last + shift, 0), last):
            counts[last] += counts[i]
        for i in range(last - 1, -1, -1):
            counts[i] = counts[i + shift] if i + shift >= 0 else 0


@kernel
def _forget(leg: Any) -> None:
    total = 0
    for i in range(DELAY_BUCKETS):
        leg.jd_counts[i] -= (leg.jd_counts[i] + (1 << _FORGET_SHIFT) - 1) >> _FORGET_SHIFT
        total += leg.jd_counts[i]
    leg.jd_total = total
    leg.jd_lost -= (leg.jd_lost + (1 << _FORGET_LOSS_SHIFT) - 1) >> _FORGET_LOSS_SHIFT
    leg.jd_came -= (leg.jd_came + (1 << _FORGET_LOSS_SHIFT) - 1) >> _FORGET_LOSS_SHIFT
    leg.jd_forget_at = leg.jb_clock + (FORGET << leg.wide)


@kernel
def _cheapest(leg: Any) -> int:
    """Bucket at which the impairment by delay and by late loss is least."""
    late = leg.jd_total
    best, least = 0, 1e9
    for i in range(DELAY_BUCKETS):
        late -= leg.jd_counts[i]
        if i == 0 or leg.jd_counts[i] > 0:
            ms = i * (BUCKET / 8)
            percent = 100.0 * late / max(leg.jd_total, 1)
            cost = _PER_MS * ms + _LONG_PER_MS * max(ms - _LONG_MS, 0.0)
            cost += _IMPAIRMENT * percent / (percent + _ROBUSTNESS)
            if cost < least:
                best, least = i, cost
    return best


@kernel
def _foresight(leg: Any) -> int:
    """Delay that lets concealment see what follows on a lost packet, 0 while too little is lost for that."""
    percent = 100.0 * leg.jd_lost / max(leg.jd_came + leg.jd_lost, 1)
    gain = _IMPAIRMENT * percent / (percent + _ROBUSTNESS) - _IMPAIRMENT * percent / (percent + _FORESIGHT_ROBUSTNESS)
    price = _PER_MS * (leg.jd_packet >> leg.wide) / 8
    leg.jd_foresight = 1 if gain > (price / 2 if leg.jd_foresight else price) else 0
    return leg.jd_packet if leg.jd_foresight else 0


@kernel
def lost(leg: Any) -> None:
    """Take in that the stream has a hole; it counts as one packet, for of a longer one only the end is bridged."""
    leg.jd_lost += leg.jd_packet >> leg.wide


@kernel
def settle(leg: Any) -> None:
    """Decide the wanted offset anew."""
    _follow_base(leg)
    lowest = base(leg)
    want = leg.jd_reference + _cheapest(leg) * (BUCKET << leg.wide)
    want = min(want, max(leg.jd_high, leg.jd_high_before))
    want = max(want, lowest + max(leg.jb_least, _foresight(leg)))
    leg.jd_want = min(want, lowest + leg.jb_most)
    leg.jb_target = leg.jd_want - lowest


@kernel
def _turn_window(leg: Any, low: int, careful: int) -> None:
    """Begin a new window; what the fastest arrivals moved by in the last one sets the guard."""
    if max(leg.jd_exact, leg.jd_exact_before) != _UNKNOWN:
        later = max(leg.jd_exact - leg.jd_exact_before, 0) * (_AHEAD << leg.wide) // leg.jd_window
        leg.jd_guard = min((LEAST_GUARD << leg.wide) + later, MOST_GUARD << leg.wide)
    leg.jd_exact_before, leg.jd_exact = leg.jd_exact, _UNKNOWN
    leg.jd_low_before, leg.jd_high_before = leg.jd_low, leg.jd_high
    leg.jd_low, leg.jd_high = low, careful
    leg.jd_window = min(2 * leg.jd_window, WINDOW << leg.wide)
    leg.jd_window_end = leg.jb_clock + leg.jd_window


@kernel
def note(leg: Any, ts: int, length: int, waited: int) -> None:
    """Take in that the packet of `length` samples from time `ts` on is read now, after it `waited` (0: not known)."""
    needed = leg.jb_clock - ts
    careful = needed + (FRAME << leg.wide) if waited < leg.jd_guard else needed
    # One packet with a damaged timestamp must not look like a faster path: two in a row have to agree.
    low = max(needed, leg.jd_previous)
    exact = max(needed - waited, leg.jd_exact_previous)
    leg.jd_previous = needed
    leg.jd_exact_previous = needed - waited
    leg.jd_packet = length
    if leg.jb_clock >= leg.jd_window_end:
        _turn_window(leg, low, careful)
    leg.jd_exact = min(leg.jd_exact, exact)
    leg.jd_low = min(leg.jd_low, low)
    leg.jd_high = max(leg.jd_high, careful)
    width = BUCKET << leg.wide
    bucket = min(max((careful - leg.jd_reference + width - 1) // width, 0), DELAY_BUCKETS - 1)
    weight = length >> leg.wide
    leg.jd_counts[bucket] += weight
    leg.jd_total += weight
    leg.jd_came += weight
    forget = leg.jb_clock >= leg.jd_forget_at
    if forget:
        _forget(leg)
    if forget or careful > leg.jd_want or low < leg.jd_reference:
        settle(leg)
