"""Requests that a provider challenges: the span never hears of it, and the numbers of both sides stay right."""

import re

import msgspec
import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Action, Discarded, Flow, HangUp, Save, SendKeys, SpanLost
from edge.core.sip.authentication import Account
from edge.core.sip.message import Request, Response
from edge.vocabulary.ids import CommandId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from tests.core.sip.steps import (
    LEG,
    dialled,
    first_request,
    from_bob,
    in_dialog_of_span,
    only,
    span_invite,
    span_request,
    taken,
    world_with,
)
from tests.core.sip.world import PEER, SPAN, TRUNK_HOST, World, counts, in_dialog, offer, to_peer, to_span

PASSWORD = "lion-of-the-sea"
ACCOUNT = Account(user="4930", auth_user="4930", password=Private(PASSWORD))
OFFER = offer()


def world(**settings: object) -> World:
    return world_with(account=ACCOUNT, **settings)


def challenge(
    request: Request, status: int = 407, *, realm: str = "provider", more: str = "", **changes: object
) -> Response:
    header = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    text = f'Digest realm="{realm}", nonce="n{request.cseq}", qop="auth", algorithm=SHA-256{more}'
    return from_bob(request, status, **{"extras": {header: text}, "contact": None, **changes})


def requests(actions: list[Action]) -> list[Request]:
    return [m for m in to_peer(actions) if isinstance(m, Request)]


def raw(actions: list[Action], method: str) -> bytes:
    """The last request of this method as it left: the parser does not take credentials in."""
    found = [a.data for a in actions if hasattr(a, "data") and a.data.startswith(method.encode() + b" ")]
    return found[-1]


def credentials_of(data: bytes, header: str = "Proxy-Authorization") -> dict[str, str]:
    line = re.search(rf"^{header}: Digest (.*?)\r$".encode(), data, re.MULTILINE)
    assert line is not None, data
    return {k: q or p for k, q, p in re.findall(r'(\w+)=(?:"([^"]*)"|([^, ]+))', line[1].decode())}


def challenged(world: World, request: Request, method: str, **more: object) -> Request:
    """Challenge a request; returns it as it came again."""
    actions = world.peer(challenge(request, **more))
    assert not to_span(actions), "the span is not to hear of it"
    found = [one for one in requests(actions) if one.method == method]
    assert len(found) == 1, requests(actions)
    return found[0]


def test_an_invite_is_acknowledged_and_sent_again() -> None:
    it = world()
    first = dialled(it)
    unsigned = raw(it.actions, "INVITE")
    actions = it.peer(challenge(first))
    ack, second = requests(actions)
    assert (ack.method, ack.cseq, ack.vias[0].branch) == ("ACK", first.cseq, first.vias[0].branch)
    assert (str(ack.uri), ack.to.tag) == (str(first.uri), "bob-tag")
    assert (second.method, second.cseq) == ("INVITE", first.cseq + 1)
    assert second.vias[0].branch != first.vias[0].branch
    assert (second.call_id, second.from_, second.to, second.uri) == (first.call_id, first.from_, first.to, first.uri)
    assert second.body == first.body
    given = credentials_of(raw(actions, "INVITE"))
    assert (given["username"], given["realm"], given["uri"]) == ("4930", "provider", str(first.uri))
    assert (given["nc"], given["algorithm"]) == ("00000001", "SHA-256")
    assert PASSWORD.encode() not in raw(actions, "INVITE") + unsigned
    assert not to_span(actions)


def test_the_numbers_of_both_sides_stay_right_through_a_call() -> None:
    """All of INVITE, PRACK, re-INVITE, UPDATE, INFO and BYE are challenged."""
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    # PRACK names the INVITE by the number that the peer knows.
    ringing = from_bob(second, 183, extras={"Require": "100rel", "RSeq": "7"}, body=OFFER)
    shown = only(to_span(it.peer(ringing)))
    assert shown.cseq == 100
    prack = span_request("PRACK", cseq=101)
    prack.extras = {"RAck": "7 100 INVITE"}
    sent = first_request(it.span(prack), "peer")
    assert (sent.cseq, sent.extras["RAck"]) == (102, "7 101 INVITE")
    sent = challenged(it, sent, "PRACK")
    assert (sent.cseq, sent.extras["RAck"]) == (103, "7 101 INVITE")
    assert only(to_span(it.peer(from_bob(sent, 200)))).cseq == 101

    answered = only(to_span(it.peer(from_bob(second, 200, body=OFFER))))
    assert (answered.status, answered.cseq) == (200, 100)
    ack = first_request(it.span(span_request("ACK")), "peer")
    assert ack.cseq == 101, "the ACK has the number of its INVITE, whatever came between"
    assert credentials_of(raw(it.actions, "ACK"))["uri"] == str(second.uri)

    again = span_invite()
    again.cseq, again.to = 102, again.to.with_tag("bob-tag")
    again.vias = span_request("INVITE", branch="z9hG4bKre").vias
    sent = challenged(it, first_request(it.span(again), "peer"), "INVITE")
    assert sent.cseq == 105
    assert only(to_span(it.peer(from_bob(sent, 200, body=OFFER)))).cseq == 102
    ack = first_request(it.span(span_request("ACK", branch="z9hG4bKack2", cseq=102)), "peer")
    assert ack.cseq == 105

    for number, method in ((103, "UPDATE"), (104, "INFO")):
        request = span_request(method, cseq=number)
        if method == "INFO":
            request.content_type, request.body = "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"
        sent = challenged(it, first_request(it.span(request), "peer"), method)
        shown = only(to_span(it.peer(from_bob(sent, 200))))
        assert (shown.status, shown.cseq) == (200, number)
    bye = first_request(it.span(span_request("BYE", cseq=105)), "peer")
    assert bye.cseq == 110
    bye = challenged(it, bye, "BYE")
    assert bye.cseq == 111
    shown = only(to_span(it.peer(from_bob(bye, 200))))
    assert (shown.status, shown.cseq) == (200, 105)
    assert it.door.figures()["dialogs"] == 0


