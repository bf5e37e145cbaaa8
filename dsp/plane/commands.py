"""Commands of the controller, taken at the start of a tick.

A command counts as done only at the tick's end mark, so after a crash it is applied again: each is a no-op when its
generation or number says that it was applied, and a leg's number is written last.
"""

from typing import Any

from dsp.codecs import g722
from dsp.detectors import dtmf, dtmf_digit, speech
from dsp.detectors.dtmf_tables import DIGIT_CODES
from dsp.jit import fence, kernel
from dsp.plane import (
    call_progress,
    clock,
    codec,
    digits,
    gain,
    hearing,
    jitter,
    learning,
    privacy,
    rooms,
    rtcp,
    srtp,
    telephone_events,
)
from dsp.plane import layout as lo
from dsp.plane.rings import push_event

#: How long packets of the earlier payload types are taken after a change. The peer may send the old format until it has
#: our answer, and a lost 200 OK comes again after 0.5, 1 and 2 s (RFC 3261 section 13.3.1.4).
GRACE_NS = 4_000_000_000


@kernel
def _count_used(state: Any) -> None:
    used = state.ctl[lo.SLOTS_USED]
    while used > 0 and state.legs[used - 1].state == lo.LEG_FREE:
        used -= 1
    state.ctl[lo.SLOTS_USED] = used


@kernel
def end_play(state: Any, slot: int, how: int, now_ns: int) -> None:
    """End what plays on a leg, if anything does."""
    leg = state.legs[slot]
    if leg.pl_active:
        push_event(state, lo.EV_PLAY_ENDED, slot, now_ns, leg.pl_number, how, leg.pl_played, 0, 0, 0)
        leg.pl_active = 0


