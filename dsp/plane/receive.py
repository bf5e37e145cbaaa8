"""Receiving: from the socket to the playout ring, the detectors and the events, one packet at a time."""

from typing import Any

from dsp.detectors import dtmf, dtmf_digit
from dsp.jit import MSG_DONTWAIT, c_recv, kernel
from dsp.plane import (
    clock,
    codec,
    comfort_noise,
    digits,
    jitter,
    learning,
    levels,
    packets,
    quality,
    rtcp,
    source,
    srtp,
    telephone_events,
)
from dsp.plane import layout as lo
from dsp.plane.commands import end_play, push_digit
from dsp.plane.rings import push_event

#: Packets that a leg may bring: so many a tick in the long run, so many at once (what a path held back for 300 ms and
#: more comes in one tick). More are read and dropped, up to the last number a tick.
PACKETS_A_TICK = 8
PACKETS_AT_ONCE = 32
MAX_READ = 72
MAX_RTCP = 4
#: An in-band digit ends when the stream pauses this long.
PAUSE_NS = 100_000_000
#: The methods that tell one key press may see its onset this far apart (gateways need up to 60 ms to make an event).
ONSETS_APART_NS = 80_000_000


@kernel
def _refuse(state: Any, leg: Any) -> None:
    leg.rx_refused += 1
    state.ctl[lo.PACKETS_REFUSED] += 1


@kernel
def _inband(state: Any, work: Any, slot: int, rows: int, now_ns: int) -> None:
    """Tell the in-band digits that ended; times count back from the newest sample, which has just arrived."""
    for i in range(rows):
        d = work.dtmf_out[i]
        start = _instant(state.dtmf[slot], d[1], now_ns)
        _barge(state, slot, start, now_ns)
        duration = (d[2] - d[1]) * lo.NS_PER_SAMPLE
        state.legs[slot].dg_tone = d[0]
        state.legs[slot].dg_tone_ns = start + duration
        push_event(state, lo.EV_DIGIT, slot, now_ns, lo.METHOD_INBAND, d[0], start, duration, d[3], 1)


@kernel
def _instant(detector: Any, sample: int, now_ns: int) -> int:
    """When a sample of the stream came, where the newest one came at `now_ns`."""
    return now_ns - (detector.position + detector.held - sample) * lo.NS_PER_SAMPLE


@kernel
def _barge(state: Any, slot: int, onset_ns: int, now_ns: int) -> None:
    """Let a key that went down at `onset_ns` stop the play; the one place that decides it.

    Only a key that went down during the play does: the key that stopped the prompt before is still down when the next
    one begins, and its other methods have yet to tell it. Keys in the first moments are left to the controller, which
    knows repeats: when such a key is told at its end and is a new one, the controller stops the play.
    """
    leg = state.legs[slot]
    if leg.pl_barge and onset_ns > leg.pl_start_ns + ONSETS_APART_NS:
        end_play(state, slot, lo.PLAY_BARGED, now_ns)


@kernel
def _audio(
    state: Any, work: Any, slot: int, codec_: int, offset: int, octets: int, timestamp: int, marker: int, now_ns: int
) -> None:
    leg, ring, pcm = state.legs[slot], state.jitter[slot], work.pcm8 if state.legs[slot].wide else work.pcm
    ts = jitter.unwrap(leg, timestamp)
    gap = ts - leg.jb_newest_ts if leg.jb_started != jitter.STOPPED else 0
    count = codec.decode(
        state.codec[slot], leg.wide, codec_, work.packet, offset, octets, gap >= 0, work.pcm, work.pcm8, work.codec
    )
    size = count >> leg.wide  # at 8 kHz
    if size <= 0:  # not one sample, as of half a word of L16
        _refuse(state, leg)
        return
    power = levels.mean_square(pcm, size)
    if power >= levels.LOUD:
        work.loud[slot] += size
        if leg.first_sound_ns == 0:
            leg.first_sound_ns = now_ns
    else:
        work.quiet[slot] += size
    quality.note_received(leg, power, size)
    if leg.dg_deaf == 0 and gap >= 0:  # what comes out of order is too old for the detector
        detector = state.dtmf[slot]
        if gap > 0:
            _inband(state, work, slot, dtmf.skip(detector, gap >> leg.wide, work.dtmf_out), now_ns)
        rows = 0
        if dtmf.is_quiet(detector, power, size):
            dtmf.pass_quiet(detector, size)
        else:
            rows = dtmf.take(detector, pcm, size, work.dtmf_out)
        if rows > 0:
            _inband(state, work, slot, rows, now_ns)
        if detector.phase == dtmf_digit.ON:
            digits.hide(leg, now_ns)
            _barge(state, slot, _instant(detector, detector.onset, now_ns), now_ns)
    if gap >= 0:
        comfort_noise.voice(leg)
    resyncs = leg.jb_resyncs
    # A step in time that no lost packet explains is a pause, whether there is a marker or not.
    pause = 1 if marker or (gap > 0 and leg.rx_step == 1) else 0
    waited = max(now_ns - leg.rx_arrival_ns, 0) // (lo.NS_PER_SAMPLE >> leg.wide)
    placed = jitter.put(leg, ring, work.pcm, count, ts, pause, waited)
    state.ctl[lo.RESYNCS] += leg.jb_resyncs - resyncs
    if placed == jitter.PLACED:
        quality.note_delay(leg, ts)
    elif placed == jitter.LATE:
        state.ctl[lo.PACKETS_LATE] += 1
    elif placed == jitter.DUPLICATE:
        state.ctl[lo.PACKETS_DUPLICATE] += 1


