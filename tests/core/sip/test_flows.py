"""Calls through the relay, message by message."""

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import (
    AcceptCalls,
    Bury,
    Drop,
    Flow,
    Forget,
    Locate,
    Located,
    Place,
    Release,
    Reserve,
    Save,
    SpanLost,
    Tell,
    Undelivered,
)
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.reservations import Reservation
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.ids import Incarnation, LegId
from edge.vocabulary.media import Address, KeyTones
from edge.vocabulary.reports import (
    InfoDigit,
    LegEnded,
    LegIncoming,
    LegMedia,
    SpanRefused,
    SpanReserved,
    TransferRefused,
)
from edge.vocabulary.supervision import WantSpans
from tests.core.sip.steps import (
    LEG,
    dialled,
    first_request,
    from_bob,
    in_dialog_of_span,
    only,
    span_invite,
    span_request,
    world_with,
)
from tests.core.sip.world import (
    PEER,
    SPAN_SDP,
    STRANGER,
    TRUNK,
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

# --- incoming -------------------------------------------------------------------------------------------------------


def test_incoming_call_from_invite_to_bye() -> None:
    world = World()
    actions = world.peer(invite(record_routes=[NameAddr(Uri("sip", "", TRUNK_HOST, 0, (("lr", None),)))]))
    assert statuses(actions) == [100]
    report = reports(actions)[0]
    assert isinstance(report, LegIncoming)
    assert report.remote is not None
    assert (report.remote.rtp, report.remote.codec) == (Address(TRUNK_HOST, 4000), "PCMU")
    inner = first_request(actions)
    assert inner.uri.user == report.leg
    assert inner.from_.uri == Uri("sip", "peer", "127.0.0.9")
    text = serialise(inner).decode()
    for secret in ("alice", "trunk.example", TRUNK_HOST, "4711", "Record-Route"):
        assert secret not in text
    assert b"m=audio 40000 RTP/AVP 0 101" in inner.body

    assert world.span(answer(inner, 100))
    assert not statuses(world.actions)
    assert statuses(world.span(answer(inner, 180))) == [180]
    ok = only(to_peer(world.span(answer(inner, 200, body=SPAN_SDP))))
    assert isinstance(ok, Response)
    assert ok.contact is not None
    assert str(ok.contact.uri) == "sip:edge@192.0.2.1:5060"
    assert [str(r.uri) for r in ok.record_routes] == [f"sip:{TRUNK_HOST};lr"]
    assert [v.branch for v in ok.vias] == ["z9hG4bKcall-1"]
    assert b"c=IN IP4 192.0.2.1" in ok.body
    assert b"m=audio 16384 RTP/AVP 0 101" in ok.body
    for secret in (b"127.0.0", b"pjmedia", b"X-Edge"):
        assert secret not in serialise(ok)

    ack = only(to_span(world.peer(in_dialog("ACK", cseq=1))))
    assert ack.method == "ACK"
    bye = first_request(world.peer(in_dialog("BYE")))
    actions = world.span(answer(bye, 200))
    assert statuses(actions) == [200]
    assert any(isinstance(a, Bury) for a in actions)
    assert world.door.figures()["free_slots"] == 4


def test_span_hangs_up() -> None:
    world = World()
    inner = answered(world)
    bye = in_dialog_of_span("BYE", inner)
    sent = only(to_peer(world.span(bye)))
    assert isinstance(sent, Request)
    assert (str(sent.uri), sent.from_.tag, sent.to.tag) == (f"sip:alice@{TRUNK_HOST}:5061", "span-tag", "peer-tag")
    assert str(sent.from_.uri) == "sip:4711@192.0.2.1"
    assert [v.host for v in sent.vias] == ["192.0.2.1"]
    back = only(to_span(world.peer(answer(sent, 200))))
    assert isinstance(back, Response)
    assert [v.branch for v in back.vias] == ["z9hG4bKspanBYE1"]
    assert world.door.figures()["dialogs"] == 0


def test_route_set_is_used_and_strict_routers_are_served() -> None:
    world = World()
    loose = NameAddr(Uri("sip", "", "198.51.100.8", 5070, (("lr", None),)))
    strict = NameAddr(Uri("sip", "", "198.51.100.8", 5071))
    for call, route in (("call-1", loose), ("call-2", strict)):
        inner = first_request(world.peer(invite(call, record_routes=[route])))
        world.span(answer(inner, 200, body=SPAN_SDP))
        world.peer(in_dialog("ACK", cseq=1, call=call))
        actions = world.span(in_dialog_of_span("BYE", inner))
        sent = only(to_peer(actions))
        assert isinstance(sent, Request)
        if route is loose:
            assert str(sent.uri) == f"sip:alice@{TRUNK_HOST}:5061"
            assert [str(r.uri) for r in sent.routes] == ["sip:198.51.100.8:5070;lr"]
        else:
            assert str(sent.uri) == "sip:198.51.100.8:5071"
            assert [str(r.uri) for r in sent.routes] == [f"sip:alice@{TRUNK_HOST}:5061"]
        flow = next(a.flow for a in actions if hasattr(a, "flow"))
        assert flow.address == Address("198.51.100.8", 5070 if route is loose else 5071)


def test_contact_of_a_third_party_is_not_sent_to() -> None:
    world = World()
    inner = first_request(world.peer(invite(contact=NameAddr(Uri("sip", "x", "203.0.113.66")))))
    world.span(answer(inner, 200, body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1, contact=None))
    actions = world.span(in_dialog_of_span("BYE", inner))
    assert [a.flow for a in actions if hasattr(a, "flow")] == [PEER]


def test_cancel() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    world.span(answer(inner, 180))
    cancel = invite(body=b"")
    cancel.method, cancel.contact = "CANCEL", None
    passed = first_request(world.peer(cancel))
    assert (passed.method, passed.vias) == ("CANCEL", inner.vias)
    assert statuses(world.span(answer(passed, 200))) == [200]
    assert statuses(world.span(answer(inner, 487))) == [487]
    ack = in_dialog("ACK", cseq=1, branch="z9hG4bKcall-1")
    assert first_request(world.peer(ack)).vias == inner.vias
    assert world.door.figures()["dialogs"] == 0


def test_wrong_cancel_is_answered_481() -> None:
    world = World()
    world.peer(invite())
    for change in ({"branch": "z9hG4bKother"}, {"cseq": 2}, {"call": "call-9"}):
        cancel = invite(**{"body": b"", **change})
        cancel.method = "CANCEL"
        assert statuses(world.peer(cancel)) == [481]


def test_refusal_frees_the_slot_and_is_repeated_from_the_tombstone() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    refusal = answer(inner, 486)
    refusal.extras["Reason"] = 'Q.850;cause=17;text="User busy"'
    sent = only(to_peer(world.span(refusal)))
    assert sent.extras == {"Reason": 'Q.850;cause=17;text="User busy"'}
    assert world.door.figures()["free_slots"] == 4
    world.peer(in_dialog("ACK", cseq=1, branch="z9hG4bKcall-1"))
    repeated = only(to_peer(world.peer(invite())))
    assert isinstance(repeated, Response)
    assert (repeated.status, repeated.to.tag) == (486, "span-tag")
    assert not reports(world.actions)


# --- repeats --------------------------------------------------------------------------------------------------------


def test_repeated_invite_never_makes_a_second_call() -> None:
    world = World(spans=2)
    actions = world.peer(invite())
    inner = first_request(actions)
    for _ in range(3):
        again = world.peer(invite())
        assert statuses(again) == [100]
        assert not reports(again)
        assert not to_span(again)
    world.span(answer(inner, 200, body=SPAN_SDP))
    assert statuses(world.peer(invite())) == [200]
    world.peer(in_dialog("ACK", cseq=1))
    again = world.peer(invite())
    assert statuses(again) == [200]
    assert not to_span(again)
    bye = first_request(world.peer(in_dialog("BYE")))
    world.span(answer(bye, 200))
    world.wait(31_000)
    again = world.peer(invite())
    assert not to_peer(again)
    assert not to_span(again)
    assert not reports(again)
    assert any(isinstance(a, Forget) for a in world.wait(2_000))
    assert isinstance(reports(world.peer(invite()))[0], LegIncoming)


def test_repeated_invite_after_a_restart_finds_its_span() -> None:
    world = World(spans=2)
    inner = first_request(world.peer(invite()))
    world.restart()
    again = world.peer(invite())
    assert statuses(again) == [100]
    assert not reports(again)
    assert to_span(world.wait(600)) == [inner]
    assert statuses(world.span(answer(inner, 200, body=SPAN_SDP))) == [200]
    world.restart()
    assert statuses(world.peer(invite())) == [200]
    assert first_request(world.peer(in_dialog("ACK", cseq=1))).method == "ACK"
    world.restart()
    bye = first_request(world.peer(in_dialog("BYE")))
    assert statuses(world.span(answer(bye, 200))) == [200]
    world.restart()
    assert not world.peer(invite()) or not reports(world.actions)
    assert statuses(world.peer(in_dialog("BYE"))) == [200]


def test_merged_request_is_refused() -> None:
    world = World()
    world.peer(invite())
    assert statuses(world.peer(invite(branch="z9hG4bKother-path"))) == [482]


def test_repeated_bye_gets_its_200_again() -> None:
    world = World()
    answered(world)
    bye = first_request(world.peer(in_dialog("BYE")))
    world.span(answer(bye, 200))
    assert statuses(world.peer(in_dialog("BYE"))) == [200]
    assert statuses(world.peer(in_dialog("UPDATE", cseq=3))) == [481]


# --- what spans never see


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("REGISTER", 405),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("SUBSCRIBE", 489),
        ("NOTIFY", 489),
        ("REFER", 603),
        ("BYE", 481),
        ("INFO", 481),
        ("UPDATE", 481),
        ("FROBNICATE", 501),
    ],
)
def test_answered_by_front(method: str, status: int) -> None:
    world = World()
    request = invite(body=b"")
    request.method = method
    actions = world.peer(request)
    assert statuses(actions) == [status]
    assert not to_span(actions)
    if status in (200, 405, 489, 501):
        assert "INVITE" in to_peer(actions)[0].extras["Allow"]


