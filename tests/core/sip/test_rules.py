"""What the front door never lets through, rule by rule: towards spans all is parsed, bounded and written anew."""

import re

import pytest

from edge.core.sip.actions import ToPeer, ToSpan
from edge.core.sip.message import Malformed, Request, Response, serialise
from edge.core.sip.parser import (
    HEADER_LIMIT,
    HEADERS_LIMIT,
    MESSAGE_LIMIT,
    ROUTES_LIMIT,
    VIAS_LIMIT,
    parse,
)
from edge.core.sip.uri import ID_LIMIT, URI_LIMIT, Via
from edge.vocabulary.reports import LegIncoming
from tests.core.sip.steps import dialled, first_request, from_bob, span_request, taken, world_with
from tests.core.sip.world import (
    TRUNK_HOST,
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

#: Octets that a span is given at the most.
TO_SPAN_LIMIT = 3000
GOOD = serialise(invite("good"))
RESPONSE = serialise(answer(invite("good"), 200, body=offer(), media=""))


def with_line(data: bytes, line: bytes) -> bytes:
    return data.replace(b"\r\nMax-Forwards", b"\r\n" + line + b"\r\nMax-Forwards", 1) if b"Max-F" in data else (
        data.replace(b"\r\nCall-ID", b"\r\n" + line + b"\r\nCall-ID", 1)
    )  # fmt: skip


def value_of(data: bytes, header: bytes, value: bytes) -> bytes:
    """`data` with another value in a header that it has."""
    changed, count = re.subn(rb"\r\n" + header + rb": [^\r\n]*", lambda _: b"\r\n" + header + b": " + value, data)
    assert count == 1, header
    return changed


# --- 1: written anew ------------------------------------------------------------------------------------------------


def test_1_nothing_of_a_message_goes_on_but_what_is_known() -> None:
    marked = with_line(GOOD, b"X-Evil: evil-1\r\nSubject: evil-2\r\nUser-Agent: evil-3\r\nAlert-Info: <http://evil-4/>")
    marked = marked.replace(b"a=ptime:20", b"a=evil:5\r\na=ptime:20").replace(b"s=-", b"s=evil-6")
    marked = re.sub(
        rb"Content-Length: [0-9]+", lambda _: b"Content-Length: %d" % len(marked.split(b"\r\n\r\n", 1)[1]), marked
    )
    sent = [action.data for action in World().peer(marked) if isinstance(action, ToSpan)]
    assert len(sent) == 1
    assert b"evil" not in sent[0]
    assert sent[0] == serialise(first_request_of(sent[0]))


def first_request_of(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


# --- 2: limits ------------------------------------------------------------------------------------------------------


def sized(data: bytes, size: int) -> bytes:
    """`data` made that long by a body."""
    head = data.partition(b"\r\n\r\n")[0]
    head = re.sub(rb"Content-Length: [0-9]+", b"Content-Length: 0000", head)
    body = size - len(head) - 4
    return head.replace(b"Content-Length: 0000", b"Content-Length: %04d" % body) + b"\r\n\r\n" + b"v" * body


LIMITS = [
    ("message", sized(GOOD, MESSAGE_LIMIT), sized(GOOD, MESSAGE_LIMIT + 1), 513),
    ("headers", *(with_line(GOOD, b"\r\n".join([b"X-A: y"] * n)) for n in (
        HEADERS_LIMIT - GOOD.partition(b"\r\n\r\n")[0].count(b"\r\n"),
        HEADERS_LIMIT - GOOD.partition(b"\r\n\r\n")[0].count(b"\r\n") + 1)), 513),
    ("Via", *(with_line(GOOD, b"\r\n".join([b"Via: SIP/2.0/UDP a.example;branch=z9hG4bKx"] * n))
              for n in (VIAS_LIMIT - 1, VIAS_LIMIT)), 513),
    ("Via in one line", *(with_line(GOOD, b"Via: " + b", ".join([b"SIP/2.0/UDP a.example;branch=z9hG4bKx"] * n))
              for n in (VIAS_LIMIT - 1, VIAS_LIMIT)), 513),
    ("Record-Route", *(with_line(GOOD, b"\r\n".join([b"Record-Route: <sip:a.example;lr>"] * n))
              for n in (ROUTES_LIMIT, ROUTES_LIMIT + 1)), 513),
    ("header", *(with_line(GOOD, b"X-Long: " + b"x" * (n - 8)) for n in (HEADER_LIMIT, HEADER_LIMIT + 1)), 513),
    ("Request-URI", *(GOOD.replace(b"sip:4711@192.0.2.1:5060 ", b"sip:" + b"4" * (n - 14) + b"@192.0.2.1 ")
              for n in (URI_LIMIT, URI_LIMIT + 1)), 414),
    ("Contact URI", *(value_of(GOOD, b"Contact", b"<sip:" + b"4" * (n - 14) + b"@192.0.2.1>")
              for n in (URI_LIMIT, URI_LIMIT + 1)), 400),
    ("Call-ID", *(value_of(GOOD, b"Call-ID", b"c" * n) for n in (ID_LIMIT, ID_LIMIT + 1)), 400),
    ("tag", *(value_of(GOOD, b"From", b"<sip:a@b.example>;tag=" + b"t" * n) for n in (ID_LIMIT, ID_LIMIT + 1)), 400),
    ("branch", *(value_of(GOOD, b"Via", b"SIP/2.0/UDP a.example;branch=" + b"b" * n)
              for n in (ID_LIMIT, ID_LIMIT + 1)), 400),
    ("CSeq", value_of(GOOD, b"CSeq", b"2147483647 INVITE"), value_of(GOOD, b"CSeq", b"2147483648 INVITE"), 400),
    ("Max-Forwards", value_of(GOOD, b"Max-Forwards", b"255"), value_of(GOOD, b"Max-Forwards", b"256"), 400),
    ("long body length", GOOD + b"xx", value_of(GOOD, b"Content-Length", b"8000"), 400),
]  # fmt: skip


@pytest.mark.parametrize(("what", "longest", "longer", "status"), LIMITS, ids=[limit[0] for limit in LIMITS])
def test_2_limits(what: str, longest: bytes, longer: bytes, status: int) -> None:
    assert isinstance(parse(longest), Request), what
    broken = parse(longer)
    assert isinstance(broken, Malformed), what
    assert broken.status == status


@pytest.mark.parametrize(
    "header", [b"From", b"To", b"Call-ID", b"CSeq", b"Max-Forwards", b"Content-Type", b"Content-Length"]
)
@pytest.mark.parametrize("data", [GOOD, RESPONSE], ids=["request", "response"])
def test_2_one_value_of_what_has_one(data: bytes, header: bytes) -> None:
    match = re.search(rb"\r\n" + header + rb": ([^\r\n]*)", data)
    if match is None:
        assert header == b"Max-Forwards"
        return
    assert isinstance(parse(with_line(data, header + b": " + match[1])), Malformed)


def test_2_the_largest_message_that_is_taken_is_small_for_a_span() -> None:
    fill = b"r" * 900
    lines = [
        b'Reason: SIP;cause=200;text="' + fill + b'", Q.850;cause=16;text="x"',
        b"Supported: 100rel, timer" + b", x" * 30,
        b"Session-Expires: 4294967295;refresher=uac",
        b"Min-SE: 4294967295",
        *[b"Record-Route: <sip:%s.example;lr>" % (b"p" * 63)] * ROUTES_LIMIT,
    ]
    data = GOOD
    for line in lines:
        data = with_line(data, line)
    data = value_of(data, b"Call-ID", b"c" * ID_LIMIT)
    data = value_of(data, b"From", b'"' + b"d" * 600 + b'" <sip:' + b"4" * 200 + b"@a.example>;tag=" + b"t" * ID_LIMIT)
    body = offer(payloads=" ".join(map(str, range(120))), after="a=sendrecv\r\n" * 100)
    data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    data = re.sub(rb"Content-Length: [0-9]+", b"Content-Length: %d" % len(body), data)
    assert 5000 < len(data) < MESSAGE_LIMIT
    actions = World().peer(data)
    (sent,) = [action.data for action in actions if isinstance(action, ToSpan)] or [statuses(actions)]
    assert len(sent) <= TO_SPAN_LIMIT


# --- 3: URIs --------------------------------------------------------------------------------------------------------

#: Hosts that are none: the first of them ends the C stack.
BAD_HOSTS = [
    "[]",
    "",
    "[::1",
    "a..b",
    "-a.example",
    "256.1.1.1",
    "1.2.3",
    "a_b.example",
    "[1.2.3.4]",
    "a:0",
    "a:65536",
    "a:x",
]
FIELDS = [b"From", b"To", b"Contact", b"Route", b"Record-Route", b"P-Asserted-Identity", b"Refer-To"]


@pytest.mark.parametrize(
    "data", [GOOD, RESPONSE, serialise(in_dialog("BYE"))], ids=["request", "response", "in dialog"]
)
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_3_no_uri_without_a_host_anywhere(data: bytes, host: str) -> None:
    for field in FIELDS:
        value = f"<sip:k@{host}>".encode()
        if field in {b"From", b"To"}:
            value += b";tag=x"
        there = b"\r\n" + field + b": " in data
        broken = value_of(data, field, value) if there else with_line(data, field + b": " + value)
        parsed = parse(broken)
        if isinstance(parsed, Malformed):
            continue
        # Fields that nobody needs are dropped, and so is what is wrong with them.
        assert isinstance(parsed, Request | Response)
        assert field in {b"P-Asserted-Identity", b"Refer-To"}, (field, host)
        assert f"@{host}".encode() not in serialise(parsed) or not host, field


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_3_request_uri_and_via(host: str) -> None:
    assert isinstance(
        parse(GOOD.replace(b"INVITE sip:4711@192.0.2.1:5060", f"INVITE sip:4711@{host}".encode())), Malformed
    )
    via = f"SIP/2.0/UDP {host};branch=z9hG4bKx".encode()
    assert isinstance(parse(value_of(GOOD, b"Via", via)), Malformed)


@pytest.mark.parametrize(
    "uri", ["http://a.example/", "javascript:1", "isbn:123", "sip:", "sips:", "mailto:a@b.example", "<sip:a@b>"]
)
def test_3_schemes(uri: str) -> None:
    for field in (b"Contact", b"Route", b"Record-Route", b"From", b"To"):
        value = f"<{uri}>".encode() + (b";tag=1" if field in {b"From", b"To"} else b"")
        there = b"\r\n" + field + b": " in GOOD
        data = value_of(GOOD, field, value) if there else with_line(GOOD, field + b": " + value)
        assert isinstance(parse(data), Malformed)


def test_3_a_callee_cannot_bring_an_empty_host_to_a_span_either() -> None:
    world = World()
    sent = dialled(world)
    good = serialise(from_bob(sent, 200, body=offer()))
    for field, value in ((b"Contact", b"<sip:k@[]>"), (b"Record-Route", b"<sip:[];lr>"), (b"To", b"<sip:[]>;tag=x")):
        there = b"\r\n" + field + b": " in good
        evil = value_of(good, field, value) if there else with_line(good, field + b": " + value)
        assert to_span(world.peer(evil)) == []
    assert [m.status for m in to_span(world.peer(good)) if isinstance(m, Response)] == [200], "the honest one works"


# --- 4: methods -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("REGISTER", 405), ("SUBSCRIBE", 489), ("NOTIFY", 489), ("PUBLISH", 405), ("MESSAGE", 405),
     ("REFER", 603), ("NONSENSE", 501), ("UPDATE", 481), ("PRACK", 481), ("INFO", 481), ("BYE", 481), ("CANCEL", 481)],
)  # fmt: skip
def test_4_methods_outside_of_a_dialog_never_reach_a_span(method: str, status: int) -> None:
    request = invite("other", body=b"")
    request.method = method
    actions = World().peer(request)
    assert statuses(actions) == [status]
    assert to_span(actions) == []


