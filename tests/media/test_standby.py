"""A worker that stands by goes on where a killed one stopped, and disturbs nothing until then."""

import itertools
import wave
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dsp.plane import layout
from edge.media.worker import DISK_CONDITION
from edge.vocabulary.commands import Bridge, CloseLeg, Play, SendDigits, StopRecording
from edge.vocabulary.ids import PlayId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import DigitsSent, LegMediaEnded, MediaSnapshot, PlayEnded, RecordingDone
from edge.vocabulary.supervision import Exited, Ready, Reload, Stop
from edge.vocabulary.wire import pack
from tests.media.rig import LIMIT_S, Rig, Worker
from tests.media.test_crash import sequences, ticks
from tests.support.waiting import until

pytestmark = pytest.mark.system


@pytest.fixture
def standby(rig: Rig) -> Iterator[Worker]:
    made = rig.appliance.fork(standby=True)
    made.channel.next(Ready)
    yield made
    if made is not rig.worker and alive(made):
        rig.appliance.kill(made)


def conditions(rig: Rig) -> dict[str, str]:
    rig.worker.channel.listen()
    return rig.worker.channel.conditions


def alive(worker: Worker) -> bool:
    try:
        return Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_waits_in_silence(rig: Rig, standby: Worker) -> None:
    """Two engines on one memory would send everything twice; a second take-up would tear what the first is doing."""
    phone, other = rig.phone(400), rig.phone(700)
    rig.do(Bridge(rig.leg(0, phone), rig.leg(1, other)))
    until(lambda: phone.hears(700) and other.hears(400), LIMIT_S)
    taken = int(rig.shared.plane.ctl[layout.TAKE_UPS])
    ticks(rig, 60)
    found = sequences(phone)
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(found))
    assert int(rig.shared.plane.ctl[layout.TAKE_UPS]) == taken
    assert len(rig.all(MediaSnapshot)) == 1, "only the worker has joined the link"
    standby.channel.listen()
    assert standby.channel.beats > 0
    assert Path(f"/proc/{standby.pid}/comm").read_text().strip() == "edge-media-stan"


def test_talk_recording_and_prompt_go_on(rig: Rig) -> None:
    phones = [rig.phone(400), rig.phone(700)]
    legs = [rig.leg(n, phone) for n, phone in enumerate(phones)]
    listener = rig.phone()
    third = rig.leg(2, listener)
    rig.do(Bridge(*legs))
    recording = rig.record(legs[0], "over")
    sound = rig.tone_file("a.wav", 440, 1.0)
    command = Play(leg=third, play=PlayId("p"), files=[sound], times=0)
    rig.do(command)
    for _ in range(3):
        standby = rig.appliance.fork(standby=True)
        standby.channel.next(Ready)
        until(lambda: phones[0].hears(700) and phones[1].hears(400) and listener.hears(440, 0.4), LIMIT_S)
        rig.appliance.kill(rig.worker)
        rig.take_over(standby)
        assert rig.wait(MediaSnapshot, lambda s: len(s.legs) == 3)
        rig.do(command, id_="again")  # the play is known, not begun anew
        ticks(rig, 60)
    until(lambda: phones[0].hears(700) and phones[1].hears(400) and listener.hears(440, 0.4), LIMIT_S)
    for phone in phones:
        assert len({p.ssrc for p in phone.packets}) == 1
        found = sequences(phone)
        assert len(set(found)) == len(found)
        assert all((b - a) & 0xFFFF in {1, 2} for a, b in itertools.pairwise(found))
    rig.do(StopRecording(legs[0], recording.recording))
    done = rig.wait(RecordingDone)
    with wave.open(recording.path) as read:
        assert read.getnframes() == done.duration_ms * 8
    assert rig.all(PlayEnded) == []
    assert rig.metrics()["edge_media_engine_starts_total"] == 4
    assert Path(f"/proc/{rig.worker.pid}/comm").read_text().strip() == "edge-media"


def test_what_was_opened_after_it_was_made_is_known(rig: Rig, standby: Worker) -> None:
    phone = rig.phone(400)
    leg = rig.leg(5, phone)
    rig.do(SendDigits(leg, Private("12"), 100, 100), id_="d")
    rig.wait(DigitsSent)
    rig.appliance.kill(rig.worker)
    rig.take_over(standby)
    rig.do(SendDigits(leg, Private("12"), 100, 100), id_="d")
    rig.do(SendDigits(leg, Private("3"), 100, 100), id_="e")
    until(lambda: len(rig.all(DigitsSent)) == 2, LIMIT_S)
    until(lambda: len(phone.events()) >= 3, LIMIT_S)
    assert [e.key for e in phone.events()] == ["1", "2", "3"]
    # A prompt that the one before has read is in the memory that both share.
    rig.play(leg, rig.tone_file("b.wav", 440, 0.2))
    assert rig.wait(PlayEnded).how == "finished"


@pytest.mark.parametrize("phase", range(1, 10))
def test_a_tick_torn_between_any_two_phases(rig: Rig, standby: Worker, phase: int) -> None:
    phone, other = rig.phone(400), rig.phone(700)
    leg, ear = rig.leg(0, phone), rig.leg(1, other)
    rig.do(Bridge(leg, ear))
    until(lambda: other.hears(400) and phone.hears(700), LIMIT_S)
    rig.shared.plane.ctl[layout.CRASH_PHASE] = phase
    rig.send(CloseLeg(ear), id_="close")
    assert rig.appliance.exited(rig.worker) == -9
    rig.shared.plane.ctl[layout.CRASH_PHASE] = 0
    rig.take_over(standby)
    rig.do(CloseLeg(ear), id_="close")
    assert rig.wait(LegMediaEnded).leg == ear
    ticks(rig, 10)
    assert len({p.ssrc for p in phone.packets}) == 1
    assert rig.shared.plane.legs["state"][0] == layout.LEG_OPEN
    assert rig.shared.plane.legs["state"][1] == layout.LEG_FREE


def test_it_ends_when_it_is_told_to_and_with_its_channel(rig: Rig, standby: Worker) -> None:
    second = rig.appliance.fork(standby=True)
    second.channel.next(Ready)
    standby.channel.send(Stop())
    assert rig.appliance.exited(standby) == 0
    second.channel.mine.close()
    assert rig.appliance.channel.next(Exited).pid == second.pid
    assert rig.leg(0, rig.phone())


def test_a_reload_that_it_heard_while_it_waited_counts(rig: Rig, standby: Worker, tmp_path: Path) -> None:
    site = rig.appliance.site
    changed = msgspec.structs.replace(
        site,
        media=msgspec.structs.replace(site.media, max_delay_ms=80, min_delay_ms=40),
        recording=msgspec.structs.replace(site.recording, reserve_mb=1 << 40),
    )
    path = tmp_path / "site"
    path.write_bytes(pack(changed))
    standby.channel.send(Reload(str(path)))
    assert rig.shared.plane.ctl[layout.MAX_DELAY] == site.media.max_delay_ms * 8, "it is not its turn yet"
    rig.appliance.kill(rig.worker)
    rig.take_over(standby)
    assert rig.shared.plane.ctl[layout.MAX_DELAY] == 640
    assert rig.shared.plane.ctl[layout.MIN_DELAY] == 320
    until(lambda: DISK_CONDITION in conditions(rig), LIMIT_S, "less is free than the new configuration reserves")
