"""The recorder against the shared state's layout; the test plays the engine's part, files and threads are real."""

import errno
import json
import os
import resource
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from dsp.plane import layout
from edge.core.recording import wav
from edge.media import disk
from edge.media.recorder import Outcome, Recorder
from edge.media.slots import RecordingState
from tests.media.planes import LEG, RECORDING, SLOT, Talker, expected, plane
from tests.support.waiting import until


@dataclass
class Rig:
    state: layout.PlaneState
    root: Path
    recorder: Recorder
    drained: list[RecordingState]
    ended: list[Outcome]
    disk_states: list[str]

    def recording(self, name: str = "2026/11/21/rec1.wav", number: int = 3) -> RecordingState:
        return RecordingState(
            leg=LEG,
            slot=SLOT,
            number=number,
            recording=RECORDING,
            path=str(self.root / name),
            started="2026-11-21T19:00:00.000Z",
        )

    def outcome(self) -> Outcome:
        until(lambda: self.ended)
        return self.ended[0]


@contextmanager
def rig(root: Path, state: layout.PlaneState | None = None, reserve_mb: int = 0) -> Iterator[Rig]:
    state = state or plane()
    drained: list[RecordingState] = []
    ended: list[Outcome] = []
    disk_states: list[str] = []
    recorder = Recorder(
        state, str(root), reserve_mb, drained=drained.append, ended=ended.append, disk_state=disk_states.append
    )
    recorder.start()
    try:
        yield Rig(state, root, recorder, drained, ended, disk_states)
    finally:
        recorder.stop()


def frames_of(path: str) -> np.ndarray:
    with wave.open(path) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth()) == (2, 8000, 2)
        return np.frombuffer(read.readframes(read.getnframes()), np.int16).reshape(-1, 2)


def played_frames(path: str) -> int:
    """What a reader sees now; -1 while there is no file."""
    try:
        return len(frames_of(path))
    except (FileNotFoundError, EOFError):
        return -1


def test_every_frame_lies_at_its_place_and_the_sidecar_says_so(tmp_path: Path) -> None:
    with rig(tmp_path / "spool") as r:
        recording = r.recording()
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        for _ in range(5):  # 5 x 1 s through a ring of 2 s
            talker.say(8000)
            r.recorder.wake()
            until(lambda: r.state.legs["rec_read"][SLOT] == r.state.legs["rec_write"][SLOT])
        talker.stop()
        r.recorder.wake()
        outcome = r.outcome()
    assert np.array_equal(frames_of(recording.path), expected(np.arange(40000)))
    assert (outcome.state.frames, outcome.state.error, outcome.state.gap_left) == (40000, "", 0)
    content = Path(recording.path).read_bytes()
    assert (outcome.size_bytes, outcome.sha256) == (len(content), sha256(content).hexdigest())
    side = json.loads(Path(recording.path).with_suffix(".json").read_text())
    assert (side["recording"], side["leg"], side["duration_ms"], side["sha256"]) == (
        RECORDING,
        LEG,
        5000,
        outcome.sha256,
    )
    assert sorted(p.name for p in Path(recording.path).parent.iterdir()) == ["rec1.json", "rec1.wav"]
    assert Path(recording.path).stat().st_mode & 0o777 == 0o640
    assert Path(recording.path).parent.stat().st_mode & 0o777 == 0o750