@pytest.mark.parametrize("method", ["REFER", "MESSAGE", "NOTIFY", "OPTIONS"])
def test_answered_by_front_inside_a_dialog(method: str) -> None:
    world = World()
    answered(world)
    actions = world.peer(in_dialog(method))
    assert statuses(actions)[0] in (200, 405, 481, 489, 603)
    assert not to_span(actions)


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"extras": {"Require": "gold"}}, 420, "extension"),
        ({"max_forwards": 0}, 483, "hops"),
        ({"contact": None}, 400, "grammar"),
        ({"content_type": "multipart/mixed"}, 415, "media_type"),
        ({"extras": {"Content-Encoding": "gzip"}}, 415, "media_type"),
        ({"uri": Uri("sips", "4711", "192.0.2.1")}, 416, "scheme"),
        ({"uri": Uri("sip", "", "192.0.2.1")}, 484, "address"),
        ({"body": offer(payloads="9 18")}, 488, "media"),
        ({"body": offer(port=0)}, 488, "media"),
        ({"body": b"v=0\r\nhello"}, 400, "media"),
        ({"vias": [Via("UDP", "192.0.2.1", 5060, (("branch", "z9hG4bKloop"),))]}, 482, "loop"),
    ],
)
def test_new_call_refused(change: dict, status: int, why: str) -> None:
    world = World()
    actions = world.peer(invite(**change))
    assert statuses(actions) == [status]
    assert ("call_refused", why) in counts(actions)
    assert not to_span(actions)
    assert not reports(actions)
    # The ACK of a refusal that nobody remembers is absorbed.
    assert not to_peer(world.peer(in_dialog("ACK", cseq=1, tag=to_peer(actions)[0].to.tag)))


