"""One pass over all legs: every 20 ms, `before_send`, a wait for the send instant, `send`.

The phases, and the numbers of the crash points between them, are in the order of the code below.
"""

from typing import Any

from dsp.jit import c_write, fence, kernel
from dsp.plane import (
    ahead,
    call_progress,
    clock,
    codec,
    comfort_noise,
    digits,
    edges,
    hearing,
    jitter,
    learning,
    levels,
    privacy,
    quality,
    rooms,
    rtcp,
    source,
    srtp,
)
from dsp.plane import layout as lo
from dsp.plane.commands import take_commands
from dsp.plane.compose import compose
from dsp.plane.packetise import send_leg
from dsp.plane.receive import receive_leg, receive_rtcp, watch_leg
from dsp.plane.rings import push_event

#: Number of crash points; point n lies after phase n.
PHASES = 9
#: Ticks between two looks at a leg's RTCP socket (160 ms).
RTCP_TICKS = 8


@kernel
def _record_gap(state: Any, leg: Any, slot: int, upto: int) -> bool:
    """Fill the recorder's ring with silence up to frame `upto`, as far as there is room; whether it got there."""
    while leg.rec_write < upto:
        room = min(lo.RECORD_FRAMES - (leg.rec_write - leg.rec_read), upto - leg.rec_write)
        if room <= 0:
            state.ctl[lo.RECORD_OVERRUNS] += 1
            return False
        ring = state.record[slot]
        for i in range(leg.rec_write, leg.rec_write + room):
            ring[i % lo.RECORD_FRAMES, 0] = 0
            ring[i % lo.RECORD_FRAMES, 1] = 0
        leg.rec_gap_left += room
        leg.rec_gap_right += room
        fence()
        leg.rec_write += room
    return True


@kernel
def _record(state: Any, work: Any, slot: int, tick: int) -> None:
    """Give the recorder this tick's frame: left what the leg says, right what it is sent; the tick is its place."""
    leg = state.legs[slot]
    at = (tick - leg.rec_start_tick) * lo.FRAME
    if at < leg.rec_write or not _record_gap(state, leg, slot, at):
        return
    if at + lo.FRAME - leg.rec_read > lo.RECORD_FRAMES:
        state.ctl[lo.RECORD_OVERRUNS] += 1
        return
    ring, left, right = state.record[slot], work.rx8[slot], work.tx8[slot]
    base = at % lo.RECORD_FRAMES  # a multiple of the frame, which divides the ring
    for i in range(lo.FRAME):
        ring[base + i, 0] = 0 if leg.pv_on else left[i]
        ring[base + i, 1] = 0 if leg.pv_on else right[i]
    leg.rec_gap_left += work.holes[slot] >> leg.wide
    fence()  # the frame is in the ring before the writer sees the index
    leg.rec_write = at + lo.FRAME


@kernel
def _follow_grid(leg: Any, tick: int) -> None:
    """RTP time goes on with the grid, over missed ticks too."""
    if tick > leg.tx_tick:
        leg.tx_ts = (leg.tx_ts + (lo.FRAME << leg.rtp_wide) * (tick - leg.tx_tick)) & 0xFFFFFFFF
        leg.tx_tick = tick


@kernel
def _hear(state: Any, work: Any, slot: int, now_ns: int) -> None:
    """Make the frame that a leg is sent, whole: with what fills a pause, and without a click."""
    leg, out = state.legs[slot], work.tx[slot]
    made_from = edges.source(leg)
    compose(state, work, slot, now_ns)
    if made_from == edges.NOTHING and state.ctl[lo.IDLE_NOISE] < 0:
        comfort_noise.idle(leg, out, lo.FRAME << leg.wide, state.ctl[lo.IDLE_NOISE])
    edges.join(leg, out, made_from)