@kernel
def _end_recording(state: Any, slot: int, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.rec_active:
        push_event(
            state, lo.EV_RECORD_STOPPED, slot, now_ns, leg.rec_number, leg.rec_write, leg.rec_gap_left,
            leg.rec_gap_right, 0, 0,
        )  # fmt: skip
        leg.rec_active = 0


@kernel
def _open(state: Any, slot: int, entry: Any, tick: int) -> None:
    leg = state.legs[slot]
    if leg.state == lo.LEG_OPEN and leg.generation == entry[2]:
        return
    leg.state = lo.LEG_FREE
    fence()
    words = state.leg_words[slot]
    for i in range(words.shape[0]):
        words[i] = 0
    leg.begin_tick = tick
    leg.rtp_fd = entry[3]
    leg.rtcp_fd = entry[4]
    leg.ssrc = entry[5] & 0xFFFFFFFF
    leg.tx_seq = entry[6] & 0xFFFF
    leg.tx_ts = entry[7] & 0xFFFFFFFF
    leg.tx_tick = tick
    leg.tx_marker = 1
    for i in range(16):
        leg.cname[i] = (entry[8 + i // 8] >> (8 * (i % 8))) & 0xFF
    leg.te_payload_type = -1
    leg.rc_round_trip_us = -1
    leg.rc_peer_fraction = -1
    leg.rc_next_tick = tick + rtcp.next_interval(leg, tick) // 2
    jitter.restart(state, slot)
    codec.forget(state.codec[slot], 0, lo.CODEC_WORDS)
    speech.reset(state.speech[slot])
    dtmf.reset(state.dtmf[slot])  # a key that was down when the last leg went is none of this one
    digits.set_limits(state.dtmf[slot], 0)
    leg.generation = entry[2]
    state.ctl[lo.SLOTS_USED] = max(state.ctl[lo.SLOTS_USED], slot + 1)
    fence()
    leg.state = lo.LEG_OPEN


@kernel
def _change_codec(state: Any, slot: int, codec_: int, payload_type: int, te_payload_type: int, now_ns: int) -> None:
    """Go over to another codec or payload type; playout starts anew when samples or timestamps are other ones."""
    leg, row = state.legs[slot], state.codec[slot]
    rtp_wide = codec.rtp_is_wide(codec_)
    if leg.connected and (payload_type != leg.payload_type or te_payload_type != leg.te_payload_type):
        leg.old_codec = leg.codec
        leg.old_payload_type = leg.payload_type
        leg.old_te_payload_type = leg.te_payload_type
        # Timestamps of another clock mean nothing beside those of the new one.
        leg.old_until_ns = now_ns + GRACE_NS if leg.rtp_wide == rtp_wide else 0
    if leg.wide != codec.is_wide(codec_) or leg.rtp_wide != rtp_wide:
        codec.forget(row, 0, lo.CODEC_WORDS)
        leg.wide = codec.is_wide(codec_)
        if leg.rtp_wide != rtp_wide:
            leg.rx_transit = -1
            leg.rx_jitter_q4 = 0
        leg.rtp_wide = rtp_wide
        jitter.restart(state, slot)
    elif leg.codec != codec_:
        codec.forget(row, lo.CODEC_ENCODER, lo.CODEC_ENCODER + g722.WORDS)
    leg.payload_type = payload_type
    leg.te_payload_type = te_payload_type
    leg.codec = codec_


@kernel
def _update_remote(state: Any, slot: int, entry: Any, now_ns: int) -> None:
    leg = state.legs[slot]
    _change_codec(state, slot, min(max(entry[4], 0), lo.CODECS - 1), entry[5] & 0x7F, entry[6], now_ns)
    leg.connected = entry[3]
    leg.transmit = entry[7]
    leg.ptime_ms = entry[9]
    leg.te_wide = entry[10] & 1
    leg.dg_tones = entry[11]
    leg.dg_guard = entry[12]
    leg.cn_payload_type = entry[13] & 0x7F
    leg.rc_mux = entry[14]
    if entry[15] != leg.dg_deaf:
        dtmf.reset(state.dtmf[slot])  # what it heard before is no part of what it hears now
        leg.dg_deaf = entry[15]
    leg.dg_limits = entry[16]
    digits.set_limits(state.dtmf[slot], entry[16])
    jitter.adjust(state, slot)
    if leg.expect == 0 and entry[8] != 0:
        leg.rx_watch_ns = now_ns
    leg.expect = entry[8]


@kernel
def _play(state: Any, slot: int, entry: Any, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.pl_number == entry[3]:
        return
    end_play(state, slot, lo.PLAY_STOPPED, now_ns)
    count = min(max(entry[6], 0), lo.PLAY_ITEMS)
    total = 0
    for i in range(count):
        offset, length = entry[7 + i] >> 32, entry[7 + i] & 0xFFFFFFFF
        if offset < 0 or offset + length > state.prompts.shape[0]:
            state.ctl[lo.COMMANDS_BAD] += 1
            length = 0
        leg.pl_offset[i] = offset
        leg.pl_length[i] = length
        total += length
    leg.pl_count = count
    leg.pl_index = 0
    leg.pl_position = 0
    leg.pl_played = 0
    leg.pl_bent = 0
    # Nothing, repeated however often, is over at once: the tick must not count it down.
    leg.pl_left = 1 if total == 0 else (entry[4] if entry[4] > 0 else -1)
    leg.pl_barge = entry[5]
    leg.pl_mix = min(max(entry[lo.COMMAND_WORDS - 1], 0), gain.UNITY + 1)
    leg.pl_start_ns = now_ns
    leg.pl_active = 1
    fence()
    leg.pl_number = entry[3]


@kernel
def _bridge(state: Any, slot: int, entry: Any) -> None:
    other_slot, room = entry[3], entry[5] if entry[5] != 0 else slot + 1
    if other_slot < 0 or other_slot >= state.legs.shape[0] or other_slot == slot or not _is_room(state, room):
        state.ctl[lo.COMMANDS_BAD] += 1
        return
    other = state.legs[other_slot]
    if other.state != lo.LEG_OPEN or other.generation != entry[4]:
        state.ctl[lo.COMMANDS_STALE] += 1
        return
    rooms.join(state.legs[slot], room, lo.ROOM_TALK, -1, 0)
    rooms.join(other, room, lo.ROOM_TALK, -1, 0)


@kernel
def _is_room(state: Any, room: int) -> bool:
    return 0 < room <= state.legs.shape[0]


@kernel
def _room(state: Any, slot: int, entry: Any) -> None:
    if not _is_room(state, entry[3]) or entry[4] < lo.ROOM_TALK or entry[4] > lo.ROOM_WHISPER:
        state.ctl[lo.COMMANDS_BAD] += 1
        return
    rooms.join(state.legs[slot], entry[3], entry[4], max(entry[5], -1), entry[6])


@kernel
def _sound(leg: Any, entry: Any) -> None:
    leg.sd_muted = entry[3]
    leg.sd_deaf = entry[4]
    leg.sd_said = min(max(entry[5], -gain.UNITY), gain.MAX - gain.UNITY)
    leg.sd_heard = min(max(entry[6], -gain.UNITY), gain.MAX - gain.UNITY)
    leg.al_on = entry[7]


@kernel
def _record(state: Any, slot: int, number: int, tick: int, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.rec_number == number:
        return
    _end_recording(state, slot, now_ns)
    leg.rec_start_tick = tick
    leg.rec_write = 0
    leg.rec_read = 0
    leg.rec_gap_left = 0
    leg.rec_gap_right = 0
    leg.rec_active = 1
    fence()
    leg.rec_number = number
    if leg.pv_on:
        privacy.told(state, slot, now_ns, 1, 0)


@kernel
def _send_digits(state: Any, slot: int, entry: Any, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.dg_number == entry[3]:
        return
    if leg.dg_active:
        push_event(state, lo.EV_DIGITS_SENT, slot, now_ns, leg.dg_number, leg.dg_index, 0, 0, 0, 0)
        leg.dg_active = 0
    count = 0
    for i in range(min(max(entry[6], 0), lo.MAX_DIGITS)):
        code = (entry[7 + i // 8] >> (8 * (i % 8))) & 0x7F
        if digits.event_code(code) >= 0:
            leg.dg_digits[count] = code
            count += 1
    if count == 0:
        push_event(state, lo.EV_DIGITS_SENT, slot, now_ns, entry[3], 0, 0, 0, 0, 0)
        leg.dg_number = entry[3]
        return
    digits.start(leg, entry[3], entry[4], entry[5], count)


@kernel
def _close(state: Any, work: Any, slot: int, now_ns: int) -> None:
    leg = state.legs[slot]
    if leg.state == lo.LEG_OPEN:
        if telephone_events.end(leg, 0, work.te_out[0]):
            push_digit(state, work, slot, now_ns, 0)
        end_play(state, slot, lo.PLAY_STOPPED, now_ns)
        _end_recording(state, slot, now_ns)
        rooms.leave(leg)
        if leg.connected and leg.rtcp_fd >= 0 and leg.tx_packets + leg.rx_packets > 0:
            length = rtcp.build(leg, work.packet_out, clock.wall_ns(work.timespec), 1)
            length = srtp.protect_rtcp(state, work, slot, work.packet_out, length)
            if length > 0:
                learning.send(leg, work.packet_out, length, 1)
    push_event(state, lo.EV_LEG_CLOSED, slot, now_ns, 0, 0, 0, 0, 0, 0)
    leg.state = lo.LEG_FREE
    _count_used(state)


@kernel
def push_digit(state: Any, work: Any, slot: int, now_ns: int, row: int) -> None:
    """Tell a digit that came by RFC 4733, from a row of `work.te_out`."""
    d = work.te_out[row]
    bits = d[4] | (2 if _audible(state, slot, d[0], d[1]) else 0)
    push_event(state, lo.EV_DIGIT, slot, now_ns, lo.METHOD_RFC4733, d[0], d[1], d[2], d[3], bits)


@kernel
def _audible(state: Any, slot: int, digit: int, start_ns: int) -> bool:
    """Whether the tone of a key that came by RFC 4733 is, or was from its beginning on, in the audio, too."""
    leg, detector = state.legs[slot], state.dtmf[slot]
    if detector.phase == dtmf_digit.ON and DIGIT_CODES[detector.digit] == digit:
        return True
    return leg.dg_tone == digit and leg.dg_tone_ns > start_ns


@kernel
def _apply(state: Any, work: Any, entry: Any, tick: int, now_ns: int) -> None:
    kind, slot = entry[0], entry[1]
    known = lo.CMD_OPEN <= kind <= lo.CMD_LAST or lo.CMD_SECURE <= kind <= lo.CMD_PRIVATE
    if slot < 0 or slot >= state.legs.shape[0] or not known:
        state.ctl[lo.COMMANDS_BAD] += 1
        return
    leg = state.legs[slot]
    if kind == lo.CMD_OPEN:
        _open(state, slot, entry, tick)
        return
    if leg.generation != entry[2] or (leg.state != lo.LEG_OPEN and kind != lo.CMD_CLOSE):
        state.ctl[lo.COMMANDS_STALE] += 1
        return
    if kind == lo.CMD_UPDATE_REMOTE:
        _update_remote(state, slot, entry, now_ns)
    elif kind == lo.CMD_SECURE:
        srtp.secure(leg, entry[3], entry[4], entry[5], tick)
    elif kind == lo.CMD_LEARN:
        learning.begin(leg, work, entry, now_ns)
    elif kind == lo.CMD_DETECT_ANSWER:
        hearing.detect_answer(state, slot, entry)
    elif kind == lo.CMD_DETECT_TONES:
        call_progress.detect(state, work, slot, entry)
    elif kind == lo.CMD_SOCKETS:
        leg.rtp_fd, leg.rtcp_fd = entry[3], entry[4]
    elif kind == lo.CMD_PRIVATE:
        if entry[3]:
            privacy.begin(state, slot, entry[4], now_ns)
        else:
            privacy.end(leg, now_ns)
    elif kind == lo.CMD_PLAY:
        _play(state, slot, entry, now_ns)
    elif kind == lo.CMD_STOP_PLAY:
        if leg.pl_number == entry[3]:
            end_play(state, slot, lo.PLAY_STOPPED, now_ns)
    elif kind == lo.CMD_BRIDGE:
        _bridge(state, slot, entry)
    elif kind == lo.CMD_UNBRIDGE:
        rooms.leave(leg)
    elif kind == lo.CMD_RECORD:
        _record(state, slot, entry[3], tick, now_ns)
    elif kind == lo.CMD_STOP_RECORD:
        if leg.rec_number == entry[3]:
            _end_recording(state, slot, now_ns)
    elif kind == lo.CMD_SEND_DIGITS:
        _send_digits(state, slot, entry, now_ns)
    elif kind == lo.CMD_ROOM:
        _room(state, slot, entry)
    elif kind == lo.CMD_SOUND:
        _sound(leg, entry)
    else:
        _close(state, work, slot, now_ns)


@kernel
def take_commands(state: Any, work: Any, tick: int, now_ns: int) -> int:
    """Apply all waiting commands; gives the ring's tail to be stored at the tick's end mark."""
    head = state.ctl[lo.COMMAND_HEAD]
    fence()
    tail = state.ctl[lo.COMMAND_TAIL]
    while tail < head:
        _apply(state, work, state.commands[tail % lo.COMMANDS], tick, now_ns)
        tail += 1
    return tail
