"""Verdicts are appended, and none is written where there is no room."""

import numpy as np
import pytest

from dsp.detectors import offline
from dsp.detectors.verdicts import END, ONCE, TONE, VERDICT, tell


def tell_some(count, room):
    verdicts = np.zeros(room, VERDICT).view(np.recarray)
    told = np.zeros(2, np.int64)
    for i in range(count):
        tell(verdicts, told, i, TONE, 7, END, 3, 100 * i, 100 * i + 50, 100 * i + 60, -12.5, 425.0, 0.25)
    return verdicts, told


def test_what_is_told_is_there():
    verdicts, told = tell_some(2, 4)
    assert told.tolist() == [2, 0]
    assert verdicts[1].tolist() == (1, TONE, 7, END, 3, 100, 150, 160, -12.5, 425.0, 0.25)
    assert verdicts[2:].tobytes() == bytes(2 * VERDICT.itemsize)


def test_what_finds_no_room_is_counted():
    verdicts, told = tell_some(5, 3)
    assert told.tolist() == [3, 2]
    assert verdicts.row.tolist() == [0, 1, 2]


def loud(states, frames, rows, count, verdicts, told):
    """Says each frame's first sample, by leg."""
    for i in range(count):
        states[i] += offline.FRAME
        for _ in range(int(frames[i, 0])):
            tell(verdicts, told, rows[i], TONE, frames[i, 0], ONCE, 0, 0, 0, states[i], 0.0, 0.0, 0.0)


def test_recordings_are_fed_by_frames_and_filled_up():
    streams = np.zeros((2, 400), np.int16)
    streams[0, 160], streams[1, 320] = 1, 2
    heard = offline.take(loud, np.zeros(2, np.int64), streams)
    assert [(v["row"], v["code"], v["at"]) for v in heard] == [(0, 1, 320), (1, 2, 480), (1, 2, 480)]
    assert len(offline.take(loud, np.zeros(2, np.int64), np.zeros((2, 0), np.int16))) == 0


def test_an_overflow_is_no_silent_loss():
    with pytest.raises(offline.OverflowedError):
        offline.take(loud, np.zeros(1, np.int64), np.full((1, 160), offline.ROOM + 1, np.int16))