def test_unknown_extension_is_named() -> None:
    refusal = to_peer(World().peer(invite(extras={"Require": "100rel, gold, silver"})))[0]
    assert refusal.extras["Unsupported"] == "gold, silver"


def test_stranger_gets_nothing() -> None:
    world = World()
    for message in (invite(), in_dialog("BYE"), b"\r\n\r\n", b"OPTIONS sip:x SIP/2.0\r\n\r\n", b"junk"):
        actions = world.peer(message, STRANGER)
        assert not to_peer(actions)
        assert not to_span(actions)
        assert counts(actions) == [("dropped", "stranger")]


def test_right_tags_from_elsewhere_are_refused() -> None:
    world = World(trunks=(World().settings.trunks[0], other_trunk()))
    answered(world)
    elsewhere = Flow("udp", Address("203.0.113.50", 5060))
    assert statuses(world.peer(in_dialog("BYE"), elsewhere)) == [481]
    assert first_request(world.peer(in_dialog("BYE"))).method == "BYE"


def other_trunk() -> object:
    from edge.core.sip.trunks import Trunk

    return Trunk(name="other", sources=("203.0.113.50",))


def test_wrong_tags_and_old_cseq() -> None:
    world = World()
    answered(world)
    assert statuses(world.peer(in_dialog("BYE", tag="guess"))) == [481]
    wrong = in_dialog("BYE")
    wrong.from_ = wrong.from_.with_tag("guess")
    assert statuses(world.peer(wrong)) == [481]
    assert statuses(world.peer(in_dialog("INFO", cseq=5, content_type="application/dtmf", body=b"5"))) == [200]
    assert statuses(world.peer(in_dialog("BYE", cseq=4))) == [500]


def test_malformed_is_answered_and_responses_never() -> None:
    world = World()
    broken = serialise(invite()).replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE")
    assert statuses(world.peer(broken)) == [400]
    assert not to_peer(world.peer(serialise(answer(invite(), 200)).replace(b"CSeq: 1", b"CSeq: x")))


# --- room -----------------------------------------------------------------------------------------------------------


def test_spans_are_filled_and_then_there_is_no_room() -> None:
    world = World(spans=2)
    used, asked = [], []
    for number in range(9):
        actions = world.peer(invite(f"call-{number}"))
        used += [a.port for a in actions if hasattr(a, "port")]
        asked += [a.count for a in actions if isinstance(a, WantSpans)]
    assert used == [7001] * 4 + [7002] * 4
    refusal = to_peer(actions)[0]
    assert refusal.status == 503
    assert refusal.extras["Retry-After"] == "1"
    assert asked == [3], "one more span was asked for when the last one was no longer free"


def test_a_trunk_above_its_rate_gets_503() -> None:
    world = World(spans=10, calls_per_second=3)
    assert [statuses(world.peer(invite(f"call-{n}")))[0] for n in range(4)] == [100, 100, 100, 503]
    world.wait(1001)
    assert statuses(world.peer(invite("call-9")))[0] == 100


@pytest.mark.parametrize("why", ["switch_down", "not_ready", "draining"])
def test_closed_door(why: str) -> None:
    world = World()
    answered(world)
    world.put(AcceptCalls(why, False))  # type: ignore[arg-type]
    actions = world.peer(invite("call-2"))
    assert statuses(actions) == [503]
    assert ("call_refused", why) in counts(actions)
    # What is up goes on.
    assert first_request(world.peer(in_dialog("BYE"))).method == "BYE"
    world.put(AcceptCalls(why, True))  # type: ignore[arg-type]
    assert statuses(world.peer(invite("call-3"))) == [100]


# --- offer and answer -------------------------------------------------------------------------------------------------


def test_rejected_lines_keep_their_places() -> None:
    world = World()
    body = offer(before="m=video 5000 RTP/AVP 31\r\n", after="m=image 5002 udptl t38\r\n")
    inner = first_request(world.peer(invite(body=body)))
    assert b"video" not in inner.body
    assert b"image" not in inner.body
    ok = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))[0]
    lines = [line for line in ok.body.decode().split("\r\n") if line.startswith("m=")]
    assert lines == ["m=video 0 RTP/AVP 31", "m=audio 16384 RTP/AVP 0 101", "m=image 0 udptl t38"]


def test_early_media_and_the_200_say_the_same() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    early = to_peer(world.span(answer(inner, 183, body=SPAN_SDP)))[0]
    final = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))[0]
    assert early.body == final.body != b""


