"""Codecs beyond G.711 between a peer and the leg, and what the span hears of them: nothing."""

from edge.core.sip.message import Response
from tests.core.sip.steps import dialled, from_bob, taken, world_with
from tests.core.sip.world import (
    answered,
    in_dialog,
    invite,
    offer,
    reports,
    statuses,
    to_peer,
    to_span,
)

WIDE = "a=rtpmap:9 G722/8000\r\na=rtpmap:110 L16/16000\r\na=rtpmap:112 telephone-event/16000\r\n"


def answered_with(codecs: tuple[str, ...], body: bytes) -> Response:
    """Our 200 to an offer that comes by a trunk with these codecs."""
    call = taken(world_with(codecs=codecs), body)
    assert b"RTP/AVP 0 " in call.inner.body  # the span hears of PCMU only
    return call.ok


def test_incoming_g722() -> None:
    body = offer(payloads="0 8 9 110 101 112", after=WIDE + "a=maxptime:40\r\n").replace(b"ptime:20", b"ptime:60")
    actions, inner, ok = taken(world_with(codecs=("G722", "PCMU")), body)
    remote = reports(actions)[0].remote
    assert (remote.codec, remote.clock_rate, remote.payload_type, remote.ptime_ms) == ("G722", 8000, 9, 40)
    assert (remote.telephone_event, remote.telephone_event_rate) == (101, 8000)
    assert b"RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" in inner.body
    assert b"G722" not in inner.body
    assert b" RTP/AVP 9 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n" in ok.body
    assert b"a=ptime:40\r\na=maxptime:60\r\n" in ok.body


def test_incoming_l16_keeps_the_numbers_of_the_offer() -> None:
    ok = answered_with(("L16", "PCMU"), offer(payloads="0 110 112 101", after=WIDE))
    assert b"a=ptime:20\r\na=maxptime:40\r\n" in ok.body  # 60 ms would not go into an Ethernet frame
    assert b" RTP/AVP 110 112\r\na=rtpmap:110 L16/16000\r\na=rtpmap:112 telephone-event/16000\r\n" in ok.body


def test_a_trunk_that_does_not_want_wideband_has_none() -> None:
    ok = answered_with(("PCMA", "PCMU"), offer(payloads="9 0 8 101", after=WIDE))
    assert b" RTP/AVP 8 101\r\n" in ok.body
    assert statuses(world_with(codecs=("PCMA",)).peer(invite(body=offer(payloads="9 101", after=WIDE)))) == [488]


def test_our_offer_has_the_trunks_codecs_in_its_order() -> None:
    sent = dialled(world_with(codecs=("G722", "L16", "PCMA")))
    assert b" RTP/AVP 9 96 97 8 13 101 102\r\n" in sent.body
    assert b" RTP/AVP 9 101\r\n" in dialled(world_with(codecs=("G722",))).body
    for line in (
        b"rtpmap:96 L16/16000", b"rtpmap:97 L16/8000", b"rtpmap:101 telephone-event/8000",
        b"rtpmap:102 telephone-event/16000", b"maxptime:40",
    ):  # fmt: skip
        assert b"a=" + line + b"\r\n" in sent.body


def test_the_peers_answer_decides() -> None:
    world = world_with(codecs=("PCMA", "L16"))
    sent = dialled(world)
    body = offer(payloads="96 102", after="a=rtpmap:96 L16/16000\r\na=rtpmap:102 telephone-event/16000\r\n")
    actions = world.peer(from_bob(sent, 200, body=body))
    remote = reports(actions)[0].remote
    assert (remote.codec, remote.clock_rate, remote.payload_type) == ("L16", 16000, 96)
    assert (remote.telephone_event, remote.telephone_event_rate) == (102, 16000)
    assert b"RTP/AVP 0 120" in to_span(actions)[0].body


def test_another_codec_by_reinvite() -> None:
    world = world_with(codecs=("PCMU", "G722"))
    answered(world)
    actions = world.peer(
        in_dialog("INVITE", content_type="application/sdp", body=offer(payloads="9 8 101", after=WIDE))
    )
    assert reports(actions)[0].remote.codec == "G722"
    assert b" RTP/AVP 9 101\r\n" in to_peer(actions)[0].body
    world.peer(in_dialog("ACK", cseq=2))
    # What is in use stays, though the trunk wants another one more.
    actions = world.peer(in_dialog("INVITE", cseq=3, content_type="application/sdp", body=offer(payloads="0 9 101")))
    assert not reports(actions)
    assert b" RTP/AVP 9 101\r\n" in to_peer(actions)[0].body
