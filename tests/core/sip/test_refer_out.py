"""Sending a peer elsewhere by REFER, and its NOTIFYs."""

import pytest

from edge.core.sip.actions import Action, Finish, SendElsewhere
from edge.core.sip.message import Request
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import ReferEnded
from tests.core.sip.steps import first_request
from tests.core.sip.test_orphans import lose
from tests.core.sip.world import TRUNK_HOST, World, answer, answered, in_dialog, reports, statuses, to_peer, to_span

IN = LegId("c0000000000000001.1")
COMMAND = CommandId("c1:7:1")


def refer(world: World, target: str = "200") -> list[Action]:
    return world.put(SendElsewhere(COMMAND, IN, Private(target)))


def notify(status: int, cseq: int) -> Request:
    body = f"SIP/2.0 {status} x\r\n".encode()
    return in_dialog("NOTIFY", cseq=cseq, content_type="message/sipfrag", body=body)


def codes(actions: list[Action]) -> list[int]:
    return [r.code for r in reports(actions) if isinstance(r, ReferEnded)]


@pytest.mark.parametrize("span", ["lives", "dies", "and front dies"])
def test_it_goes(span: str) -> None:
    world = World()
    answered(world)
    if span != "lives":
        lose(world)
    actions = refer(world)
    sent = first_request(actions, "peer")
    assert (sent.method, sent.extras["Refer-To"]) == ("REFER", f"<sip:200@{TRUNK_HOST}>")
    assert sent.contact is not None
    assert Finish(COMMAND, None) in actions
    world.peer(answer(sent, 202, tag=""))
    if span == "and front dies":
        world.restart()
    assert statuses(world.peer(notify(100, 2))) == [200]
    assert not codes(world.actions)
    last = notify(200, 3)
    actions = world.peer(last)
    assert (statuses(actions), codes(actions)) == ([200], [200])
    again = world.peer(last)
    assert (statuses(again), codes(again)) == ([200], []), "a repeat is answered and told once"
    assert not to_span(actions)
    assert statuses(world.peer(notify(200, 4))) == [481], "the subscription is over"


@pytest.mark.parametrize("status", [405, 603])
def test_it_does_not(status: int) -> None:
    world = World()
    answered(world)
    sent = first_request(refer(world), "peer")
    assert codes(world.peer(answer(sent, status, tag=""))) == [status]


def test_it_says_nothing() -> None:
    world = World()
    answered(world)
    refer(world)
    assert codes(world.wait(32_001)) == [408]
    assert world.door.figures()["dialogs"] == 1


def test_what_its_new_call_was_answered() -> None:
    world = World()
    answered(world)
    world.peer(answer(first_request(refer(world), "peer"), 202, tag=""))
    assert codes(world.peer(notify(486, 2))) == [486]


def test_notifies_of_nothing_and_broken_ones() -> None:
    world = World()
    answered(world)
    assert statuses(world.peer(notify(200, 2))) == [481]
    refer(world)
    assert statuses(world.peer(in_dialog("NOTIFY", cseq=3, content_type="text/plain", body=b"x"))) == [400]
    assert not codes(world.actions)


@pytest.mark.parametrize("target", ["", "tel:1", "sip:", "a b", "http://x", "sip:x@h>"])
def test_bad_targets(target: str) -> None:
    world = World()
    answered(world)
    assert refer(world, target) == [Finish(COMMAND, "bad target")]


def test_not_now() -> None:
    world = World()
    assert refer(world) == [Finish(COMMAND, "the leg can't be sent elsewhere now")]
    answered(world)
    assert (
        first_request(refer(world, "sip:bob@h.example:5070"), "peer").extras["Refer-To"] == "<sip:bob@h.example:5070>"
    )
    assert not to_peer(refer(world)), "one at a time"
