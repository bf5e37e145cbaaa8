"""Parked calls in virtual time: music, words, the key, the time, and orders that take them away."""

import pytest

from edge.core.menus.model import Gather, Limits, Park, Play, Queue, Sound, Transfer
from edge.core.menus.run import BACK
from edge.core.menus.words import (
    EnterNode,
    OrderOver,
    PlayDone,
    PlaySounds,
    Resumed,
    StopSounds,
    TransferEnded,
    TransferTaken,
)
from tests.core.menus.walk import HELLO, Walk

MUSIC, MOMENT = Sound("/music.wav", "music"), Sound("/moment.wav", "moment")
PARK = {"music": [MUSIC], "say": [MOMENT], "max_ms": 60_000, "key": "0", "left": "won", "timed_out": "lost"}


def parked(**more):
    return Walk({"a": Park(**{**PARK, **more})})


def test_it_is_said_first_and_then_music_plays_until_the_time_is_over():
    walk = parked()
    assert walk.actions == [EnterNode("a", "park"), PlaySounds([MOMENT], False)]
    assert walk.run.state == "parked"
    walk.now += 2000
    assert walk.give(PlayDone()) == [PlaySounds([MUSIC], False, times=0)]
    walk.wait(57_999)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "lost"
    assert StopSounds() in walk.actions


def test_words_come_again_and_the_music_goes_on_where_it_was():
    walk = parked(say_every_ms=20_000)
    walk.now += 2000
    walk.give(PlayDone())
    assert walk.wait(18_000) == [PlaySounds([MOMENT], False)]
    walk.now += 2000
    assert walk.give(PlayDone()) == [PlaySounds([MUSIC], False, times=0, start_ms=18_000)]


def test_words_that_are_being_said_are_not_said_over():
    walk = parked(say_every_ms=1000)
    assert walk.wait(5000) == []
    walk.give(PlayDone())
    assert walk.wait(0) == [PlaySounds([MOMENT], False)]


@pytest.mark.parametrize(("pressed", "ended"), [("0", "won"), ("1", None), ("", None)])
def test_the_key_leads_on_and_others_do_not(pressed, ended):
    walk = parked()
    walk.press([pressed])
    assert walk.ended == ended


def test_without_a_key_none_leads_on():
    walk = parked(key="")
    walk.press("0123456789*#")
    assert walk.ended is None


def test_music_that_cannot_be_read_is_not_asked_for_again_and_again():
    walk = parked(say=[])
    assert walk.give(PlayDone()) == []
    walk.wait(60_000)
    assert walk.ended == "lost"


def test_music_that_an_engine_lost_begins_again():
    walk = parked(say=[])
    walk.now += 5000
    assert walk.give(PlayDone()) == [PlaySounds([MUSIC], False, times=0, start_ms=5000)]


def test_without_any_sound_it_waits_in_silence():
    walk = parked(say=[], music=[], say_every_ms=1000)
    assert walk.actions == [EnterNode("a", "park")]
    walk.wait(60_000)
    assert walk.ended == "lost"


def test_it_has_a_limit_of_its_own_so_the_time_of_the_menu_stands_still():
    walk = Walk({"a": Park(**{**PARK, "max_ms": 7_200_000, "say": []})}, limits=Limits(time_ms=60_000))
    walk.wait(7_199_999)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "lost"


def test_a_restart_of_switch_changes_nothing():
    walk = parked()
    assert walk.give(Resumed()) == []
    walk.wait(60_000)
    assert walk.ended == "lost"


@pytest.mark.parametrize(
    ("node", "ends"),
    [
        (Play(sounds=[HELLO], next=f"{BACK}played"), (PlayDone(), "played")),
        (Gather(prompt=[HELLO], next=f"{BACK}matched", failed=f"{BACK}failed"), ("5", "matched")),
        (Transfer(target="sip:a@x", failed=f"{BACK}failed"), (TransferEnded("busy"), "failed")),
    ],
)
def test_an_order_takes_it_away_and_it_is_parked_anew_afterwards(node, ends):
    walk = parked()
    walk.now += 50_000
    assert walk.run.refuses_order == ""
    assert StopSounds() in walk.run.order("op", node, walk.now)
    walk.now += 5000
    given, result = ends
    walk.press(given) if isinstance(given, str) else walk.give(given)
    over = next(one for one in walk.actions if isinstance(one, OrderOver))
    assert (over.result, walk.run.state) == (result, "parked")
    walk.wait(59_999)
    assert walk.ended is None
    walk.wait(1)
    assert walk.ended == "lost"


def test_who_has_talked_with_somebody_by_an_order_does_not_come_back():
    walk = parked()
    walk.run.order("op", Transfer(target="sip:a@x", failed=f"{BACK}failed"), walk.now)
    walk.give(TransferTaken(0))
    assert OrderOver("op", "connected") in walk.actions
    walk.give(TransferEnded(""))
    assert walk.ended == ""


def test_a_queue_may_be_where_it_goes():
    walk = parked()
    ways = {name: f"{BACK}{name}" for name in ("left", "full", "timed_out", "no_agents", "failed")}
    walk.run.order("op", Queue(queue="sales", **ways), walk.now)
    assert walk.run.state == "queueing"
