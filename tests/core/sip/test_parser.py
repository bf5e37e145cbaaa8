"""The grammar: what is taken, what is refused and how, and that nothing at all makes it raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sip.message import KeepAlive, Malformed, NotSip, Request, Response, answer_malformed, serialise
from edge.core.sip.parser import MESSAGE_LIMIT, parse
from edge.core.sip.stream import Frame, Lost, Ping, StreamReader
from edge.core.sip.uri import NameAddr, Uri, Via
from tests.core.sip.world import answer, invite

PLAIN = b"""INVITE sip:4711@192.0.2.1 SIP/2.0\r
Via: SIP/2.0/UDP 198.51.100.7:5061;branch=z9hG4bKabc;rport\r
Max-Forwards: 70\r
From: "A. Person" <sip:alice@trunk.example>;tag=1\r
To: sip:4711@192.0.2.1\r
Call-ID: abc@198.51.100.7\r
CSeq: 1 INVITE\r
Contact: <sip:alice@198.51.100.7:5061>\r
Content-Length: 0\r
\r
"""


def with_line(line: bytes, *, instead_of: bytes = b"") -> bytes:
    lines = [old for old in PLAIN.split(b"\r\n") if not (instead_of and old.startswith(instead_of + b":"))]
    return b"\r\n".join([lines[0], line, *lines[1:]])


def test_plain_message() -> None:
    message = parse(PLAIN)
    assert isinstance(message, Request)
    assert (message.method, message.uri.user, message.cseq, message.call_id) == (
        "INVITE",
        "4711",
        1,
        "abc@198.51.100.7",
    )
    assert message.from_ == NameAddr(Uri("sip", "alice", "trunk.example"), "A. Person", (("tag", "1"),))
    assert message.vias == [Via("UDP", "198.51.100.7", 5061, (("branch", "z9hG4bKabc"), ("rport", None)))]


def test_compact_forms_folding_and_case() -> None:
    data = PLAIN.replace(b"Via:", b"v :").replace(b"From:", b"f:").replace(b"To:", b"t:").replace(b"Call-ID:", b"i:")
    data = (
        data.replace(b"Contact:", b"m:")
        .replace(b"Content-Length:", b"l:")
        .replace(b"CSeq: 1 INVITE", b"cseq: 1\r\n  INVITE")
    )
    assert parse(data) == parse(PLAIN)


def test_unknown_headers_are_dropped_and_names_are_canonical() -> None:
    message = parse(with_line(b"X-Custom: hello\r\nsubject: secret\r\nrequire: 100rel"))
    assert isinstance(message, Request)
    assert message.extras == {"Require": "100rel"}
    assert b"secret" not in serialise(message)
    assert b"Require: 100rel" in serialise(message)


@pytest.mark.parametrize(
    ("line", "instead_of", "status"),
    [
        (b"From: <sip:[]>;tag=1", b"From", 400),
        (b"From: <sip:@h>;tag=1", b"From", 400),
        (b"From: <sip:a@-x>;tag=1", b"From", 400),
        (b"From: <sip:a@1.2.3.256>;tag=1", b"From", 400),
        (b"From: <sip:a@h:70000>;tag=1", b"From", 400),
        (b"From: <sip:a@h>;tag=" + b"x" * 129, b"From", 400),
        (b"From: <http://h>;tag=1", b"From", 400),
        (b'From: "unclosed <sip:a@h>;tag=1', b"From", 400),
        (b"From: <sip:a@h>;tag=1;tag=2", b"From", 400),
        (b"To: <sip:a@h:0>", b"To", 400),
        (b"Contact: <sip:k@[]>", b"Contact", 400),
        (b"Contact: <tel:123>", b"Contact", 400),
        (b"Record-Route: <sip:[];lr>", b"", 400),
        (b"Route: sip:x@", b"", 400),
        (b"Refer-To: <sip:[]>", b"", 400),
        (b"P-Asserted-Identity: <sip:[]>", b"", 400),
        (b"Via: SIP/2.0/UDP [];branch=z9hG4bK1", b"", 400),
        (b"Via: SIP/3.0/UDP h;branch=z9hG4bK1", b"", 400),
        (b"Via: SIP/2.0/UDP h;branch=" + b"x" * 129, b"", 400),
        (b"CSeq: 2147483648 INVITE", b"CSeq", 400),
        (b"CSeq: 1 BYE", b"CSeq", 400),
        (b"CSeq: -1 INVITE", b"CSeq", 400),
        (b"CSeq: 2 INVITE", b"", 400),
        (b"Call-ID: other", b"", 400),
        (b"Call-ID: " + b"x" * 129, b"Call-ID", 400),
        (b"Call-ID: a b", b"Call-ID", 400),
        (b"Content-Length: 9999", b"Content-Length", 400),
        (b"Content-Length: 0", b"", 400),
        (b"Content-Length: -1", b"Content-Length", 400),
        (b"Max-Forwards: 300", b"Max-Forwards", 400),
        (b"X: \x00", b"", 400),
        (b"X: \xff\xfe", b"", 400),
        (b"X: a\nFrom: <sip:x@y>", b"", 400),
        (b"X: " + b"x" * 1024, b"", 513),
        (b"no colon here", b"", 400),
        (b"\r\n".join([b"X: y"] * 65), b"", 513),
        (b"\r\n".join([b"Via: SIP/2.0/UDP h;branch=z9hG4bK1"] * 10), b"", 513),
        (b"Require: a b", b"", 400),
    ],
)
def test_broken_messages_get_their_answer(line: bytes, instead_of: bytes, status: int) -> None:
    broken = parse(with_line(line, instead_of=instead_of))
    assert isinstance(broken, Malformed)
    assert broken.status == status


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 505),
        (b"sip:4711@192.0.2.1 SIP", b"unknown:4711@x SIP", 416),
        (b"sip:4711@192.0.2.1 SIP", b"sip:" + b"x" * 300 + b"@h SIP", 414),
        (b"sip:4711@192.0.2.1 SIP", b"<sip:4711@192.0.2.1> SIP", 400),
        (b"sip:4711@192.0.2.1 SIP", b"sip:4711@192.0.2.1; SIP", 400),
        (b"sip:4711@192.0.2.1 SIP", b"sip:47 11@192.0.2.1 SIP", 400),
        (b"Content-Length: 0", b"X: " + b"y" * 9000, 513),
    ],
)
def test_broken_start_and_frame(old: bytes, new: bytes, status: int) -> None:
    broken = parse(PLAIN.replace(old, new))
    assert isinstance(broken, Malformed)
    assert broken.status == status


@pytest.mark.parametrize("missing", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_missing_headers(missing: bytes) -> None:
    broken = parse(with_line(b"X: y", instead_of=missing))
    assert isinstance(broken, Malformed)
    assert broken.status == 400
    assert answer_malformed(broken, "t") is None, "without all five there is nothing to answer to"


def test_answer_to_broken_requests_repeats_what_it_must() -> None:
    broken = parse(with_line(b"Contact: <sip:k@[]>", instead_of=b"Contact"))
    assert isinstance(broken, Malformed)
    answered = answer_malformed(broken, "mine")
    assert answered is not None
    reply = parse(answered)
    assert isinstance(reply, Response)
    assert (reply.status, reply.to.tag, reply.call_id) == (400, "mine", "abc@198.51.100.7")


def test_broken_ack_and_response_have_no_answer() -> None:
    for data in (
        with_line(b"Contact: <sip:k@[]>", instead_of=b"Contact").replace(b"INVITE", b"ACK"),
        b"SIP/2.0 200 OK\r\n" + with_line(b"Contact: <sip:k@[]>", instead_of=b"Contact").split(b"\r\n", 1)[1],
    ):
        broken = parse(data)
        assert isinstance(broken, Malformed)
        assert answer_malformed(broken, "t") is None


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\r\n", b"\x00\x00", b""])
def test_keep_alive(data: bytes) -> None:
    assert parse(data) == KeepAlive()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x80" * 172, b"hello", b"x" * 70_000])
def test_not_sip(data: bytes) -> None:
    assert parse(data) == NotSip()


def test_reason_is_bounded_and_printable_or_dropped() -> None:
    line = b'Reason: Q.850 ;cause=16;text="Normal\\"call \xe2\x80\xaeclearing", X;cause=1, SIP;cause=200'
    message = parse(with_line(line))
    assert isinstance(message, Request)
    assert message.extras["Reason"] == 'Q.850;cause=16;text="Normalcall clearing", SIP;cause=200'
    dropped = parse(with_line(b"Reason: ;;;"))
    assert isinstance(dropped, Request)
    assert "Reason" not in dropped.extras


def test_received_and_rport() -> None:
    via = Via("UDP", "host.example", 5060, (("branch", "z9hG4bK1"), ("rport", None)))
    assert str(via.seen_from("192.0.2.9", 1234)).endswith(";branch=z9hG4bK1;rport=1234;received=192.0.2.9")
    plain = Via("UDP", "192.0.2.9", 5060, (("branch", "z9hG4bK1"),))
    assert plain.seen_from("192.0.2.9", 1234) == plain
    assert plain.seen_from("192.0.2.10", 1234).param("received") == "192.0.2.10"


# --- properties -----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=2048))
def test_any_bytes(data: bytes) -> None:
    parse(data)
    parse(data, stream=True)


@given(st.integers(0, len(PLAIN) - 1), st.binary(max_size=6), st.integers(0, 12))
def test_any_change_of_a_good_message(position: int, inserted: bytes, removed: int) -> None:
    parsed = parse(PLAIN[:position] + inserted + PLAIN[position + removed :])
    if isinstance(parsed, Request | Response):
        assert parse(serialise(parsed)) == parsed
    elif isinstance(parsed, Malformed):
        answered = answer_malformed(parsed, "t")
        assert answered is None or answered.endswith(b"\r\n\r\n")
        assert answered is None or b"\x00" not in answered


_word = st.from_regex(r"\A[A-Za-z0-9\-.!%*_+`'~]{1,20}\Z")
_host = st.sampled_from(["192.0.2.7", "[2001:db8::1]", "example.com", "a-b.example.", "localhost"])
_port = st.integers(0, 65535)
_name = st.sampled_from(["a", "b", "lr", "x-y"])
_value = st.one_of(st.none(), st.from_regex(r"\A[A-Za-z0-9]{1,9}\Z"))
_params = st.lists(st.tuples(_name, _value), max_size=3, unique_by=lambda p: p[0]).map(tuple)
_uri = st.builds(Uri, st.just("sip"), st.from_regex(r"\A[a-z0-9+]{0,12}\Z"), _host, _port, _params)
_display = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
_party = st.builds(lambda u, d, t: NameAddr(u, d, (("tag", t),)), _uri, _display, _word)
_via = st.builds(lambda h, p, b: Via("UDP", h, p, (("branch", b),)), _host, _port, _word)
_request = st.builds(
    Request,
    method=st.sampled_from(["INVITE", "BYE", "INFO", "OPTIONS"]),
    uri=_uri,
    vias=st.lists(_via, min_size=1, max_size=10),
    from_=_party,
    to=_party,
    call_id=_word,
    cseq=st.integers(0, 2**31 - 1),
    contact=st.one_of(st.none(), st.builds(NameAddr, _uri)),
    routes=st.lists(st.builds(NameAddr, _uri), max_size=3),
    record_routes=st.lists(st.builds(NameAddr, _uri), max_size=3),
    max_forwards=st.one_of(st.none(), st.integers(0, 255)),
    extras=st.sampled_from(
        [{}, {"Require": "100rel, timer"}, {"RAck": "1 2 INVITE", "Session-Expires": "90;refresher=uas"}]
    ),
    content_type=st.just("application/sdp"),
    body=st.binary(max_size=100),
)


@given(_request)
def test_round_trip(message: Request) -> None:
    assert parse(serialise(message)) == message


@given(_request, st.integers(100, 699))
def test_round_trip_of_responses(request: Request, status: int) -> None:
    response = answer(request, status)
    response.contact = request.contact
    if 300 <= status < 400 and request.contact is not None:
        response.contacts = [request.contact]
    assert parse(serialise(response)) == response


# --- streams --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 400), max_size=20))
def test_a_stream_cut_anywhere_gives_the_same_messages(cuts: list[int]) -> None:
    data = serialise(invite("call-1")) + b"\r\n\r\n" + serialise(invite("call-2", body=b"")) + b"\r\n" + PLAIN
    reader, pieces, at = StreamReader(), [], 0
    for cut in [*cuts, len(data)]:
        pieces += reader.feed(data[at : at + cut])
        at += cut
    frames = [piece.data for piece in pieces if isinstance(piece, Frame)]
    assert frames == [serialise(invite("call-1")), serialise(invite("call-2", body=b"")), PLAIN]
    assert [type(piece) for piece in pieces].count(Ping) == 1
    assert not reader.incomplete


@given(st.binary(max_size=3000))
def test_any_stream(data: bytes) -> None:
    reader = StreamReader()
    for start in range(0, len(data), 100):
        reader.feed(data[start : start + 100])


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(b"Content-Length: 0\r\n", b""),
        PLAIN.replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 5"),
        PLAIN.replace(b"Content-Length: 0", b"Content-Length: 99999"),
        b"INVITE " + b"x" * (MESSAGE_LIMIT + 10),
    ],
)
def test_lost_framing(data: bytes) -> None:
    reader = StreamReader()
    pieces = reader.feed(data + PLAIN)
    assert isinstance(pieces[-1], Lost)
    assert len(pieces) == 1
    assert reader.feed(PLAIN) == []


def test_octets_after_a_datagrams_message_are_nobodys_and_on_a_stream_an_error() -> None:
    assert parse(PLAIN + b"leftover") == parse(PLAIN)
    assert isinstance(parse(PLAIN + b"leftover", stream=True), Malformed)


def test_quoted_control_characters_are_dropped_and_others_refused() -> None:
    message = parse(PLAIN.replace(b'"A. Person"', b'"A\\\x07\\\x00 Person\\\x7f"'))
    assert isinstance(message, Request)
    assert message.from_.display == "A Person"
    assert isinstance(parse(PLAIN.replace(b'"A. Person"', b'"A\x07 Person"')), Malformed)
    assert isinstance(parse(PLAIN.replace(b'"A. Person"', b'"A\\\\\x07 Person"')), Malformed)
