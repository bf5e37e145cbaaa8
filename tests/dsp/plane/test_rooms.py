"""Rooms against a slow twin: who hears whom, exactly, whatever happens in which order."""

import numpy as np
import pytest

from dsp.plane import gain, rooms
from dsp.plane import layout as lo
from dsp.plane.work import make_work
from tests.dsp.naive import rooms as naive

MODES = {"talk": lo.ROOM_TALK, "listen": lo.ROOM_LISTEN, "whisper": lo.ROOM_WHISPER}
NOW = 10**12


class Table:
    """Open legs without sockets, and their twins."""

    def __init__(self, legs: int, seed: int = 0) -> None:
        size = lo.state_bytes(legs, 2)
        self.state = lo.map_state(bytearray(size), legs, 2)
        self.work = make_work(legs)
        self.state.legs["state"] = lo.LEG_OPEN
        self.state.legs["generation"] = 1
        self.twins = [naive.Member() for _ in range(legs)]
        self.dice = np.random.default_rng(seed)

    def join(self, leg: int, room: int, mode: str = "talk", to: int | None = None) -> None:
        rooms.join(self.state.legs[leg], room, MODES[mode], -1 if to is None else to, 0 if to is None else 1)
        self.twins[leg].room, self.twins[leg].mode, self.twins[leg].to = room, mode, to

    def leave(self, leg: int) -> None:
        rooms.leave(self.state.legs[leg])
        self.twins[leg].room, self.twins[leg].mode, self.twins[leg].to = 0, "talk", None

    def mute(self, leg: int, muted: bool) -> None:
        self.state.legs["sd_muted"][leg] = self.twins[leg].muted = muted

    def level(self, leg: int, factor: int) -> None:
        self.state.legs["sd_said"][leg] = factor - gain.UNITY
        self.twins[leg].gain = factor

    def frames(self, peak: int = 32767):
        return self.dice.integers(-peak - 1, peak + 1, (len(self.twins), lo.FRAME)).astype(np.int16)

    def widen(self, leg: int) -> None:
        self.state.legs["wide"][leg] = 1
        self.twins[leg].wide = True

    def tick(self, frames=None):
        """One tick: what each leg hears at 8 kHz, by the kernels; all of it is compared with the twin."""
        frames = self.frames() if frames is None else frames
        wide = self.dice.integers(-32768, 32768, (len(self.twins), 2 * lo.FRAME)).astype(np.int16)
        self.work.rx8[:], self.work.rx[:] = frames, wide
        self.gather()
        told = naive.tick(self.twins, frames, wide)
        return [self.hear(slot, theirs) for slot, theirs in enumerate(told)]

    def gather(self) -> None:
        work = self.work
        rooms.gather(self.state.legs, work.rooms, work.rx, work.rx8, len(self.twins), NOW)

    def listen(self, slot: int, out) -> int:
        work = self.work
        return rooms.hear(self.state.legs, work.rooms, work.rx, work.rx8, slot, out, NOW)

    def hear(self, slot: int, theirs):
        out = np.full(2 * lo.FRAME, 77, np.int16)
        parts = self.listen(slot, out)
        assert (parts == rooms.NOTHING) == (theirs is None), slot
        if theirs is None:
            return None
        assert np.array_equal(out[: lo.FRAME], theirs[0]), slot
        assert (out[lo.FRAME :] == 77).all()
        if parts & rooms.WIDE:
            assert np.array_equal(self.work.rooms.frames[0], theirs[1]), slot
        else:
            assert not theirs[1].any()
        return out[: lo.FRAME]

    def ticks(self, count: int):
        for _ in range(count):
            heard = self.tick()
        return heard


def test_a_bridge_is_the_other_one_bit_by_bit():
    table = Table(2)
    table.join(0, 1)
    table.join(1, 1)
    table.tick()
    frames = table.frames()
    a, b = table.tick(frames)
    assert np.array_equal(a, frames[1])
    assert np.array_equal(b, frames[0])


@pytest.mark.parametrize("legs", [3, 7, 50])
def test_each_hears_the_saturated_sum_of_the_others(legs):
    table = Table(legs)
    for leg in range(legs):
        table.join(leg, 1)
    table.tick()
    for peak in (300, 32767):
        frames = table.frames(peak)
        total = frames.astype(np.int64).sum(0)
        for leg, heard in enumerate(table.tick(frames)):
            assert np.array_equal(heard, np.clip(total - frames[leg], -32768, 32767))


def test_the_order_of_the_legs_does_not_matter():
    there, back = Table(9), Table(9)
    for table in (there, back):
        for leg in range(9):
            table.join(leg, 1)
        table.tick(np.zeros((9, lo.FRAME), np.int16))
    frames = there.frames()
    turned = back.tick(frames[::-1])
    assert np.array_equal(there.tick(frames), turned[::-1])


def test_listen_whisper_and_talk():
    table = Table(3)
    for leg in range(2):
        table.join(leg, 1)
    table.join(2, 1, "listen")
    table.tick()
    frames = table.frames(8000)
    a, b, c = table.tick(frames)
    assert np.array_equal(a, frames[1])
    assert np.array_equal(b, frames[0])
    assert np.array_equal(c, frames[0] + frames[1])
    table.join(2, 1, "whisper", to=1)
    table.ticks(2)
    frames = table.frames(8000)
    a, b, c = table.tick(frames)
    assert np.array_equal(a, frames[1]), "the other side hears nothing of it"
    assert np.array_equal(b, frames[0] + frames[2])
    assert np.array_equal(c, frames[0] + frames[1])
    table.join(2, 1, "talk")
    table.ticks(3)
    frames = table.frames(8000)
    assert np.array_equal(table.tick(frames)[0], frames[1] + frames[2])