def test_missing_media_address_is_never_guessed() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    actions = world.span(answer(inner, 200, body=SPAN_SDP, media=""))
    assert statuses(actions) == [500]
    assert ("fault", "no_media_address") in counts(actions)
    assert [m.method for m in to_span(actions)] == ["ACK", "BYE"]


def reinvite(cseq: int = 2, **of: object) -> Request:
    return in_dialog("INVITE", cseq=cseq, content_type="application/sdp", body=offer(**of))  # type: ignore[arg-type]


def test_hold_and_resume_by_the_peer() -> None:
    world = World()
    answered(world)
    actions = world.peer(reinvite(direction="sendonly"))
    facts = reports(actions)
    assert [type(r) for r in facts] == [LegMedia]
    assert facts[0].remote.direction == "sendonly"
    ok = to_peer(actions)[0]
    assert b"a=recvonly" in ok.body
    assert b"o=edge " in ok.body
    assert [type(a).__name__ for a in actions].index("Tell") < [type(a).__name__ for a in actions].index("ToPeer")
    assert not to_span(actions), "front answers it itself"
    first = int(ok.body.split(b"o=edge ")[1].split()[1])
    world.peer(in_dialog("ACK", cseq=2))
    # The hold of RFC 2543: an address where nothing may be sent.
    actions = world.peer(reinvite(3, connection="0.0.0.0"))
    assert statuses(actions) == [200]
    assert not reports(actions), "the same facts again are not reported"
    world.peer(in_dialog("ACK", cseq=3))
    actions = world.peer(reinvite(4, port=4100))
    facts = reports(actions)
    assert facts[0].remote.rtp == Address(TRUNK_HOST, 4100)
    assert facts[0].remote.direction == "sendrecv"
    assert int(to_peer(actions)[0].body.split(b"o=edge ")[1].split()[1]) > first


def test_the_answer_to_a_reinvite_is_repeated_until_its_ack() -> None:
    world = World()
    answered(world)
    first = to_peer(world.peer(reinvite()))
    assert to_peer(world.wait(1600)) == first * 2
    assert to_peer(world.peer(reinvite())) == first, "a repeat gets the same answer"
    world.peer(in_dialog("ACK", cseq=2))
    assert not world.wait(40_000)


def test_a_reinvite_without_ack_ends_the_call() -> None:
    world = World()
    answered(world)
    world.peer(reinvite())
    actions = world.wait(32_001)
    assert [m.method for m in to_peer(actions) if isinstance(m, Request)][:1] == ["BYE"]
    assert [m.method for m in to_span(actions) if isinstance(m, Request)][:1] == ["BYE"]
    (ended,) = reports(actions)
    assert (ended.end.outcome, ended.end.sip_code) == ("failed", 408)


def test_a_reinvite_and_its_answer_survive_a_kill() -> None:
    world = World()
    answered(world)
    first = to_peer(world.peer(reinvite()))
    world.restart()
    assert to_peer(world.peer(reinvite())) == first
    assert to_peer(world.wait(600)) == first
    world.peer(in_dialog("ACK", cseq=2))
    assert not world.wait(40_000)


def test_refused_reinvite_changes_nothing() -> None:
    world = World()
    answered(world)
    assert statuses(world.peer(reinvite(payloads="18"))) == [488]
    assert not reports(world.actions)
    assert not world.peer(in_dialog("ACK", cseq=2, branch="z9hG4bKcall-1INVITE2"))
    plain = in_dialog("INVITE", cseq=3, content_type="text/plain", body=b"x")
    assert statuses(world.peer(plain)) == [415]
    assert world.door.figures()["dialogs"] == 1


def test_an_invite_inside_an_early_dialog_is_too_early() -> None:
    world = World()
    world.span(answer(first_request(world.peer(invite())), 180))
    actions = world.peer(reinvite())
    assert statuses(actions) == [500]
    assert to_peer(actions)[0].extras["Retry-After"]
    assert not to_span(actions)


def test_update_with_offer() -> None:
    world = World()
    answered(world)
    actions = world.peer(in_dialog("UPDATE", content_type="application/sdp", body=offer(port=4200)))
    assert statuses(actions) == [200]
    assert reports(actions)[0].remote.rtp.port == 4200
    assert b"m=audio 16384" in to_peer(actions)[0].body
    assert statuses(world.peer(in_dialog("UPDATE", cseq=3))) == [200]
    assert not world.wait(40_000)


def test_an_early_update_is_the_spans() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    world.span(answer(inner, 183, body=SPAN_SDP))
    update = in_dialog("UPDATE", content_type="application/sdp", body=offer(port=4200))
    actions = world.span(answer(first_request(world.peer(update)), 200, body=SPAN_SDP))
    assert statuses(actions) == [200]
    assert reports(actions)[0].remote.rtp.port == 4200


def test_a_reinvite_without_a_description_is_offered_ours() -> None:
    world = World()
    answered(world)
    ok = to_peer(world.peer(in_dialog("INVITE")))[0]
    assert b"m=audio 16384 RTP/AVP 0 101" in ok.body
    # Until our offer is answered there may be no other (RFC 3261 section 14.2, RFC 3311 section 5.2).
    assert statuses(world.peer(reinvite(3))) == [491]
    assert statuses(world.peer(in_dialog("UPDATE", cseq=4, content_type="application/sdp", body=offer()))) == [491]
    actions = world.peer(in_dialog("ACK", cseq=2, content_type="application/sdp", body=offer(port=4300)))
    assert reports(actions)[0].remote.rtp.port == 4300
    assert not to_span(actions)
    ok = to_peer(world.peer(in_dialog("INVITE", cseq=5)))[0]
    actions = world.peer(in_dialog("ACK", cseq=5))
    assert ("refused", "answer") in counts(actions)
    assert world.door.figures()["dialogs"] == 1, "the session stays as it was"


