"""Requests about talks of more than two, to a real switch process that is killed in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import LegSound
from edge.vocabulary.supervision import Scrape, Scraped
from tests.core.calls.desk import REMOTE
from tests.core.calls.test_key_relay import TALK
from tests.switch.test_process import FIRST, SECOND, Cast
from tests.switch.world import World, check_events, ended

THIRD = LegId("call1.3")


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path, menu=TALK)
    world.start()
    cast = Cast(world)
    yield cast
    check_events(world.events())
    world.close()


def answers(cast: Cast, leg: LegId) -> None:
    cast.until(lambda: any(body.leg == leg for body in cast.other.bodies(c.MakeCall)))
    cast.front.link.report(r.LegMedia(leg, REMOTE))
    cast.other.link.report(r.LegAnswered(leg))


def talking(cast: Cast) -> None:
    cast.call()
    answers(cast, SECOND)
    cast.until(lambda: bool(cast.media.bodies(c.Bridge)))


def joins(cast: Cast) -> list[tuple[str, LegId | None]]:
    return [(body.mode, body.to) for body in cast.media.bodies(c.Join) if body.leg == THIRD]


def test_a_supervisor_is_asked_in_and_stays_over_a_kill_of_switch(cast: Cast) -> None:
    talking(cast)
    wanted = {"id": "call1", "target": "sip:boss@127.0.0.1", "mode": "whisper", "supervises": True}
    assert cast.world.ask("invite", wanted) == {"call": "call1", "leg": THIRD}
    cast.until(lambda: len(cast.front.bodies(c.ReserveSpan)) == 2)
    assert cast.front.bodies(c.ReserveSpan)[-1].target.reveal() == "sip:boss@127.0.0.1"
    assert [leg["mode"] for leg in cast.world.ask("calls")[0]["legs"]] == ["talk", "talk", ""], "it rings"
    answers(cast, THIRD)
    cast.until(lambda: joins(cast) == [("whisper", SECOND)])
    cast.until(lambda: "conference.joined" in cast.world.types("call1"))
    cast.world.kill()
    cast.world.start()
    cast.until(lambda: bool(cast.world.ask("calls")))
    assert [leg["mode"] for leg in cast.world.ask("calls")[0]["legs"]] == ["talk", "talk", "whisper"]
    assert cast.world.ask("mode", {"id": "call1", "leg": "3", "mode": "talk"}) == {"call": "call1", "leg": THIRD}
    cast.until(lambda: joins(cast)[-1] == ("talk", None))
    assert cast.world.ask("drop", {"id": "call1", "leg": THIRD}) == {"call": "call1", "leg": THIRD}
    cast.until(lambda: "conference.left" in cast.world.types("call1"))
    cast.caller_hangs_up()
    cast.wait_end()


def test_mute_and_gain_keep_what_was_set_before(cast: Cast) -> None:
    talking(cast)
    cast.world.ask("sound", {"id": "call1", "leg": "2", "muted": True})
    answer = cast.world.ask("sound", {"id": "call1", "leg": SECOND, "gain_db": -6})
    assert (answer["sound"]["muted"], answer["sound"]["gain_db"]) == (True, -6.0)
    cast.until(lambda: len(cast.media.bodies(c.SetSound)) == 2)
    assert cast.media.bodies(c.SetSound)[-1] == c.SetSound(SECOND, LegSound(muted=True, gain_db=-6.0))
    cast.other.legs.pop(SECOND)
    cast.other.link.report(ended(SECOND, "completed", "callee"))
    cast.caller_hangs_up()
    cast.wait_end()


@pytest.mark.parametrize(
    ("what", "body", "error"),
    [
        ("invite", {"id": "nothing", "target": "x", "mode": "talk"}, "no such call"),
        ("invite", {"id": "call1", "target": "x", "mode": "sing"}, "invite: Invalid enum value"),
        ("invite", {"id": "call1", "target": "x", "mode": "whisper", "to": "7"}, "no such leg"),
        ("mode", {"id": "call1", "leg": "2", "mode": "talk"}, "the leg is not a further one"),
        ("mode", {"id": "call1", "leg": "9", "mode": "talk"}, "no such leg"),
        ("sound", {"id": "call1", "leg": "1", "gain_db": 30}, "sound: Expected `float` <= 24.0"),
        ("sound", {"id": "call1", "leg": "1", "gain_db": "loud"}, "sound: Expected `float"),
        ("drop", {"id": "call1", "leg": "1"}, "the call's first leg ends with the call"),
        ("announce", {"id": "nothing", "file": "/dev/null"}, "no such call"),
        ("announce", {"id": "call1", "file": "/dev/null"}, "there is no such sound file"),
        ("announce", {"id": "call1", "file": "/gone\0.wav"}, "there is no such sound file"),
        ("announce", {"id": "call1", "file": "relative.wav"}, "there is no such sound file"),
        ("announce", {"id": "call1", "file": "/x", "duck_db": 99}, "announce: Expected `int` <= 60"),
        ("announce", {"id": "call1", "file": "/x", "to": "all"}, "announce: Invalid enum value"),
    ],
)
def test_what_cannot_be_is_refused(cast: Cast, what: str, body: dict[str, object], error: str) -> None:
    talking(cast)
    with pytest.raises(LookupError, match=error.replace("<=", "(<=|between)")):
        cast.world.ask(what, body)
    assert cast.media.bodies(c.SetSound) == []
    cast.caller_hangs_up()
    cast.wait_end()


def test_nobody_is_asked_in_before_the_caller_talks(cast: Cast) -> None:
    cast.call()
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    with pytest.raises(LookupError, match="nobody is connected"):
        cast.world.ask("invite", {"id": "call1", "target": "x", "mode": "listen"})
    assert FIRST not in {body.leg for body in cast.media.bodies(c.Join)}
    cast.caller_hangs_up()
    cast.wait_end()


def test_an_announcement_of_an_operator(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    file.write_bytes(b"")
    cast.call()
    cast.until(lambda: bool(cast.other.bodies(c.MakeCall)))
    with pytest.raises(LookupError, match="nobody is connected"):
        cast.world.ask("announce", {"id": "call1", "file": str(file)})
    answers(cast, SECOND)
    cast.until(lambda: bool(cast.media.bodies(c.Bridge)))
    wanted = {"id": "call1", "file": str(file), "to": "target", "duck_db": 20}
    assert cast.world.ask("announce", wanted) == {"call": "call1", "leg": FIRST}
    cast.until(lambda: bool(cast.plays(SECOND)))
    (play,) = cast.plays(SECOND)
    assert (play.files, play.mix, play.duck_db) == ([str(file)], True, 20.0)
    cast.caller_hangs_up()
    cast.wait_end()


def test_music_plays_on_over_a_kill_of_switch_until_the_hold_ends(cast: Cast) -> None:
    talking(cast)
    cast.front.link.report(r.LegMedia(SECOND, replace(REMOTE, direction="sendonly")))
    cast.until(lambda: "leg.held" in cast.world.types("call1"))
    cast.until(lambda: bool(cast.plays()))
    music = cast.plays()[-1]
    assert (music.files, music.times) == (["/music.wav"], 0)
    assert [leg["held"] for leg in cast.world.ask("calls")[0]["legs"]] == [False, True]
    cast.world.tell(Scrape(7))
    cast.until(lambda: any(isinstance(m, Scraped) for m in cast.world.messages))
    text = next(m.text for m in cast.world.messages if isinstance(m, Scraped))
    assert "edge_switch_legs_held 1.0" in text
    assert "edge_switch_holds_total 1.0" in text
    cast.world.kill()
    cast.world.start()
    cast.until(lambda: bool(cast.world.ask("calls")))
    assert [leg["held"] for leg in cast.world.ask("calls")[0]["legs"]] == [False, True]
    cast.front.link.report(r.LegMedia(SECOND, REMOTE))
    cast.until(lambda: "leg.resumed" in cast.world.types("call1"))
    cast.until(lambda: c.StopPlay(FIRST, music.play) in cast.media.bodies(c.StopPlay))
    assert {play.play for play in cast.plays()} == {music.play}, "it was not begun anew"
    cast.caller_hangs_up()
    cast.wait_end()
