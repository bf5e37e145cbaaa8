"""A kill before each single write to shared memory that a command makes: after the restart the command is done once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsp.plane import layout
from dsp.plane.engine import pack_limits
from edge.media.ring import EngineStuckError
from edge.vocabulary.commands import (
    AnyCommand,
    Bridge,
    CloseLeg,
    OpenLeg,
    Play,
    SendDigits,
    StartRecording,
    Unbridge,
    UpdateLeg,
)
from edge.vocabulary.ids import CommandId, LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import KeyTones
from edge.vocabulary.private import Private
from edge.vocabulary.reports import DigitsSent, LegMediaEnded, PlayEnded
from tests.media.desk import Desk, Killed

A, B = LegId("a.1"), LegId("b.1")


@pytest.fixture
def make_desk(address: str) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make() -> Desk:
        desks.append(Desk(address))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def open_two(desk: Desk) -> None:
    for slot, leg in enumerate((A, B)):
        assert desk.do(OpenLeg(leg=leg, slot=SlotIndex(slot), remote=desk.remote(slot))) is None
    desk.tick(2)
    desk.results.clear()
    desk.writes = 0


def killed_anywhere(
    make: Callable[[], Desk], prepare: Callable[[Desk], None], command: Callable[[Desk], AnyCommand]
) -> Iterator[Desk]:
    """Yield a desk for each write that the command makes, killed before it, restarted, and told again by switch."""
    counting = make()
    prepare(counting)
    assert counting.do(command(counting), "x") is None
    total = counting.writes
    assert total > 1
    for kill_before in range(total + 1):
        desk = make()
        prepare(desk)
        desk.kill_before = kill_before
        if kill_before < total:
            with pytest.raises(Killed):
                desk.do(command(desk), "x")
        else:
            desk.do(command(desk), "x")  # killed after all of it, before its answer was sent
        desk.results.clear()
        desk.left = desk.restart()
        assert desk.do(command(desk), "x") is None
        yield desk


def test_open(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(
        make_desk,
        lambda desk: None,
        lambda desk: OpenLeg(leg=A, slot=SlotIndex(2), remote=desk.remote(0, codec="PCMA")),
    ):
        desk.tick(3)
        assert desk.engine_says(2, "state", "connected", "codec", "te_payload_type", "generation") == [1, 1, 1, 101, 1]
        assert desk.sockets[4].getpeername() == desk.peers[0].getsockname()
        assert desk.plane.ctl[layout.COMMANDS_BAD] == 0


def test_update(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: UpdateLeg(A, desk.remote(3, direction="sendonly"))):
        desk.tick()
        assert desk.engine_says(0, "transmit", "expect", "connected") == [0, 1, 1]
        assert desk.sockets[0].getpeername() == desk.peers[3].getsockname()


def test_play(make_desk: Callable[[], Desk], tmp_path: Path) -> None:
    for desk in killed_anywhere(
        make_desk, open_two, lambda desk: Play(leg=A, play=PlayId("p"), files=[desk.sound(tmp_path)])
    ):
        desk.tick(12)
        assert [(r.play, r.how) for r in desk.all(PlayEnded)] == [("p", "finished")]
        assert desk.state(0).plays == {}


def test_a_play_that_replaces_another(make_desk: Callable[[], Desk], tmp_path: Path) -> None:
    def playing(desk: Desk) -> None:
        open_two(desk)
        desk.do(Play(leg=A, play=PlayId("old"), files=[desk.sound(tmp_path)], times=0))
        desk.tick(2)
        desk.writes = 0

    for desk in killed_anywhere(
        make_desk, playing, lambda desk: Play(leg=A, play=PlayId("new"), files=[desk.sound(tmp_path, 0.2)])
    ):
        desk.tick(15)
        assert [(r.play, r.how) for r in desk.all(PlayEnded)] == [("old", "stopped"), ("new", "finished")]


def test_digits(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: SendDigits(A, Private("12"), 60, 60)):
        desk.tick(25)
        assert desk.all(DigitsSent) == [DigitsSent(A, CommandId("x"))]


@pytest.mark.parametrize(
    ("facts", "tones", "guard"),
    [
        ({}, 0, 1),
        ({"telephone_event": None}, 1, 0),
        ({"dtmf": "inband"}, 1, 0),
        ({"dtmf": "info", "telephone_event": None}, 0, 1),
        ({"dtmf": "rfc4733", "telephone_event": None}, 1, 0),
    ],
)
def test_how_a_leg_gets_keys(make_desk: Callable[[], Desk], facts: dict[str, object], tones: int, guard: int) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: UpdateLeg(A, desk.remote(3, **facts))):
        desk.tick()
        assert desk.engine_says(0, "dg_tones", "dg_guard") == [tones, guard]


@pytest.mark.parametrize(
    ("facts", "deaf", "limits"),
    [
        ({}, 0, 0),
        ({"key_tones": KeyTones(inband="auto")}, 1, 0),
        ({"key_tones": KeyTones(inband="auto"), "telephone_event": None}, 0, 0),
        ({"key_tones": KeyTones(inband="never"), "telephone_event": None}, 1, 0),
        ({"key_tones": KeyTones(min_tone_ms=60, min_pause_ms=50)}, 0, pack_limits(60, 50, -31, 6, 10)),
    ],
)
def test_which_tones_are_keys(make_desk: Callable[[], Desk], facts: dict[str, object], deaf: int, limits: int) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: UpdateLeg(A, desk.remote(3, **facts))):
        desk.tick()
        assert desk.engine_says(0, "dg_deaf", "dg_limits") == [deaf, limits]


def test_bridge_and_unbridge(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: Bridge(A, B)):
        desk.tick(2)
        assert desk.engine_says(0, "rm_room") + desk.engine_says(1, "rm_room") == [1, 1]

    def bridged(desk: Desk) -> None:
        open_two(desk)
        desk.do(Bridge(A, B))
        desk.tick()
        desk.writes = 0

    for desk in killed_anywhere(make_desk, bridged, lambda desk: Unbridge(A)):
        desk.tick(2)
        assert desk.engine_says(0, "rm_room") + desk.engine_says(1, "rm_room") == [0, 0]
        assert (desk.state(0).room, desk.state(1).room) == (0, 0)


def test_recording(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, open_two, lambda desk: StartRecording(A, RecordingId("r"), "/spool/r.wav")):
        desk.tick(3)
        number = desk.state(0).recording.number  # type: ignore[union-attr]
        assert desk.engine_says(0, "rec_number", "rec_active", "rec_write") == [number, 1, 480]
        # Each life of the process has it once: from the command, or from the take-up.
        assert [r.recording for r in desk.left.running + desk.recordings[-1:]][-1] == "r"
        assert desk.legs.snapshot().recordings == {A: "r"}


def test_close(make_desk: Callable[[], Desk]) -> None:
    def recorded(desk: Desk) -> None:
        open_two(desk)
        desk.do(Bridge(A, B))
        desk.do(StartRecording(A, RecordingId("r"), "/spool/r.wav"))
        desk.tick(2)
        desk.writes = 0

    for desk in killed_anywhere(make_desk, recorded, lambda desk: CloseLeg(A)):
        desk.tick(2)
        assert desk.engine_says(0, "state", "rec_active") == [layout.LEG_FREE, 0]
        assert desk.engine_says(1, "rm_room", "state") == [0, layout.LEG_OPEN]
        assert {r.leg for r in desk.all(LegMediaEnded)} == {A}
        with pytest.raises(OSError, match="not connected"):
            desk.sockets[0].getpeername()
        # The slot is free once the recorder has the last frames.
        assert desk.do(OpenLeg(leg=LegId("c.1"), slot=SlotIndex(0), remote=None), "next") == "no answer"
        desk.legs.recording_drained(desk.state(0).recording)  # type: ignore[arg-type]
        assert desk.answer("next") is None
        desk.tick()
        assert desk.legs.snapshot().legs == {B: 1, "c.1": 0}
        assert desk.legs.snapshot().recordings == {A: "r"}


def test_a_new_bridge_takes_the_old_ones_apart(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    desk.do(OpenLeg(leg=LegId("c.1"), slot=SlotIndex(2), remote=desk.remote(2)))
    desk.do(Bridge(A, B))
    desk.do(Bridge(A, LegId("c.1")))
    desk.tick()
    assert [desk.engine_says(slot, "rm_room")[0] for slot in range(3)] == [1, 0, 1]
    assert [desk.state(slot).room for slot in range(3)] == [1, 0, 1]


def test_a_leg_that_waits_for_its_slot_can_be_closed(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    desk.do(CloseLeg(A))
    assert desk.do(OpenLeg(leg=LegId("c.1"), slot=SlotIndex(0), remote=None), "open") == "no answer"
    assert desk.do(OpenLeg(leg=LegId("d.1"), slot=SlotIndex(0), remote=None), "other") == "slot 0 is waited for by c.1"
    assert desk.do(CloseLeg(LegId("c.1")), "close") == "no leg c.1"
    assert desk.answer("open") == "closed before its slot was free"
    desk.tick()
    assert desk.legs.snapshot().legs == {B: 1}


def test_a_stuck_engine_is_an_answer_not_a_fault(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    for _ in range(layout.COMMANDS):
        desk.do(Unbridge(A))
    assert desk.do(Unbridge(A), "last") == str(EngineStuckError("the media engine takes no commands"))
    desk.tick()
    assert desk.do(Unbridge(A), "again") is None


def test_ids_that_do_not_fit_are_refused(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    assert "record of" in str(desk.do(OpenLeg(leg=LegId("x" * 3000), slot=SlotIndex(2), remote=None)))
    assert "record of" in str(desk.do(StartRecording(A, RecordingId("r"), "/" + "x" * 3000)))
    assert desk.legs.snapshot().recordings == {}


def test_events_of_an_earlier_use_of_a_slot_are_dropped(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    open_two(desk)
    desk.events.handle((layout.EV_SOUND, 0, 99, 0, 1, 5, 0, 0, 0, 0))
    desk.events.handle((77, 0, 1, 0, 1, 5, 0, 0, 0, 0))
    assert desk.events.stale == 2
    assert desk.reports == []


def test_a_key_that_is_told_before_the_prompt_was_read_is_for_the_menu_to_judge(
    make_desk: Callable[[], Desk], tmp_path: Path
) -> None:
    """It may be the key that ended the prompt before, told once more by another method."""
    desk = make_desk()
    open_two(desk)
    desk.legs.handle("p", Play(leg=A, play=PlayId("p"), files=[desk.sound(tmp_path)], barge_in=True))  # type: ignore[arg-type]
    desk.events.handle((layout.EV_DIGIT, 0, 1, 0, layout.METHOD_INBAND, ord("5"), 7, 10**8, -120, 1))
    desk.load()
    desk.tick(10)
    assert [(r.how, r.played_ms) for r in desk.all(PlayEnded)] == [("finished", 100)]


def test_a_play_that_waits_for_its_file_is_replaced_or_ended_with_its_leg(
    make_desk: Callable[[], Desk], tmp_path: Path
) -> None:
    desk = make_desk()
    open_two(desk)
    for name in ("one", "two"):
        desk.legs.handle(name, Play(leg=A, play=PlayId(name), files=[desk.sound(tmp_path)]))  # type: ignore[arg-type]
    assert desk.answer("one") is None
    assert desk.answer("two") == "no answer"
    desk.do(CloseLeg(A), "close")
    assert [(r.play, r.how) for r in desk.all(PlayEnded)] == [("one", "stopped"), ("two", "stopped")]
    assert desk.answer("two") is None
    desk.tick(2)
    assert len(desk.all(PlayEnded)) == 2


def test_a_prompt_that_plays_is_safe_from_others(make_desk: Callable[[], Desk], tmp_path: Path) -> None:
    """The arena holds 4 s: what comes after must not be written over what is heard, not even by a successor."""
    desk = make_desk()
    open_two(desk)
    desk.do(Play(leg=A, play=PlayId("p"), files=[desk.sound(tmp_path, 2.0)], times=0))
    desk.tick(2)
    offset, length = int(desk.plane.legs["pl_offset"][0, 0]), int(desk.plane.legs["pl_length"][0, 0])
    before = desk.plane.prompts[offset : offset + length].copy()
    desk.restart()
    for n in range(1, 8):
        desk.do(Play(leg=B, play=PlayId(str(n)), files=[desk.sound(tmp_path, 1.0 + n / 10)]), str(n))
        desk.tick(2)
    assert (desk.plane.prompts[offset : offset + length] == before).all()
    assert desk.memory.evictions > 0