def test_a_whisper_to_a_leg_that_has_gone_is_heard_by_nobody():
    table = Table(3)
    for leg in range(2):
        table.join(leg, 1)
    table.join(2, 1, "whisper", to=1)
    table.ticks(3)
    table.state.legs["generation"][1] = 2  # the slot was opened again: another leg
    frames = table.frames()
    table.work.rx8[:] = frames
    table.gather()
    out = np.zeros(2 * lo.FRAME, np.int16)
    assert table.listen(1, out)
    assert np.array_equal(out[: lo.FRAME], frames[0])


@pytest.mark.parametrize("to", [-5, -1, 2, 3, 1 << 40])
def test_a_whisper_to_no_slot_or_to_oneself_is_heard_by_nobody(to):
    table = Table(3)
    table.join(0, 1)
    table.join(1, 1)
    table.ticks(2)
    rooms.join(table.state.legs[2], 1, lo.ROOM_WHISPER, to, 1)
    frames = table.frames()
    for _ in range(3):
        table.work.rx8[:] = frames
        table.gather()
    out = np.zeros(2 * lo.FRAME, np.int16)
    for listener, heard in ((0, frames[1]), (1, frames[0])):
        table.listen(listener, out)
        assert np.array_equal(out[: lo.FRAME], heard)


def test_rooms_do_not_hear_each_other():
    table = Table(6)
    for leg in range(6):
        table.join(leg, 1 + leg % 2)
    table.tick()
    frames = table.frames(5000)
    heard = table.tick(frames)
    assert np.array_equal(heard[0], frames[2] + frames[4])
    assert np.array_equal(heard[1], frames[3] + frames[5])


def test_coming_going_and_muting_are_ramps():
    """A constant of a talker makes every change visible: no step is larger than the ramp's own."""
    table = Table(3)
    for leg in range(3):
        table.join(leg, 1)
    level = np.full((3, lo.FRAME), 8000, np.int16)
    level[:2] = 0
    track = [table.tick(level)[0] for _ in range(2)]
    table.mute(2, True)
    track += [table.tick(level)[0] for _ in range(2)]
    table.mute(2, False)
    track += [table.tick(level)[0] for _ in range(2)]
    table.join(2, 1, "listen")
    track += [table.tick(level)[0] for _ in range(2)]
    table.join(2, 1)
    track += [table.tick(level)[0] for _ in range(2)]
    table.leave(2)
    track += [table.tick(level)[0] for _ in range(2)]
    heard = np.concatenate(track).astype(int)
    assert heard.max() == 8000
    assert heard[-1] == 0
    assert np.abs(np.diff(heard)).max() <= 8000 // lo.FRAME + 1


def test_a_guarded_leg_does_not_hear_the_tones_of_keys_but_all_others():
    table = Table(4)
    for leg in range(4):
        table.join(leg, 1)
    table.ticks(2)
    table.state.legs["dg_guard"][0] = 1
    table.state.legs["dg_hidden_ns"][1] = NOW + 1
    frames = table.frames(5000)
    table.work.rx8[:] = frames
    table.gather()
    out = np.zeros(2 * lo.FRAME, np.int16)
    table.listen(0, out)
    assert np.array_equal(out[: lo.FRAME], frames[2] + frames[3])
    table.listen(2, out)
    assert np.array_equal(out[: lo.FRAME], frames[0] + frames[1] + frames[3])


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0], ids=["narrow", "mixed", "wide"])
@pytest.mark.parametrize("seed", range(4))
def test_anything_in_any_order_is_what_the_twin_says(seed, share):
    table = Table(5 + 3 * seed, seed)
    for leg in range(len(table.twins)):
        if table.dice.random() < share:
            table.widen(leg)
    dice, legs = table.dice, len(table.twins)
    for _ in range(60):
        for _ in range(int(dice.integers(0, 4))):
            leg, other = (int(n) for n in dice.choice(legs, 2, replace=False))
            match int(dice.integers(0, 6)):
                case 0:
                    table.leave(leg)
                case 1:
                    table.mute(leg, bool(dice.integers(0, 2)))
                case 2:
                    table.level(leg, int(dice.choice([0, 100, 2048, 4096, 9000, gain.MAX])))
                case 3:
                    table.join(leg, int(dice.integers(1, 4)), "whisper", other)
                    table.join(other, table.twins[leg].room)
                case _:
                    table.join(leg, int(dice.integers(1, 4)), str(dice.choice(["talk", "talk", "listen"])))
        table.tick()


def test_a_free_slot_is_in_no_room():
    table = Table(3)
    for leg in range(3):
        table.join(leg, 1)
    table.ticks(2)
    table.state.legs["state"][2] = lo.LEG_FREE
    frames = table.frames()
    table.work.rx8[:] = frames
    table.gather()
    out = np.zeros(2 * lo.FRAME, np.int16)
    table.listen(0, out)
    assert np.array_equal(out[: lo.FRAME], frames[1])
