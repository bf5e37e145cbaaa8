"""No peer stays in a dead call: what front does when a span is gone, silent, or unknown to switch."""

import pytest

from edge.core.sip.actions import Discarded, SpanLost, SpansAre, ToPeer
from edge.core.sip.message import Request
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.reports import LegEnded, LegIncoming
from tests.core.sip.steps import LEG, dialled, first_request, from_bob, in_dialog_of_span, span_request
from tests.core.sip.world import (
    SPAN,
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


def lose(world: World) -> list:
    world.spans.pop(SPAN, None)
    return world.put(SpanLost(SPAN))


def outcomes(actions: list) -> list[str]:
    return [r.end.outcome for r in reports(actions) if isinstance(r, LegEnded)]


def test_early_incoming_call_gets_503_until_it_is_acknowledged() -> None:
    world = World()
    world.span(answer(first_request(world.peer(invite())), 180))
    actions = lose(world)
    assert statuses(actions) == [503]
    assert outcomes(actions) == ["span_lost"]
    assert to_peer(actions)[0].to.tag == "span-tag"
    assert statuses(world.wait(1_600)) == [503, 503]
    world.peer(in_dialog("ACK", cseq=1, branch="z9hG4bKcall-1"))
    assert world.door.figures()["dialogs"] == 0
    assert not to_peer(world.wait(5_000))


def test_the_peers_bye_is_answered_for_a_lost_span() -> None:
    world = World()
    answered(world)
    world.peer(in_dialog("BYE"))
    actions = lose(world)
    assert statuses(actions) == [200]
    assert world.door.figures()["dialogs"] == 0


def test_early_outgoing_call_is_cancelled() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 180))
    actions = lose(world)
    assert outcomes(actions) == ["span_lost"]
    cancel = first_request(actions, "peer")
    assert (cancel.method, cancel.vias, cancel.to.tag) == ("CANCEL", sent.vias, "")
    world.peer(from_bob(cancel, 200))
    actions = world.peer(from_bob(sent, 487))
    ack = first_request(actions, "peer")
    assert (ack.method, ack.vias, ack.to.tag) == ("ACK", sent.vias, "bob-tag")
    assert world.door.figures()["dialogs"] == 0


def test_no_cancel_before_a_provisional_response() -> None:
    world = World()
    sent = dialled(world)
    assert not to_peer(lose(world))
    assert [m.method for m in to_peer(world.peer(from_bob(sent, 100)))] == ["CANCEL"]


def test_cancel_that_crosses_the_answer_ends_in_a_bye() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 180))
    lose(world)
    actions = world.peer(from_bob(sent, 200, body=offer()))
    assert [m.method for m in to_peer(actions)] == ["ACK", "BYE"]
    bye = to_peer(actions)[1]
    assert bye.cseq == sent.cseq + 1
    assert [m.method for m in to_peer(world.peer(from_bob(sent, 200, body=offer())))] == ["ACK"]
    world.peer(from_bob(bye, 200))
    assert world.door.figures()["dialogs"] == 0


def test_refused_outgoing_call_of_a_lost_span_is_acknowledged() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 486))
    assert [m.method for m in to_peer(lose(world))] == ["ACK"]
    assert world.door.figures()["dialogs"] == 0


def test_reservation_of_a_lost_span() -> None:
    from edge.core.sip.actions import Reserve

    world = World()
    world.put(Reserve(LEG, "555", "main", "100"))
    actions = lose(world)
    assert outcomes(actions) == ["span_lost"]


def test_other_spans_are_not_touched() -> None:
    world = World(spans=2)
    for number in range(5):
        world.peer(invite(f"call-{number}"))
    actions = lose(world)
    assert len(to_peer(actions)) == 4
    assert world.door.figures()["free_slots"] == 3


def test_silent_span_is_given_up() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    actions = world.wait(5_001)
    assert [m for m in to_span(actions) if isinstance(m, Request) and m.method == "INVITE"] == [inner] * 3
    assert "CANCEL" in [m.method for m in to_span(actions) if isinstance(m, Request)]
    assert statuses(actions)[0] == 503
    assert outcomes(actions) == ["failed"]