def test_late_offer() -> None:
    world = World()
    actions = world.peer(invite(body=b""))
    assert reports(actions)[0].remote is None
    inner = first_request(actions)
    assert inner.body == b""
    ok = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))[0]
    assert b"m=audio 16384 RTP/AVP 0 8 13 101" in ok.body
    ack = in_dialog("ACK", cseq=1, content_type="application/sdp", body=offer(payloads="8 101"))
    actions = world.peer(ack)
    assert reports(actions)[0].remote.codec == "PCMA"
    passed = first_request(actions)
    # The span offered telephone-event as 120, so its answer says 120, whatever the peer was told.
    assert b"RTP/AVP 0 120" in passed.body


def test_late_offer_without_an_answer_ends_both_sides() -> None:
    world = World()
    inner = first_request(world.peer(invite(body=b"")))
    world.span(answer(inner, 200, body=SPAN_SDP))
    actions = world.peer(in_dialog("ACK", cseq=1))
    assert [m.method for m in to_span(actions)] == ["ACK", "BYE"]
    assert [m.method for m in to_peer(actions)] == ["BYE"]
    assert reports(actions)[0].end.outcome == "media_lost"


def test_hold_by_the_span() -> None:
    world = World()
    inner = answered(world)
    hold = in_dialog_of_span("INVITE", inner, body=SPAN_SDP.replace(b"sendrecv", b"sendonly"))
    sent = first_request(world.span(hold), "peer")
    assert b"a=sendonly" in sent.body
    assert b"m=audio 16384 RTP/AVP 0 101" in sent.body
    contact = NameAddr(Uri("sip", "alice", TRUNK_HOST, 5061))
    actions = world.peer(answer(sent, 200, body=offer(direction="recvonly"), media="", contact=contact))
    back = to_span(actions)[0]
    assert isinstance(back, Response)
    assert b"a=recvonly" in back.body
    assert b"RTP/AVP 0 120" in back.body
    assert reports(actions)[0].remote.direction == "recvonly"
    ack = first_request(world.span(in_dialog_of_span("ACK", inner, branch="z9hG4bKspanack")), "peer")
    assert str(ack.uri) == f"sip:alice@{TRUNK_HOST}:5061"


def test_info_digit() -> None:
    world = World()
    answered(world)
    info = in_dialog(
        "INFO", content_type="application/dtmf-relay", body=b"Signal= 5 \r\nDuration= 160\r\nX-Evil: 1\r\n"
    )
    actions = world.peer(info)
    (digit,) = reports(actions)
    assert isinstance(digit, InfoDigit)
    assert (digit.digit.reveal(), digit.duration_ms, digit.at_ms) == ("5", 160, world.now_ms)
    assert statuses(actions) == [200]
    assert not to_span(actions)
    again = world.peer(info)
    assert statuses(again) == [200]
    assert not reports(again), "a repeat is no second key"
    actions = world.peer(in_dialog("INFO", cseq=3, content_type="text/plain", body=b"5"))
    assert statuses(actions) == [415]
    assert not reports(actions)
    assert statuses(world.peer(in_dialog("INFO", cseq=4))) == [200]


def test_a_peer_that_sends_bare_digits_gets_them() -> None:
    world = World()
    inner = answered(world)
    body = b"Signal=7\r\nDuration=160\r\n"
    asked = in_dialog_of_span("INFO", inner, cseq=1, content_type="application/dtmf-relay", body=body)
    sent = first_request(world.span(asked), "peer")
    assert (sent.content_type, sent.body) == ("application/dtmf-relay", body)
    world.peer(in_dialog("INFO", cseq=2, content_type="application/dtmf", body=b"5"))
    asked = in_dialog_of_span("INFO", inner, cseq=2, content_type="application/dtmf-relay", body=body)
    sent = first_request(world.span(asked), "peer")
    assert (sent.content_type, sent.body) == ("application/dtmf", b"7")


def test_what_the_trunk_says_of_digits_is_told_with_the_media() -> None:
    world = world_with(dtmf="info")
    actions = world.peer(invite())
    assert next(r for r in reports(actions) if isinstance(r, LegIncoming)).remote.dtmf == "info"


# --- outgoing -------------------------------------------------------------------------------------------------------