def test_in_a_call_that_came_in() -> None:
    it = world()
    inner = taken(it, OFFER).inner
    bye = first_request(it.span(in_dialog_of_span("BYE", inner)), "peer")
    sent = challenged(it, bye, "BYE", status=401)
    assert sent.cseq == bye.cseq + 1
    assert credentials_of(raw(it.actions, "BYE"), "Authorization")["uri"] == str(bye.uri)
    assert only(to_span(it.peer(from_bob(sent, 200)))).cseq == 1
    assert it.door.figures()["dialogs"] == 0


def test_the_requests_of_the_peer_keep_their_numbers() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    it.peer(from_bob(second, 200, body=OFFER))
    it.span(span_request("ACK"))
    bye = in_dialog("BYE", cseq=7, call="pj-call", tag="own-tag")
    bye.from_ = bye.from_.with_tag("bob-tag")
    assert first_request(it.peer(bye)).cseq == 7


def test_a_wrong_password_is_given_once() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    actions = it.peer(challenge(second))
    shown = only(to_span(actions))
    assert (shown.status, shown.cseq) == (403, 100)
    assert not requests(actions)
    assert ("challenge", "rejected") in counts(actions)
    ack = first_request(it.span(span_request("ACK", branch="z9hG4bKPjone")), "peer")
    assert (ack.cseq, ack.vias[0].branch) == (second.cseq, second.vias[0].branch)
    assert it.door.figures()["dialogs"] == 0


def test_two_tries_at_the_most() -> None:
    it = world()
    request = challenged(it, dialled(it), "INVITE")
    request = challenged(it, request, "INVITE", more=", stale=true")
    actions = it.peer(challenge(request, more=", stale=true"))
    assert only(to_span(actions)).status == 403
    assert not [one for one in requests(actions) if one.method == "INVITE"]


def test_a_server_behind_the_proxy_may_ask_too() -> None:
    it = world()
    request = challenged(it, dialled(it), "INVITE")
    actions = it.peer(challenge(request, 401))
    data = raw(actions, "INVITE")
    assert credentials_of(data, "Authorization")["nonce"] == f"n{request.cseq}"
    assert credentials_of(data, "Proxy-Authorization")["nonce"] == f"n{request.cseq - 1}"
    assert credentials_of(data, "Proxy-Authorization")["nc"] == "00000002"
    assert data.count(b"Proxy-Authorization") == 1


@pytest.mark.parametrize("status", [401, 407])
def test_a_foreign_realm_gets_nothing(status: int) -> None:
    it = world_with(account=replace(ACCOUNT, realm="provider"))
    actions = it.peer(challenge(dialled(it), status, realm="evil"))
    assert only(to_span(actions)).status == 403
    assert not requests(actions)
    assert ("challenge", "foreign_realm") in counts(actions)


def test_a_realm_is_not_learned_from_another_address_of_the_trunk() -> None:
    it = world()
    flow = Flow("udp", Address("198.51.100.8", 5060))
    actions = it.peer(challenge(dialled(it), realm="evil"), flow)
    assert only(to_span(actions)).status == 403
    assert ("challenge", "foreign_realm") in counts(actions)


def test_without_an_account_the_span_is_told_403() -> None:
    it = World()
    actions = it.peer(challenge(dialled(it)))
    assert only(to_span(actions)).status == 403
    assert ("challenge", "no_account") in counts(actions)


def test_the_challenge_again_gets_its_ack_again() -> None:
    it = world()
    first = dialled(it)
    challenged(it, first, "INVITE")
    ack = only(requests(it.peer(challenge(first))))
    assert (ack.method, ack.cseq, ack.vias[0].branch) == ("ACK", first.cseq, first.vias[0].branch)
    assert not to_span(it.actions)


def test_front_repeats_what_it_sent_again_until_there_is_an_answer() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    # The span may repeat its own, which is none of the peer's business any more.
    assert not requests(it.span(span_invite()))
    repeated = requests(it.wait(3600))
    assert [one.cseq for one in repeated] == [second.cseq] * 3  # 0.5, 1.5, 3.5 s
    assert f"CSeq: {second.cseq} INVITE\r\nProxy-Authorization: ".encode() in raw(it.actions, "INVITE")
    it.peer(from_bob(second, 100))
    assert not requests(it.wait(20_000))