@pytest.mark.parametrize("method", ["REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REGISTER", "NONSENSE"])
def test_4_nor_those_that_are_not_for_calls_inside_of_one(method: str) -> None:
    world = World()
    answered(world)
    assert to_span(world.peer(in_dialog(method))) == []


# --- 5: descriptions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        offer(after="a=ptime:100000\r\na=maxptime:1\r\n"),
        offer(after="a=candidate:1 1 UDP 1 10.0.0.1 1 typ host\r\na=ice-ufrag:" + "x" * 300 + "\r\n"),
        offer(payloads="0 8 101 97 98 99", after="a=rtpmap:65535 SPEEX/8000\r\na=rtpmap:97 SPEEX/8000\r\n"),
        offer(after="m=video 4002 RTP/AVP 31\r\nm=application 4004 RTP/AVP 99\r\n"),
        offer(before="b=AS:99999999999999\r\nk=clear:x\r\n"),
    ],
)
def test_5_a_span_gets_one_plain_description_whatever_was_offered(body: bytes) -> None:
    inner = first_request(World().peer(invite(body=body)))
    lines = inner.body.decode().split("\r\n")
    assert [line[:2] for line in lines if line.startswith("m=")] == ["m="]
    wanted = {
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    }
    assert {line for line in lines if line.startswith("a=")} - {"a=fmtp:101 0-15"} <= wanted
    assert len(inner.body) < 400


