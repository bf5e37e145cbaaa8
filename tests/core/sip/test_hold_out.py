"""Hold by us: what the peer is offered, and what its answer changes."""

import pytest

from edge.core.sip.actions import Action, Finish, SetDirection
from edge.core.sip.message import Request
from edge.core.sip.sdp import read_session
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Direction
from edge.vocabulary.reports import LegEnded, LegMedia
from tests.core.sip.steps import LEG, dialled, from_bob, span_request
from tests.core.sip.test_orphans import lose
from tests.core.sip.world import World, answer, answered, in_dialog, offer, reports, statuses, to_peer, to_span

IN = LegId("c0000000000000001.1")
COMMAND = CommandId("c1:7:1")


def hold(world: World, direction: Direction = "sendonly", leg: LegId = IN, command: str = COMMAND) -> list[Action]:
    return world.put(SetDirection(CommandId(command), leg, direction))


def invite_of(actions: list[Action]) -> Request:
    return next(m for m in to_peer(actions) if isinstance(m, Request) and m.method == "INVITE")


def finishes(actions: list[Action]) -> list[str | None]:
    return [action.error for action in actions if isinstance(action, Finish)]


def version(request: Request) -> int:
    return int(request.body.decode().split("\r\n")[1].split(" ")[2])


def directions(actions: list[Action]) -> list[str]:
    return [r.remote.direction for r in reports(actions) if isinstance(r, LegMedia)]


@pytest.mark.parametrize("span", ["lives", "dies", "and front dies"])
def test_a_peer_is_held_and_resumed(span: str) -> None:
    world = World()
    answered(world)
    if span != "lives":
        lose(world)
    sent = invite_of(hold(world))
    assert b"a=sendonly" in sent.body
    if span == "and front dies":
        world.restart()
        assert not to_peer(hold(world)), "the command comes again, and is under way"
    actions = world.peer(answer(sent, 200, tag="", body=offer(direction="recvonly"), media=""))
    assert [m.method for m in to_peer(actions) if isinstance(m, Request)] == ["ACK"]
    assert finishes(actions) == [None]
    assert directions(actions) == ["recvonly"]
    assert not to_span(actions)
    assert finishes(hold(world)) == [None], "so it is already"
    # What the peer asks meanwhile is answered as one who is held.
    reinvite = in_dialog("INVITE", cseq=9, body=offer(), content_type="application/sdp")
    found = to_peer(world.peer(reinvite))[0]
    assert b"a=sendonly" in found.body
    world.peer(in_dialog("ACK", cseq=9))
    again = invite_of(hold(world, "sendrecv"))
    assert b"a=sendrecv" in again.body
    assert version(again) == version(sent) + 1
    actions = world.peer(answer(again, 200, tag="", body=offer(), media=""))
    assert finishes(actions) == [None]


@pytest.mark.parametrize("status", [403, 488, 500, 603])
def test_a_refusal_changes_nothing(status: int) -> None:
    world = World()
    answered(world)
    sent = invite_of(hold(world))
    actions = world.peer(answer(sent, status, tag=""))
    assert finishes(actions) == [f"the peer refused it: {status}"]
    assert not directions(actions)
    dialog = world.door.record(IN)
    assert dialog.direction == "sendrecv"
    assert b"a=sendrecv" in dialog.to_peer.again()
    again = invite_of(hold(world))
    assert version(again) > version(sent) + 1, "a description that differs from the last one has a higher number"


def test_both_ask_at_once_and_we_ask_again() -> None:
    """RFC 3261 section 14.1: 0 to 2 s for who has not made the Call-ID, 2.1 to 4 s for who has."""
    world = World()
    answered(world)
    sent = invite_of(hold(world))
    assert statuses(world.peer(in_dialog("INVITE", cseq=5, body=offer(), content_type="application/sdp"))) == [491]
    assert not finishes(world.peer(answer(sent, 491, tag="")))
    again = invite_of(world.wait(2_001))
    assert b"a=sendonly" in again.body
    assert finishes(world.peer(answer(again, 200, tag="", body=offer(direction="recvonly"), media=""))) == [None]

    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    sent = invite_of(hold(world, leg=LEG))
    world.peer(answer(sent, 491, tag=""))
    assert not to_peer(world.wait(2_090))
    assert invite_of(world.wait(1_911))


def test_who_is_never_done_is_told() -> None:
    world = World()
    answered(world)
    actions = hold(world)
    for _ in range(5):
        actions = world.peer(answer(invite_of(actions), 491, tag=""))
        if finishes(actions):
            break
        actions = world.wait(2_001)
    assert finishes(actions) == ["the peer changes the session itself"]


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_knows_no_call_ends_it(status: int) -> None:
    world = World()
    answered(world)
    actions = world.peer(answer(invite_of(hold(world)), status, tag=""))
    assert [r.leg for r in reports(actions) if isinstance(r, LegEnded)] == [IN]


def test_silence_ends_the_call_and_the_command() -> None:
    world = World()
    answered(world)
    hold(world)
    actions = world.wait(70_000)
    assert [r.leg for r in reports(actions) if isinstance(r, LegEnded)] == [IN]
    assert finishes(actions) == ["the leg has ended"]


def test_a_hold_waits_for_the_ack_of_the_peers_own_change() -> None:
    world = World()
    answered(world)
    world.peer(in_dialog("INVITE", cseq=5, body=offer(), content_type="application/sdp"))
    assert not [m for m in to_peer(hold(world)) if isinstance(m, Request)]
    world.peer(in_dialog("ACK", cseq=5))
    assert invite_of(world.wait(2_001))


def test_what_cannot_be_held() -> None:
    world = World()
    assert finishes(hold(world)) == ["the leg is not up"]
    answered(world)
    hold(world)
    assert finishes(hold(world, "sendrecv", command="c1:8:1")) == ["the leg is being held or resumed"]


def test_an_answer_without_a_description_is_none() -> None:
    world = World()
    answered(world)
    actions = world.peer(answer(invite_of(hold(world)), 200, tag=""))
    assert finishes(actions) == ["no usable answer to our offer"]
    assert read_session(invite_of(hold(world)).body) is not None