@kernel
def before_send(state: Any, work: Any, tick: int, now_ns: int) -> int:
    """Phases 1 to 6, all that does not wait for the send instant; gives the command ring's tail for `send`."""
    ctl, legs = state.ctl, state.legs
    used = ctl[lo.SLOTS_USED]
    work.wall[0] = clock.wall_ns(work.timespec)
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN:
            legs[slot].begin_tick = tick
            _follow_grid(legs[slot], tick)
    clock.crash_point(ctl, 1)
    tail = take_commands(state, work, tick, now_ns)
    clock.crash_point(ctl, 2)
    used = ctl[lo.SLOTS_USED]
    for slot in range(used):
        if slot + 2 < used:
            ahead.record(state.leg_words, slot + 2)
        if slot + 1 < used:
            ahead.places(legs[slot + 1], state.leg_words, state.jitter[slot + 1], slot + 1)
        if legs[slot].state == lo.LEG_OPEN:
            receive_leg(state, work, slot, now_ns)
            watch_leg(state, work, slot, now_ns)
            if legs[slot].pv_on:
                privacy.settle(state, slot, tick, now_ns)
    clock.crash_point(ctl, 3)
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN:
            before = legs[slot].jb_concealed
            work.holes[slot] = jitter.play(legs[slot], state.jitter[slot], work.rx[slot])
            row, rx, rx8 = state.codec[slot], work.rx[slot], work.rx8[slot]
            codec.narrow(row, lo.CODEC_PLAYED_DOWN, legs[slot].wide, rx, rx8, work.codec)
            ctl[lo.CONCEALED] += (legs[slot].jb_concealed - before) >> legs[slot].wide
    hearing.hear(state, work, used, now_ns)
    call_progress.listen(state, work, used, now_ns)
    rooms.gather(legs, work.rooms, work.rx, work.rx8, used, now_ns)
    clock.crash_point(ctl, 4)
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN:
            _hear(state, work, slot, now_ns)
            if (tick + slot) % quality.LEVEL_TICKS == 0:
                quality.note_sent(legs[slot], levels.mean_square(work.tx[slot], lo.FRAME << legs[slot].wide))
    clock.crash_point(ctl, 5)
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN and legs[slot].rec_active:
            row, tx, tx8 = state.codec[slot], work.tx[slot], work.tx8[slot]
            codec.narrow(row, lo.CODEC_SENT_DOWN, legs[slot].wide, tx, tx8, work.codec)
            _record(state, work, slot, tick)
    clock.crash_point(ctl, 6)
    return tail


@kernel
def _advance_digits(state: Any, slot: int, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.dg_active and digits.advance(leg):
        push_event(state, lo.EV_DIGITS_SENT, slot, now_ns, leg.dg_number, leg.dg_count, 0, 0, 0, 0)
        leg.dg_active = 0


@kernel
def _rtcp_leg(state: Any, work: Any, slot: int, tick: int) -> None:
    leg = state.legs[slot]
    # Reports come every 5 s, and to ask a socket that lay idle is a tenth of all that a leg costs in a tick. Only where
    # the kernel does not tell when they came, the time that a report lies unread counts as round trip.
    if leg.ln_rtcp_dirty or state.ctl[lo.ARRIVAL_STAMPS] == 0 or (tick + slot) % RTCP_TICKS == 0:
        receive_rtcp(state, work, slot)
    if tick < leg.rc_next_tick:
        return
    leg.rc_next_tick = tick + rtcp.next_interval(leg, tick)
    if leg.connected == 0 or leg.rtcp_fd < 0 or (leg.tx_packets == 0 and leg.rx_state != source.VALID):
        return
    length = rtcp.build(leg, work.packet_out, clock.wall_ns(work.timespec), 0)
    length = srtp.protect_rtcp(state, work, slot, work.packet_out, length)
    if length > 0 and learning.send(leg, work.packet_out, length, 1) > 0:
        leg.rc_out += 1
        state.ctl[lo.RTCP_OUT] += 1


@kernel
def send(state: Any, work: Any, tick: int, tail: int, now_ns: int) -> None:
    """Phases 7 to 9 and the tick's end mark."""
    ctl, legs = state.ctl, state.legs
    used = ctl[lo.SLOTS_USED]
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN:
            send_leg(state, work, slot, tick)
    clock.crash_point(ctl, 7)
    for slot in range(used):
        if legs[slot].state == lo.LEG_OPEN:
            _advance_digits(state, slot, now_ns)
            _rtcp_leg(state, work, slot, tick)
    clock.crash_point(ctl, 8)
    for slot in range(used):
        legs[slot].end_tick = legs[slot].begin_tick
    fence()
    ctl[lo.COMMAND_TAIL] = tail
    ctl[lo.TICK] = tick + 1
    clock.crash_point(ctl, 9)
    if ctl[lo.EVENT_HEAD] != ctl[lo.EVENT_TAIL] and ctl[lo.WAKE_FD] >= 0:
        c_write(ctl[lo.WAKE_FD], work.wake.ctypes.data, 8)


@kernel
def take_up(state: Any, now_ns: int) -> None:
    """Prepare the state for this engine; called once before the first tick.

    A new state gets its grid. On an old one the grid goes on, and legs whose tick was torn are resynchronised: the
    receive side has to prove its source again, the sender leaves out one sequence number.
    """
    ctl, legs = state.ctl, state.legs
    if ctl[lo.GRID_ANCHOR_NS] == 0:
        ctl[lo.GRID_ANCHOR_NS] = now_ns - ctl[lo.TICK] * lo.TICK_NS
    for slot in range(ctl[lo.SLOTS_USED]):
        leg = legs[slot]
        if leg.state == lo.LEG_OPEN and leg.begin_tick != leg.end_tick:
            source.restart(leg)
            leg.tx_seq = (leg.tx_seq + 1) & 0xFFFF
            leg.pk_octets = 0
            leg.end_tick = leg.begin_tick
            ctl[lo.TORN_LEGS] += 1
    ctl[lo.TAKE_UPS] += 1