def test_outgoing_call_from_reservation_to_bye() -> None:
    world = World()
    sent = dialled(world)
    assert str(sent.uri) == f"sip:555@{TRUNK_HOST}:5061"
    assert str(sent.from_) == "<sip:100@192.0.2.1>;tag=own-tag"
    assert b"m=audio 16390 RTP/AVP 0 8 13 101" in sent.body
    assert b"c=IN IP4 192.0.2.1" in sent.body
    assert b"127.0.0.9" not in serialise(sent)
    assert b"X-Edge" not in serialise(sent)
    # Front repeats itself until it hears something, with the same words; the span has its 100 and need not.
    assert first_request(world.wait(500), "peer") == sent
    assert [m.status for m in to_span(world.span(span_invite()))] == [100]
    assert not to_peer(world.actions)

    assert [m.status for m in to_span(world.peer(from_bob(sent, 100)))] == [100]
    ringing = to_span(world.peer(from_bob(sent, 180)))[0]
    assert ringing.contact is not None
    assert ringing.contact.uri.host == "127.0.0.9"
    actions = world.peer(from_bob(sent, 200, body=offer(port=4500, payloads="8 101")))
    kinds = [type(a).__name__ for a in actions]
    assert kinds.index("Tell") < kinds.index("ToSpan")
    assert reports(actions)[0].remote.rtp.port == 4500
    ok = to_span(actions)[0]
    assert b"RTP/AVP 0 120" in ok.body
    assert TRUNK_HOST.encode() not in serialise(ok)
    ack = first_request(world.span(span_request("ACK")), "peer")
    assert (str(ack.uri), ack.to.tag) == (f"sip:bob@{TRUNK_HOST}:5090", "bob-tag")
    assert to_span(world.peer(from_bob(sent, 200, body=offer(port=4500, payloads="8 101")))), "a repeat is passed on"
    bye = first_request(world.span(span_request("BYE", cseq=101)), "peer")
    assert [m.status for m in to_span(world.peer(from_bob(bye, 200)))] == [200]
    assert world.door.figures() == {"dialogs": 0, "tombstones": 1, "spans": 1, "free_slots": 4, "adopted": 0}


@pytest.mark.parametrize(("status", "shown"), [(486, 486), (302, 480), (401, 403), (407, 403), (603, 603), (503, 503)])
def test_outgoing_refusal(status: int, shown: int) -> None:
    world = World()
    sent = dialled(world)
    refusal = from_bob(sent, status, contact=NameAddr(Uri("sip", "else", TRUNK_HOST)))
    back = to_span(world.peer(refusal))[0]
    assert isinstance(back, Response)
    assert back.status == shown
    assert back.extras.get("Reason") == (None if status == shown else f"SIP;cause={status}")
    assert back.contact is None
    ack = first_request(world.span(span_request("ACK", branch="z9hG4bKPjone")), "peer")
    assert (ack.vias, ack.uri, ack.to.tag) == (sent.vias, sent.uri, "bob-tag")
    assert world.door.figures()["free_slots"] == 4


def test_a_refusal_keeps_its_cause_beside_the_code_that_the_span_is_not_shown() -> None:
    world = World()
    sent = dialled(world)
    reason = 'SIP;cause=404, Q.850;cause=22;text="Number changed"'
    back = to_span(world.peer(from_bob(sent, 301, extras={"Reason": reason})))[0]
    assert back.extras["Reason"] == 'SIP;cause=301, Q.850;cause=22;text="Number changed"'


def test_outgoing_cancel() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 180))
    cancel = span_request("CANCEL", tag="", branch="z9hG4bKPjone")
    passed = first_request(world.span(cancel), "peer")
    assert (passed.vias, passed.uri, passed.to.tag, passed.cseq) == (sent.vias, sent.uri, "", sent.cseq)
    assert [m.status for m in to_span(world.peer(from_bob(passed, 200)))] == [200]
    assert [m.status for m in to_span(world.peer(from_bob(sent, 487)))] == [487]


def test_one_description_in_provisional_responses_and_one_tag() -> None:
    world = World()
    sent = dialled(world)
    first = to_span(world.peer(from_bob(sent, 183, tag="fork-a", body=offer(port=4500))))[0]
    second = to_span(world.peer(from_bob(sent, 183, tag="fork-b", body=offer(port=4600))))[0]
    final = to_span(world.peer(from_bob(sent, 200, tag="fork-b", body=offer(port=4600))))[0]
    assert first.body != b""
    assert second.body == b""
    assert final.body != b""
    assert {first.to.tag, second.to.tag, final.to.tag} == {"fork-a"}
    ack = first_request(world.span(span_request("ACK", tag="fork-a")), "peer")
    assert ack.to.tag == "fork-b"
    # The other branch answers, too: acknowledged and ended, and the call is unharmed.
    ended = to_peer(world.peer(from_bob(sent, 200, tag="fork-a", body=offer(port=4500))))
    assert [(m.method, m.to.tag) for m in ended] == [("ACK", "fork-a"), ("BYE", "fork-a")]
    assert first_request(world.span(span_request("BYE", tag="fork-a", cseq=101)), "peer").to.tag == "fork-b"


def test_early_answer_is_repeated_in_the_final_response() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 183, body=offer(port=4500)))
    assert b"RTP/AVP 0 120" in to_span(world.peer(from_bob(sent, 200)))[0].body


@pytest.mark.parametrize("body", [b"", b"v=0\r\nx", offer(payloads="9"), offer(port=0)])
def test_unusable_answer(body: bytes) -> None:
    world = World()
    sent = dialled(world)
    actions = world.peer(from_bob(sent, 200, body=body))
    assert [m.status for m in to_span(actions)] == [488]
    assert [m.method for m in to_peer(actions)] == ["ACK", "BYE"]
    bye = to_peer(actions)[1]
    assert bye.cseq == sent.cseq + 1
    world.peer(from_bob(bye, 200))
    assert world.door.figures()["dialogs"] == 0