def test_nobody_answers_the_second_try() -> None:
    it = world()
    challenged(it, dialled(it), "INVITE")
    actions = it.wait(33_000)
    assert [m.status for m in to_span(actions) if isinstance(m, Response)] == [408]
    assert it.door.figures()["free_slots"] == 4
    it.wait(32_000)  # as long as the peer may still speak up
    assert it.door.figures()["dialogs"] == 0


def test_a_cancelled_invite_is_not_sent_again() -> None:
    it = world()
    first = dialled(it)
    it.peer(from_bob(first, 100))
    it.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone"))
    actions = it.peer(challenge(first))
    assert not [one for one in requests(actions) if one.method == "INVITE"]
    assert only(to_span(actions)).status == 403


def test_a_cancel_after_the_challenge_is_for_the_second_try() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    it.peer(from_bob(second, 180))
    cancel = first_request(it.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone")), "peer")
    assert (cancel.cseq, cancel.vias[0].branch) == (second.cseq, second.vias[0].branch)
    shown = only(to_span(it.peer(from_bob(cancel, 200))))
    assert (shown.status, shown.cseq, shown.method) == (200, 100, "CANCEL")
    shown = only(to_span(it.peer(from_bob(second, 487))))
    assert (shown.status, shown.cseq) == (487, 100)
    ack = first_request(it.span(span_request("ACK", branch="z9hG4bKPjone")), "peer")
    assert (ack.cseq, ack.vias[0].branch) == (second.cseq, second.vias[0].branch)


def test_a_new_front_goes_on_with_the_same_numbers() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    assert [a for a in it.actions if isinstance(a, Save)], "it is on record before it leaves"
    it = it.restart()
    assert raw(it.wait(600), "INVITE")
    it.peer(from_bob(second, 200, body=OFFER))
    ack = first_request(it.span(span_request("ACK")), "peer")
    assert ack.cseq == second.cseq
    it = it.restart()
    bye = first_request(it.span(span_request("BYE", cseq=101)), "peer")
    assert bye.cseq == second.cseq + 1


def test_the_bye_of_a_lost_span_is_answered_for_too() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    it.peer(from_bob(second, 200, body=OFFER))
    it.span(span_request("ACK"))
    it.take()
    bye = only(requests(it.put(Discarded([LEG]))))
    assert (bye.method, bye.cseq) == ("BYE", second.cseq + 1)
    again = only(requests(it.peer(challenge(bye))))
    assert (again.method, again.cseq) == ("BYE", bye.cseq + 1)
    assert credentials_of(raw(it.actions, "BYE"))["uri"] == str(bye.uri)
    it.peer(from_bob(again, 200))
    assert it.door.figures()["dialogs"] == 0


def test_a_lost_span_in_the_second_try_is_cancelled_by_its_number() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    it.peer(from_bob(second, 180))
    it.take()
    cancel = only(requests(it.put(SpanLost(next(iter(it.spans))))))
    assert (cancel.method, cancel.cseq, cancel.vias[0].branch) == ("CANCEL", second.cseq, second.vias[0].branch)
    ack = only(requests(it.peer(from_bob(second, 487))))
    assert (ack.cseq, ack.vias[0].branch) == (second.cseq, second.vias[0].branch)


def test_no_secret_is_in_the_record() -> None:
    it = world()
    challenged(it, dialled(it), "INVITE")
    assert PASSWORD not in repr(it.door.record(LEG))
    assert PASSWORD.encode() not in msgspec.msgpack.encode(it.door.record(LEG))


def test_tcp_needs_no_repeats() -> None:
    it = world(transport="tcp")
    challenged_flow = Flow("tcp", Address(TRUNK_HOST, PEER.address.port), 3)
    first = dialled(it)
    actions = it.peer(challenge(first), challenged_flow)
    assert [one.method for one in requests(actions)] == ["ACK", "INVITE"]
    assert not requests(it.wait(10_000))


def test_what_front_asks_in_a_call_that_lost_its_span_is_challenged_as_well() -> None:
    it = world()
    second = challenged(it, dialled(it), "INVITE")
    it.peer(from_bob(second, 200, body=OFFER))
    it.span(span_request("ACK"))
    it.put(SpanLost(SPAN))
    info = first_request(it.put(SendKeys(CommandId("c:1:1"), LEG, Private("5"), 100)), "peer")
    assert info.cseq == second.cseq + 1
    sent = challenged(it, info, "INFO", status=401)
    assert (sent.cseq, sent.body) == (info.cseq + 1, info.body)
    it.peer(from_bob(sent, 200))
    assert not requests(it.wait(40_000))
    bye = first_request(it.put(HangUp(LEG, "")), "peer")
    assert bye.cseq == sent.cseq + 1
    sent = challenged(it, bye, "BYE", status=401)
    it.peer(from_bob(sent, 200))
    assert it.door.figures()["dialogs"] == 0
