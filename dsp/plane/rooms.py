"""Rooms: legs that hear each other. Two of them are a bridge, more a conference.

A member is heard by all others (talk), by nobody (listen) or by one of them (whisper); it hears all who talk, but
itself. What a leg hears is the exact sum, saturated once, so the order of the legs does not matter. Where at most one
other talks, as in a bridge, nothing is summed: its frame is copied.

A narrow leg hears the 8 kHz version of everybody. A wide one hears the wide talkers as they are, and the saturated sum
of the narrow ones through its one up-sampling filter.

What a leg brings is faded in and out over a frame whenever that changes (room, mode, mute): `sp_*` is where it is
heard in this tick, `rm_*` where it is to be heard; between two places there is a frame that fades out and one that
fades in. Of a leg that is private (`privacy.py`) nobody hears anything.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dsp.jit import i64, kernel
from dsp.plane import auto_level, digits, gain
from dsp.plane import layout as lo

#: What `hear` has written.
NOTHING = 0
NARROW = 1
WIDE = 2

#: Parts of a room: all who talk, at 8 kHz, for narrow listeners; and for wide ones those of 8 kHz and those of 16 kHz.
PARTS = 3
TALKERS = 0
NARROW_TALKERS = 1
WIDE_TALKERS = 2

#: Columns of `RoomWork.legs`: whether a leg's gain is not 1, the room it talks in, whether somebody whispers to it (at
#: 8 kHz, at 16 kHz).
SCALED = 0
TALKS = 1
WHISPERED = 2
LEG_NOTES = 4
#: Columns of `RoomWork.parts`: who talks, the sum of their slots, who listens, whether there is a sum, and (of the
#: first part) whether a key's tone is played by one who talks in the room.
COUNT = 0
SLOTS = 1
LISTENERS = 2
SUMMED = 3
HIDING = 4
PART_NOTES = 5
#: Somebody hears a part; somebody who does not talk in it hears it.
IS_HEARD = 1
BY_OTHERS = 2


class RoomWork(NamedTuple):
    """Scratch memory of rooms. Kernels get it instead of all of `Work`: half a microsecond a call."""

    #: Notes by slot, and by part of a room (rooms count from 1).
    legs: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int64]
    #: int32[.., 320]: sums by part, what is whispered to each leg at both rates, and one row to work in.
    sums: npt.NDArray[np.int32]
    #: int16[slots, 480]: what a leg brings when its gain is not 1, at 16 kHz and at 8 kHz behind it.
    said: npt.NDArray[np.int16]
    #: int16[2, 320]: what a wide leg hears of wide ones; a play that is mixed with something.
    frames: npt.NDArray[np.int16]


def make_room_work(slots: int) -> RoomWork:
    """Scratch memory for `slots` legs."""
    parts = PARTS * (slots + 1)
    return RoomWork(
        legs=np.zeros((slots, LEG_NOTES), np.int64),
        parts=np.zeros((parts, PART_NOTES), np.int64),
        sums=np.zeros((parts + 2 * slots + 1, 2 * lo.FRAME), np.int32),
        said=np.zeros((slots, 3 * lo.FRAME), np.int16),
        frames=np.zeros((2, 2 * lo.FRAME), np.int16),
    )


@kernel
def leave(leg: Any) -> None:
    """Take a leg out of its room."""
    leg.rm_room = 0
    leg.rm_mode = lo.ROOM_TALK
    leg.rm_to = 0
    leg.rm_to_generation = 0


@kernel
def join(leg: Any, room: int, mode: int, to_slot: int, to_generation: int) -> None:
    """Put a leg into a room, or change how it is there. `to_slot`: whom it whispers to, -1 for nobody."""
    leg.rm_mode = mode
    leg.rm_to = to_slot + 1
    leg.rm_to_generation = to_generation
    leg.rm_room = room


@kernel
def _route(leg: Any) -> bool:
    """Let a leg be heard where it is to be heard, if it is not heard elsewhere; whether it is so."""
    room = 0 if leg.rm_mode == lo.ROOM_LISTEN else leg.rm_room
    same = leg.sp_room == room and leg.sp_mode == leg.rm_mode
    if same and leg.sp_to == leg.rm_to and leg.sp_to_generation == leg.rm_to_generation:
        return True
    if leg.sp_gain != 0:
        return False
    leg.sp_room = room
    leg.sp_mode = leg.rm_mode
    leg.sp_to = leg.rm_to
    leg.sp_to_generation = leg.rm_to_generation
    return True


@kernel
def _say(leg: Any, rx: Any, rx8: Any, said: Any) -> tuple[bool, bool]:
    """Bring what a leg says to its level: whether there is anything to be heard, and whether it is in `said`."""
    target = gain.UNITY + leg.sd_said if leg.sd_muted == 0 else 0
    if leg.al_on:
        target = min(target * auto_level.gain(leg, rx8, lo.FRAME) >> 12, gain.MAX)
    if not _route(leg) or leg.sp_room == 0 or leg.pv_on:
        target = 0
    before = leg.sp_gain
    leg.sp_gain = target
    scaled = before != gain.UNITY or target != gain.UNITY
    if before == 0 and target == 0:
        return False, scaled
    if scaled:
        gain.ramp(rx8, before, target, lo.FRAME, said[2 * lo.FRAME :])
        if leg.wide:
            gain.ramp(rx, before, target, 2 * lo.FRAME, said)
    return True, scaled


@kernel
def _frame(scaled: int, part: int, rx: Any, rx8: Any, said: Any, said8: Any) -> Any:
    """Give what a leg brings to a part of its room: `_length(part)` samples, one of the arrays as it is."""
    if part == WIDE_TALKERS:
        if scaled:
            return said
        return rx
    if scaled:
        return said8
    return rx8


@kernel
def _length(part: int) -> int:
    return 2 * lo.FRAME if part == WIDE_TALKERS else lo.FRAME


@kernel
def _add(total: Any, frame: Any, length: int, first: bool) -> None:
    """Add a frame to a sum (int32), or begin it."""
    if first:
        for i in range(length):
            total[i] = frame[i]
    else:
        for i in range(length):
            total[i] += frame[i]


@kernel
def _whisper_part(legs: Any, slot: int) -> int:
    """How what a leg whispers reaches the other one: as WIDE_TALKERS, as TALKERS, or (-1) not at all."""
    leg = legs[slot]
    to = leg.sp_to - 1
    if to < 0 or to == slot or to >= legs.shape[0]:
        return -1
    other = legs[to]
    if other.state != lo.LEG_OPEN or other.generation != leg.sp_to_generation or other.rm_room != leg.sp_room:
        return -1
    return WIDE_TALKERS if leg.wide and other.wide else TALKERS


@kernel
def _clear(legs: Any, used: int, notes: Any, parts: Any) -> int:
    """Forget the tick before; gives the number of legs that are in a room, or are being faded out of one."""
    count = 0
    for slot in range(used):
        leg = legs[slot]
        for i in range(LEG_NOTES):
            notes[slot, i] = 0
        if leg.state == lo.LEG_OPEN and (leg.rm_room or leg.sp_room):
            count += 1
            for room in (leg.rm_room, leg.sp_room):
                for at in range(PARTS * room, PARTS * room + PARTS):
                    for i in range(PART_NOTES):
                        parts[at, i] = 0
    return count


@kernel
def _count(leg: Any, slot: int, talks: int, parts: Any, now_ns: int) -> None:
    """Count a leg where it talks and where it listens."""
    if talks:
        at = PARTS * talks
        for part in (at + TALKERS, at + (WIDE_TALKERS if leg.wide else NARROW_TALKERS)):
            parts[part, COUNT] += 1
            parts[part, SLOTS] += slot
        if now_ns < leg.dg_hidden_ns:
            parts[at, HIDING] = 1
    if leg.rm_room:
        at, others = PARTS * leg.rm_room, 0 if talks == leg.rm_room else BY_OTHERS
        if leg.wide:
            parts[at + NARROW_TALKERS, LISTENERS] |= IS_HEARD | BY_OTHERS
            parts[at + WIDE_TALKERS, LISTENERS] |= IS_HEARD | others
        else:
            parts[at + TALKERS, LISTENERS] |= IS_HEARD | others


@kernel
def _needs_sum(notes: Any) -> bool:
    """Whether somebody hears more than one other of a part. In a sum of two that is who is not one of them."""
    return notes[LISTENERS] != 0 and (notes[COUNT] > 2 or (notes[COUNT] == 2 and notes[LISTENERS] & BY_OTHERS != 0))


@kernel
def gather(legs: Any, work: Any, rx: Any, rx8: Any, used: int, now_ns: int) -> None:
    """Find out who is heard where in this tick, and sum up what is said; before any leg's `hear`.

    `work` is `RoomWork`; `rx` and `rx8` are those of `Work`.
    """
    notes, parts, sums, said = work.legs, work.parts, work.sums, work.said
    if _clear(legs, used, notes, parts) == 0:
        return
    for slot in range(used):
        leg = legs[slot]
        if leg.state != lo.LEG_OPEN or (leg.rm_room == 0 and leg.sp_room == 0):
            continue
        audible, scaled = _say(leg, rx[slot], rx8[slot], said[slot])
        notes[slot, SCALED] = scaled
        if audible and leg.sp_mode == lo.ROOM_WHISPER:
            part, to = _whisper_part(legs, slot), leg.sp_to - 1
            if part >= 0:
                at = WHISPERED + (1 if part == WIDE_TALKERS else 0)
                frame = _frame(scaled, part, rx[slot], rx8[slot], said[slot], said[slot, 2 * lo.FRAME :])
                whispers = sums[parts.shape[0] + 2 * to + at - WHISPERED]
                _add(whispers, frame, _length(part), notes[to, at] == 0)
                notes[to, at] = 1
        elif audible:
            notes[slot, TALKS] = leg.sp_room
        _count(leg, slot, notes[slot, TALKS], parts, now_ns)
    for slot in range(used):
        room = notes[slot, TALKS]
        if room:
            own_part = WIDE_TALKERS if legs[slot].wide else NARROW_TALKERS
            for part in (TALKERS, own_part):
                at = PARTS * room + part
                if _needs_sum(parts[at]):
                    frame = _frame(
                        notes[slot, SCALED], part, rx[slot], rx8[slot], said[slot], said[slot, 2 * lo.FRAME :]
                    )
                    _add(sums[at], frame, _length(part), parts[at, SUMMED] == 0)
                    parts[at, SUMMED] = 1


@kernel
def _hide(legs: Any, work: Any, rx: Any, rx8: Any, slot: int, part: int, now_ns: int) -> None:
    """Take the keys' tones of others out of the sum for a leg that gets the keys by other means."""
    listener, notes, total = legs[slot], work.legs, work.sums[work.sums.shape[0] - 1]
    for other in range(legs.shape[0]):
        if notes[other, TALKS] != listener.rm_room or other == slot:
            continue
        if part != TALKERS and (part == WIDE_TALKERS) != (legs[other].wide != 0):
            continue
        if digits.hidden(legs[other], listener, now_ns):
            frame = _frame(
                notes[other, SCALED], part, rx[other], rx8[other], work.said[other], work.said[other, 2 * lo.FRAME :]
            )
            for i in range(_length(part)):
                total[i] -= frame[i]


