"""RTCP on the RTP port: only when the peer has offered it, and said anew in each description (RFC 5761, RFC 8035)."""

import pytest

from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegIncoming, LegMedia
from tests.core.sip.steps import dialled, first_request, in_dialog_of_span, taken, world_with
from tests.core.sip.world import (
    SPAN_SDP,
    TRUNK_HOST,
    World,
    answer,
    invite,
    offer,
    reports,
)

MUX = "a=rtcp-mux\r\n"
HOLD = SPAN_SDP.replace(b"sendrecv", b"sendonly")


def muxed(world, **parts):
    """Answer a call whose offer has `a=rtcp-mux`; returns the span's INVITE."""
    actions, inner, ok = taken(world, offer(after=MUX, **parts))
    told = next(r for r in reports(actions) if isinstance(r, LegIncoming))
    assert told.remote.rtcp_mux
    assert told.remote.rtcp == told.remote.rtp == Address(TRUNK_HOST, 4000)
    assert b"rtcp-mux" not in inner.body
    assert MUX.encode() in ok.body
    world.take()
    return inner


def test_taken_up_when_offered():
    muxed(World())


@pytest.mark.parametrize("body", [offer(), offer(before=MUX), offer(after="a=rtcp-mux-only\r\n")])
def test_not_taken_up_when_not_offered_for_the_stream(body):
    actions, _, ok = taken(World(), body)
    told = next(r for r in reports(actions) if isinstance(r, LegIncoming))
    assert not told.remote.rtcp_mux
    assert told.remote.rtcp == Address(TRUNK_HOST, 4001)
    assert b"rtcp-mux" not in ok.body


def test_our_later_offer_keeps_it_and_the_answer_decides():
    world = World()
    inner = muxed(world)
    sent = first_request(world.span(in_dialog_of_span("INVITE", inner, body=HOLD)), "peer")
    assert MUX.encode() in sent.body
    actions = world.peer(answer(sent, 200, body=offer(direction="recvonly"), media=""))
    facts = next(r for r in reports(actions) if isinstance(r, LegMedia)).remote
    assert not facts.rtcp_mux
    assert facts.rtcp == Address(TRUNK_HOST, 4001)


def test_kept_by_an_answer_that_has_it():
    world = World()
    inner = muxed(world)
    sent = first_request(world.span(in_dialog_of_span("INVITE", inner, body=HOLD)), "peer")
    actions = world.peer(answer(sent, 200, body=offer(direction="recvonly", after=MUX), media=""))
    facts = next(r for r in reports(actions) if isinstance(r, LegMedia)).remote
    assert facts.rtcp_mux
    assert facts.rtcp == facts.rtp


def test_our_first_offer_has_none_and_an_answer_cannot_bring_it():
    world = World()
    sent = dialled(world)
    assert b"rtcp-mux" not in sent.body
    actions = world.peer(answer(sent, 200, tag="far", body=offer(after=MUX), media=""))
    facts = next(r for r in reports(actions) if isinstance(r, LegMedia)).remote
    assert not facts.rtcp_mux


def test_whether_an_address_may_be_learned_is_told_with_the_media():
    for symmetric in (False, True):
        world = world_with(symmetric=symmetric)
        told = next(r for r in reports(world.peer(invite())) if isinstance(r, LegIncoming))
        assert told.remote.symmetric is symmetric
        world = world_with(symmetric=symmetric)
        actions = world.peer(answer(dialled(world), 200, tag="far", body=offer(), media=""))
        assert next(r for r in reports(actions) if isinstance(r, LegMedia)).remote.symmetric is symmetric
