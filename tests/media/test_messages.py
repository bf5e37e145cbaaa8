"""Messages of callers: the recorder against the shared state; the test plays the engine's part, files are real."""

import errno
import json
import os
import resource
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from dsp.plane import layout
from edge.core.recording import sidecar, wav
from edge.media import disk
from edge.media.errors import CommandError
from edge.media.message_file import TAIL
from edge.media.messages import Messages
from edge.media.recorder import Outcome, Recorder
from edge.media.repair import repair_all
from edge.media.slots import RecordingState, SlotState
from edge.vocabulary.commands import DropMessage, StartMessage, StopMessage
from edge.vocabulary.ids import LegId, RecordingId
from tests.media.planes import LEG, SLOT, Talker, expected, plane
from tests.support.waiting import until

MESSAGE = RecordingId("call-m1")
#: The engine's timeline began then.
ANCHOR_NS = 5_000_000_000


class Voice(Talker):
    """As `Talker`, with a speech detector that is told what is speech."""

    def say(self, frames: int, *, speech: bool = True) -> None:
        detector = self.state.speech
        super().say(frames)
        detector["position"][self.slot] += frames
        if speech:
            detector["last_active"][self.slot] = detector["position"][self.slot]


@dataclass
class Rig:
    state: layout.PlaneState
    root: Path
    recorder: Recorder
    slot: list[SlotState]
    drained: list[RecordingState] = field(default_factory=list)
    ended: list[Outcome] = field(default_factory=list)
    pushed: list[tuple[int, ...]] = field(default_factory=list)
    refusing: bool = False
    messages: Messages = field(init=False)

    def __post_init__(self) -> None:
        self.messages = Messages(
            self.state,
            self.recorder,
            lambda leg: self.slot[-1] if leg == LEG else None,
            self.slot.append,
            self.slot.append,
            lambda kind, _slot, _generation, arguments: self.pushed.append((kind, *arguments)),
            lambda _command: self.refusing,
            lambda: "2026-11-22T12:00:00.000Z",
            lambda _command: None,
        )

    @property
    def path(self) -> str:
        return str(self.root / "sales/call-m1.wav")

    def start(self, *, silence_ms: int = 2000, longest_ms: int = 60_000) -> RecordingState:
        self.messages.start(
            StartMessage(leg=LEG, recording=MESSAGE, path=self.path, silence_ms=silence_ms, longest_ms=longest_ms)
        )
        made = self.slot[-1].message
        assert made is not None
        return made

    def caught_up(self, frames: int) -> None:
        """Wait until so many frames are in the file."""
        part = Path(sidecar.part_path(self.path))

        def there() -> bool:
            self.recorder.wake()
            return part.exists() and wav.announced_frames(part.read_bytes()[: wav.HEADER_BYTES]) == frames

        until(there)

    def outcome(self) -> Outcome:
        def told() -> bool:
            self.recorder.wake()
            return bool(self.ended)

        until(told)
        return self.ended[0]


@contextmanager
def rig(root: Path, state: layout.PlaneState | None = None, slot: SlotState | None = None) -> Iterator[Rig]:
    state = state or plane()
    state.ctl[layout.GRID_ANCHOR_NS] = ANCHOR_NS
    drained: list[RecordingState] = []
    ended: list[Outcome] = []
    recorder = Recorder(state, str(root), 0, drained=drained.append, ended=ended.append, disk_state=lambda _: None)
    recorder.start()
    made = Rig(state, root, recorder, [slot or SlotState(leg=LEG, slot=SLOT, generation=1)], drained, ended)
    try:
        yield made
    finally:
        recorder.stop()


def samples(path: str) -> np.ndarray:
    with wave.open(path) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth()) == (1, 8000, 2)
        return np.frombuffer(read.readframes(read.getnframes()), np.int16)


