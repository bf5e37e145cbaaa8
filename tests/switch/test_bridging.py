"""Two calls that are bridged, in a real switch process that is killed wherever that may be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.core.menus.model import Gather, HangUp, Menu, Park
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from tests.core.calls.desk import sound
from tests.switch.test_process import Cast
from tests.switch.world import World, check_events

A, B = LegId("call1.1"), LegId("call2.1")
MENU = Menu(
    name="parked",
    version="v1",
    start="a",
    nodes={
        "a": Park(music=[sound("music")], key="5", left="pin", timed_out="bye"),
        "pin": Gather(prompt=[sound("pin")], min_digits=4, max_digits=4, sensitive=True, next="bye", failed="bye"),
        "bye": HangUp("bye"),
    },
)


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path, menu=MENU)
    cast = Cast(world)
    world.start()
    for call in ("call1", "call2"):
        cast.call(call)
        cast.until(lambda call=call: bool(cast.plays(LegId(f"{call}.1"))))  # type: ignore[misc]
    yield cast
    check_events(world.events())
    world.close()


def bridge(cast: Cast, after: str = "end", host: str = "call1", guest: str = "call2") -> dict[str, Any]:
    found: dict[str, Any] = cast.world.ask("bridge", {"id": host, "other": guest, "after": after})
    cast.until(lambda: bool(cast.media.bodies(c.Bridge)))
    return found


def state(cast: Cast, call: str) -> str:
    return str(next(one for one in cast.world.ask("calls") if one["id"] == call)["doing"])


def restart(cast: Cast) -> None:
    cast.world.kill()
    cast.world.start()


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("after", ["end", "return"])
@pytest.mark.parametrize(("leaves", "stays"), [("call1", "call2"), ("call2", "call1")])
def test_what_follows_when_one_hangs_up(cast: Cast, killed: bool, after: str, leaves: str, stays: str) -> None:
    assert bridge(cast, after)["operation"].startswith("call1-op")
    assert [(one.leg, one.other) for one in cast.media.bodies(c.Bridge)] == [(A, B)]
    if killed:
        restart(cast)
        assert (state(cast, "call1"), state(cast, "call2")) == ("transfer", "transfer")
    plays = len(cast.plays(LegId(f"{stays}.1")))
    cast.caller_hangs_up(LegId(f"{leaves}.1"))
    cast.wait_end(leaves)
    if after == "end":
        cast.wait_end(stays)
        assert LegId(f"{stays}.1") in {body.leg for body in cast.span.bodies(c.HangUp)}
    else:
        cast.until(lambda: len(cast.plays(LegId(f"{stays}.1"))) > plays)
        assert state(cast, stays) == "parked"
    for call in ("call1", "call2"):
        types = cast.world.types(call)
        assert (types.count("bridge.started"), types.count("bridge.ended")) == (1, 1), types
        assert types.count("order.started") == 1


def test_reports_of_the_lent_leg_go_to_the_talk_also_after_a_kill(cast: Cast) -> None:
    bridge(cast, "return")
    for count, start_ms in ((1, 5000), (2, 9000)):
        heard = r.DigitHeard(leg=B, method="rfc4733", digit=Private("5"), start_ms=start_ms, duration_ms=80)
        cast.media.link.report(heard)
        cast.until(lambda count=count: cast.world.types("call1").count("dtmf.received") == count)  # type: ignore[misc]
        restart(cast)
    assert "dtmf.received" not in cast.world.types("call2")
    # Dropping the leg parts them; both are parked again, and keys are their own.
    cast.world.ask("drop", {"id": "call1", "leg": B})
    assert (state(cast, "call1"), state(cast, "call2")) == ("parked", "parked")
    cast.media.link.report(r.DigitHeard(leg=B, method="rfc4733", digit=Private("5"), start_ms=20000, duration_ms=80))
    cast.until(lambda: state(cast, "call2") == "collecting" or cast.world.ask("calls")[1]["node"] == "pin")


def test_the_same_again_is_the_same_and_others_are_refused(cast: Cast) -> None:
    first = bridge(cast)
    assert bridge(cast) == first
    assert bridge(cast, host="call2", guest="call1")["operation"] == first["operation"]
    restart(cast)
    assert bridge(cast)["operation"] == first["operation"]
    cast.call("call3")
    cast.until(lambda: bool(cast.plays(LegId("call3.1"))))
    for host, guest, why in (
        ("call1", "call1", "itself"),
        ("call1", "call3", "talks with somebody"),
        ("call3", "call2", "bridged with another"),
        ("call3", "call9", "no such call"),
    ):
        with pytest.raises(LookupError, match=why):
            cast.world.ask("bridge", {"id": host, "other": guest})
    with pytest.raises(LookupError, match="bridged with another"):
        cast.world.ask("transfer", {"id": "call2", "target": "sip:a@127.0.0.1"})
    assert state(cast, "call3") == "parked"


def test_who_is_asked_for_something_private_is_not_bridged(cast: Cast) -> None:
    cast.media.link.report(r.DigitHeard(leg=B, method="rfc4733", digit=Private("5"), start_ms=5000, duration_ms=80))
    cast.until(lambda: any(one.files[0].endswith("pin.wav") for one in cast.plays(B)))
    for host, guest in (("call1", "call2"), ("call2", "call1")):
        with pytest.raises(LookupError, match="nobody else's business"):
            cast.world.ask("bridge", {"id": host, "other": guest})
    assert not cast.media.bodies(c.Bridge)


def test_who_is_sent_on_gives_the_other_one_back(cast: Cast) -> None:
    bridge(cast, "return")
    cast.world.ask("transfer", {"id": "call1", "target": "sip:desk@127.0.0.1"})
    assert state(cast, "call2") == "parked"
    assert state(cast, "call1") == "transfer"
    restart(cast)
    assert state(cast, "call2") == "parked"
    assert cast.world.types("call2").count("bridge.ended") == 1


def test_an_appliance_that_was_restarted_tells_of_both_ends(cast: Cast) -> None:
    bridge(cast)
    cast.world.kill()
    cast.world.boot = "another"
    cast.world.start()
    for call in ("call1", "call2"):
        cast.wait_end(call)
        types = cast.world.types(call)
        assert (types.count("bridge.ended"), types[-1]) == (1, "call.ended"), types
