"""An appliance of both families: each peer is shown our address of its own family, and its audio goes there."""

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Flow, Locate, Located, Reserve, ToPeer
from edge.core.sip.message import Request, Response
from edge.core.sip.presence import bracketed
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegIncoming, LegMedia, SpanRefused
from tests.core.sip.provider import REGISTERED, Provider, granted
from tests.core.sip.steps import LEG, first_request, from_bob, span_invite
from tests.core.sip.world import PEER, PUBLIC, SPAN_SDP, TRUNK, World, answer, invite, offer, reports, to_peer

OURS6, PEER6 = "2001:db8::1", "2001:db8::7"
MEDIA6 = "2001:db8::5"
FLOW6 = Flow("udp", Address(PEER6, 5061))
BOTH = {"public6": OURS6, "media_host6": MEDIA6}
TRUNK_OF_BOTH = replace(TRUNK, sources=(*TRUNK.sources, PEER6))
OFFER6 = offer().replace(b"IN IP4 198.51.100.7", f"IN IP6 {PEER6}".encode())
MEDIA = "192.0.2.5:16384"


def world(trunk=TRUNK_OF_BOTH, **settings: object) -> World:
    return World(trunks=(trunk,), **{**BOTH, **settings})


def answered(made: World, flow: Flow, body: bytes) -> Response:
    contact = NameAddr(Uri("sip", "alice", bracketed(flow.address.host), flow.address.port))
    inner = first_request(made.peer(invite(body=body, contact=contact), flow))
    ok = to_peer(made.span(answer(inner, 200, body=SPAN_SDP, media=MEDIA)))[-1]
    assert isinstance(ok, Response)
    return ok


@pytest.mark.parametrize(
    ("flow", "body", "contact", "media"),
    [
        (PEER, offer(), f"<sip:edge@{PUBLIC.host}:5060>", b"c=IN IP4 192.0.2.5\r\n"),
        (FLOW6, OFFER6, f"<sip:edge@[{OURS6}]:5060>", f"c=IN IP6 {MEDIA6}\r\n".encode()),
        # Audio may be of the other family than the signalling.
        (PEER, OFFER6, f"<sip:edge@{PUBLIC.host}:5060>", f"c=IN IP6 {MEDIA6}\r\n".encode()),
    ],
    ids=["ipv4", "ipv6", "mixed"],
)
def test_a_caller_is_shown_our_address_of_its_family(flow: Flow, body: bytes, contact: str, media: bytes) -> None:
    ok = answered(world(), flow, body)
    assert str(ok.contact) == contact
    assert media in ok.body
    assert b"m=audio 16384 RTP/AVP 0" in ok.body


def test_a_call_without_an_offer_is_offered_audio_of_its_signallings_family() -> None:
    assert f"c=IN IP6 {MEDIA6}\r\n".encode() in answered(world(), FLOW6, b"").body


def test_audio_of_a_family_that_we_do_not_have_is_refused() -> None:
    made = World(trunks=(TRUNK_OF_BOTH,))
    (refused,) = [m for m in to_peer(made.peer(invite(body=OFFER6))) if isinstance(m, Response)]
    assert refused.status == 488
    assert not made.door.live_legs()


def test_a_hold_by_no_address_keeps_the_family() -> None:
    made = world()
    (told,) = reports(made.peer(invite(body=OFFER6.replace(PEER6.encode(), b"::")), FLOW6))
    assert isinstance(told, LegIncoming)
    assert told.remote is not None
    assert (told.remote.rtp.host, told.remote.direction) == (PEER6, "sendonly")


def placed(made: World) -> Request:
    """What the peer of the reserved leg gets."""
    return first_request(made.span(span_invite(media=MEDIA)), "peer")


def test_a_trunk_is_called_at_the_addresses_of_both_families() -> None:
    """The first does not take the call: Via, Contact, From and description follow the family of the second."""
    trunk = replace(TRUNK_OF_BOTH, host="sip.example", any_port=True)
    made = world(trunk)
    (asked,) = [a for a in made.put(Reserve(LEG, "555", "main", "100")) if isinstance(a, Locate)]
    four, six = Address("198.51.100.8", 5060), Address(PEER6, 5060)
    made.put(Located(asked.leg, ((six, four),)))
    sent = placed(made)
    assert str(sent.vias[0]).startswith(f"SIP/2.0/UDP [{OURS6}]:5060;")
    assert str(sent.contact) == f"<sip:edge@[{OURS6}]:5060>"
    assert sent.from_.uri.host == f"[{OURS6}]"
    assert f"c=IN IP6 {MEDIA6}\r\n".encode() in sent.body
    actions = made.peer(answer(sent, 503, media=""), Flow("udp", six))
    again = next(m for m in to_peer(actions) if isinstance(m, Request) and m.method == "INVITE")
    assert str(again.vias[0]).startswith(f"SIP/2.0/UDP {PUBLIC.host}:5060;")
    assert (str(again.contact), again.from_.uri.host) == (f"<sip:edge@{PUBLIC.host}:5060>", PUBLIC.host)
    assert b"c=IN IP4 192.0.2.5\r\n" in again.body
    assert next(a.flow.address for a in actions if isinstance(a, ToPeer) and b"INVITE sip" in a.data) == four


def test_an_answer_of_the_other_family_is_of_no_use() -> None:
    made = world(replace(TRUNK_OF_BOTH, host=PEER6))
    made.put(Reserve(LEG, "555", "main", "100"))
    sent = placed(made)
    assert not [r for r in reports(made.peer(from_bob(sent, 200, body=offer()), FLOW6)) if isinstance(r, LegMedia)]
    made = world(replace(TRUNK_OF_BOTH, host=PEER6))
    made.put(Reserve(LEG, "555", "main", "100"))
    (told,) = [
        r for r in reports(made.peer(from_bob(placed(made), 200, body=OFFER6), FLOW6)) if isinstance(r, LegMedia)
    ]
    assert told.remote.rtp.host == PEER6


def test_an_address_that_we_cannot_reach_is_not_called() -> None:
    made = World(trunks=(replace(TRUNK, host=PEER6),))
    (refused,) = reports(made.put(Reserve(LEG, "555", "main", "100")))
    assert isinstance(refused, SpanRefused)
    assert (refused.end.outcome, refused.end.text) == ("unreachable", "no address of its family to call from")


def test_a_trunk_is_registered_from_our_address_of_the_registrars_family() -> None:
    place = replace(REGISTERED.registrar.hops[0], host=f"[{PEER6}]")
    trunk = replace(REGISTERED, registrar=replace(REGISTERED.registrar, hops=(place,)))
    made = Provider(trunk, granted, **BOTH)
    made.run(5_000)
    (_, request, _, flow) = made.sent[0]
    assert flow.address.host == PEER6
    assert str(request.contact).startswith(f"<sip:4930@[{OURS6}]:5060>")
    assert str(request.vias[0]).startswith(f"SIP/2.0/UDP [{OURS6}]:5060;")
    assert made.world.door.upkeep.standings()[0].registered


def test_a_request_that_comes_back_to_us_is_a_loop_in_either_family() -> None:
    made = world()
    request = invite()
    request.vias = [replace(request.vias[0], host=f"[{OURS6}]", port=5060), *request.vias]
    (refused,) = to_peer(made.peer(request, FLOW6))
    assert isinstance(refused, Response)
    assert refused.status == 482