def test_switch_does_not_know_the_leg() -> None:
    world = World()
    report = reports(world.peer(invite()))[0]
    assert isinstance(report, LegIncoming)
    inner = first_request(world.actions)
    world.span(answer(inner, 180))
    actions = world.put(Discarded([report.leg]))
    assert statuses(actions) == [503]
    assert [m.method for m in to_span(actions)] == ["CANCEL"]
    assert not reports(actions)
    cancel = to_span(actions)[0]
    world.span(answer(cancel, 200))
    assert [m.method for m in to_span(world.span(answer(inner, 487)))] == ["ACK"]


def test_discarded_call_that_is_up() -> None:
    world = World()
    report = reports(world.peer(invite()))[0]
    inner = first_request(world.actions)
    world.span(answer(inner, 200, body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1))
    actions = world.put(Discarded([report.leg]))
    assert [m.method for m in to_peer(actions)] == ["BYE"]
    bye = first_request(actions)
    assert (bye.method, bye.cseq) == ("BYE", 2)
    # The span hangs up by itself at the same time: it is let go.
    assert [m.status for m in to_span(world.span(in_dialog_of_span("BYE", inner, cseq=3)))] == [200]


def discarded(world: World) -> Request:
    """A call that is up and that switch does not know; the BYE that the peer gets."""
    report = next(r for r in reports(world.peer(invite())) if isinstance(r, LegIncoming))
    inner = first_request(world.actions)
    world.span(answer(inner, 200, body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1))
    return first_request(world.put(Discarded([report.leg])), "peer")


def test_a_bye_of_fronts_is_repeated_and_given_up_after_32_seconds() -> None:
    world = World()
    bye = discarded(world)
    sent = [m for m in to_peer(world.wait(33_000)) if isinstance(m, Request)]
    assert 8 <= len(sent) <= 11
    assert set(map(str, sent)) == {str(bye)}
    assert world.door.figures()["dialogs"] == 0


def test_requests_to_a_call_that_front_ends_are_refused() -> None:
    world = World()
    discarded(world)
    assert statuses(world.peer(in_dialog("INVITE", content_type="application/sdp", body=offer()))) == [481]
    assert statuses(world.peer(in_dialog("BYE", cseq=3))) == [200], "both byes cross"
    assert world.door.figures()["dialogs"] == 0


def test_a_bye_of_fronts_survives_a_restart() -> None:
    world = World()
    first = discarded(world)
    world.restart()
    again = first_request(world.take(), "peer")
    assert again.method == "BYE"
    assert again.cseq > first.cseq
    assert not reports(world.actions)
    world.peer(answer(again, 200, tag=""))
    assert world.door.figures()["dialogs"] == 0


def test_spans_that_live_keep_their_calls_over_a_restart() -> None:
    world = World()
    answered(world)
    world.restart()
    assert not [a for a in world.take() if isinstance(a, ToPeer)]
    assert world.door.figures() == {"dialogs": 1, "tombstones": 0, "spans": 1, "free_slots": 3, "adopted": 0}
    world.put(SpansAre(dict(world.spans)))
    assert world.door.figures()["free_slots"] == 3


def test_span_request_after_the_end_is_let_go() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    bye = first_request(world.span(span_request("BYE", cseq=101)), "peer")
    world.peer(from_bob(bye, 200))
    assert [m.status for m in to_span(world.span(span_request("BYE", cseq=101)))] == [200]


def again(world: World) -> list:
    """Reports that a new life of front makes by itself."""
    world.restart()
    return [r for r in reports(world.take()) if isinstance(r, LegIncoming)]


@pytest.mark.parametrize("rung", [False, True])
@pytest.mark.parametrize("body", [offer(), b""])
def test_a_call_that_is_not_answered_is_told_again_by_the_next_life(rung: bool, body: bytes) -> None:
    """Front may have been killed before switch had the report: the same one, to the last field."""
    world = World()
    actions = world.peer(
        invite(body=body, record_routes=[NameAddr(Uri("sip", "", "198.51.100.8", 0, (("lr", None),)))])
    )
    first = reports(actions)
    if rung:
        world.span(answer(first_request(actions), 180))
    assert again(world) == first
    assert again(world) == first


def test_a_call_that_switch_must_know_is_not_told_again() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    world.span(answer(inner, 200, body=SPAN_SDP))
    assert again(world) == []
    world.peer(in_dialog("ACK", cseq=1))
    assert again(world) == []


def test_a_call_whose_span_died_with_front_is_told_before_its_end() -> None:
    world = World()
    world.peer(invite())
    world.spans.clear()
    world.restart()
    assert [type(r) for r in reports(world.take())] == [LegIncoming, LegEnded]
    assert again(world) == []
