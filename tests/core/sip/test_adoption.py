"""A call outlives its span: front plays the stack's part from the 2xx on."""

import pytest

from edge.core.sip.actions import Action, Farewell, Finish, Flow, HangUp, SendKeys
from edge.core.sip.message import Request, Response
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import InfoDigit, LegAdopted, LegAnswered, LegEnded, LegMedia
from tests.core.sip.steps import LEG, dialled, first_request, from_bob, in_dialog_of_span, span_request
from tests.core.sip.test_orphans import lose
from tests.core.sip.world import (
    PEER,
    SPAN,
    SPAN_SDP,
    TRUNK_HOST,
    World,
    answer,
    answered,
    counts,
    in_dialog,
    invite,
    offer,
    reports,
    statuses,
    to_peer,
    to_span,
)

IN = LegId("c0000000000000001.1")
COMMAND = CommandId("c1:7:1")


def kinds(actions: list[Action]) -> list[type]:
    return [type(r) for r in reports(actions)]


def methods(actions: list[Action]) -> list[str]:
    return [m.method for m in to_peer(actions) if isinstance(m, Request)]


def adopted(*, restart: bool = False) -> World:
    """An incoming call that is up, and whose span is gone."""
    world = World()
    answered(world)
    lose(world)
    if restart:
        world.restart()
    world.take()
    return world


def adopted_outgoing() -> tuple[World, Request]:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    lose(world)
    return world, sent


# --- at the moment of the span's death ------------------------------------------------------------------------------


def test_a_call_that_is_up_goes_on_in_silence() -> None:
    world = World()
    answered(world)
    actions = lose(world)
    assert not to_peer(actions), "the peer hears of nothing"
    assert reports(actions) == [LegAdopted(IN, SPAN), LegAnswered(IN)]
    assert ("adopted", "confirmed") in counts(actions)
    assert not world.wait(60_000)
    assert world.door.figures()["adopted"] == world.door.figures()["dialogs"] == 1


def test_it_is_told_again_by_each_life_of_front() -> None:
    world = World()
    answered(world)
    world.spans.clear()
    for _ in range(2):  # front and span die at once; then front again
        world.restart()
        assert reports(world.take()) == [LegAdopted(IN, SPAN), LegAnswered(IN)]


def test_an_answer_is_repeated_until_its_ack_and_the_call_begins() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    ok = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))
    actions = lose(world)
    assert to_peer(actions) == ok
    assert kinds(actions) == [LegAdopted]
    assert to_peer(world.wait(1_600)) == ok * 2
    assert to_peer(world.peer(invite())) == ok, "so does a repeat of the INVITE"
    actions = world.peer(in_dialog("ACK", cseq=1))
    assert reports(actions) == [LegAnswered(IN)]
    assert not to_peer(actions)
    assert not world.wait(60_000)


@pytest.mark.parametrize("acknowledged", [False, True])
def test_whom_front_talks_to_in_its_own_name_is_hung_up_on_as_it_ends(acknowledged: bool) -> None:
    world = adopted() if acknowledged else World()
    if not acknowledged:
        world.span(answer(first_request(world.peer(invite())), 200, body=SPAN_SDP))
        lose(world)
    world.take()
    actions = world.put(Farewell())
    assert methods(actions) == ["BYE"]
    (ended,) = reports(actions)
    assert isinstance(ended, LegEnded)
    assert (ended.end.outcome, ended.end.ended_by) == ("stopped", "appliance")
    assert not reports(world.put(Farewell()))


def test_who_never_acknowledged_gets_its_bye_as_front_ends() -> None:
    world, _ = half_open()
    world.wait(9_000)
    actions = world.put(Farewell())
    assert methods(actions) == ["BYE"]
    assert not reports(actions), "its end was told"


def test_what_has_not_begun_is_refused_or_cancelled_as_front_ends() -> None:
    world = World()
    world.peer(invite())
    sent = dialled(world)
    world.peer(from_bob(sent, 180))
    world.take()
    actions = world.put(Farewell())
    assert statuses(actions) == [503]
    assert methods(actions) == ["CANCEL"]
    assert {type(report) for report in reports(actions)} == {LegEnded}
    assert len(reports(actions)) == 2