@kernel
def _mix(total: Any, voices: int, frame: Any, part_sum: Any, own: int, length: int) -> None:
    """Sum up the others who talk: `frame` is the only one's, or (`own`) that of the listener."""
    if voices <= 1:
        for i in range(length):
            total[i] = i64(frame[i]) * voices
        return
    _add(total, part_sum, length, True)
    if own:
        for i in range(length):
            total[i] -= frame[i]


@kernel
def _hear_part(legs: Any, work: Any, rx: Any, rx8: Any, slot: int, part: int, out: Any, now_ns: int) -> int:
    """Write what a leg hears of a part of its room; the number of voices in it."""
    leg, notes, sums, length = legs[slot], work.legs, work.sums, _length(part)
    at, column = PARTS * leg.rm_room + part, WHISPERED + (1 if part == WIDE_TALKERS else 0)
    own = 1 if notes[slot, TALKS] == leg.rm_room and part != NARROW_TALKERS else 0
    voices, whispered = work.parts[at, COUNT] - own, notes[slot, column]
    hides = leg.dg_guard != 0 and work.parts[PARTS * leg.rm_room, HIDING] != 0
    one = work.parts[at, SLOTS] - slot * own if voices == 1 else slot
    frame = _frame(notes[one, SCALED], part, rx[one], rx8[one], work.said[one], work.said[one, 2 * lo.FRAME :])
    if voices == 1 and whispered == 0 and not hides:
        for i in range(length):
            out[i] = frame[i]
        return 1
    total = sums[sums.shape[0] - 1]
    _mix(total, voices, frame, sums[at], own, length)
    if whispered:
        _add(total, sums[work.parts.shape[0] + 2 * slot + column - WHISPERED], length, False)
    if hides:
        _hide(legs, work, rx, rx8, slot, part, now_ns)
    for i in range(length):
        out[i] = gain.saturate(i64(total[i]))
    return voices + whispered


@kernel
def hear(legs: Any, work: Any, rx: Any, rx8: Any, slot: int, out: Any, now_ns: int) -> int:
    """Write what a leg hears in its room: `NOTHING` (it is in none), or the parts that are there.

    NARROW: `out[:160]`, at 8 kHz. WIDE: `work.frames[0]`, at 16 kHz, to be added to the first part, widened.
    """
    if legs[slot].rm_room == 0:
        return NOTHING
    if legs[slot].wide == 0:
        _hear_part(legs, work, rx, rx8, slot, TALKERS, out, now_ns)
        return NARROW
    _hear_part(legs, work, rx, rx8, slot, NARROW_TALKERS, out, now_ns)
    if _hear_part(legs, work, rx, rx8, slot, WIDE_TALKERS, work.frames[0], now_ns) == 0:
        return NARROW
    return NARROW | WIDE