def test_reservations() -> None:
    world = World()
    assert isinstance(reports(world.put(Reserve(LEG, "555", "none", "100")))[0], SpanRefused)
    assert isinstance(reports(world.put(Reserve(LEG, "mailto:x", "", "100")))[0], SpanRefused)
    assert isinstance(reports(world.put(Reserve(LEG, "sip:[]", "", "100")))[0], SpanRefused)
    for number in range(4):
        world.put(Reserve(LegId(f"c{number}.2"), "555", "main", "100"))
    full = reports(world.put(Reserve(LEG, "555", "main", "100")))[0]
    assert isinstance(full, SpanRefused)
    assert full.end.outcome == "no_room"
    world.put(Release(LegId("c0.2")))
    assert isinstance(reports(world.put(Reserve(LEG, "555", "main", "100")))[0], SpanReserved)
    world.wait(5_001)
    assert world.door.figures()["free_slots"] == 4
    assert [m.status for m in to_span(world.span(span_invite()))] == [503]


def test_a_uri_belongs_to_the_trunk_that_has_its_host() -> None:
    tones = KeyTones(inband="auto", min_tone_ms=60)
    world = world_with(key_tones=tones)
    (told,) = reports(world.put(Reserve(LEG, f"sip:555@{TRUNK_HOST}:5061", "", "100")))
    assert (type(told), told.trunk) == (SpanReserved, "main")
    assert [r.trunk for r in reports(world.put(Reserve(LEG, f"sip:555@{TRUNK_HOST}:5061", "", "100")))] == ["main"]
    sent = first_request(world.span(span_invite()), "peer")
    answered = world.peer(from_bob(sent, 200, body=offer(port=4500, payloads="8 101")))
    assert reports(answered)[0].remote.key_tones == tones


def test_a_uri_that_belongs_to_no_trunk() -> None:
    world = World()
    world.door.replace_trunks((TRUNK,), KeyTones(inband="never"))
    (told,) = reports(world.put(Reserve(LEG, "sip:bob@203.0.113.20", "", "100")))
    assert (type(told), told.trunk) == (SpanReserved, "")
    sent = first_request(world.span(span_invite()), "peer")
    flow = Flow("udp", Address("203.0.113.20", 5060))
    told = reports(world.peer(from_bob(sent, 200, body=offer(port=4500, payloads="8")), flow))[0]
    assert told.remote.key_tones == KeyTones(inband="never")


def test_target_by_name() -> None:
    world = World()
    actions = world.put(Reserve(LEG, "sip:bob@pbx.example;transport=tcp", "", "100"))
    assert [a.places for a in actions if isinstance(a, Locate)] == [(Place("pbx.example", 0, "tcp"),)]
    assert isinstance(reports(world.put(Located(LEG, ((Address("203.0.113.20", 5060),),))))[0], SpanReserved)
    actions = world.span(span_invite())
    flow = next(a.flow for a in actions if hasattr(a, "flow"))
    assert (flow.transport, flow.address) == ("tcp", Address("203.0.113.20", 5060))
    assert [m.status for m in to_span(actions)] == [100]
    # A host that we dialled may answer, though no trunk names it; it may not call.
    sent = first_request(actions, "peer")
    assert to_span(world.peer(answer(sent, 180, media=""), flow))
    assert not to_peer(world.peer(invite("call-7"), flow))


def test_lookup_that_never_comes() -> None:
    world = World()
    world.put(Reserve(LEG, "sip:bob@pbx.example", "", "100"))
    refused = reports(world.wait(2_501))
    assert isinstance(refused[0], SpanRefused)
    assert refused[0].end.outcome == "unreachable"
    assert not reports(world.put(Located(LEG, ((Address("203.0.113.20", 5060),),))))


def test_connection_refused() -> None:
    world = World()
    world.put(Reserve(LEG, "sip:bob@203.0.113.20;transport=tcp", "", "100"))
    world.span(span_invite())
    actions = world.put(Undelivered(Address("203.0.113.20", 5060)))
    assert [m.status for m in to_span(actions)] == [503]
    assert world.door.figures()["free_slots"] == 4


def test_stray_responses_are_dropped() -> None:
    world = World()
    sent = dialled(world)
    stray = [
        from_bob(sent, 200, call_id="other"),
        from_bob(sent, 200, vias=[*sent.vias, *sent.vias]),
        from_bob(sent, 200, vias=[Via("UDP", "192.0.2.1", 5060, (("branch", "z9hG4bKguess"),))]),
        from_bob(sent, 200, contact=None),
        from_bob(sent, 200, from_=sent.from_.with_tag("guess")),
        from_bob(sent, 200, cseq=99),
    ]
    for response in stray:
        actions = world.peer(response)
        assert not to_span(actions)
        assert counts(actions) == [("dropped", "stray_response")]


def test_nothing_of_a_hostile_answer_reaches_the_span() -> None:
    world = World()
    sent = dialled(world)
    for broken in (b"Contact: <sip:[]>", b"Record-Route: <sip:[];lr>", b"To: <sip:[]>;tag=x"):
        data = serialise(from_bob(sent, 200, body=offer()))
        name = broken.split(b":")[0]
        lines = [line for line in data.split(b"\r\n") if not line.startswith(name + b":")]
        assert not to_span(world.peer(b"\r\n".join([lines[0], broken, *lines[1:]])))


def test_what_the_core_sends_always_parses() -> None:
    world = World()
    inner = answered(world)
    for message in (serialise(inner),):
        assert parse(message) == inner


def test_a_503_of_a_span_says_when_to_try_again() -> None:
    """RFC 3261 section 20.33: switch had no slot; repeats of the INVITE hear the same."""
    world = World()
    inner = first_request(world.peer(invite()))
    refused = only(to_peer(world.span(answer(inner, 503))))
    assert (refused.status, refused.extras) == (503, {"Retry-After": "1"})
    world.peer(in_dialog("ACK", cseq=1, branch="z9hG4bKcall-1"))
    again = only(to_peer(world.peer(invite())))
    assert (again.status, again.extras) == (503, {"Retry-After": "1"})


