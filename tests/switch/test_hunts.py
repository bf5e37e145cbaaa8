"""Hunts in a real switch process, which is killed while a target is told about the call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.menus.model import HangUp, Menu, Target, Transfer, Whisper
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import REMOTE, sound
from tests.switch.test_process import FIRST, SECOND, Cast
from tests.switch.world import World, check_events, ended

THIRD = LegId("call1.3")
A, B = (Target(target=f"sip:{name}@127.0.0.1") for name in "ab")
MENU = Menu(
    name="hunts",
    version="1",
    start="hunt",
    nodes={
        "hunt": Transfer(
            targets=[A, B],
            strategy="round_robin",
            hunt_list="sales",
            skip_busy=True,
            whisper=Whisper(sounds=[sound("for-sales")], accept="1", accept_timeout_ms=60_000),
            failed="bye",
        ),
        "bye": HangUp("nobody"),
    },
)


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path, menu=MENU)
    try:
        cast = Cast(world)
        world.start()
        yield cast
        check_events(world.events())
    finally:
        world.close()


def dialled(cast: Cast) -> list[tuple[str, str]]:
    return [(body.leg, body.target.reveal()[4]) for body in cast.front.bodies(c.ReserveSpan)]


def answers(cast: Cast, leg: LegId) -> None:
    cast.until(lambda: any(body.leg == leg for body in cast.other.bodies(c.MakeCall)))
    cast.front.link.report(r.LegMedia(leg, REMOTE))
    cast.other.link.report(r.LegAnswered(leg))
    cast.until(lambda: bool(cast.plays(leg)))


def accepts(cast: Cast, leg: LegId) -> None:
    key = r.DigitHeard(leg=leg, method="rfc4733", digit=Private("1"), start_ms=9000, duration_ms=80)
    cast.media.link.report(key)
    cast.until(lambda: any(body.other == leg for body in cast.media.bodies(c.Bridge)))


def test_a_hunt_goes_on_over_kills_and_its_turn_is_kept(cast: Cast) -> None:
    cast.call()
    cast.until(lambda: dialled(cast) == [(SECOND, "a")])
    cast.until(lambda: any(body.leg == SECOND for body in cast.other.bodies(c.MakeCall)))
    cast.world.kill()
    cast.world.start()
    cast.other.legs.pop(SECOND)
    cast.other.link.report(ended(SECOND, "busy", "callee", 486))
    cast.until(lambda: dialled(cast)[-1] == (THIRD, "b"))
    answers(cast, THIRD)
    cast.until(lambda: "whisper.started" in cast.world.types("call1"))
    cast.world.kill()
    cast.world.start()
    accepts(cast, THIRD)
    assert [body.other for body in cast.media.bodies(c.Bridge)] == [THIRD]
    cast.call("call2")
    cast.until(lambda: ("call2.2", "a") in dialled(cast))  # after b, who took the last one, comes a again
    cast.world.kill()
    cast.world.start()
    answers(cast, LegId("call2.2"))
    cast.call("call3")
    cast.until(lambda: "call.ended" in cast.world.types("call3"))
    assert [leg for leg, _ in dialled(cast) if leg.startswith("call3")] == [], "both are busy"
    told = {row.type for row in cast.world.events("call3")}
    assert {"hunt.started", "hunt.ended"} <= told
    for leg in (FIRST, LegId("call2.1")):
        cast.caller_hangs_up(leg)
    cast.wait_end("call1")
    cast.wait_end("call2")


def test_a_kill_loses_no_turn(cast: Cast) -> None:
    """Who took the last call is on disk with the call that it took."""
    cast.call()
    answers(cast, SECOND)
    accepts(cast, SECOND)
    cast.until(lambda: "hunt.ended" in cast.world.types("call1"))
    cast.caller_hangs_up()
    cast.wait_end()
    cast.world.kill()
    cast.world.start()
    cast.call("call2")
    cast.until(lambda: ("call2.2", "b") in dialled(cast))
    cast.caller_hangs_up(LegId("call2.1"))
    cast.wait_end("call2")
