"""Provisional responses of ours that the peer acknowledges (RFC 3262)."""

import pytest

from edge.core.sip.actions import Action
from edge.core.sip.message import Request, Response
from edge.vocabulary.reports import LegEnded, LegMedia
from tests.core.sip.steps import first_request, world_with
from tests.core.sip.world import (
    SPAN_SDP,
    World,
    answer,
    answered,
    in_dialog,
    invite,
    offer,
    reports,
    statuses,
    to_peer,
    to_span,
)

SUPPORTS = {"Supported": "100rel, timer"}


def rings(world: World, status: int = 180, *, body: bytes = b"", **changes: object) -> tuple[Request, Response]:
    """A call that its span lets ring: the INVITE as the span has it, and what the peer gets."""
    inner = first_request(world.peer(invite(**{"extras": dict(SUPPORTS), **changes})))
    (sent,) = to_peer(world.span(answer(inner, status, body=body)))
    assert isinstance(sent, Response)
    return inner, sent


def prack(sent: Response, cseq: int = 2, **changes: object) -> Request:
    return in_dialog("PRACK", cseq=cseq, extras={"RAck": f"{sent.extras['RSeq']} {sent.cseq} INVITE"}, **changes)


def responses(actions: list[Action]) -> list[Response]:
    return [m for m in to_peer(actions) if isinstance(m, Response)]


def test_it_is_repeated_until_it_is_acknowledged_and_the_span_hears_nothing_of_it() -> None:
    world = World()
    inner, sent = rings(world)
    assert "100rel" not in (inner.extras.get("Supported", "") + inner.extras.get("Require", ""))
    assert (sent.status, sent.extras["Require"]) == (180, "100rel")
    assert 0 < int(sent.extras["RSeq"]) < 2**31
    assert [m.extras["RSeq"] for m in responses(world.wait(3_501))] == [sent.extras["RSeq"]] * 3
    world.restart()
    assert [m.status for m in responses(world.wait(501))] == [180], "and from then on by a new front"
    asked = prack(sent)
    assert statuses(world.peer(asked)) == [200]
    assert not to_span(world.actions)
    assert statuses(world.peer(asked)) == [200], "its 200 was lost"
    assert not to_peer(world.wait(31_000))
    assert statuses(world.span(answer(inner, 200, body=SPAN_SDP)))[-1] == 200
    assert to_span(world.peer(in_dialog("ACK", cseq=1)))


def test_the_first_acknowledgement_is_lost() -> None:
    """The peer hears the repeat, and acknowledges it again with another request."""
    world = World()
    _, sent = rings(world)
    (again,) = responses(world.wait(501))
    assert again.extras["RSeq"] == sent.extras["RSeq"]
    assert statuses(world.peer(prack(again, 3))) == [200]
    assert not responses(world.wait(31_000))


def test_the_next_one_waits_for_it_and_has_the_next_number() -> None:
    world = World()
    inner, sent = rings(world)
    assert not to_peer(world.span(answer(inner, 183, body=SPAN_SDP)))
    actions = world.peer(prack(sent))
    ok, early = responses(actions)
    assert (ok.method, ok.status, early.status) == ("PRACK", 200, 183)
    assert int(early.extras["RSeq"]) == int(sent.extras["RSeq"]) + 1
    assert b"m=audio 16384" in early.body
    final = answer(inner, 200, body=SPAN_SDP)
    assert not to_peer(world.span(final)), "not before its description is acknowledged"
    assert statuses(world.peer(prack(early, 3))) == [200]
    assert statuses(world.span(final)) == [200], "the span says it again"


def test_a_final_response_need_not_wait_for_one_without_a_description() -> None:
    for status in (200, 486):
        world = World()
        inner, sent = rings(world)
        assert statuses(world.span(answer(inner, status, body=SPAN_SDP if status == 200 else b""))) == [status]
        if status == 200:
            assert statuses(world.peer(prack(sent))) == [200]
            world.peer(in_dialog("ACK", cseq=1))
            assert not responses(world.wait(30_000))


@pytest.mark.parametrize("rack", ["1 1 INVITE", "{rseq} 2 INVITE", "{rseq} 1 UPDATE", ""])
def test_an_acknowledgement_of_nothing(rack: str) -> None:
    world = World()
    _, sent = rings(world)
    extras = {"RAck": rack.format(rseq=sent.extras["RSeq"])} if rack else {}
    assert statuses(world.peer(in_dialog("PRACK", extras=extras))) == [481]
    assert [m.status for m in responses(world.wait(600))] == [180]


def test_a_peer_that_never_acknowledges_is_refused() -> None:
    world = World()
    rings(world)
    actions = world.wait(32_001)
    assert statuses(actions)[-1] == 504
    (end,) = [r.end for r in reports(actions) if isinstance(r, LegEnded)]
    assert (end.sip_code, end.ended_by) == (504, "network")
    assert "CANCEL" in [m.method for m in to_span(actions)]
    world.peer(in_dialog("ACK", cseq=1, branch="z9hG4bKcall-1"))
    assert world.door.figures()["dialogs"] == 0


def test_when_it_is_reliable_and_when_not() -> None:
    for extras, may, reliable in (
        ({}, True, False),
        ({"Supported": "100rel"}, True, True),
        ({"Supported": "100rel"}, False, False),
        ({"Require": "100rel"}, False, True),
    ):
        _, sent = rings(world_with(reliable=may), extras=extras)
        assert ("RSeq" in sent.extras) == reliable, (extras, may)


def test_a_late_offer_is_answered_in_the_acknowledgement() -> None:
    world = World()
    inner, sent = rings(world, 183, body=SPAN_SDP, extras=dict(SUPPORTS))
    assert sent.body
    world = World()
    inner = first_request(world.peer(invite(body=b"", extras=dict(SUPPORTS))))
    (sent,) = responses(world.span(answer(inner, 183, body=SPAN_SDP)))
    assert b"m=audio" in sent.body
    actions = world.peer(prack(sent, body=offer(), content_type="application/sdp"))
    assert [r.remote.rtp.port for r in reports(actions) if isinstance(r, LegMedia)] == [4000]
    assert statuses(actions) == [200]


def test_an_offer_in_the_acknowledgement_is_answered() -> None:
    world = World()
    _, sent = rings(world, 183, body=SPAN_SDP)
    actions = world.peer(prack(sent, body=offer(port=4444), content_type="application/sdp"))
    (ok,) = responses(actions)
    assert (ok.status, b"m=audio 16384" in ok.body) == (200, True)
    assert [r.remote.rtp.port for r in reports(actions) if isinstance(r, LegMedia)] == [4444]


def test_a_caller_gives_up_meanwhile() -> None:
    world = World()
    inner, _ = rings(world)
    cancel = invite(body=b"")
    cancel.method = "CANCEL"
    passed = first_request(world.peer(cancel))
    world.span(answer(passed, 200))
    assert statuses(world.span(answer(inner, 487))) == [487]
    assert not [m for m in responses(world.wait(5_000)) if m.status == 180]


def test_nothing_of_it_in_a_call_that_is_up() -> None:
    world = World()
    answered(world)
    assert statuses(world.peer(in_dialog("PRACK", extras={"RAck": "1 1 INVITE"}))) == [481]
