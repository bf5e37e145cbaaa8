"""Descriptions: read strictly, written from values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sip.dialogs import Written
from edge.core.sip.errors import SipError
from edge.core.sip.formats import OFFERED, Event, Format, choose_event, choose_format
from edge.core.sip.sdp import Audio, Leg, Session, read_session, remote_media, write_session
from edge.vocabulary.media import Address
from tests.core.sip.world import offer

PCMU, PCMA = OFFERED["PCMU"][0], OFFERED["PCMA"][0]


def audio(body: bytes) -> Audio:
    session = read_session(body)
    assert isinstance(session, Session), session
    assert session.audio is not None
    return session.audio


def test_plain_offer() -> None:
    found = audio(offer())
    assert found.rtp == Address("198.51.100.7", 4000)
    assert found.rtcp == Address("198.51.100.7", 4001)
    assert found.codecs == ("PCMU", "PCMA")
    assert (found.telephone_event, found.ptime_ms, found.direction) == (101, 20, "sendrecv")


@pytest.mark.parametrize(
    ("line", "ptime"),
    [
        ("a=ptime:30\r\n", 30),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:x\r\n", 20),
        ("a=ptime:37.5\r\n", 30),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:150\r\n", 20),
        ("a=maxptime:35\r\na=ptime:60\r\n", 30),
        ("a=ptime:40\r\na=maxptime:0\r\n", 10),
    ],
)
def test_packet_time_is_bounded(line: str, ptime: int) -> None:
    assert audio(offer().replace(b"a=ptime:20\r\n", line.encode())).ptime_ms == ptime


def test_rtcp_attribute() -> None:
    assert audio(offer(after="a=rtcp:9000\r\n")).rtcp == Address("198.51.100.7", 9000)
    assert audio(offer(after="a=rtcp:9000 IN IP4 198.51.100.9\r\n")).rtcp == Address("198.51.100.9", 9000)


def test_media_level_connection_and_session_level_direction() -> None:
    body = (
        offer(after="c=IN IP4 198.51.100.20\r\n")
        .replace(b"a=sendrecv\r\n", b"")
        .replace(b"t=0 0", b"t=0 0\r\na=inactive")
    )
    found = audio(body)
    assert (found.rtp.host, found.direction) == ("198.51.100.20", "inactive")


@pytest.mark.parametrize("payload", ["95", "128", "0"])
def test_telephone_event_needs_a_dynamic_payload_type(payload: str) -> None:
    body = offer(payloads=f"0 {payload}").replace(b"rtpmap:101", f"rtpmap:{payload}".encode())
    assert audio(body).telephone_event is None


def test_telephone_event_must_be_in_the_media_line() -> None:
    assert audio(offer(payloads="0")).telephone_event is None


@pytest.mark.parametrize(
    "body",
    [
        offer(payloads="4 18"),
        offer(payloads="96 18"),
        offer(port=0),
        offer().replace(b"RTP/AVP", b"RTP/SAVP"),
        offer().replace(b"m=audio", b"m=video"),
        offer(port=65535),
    ],
)
def test_nothing_usable(body: bytes) -> None:
    session = read_session(body)
    assert isinstance(session, Session)
    assert session.audio is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"v=1\r\n", 400),
        (b"v=0\r\n", 400),
        (offer().replace(b"o=x 1 1", b"o=x"), 400),
        (offer().replace(b"m=audio 4000", b"m=audio x"), 400),
        (offer().replace(b"m=audio 4000", b"m=audio 70000"), 400),
        (offer(after="nonsense\r\n"), 400),
        (offer(connection="host.example"), 488),
        (offer(connection="224.0.0.1"), 488),
        (offer(connection="999.1.1.1"), 400),
        (offer(after="m=video 1 RTP/AVP 1\r\n" * 9), 400),
        (offer(after="a=x\r\n" * 300), 400),
        (offer() + b"a=" + b"x" * 5000, 413),
        (offer(after="a=x\r\n").replace(b"a=x", b"a=\xff"), 400),
    ],
)
def test_broken(body: bytes, status: int) -> None:
    error = read_session(body)
    assert isinstance(error, SipError)
    assert error.status == status


def test_hold_address_is_never_passed_to_media() -> None:
    facts = remote_media(audio(offer(connection="0.0.0.0")), PCMU, "198.51.100.7")
    assert facts.rtp.host == facts.rtcp.host == "198.51.100.7"
    assert facts.direction == "sendonly"
    assert remote_media(audio(offer(connection="0.0.0.0", direction="recvonly")), PCMU, "x").direction == "inactive"


def test_our_order_of_codecs_counts() -> None:
    both = audio(offer(payloads="0 8")).formats
    assert choose_format(both, ["PCMA", "PCMU"]) == PCMA
    assert choose_format(audio(offer(payloads="0")).formats, ["PCMA", "PCMU"]) == PCMU
    assert choose_format(audio(offer(payloads="0")).formats, ["PCMA"]) is None
    assert choose_format(both, ["PCMA", "PCMU"], PCMU) == PCMU  # in use: it stays


WIDE = (
    "a=rtpmap:9 G722/8000\r\na=rtpmap:110 L16/8000/1\r\na=rtpmap:111 l16/16000\r\n"
    "a=rtpmap:112 telephone-event/16000\r\na=rtpmap:113 L16/16000/2\r\na=rtpmap:114 L16/44100\r\n"
)


def test_wideband_formats() -> None:
    found = audio(offer(payloads="113 114 9 110 111 0 112 101", after=WIDE))
    assert found.formats == (OFFERED["G722"][0], Format("L16", 8000, 110), Format("L16", 16000, 111), PCMU)
    assert found.codecs == ("G722", "L16", "PCMU")
    assert found.events == (Event(112, 16000), Event(101, 8000))
    chosen = choose_format(found.formats, ["L16", "G722"])
    assert chosen == Format("L16", 16000, 111)
    facts = remote_media(found, chosen, "x")
    assert (facts.codec, facts.clock_rate, facts.payload_type) == ("L16", 16000, 111)
    assert (facts.telephone_event, facts.telephone_event_rate) == (112, 16000)
    facts = remote_media(found, found.formats[0], "x")
    assert (facts.codec, facts.clock_rate, facts.payload_type) == ("G722", 8000, 9)  # RFC 3551 section 4.5.2
    assert (facts.telephone_event, facts.telephone_event_rate) == (101, 8000)


def test_events_go_with_the_clock_of_the_codec() -> None:
    slow, fast = Event(101, 8000), Event(112, 16000)
    assert choose_event([fast, slow], 8000) == slow
    assert choose_event([slow, fast], 16000) == fast
    assert choose_event([slow], 16000) == slow  # met in the field
    assert choose_event([fast], 8000) is None
    assert choose_event([Event(120, 8000), slow], 8000) == Event(120, 8000)


@pytest.mark.parametrize(
    ("line", "usable"),
    [
        ("a=rtpmap:9 G722/8000\r\n", True),
        ("a=rtpmap:9 g722/8000/1\r\n", True),
        ("", True),
        ("a=rtpmap:9 G722/16000\r\n", False),  # another clock is another codec
        ("a=rtpmap:9 PCMA/8000\r\n", False),
        ("a=rtpmap:9 G722/8000/2\r\n", False),
    ],
)
def test_a_fixed_payload_type_means_one_thing(line: str, usable: bool) -> None:
    session = read_session(offer(payloads="9 101", after=line))
    assert isinstance(session, Session)
    assert (session.audio is not None) == usable


@pytest.mark.parametrize(("number", "usable"), [(96, True), (127, True), (95, False), (72, False), (128, False)])
def test_a_mapped_codec_needs_a_dynamic_payload_type(number: int, usable: bool) -> None:
    session = read_session(offer(payloads=f"{number}", after=f"a=rtpmap:{number} L16/16000\r\n"))
    assert isinstance(session, Session)
    assert (session.audio is not None) == usable


def test_the_first_map_of_a_payload_type_counts() -> None:
    found = audio(offer(payloads="96 0", after="a=rtpmap:96 L16/8000\r\na=rtpmap:96 L16/16000\r\n"))
    assert found.formats == (Format("L16", 8000, 96), PCMU)


def test_version_grows_only_with_the_text() -> None:
    written = Written(7)
    leg = Leg(address=Address("192.0.2.1", 16384), formats=(PCMU,), events=(Event(101, 8000),))
    first = written.write(leg)
    assert first == written.write(leg)
    assert b"o=edge 7 1 IN IP4 192.0.2.1" in first
    held = Leg(address=leg.address, formats=(PCMU,), events=(Event(101, 8000),), direction="sendonly")
    assert b"o=edge 7 2 " in written.write(held)


@given(st.binary(max_size=1500))
def test_any_bytes(body: bytes) -> None:
    read_session(body)
    read_session(b"v=0\r\no=x 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4\r\n" + body)


@given(
    st.sampled_from([offer(), offer(payloads="113 114 9 110 111 0 112 101", after=WIDE + "a=maxptime:40\r\n")]),
    st.integers(0, 700),
    st.one_of(st.binary(max_size=5), st.integers(0, 70_000).map(lambda n: b"%d" % n)),
    st.integers(0, 9),
)
def test_any_change(body: bytes, position: int, inserted: bytes, removed: int) -> None:
    session = read_session(body[:position] + inserted + body[position + removed :])
    if isinstance(session, Session) and session.audio is not None:
        assert 10 <= session.audio.ptime_ms <= 60
        assert 0 < session.audio.rtp.port < 65535
        assert session.audio.formats
        for one in session.audio.formats:
            assert one in [known for group in OFFERED.values() for known in group] or 96 <= one.payload_type < 128
            facts = remote_media(session.audio, one, "198.51.100.7")
            assert 10 <= facts.ptime_ms <= 60
            assert facts.clock_rate in (8000, 16000)
            assert facts.telephone_event_rate in (8000, facts.clock_rate)


@given(
    st.integers(1, 65534),
    st.lists(st.sampled_from([one for group in OFFERED.values() for one in group]), min_size=1, unique=True),
    st.sampled_from([(), (Event(101, 8000),), (Event(127, 8000), Event(98, 16000))]),
    st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from([(), ("video 0 RTP/AVP 31", ""), ("", "image 0 udptl t38")]),
)
def test_round_trip(port, formats, events, direction, ptime, lines) -> None:  # type: ignore[no-untyped-def]
    leg = Leg(
        address=Address("192.0.2.1", port),
        formats=tuple(formats),
        events=events,
        direction=direction,
        ptime_ms=ptime,
        lines=lines,
    )
    session = read_session(write_session(1, 1, leg).encode())
    assert isinstance(session, Session)
    assert session.lines == (lines or ("",))
    found = session.audio
    assert found is not None
    assert (found.rtp.port, found.formats, found.events) == (port, tuple(formats), events)
    assert (found.direction, found.ptime_ms) == (direction, ptime)


def test_comfort_noise_is_taken_up_when_both_know_it() -> None:
    plain, noisy = audio(offer()), audio(offer(payloads="0 8 13 101"))
    assert remote_media(plain, PCMU, "198.51.100.7").comfort_noise is None
    assert remote_media(noisy, PCMU, "198.51.100.7").comfort_noise == 13
    assert remote_media(noisy, OFFERED["G722"][0], "198.51.100.7").comfort_noise is None  # it is of 8 kHz
    leg = Leg(
        address=Address("192.0.2.1", 16384),
        formats=(PCMU,),
        events=(Event(101, 8000),),
        comfort_noise=noisy.comfort_noise,
    )
    text = write_session(7, 1, leg)
    assert "m=audio 16384 RTP/AVP 0 13 101\r\n" in text
    assert "a=rtpmap:13 CN/8000\r\n" in text
    again = audio(text.encode())
    assert again.comfort_noise
    assert again.codecs == ("PCMU",)


def test_comfort_noise_alone_is_no_codec() -> None:
    session = read_session(offer(payloads="13 101"))
    assert isinstance(session, Session)
    assert session.audio is None
