"""Encrypted calls through the relay: what is offered, answered and refused, which keys are kept, and for how long."""

import base64
import re

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Action, Bury, DropKeys, KeepKeys, OfferKeys, Reserve, Save, Tell, ToPeer
from edge.core.sip.message import Request, Response
from edge.vocabulary.crypto import SUITES
from edge.vocabulary.ids import LegId
from edge.vocabulary.reports import LegEnded, LegIncoming, LegMedia, SpanReserved
from tests.core.sip.steps import taken, world_with
from tests.core.sip.world import (
    SPAN_PORT,
    SPAN_SDP,
    World,
    answer,
    in_dialog,
    invite,
    offer,
    reports,
    statuses,
    to_peer,
    to_span,
)

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"


def key(suite: str = CM, first: int = 0) -> str:
    return base64.b64encode(bytes((first + i) % 256 for i in range(SUITES[suite]))).decode()


def secure(*lines: tuple[int, str, int], profile: str = "RTP/SAVP", direction: str = "sendrecv") -> bytes:
    """An offer or answer with a=crypto lines: tag, suite, first octet of the key."""
    text = "".join(f"a=crypto:{tag} {suite} inline:{key(suite, first)}\r\n" for tag, suite, first in lines)
    return offer(after=text, direction=direction).replace(b"RTP/AVP", profile.encode())


def world(policy: str) -> World:
    return world_with(srtp=policy)


def of(actions: list[Action], kind: type) -> list:  # type: ignore[type-arg]
    return [action for action in actions if isinstance(action, kind)]


def lines_of(message: Request | Response) -> tuple[str, list[tuple[int, str, int]]]:
    """Profile, and (tag, suite, handle) of each of our lines."""
    text = message.body.decode()
    profile = re.search(r"m=audio \d+ (\S+)", text)
    assert profile is not None
    found = re.findall(r"a=crypto:(\d+) (\S+) inline:keys-([0-9a-f]{16})\.+\r\n", text)
    assert len(found) == text.count("a=crypto"), text
    return profile[1], [(int(tag), suite, int(handle, 16)) for tag, suite, handle in found]


def call(world: World, body: bytes) -> tuple[Request, Response, KeepKeys | None]:
    """An incoming call up to the 200; the span's INVITE, the peer's 200, the keys."""
    actions, inner, ok = taken(world, body)
    kept = of(actions, KeepKeys)
    assert b"m=audio 40000 RTP/AVP 0" in inner.body
    assert b"crypto" not in inner.body, "spans see plain RTP"
    return inner, ok, kept[0] if kept else None


# --- incoming -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["optional", "required"])
def test_an_encrypted_call_is_answered_with_one_line_of_the_best_suite(policy: str) -> None:
    there = world(policy)
    actions = there.peer(invite(body=secure((1, CM, 0), (2, GCM, 50), (3, "AES_CM_128_HMAC_SHA1_32", 90))))
    kept = of(actions, KeepKeys)[0]
    assert (kept.suite, kept.remote.reveal(), kept.seed_of) == (GCM, key(GCM, 50), 0)
    order = [type(action) for action in actions]
    assert order.index(KeepKeys) < order.index(Save) < order.index(Tell), "keys first: what names them comes after"
    report = reports(actions)[0]
    assert isinstance(report, LegIncoming)
    assert report.remote is not None
    assert report.remote.crypto == kept.handle
    ok = to_peer(there.span(answer(to_span(actions)[0], 200, body=SPAN_SDP)))[0]
    assert lines_of(ok) == ("RTP/SAVP", [(2, GCM, kept.handle)])


def test_no_key_is_in_what_the_core_keeps_or_says() -> None:
    there = world("optional")
    call(there, secure((1, CM, 0)))
    dialog = next(iter(there.door._relay.dialogs.by_leg.values()))
    for text in (repr(dialog), repr(there.actions)):
        assert key() not in text


@pytest.mark.parametrize(
    ("policy", "body", "status"),
    [
        ("off", secure((1, CM, 0)), 488),
        ("required", offer(), 488),
        ("required", secure((1, CM, 0), profile="RTP/AVP"), 488),  # it may be answered plain, so it isn't a promise
        ("required", secure(), 488),
        ("optional", secure(), 488),
        ("optional", secure(*[(i, CM, i) for i in range(1, 10)]), 488),
    ],
)
def test_refused(policy: str, body: bytes, status: int) -> None:
    there = world(policy)
    actions = there.peer(invite(body=body))
    assert statuses(actions) == [status]
    assert not of(actions, KeepKeys)


def test_plain_stays_plain_where_it_may() -> None:
    for policy in ("off", "optional"):
        there = world(policy)
        _, ok, kept = call(there, offer())
        assert lines_of(ok) == ("RTP/AVP", [])
        assert kept is None