def test_other_refusals_of_a_span_say_nothing_of_a_time() -> None:
    world = World()
    inner = first_request(world.peer(invite()))
    assert only(to_peer(world.span(answer(inner, 404)))).extras == {}


def test_a_reservation_survives_a_kill_with_the_time_that_it_has_left() -> None:
    world = World()
    world.put(Reserve(LEG, "555", "main", "100"))
    world.wait(2_000)
    world.restart()
    assert world.door.figures()["free_slots"] == 3
    assert [type(r) for r in reports(world.take())] == [SpanReserved], "switch may not have heard of it"
    sent = first_request(world.span(span_invite()), "peer")
    assert str(sent.uri) == f"sip:555@{TRUNK_HOST}:5061"
    world.restart()
    assert world.door.figures() == {"dialogs": 1, "tombstones": 0, "spans": 1, "free_slots": 3, "adopted": 0}
    assert reports(world.take()) == []


def test_a_reservation_lapses_after_a_kill_too() -> None:
    world = World()
    world.put(Reserve(LEG, "555", "main", "100"))
    world.wait(2_000)
    world.restart()
    world.wait(2_999)
    assert world.door.figures()["free_slots"] == 3
    assert Drop(LEG) in world.wait(1)
    assert world.door.figures()["free_slots"] == 4
    assert world.restart().door.figures()["free_slots"] == 4


def test_the_table_knows_a_reservation_before_switch_does_and_no_longer_than_it_lasts() -> None:
    world = World()
    actions = world.put(Reserve(LEG, "555", "main", "100"))
    assert [type(a) for a in actions if isinstance(a, Save | Tell)] == [Save, Tell]
    assert isinstance(world.door.record(LEG), Reservation)
    assert Drop(LEG) in world.put(Release(LEG))
    assert world.door.record(LEG) is None
    assert Drop(LEG) not in world.put(Release(LEG))
    world.put(Reserve(LEG, "555", "main", "100"))
    dumb = span_invite()
    dumb.extras = {}
    assert Drop(LEG) in world.span(dumb)
    assert world.door.record(LEG) is None


def test_a_reservation_whose_span_died_with_front() -> None:
    world = World()
    world.put(Reserve(LEG, "555", "main", "100"))
    world.spans.clear()
    world.restart()
    assert Drop(LEG) in world.actions
    assert [type(r) for r in reports(world.take())] == [SpanReserved, LegEnded]
    assert world.door.record(LEG) is None


def test_a_repeated_reserve_command_is_answered_again() -> None:
    """Its answer went down with the front that made it."""
    world = World()
    first = reports(world.put(Reserve(LEG, "555", "main", "100")))
    assert reports(world.put(Reserve(LEG, "555", "main", "100"))) == first
    assert world.door.figures()["free_slots"] == 3


# --- sent elsewhere ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", ["lives", "dies"])
def test_a_refer_is_refused_and_told_once(span: str) -> None:
    world = World()
    answered(world)
    if span == "dies":
        world.put(SpanLost(Incarnation("span-1")))
    refer = in_dialog("REFER", extras={"Refer-To": "<sip:0900123@evil.example;user=phone>"})
    actions = world.peer(refer)
    assert statuses(actions) == [603]
    (told,) = reports(actions)
    assert isinstance(told, TransferRefused)
    assert (told.by, told.target.reveal()) == ("refer", "sip:0900123@evil.example")
    assert ("refused", "refer") in counts(actions)
    assert not to_span(actions)
    again = world.peer(refer)
    assert statuses(again) == [603]
    assert not reports(again)
    assert world.door.figures()["dialogs"] == 1, "the call goes on"


def test_a_redirection_is_not_followed_and_told() -> None:
    world = World()
    sent = dialled(world)
    refusal = from_bob(sent, 302, contact=NameAddr(Uri("sip", "0900123", "evil.example", 5070)))
    actions = world.peer(refusal)
    (told,) = [r for r in reports(actions) if isinstance(r, TransferRefused)]
    assert (told.leg, told.by, told.target.reveal()) == (LEG, "redirect", "sip:0900123@evil.example:5070")
    assert not to_peer(actions)
    assert [m.status for m in to_span(actions)] == [480]


def test_who_began_a_call_may_end_it_when_no_trunk_has_its_host_any_more() -> None:
    world = World()
    answered(world)
    world.door.replace_trunks(())
    assert world.door.knows(TRUNK_HOST), "nothing of it is dropped on its way here"
    assert counts(world.peer(invite("another"))) == [("dropped", "stranger")], "it may end its call, and begin none"
    world.door.replace_trunks(())
    bye = first_request(world.peer(in_dialog("BYE")))
    assert statuses(world.span(answer(bye, 200))) == [200]
    assert not world.door.knows(TRUNK_HOST)


def test_who_began_a_call_may_end_it_without_a_trunk() -> None:
    world = World()
    answered(world)
    # A reload has taken the trunk away; the host is one of another's.
    world.door.replace_trunks((replace(TRUNK, name="other"),))
    elsewhere = Flow("udp", Address("198.51.100.8", 5060))
    assert to_span(world.peer(in_dialog("BYE"), elsewhere)) == []
    assert [message.method for message in to_span(world.peer(in_dialog("BYE")))] == ["BYE"]
