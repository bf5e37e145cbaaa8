"""Rooms: legs that hear each other. Two of them are a bridge, more a conference.

A member is heard by all others (talk), by nobody (listen) or by one of them (whisper); it hears all who talk, but
itself. What a leg hears is the exact sum, saturated once, so the order of the legs does not matter. Where at most one
other talks, as in a bridge, nothing is summed: its frame is copied.

A narrow leg hears the 8 kHz version of everybody. A wide one hears the wide talkers as they are, and the saturated sum
of the narrow ones through its one up-sampling filter.

What a leg brings is faded in and out over a frame whenever that changes (room, mode, mute): `sp_*` is where it is
heard in this tick, `rm_*` where it is to be heard; between two places there is a frame that fades out and one that
fades in.
"""

from typing import Any

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

#: Somebody hears a part; somebody who does not talk in it hears it.
IS_HEARD = 1
BY_OTHERS = 2


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
def _say(leg: Any, work: Any, slot: int) -> bool:
    """Bring what a leg says to its level, if that changes it; whether there is anything to be heard."""
    target = gain.UNITY + leg.sd_said if leg.sd_muted == 0 else 0
    if leg.al_on:
        target = min(target * auto_level.gain(leg, work.rx8[slot], lo.FRAME) >> 12, gain.MAX)
    if not _route(leg) or leg.sp_room == 0:
        target = 0
    before = leg.sp_gain
    leg.sp_gain = target
    work.scaled[slot] = before != gain.UNITY or target != gain.UNITY
    if before == 0 and target == 0:
        return False
    if work.scaled[slot]:
        gain.ramp(work.rx8[slot], before, target, lo.FRAME, work.said8[slot])
        if leg.wide:
            gain.ramp(work.rx[slot], before, target, 2 * lo.FRAME, work.said[slot])
    return True


@kernel
def _frame(work: Any, slot: int, part: int) -> Any:
    """Give what a leg brings to a part of its room: `_length(part)` samples."""
    if part == WIDE_TALKERS:
        return work.said[slot] if work.scaled[slot] else work.rx[slot]
    return work.said8[slot] if work.scaled[slot] else work.rx8[slot]


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
def _whispers_at(slot: int, part: int) -> int:
    """Where what is whispered to a leg is gathered: at 8 kHz, and between wide legs at 16 kHz."""
    return 2 * slot + (1 if part == WIDE_TALKERS else 0)


@kernel
def _whisper(state: Any, work: Any, slot: int) -> None:
    """Add what a leg whispers to what is whispered to the other one."""
    leg = state.legs[slot]
    to = leg.sp_to - 1
    if to < 0 or to == slot or to >= state.legs.shape[0]:
        return
    other = state.legs[to]
    if other.state != lo.LEG_OPEN or other.generation != leg.sp_to_generation or other.rm_room != leg.sp_room:
        return
    part = WIDE_TALKERS if leg.wide and other.wide else TALKERS
    at = _whispers_at(to, part)
    _add(work.whispers[at], _frame(work, slot, part), _length(part), work.whispered[at] == 0)
    work.whispered[at] = 1


@kernel
def _clear(state: Any, work: Any, used: int) -> int:
    """Forget the tick before; gives the number of legs that are in a room, or are being faded out of one."""
    count = 0
    for slot in range(used):
        leg = state.legs[slot]
        work.talks[slot] = 0
        work.whispered[2 * slot] = 0
        work.whispered[2 * slot + 1] = 0
        if leg.state == lo.LEG_OPEN and (leg.rm_room or leg.sp_room):
            count += 1
            for room in (leg.rm_room, leg.sp_room):
                for at in range(PARTS * room, PARTS * room + PARTS):
                    work.talkers[at] = 0
                    work.talker_slots[at] = 0
                    work.listeners[at] = 0
                    work.summed[at] = 0
                work.hiding[room] = 0
    return count


@kernel
def _count_talker(work: Any, slot: int, at: int) -> None:
    work.talkers[at] += 1
    work.talker_slots[at] += slot


@kernel
def _count_listener(work: Any, at: int, own: bool) -> None:
    """Note that somebody hears a part of a room; in a sum of two, it must be somebody who is not one of them."""
    work.listeners[at] |= IS_HEARD | (0 if own else BY_OTHERS)


@kernel
def _count(leg: Any, work: Any, slot: int, now_ns: int) -> None:
    """Count a leg where it talks and where it listens."""
    if work.talks[slot]:
        at = PARTS * work.talks[slot]
        _count_talker(work, slot, at + TALKERS)
        _count_talker(work, slot, at + (WIDE_TALKERS if leg.wide else NARROW_TALKERS))
        work.hiding[work.talks[slot]] |= now_ns < leg.dg_hidden_ns
    if leg.rm_room:
        at, own = PARTS * leg.rm_room, work.talks[slot] == leg.rm_room
        if leg.wide:
            _count_listener(work, at + NARROW_TALKERS, False)
            _count_listener(work, at + WIDE_TALKERS, own)
        else:
            _count_listener(work, at + TALKERS, own)


