"""An attended transfer between two calls of ours, in a real switch process that is killed in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import REMOTE
from tests.core.calls.test_key_relay import TALK
from tests.switch.test_process import Cast
from tests.switch.world import World, check_events, ended, incoming

A, X1, X2, B = LegId("call1.1"), LegId("call1.2"), LegId("call2.1"), LegId("call2.2")


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path, menu=TALK)
    world.start()
    cast = Cast(world)
    yield cast
    check_events(world.events())
    world.close()


def talk(cast: Cast, call: str) -> None:
    cast.call(call)
    leg = LegId(f"{call}.2")
    cast.until(lambda: any(body.leg == leg for body in cast.other.bodies(c.MakeCall)))
    cast.front.legs[leg] = None
    cast.front.link.report(r.LegMedia(leg, REMOTE))
    cast.other.link.report(r.LegAnswered(leg))
    cast.until(lambda: any(body.other == leg for body in cast.media.bodies(c.Bridge)))


def wish(cast: Cast, leg: LegId = X1, other: LegId = X2) -> None:
    cast.front.link.report(r.TransferAsked(leg=leg, target=Private(""), trunk="loop", other=other))
    cast.until(lambda: bool(cast.front.bodies(c.TellReferrer)))


def hung_up(cast: Cast) -> set[LegId]:
    return {body.leg for peer in (cast.span, cast.other) for body in peer.bodies(c.HangUp)}


@pytest.mark.parametrize("asks", [(X1, X2), (X2, X1)])
def test_the_partners_of_a_peers_two_legs_are_joined(cast: Cast, asks: tuple[LegId, LegId]) -> None:
    """The agent of one call is the caller of the other one, or the other way round."""
    talk(cast, "call1")
    talk(cast, "call2")
    wish(cast, *asks)
    stays, goes = (A, B) if asks[0] == X1 else (B, A)
    here, there = ("call1", "call2") if asks[0] == X1 else ("call2", "call1")
    assert [body.code for body in cast.front.bodies(c.TellReferrer)] == [200]
    cast.until(lambda: any((body.leg, body.other) == (goes, stays) for body in cast.media.bodies(c.Join)))
    cast.wait_end(there)
    assert hung_up(cast) == {X1, X2}
    assert not [body for body in cast.media.bodies(c.CloseLeg) if body.leg in {A, B}]
    assert not [body for body in cast.media.bodies(c.Unbridge) if body.leg in {A, B}]
    assert "leg.moved" in cast.world.types(there)
    assert "recording.completed" in cast.world.types(there)
    types = cast.world.types(here)
    assert types.count("bridge.started") == 2
    assert types[-2:] != ["call.ended"]
    assert "transfer.completed" in types

    cast.world.kill()
    cast.world.start()
    # What the joined leg tells reaches the call that it is in, also after the restart.
    peer = cast.other if goes == B else cast.span
    peer.link.report(ended(goes, by="callee"))
    cast.until(lambda: "bridge.ended" in cast.world.types(here)[-6:])
    cast.until(lambda: any(body.leg == goes for body in cast.media.bodies(c.CloseLeg)))


@pytest.mark.parametrize("other", [LegId("call9.1"), X1, A, LegId("call2.9")])
def test_who_cannot_be_joined(cast: Cast, other: LegId) -> None:
    talk(cast, "call1")
    wish(cast, X1, other)
    assert [body.code for body in cast.front.bodies(c.TellReferrer)] == [603]
    assert not hung_up(cast)
    assert "transfer.failed" in cast.world.types("call1")


def test_a_leg_that_talks_with_nobody_cannot_be_joined(cast: Cast) -> None:
    talk(cast, "call1")
    cast.call("call2")
    cast.until(lambda: any(body.leg == B for body in cast.other.bodies(c.MakeCall)))
    wish(cast)
    assert [body.code for body in cast.front.bodies(c.TellReferrer)] == [603]
    assert not hung_up(cast)


def test_a_call_that_comes_in_has_the_place_of_a_leg(cast: Cast) -> None:
    talk(cast, "call1")
    new = LegId("call3.1")
    cast.front.legs[new] = None
    cast.span.legs[new] = "early"
    cast.front.link.report(replace(incoming("call3"), replaces=X1))
    cast.until(lambda: any((body.leg, body.other) == (new, A) for body in cast.media.bodies(c.Join)))
    cast.until(lambda: hung_up(cast) == {X1})
    types = cast.world.types("call1")
    assert "transfer.completed" in types
    assert not cast.world.types("call3"), "it is no call of its own"
    cast.world.kill()
    cast.world.start()
    cast.caller_hangs_up(new)
    cast.until(lambda: any(body.leg == new for body in cast.media.bodies(c.CloseLeg)))
    cast.until(lambda: "bridge.ended" in cast.world.types("call1")[-6:])


def test_there_is_no_such_leg_any_more(cast: Cast) -> None:
    cast.front.link.report(replace(incoming("call3"), replaces=X1))
    cast.until(lambda: bool(cast.span.bodies(c.Reject)))
    assert cast.span.bodies(c.Reject)[0].code == 481
    talk(cast, "call1")
    cast.front.link.report(replace(incoming("call4"), replaces=LegId("call1.9")))
    cast.until(lambda: len(cast.span.bodies(c.Reject)) == 2)