@pytest.mark.parametrize("restart", [False, True])
def test_an_answer_that_nobody_acknowledges_ends_after_32_seconds_with_a_bye(restart: bool) -> None:
    world = World()
    world.span(answer(first_request(world.peer(invite())), 200, body=SPAN_SDP))
    lose(world)
    if restart:
        world.restart()
    actions = world.wait(31_900)
    assert not methods(actions)
    assert len(statuses(actions)) == 10 if restart else 9
    (ended,) = reports(actions)
    assert isinstance(ended, LegEnded)
    assert (ended.end.outcome, ended.end.ended_by, ended.end.sip_code) == ("failed", "network", 408)
    actions = world.wait(200)
    assert methods(actions) == ["BYE"]
    assert not reports(actions)
    world.wait(33_000)
    assert world.door.figures()["dialogs"] == 0


def test_a_late_offer_is_answered_in_the_ack() -> None:
    world = World()
    world.span(answer(first_request(world.peer(invite(body=b""))), 200, body=SPAN_SDP))
    lose(world)
    ack = in_dialog("ACK", cseq=1, content_type="application/sdp", body=offer(payloads="8 101"))
    assert kinds(world.peer(ack)) == [LegMedia, LegAnswered]
    world = World()
    world.span(answer(first_request(world.peer(invite(body=b""))), 200, body=SPAN_SDP))
    lose(world)
    actions = world.peer(in_dialog("ACK", cseq=1))
    assert methods(actions) == ["BYE"]
    assert reports(actions)[0].end.outcome == "media_lost"


def test_an_outgoing_call_that_was_answered_gets_its_ack() -> None:
    world = World()
    sent = dialled(world)
    ok = from_bob(sent, 200, body=offer())
    world.peer(ok)
    actions = lose(world)
    assert methods(actions) == ["ACK"]
    assert kinds(actions) == [LegAdopted, LegAnswered]
    assert methods(world.peer(ok)) == ["ACK"], "each repeat, too"
    assert not world.wait(60_000)


def test_the_peers_bye_that_the_span_did_not_answer() -> None:
    world = World()
    answered(world)
    world.peer(in_dialog("BYE"))
    actions = lose(world)
    assert statuses(actions) == [200]
    (ended,) = reports(actions)
    assert (ended.end.outcome, ended.end.ended_by) == ("completed", "caller")
    assert world.door.figures()["dialogs"] == 0


@pytest.mark.parametrize("by", ["caller", "appliance"])
def test_an_end_that_the_span_may_not_have_reported_is_told_when_it_dies(by: str) -> None:
    """The BYE was answered, and the span died before its report."""
    world = World()
    inner = answered(world)
    if by == "caller":
        world.span(answer(first_request(world.peer(in_dialog("BYE"))), 200))
    else:
        world.peer(answer(first_request(world.span(in_dialog_of_span("BYE", inner)), "peer"), 200, tag="", media=""))
    world.restart()
    (ended,) = reports(lose(world))
    assert (ended.leg, ended.end.outcome, ended.end.ended_by) == (IN, "completed", by)


# --- what the peer asks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_requests_of_the_peer_are_answered(restart: bool) -> None:
    world = adopted(restart=restart)
    assert statuses(world.peer(in_dialog("OPTIONS", cseq=2))) == [200]
    actions = world.peer(in_dialog("INFO", cseq=3, content_type="application/dtmf-relay", body=b"Signal=5\r\n"))
    assert statuses(actions) == [200]
    assert [r.digit.reveal() for r in reports(actions) if isinstance(r, InfoDigit)] == ["5"]
    assert statuses(world.peer(in_dialog("PRACK", cseq=4, extras={"RAck": "1 1 INVITE"}))) == [200]
    assert statuses(world.peer(in_dialog("UPDATE", cseq=5))) == [200]
    actions = world.peer(in_dialog("INVITE", cseq=6, content_type="application/sdp", body=offer()))
    assert statuses(actions) == [200]
    assert not reports(actions), "a refresh changes nothing"
    world.peer(in_dialog("ACK", cseq=6))
    hold = in_dialog("INVITE", cseq=7, content_type="application/sdp", body=offer(direction="sendonly"))
    actions = world.peer(hold)
    assert [r.remote.direction for r in reports(actions)] == ["sendonly"]
    assert b"a=recvonly" in to_peer(actions)[0].body
    world.peer(in_dialog("ACK", cseq=7))
    move = in_dialog("UPDATE", cseq=8, content_type="application/sdp", body=offer(port=4242))
    assert [r.remote.rtp.port for r in reports(world.peer(move))] == [4242]
    assert statuses(world.peer(in_dialog("BYE", cseq=2))) == [500], "out of order"


