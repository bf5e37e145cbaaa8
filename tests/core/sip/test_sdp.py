"""Descriptions: read strictly, written from values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sip.dialogs import Written
from edge.core.sip.errors import SipError
from edge.core.sip.sdp import Audio, Leg, Session, choose_codec, read_session, remote_media, write_session
from edge.vocabulary.media import Address
from tests.core.sip.world import offer


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
    ("line", "ptime"), [("a=ptime:30\r\n", 30), ("a=ptime:5\r\n", 10), ("a=ptime:200\r\n", 60), ("a=ptime:x\r\n", 20)]
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
        offer(payloads="9 18"),
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
    facts = remote_media(audio(offer(connection="0.0.0.0")), "PCMU", "198.51.100.7")
    assert facts.rtp.host == facts.rtcp.host == "198.51.100.7"
    assert facts.direction == "sendonly"
    assert remote_media(audio(offer(connection="0.0.0.0", direction="recvonly")), "PCMU", "x").direction == "inactive"


def test_our_order_of_codecs_counts() -> None:
    assert choose_codec(audio(offer(payloads="0 8")), ["PCMA", "PCMU"]) == "PCMA"
    assert choose_codec(audio(offer(payloads="0")), ["PCMA", "PCMU"]) == "PCMU"
    assert choose_codec(audio(offer(payloads="0")), ["PCMA"]) is None


def test_version_grows_only_with_the_text() -> None:
    written = Written(7)
    leg = Leg(address=Address("192.0.2.1", 16384), codecs=("PCMU",), telephone_event=101)
    first = written.write(leg)
    assert first == written.write(leg)
    assert b"o=edge 7 1 IN IP4 192.0.2.1" in first
    held = Leg(address=leg.address, codecs=("PCMU",), telephone_event=101, direction="sendonly")
    assert b"o=edge 7 2 " in written.write(held)


@given(st.binary(max_size=1500))
def test_any_bytes(body: bytes) -> None:
    read_session(body)
    read_session(b"v=0\r\no=x 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4\r\n" + body)


@given(st.integers(0, len(offer())), st.binary(max_size=5), st.integers(0, 9))
def test_any_change(position: int, inserted: bytes, removed: int) -> None:
    body = offer()
    session = read_session(body[:position] + inserted + body[position + removed :])
    if isinstance(session, Session) and session.audio is not None:
        assert 10 <= session.audio.ptime_ms <= 60
        assert 0 < session.audio.rtp.port < 65535


@given(
    st.integers(1, 65534),
    st.sampled_from([("PCMU",), ("PCMA", "PCMU")]),
    st.one_of(st.none(), st.integers(96, 127)),
    st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from([(), ("video 0 RTP/AVP 31", ""), ("", "image 0 udptl t38")]),
)
def test_round_trip(port, codecs, event, direction, ptime, lines) -> None:  # type: ignore[no-untyped-def]
    leg = Leg(
        address=Address("192.0.2.1", port),
        codecs=codecs,
        telephone_event=event,
        direction=direction,
        ptime_ms=ptime,
        lines=lines,
    )
    session = read_session(write_session(1, 1, leg).encode())
    assert isinstance(session, Session)
    assert session.lines == (lines or ("",))
    found = session.audio
    assert found is not None
    assert (found.rtp.port, found.codecs, found.telephone_event) == (port, codecs, event)
    assert (found.direction, found.ptime_ms) == (direction, ptime)


def test_comfort_noise_is_taken_up_when_both_know_it() -> None:
    plain, noisy = audio(offer()), audio(offer(payloads="0 8 13 101"))
    assert remote_media(plain, "PCMU", "198.51.100.7").comfort_noise is None
    assert remote_media(noisy, "PCMU", "198.51.100.7").comfort_noise == 13
    leg = Leg(
        address=Address("192.0.2.1", 16384), codecs=("PCMU",), telephone_event=101, comfort_noise=noisy.comfort_noise
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