def test_the_file_is_valid_and_at_most_a_pass_behind_at_every_moment(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        recording = r.recording()
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        heard_before = [0]
        for _ in range(60):
            talker.say(800)
            r.recorder.wake()
            heard = played_frames(recording.path)  # while the writer is at it
            if heard >= 0:
                assert heard >= heard_before[-1]
                assert np.array_equal(frames_of(recording.path)[:heard], expected(np.arange(heard)))
                heard_before.append(heard)
        until(lambda: played_frames(recording.path) == 48000)
        talker.stop()
        assert r.outcome().state.frames == 48000


def test_a_successor_goes_on_in_the_same_file(tmp_path: Path) -> None:
    state = plane()
    with rig(tmp_path, state) as first:
        recording = first.recording()
        first.recorder.record(recording)
        talker = Talker(state, SLOT, recording.number)
        talker.say(8000)
        first.recorder.wake()
        until(lambda: played_frames(recording.path) == 8000)
    # As if killed between samples and header, and between header and read index.
    fd = os.open(recording.path, os.O_RDWR)
    disk.announce(fd, 7000)
    os.close(fd)
    state.legs["rec_read"][SLOT] = 7500
    talker.say(6000)
    with rig(tmp_path, state) as second:
        second.recorder.record(recording, resumed=True)
        talker.say(2000)
        talker.stop()
        second.recorder.wake()
        assert second.outcome().state.frames == 16000
    assert np.array_equal(frames_of(recording.path), expected(np.arange(16000)))


def test_a_successor_makes_the_file_that_its_predecessor_did_not_come_to(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        recording = r.recording()
        talker = Talker(r.state, SLOT, recording.number)
        talker.say(800)
        talker.stop()
        r.recorder.record(recording, resumed=True)
        assert r.outcome().state.frames == 800
    assert np.array_equal(frames_of(recording.path), expected(np.arange(800)))


def test_a_successor_completes_a_recording_that_only_missed_its_end(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        recording = r.recording()
        fd = disk.create(recording.path, _note(recording))
        disk.write_at(fd, [memoryview(expected(np.arange(100)).tobytes())], 44)
        disk.announce(fd, 100)
        os.close(fd)
        r.recorder.finish(replace(recording, frames=100, gap_left=8))
        outcome = r.outcome()
    assert (outcome.state.frames, outcome.state.gap_left, outcome.state.error) == (100, 8, "")
    assert json.loads(Path(recording.path).with_suffix(".json").read_text())["gap_ms_left"] == 1


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "rec1.wav").write_bytes(b"precious")
    with rig(tmp_path) as r:
        recording = r.recording("rec1.wav")
        Talker(r.state, SLOT, recording.number)
        r.recorder.record(recording)
        r.recorder.wake()
        until(lambda: r.drained)
        assert "exists" in r.drained[0].error
        assert "exists" in r.outcome().state.error
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("rec1.wav", b"precious")]


def test_a_disk_that_takes_no_more_ends_the_recording_with_a_valid_file(tmp_path: Path) -> None:
    """RLIMIT_FSIZE is the real thing at a size of our choosing: pwrite writes a part, then fails."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with rig(tmp_path) as r:
        recording = r.recording()
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        talker.say(1600)
        r.recorder.wake()
        until(lambda: played_frames(recording.path) == 1600)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8000, old[1]))
            talker.say(1600)
            r.recorder.wake()
            outcome = r.outcome()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert os.strerror(errno.EFBIG) in outcome.state.error
    assert outcome.state.frames == 1600
    assert np.array_equal(frames_of(recording.path), expected(np.arange(1600)))
    side = json.loads(Path(recording.path).with_suffix(".json").read_text())
    assert (side["truncated"], side["duration_ms"]) == (True, 200)


def test_too_little_room_is_told_stops_recordings_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.media.recorder.DISK_CHECK_S", 0.0)
    found = os.statvfs(tmp_path)
    with rig(tmp_path) as r:
        recording = r.recording()
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        talker.say(1600)
        r.recorder.wake()
        until(lambda: played_frames(recording.path) == 1600)
        r.recorder._reserve_mb = found.f_blocks * found.f_frsize // 2**20 + 1  # more than the disk has
        assert "reserved" in r.outcome().state.error
        until(lambda: r.disk_states)
        assert "reserved" in r.disk_states[-1]
        r.recorder._reserve_mb = 0
        until(lambda: r.disk_states[-1] == "")
    assert len(frames_of(recording.path)) == 1600


def test_at_every_write_the_header_promises_no_more_than_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at after each write that the recorder makes, as a kill there would leave it."""
    real, promised = os.pwritev, []

    def watched(fd: int, parts: list[memoryview], offset: int) -> int:
        written = real(fd, parts, offset)
        announced = wav.announced_frames(os.pread(fd, wav.HEADER_BYTES, 0)) if offset else None
        if announced is not None:
            assert announced <= wav.frames_in(os.fstat(fd).st_size)
            promised.append(announced)
        return written

    monkeypatch.setattr(os, "pwritev", watched)
    with rig(tmp_path) as r:
        recording = r.recording()
        r.recorder.record(recording)
        talker = Talker(r.state, SLOT, recording.number)
        for frames in (1600, 160, 4000):
            talker.say(frames)
            r.recorder.wake()
            until(lambda: r.state.legs["rec_read"][SLOT] == r.state.legs["rec_write"][SLOT])
        talker.stop()
        r.recorder.wake()
        assert r.outcome().state.error == ""
    assert {1600, 1760, 5760} <= set(promised)


def _note(recording: RecordingState):
    from edge.core.recording.sidecar import OpenNote

    return OpenNote(recording=recording.recording, leg=recording.leg, started=recording.started)
