"""Orders of the dialer over a real link: one call each, whatever is killed and whatever is sent twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.supervision import Drain
from tests.core.calls.test_attempt import ORDER
from tests.switch.world import Peer, World, ended

ID = "d" + "0" * 24
OTHER = "d" + "1" * 24


class Cast:
    """A switch with everybody in it, and a dialer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.front = world.peer("front", "front-1")
        self.span = world.peer("span", "span-2")
        self.media = world.peer("media", "media-1")
        self.dialer = self.new_dialer("dialer-1")

    def new_dialer(self, incarnation: str) -> Peer:
        peer = self.world.peer("dialer", incarnation)
        peer.obey = False
        return peer

    def order(self, attempt: str = ID, dialer: Peer | None = None, **more: Any) -> None:
        order = replace(ORDER, attempt=attempt, **more)
        (dialer or self.dialer).link.report(r.AttemptAsked(order))

    def told(self, attempt: str = ID, dialer: Peer | None = None) -> list[str]:
        return [body.state for body in (dialer or self.dialer).bodies(c.AttemptTold) if body.attempt == attempt]

    def until_told(self, state: str, attempt: str = ID, dialer: Peer | None = None) -> None:
        self.world.until(lambda: state in self.told(attempt, dialer))

    def dialled(self, attempt: str = ID) -> int:
        return sum(body.leg.startswith(attempt) for body in self.span.bodies(c.MakeCall))


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path)
    try:
        cast = Cast(world)
        world.start()
        world.until(lambda: cast.dialer.link.connected)
        yield cast
    finally:
        world.close()


def test_an_order_is_one_call_and_its_end_is_told(cast: Cast) -> None:
    cast.order()
    cast.order()
    cast.until_told("ringing")
    cast.order()
    cast.span.link.report(ended(LegId(f"{ID}.1"), "busy", "callee", 486))
    cast.until_told("ended")
    cast.order()
    cast.world.until(lambda: cast.told().count("ended") == 2)
    end = next(body for body in cast.dialer.bodies(c.AttemptTold) if body.state == "ended")
    assert (end.disposition, end.evidence.sip_code, end.next.after_ms) == ("busy", 486, 600_000)
    assert [body for body in cast.dialer.bodies(c.AttemptTold) if body.state == "ended"][1] == end
    assert cast.dialled() == 1
    assert cast.world.types(ID)[:2] == ["call.started", "dialer.attempt_started"]
    assert cast.world.types(ID)[-2:] == ["dialer.attempt_ended", "call.ended"]


def test_what_is_refused_or_not_known_is_never_dialled(cast: Cast) -> None:
    cast.order(menu="nobody has it")
    cast.until_told("refused")
    cast.order("nonsense")
    cast.until_told("refused", "nonsense")
    cast.dialer.link.report(r.AttemptsQueried([OTHER]))
    cast.until_told("unknown", OTHER)
    cast.world.tell(Drain())
    cast.order("d" + "2" * 24)
    cast.until_told("refused", "d" + "2" * 24)
    assert cast.span.bodies(c.MakeCall) == []
    assert cast.world.types(ID) == []


def test_a_killed_switch_goes_on_with_the_call_and_dials_no_second_one(cast: Cast) -> None:
    cast.order()
    cast.until_told("ringing")
    cast.world.kill()
    cast.world.start()
    cast.world.until(lambda: cast.dialer.link.connected)
    cast.order()
    cast.dialer.link.report(r.AttemptsQueried([ID, OTHER]))
    cast.until_told("unknown", OTHER)
    assert cast.told()[-1] == "ringing"
    cast.span.link.report(r.LegAnswered(LegId(f"{ID}.1")))
    cast.until_told("answered")
    cast.world.kill()
    cast.span.link.report(ended(LegId(f"{ID}.1"), "completed", "callee"))
    cast.world.start()
    cast.until_told("ended")
    assert cast.dialled() == 1


def test_a_successor_of_the_dialer_is_told_what_became_and_its_predecessor_has_no_say(cast: Cast) -> None:
    cast.order()
    cast.until_told("ringing")
    second = cast.new_dialer("dialer-2")
    cast.world.until(lambda: second.link.connected)
    cast.order(OTHER)  # the first one's, still in its socket
    second.link.report(r.AttemptsQueried([ID, OTHER]))
    cast.until_told("unknown", OTHER, second)
    assert cast.told(ID, second) == ["ringing"]
    cast.world.settle()
    assert cast.dialled(OTHER) == 0
    assert cast.told(OTHER) == []
    cast.span.link.report(ended(LegId(f"{ID}.1"), "busy", "callee", 486))
    cast.until_told("ended", ID, second)


def test_an_end_is_found_on_the_disk_by_a_switch_that_has_never_seen_the_call(cast: Cast) -> None:
    cast.order()
    cast.until_told("ringing")
    cast.span.link.report(ended(LegId(f"{ID}.1"), "busy", "callee", 486))
    cast.until_told("ended")
    cast.world.kill()
    cast.world.start()
    cast.world.until(lambda: cast.dialer.link.connected)
    before = len(cast.told())
    cast.dialer.link.report(r.AttemptsQueried([ID]))
    cast.world.until(lambda: len(cast.told()) > before)
    last = cast.dialer.bodies(c.AttemptTold)[-1]
    assert (last.state, last.disposition, last.next.step) == ("ended", "busy", "same_number")
