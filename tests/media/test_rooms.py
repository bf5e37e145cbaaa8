"""Rooms, mutes and gains by switch's commands, on the real engine; a kill anywhere changes nothing."""

from collections.abc import Callable

import pytest

from dsp.plane import gain, layout
from edge.media.rooms import gain_less_one
from edge.vocabulary.commands import Bridge, CloseLeg, Join, OpenLeg, SetSound, Unbridge
from edge.vocabulary.ids import LegId, SlotIndex
from edge.vocabulary.media import LegSound
from tests.media.desk import Desk
from tests.media.test_takeup import A, B, killed_anywhere, make_desk, open_two

__all__ = ["make_desk"]

C, D = LegId("c.1"), LegId("d.1")


def open_four(desk: Desk) -> None:
    open_two(desk)
    for slot, leg in ((2, C), (3, D)):
        assert desk.do(OpenLeg(leg=leg, slot=SlotIndex(slot), remote=desk.remote(slot))) is None
    desk.tick(2)
    desk.results.clear()
    desk.writes = 0


def bridged(desk: Desk) -> None:
    open_four(desk)
    assert desk.do(Bridge(A, B)) is None
    desk.tick()
    desk.writes = 0


def rooms(desk: Desk) -> list[int]:
    """Room of each leg as the engine has it, which must be what the table says."""
    said = [desk.state(slot).room for slot in range(4)]
    for slot, room in enumerate(said):
        known, state = desk.engine_says(slot, "rm_room", "state")
        assert (known if state == layout.LEG_OPEN else 0) == room
    return said


def in_rooms(desk: Desk) -> dict[str, int]:
    """Rooms of the open legs that are in one."""
    rooms(desk)
    return {desk.state(n).leg: desk.state(n).room for n in range(4) if desk.state(n).room}


@pytest.fixture
def desk(make_desk: Callable[[], Desk]) -> Desk:
    made = make_desk()
    bridged(made)
    return made


def test_a_third_leg_joins_and_the_bridge_goes_on(desk: Desk) -> None:
    assert desk.do(Join(leg=C, other=A)) is None
    desk.tick(2)
    assert rooms(desk) == [1, 1, 1, 0]
    assert desk.do(Unbridge(C)) is None
    desk.tick(2)
    assert rooms(desk) == [1, 1, 0, 0]


def test_who_stays_behind_alone_leaves_the_room(desk: Desk) -> None:
    desk.do(Join(leg=C, other=A))
    desk.do(CloseLeg(A))
    desk.tick(2)
    assert in_rooms(desk) == {"b.1": 1, "c.1": 1}
    desk.do(CloseLeg(B))
    desk.tick(2)
    assert in_rooms(desk) == {}


def test_a_number_that_is_used_again_brings_no_strangers_together(desk: Desk) -> None:
    desk.do(CloseLeg(A))
    desk.do(Bridge(C, D))
    desk.tick(2)
    assert in_rooms(desk) == {"c.1": 1, "d.1": 1}


def test_joining_a_leg_that_is_in_no_room_makes_one_of_the_two(desk: Desk) -> None:
    assert desk.do(Join(leg=C, other=D, mode="listen")) is None
    desk.tick(2)
    assert rooms(desk) == [1, 1, 2, 2]
    assert desk.engine_says(2, "rm_mode") == [layout.ROOM_LISTEN]


def test_moving_on_takes_the_old_room_apart(desk: Desk) -> None:
    desk.do(Join(leg=A, other=C))
    desk.tick(2)
    assert in_rooms(desk) == {"a.1": 1, "c.1": 1}


def test_modes_change_in_place(desk: Desk) -> None:
    assert desk.do(Join(leg=C, other=A, mode="whisper", to=B)) is None
    desk.tick(2)
    assert desk.engine_says(2, "rm_room", "rm_mode", "rm_to", "rm_to_generation") == [1, layout.ROOM_WHISPER, 2, 1]
    assert desk.do(Join(leg=C, other=A)) is None
    desk.tick(2)
    assert desk.engine_says(2, "rm_room", "rm_mode", "rm_to") == [1, layout.ROOM_TALK, 0]


def test_a_bridge_of_two_who_share_a_room_leaves_the_others_there(desk: Desk) -> None:
    desk.do(Join(leg=C, other=A))
    assert desk.do(Bridge(A, B)) is None
    desk.tick(2)
    assert rooms(desk) == [1, 1, 1, 0]


def test_what_makes_no_sense_is_an_answer(desk: Desk) -> None:
    assert desk.do(Join(leg=A, other=A)) == "a leg cannot join itself"
    assert desk.do(Join(leg=C, other=A, mode="whisper")) == "a whisper is for one leg"
    assert desk.do(Join(leg=C, other=A, mode="whisper", to=LegId("x.1"))) == "no leg x.1"
    assert desk.do(Join(leg=C, other=LegId("x.1"))) == "no leg x.1"
    assert desk.do(SetSound(C, LegSound(gain_db=25.0))) == "a gain of 25 dB"
    assert desk.do(SetSound(C, LegSound(heard_gain_db=float("nan")))) == "a gain of nan dB"
    desk.tick(2)
    assert rooms(desk) == [1, 1, 0, 0]
    assert desk.plane.ctl[layout.COMMANDS_BAD] == 0


def test_join_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, bridged, lambda desk: Join(leg=C, other=A, mode="whisper", to=B)):
        desk.tick(2)
        assert rooms(desk) == [1, 1, 1, 0]
        assert desk.engine_says(2, "rm_mode", "rm_to", "rm_to_generation") == [layout.ROOM_WHISPER, 2, 1]


def test_making_a_room_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    for desk in killed_anywhere(make_desk, bridged, lambda desk: Join(leg=C, other=D)):
        desk.tick(2)
        assert rooms(desk) == [1, 1, 2, 2]


def test_leaving_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    def three(desk: Desk) -> None:
        bridged(desk)
        desk.do(Join(leg=C, other=A))
        desk.tick()
        desk.writes = 0

    for desk in killed_anywhere(make_desk, three, lambda desk: Unbridge(A)):
        desk.tick(2)
        assert rooms(desk) == [0, 1, 1, 0]


def test_sound_survives_a_kill_anywhere(make_desk: Callable[[], Desk]) -> None:
    sound = LegSound(muted=True, gain_db=6.0, heard_gain_db=-10.0, auto_level=True)
    for desk in killed_anywhere(make_desk, bridged, lambda desk: SetSound(A, sound)):
        desk.tick(2)
        said, heard = gain_less_one(6.0), gain_less_one(-10.0)
        assert desk.engine_says(0, "sd_muted", "sd_deaf", "sd_said", "sd_heard", "al_on") == [1, 0, said, heard, 1]
        assert desk.state(0).sound == sound
    assert (gain_less_one(0.0), gain_less_one(-200.0)) == (0, -gain.UNITY)


def test_a_new_use_of_the_slot_begins_plain(desk: Desk) -> None:
    desk.do(SetSound(C, LegSound(muted=True, gain_db=6.0)))
    desk.do(CloseLeg(C))
    desk.tick(2)
    desk.do(OpenLeg(leg=LegId("e.1"), slot=SlotIndex(2), remote=desk.remote(2)))
    desk.tick(2)
    assert desk.engine_says(2, "sd_muted", "sd_said", "rm_room") == [0, 0, 0]
