"""What the API has done: once under a key whatever is killed, told by an event each, and nobody dialled by stealth."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.site import ApiToken
from edge.switch.acts import _fits
from edge.vocabulary.ids import LegId
from tests.switch.world import World, incoming

DIGEST = "d" * 64


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tokens = [
        ApiToken(name="crm", hash="", role="integrator", may_dial=["+49", "sip:desk@"]),
        ApiToken(name="shop", hash="", role="integrator", may_dial=["*"], may_show=["+4930123"], trunks=["loop"]),
        ApiToken(name="wall", hash="", role="integrator"),
    ]
    made = World(tmp_path, api_tokens=tokens)
    # Before it starts, so that nothing of a call has to wait until they have found it.
    for process in ("front", "span", "media"):
        made.peer(process, f"{process}-1")
    made.start()
    yield made
    made.close()


def act(world: World, what: str, body: Any, token: str = "crm", key: str = "", digest: str = DIGEST) -> dict[str, Any]:
    asked = {"token": token, "role": "integrator", "source": "192.0.2.9", "act": what, "body": body}
    found: dict[str, Any] = world.ask("act", {**asked, "key": key, "digest": digest})
    return found


def acted(world: World) -> list[dict[str, Any]]:
    return [json.loads(one.body)["data"] for one in world.events() if one.type == "api.acted"]


def started(world: World) -> list[str]:
    return [one.call for one in world.events() if one.type == "call.started"]


def test_the_same_key_is_one_call_whatever_is_killed(world: World) -> None:
    order = {"target": "+493012345", "menu": world.site.routes[0].menu}
    first = act(world, "originate", order, key="k1")
    assert first["status"] == 200
    call = first["answer"]["call"]
    assert act(world, "originate", order, key="k1") == {"status": 200, "again": True, "answer": {"call": call}}
    world.kill()
    world.start()
    assert act(world, "originate", order, key="k1")["answer"] == {"call": call}
    assert act(world, "originate", order, key="k1", digest="e" * 64)["status"] == 422
    assert act(world, "originate", order, token="wall", key="k1")["status"] == 403  # another token's key is another key
    assert started(world) == [call]
    assert act(world, "originate", order, key="k2")["answer"]["call"] != call
    assert act(world, "originate", order)["answer"]["call"] not in {call, ""}
    assert len(started(world)) == 3


def test_each_act_is_told_with_who_wanted_it(world: World) -> None:
    world.peers[0].link.report(incoming("c1"))
    world.until(lambda: "c1" in started(world))
    assert act(world, "hang_up", {"id": "c1"})["status"] == 200
    assert act(world, "hang_up", {"id": "nothing"})["status"] == 404
    assert act(world, "hold", {"id": "c1", "leg": "1", "on": True})["status"] in {404, 409}
    assert act(world, "end_calls", {})["status"] == 404
    assert act(world, "sound", {"id": "c1", "leg": "1", "gain_db": 99})["status"] == 400
    told = acted(world)
    assert (told[0]["token"], told[0]["role"], told[0]["source"]) == ("crm", "integrator", "192.0.2.9")
    assert [(one["act"], one["call"], one["result"]) for one in told[:2]] == [
        ("hang_up", "c1", "done"),
        ("hang_up", "nothing", "refused"),
    ]
    assert told[1]["why"] == "no such call"
    world.ask("acted", {"token": "crm", "role": "operator", "act": "reload", "subject": "", "why": "it has faults"})
    assert (acted(world)[-1]["act"], acted(world)[-1]["result"]) == ("reload", "refused")


def test_a_command_is_told_with_who_gave_it(world: World) -> None:
    world.peers[0].link.report(incoming("c1"))
    world.until(lambda: "c1" in started(world))
    assert world.ask("hang_up", {"id": "c1"}, uid=1000) == {"call": "c1"}
    with pytest.raises(LookupError, match="no such call"):
        world.ask("hang_up", {"id": "nothing"}, uid=0)
    with pytest.raises(LookupError, match="hang_up"):
        world.ask("hang_up", ["no object"], uid=0)
    made = world.ask("originate", {"target": "+4930", "menu": world.site.routes[0].menu}, uid=1000)["call"]
    # Looking is no act, and what our own processes ask for is nobody's command.
    world.ask("calls", {}, uid=1000)
    world.ask("hang_up", {"id": made})
    assert [(one["uid"], one["token"], one["act"], one["call"], one["why"][:12]) for one in acted(world)] == [
        (1000, "", "hang_up", "c1", ""),
        (0, "", "hang_up", "nothing", "no such call"),
        (0, "", "hang_up", None, "hang_up: Exp"),
        (1000, "", "originate", made, ""),
    ]


@pytest.mark.parametrize(
    ("token", "target", "allowed"),
    [
        ("crm", "+49301234567", True),
        ("crm", "+12125550100", False),
        ("crm", "sip:desk@192.0.2.1", True),
        ("crm", "sip:desk2@192.0.2.1", False),
        ("crm", "00493012345", False),  # of no country's trunk, so nobody knows what number it is
        ("wall", "+49301234567", False),
        ("gone", "+49301234567", False),
    ],
)
def test_a_token_has_dialled_only_what_the_site_says(world: World, token: str, target: str, allowed: bool) -> None:
    found = act(world, "originate", {"target": target, "menu": world.site.routes[0].menu}, token=token)
    assert found["status"] == (200 if allowed else 403)
    assert len(started(world)) == allowed
    assert [(one["result"], one["target"]) for one in acted(world)] == [("done" if allowed else "refused", target)]


def test_what_failed_may_be_tried_again_with_its_key(world: World) -> None:
    order = {"target": "+493012345", "menu": "nothing"}
    assert act(world, "originate", order, key="k1")["status"] == 404
    order["menu"] = world.site.routes[0].menu
    assert act(world, "originate", order, key="k1", digest="e" * 64)["status"] == 200


def test_an_order_is_on_disk_before_it_is_answered_and_goes_on_after_a_kill(world: World) -> None:
    front, span, _media = world.peers
    leg = LegId("c1.1")
    front.legs[leg], span.legs[leg] = None, "early"
    front.link.report(incoming("c1"))
    world.until(lambda: "menu.node_entered" in world.types("c1"))
    assert act(world, "play", {"id": "c1", "sounds": ["en/nothing"]})["status"] == 404
    assert act(world, "play", {"id": "c1", "sounds": ["../../etc/passwd"]})["status"] == 404
    assert act(world, "play", {"id": "c1", "sounds": []})["status"] == 409
    long = {"id": "c1", "first_digit_timeout_ms": 60_000}
    begun = act(world, "gather", long, key="p1")
    operation = begun["answer"]["operation"]
    world.kill()
    assert "order.started" in world.types("c1")
    world.start()
    assert act(world, "gather", long, key="p1")["answer"]["operation"] == operation
    assert world.types("c1").count("order.started") == 1
    replacing = act(world, "gather", {"id": "c1", "first_digit_timeout_ms": 100})["answer"]["operation"]
    world.until(lambda: world.types("c1").count("order.ended") == 2)
    ends = [json.loads(one.body)["data"] for one in world.events("c1") if one.type == "order.ended"]
    assert [(one["operation"], one["result"]) for one in ends] == [(operation, "replaced"), (replacing, "failed")]
    assert act(world, "transfer", {"id": "c1", "target": "+12125550100"})["status"] == 403
    assert act(world, "transfer", {"id": "c1", "target": "+493012345"})["status"] == 200
    assert act(world, "record", {"id": "c1", "on": True})["status"] == 409


@pytest.mark.parametrize(
    ("target", "allowed", "fits"),
    [
        ("+4930123456", "+49", True),
        ("0301234567", "+4930", True),
        ("+4330123456", "+49", False),
        ("sip:+4930123456@evil.example", "+49", False),
        ("+4930123456@evil.example", "+49", False),
        ("tel:+4930123456", "+49", False),
        ("sip:desk@192.0.2.7", "sip:desk@", True),
        ("sip:desktop@192.0.2.7", "sip:desk@", False),
        ("sip:desk@192.0.2.7:5080;transport=tcp", "sip:desk@192.0.2.7", True),
        ("sip:desk@192.0.2.77", "sip:desk@192.0.2.7", False),
        ("sip:desk@192.0.2.7.evil.example", "sip:desk@192.0.2.7", False),
        ("sips:desk@192.0.2.7", "sip:desk@192.0.2.7", False),
        ("100", "1", True),
    ],
)
def test_what_a_token_may_dial(target: str, allowed: str, fits: bool) -> None:
    assert _fits(target, "DE", allowed) is fits


@pytest.mark.parametrize(
    ("token", "order", "why"),
    [
        ("crm", {}, ""),
        ("crm", {"caller": "edge"}, ""),
        ("crm", {"caller": "+493012399"}, "may_show"),
        ("shop", {"trunk": "loop"}, ""),
        ("shop", {"trunk": "loop", "caller": "+493012399"}, ""),
        ("shop", {"trunk": "loop", "caller": "+493012499"}, "may_show"),
        ("shop", {"trunk": "loop", "caller": "+493012399@evil.example"}, "may_show"),
        ("shop", {"trunk": "loop", "caller": "sip:+493012399"}, "may_show"),
        ("shop", {"caller": "+493012399"}, "(trunks)"),
        ("shop", {"trunk": "other"}, "(trunks)"),
    ],
)
def test_what_a_token_may_show_and_dial_on(world: World, token: str, order: dict[str, str], why: str) -> None:
    wanted = {"target": "+493012345", "menu": world.site.routes[0].menu, **order}
    found = act(world, "originate", wanted, token=token)
    assert found["status"] == (403 if why else 200), found
    assert why in found.get("error", "")
    assert len(started(world)) == (0 if why else 1)