@pytest.mark.parametrize(
    "body",
    [
        b"v=0\r\n",
        b"\x00" * 50,
        offer(payloads="31"),
        offer(port=0),
        offer().replace(b"m=audio", b"m=video"),
        b"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nt=0 0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 100,
    ],
)
def test_5_without_usable_audio_there_is_no_call(body: bytes) -> None:
    actions = World().peer(invite(body=body))
    assert statuses(actions) == [488] or statuses(actions) == [400]
    assert to_span(actions) == []


def test_5_more_crypto_lines_than_anybody_needs_are_no_call() -> None:
    line = "a=crypto:{} AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
    body = offer(after="".join(line.format(n) for n in range(1, 10))).replace(b"RTP/AVP", b"RTP/SAVP")
    actions = world_with(srtp="optional", srtp_without_tls=True).peer(invite(body=body))
    assert statuses(actions) == [488]
    assert to_span(actions) == []


@pytest.mark.parametrize("kind", ["multipart/mixed", "application/pidf+xml", "text/plain", "message/sip"])
def test_5_other_bodies_never_reach_a_span(kind: str) -> None:
    request = invite(body=b"--x--")
    request.content_type = kind
    actions = World().peer(request)
    assert statuses(actions) == [415]
    assert to_span(actions) == []


# --- 7: repeats -----------------------------------------------------------------------------------------------------