@kernel
def _format(leg: Any, payload_type: int, now_ns: int) -> tuple[int, bool]:
    """Tell a packet's codec (-1: none of ours) and whether it is a telephone event.

    After a change the earlier types are taken for a while, see `commands.GRACE_NS`.
    """
    if payload_type == leg.te_payload_type:
        return -1, True
    if payload_type == leg.payload_type:
        return leg.codec, False
    if now_ns < leg.old_until_ns:
        if payload_type == leg.old_te_payload_type:
            return -1, True
        if payload_type == leg.old_payload_type:
            return leg.old_codec, False
    return -1, False


@kernel
def on_packet(state: Any, work: Any, slot: int, length: int, now_ns: int) -> None:
    """Take in the packet in `work.packet[:length]`."""
    leg = state.legs[slot]
    offset, size, payload_type, marker, sequence, timestamp, ssrc = packets.parse(work.packet, length)
    codec_, is_event = _format(leg, payload_type, now_ns)
    is_noise = payload_type == leg.cn_payload_type and leg.cn_payload_type > 0
    usable = is_event or is_noise or not codec.octets_are_wrong(codec_, size)
    if offset < 0 or leg.connected == 0 or not usable:
        _refuse(state, leg)
        return
    verdict, highest = source.ACCEPT, leg.rx_max_seq
    if not is_event or source.is_present(leg, ssrc):
        # Some senders give events an SSRC of their own, in between those of the audio. They come from the negotiated
        # peer (the socket is connected), so the key counts; of the audio's source they say nothing.
        verdict = source.admit(leg, ssrc, sequence)
        if verdict == source.ACCEPT:
            quality.note_sequence(leg, highest, sequence)
    if verdict == source.REFUSE:
        _refuse(state, leg)
        return
    if verdict == source.REPEATED:
        leg.jb_duplicate += 1
        state.ctl[lo.PACKETS_DUPLICATE] += 1
        return
    if verdict == source.ACCEPT_NEW:
        leg.rc_bye = 0
        jitter.restart(state, slot)
        codec.forget_source(state.codec[slot])
        _inband(state, work, slot, dtmf.flush(state.dtmf[slot], work.dtmf_out), now_ns)
    leg.rx_packets += 1
    leg.rx_octets += size
    leg.rx_last_ns = now_ns
    state.ctl[lo.PACKETS_IN] += 1
    if is_event:
        what, rows = telephone_events.take(leg, work.packet, offset, size, marker, timestamp, ssrc, now_ns, work.te_out)
        if what == telephone_events.BEGAN:
            _barge(state, slot, leg.te_start_ns, now_ns)
        for row in range(rows):
            push_digit(state, work, slot, now_ns, row)
        return
    if is_noise:
        comfort_noise.take(leg, work.packet, offset, size, jitter.unwrap(leg, timestamp) >= leg.jb_newest_ts)
        return
    source.note_transit(leg, timestamp, leg.rx_arrival_ns // (lo.NS_PER_SAMPLE >> leg.rtp_wide))
    _audio(state, work, slot, codec_, offset, size, timestamp, marker, now_ns)


@kernel
def _take_rtcp(state: Any, work: Any, slot: int, fd: int, length: int) -> None:
    """Take in the report in `work.packet[:length]`, read from `fd`."""
    leg = state.legs[slot]
    # Its own arrival, where that is known: the time that a report lay unread would count as round trip.
    wall_ns = clock.wall_ns(work.timespec)
    wall_ns = clock.arrival_ns(state.ctl, work.stamp, fd, wall_ns, wall_ns)
    opened = srtp.unprotect_rtcp(state, work, slot, length)
    if opened < 0:
        return  # counted there
    if leg.connected and rtcp.take(leg, work.packet, opened, wall_ns):
        leg.rc_in += 1
        state.ctl[lo.RTCP_IN] += 1
    else:
        state.ctl[lo.RTCP_REFUSED] += 1


@kernel
def _datagram(state: Any, work: Any, slot: int, length: int, now_ns: int) -> None:
    """Take in what was just read from the RTP socket, `work.packet[:length]`."""
    leg = state.legs[slot]
    if leg.rc_mux and rtcp.is_rtcp(work.packet, length):
        _take_rtcp(state, work, slot, leg.rtp_fd, length)
        return
    opened = srtp.unprotect(state, work, slot, length)  # once: the second time a packet is a replay
    if opened < 0:
        return  # counted there
    if leg.ln_state == learning.LEARNING and not learning.wins(leg, work.packet, opened, work.sender, now_ns):
        _refuse(state, leg)
        return
    leg.rx_arrival_ns = clock.arrival_ns(state.ctl, work.stamp, leg.rtp_fd, now_ns, work.wall[0])
    on_packet(state, work, slot, opened, now_ns)


@kernel
def _read(leg: Any, work: Any) -> int:
    """Read a datagram of the RTP socket, with its sender while that matters."""
    if leg.ln_state != learning.OFF:
        return learning.receive(work, leg.rtp_fd)
    return c_recv(leg.rtp_fd, work.packet.ctypes.data, packets.BUFFER, MSG_DONTWAIT)


@kernel
def receive_leg(state: Any, work: Any, slot: int, now_ns: int) -> None:
    """Read what a leg's socket holds, a bounded number of packets."""
    leg = state.legs[slot]
    work.loud[slot] = 0
    work.quiet[slot] = 0
    srtp.watch(leg, work, slot, leg.begin_tick)
    if leg.rtp_fd < 0:
        return
    leg.rx_burst = max(leg.rx_burst - PACKETS_A_TICK, 0)
    for count in range(MAX_READ):
        length = _read(leg, work)
        if length < 0 and (count == 0 or leg.ln_state != learning.OFF):
            # A peer that sends and does not listen answers each packet of ours by ICMP, and the kernel tells that
            # first (ECONNREFUSED, once); what the peer sent lies behind it.
            length = _read(leg, work)
        if length < 0:
            learning.emptied(leg)
            return
        # What candidates send is not counted as taken: a stranger's flood must not crowd the peer out.
        taken = 0 if leg.ln_state == learning.LEARNING else 1
        if leg.ln_state != learning.OFF and not learning.is_candidate(leg, work.packet, length, work.sender):
            _refuse(state, leg)
        elif taken and leg.rx_burst >= PACKETS_AT_ONCE:
            leg.rx_flooded += 1
            state.ctl[lo.PACKETS_FLOODED] += 1
        else:
            leg.rx_burst += taken
            _datagram(state, work, slot, length, now_ns)


@kernel
def watch_leg(state: Any, work: Any, slot: int, now_ns: int) -> None:
    """Do what time decides: lost ends of digits, sound and silence, a peer that has stopped."""
    leg = state.legs[slot]
    if telephone_events.expire(leg, now_ns, work.te_out[0]):
        push_digit(state, work, slot, now_ns, 0)
    silent = now_ns - max(leg.rx_last_ns, leg.rx_watch_ns)
    if silent >= PAUSE_NS and state.dtmf[slot].phase != dtmf_digit.IDLE:
        _inband(state, work, slot, dtmf.flush(state.dtmf[slot], work.dtmf_out), leg.rx_last_ns)
    quiet = work.quiet[slot]
    if work.loud[slot] == 0 and quiet == 0:
        quiet = lo.FRAME
    change = levels.update(leg, work.loud[slot], quiet)
    if change != 0:
        push_event(state, lo.EV_SOUND, slot, now_ns, 1 if change > 0 else 0, now_ns, 0, 0, 0, 0)
    silence_ns, quiet = state.ctl[lo.SILENCE_TICKS] * lo.TICK_NS, state.ctl[lo.QUIET_TICKS] * lo.FRAME
    packets_, sound, deaf = quality.watch(leg, silence_ns, quiet, now_ns)
    if packets_ != 0 or sound != 0 or deaf != 0:
        quality.tell(state, slot, now_ns, packets_, sound, deaf)
    learning.watch(leg, now_ns)


@kernel
def _drop_rtcp(state: Any, work: Any, leg: Any) -> None:
    """Throw away what strangers may have sent to the RTCP socket before it was connected."""
    for _ in range(MAX_READ):
        if c_recv(leg.rtcp_fd, work.packet.ctypes.data, packets.BUFFER, MSG_DONTWAIT) < 0:
            learning.rtcp_emptied(leg)
            return
        state.ctl[lo.RTCP_REFUSED] += 1


@kernel
def receive_rtcp(state: Any, work: Any, slot: int) -> None:
    """Read what a leg's RTCP socket holds."""
    leg = state.legs[slot]
    if leg.rtcp_fd < 0:
        return
    if leg.ln_rtcp_dirty:
        _drop_rtcp(state, work, leg)
        return
    for _ in range(MAX_RTCP):
        length = c_recv(leg.rtcp_fd, work.packet.ctypes.data, packets.BUFFER, MSG_DONTWAIT)
        if length < 0:
            return
        _take_rtcp(state, work, slot, leg.rtcp_fd, length)