def test_silence_ends_a_message_and_is_cut_off(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start(silence_ms=1000)
        assert r.pushed == [(layout.CMD_RECORD, message.number)]
        voice = Voice(r.state, SLOT, message.number)
        voice.say(4000, speech=False)
        voice.say(12_000)
        voice.say(7840, speech=False)
        r.caught_up(23_840)
        assert not Path(r.path).exists(), "nobody finds half a message under its name"
        voice.say(160, speech=False)
        outcome = r.outcome()
    assert outcome.state.ended_by == "silence"
    assert np.array_equal(samples(r.path), expected(np.arange(16_000 + TAIL))[:, 0])
    content = Path(r.path).read_bytes()
    assert (outcome.size_bytes, outcome.sha256) == (len(content), sha256(content).hexdigest())
    side = json.loads(Path(r.path).with_suffix(".json").read_text())
    assert (side["channels"], side["duration_ms"], side["gap_ms_left"], side["gap_ms_right"]) == (
        ["leg"],
        2300,
        0,
        None,
    )
    assert sorted(path.name for path in Path(r.path).parent.iterdir()) == ["call-m1.json", "call-m1.wav"]


def test_it_runs_beside_the_recording_of_the_call(tmp_path: Path) -> None:
    call = RecordingState(
        leg=LEG, slot=SLOT, number=3, recording=RecordingId("call-1"), path=str(tmp_path / "call-1.wav"), started=""
    )
    slot = SlotState(leg=LEG, slot=SLOT, generation=1, recording=call, recording_open=True, last_number=3)
    with rig(tmp_path, slot=slot) as r:
        r.recorder.record(call)
        voice = Voice(r.state, SLOT, 3)
        voice.say(20_000)
        message = r.start(silence_ms=1000)
        assert (message.first, message.alone, r.pushed) == (20_000, False, [])
        voice.say(30_000)
        voice.say(8000, speech=False)
        assert r.outcome().state.recording == MESSAGE
        voice.say(5000)
        voice.stop()
        until(lambda: len(r.ended) == 2)
    assert np.array_equal(samples(r.path), expected(np.arange(20_000, 50_000 + TAIL))[:, 0])
    with wave.open(call.path) as read:
        assert (read.getnchannels(), read.getnframes()) == (2, 63_000)


def test_a_voice_from_before_is_none_of_it(tmp_path: Path) -> None:
    call = RecordingState(
        leg=LEG, slot=SLOT, number=3, recording=RecordingId("call-1"), path=str(tmp_path / "call-1.wav"), started=""
    )
    slot = SlotState(leg=LEG, slot=SLOT, generation=1, recording=call, recording_open=True, last_number=3)
    with rig(tmp_path, slot=slot) as r:
        r.recorder.record(call)
        voice = Voice(r.state, SLOT, 3)
        voice.say(16_000)
        r.start(silence_ms=1000)
        voice.say(8000, speech=False)
        outcome = r.outcome()
        voice.stop()
    assert (outcome.state.frames, outcome.state.ended_by) == (0, "silence")


def test_a_key_ends_it_before_its_tone(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start()
        voice = Voice(r.state, SLOT, message.number)
        voice.say(16_000)  # the last 0.1 s of it is the tone
        r.caught_up(16_000)
        pressed_ms = ANCHOR_NS // 1_000_000 + 1900
        r.messages.stop(StopMessage(LEG, MESSAGE, pressed_ms))
        r.messages.stop(StopMessage(LEG, MESSAGE, pressed_ms + 50))
        outcome = r.outcome()
    assert (outcome.state.frames, outcome.state.ended_by) == (15_200, "stopped")
    assert np.array_equal(samples(r.path), expected(np.arange(15_200))[:, 0])
    assert r.drained[0].alone, "then the engine is told to stop, too"


@pytest.mark.parametrize("longest_ms", [2000, 2500])
def test_it_is_no_longer_than_it_may_be(longest_ms: int, tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start(longest_ms=longest_ms)
        Voice(r.state, SLOT, message.number).say(30_000)
        outcome = r.outcome()
    assert (outcome.state.frames, outcome.state.ended_by) == (8 * longest_ms, "length")


def test_who_hangs_up_leaves_what_was_said(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start()
        voice = Voice(r.state, SLOT, message.number)
        voice.say(9000)
        voice.stop()
        outcome = r.outcome()
    assert (outcome.state.frames, outcome.state.ended_by) == (9000, "leg_ended")


def test_a_successor_goes_on_and_knows_where_it_was_stopped(tmp_path: Path) -> None:
    state = plane()
    with rig(tmp_path, state) as first:
        message = first.start()
        voice = Voice(state, SLOT, message.number)
        voice.say(8000)
        first.caught_up(8000)
    slot = first.slot[-1]
    # As if killed between samples and header: they are written again, from the ring.
    fd = os.open(sidecar.part_path(first.path), os.O_RDWR)
    disk.announce(fd, 7000, 1)
    os.close(fd)
    voice.say(6000)
    with rig(tmp_path, state, slot) as second:
        second.messages.stop(StopMessage(LEG, MESSAGE, 0))
    stopped = second.slot[-1].message
    assert stopped is not None
    assert stopped.until == 14_000
    assert second.slot[-1].message_open
    with rig(tmp_path, state, second.slot[-1]) as third:
        third.recorder.record(stopped, resumed=True)
        assert third.outcome().state.frames == 14_000
    assert np.array_equal(samples(first.path), expected(np.arange(14_000))[:, 0])


def test_one_that_has_its_name_already_is_not_made_anew(tmp_path: Path) -> None:
    state = plane()
    with rig(tmp_path, state) as first:
        message = first.start()
        voice = Voice(state, SLOT, message.number)
        voice.say(8000)
        voice.stop()
        first.outcome()
    before = Path(first.path).read_bytes()
    Path(first.path).with_suffix(".json").unlink()
    with rig(tmp_path, state) as second:
        second.recorder.record(message, resumed=True)
        assert second.outcome().sha256 == sha256(before).hexdigest()
    assert Path(first.path).read_bytes() == before


def test_what_the_engine_wrote_over_is_silence_whose_time_counts(tmp_path: Path) -> None:
    state = plane()
    with rig(tmp_path, state) as first:
        message = first.start()
        voice = Voice(state, SLOT, message.number)
        voice.say(8000)
        first.caught_up(8000)
    # Nobody moves frames for 3 s.
    state.legs["rec_read"][SLOT] = 32_000 - layout.RECORD_FRAMES
    voice.say(24_000)
    voice.stop()
    with rig(tmp_path, state) as second:
        second.recorder.record(message, resumed=True)
        outcome = second.outcome()
    said = samples(first.path)
    wanted = expected(np.arange(32_000))[:, 0]
    lost = outcome.state.gap_left
    assert 8000 <= lost < 8000 + 2000
    assert np.array_equal(said[:8000], wanted[:8000])
    assert not said[8000 : 8000 + lost].any()
    assert np.array_equal(said[8000 + lost :], wanted[8000 + lost :])


def test_a_command_sent_again_begins_nothing_anew_and_a_full_disk_refuses(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start()
        assert r.start() == message
        with pytest.raises(CommandError):
            r.messages.start(replace_id(r, "call-m2"))
        Voice(r.state, SLOT, message.number).stop()
        r.outcome()
        r.slot.append(replace(r.slot[-1], message_open=False))
        r.refusing = True
        r.messages.start(replace_id(r, "call-m2"))
        assert r.slot[-1].message == message
        with pytest.raises(CommandError):
            r.messages.start(StartMessage(leg=LegId("x.1"), recording=MESSAGE, path="", silence_ms=1, longest_ms=1))
        r.messages.stop(StopMessage(LegId("x.1"), MESSAGE))


def replace_id(r: Rig, name: str) -> StartMessage:
    return StartMessage(
        leg=LEG, recording=RecordingId(name), path=str(r.root / f"{name}.wav"), silence_ms=1000, longest_ms=9000
    )


def test_a_message_that_nobody_wants_goes_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        message = r.start()
        voice = Voice(r.state, SLOT, message.number)
        voice.say(800)
        voice.stop()
        r.outcome()
        Path(sidecar.heard_path(r.path)).touch()
        r.messages.drop(DropMessage(LEG, MESSAGE, r.path))
        until(lambda: not list(Path(r.path).parent.iterdir()))
        r.messages.drop(DropMessage(LEG, MESSAGE, r.path))


def test_a_folder_that_cannot_be_written_ends_the_message_only(tmp_path: Path) -> None:
    with rig(tmp_path) as r:
        (tmp_path / "sales").write_text("in the way")
        message = r.start()
        Voice(r.state, SLOT, message.number).say(800)
        outcome = r.outcome()
    assert outcome.state.error
    assert (tmp_path / "sales").read_text() == "in the way"


def test_a_disk_that_takes_no_more_leaves_what_was_said_before(tmp_path: Path) -> None:
    """RLIMIT_FSIZE is the real thing at a size of our choosing: pwrite writes a part, then fails."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with rig(tmp_path) as r:
        message = r.start()
        voice = Voice(r.state, SLOT, message.number)
        voice.say(1600)
        r.caught_up(1600)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, old[1]))
            voice.say(1600)
            outcome = r.outcome()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert os.strerror(errno.EFBIG) in outcome.state.error
    assert outcome.state.ended_by is None
    # What the recorder found before it had all of the rest may have found room.
    kept = samples(r.path)
    assert 1600 <= kept.size < 2500
    assert np.array_equal(kept, expected(np.arange(kept.size))[:, 0])
    side = json.loads(Path(r.path).with_suffix(".json").read_text())
    assert (side["truncated"], side["duration_ms"]) == (True, kept.size // 8)
    assert r.drained[0].alone, "the engine is told to stop, too"


# --- after a restart of the appliance


def interrupted(folder: Path, data: bytes) -> Path:
    path = folder / "call-m1.wav"
    folder.mkdir(parents=True, exist_ok=True)
    note = sidecar.OpenNote(recording=MESSAGE, leg=LEG, started="2026-11-22T12:00:00.000Z", channels=1)
    Path(sidecar.open_path(str(path))).write_bytes(sidecar.encode(note))
    Path(sidecar.part_path(str(path))).write_bytes(data)
    return path


def test_an_interrupted_message_gets_its_name_and_all_that_was_said(tmp_path: Path) -> None:
    path = interrupted(tmp_path, wav.header(100, 1) + bytes(range(200)) * 4 + b"x")
    (repaired,) = repair_all(str(tmp_path))
    assert (repaired.recording, repaired.duration_ms, repaired.error) == (MESSAGE, 50, "")
    assert len(samples(str(path))) == 400
    side = json.loads(path.with_suffix(".json").read_text())
    assert (side["repaired"], side["channels"], side["sha256"]) == (True, ["leg"], repaired.sha256)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["call-m1.json", "call-m1.wav"]
    assert repair_all(str(tmp_path)) == []


@pytest.mark.parametrize("data", [b"", wav.header(0, 1)[:20], wav.header(0, 1)])
def test_a_message_that_nobody_got_to_say_is_none(data: bytes, tmp_path: Path) -> None:
    interrupted(tmp_path, data)
    assert repair_all(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