@pytest.mark.parametrize("restart", [False, True])
def test_the_peer_hangs_up(restart: bool) -> None:
    world = adopted(restart=restart)
    bye = in_dialog("BYE", extras={"Reason": 'Q.850;cause=17;text="busy"'})
    actions = world.peer(bye)
    assert statuses(actions) == [200]
    (ended,) = reports(actions)
    assert (ended.end.outcome, ended.end.ended_by, ended.end.q850_cause) == ("completed", "caller", 17)
    assert world.door.figures()["dialogs"] == 0
    assert statuses(world.peer(bye)) == [200]
    assert not reports(world.actions)


def test_the_callee_of_an_adopted_leg_hangs_up() -> None:
    world, sent = adopted_outgoing()
    bye = in_dialog("BYE", call=sent.call_id, tag="own-tag")
    bye.from_ = sent.to.with_tag("bob-tag")
    actions = world.peer(bye)
    assert statuses(actions) == [200]
    assert reports(actions)[0].end.ended_by == "callee"


# --- what switch asks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_switch_hangs_up_with_the_next_cseq(restart: bool) -> None:
    world = World()
    inner = answered(world)
    world.span(in_dialog_of_span("INFO", inner, cseq=41, body=b"Signal=1", content_type="application/dtmf-relay"))
    lose(world)
    if restart:
        world.restart()
    actions = world.put(HangUp(IN, "menu"))
    bye = first_request(actions, "peer")
    assert (bye.method, bye.cseq, bye.from_.tag, bye.to.tag) == ("BYE", 42, "span-tag", "peer-tag")
    assert "cause=16" in bye.extras["Reason"]
    (ended,) = reports(actions)
    assert (ended.end.outcome, ended.end.ended_by, ended.end.text) == ("completed", "appliance", "menu")
    assert methods(world.wait(600)) == ["BYE"]
    assert not to_peer(world.put(HangUp(IN, "again")))
    world.peer(answer(bye, 200, tag=""))
    assert world.door.figures()["dialogs"] == 0


def test_a_hang_up_before_the_ack_waits_for_it() -> None:
    world = World()
    world.span(answer(first_request(world.peer(invite())), 200, body=SPAN_SDP))
    lose(world)
    actions = world.put(HangUp(IN, ""))
    assert not methods(actions)
    assert kinds(actions) == [LegEnded]
    assert methods(world.peer(in_dialog("ACK", cseq=1))) == ["BYE"]


def test_a_hang_up_of_a_call_that_is_over_is_nothing() -> None:
    world = adopted()
    world.peer(in_dialog("BYE"))
    assert not world.put(HangUp(IN, ""))


def test_digits_by_info() -> None:
    world = adopted()
    actions = world.put(SendKeys(COMMAND, IN, Private("1#"), 160))
    first = first_request(actions, "peer")
    assert (first.method, first.body) == ("INFO", b"Signal=1\r\nDuration=160\r\n")
    assert not [a for a in actions if isinstance(a, Finish)]
    world.peer(answer(first, 200, tag=""))
    assert not world.wait(200)
    actions = world.wait(60)
    second = first_request(actions, "peer")
    assert (second.cseq, second.body) == (first.cseq + 1, b"Signal=#\r\nDuration=160\r\n")
    assert Finish(COMMAND, None) in actions
    assert methods(world.wait(600)) == ["INFO"], "repeated until it is answered"
    world.peer(answer(second, 200, tag=""))
    assert not world.wait(40_000)
    assert first_request(world.put(HangUp(IN, "")), "peer").cseq == second.cseq + 1


@pytest.mark.parametrize(("digits", "error"), [("x", "not digits"), ("", None)])
def test_digits_that_are_none(digits: str, error: str | None) -> None:
    world = adopted()
    assert world.put(SendKeys(COMMAND, IN, Private(digits), 160)) == [Finish(COMMAND, error)]


def test_digits_for_a_leg_that_is_not_fronts_or_ends() -> None:
    world = World()
    answered(world)
    assert world.put(SendKeys(COMMAND, IN, Private("1"), 160)) == [Finish(COMMAND, "the leg is not front's")]
    lose(world)
    world.put(SendKeys(COMMAND, IN, Private("12"), 160))
    assert Finish(CommandId("other"), "digits are being sent") in world.put(
        SendKeys(CommandId("other"), IN, Private("3"), 160)
    )
    assert Finish(COMMAND, "the leg has ended") in world.peer(in_dialog("BYE"))


