"""What is counted of a leg's quality while it lasts: inputs of the E-model, levels, and missing audio.

Each function is called from one place of the pass and costs a few additions. The figures themselves are computed by
who reads them (`edge.media.figures`).
"""

from typing import Any

from dsp.codecs.g711 import POWER_0_DBM0
from dsp.jit import kernel
from dsp.plane import layout as lo
from dsp.plane import source
from dsp.plane.rings import push_event

#: A packet of less than -60 dBm0 holds no sound: A-law's idle code is at -66 dBm0, a quiet room above -55.
NOISE_FLOOR = POWER_0_DBM0 * 10**-6.0
#: Mean squares are smoothed over 2**SMOOTHING steps.
SMOOTHING = 3
#: Our level is looked at in one of so many ticks.
LEVEL_TICKS = 4
#: Reports in a row that must say that nothing of ours arrives: with one every 5 s, 5 to 15 s.
DEAF_REPORTS = 2


@kernel
def jitter_us(leg: Any) -> int:
    """Interarrival jitter (RFC 3550 section 6.4.1) of the present source, microseconds."""
    return leg.rx_jitter_q4 * 1_000_000 // (16 * (lo.SAMPLE_RATE << leg.rtp_wide))


@kernel
def note_sequence(leg: Any, before: int, sequence: int) -> None:
    """Count holes in the sequence numbers: `before` was the highest one until the packet `sequence` was accepted.

    Runs of missing packets give the burst ratio (G.107 section 7.5). A packet that comes after its turn fills its place
    in the hole, so reordering does not count as loss.
    """
    delta = (sequence - before) & 0xFFFF
    if delta == 0:
        return
    if delta < source.MAX_DROPOUT:
        if delta > 1:
            leg.ql_gaps += 1
            leg.ql_gap_packets += delta - 1
        return
    leg.ql_reordered += 1
    if leg.ql_gap_packets > 0:
        leg.ql_gap_packets -= 1
        leg.ql_gaps = min(leg.ql_gaps, leg.ql_gap_packets)


@kernel
def note_received(leg: Any, power: float, size: int) -> None:
    """Take the mean square of a packet of `size` samples at 8 kHz."""
    leg.ql_power_in += (int(power) - leg.ql_power_in) >> SMOOTHING
    if power >= NOISE_FLOOR or leg.expect == 0:  # who holds us may well be silent
        leg.ql_quiet = 0
    else:
        leg.ql_quiet += size


@kernel
def note_delay(leg: Any, ts: int) -> None:
    """Take the time that a packet's first sample (`ts`, unwrapped) has to wait for its turn; late ones do not count."""
    wait = (ts - leg.jb_play_ts) * 125 >> leg.wide
    if wait < 0:
        return
    leg.ql_delay_sum_us += wait
    leg.ql_delays += 1
    leg.ql_delay_max_us = max(leg.ql_delay_max_us, wait)


@kernel
def note_sent(leg: Any, power: float) -> None:
    """Take the mean square of what the peer is sent in this tick."""
    leg.ql_power_out += (int(power) - leg.ql_power_out) >> 1


@kernel
def _sum_up(leg: Any) -> None:
    if leg.rx_state != source.VALID or leg.expect == 0:
        return
    jitter = jitter_us(leg)
    leg.ql_ticks += 1
    leg.ql_talk_ticks += leg.lv_on
    leg.ql_jitter_sum_us += jitter
    leg.ql_jitter_max_us = max(leg.ql_jitter_max_us, jitter)


@kernel
def _watch_packets(leg: Any, limit_ns: int, now_ns: int) -> int:
    """Whether RTP has stopped (1) or comes again (-1)."""
    if leg.rx_stop_told != 0:
        return -1 if leg.rx_last_ns > leg.rx_stop_told else 0
    missing = now_ns - max(leg.rx_last_ns, leg.rx_watch_ns)
    return 1 if limit_ns > 0 and leg.expect and leg.connected and missing >= limit_ns else 0


@kernel
def _watch_sound(leg: Any, limit: int) -> int:
    """Whether the stream holds nothing but silence (1) or has sound again (-1); `limit` in samples."""
    if leg.ql_quiet_told_ns != 0:
        return -1 if leg.ql_quiet == 0 else 0
    return 1 if limit > 0 and leg.ql_quiet >= limit and leg.expect else 0


@kernel
def _watch_deaf(leg: Any) -> int:
    """Whether by the peer's reports nothing of ours arrives (1) or does again (-1)."""
    if leg.ql_deaf_told_ns != 0:
        return -1 if leg.rc_deaf == 0 else 0
    return 1 if leg.rc_deaf >= DEAF_REPORTS and leg.transmit else 0


@kernel
def watch(leg: Any, silence_ns: int, quiet_samples: int, now_ns: int) -> tuple[int, int, int]:
    """Sum up a tick of the leg; gives for each fault 1 when it is to be told, -1 when its end is (see `tell`).

    Of the whole state it takes the two limits only: to hand the state over costs more than all that is done here.
    """
    _sum_up(leg)
    return _watch_packets(leg, silence_ns, now_ns), _watch_sound(leg, quiet_samples), _watch_deaf(leg)


@kernel
def tell(state: Any, slot: int, now_ns: int, packets: int, sound: int, deaf: int) -> None:
    """Tell the changes that `watch` gave."""
    leg = state.legs[slot]
    if packets != 0:
        missing = now_ns - (leg.rx_stop_told if packets < 0 else max(leg.rx_last_ns, leg.rx_watch_ns))
        _tell(state, slot, now_ns, packets, missing, lo.FAULT_NO_PACKETS)
        leg.rx_stop_told = now_ns if packets > 0 else 0
    if sound != 0:
        missing = now_ns - leg.ql_quiet_told_ns if sound < 0 else leg.ql_quiet * lo.NS_PER_SAMPLE
        _tell(state, slot, now_ns, sound, missing, lo.FAULT_NO_SOUND)
        leg.ql_quiet_told_ns = now_ns if sound > 0 else 0
    if deaf != 0:
        # Known by reports only, so for how long is not known when it begins.
        missing = now_ns - leg.ql_deaf_told_ns if deaf < 0 else 0
        _tell(state, slot, now_ns, deaf, missing, lo.FAULT_NOT_RECEIVED)
        leg.ql_deaf_told_ns = now_ns if deaf > 0 else 0


@kernel
def _tell(state: Any, slot: int, now_ns: int, change: int, missing_ns: int, fault: int) -> None:
    kind = lo.EV_AUDIO_STOPPED if change > 0 else lo.EV_AUDIO_RESUMED
    push_event(state, kind, slot, now_ns, missing_ns, fault, 0, 0, 0, 0)