def test_7_a_repeated_invite_is_never_a_second_call_also_after_its_end() -> None:
    world = World(spans=3)
    call = taken(world, offer())
    assert len([r for r in reports(call.actions) if isinstance(r, LegIncoming)]) == 1
    for moment in (0, 10_000):
        world.now_ms += moment
        again = world.peer(invite(body=offer()))
        assert not [r for r in reports(again) if isinstance(r, LegIncoming)]
        assert statuses(again) == [200]
    bye = first_request(world.peer(in_dialog("BYE")))
    world.span(answer(bye, 200))
    for _ in range(3):
        world.now_ms += 10_000
        assert not reports(world.peer(invite(body=offer())))


# --- 9: text --------------------------------------------------------------------------------------------------------


def test_9_what_is_told_of_a_caller_is_bounded_and_printable() -> None:
    name = "\u202egnp.exe\u2066 \u200bA" + "x" * 500
    data = value_of(GOOD, b"From", f'"{name}" <sip:alice@trunk.example>;tag=1'.encode())
    (told,) = [r for r in reports(World().peer(data)) if isinstance(r, LegIncoming)]
    shown = told.caller_name.reveal()
    assert len(shown) <= 64
    assert shown.isprintable()
    assert "\u202e" not in shown
    assert len(told.caller.reveal()) <= 64
    assert len(told.sip_call_id) <= ID_LIMIT


