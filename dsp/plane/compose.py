"""What a leg hears in a tick: its play, its room, or the play over the lowered room; digits go before all of it."""

from typing import Any

from dsp.jit import i64, kernel
from dsp.plane import codec, digits, gain, rooms
from dsp.plane import layout as lo
from dsp.plane.commands import end_play
from dsp.tones.generator import amplitude, two_tones

_ROW_PEAK, _COLUMN_PEAK = amplitude(digits.ROW_DBM0), amplitude(digits.COLUMN_DBM0)


#: A corner from one sound of a play to the next, or to its own beginning, is a click when it is sharper than all in the
#: 5 ms before it, by at least this (-36 dB of full scale). The next sound then starts where the last one ended, and
#: comes to its own course within 5 ms.
JOINT_CORNER = 512
JOINT = 40


@kernel
def _sharpest(samples: Any, start: int, end: int) -> int:
    """Largest second difference within `samples[start:end]`."""
    found = i64(0)
    for i in range(start + 2, end):
        found = max(found, abs(i64(samples[i]) - 2 * i64(samples[i - 1]) + i64(samples[i - 2])))
    return found


@kernel
def _joint(state: Any, leg: Any, first: int) -> None:
    """See to the joint before sample `first` of a sound that follows on another one, or on itself."""
    before = (leg.pl_index - 1) % leg.pl_count
    for _ in range(leg.pl_count):
        if leg.pl_length[before] > 0:
            break
        before = (before - 1) % leg.pl_count
    end = leg.pl_offset[before] + leg.pl_length[before]
    start = max(leg.pl_offset[before], end - JOINT)
    leg.pl_bent = 0
    leg.pl_bend = leg.pl_last - first
    course = leg.pl_last if end - start < 2 else 2 * leg.pl_last - i64(state.prompts[end - 2])
    corner = abs(first - course)
    if corner >= _sharpest(state.prompts, start, end) + JOINT_CORNER:
        leg.pl_bent = JOINT


@kernel
def _bend(leg: Any, out: Any, start: int, end: int) -> None:
    """Bring what follows a joint to its own course."""
    for i in range(start, min(end, start + leg.pl_bent)):
        out[i] = gain.saturate(i64(out[i]) + leg.pl_bend * leg.pl_bent // JOINT)
        leg.pl_bent -= 1


@kernel
def _next_prompt(state: Any, slot: int, out: Any, now_ns: int) -> None:
    """Write the next 20 ms of a leg's play to `out`, ending the play when it is over."""
    leg = state.legs[slot]
    done = 0
    while done < lo.FRAME:
        if leg.pl_index >= leg.pl_count:
            if leg.pl_left > 0:
                leg.pl_left -= 1
            if leg.pl_left == 0:
                break
            leg.pl_index = 0
            leg.pl_position = 0
        start = leg.pl_offset[leg.pl_index] + leg.pl_position
        n = min(lo.FRAME - done, leg.pl_length[leg.pl_index] - leg.pl_position)
        for i in range(n):
            out[done + i] = state.prompts[start + i]
        if n > 0 and leg.pl_position == 0 and leg.pl_played + done > 0:
            _joint(state, leg, i64(out[done]))
        if n > 0:
            _bend(leg, out, done, done + n)
            leg.pl_last = i64(out[done + n - 1])
        done += max(n, 0)
        leg.pl_position += n
        if leg.pl_position >= leg.pl_length[leg.pl_index]:
            leg.pl_index += 1
            leg.pl_position = 0
    leg.pl_played += done
    for i in range(done, lo.FRAME):
        out[i] = 0
    if done < lo.FRAME:
        end_play(state, slot, lo.PLAY_FINISHED, now_ns)


@kernel
def _level(leg: Any, wide_part: Any, out: Any, heard: int) -> None:
    """Bring what the room says to the leg's own gain, lowered under a play that is mixed with it."""
    target = 0 if leg.sd_deaf else gain.UNITY + leg.sd_heard
    if leg.pl_active and leg.pl_mix:
        target = target * (leg.pl_mix - 1) >> 12
    now = gain.UNITY + leg.sd_now
    after = gain.slew(now, target) if heard else target
    leg.sd_now = after - gain.UNITY
    if heard == 0 or (now == gain.UNITY and after == gain.UNITY):
        return
    gain.ramp(out, now, after, lo.FRAME, out)
    if heard & rooms.WIDE:
        gain.ramp(wide_part, now, after, 2 * lo.FRAME, wide_part)


@kernel
def _fill(state: Any, room_work: Any, rx: Any, rx8: Any, slot: int, out: Any, now_ns: int) -> int:
    """Write the 8 kHz part of the leg's play, its room, or both, and the wide part of the room; see `rooms.hear`."""
    leg = state.legs[slot]
    wide_part, prompt = room_work.frames[0], room_work.frames[1]
    if leg.pl_active and leg.pl_mix == 0:
        _level(leg, wide_part, out, rooms.NOTHING)
        _next_prompt(state, slot, out, now_ns)
        return rooms.NARROW
    heard = rooms.hear(state.legs, room_work, rx, rx8, slot, out, now_ns)
    _level(leg, wide_part, out, heard)
    if leg.pl_active == 0:
        return heard
    _next_prompt(state, slot, prompt, now_ns)
    for i in range(lo.FRAME):
        out[i] = gain.saturate((i64(out[i]) if heard else 0) + i64(prompt[i]))
    return heard | rooms.NARROW


@kernel
def _widen(row: Any, codec_work: Any, tx8: Any, part: Any, heard: int, out: Any) -> None:
    """Fill the frame of a wide leg from its 8 kHz part and the wide part of its room."""
    codec.widen(row, tx8, out, codec_work)
    if heard & rooms.WIDE:
        for i in range(2 * lo.FRAME):
            out[i] = gain.saturate(i64(out[i]) + i64(part[i]))


@kernel
def compose(state: Any, work: Any, slot: int, now_ns: int) -> None:
    """Decide what a leg hears in this tick, into `work.tx[slot]`; a play goes on in time even when it is not heard."""
    leg = state.legs[slot]
    # Plays and digits are made at 8 kHz, for a wide leg in the place of its 8 kHz version.
    out = work.tx8[slot] if leg.wide else work.tx[slot]
    kind = digits.next_frame(leg)
    work.kind[slot] = kind
    heard = _fill(state, work.rooms, work.rx, work.rx8, slot, out, now_ns)
    if kind == digits.TONES:
        steps = work.digit_steps[leg.dg_digits[leg.dg_index]]
        heard = rooms.NARROW
        two_tones(out, 0, lo.FRAME, leg.dg_osc, steps, _ROW_PEAK, _COLUMN_PEAK, work.sine)
    elif kind != digits.AUDIO or heard == rooms.NOTHING or leg.transmit == 0:
        heard = rooms.NOTHING
        for i in range(lo.FRAME):
            out[i] = 0
    if leg.wide:
        _widen(state.codec[slot], work.codec, work.tx8[slot], work.rooms.frames[0], heard, work.tx[slot])