def test_opportunistic_offers_are_taken_in_their_own_profile() -> None:
    _, ok, kept = call(world("optional"), secure((4, CM, 0), profile="RTP/AVP"))
    assert kept is not None
    assert lines_of(ok) == ("RTP/AVP", [(4, CM, kept.handle)])
    # Where it is off, the same offer is a plain one.
    _, ok, kept = call(world("off"), secure((4, CM, 0), profile="RTP/AVP"))
    assert kept is None
    assert lines_of(ok) == ("RTP/AVP", [])


def test_of_two_streams_the_usable_one_is_taken() -> None:
    both = secure((1, CM, 0)) + b"m=audio 5000 RTP/AVP 0\r\n"
    _, ok, kept = call(world("required"), both)
    assert kept is not None
    assert b"RTP/SAVP 0" in ok.body
    assert b"m=audio 0 RTP/AVP 0\r\n" in ok.body
    _, ok, kept = call(world("off"), both)
    assert kept is None
    assert b"m=audio 0 RTP/SAVP 0 8 101\r\n" in ok.body


def test_keys_go_with_the_call() -> None:
    there = world("required")
    _, _, kept = call(there, secure((1, CM, 0)))
    assert kept is not None
    actions = there.peer(in_dialog("BYE", cseq=2))
    assert not of(actions, DropKeys)
    actions = there.span(answer(to_span(actions)[0], 200))
    assert of(actions, Bury)
    assert of(actions, DropKeys) == [DropKeys(kept.handle)]


def test_keys_go_with_a_call_that_is_refused() -> None:
    there = world("required")
    actions = there.peer(invite(body=secure((1, CM, 0))))
    kept = of(actions, KeepKeys)[0]
    there.span(answer(to_span(actions)[0], 486))
    actions = there.peer(in_dialog("ACK", cseq=1))
    assert of(actions, DropKeys) == [DropKeys(kept.handle)]


# --- re-INVITE of the peer ------------------------------------------------------------------------------------------


def reinvite(there: World, body: bytes, cseq: int = 2) -> list[Action]:
    return there.peer(in_dialog("INVITE", cseq=cseq, body=body, content_type="application/sdp"))


def test_the_same_key_again_changes_nothing() -> None:
    there = world("required")
    _, first, kept = call(there, secure((1, CM, 0)))
    actions = reinvite(there, secure((1, CM, 0)))
    assert not of(actions, KeepKeys)
    assert not [r for r in reports(actions) if isinstance(r, LegMedia)]
    assert to_peer(actions)[0].body == first.body
    assert not of(actions, DropKeys)
    assert kept is not None


def test_a_new_key_of_the_peer_gets_a_new_one_of_ours() -> None:
    there = world("required")
    _, _, old = call(there, secure((1, CM, 0)))
    assert old is not None
    actions = reinvite(there, secure((3, CM, 77)))
    new = of(actions, KeepKeys)[0]
    assert (new.remote.reveal(), new.seed_of) == (key(CM, 77), 0)
    media = [r for r in reports(actions) if isinstance(r, LegMedia)]
    assert [m.remote.crypto for m in media] == [new.handle]
    kinds = [type(a) for a in actions]
    assert kinds.index(Tell) < kinds.index(ToPeer), "media must know before the peer hears of it"
    assert lines_of(to_peer(actions)[0]) == ("RTP/SAVP", [(3, CM, new.handle)])
    assert of(actions, DropKeys) == [DropKeys(old.handle)]
    repeated = reinvite(there, secure((3, CM, 77)))
    assert to_peer(repeated) == to_peer(actions)
    assert not of(repeated, KeepKeys), "a retransmission is no other offer"


def test_with_a_refused_offer_the_old_key_stays() -> None:
    there = world("required")
    _, _, old = call(there, secure((1, CM, 0)))
    actions = reinvite(there, secure((1, CM, 77)).replace(b" 0 8 101", b" 18"))
    assert statuses(actions) == [488]
    assert not of(actions, KeepKeys)
    dialog = next(iter(there.door._relay.dialogs.by_leg.values()))
    assert old is not None
    assert (dialog.keys, dialog.secured.handle) == ([old.handle], old.handle)


def test_an_encrypted_call_never_becomes_plain() -> None:
    there = world("optional")
    call(there, secure((1, CM, 0), profile="RTP/AVP"))
    assert statuses(reinvite(there, offer())) == [488]
    assert statuses(reinvite(there, secure((1, CM, 0), profile="RTP/AVP"), cseq=3)) == [200]


