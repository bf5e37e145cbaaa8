"""Private legs in the media process: kept across kills, and kept silent while nobody says what is to be heard."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from dsp.plane import privacy
from edge.media.recorder import HELD_BACK
from edge.vocabulary.commands import CloseLeg, OpenLeg, SetPrivate, StartRecording
from edge.vocabulary.ids import LegId, RecordingId, SlotIndex
from edge.vocabulary.reports import RecordingMuted
from tests.media.desk import Desk
from tests.media.planes import SLOT, Talker, expected
from tests.media.test_recorder import frames_of, played_frames, rig
from tests.media.test_takeup import A, killed_anywhere, open_two
from tests.support.waiting import until

TAIL_TICKS = privacy.TAIL_NS // 20_000_000 + 1


@pytest.fixture
def make_desk(address: str) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make() -> Desk:
        desks.append(Desk(address))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def recorded(desk: Desk, guarded: bool = True) -> None:
    open_two(desk)
    desk.do(StartRecording(A, RecordingId("a-1"), "/nowhere/a-1.wav", guarded))
    desk.tick(3)
    desk.writes = 0


def test_it_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, recorded, lambda desk: SetPrivate(leg=A, on=True)):
        desk.tick(2 * TAIL_TICKS)
        assert desk.engine_says(0, "pv_on", "pv_until_ns") == [1, 0]
        assert {(r.recording, r.on) for r in desk.all(RecordingMuted)} == {("a-1", True)}
        assert desk.state(0).private


def test_its_end_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    def private(desk: Desk) -> None:
        recorded(desk, guarded=False)
        desk.do(SetPrivate(leg=A, on=True))
        desk.tick()
        desk.writes = 0

    for desk in killed_anywhere(make_desk, private, lambda desk: SetPrivate(leg=A, on=False)):
        desk.tick(TAIL_TICKS + 2)
        assert desk.engine_says(0, "pv_on") == [0]
        assert [r.on for r in desk.all(RecordingMuted)] == [True, False]


@pytest.mark.parametrize("guarded", [False, True])
def test_while_switch_is_away_guarded_recordings_are_silent(make_desk: Callable[[], Desk], guarded: bool) -> None:
    desk = make_desk()
    recorded(desk, guarded)
    desk.legs.privacy.switch_is(False)
    desk.restart()  # the worker dies, too
    desk.tick(2 * TAIL_TICKS)
    assert desk.engine_says(0, "pv_on") == [int(guarded)]
    desk.legs.privacy.switch_is(True)
    desk.tick(TAIL_TICKS // 2)
    assert desk.engine_says(0, "pv_on") == [int(guarded)], "switch is given the time to say what it wants"
    desk.do(SetPrivate(leg=A, on=True))
    desk.tick(2 * TAIL_TICKS)
    assert desk.engine_says(0, "pv_on") == [1]
    desk.legs.privacy.switch_is(False)
    desk.legs.privacy.switch_is(True)
    desk.tick(2 * TAIL_TICKS)
    assert desk.engine_says(0, "pv_on") == [1], "it has said so, and not otherwise"


def test_a_new_use_of_the_slot_is_not_private(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    desk.do(SetPrivate(leg=A, on=True))
    desk.do(CloseLeg(A))
    desk.tick(2)
    desk.do(OpenLeg(leg=LegId("e.1"), slot=SlotIndex(0), remote=desk.remote(0)))
    desk.tick(2)
    desk.restart()
    desk.tick(2)
    assert desk.engine_says(0, "pv_on") == [0]


def test_the_newest_part_of_a_guarded_recording_can_still_be_silenced(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        recording = replace(r.recording(), guarded=True)
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        talker.say(12000)
        r.recorder.wake()
        until(lambda: played_frames(recording.path) == 12000 - HELD_BACK)
        r.state.record[SLOT][12000 - privacy.RECALL : 12000] = 0  # as the engine does
        talker.stop()
        r.recorder.wake()
        assert r.outcome().state.frames == 12000
    frames = frames_of(recording.path)
    assert np.array_equal(frames[: 12000 - privacy.RECALL], expected(np.arange(12000 - privacy.RECALL)))
    assert not frames[12000 - privacy.RECALL :].any()
