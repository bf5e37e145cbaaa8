from hypothesis import given
from hypothesis import strategies as st

from bench import sip

ANSWER = (
    b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=b\r\nVia: SIP/2.0/UDP c\r\nt: <sip:x@y>;tag=1\r\n"
    b"Call-ID: id \r\nCSeq: 1 INVITE\r\nContact: <sip:z@1.2.3.4:5062;transport=udp>\r\nContent-Length: 0\r\n\r\n"
)


def test_a_response_is_read() -> None:
    message = sip.parse(ANSWER)
    assert message is not None
    assert (message.status, message.method) == (200, "INVITE")
    assert message.first("call-id") == "id"
    assert message.headers["via"] == ["SIP/2.0/UDP a;branch=b", "SIP/2.0/UDP c"]
    assert message.first("to") == "<sip:x@y>;tag=1"


def test_sdp_gives_the_first_audio_stream() -> None:
    body = (
        "v=0\r\nc=IN IP4 127.0.0.5\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
        "m=audio 5000 RTP/AVP 0\r\n"
    )
    assert sip.read_sdp(body) == sip.RemoteAudio("127.0.0.5", 4000, 96)
    assert sip.read_sdp("v=0\r\n") is None


@given(st.binary(max_size=300) | st.builds(lambda rest: b"SIP/2.0 200 OK\r\n" + rest, st.binary(max_size=200)))
def test_what_comes_from_outside_never_raises(data: bytes) -> None:
    sip.parse(data)
