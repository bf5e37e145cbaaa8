"""kill -9 of the worker, in every state that matters: the next one goes on as if nothing had been."""

import itertools
import os
import subprocess
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dsp.plane import layout
from edge.core.recording import wav
from edge.media.repair import repair_all
from edge.vocabulary.commands import Bridge, CloseLeg, Play, SendDigits, StopRecording
from edge.vocabulary.ids import LegId, PlayId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    DigitHeard,
    DigitsSent,
    LegMediaEnded,
    MediaSnapshot,
    PlayEnded,
    RecordingDone,
    RecordingFailed,
)
from tests.media.rig import LIMIT_S, Appliance, Rig, running
from tests.media.test_worker import channels
from tests.support import tones
from tests.support.addresses import address
from tests.support.rtp_stream import RtpStream
from tests.support.waiting import until

pytestmark = pytest.mark.system


def ticks(rig: Rig, count: int) -> None:
    """Let the engine run for `count` ticks."""
    start = int(rig.shared.plane.ctl[layout.TICK])
    until(lambda: int(rig.shared.plane.ctl[layout.TICK]) >= start + count, LIMIT_S)


def sequences(phone: RtpStream) -> list[int]:
    return [p.sequence for p in list(phone.packets)]


class Watcher:
    """Plays a recording again and again while it is written, as its readers do."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[str] = []
        self.looks = 0
        self._frames = 0
        self._run = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._run:
            self._look()
            time.sleep(0.002)

    def _look(self) -> None:
        try:
            with Path(self.path).open("rb") as file:
                head = file.read(44)
                size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return
        if not head:  # made in this moment
            return
        announced = wav.announced_frames(head)
        if announced is None or announced > wav.frames_in(size):
            self.faults.append(f"{announced} frames announced, {size} bytes there")
        elif announced < self._frames:
            self.faults.append(f"from {self._frames} back to {announced}")
        else:
            self._frames = announced
        self.looks += 1

    def stop(self) -> None:
        self._run = False
        self._thread.join()


def test_talking_legs_go_on_with_the_same_stream(rig: Rig) -> None:
    phones = [rig.phone(400), rig.phone(700)]
    legs = [rig.leg(n, phone) for n, phone in enumerate(phones)]
    rig.do(Bridge(*legs))
    until(lambda: phones[0].hears(700) and phones[1].hears(400), LIMIT_S)
    for _ in range(3):
        rig.crash()
        assert rig.wait(MediaSnapshot, lambda s: len(s.legs) == 2)
        ticks(rig, 60)
        until(lambda: phones[0].hears(700) and phones[1].hears(400), LIMIT_S)
    for phone in phones:
        assert len({p.ssrc for p in phone.packets}) == 1
        found = sequences(phone)
        assert len(set(found)) == len(found)
        assert all((b - a) & 0xFFFF in {1, 2} for a, b in itertools.pairwise(found))
    assert rig.metrics()["edge_media_engine_starts_total"] == 4
    assert rig.close_leg(legs[0]).packets_sent > 150


@pytest.mark.parametrize("phase", range(1, 8))
def test_a_kill_between_any_two_phases_of_a_tick(rig: Rig, phase: int) -> None:
    phone, other = rig.phone(400), rig.phone(700)
    leg, ear = rig.leg(0, phone), rig.leg(1, other)
    recording = rig.record(leg, f"phase{phase}")
    rig.do(Bridge(leg, ear))
    until(lambda: other.hears(400), LIMIT_S)
    rig.shared.plane.ctl[layout.CRASH_PHASE] = phase
    assert rig.appliance.exited(rig.worker) == -9
    rig.shared.plane.ctl[layout.CRASH_PHASE] = 0
    rig.next_worker()
    ticks(rig, 60)
    until(lambda: other.hears(400) and phone.hears(700), LIMIT_S)
    found = sequences(phone)
    assert len(set(found)) == len(found)
    assert len({p.ssrc for p in phone.packets}) == 1
    rig.do(StopRecording(leg, recording.recording))
    done = rig.wait(RecordingDone)
    assert len(channels(recording.path)[0]) == done.duration_ms * 8
    assert tones.share(channels(recording.path)[0], 400) > 0.9


def test_a_recording_keeps_its_time_line_over_kills_and_is_valid_at_every_moment(rig: Rig) -> None:
    phone = rig.phone(400)
    leg = rig.leg(0, phone)
    until(lambda: rig.shared.plane.legs["rx_packets"][0] > 5, LIMIT_S)
    recording = rig.record(leg, "killed")
    watcher = Watcher(recording.path)
    for _ in range(4):
        ticks(rig, 40)
        rig.appliance.kill(rig.worker)
        # Whatever a reader finds now is at most a second short.
        frames = int(rig.shared.plane.legs["rec_write"][0])
        with wave.open(recording.path) as read:
            assert frames - read.getnframes() <= 8000
        rig.next_worker()
    ticks(rig, 40)
    rig.do(StopRecording(leg, recording.recording))
    done = rig.wait(RecordingDone)
    watcher.stop()
    assert watcher.faults == []
    assert watcher.looks > 100
    left, _ = channels(recording.path)
    start, end = (int(rig.shared.plane.legs[name][0]) for name in ("rec_start_tick", "rec_write"))
    assert len(left) == end == done.duration_ms * 8
    assert end <= (int(rig.shared.plane.ctl[layout.TICK]) - start) * 160
    # A kill costs at most a few ticks of sound, and nothing moves because of it.
    assert done.gap_ms_left < 1000
    assert tones.share(left, 400) > 0.8
    assert not Path(recording.path).with_suffix(".open").exists()


def test_a_worker_killed_right_after_the_start_of_a_recording(rig: Rig) -> None:
    """The file may exist or not: the engine has the sound in its ring, and the table has the name."""
    leg = rig.leg(0, rig.phone(400))
    ticks(rig, 5)
    recording = rig.record(leg, "early")
    rig.crash()
    ticks(rig, 30)
    rig.do(StopRecording(leg, recording.recording))
    assert rig.wait(RecordingDone).duration_ms >= 500


def test_a_prompt_plays_on_and_ends_once(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    sound = rig.tone_file("a.wav", 440, 2.0)
    command = Play(leg=leg, play=PlayId("p"), files=[sound])
    rig.do(command)
    until(lambda: phone.hears(440, 0.4), LIMIT_S)
    rig.crash()
    rig.do(command)  # switch sends again what it had no answer to
    until(lambda: phone.hears(440, 0.4), LIMIT_S)
    assert rig.wait(PlayEnded).how == "finished"
    ticks(rig, 10)
    assert len(rig.all(PlayEnded)) == 1
    assert rig.metrics()["edge_media_prompt_files"] == 1


def test_what_the_engine_saw_and_a_killed_worker_did_not_tell_is_told(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    rig.play(leg, rig.tone_file("a.wav", 440, 0.4))
    ticks(rig, 2)
    os.kill(rig.worker.pid, 19)  # SIGSTOP ends the ticks too, so the events are made by hand below
    state = rig.shared.plane
    head = int(state.ctl[layout.EVENT_HEAD])
    generation = int(state.legs["generation"][0])
    for digit in b"55":  # the second is the same key, told twice by an engine that died in its tick
        state.events[head % layout.EVENTS] = [
            *(layout.EV_DIGIT, 0, generation, 0, layout.METHOD_RFC4733, digit, 10**9, 10**8, layout.NO_LEVEL, 1)
        ]
        head += 1
    state.ctl[layout.EVENT_HEAD] = head
    rig.appliance.kill(rig.worker)
    rig.next_worker()
    assert rig.wait(PlayEnded).how == "finished"
    assert [d.digit.reveal() for d in rig.all(DigitHeard)] == ["5"]


def test_digits_are_not_sent_twice_when_the_command_comes_again(rig: Rig) -> None:
    phone = rig.phone()
    leg = rig.leg(0, phone)
    rig.do(SendDigits(leg, Private("12"), 100, 100), id_="d")
    rig.wait(DigitsSent)
    rig.crash()
    rig.do(SendDigits(leg, Private("12"), 100, 100), id_="d")
    rig.do(SendDigits(leg, Private("3"), 100, 100), id_="e")
    until(lambda: len(rig.all(DigitsSent)) == 2, LIMIT_S)
    until(lambda: len(phone.events()) >= 3, LIMIT_S)
    assert [e.key for e in phone.events()] == ["1", "2", "3"]


def test_a_leg_that_was_being_closed_is_closed_with_its_figures(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone(400))
    recording = rig.record(leg, "closing")
    ticks(rig, 20)
    rig.shared.plane.ctl[layout.CRASH_PHASE] = 2
    rig.send(CloseLeg(leg), id_="close")
    assert rig.appliance.exited(rig.worker) == -9
    rig.shared.plane.ctl[layout.CRASH_PHASE] = 0
    rig.next_worker()
    rig.do(CloseLeg(leg), id_="close")
    assert rig.wait(LegMediaEnded).packets_sent >= 15
    assert rig.wait(RecordingDone).recording == recording.recording
    assert Path(recording.path).with_suffix(".json").exists()


def test_an_appliance_that_was_killed_leaves_recordings_that_can_be_repaired(rig: Rig) -> None:
    leg = rig.leg(0, rig.phone(400))
    ticks(rig, 10)
    recording = rig.record(leg, "restart")
    ticks(rig, 60)
    rig.appliance.kill(rig.worker)
    frames = int(rig.shared.plane.legs["rec_write"][0])
    rig.appliance.clear()
    done = [r for r in repair_all(rig.appliance.site.paths.recordings) if r.recording == recording.recording]
    assert [(r.call, r.leg, r.error) for r in done] == [("call0", leg, "")]
    left, _ = channels(recording.path)
    assert frames - len(left) <= 8000
    assert tones.share(left, 400) > 0.9
    rig.next_worker()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_ends_recordings_not_calls_and_recovers_by_itself(small_disk: Path) -> None:
    with address() as own:
        appliance = Appliance(own, small_disk)
        try:
            with running(appliance, small_disk) as rig:
                _fill_and_empty(rig, small_disk)
        finally:
            appliance.close()


def _fill_and_empty(rig: Rig, disk: Path) -> None:
    phone, other = rig.phone(400), rig.phone(700)
    leg, ear = rig.leg(0, phone), rig.leg(1, other)
    rig.do(Bridge(leg, ear))
    recording = rig.record(leg, "full")
    ticks(rig, 40)
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while ballast.write(np.zeros(4096, np.uint8).tobytes()):
                continue
        except OSError:
            pass
    failed = rig.wait(RecordingFailed)
    assert failed.recording == recording.recording
    left, _ = channels(recording.path)
    assert len(left) == failed.duration_ms * 8 > 0
    assert tones.share(left, 400) > 0.9
    until(lambda: "recording_disk" in _conditions(rig), LIMIT_S)
    refused = rig.record(leg, "refused")
    assert rig.wait(RecordingFailed, lambda r: r.recording == "refused").duration_ms == 0
    assert not Path(refused.path).exists()
    assert other.hears(400)
    (disk / "ballast").unlink()
    until(lambda: not _conditions(rig), LIMIT_S)
    again = rig.record(leg, "again")
    ticks(rig, 20)
    rig.do(StopRecording(leg, again.recording))
    assert rig.wait(RecordingDone).recording == "again"


def _conditions(rig: Rig) -> dict[str, str]:
    rig.worker.channel.listen()
    return {name: text for name, text in rig.worker.channel.conditions.items() if text}


def test_unknown_legs_of_a_damaged_table_are_closed(rig: Rig) -> None:
    phone = rig.phone(400)
    rig.leg(0, phone)
    ticks(rig, 3)
    rig.appliance.kill(rig.worker)
    for copy in range(2):
        rig.shared.table._memory[copy * 2048 : copy * 2048 + 4] = b"\1\2\3\4"
    rig.next_worker()
    until(lambda: rig.shared.plane.legs["state"][0] == layout.LEG_FREE, LIMIT_S)
    fresh = rig.leg(0, rig.phone())
    assert fresh == LegId("call0.1")