@kernel
def _sum(work: Any, slot: int, room: int, part: int) -> None:
    """Add a talker to a part of its room, where the sum is needed."""
    at = PARTS * room + part
    talkers, listeners = work.talkers[at], work.listeners[at]
    if listeners == 0 or talkers < 2 or (talkers == 2 and listeners & BY_OTHERS == 0):
        return
    _add(work.sums[at], _frame(work, slot, part), _length(part), work.summed[at] == 0)
    work.summed[at] = 1


@kernel
def gather(state: Any, work: Any, used: int, now_ns: int) -> None:
    """Find out who is heard where in this tick, and sum up what is said; before any leg's `hear`."""
    if _clear(state, work, used) == 0:
        return
    for slot in range(used):
        leg = state.legs[slot]
        if leg.state != lo.LEG_OPEN or (leg.rm_room == 0 and leg.sp_room == 0):
            continue
        if _say(leg, work, slot):
            if leg.sp_mode == lo.ROOM_WHISPER:
                _whisper(state, work, slot)
            else:
                work.talks[slot] = leg.sp_room
        _count(leg, work, slot, now_ns)
    for slot in range(used):
        room = work.talks[slot]
        if room:
            _sum(work, slot, room, TALKERS)
            _sum(work, slot, room, WIDE_TALKERS if state.legs[slot].wide else NARROW_TALKERS)


@kernel
def _hide(state: Any, work: Any, slot: int, part: int, now_ns: int) -> None:
    """Take the keys' tones of others out of what a leg hears that gets the keys by other means."""
    listener, total = state.legs[slot], work.mix
    for other in range(state.legs.shape[0]):
        if work.talks[other] != listener.rm_room or other == slot:
            continue
        if part != TALKERS and (part == WIDE_TALKERS) != (state.legs[other].wide != 0):
            continue
        if digits.hidden(state.legs[other], listener, now_ns):
            frame = _frame(work, other, part)
            for i in range(_length(part)):
                total[i] -= frame[i]


@kernel
def _mix(work: Any, slot: int, at: int, part: int, own: int) -> None:
    """Sum up all who talk in a part, but the leg itself, and what is whispered to it, in `work.mix`."""
    total, others, length = work.mix, work.talkers[at] - own, _length(part)
    if others == 1:
        _add(total, _frame(work, work.talker_slots[at] - slot * own, part), length, True)
    elif others == 0:
        for i in range(length):
            total[i] = 0
    else:
        _add(total, work.sums[at], length, True)
        if own:
            mine = _frame(work, slot, part)
            for i in range(length):
                total[i] -= mine[i]
    whispers = _whispers_at(slot, part)
    if work.whispered[whispers]:
        _add(total, work.whispers[whispers], length, False)


@kernel
def _hear_part(state: Any, work: Any, slot: int, part: int, out: Any, now_ns: int) -> int:
    """Write what a leg hears of a part of its room; the number of voices in it."""
    leg = state.legs[slot]
    at, whispered = PARTS * leg.rm_room + part, work.whispered[_whispers_at(slot, part)]
    own = 1 if work.talks[slot] == leg.rm_room and part != NARROW_TALKERS else 0
    hides = leg.dg_guard != 0 and work.hiding[leg.rm_room] != 0
    voices = work.talkers[at] - own
    if voices == 1 and whispered == 0 and not hides:
        heard = _frame(work, work.talker_slots[at] - slot * own, part)
        for i in range(_length(part)):
            out[i] = heard[i]
        return 1
    _mix(work, slot, at, part, own)
    if hides:
        _hide(state, work, slot, part, now_ns)
    for i in range(_length(part)):
        out[i] = gain.saturate(i64(work.mix[i]))
    return voices + whispered


@kernel
def hear(state: Any, work: Any, slot: int, out: Any, now_ns: int) -> int:
    """Write what a leg hears in its room: `NOTHING` (it is in none), or the parts that are there.

    NARROW: `out[:160]`, at 8 kHz. WIDE: `work.wide_part`, at 16 kHz, to be added to the first part, widened.
    """
    leg = state.legs[slot]
    if leg.rm_room == 0:
        return NOTHING
    if leg.wide == 0:
        _hear_part(state, work, slot, TALKERS, out, now_ns)
        return NARROW
    _hear_part(state, work, slot, NARROW_TALKERS, out, now_ns)
    if _hear_part(state, work, slot, WIDE_TALKERS, work.wide_part, now_ns) == 0:
        return NARROW
    return NARROW | WIDE