def test_a_plain_call_may_become_encrypted() -> None:
    there = world("optional")
    call(there, offer())
    actions = reinvite(there, secure((1, CM, 0)))
    kept = of(actions, KeepKeys)[0]
    assert lines_of(to_peer(actions)[0]) == ("RTP/SAVP", [(1, CM, kept.handle)])
    assert [r.remote.crypto for r in reports(actions) if isinstance(r, LegMedia)] == [kept.handle]


# --- outgoing -------------------------------------------------------------------------------------------------------


def dialled(policy: str) -> tuple[World, Request, Request, int]:
    """An outgoing leg: world, the span's INVITE, the peer's INVITE, handle of what we offer."""
    there = world(policy)
    leg = LegId("cabc.2")
    actions = there.put(Reserve(leg, "4711", "main", "100"))
    assert any(isinstance(r, SpanReserved) for r in reports(actions))
    request = invite("out-1", body=SPAN_SDP)
    request.uri = replace(request.uri, user=leg)
    request.extras = {"X-Edge-Media": "192.0.2.1:16390"}
    request.vias[0] = replace(request.vias[0], host="127.0.0.9", port=SPAN_PORT)
    actions = there.span(request)
    offered = of(actions, OfferKeys)
    sent = to_peer(actions)[0]
    assert isinstance(sent, Request)
    return there, request, sent, offered[0].handle if offered else 0


def answered(there: World, sent: Request, body: bytes, status: int = 200) -> list[Action]:
    response = answer(sent, status, tag="far", body=body)
    response.extras = {}
    response.contact = invite().contact
    return there.peer(response)


@pytest.mark.parametrize(("policy", "profile"), [("required", "RTP/SAVP"), ("optional", "RTP/AVP")])
def test_we_offer_every_suite_and_the_answer_decides(policy: str, profile: str) -> None:
    there, _, sent, offered = dialled(policy)
    assert lines_of(sent) == (profile, [(tag, suite, offered) for tag, suite in enumerate(SUITES, 1)])
    tag = 1 + list(SUITES).index(CM)
    actions = answered(there, sent, secure((tag, CM, 9), profile=profile))
    kept = of(actions, KeepKeys)[0]
    assert (kept.suite, kept.remote.reveal(), kept.seed_of) == (CM, key(CM, 9), offered)
    assert [r.remote.crypto for r in reports(actions) if isinstance(r, LegMedia)] == [kept.handle]
    assert b"crypto" not in to_span(actions)[-1].body
    again = answered(there, sent, secure((tag, CM, 9), profile=profile))
    assert not of(again, KeepKeys), "a repeated 200"


@pytest.mark.parametrize(
    ("policy", "body"),
    [
        ("required", offer()),
        ("required", secure((4, CM, 9), profile="RTP/AVP")),
        ("required", secure((1, CM, 9))),  # our tag 1 is another suite
        ("required", secure((99, CM, 9))),
        ("optional", secure((99, CM, 9), profile="RTP/AVP")),
        ("off", secure((4, CM, 9))),
    ],
)
def test_an_answer_that_is_none_ends_the_call(policy: str, body: bytes) -> None:
    there, _, sent, offered = dialled(policy)
    actions = answered(there, sent, body)
    assert [m.method for m in to_peer(actions) if isinstance(m, Request)] == ["ACK", "BYE"]
    assert not [r for r in reports(actions) if isinstance(r, LegMedia)]
    assert bool(offered) == (policy != "off")


def test_optional_takes_a_plain_answer() -> None:
    there, _, sent, _ = dialled("optional")
    actions = answered(there, sent, offer())
    assert [r.remote.crypto for r in reports(actions) if isinstance(r, LegMedia)] == [0]


def test_off_offers_nothing() -> None:
    _, _, sent, offered = dialled("off")
    assert lines_of(sent) == ("RTP/AVP", [])
    assert offered == 0


def test_another_branch_of_a_fork_has_a_key_of_its_own() -> None:
    there, _, sent, offered = dialled("required")
    tag = 1 + list(SUITES).index(CM)
    early = of(answered(there, sent, secure((tag, CM, 9)), 183), KeepKeys)[0]
    actions = answered(there, sent, secure((2, GCM, 40)))
    final = of(actions, KeepKeys)[0]
    assert (final.suite, final.seed_of) == (GCM, offered)
    assert of(actions, DropKeys) == [DropKeys(early.handle)]


def test_front_goes_on_after_a_kill() -> None:
    there = world("required")
    _, _, kept = call(there, secure((1, CM, 0)))
    there = there.restart()
    actions = reinvite(there, secure((1, CM, 0)))
    assert not of(actions, KeepKeys)
    assert kept is not None
    assert lines_of(to_peer(actions)[0]) == ("RTP/SAVP", [(1, CM, kept.handle)])
    assert not [r for r in reports(actions) if isinstance(r, LegEnded)]
