"""A transfer through a group whose first trunk refuses: everybody names the trunk that carries it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.addresses import address
from tests.support.appliance import MENU, Appliance, appliance
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system


def trunk(edge: Appliance, name: str) -> dict[str, Any]:
    """What `edge trunk show` shows."""
    asked = edge.control(what="request", process="front", request="trunks", body={"trunk": name})
    return dict(asked["body"][0])


def test_who_carries_the_call_is_told_by_everybody(tmp_path: Path) -> None:
    menu = MENU.replace('{to: "sip:target@TARGET",', '{to: "555", trunk: all,')
    with (
        address() as edge_at,
        address() as caller_at,
        address() as first_at,
        address() as second_at,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(first_at, port=5060) as first,
        Softphone(second_at, port=5060, tone_hz=900) as second,
        appliance(
            edge_at,
            tmp_path,
            menu=menu,
            extra=f"""
[[trunks]]
name = "first"
address = "{first_at}"
sources = ["{first_at}"]
max_channels = 1
[[trunks]]
name = "second"
address = "{second_at}"
sources = ["{second_at}"]
max_channels = 1
[[trunk_groups]]
name = "all"
members = [{{trunk = "first"}}, {{trunk = "second", priority = 2}}]
""",
        ) as edge,
    ):
        call = caller.call(edge.uri).wait_answered()
        call.audio.press("9")
        refused = first.expect_call()
        assert trunk(edge, "first")["channels"] == 1
        refused.reject(500)
        there = second.expect_call()
        there.accept()
        hears(call, 900)
        moved = edge.wait_event("leg.failed_over", edge.last_call())["data"]
        assert (moved["trunk"], moved["address"]) == ("first", f"{first_at}:5060")
        assert (moved["next_trunk"], moved["next_address"]) == ("second", f"{second_at}:5060")
        assert (moved["why"], moved["end"]["sip_code"], moved["end"]["q850_mapped"]) == ("refused", 500, 41)
        assert moved["duration_ms"] >= 0
        leg = edge.live_calls()[0]["legs"][1]
        assert (leg["trunk"], leg["address"]) == ("second", f"{second_at}:5060")
        assert [trunk(edge, name)["channels"] for name in ("first", "second")] == [0, 1]
        there.bye()
        call.wait_ended()
        edge.wait_event("call.ended", edge.last_call())
        events = {e["type"]: e["data"] for e in edge.events(edge.last_call())}
        assert events["leg.answered"]["trunk"] == events["leg.ended"]["trunk"] == "second"
        assert events["call.ended"]["trunk"] == "loop"
        until(lambda: trunk(edge, "second")["channels"] == 0, 5, "the channel is free")
        figures = {name: trunk(edge, name)["calls"]["out"] for name in ("first", "second")}
        assert (figures["first"]["seizures"], figures["first"]["asr"]) == (1, 0.0)
        assert (figures["second"]["seizures"], figures["second"]["asr"]) == (1, 1.0)
        edge.check_histories()