def test_9_no_line_can_be_put_into_an_answer() -> None:
    for evil in (b"a\rX: y", b"a\nX: y", b"a\r\nX: y\r\n z", b"a\x00b", b"a\x1b[2Jb"):
        for field in (b"Call-ID", b"To", b"From"):
            data = value_of(GOOD, field, b"<sip:a@b.example>;tag=" + evil if field != b"Call-ID" else evil)
            for message in to_peer_bytes(World(), data):
                assert b"\nX: y" not in message.replace(b"\r\n", b"|")
                assert b"\x00" not in message
                assert b"\x1b" not in message


def to_peer_bytes(world: World, data: bytes) -> list[bytes]:
    return [action.data for action in world.peer(data) if isinstance(action, ToPeer)]


def test_a_second_description_before_the_answer_is_kept_from_the_span() -> None:
    """Two provisional responses whose descriptions differ end the C stack."""
    world = World()
    sent = dialled(world)
    first = to_span(world.peer(from_bob(sent, 183, body=offer(port=4000))))
    second = to_span(world.peer(from_bob(sent, 183, body=offer(port=4444, payloads="8"))))
    assert [bool(m.body) for m in (*first, *second)] == [True, False]


def callees_request(sent: Request, method: str, cseq: int, branch: str) -> Request:
    assert sent.contact is not None
    return Request(
        method=method,
        uri=sent.contact.uri,
        vias=[Via("UDP", TRUNK_HOST, 5061, (("branch", f"z9hG4bK{branch}"), ("rport", None)))],
        max_forwards=70,
        from_=sent.to.with_tag("bob-tag"),
        to=sent.from_,
        call_id=sent.call_id,
        cseq=cseq,
    )


def test_a_callee_does_not_end_what_it_has_not_answered() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 183, body=offer()))
    early = world.peer(callees_request(sent, "BYE", 77, "early"))
    assert statuses(early) == [481]
    assert to_span(early) == []
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    assert [m.method for m in to_span(world.peer(callees_request(sent, "BYE", 77, "late")))] == ["BYE"]


def test_a_number_that_was_used_is_not_passed_on_again_but_a_repeat_is() -> None:
    """The stack would refuse a BYE with it, and go on with a call that front holds to be over."""
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 183, body=offer()))
    first = callees_request(sent, "UPDATE", 77, "one")
    assert [m.method for m in to_span(world.peer(first))] == ["UPDATE"]
    assert [m.method for m in to_span(world.peer(callees_request(sent, "UPDATE", 77, "one")))] == ["UPDATE"]
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    again = world.peer(callees_request(sent, "BYE", 77, "two"))
    assert statuses(again) == [500]
    assert to_span(again) == []
    assert [m.method for m in to_span(world.peer(callees_request(sent, "BYE", 78, "three")))] == ["BYE"]


def test_a_refusal_after_the_answer_ends_no_call() -> None:
    world = World()
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer()))
    world.span(span_request("ACK"))
    for status in (486, 183, 603):
        assert to_span(world.peer(from_bob(sent, status))) == []
    world.wait(60_000)
    assert [m.method for m in to_span(world.peer(callees_request(sent, "BYE", 78, "late")))] == ["BYE"]


def test_an_answer_after_the_refusal_is_no_call() -> None:
    world = World()
    sent = dialled(world)
    assert [m.status for m in to_span(world.peer(from_bob(sent, 486))) if isinstance(m, Response)] == [486]
    assert [m.status for m in to_span(world.peer(from_bob(sent, 486))) if isinstance(m, Response)] == [486], "a repeat"
    late = world.peer(from_bob(sent, 200, body=offer()))
    assert to_span(late) == []
    assert [m.method for m in to_peer(late) if isinstance(m, Request)] == ["ACK", "BYE"]
    assert to_span(world.peer(from_bob(sent, 180))) == []