def test_a_peer_that_does_not_know_the_call_any_more() -> None:
    world = adopted()
    sent = first_request(world.put(SendKeys(COMMAND, IN, Private("1"), 160)), "peer")
    actions = world.peer(answer(sent, 481, tag=""))
    assert methods(actions) == ["BYE"]
    assert reports(actions)[0].end.sip_code == 408


def test_the_route_set_and_target_stay() -> None:
    world = World()
    router = NameAddr(Uri("sip", "", "198.51.100.8", 5070, (("lr", None),)))
    inner = first_request(world.peer(invite(record_routes=[router])))
    world.span(answer(inner, 200, body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1))
    lose(world)
    actions = world.put(HangUp(IN, ""))
    bye = first_request(actions, "peer")
    assert (str(bye.uri), [str(r.uri) for r in bye.routes]) == (f"sip:alice@{TRUNK_HOST}:5061", [str(router.uri)])
    assert next(a.flow.address for a in actions if hasattr(a, "flow")) == Address("198.51.100.8", 5070)


# --- half-open calls ------------------------------------------------------------------------------------------------


def half_open() -> tuple[World, list[Response | Request]]:
    world = World()
    ok = to_peer(world.span(answer(first_request(world.peer(invite())), 200, body=SPAN_SDP)))
    return world, ok


@pytest.mark.parametrize("restarts", [(), (1_000,), (9_000,), (1_000, 9_000)])
@pytest.mark.parametrize("span_dies", [False, True])
def test_a_call_without_ack_is_over_within_10_seconds_but_not_for_its_peer(
    span_dies: bool, restarts: tuple[int, ...]
) -> None:
    world, ok = half_open()
    began_ms, found = world.now_ms, []
    if span_dies:
        found += lose(world)
    for at_ms in (*restarts, 9_999):
        found += world.wait(at_ms - (world.now_ms - began_ms))
        if at_ms in restarts:
            found += world.restart().take()
    ended = {(r.leg, r.end.sip_code) for r in reports(found) if isinstance(r, LegEnded)}
    assert ended == {(IN, 408)}, "told again by each life of front, always the same"
    assert world.door.figures()["free_slots"] == (0 if span_dies else 4)
    assert {m.method for m in to_span(found) if isinstance(m, Request)} <= {"BYE"}
    actions = world.wait(22_100)
    assert not reports(actions)
    assert ok[0] in to_peer(actions), "the 200 goes on"
    assert set(statuses(actions)) == {200}
    assert methods(actions) == ["BYE"]


def test_a_late_ack_gets_a_bye_at_once() -> None:
    world, _ = half_open()
    world.wait(15_000)
    actions = world.peer(in_dialog("ACK", cseq=1))
    assert methods(actions) == ["BYE"]
    assert not reports(actions)
    bye = to_peer(actions)[0]
    assert isinstance(bye, Request)
    world.peer(from_bob(bye, 200))
    assert world.door.figures()["dialogs"] == 0
    assert not to_peer(world.wait(60_000))


def test_an_ack_in_time_begins_the_call() -> None:
    world, _ = half_open()
    world.wait(7_900)
    world.peer(in_dialog("ACK", cseq=1))
    assert not reports(world.wait(60_000))
    assert world.door.figures()["free_slots"] == 3


def test_the_span_may_die_after_that() -> None:
    world, _ = half_open()
    world.wait(9_000)
    assert not reports(lose(world))
    assert methods(world.wait(23_100)) == ["BYE"]


def test_over_tcp_too() -> None:
    world = World()
    flow = Flow("tcp", PEER.address, 3)
    inner = first_request(world.peer(invite(), flow))
    world.span(answer(inner, 200, body=SPAN_SDP))
    lose(world)
    assert statuses(world.wait(1_600)) == [200, 200], "a 2xx is repeated end to end"


def test_a_call_that_is_acknowledged_keeps_its_span() -> None:
    world = World()
    answered(world)
    assert not world.wait(60_000)
    assert world.door.figures()["free_slots"] == 3
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer()))
    assert LEG in world.door.live_legs()
    assert not world.wait(9_999), "of an outgoing call the ACK is the span's"
