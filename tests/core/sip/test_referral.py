"""REFER of a peer: what its trunk's rules let it, and the NOTIFYs that it hears."""

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Action, Progress
from edge.core.sip.message import Request
from edge.core.sip.parser import parse
from edge.core.sip.replaces import Replaces, parse_refer_to, parse_replaces
from edge.core.sip.trunks import Trunk
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegEnded, LegIncoming, TransferAsked, TransferRefused
from tests.core.sip.steps import world_with
from tests.core.sip.test_orphans import lose
from tests.core.sip.world import (
    PEER,
    SPAN_SDP,
    TRUNK,
    TRUNK_HOST,
    World,
    answer,
    answered,
    in_dialog,
    invite,
    reports,
    statuses,
    to_peer,
    to_span,
)

IN = LegId("c0000000000000001.1")
ALLOWING = {"refer": True, "refer_to": ("3*", "+4930555"), "country": "DE"}


def refer(to: str, cseq: int = 2, **extras: str) -> Request:
    return in_dialog("REFER", cseq=cseq, extras={"Refer-To": to, **extras})


def notifies(actions: list[Action]) -> list[tuple[str, str, bytes]]:
    sent = [m for m in to_peer(actions) if isinstance(m, Request) and m.method == "NOTIFY"]
    assert all(m.contact is not None and m.content_type == "message/sipfrag" for m in sent)
    raw = [a.data.decode() for a in actions if getattr(a, "data", b"").startswith(b"NOTIFY")]
    heads = [dict(line.split(": ", 1) for line in text.split("\r\n\r\n")[0].split("\r\n")[1:]) for text in raw]
    return [(h["Event"], h["Subscription-State"], m.body) for h, m in zip(heads, sent, strict=True)]


def asked(actions: list[Action]) -> list[TransferAsked]:
    return [r for r in reports(actions) if isinstance(r, TransferAsked)]


def notify_of(actions: list[Action]) -> Request:
    return next(m for m in to_peer(actions) if isinstance(m, Request) and m.method == "NOTIFY")


def up(**trunk: object) -> World:
    world = world_with(**{**ALLOWING, **trunk})
    answered(world)
    return world


@pytest.mark.parametrize("span", ["lives", "dies", "and front dies"])
def test_it_is_followed_and_the_peer_hears_how_it_goes(span: str) -> None:
    world = up()
    if span != "lives":
        lose(world)
    request = refer(f"<sip:300@{TRUNK_HOST}>")
    actions = world.peer(request)
    assert statuses(actions) == [202]
    assert to_peer(actions)[0].contact is not None
    assert asked(actions) == [TransferAsked(leg=IN, target=Private("300"), trunk="main")]
    assert notifies(actions) == [("refer", "active;expires=180", b"SIP/2.0 100 Trying\r\n")]
    assert not to_span(actions)
    first = notify_of(actions)
    again = world.peer(request)
    assert statuses(again) == [202]
    assert not asked(again), "a repeat is not another one"
    if span == "and front dies":
        world.restart()
    world.put(Progress(IN, 180))
    assert not notifies(world.actions), "one at a time"
    world.put(Progress(IN, 183))
    actions = world.peer(answer(first, 200, tag=""))
    assert notifies(actions) == [("refer", "active;expires=180", b"SIP/2.0 183 Session Progress\r\n")]
    world.peer(answer(notify_of(actions), 200, tag=""))
    actions = world.put(Progress(IN, 200))
    assert notifies(actions) == [("refer", "terminated;reason=noresource", b"SIP/2.0 200 OK\r\n")]
    world.peer(answer(notify_of(actions), 200, tag=""))
    assert not world.put(Progress(IN, 200))
    second = world.peer(refer("<sip:301@192.0.2.1>", 3))
    assert notifies(second) == [("refer;id=3", "active;expires=180", b"SIP/2.0 100 Trying\r\n")]


def test_peers_are_told_that_they_may() -> None:
    for refer, told in ((True, True), (False, False)):
        world = world_with(**{**ALLOWING, "refer": refer})
        inner = to_span(world.peer(invite()))[0]
        assert "REFER" not in inner.extras["Allow"]
        ok = next(m for m in to_peer(world.span(answer(inner, 200, body=SPAN_SDP))))
        assert ("REFER" in ok.extras["Allow"]) == told


@pytest.mark.parametrize(
    ("to", "trunk"),
    [
        ("<sip:300@198.51.100.7>", {"refer": False}),
        ("<sip:400@198.51.100.7>", {}),
        ("<sip:300@evil.example>", {}),
        ("<sip:300@203.0.113.9>", {}),
        ("<sip:300@198.51.100.7;method=BYE>", {}),
        ("<sip:198.51.100.7>", {}),
        ("<sip:300@198.51.100.7>", {"host": ""}),
        ("<sip:300@198.51.100.7>", {"refer_to": ()}),
        ("<tel:+49305556>", {}),
    ],
)  # fmt: skip
def test_what_the_rules_do_not_allow_is_refused_and_told(to: str, trunk: dict[str, object]) -> None:
    world = up(**trunk)
    actions = world.peer(refer(to))
    assert statuses(actions) == [603]
    assert [r.by for r in reports(actions) if isinstance(r, TransferRefused)] == ["refer"]
    assert not asked(actions)
    assert not notifies(actions)


@pytest.mark.parametrize(
    ("to", "number"),
    [
        ("<tel:+49-30-555>", "+4930555"),
        ("<sip:030555@192.0.2.1:5060;transport=udp>", "030555"),
        ("Bob <sip:3@198.51.100.8>;x=y", "3"),
        ("sip:3123@198.51.100.7", "3123"),
    ],
)
def test_numbers_are_known_however_they_are_written(to: str, number: str) -> None:
    assert [one.target.reveal() for one in asked(up().peer(refer(to)))] == [number]


def test_broken_ones() -> None:
    world = up()
    for to in ("<sip:1@h>, <sip:2@h>", "<sip:300@h?Replaces=a>", "<sip:300@h?Replaces=a%3Bto-tag%3D1&replaces=b>"):
        actions = world.peer(refer(to))
        assert statuses(actions) == [400], to
    assert statuses(world.peer(in_dialog("REFER", cseq=3))) == [400]
    assert not asked(world.actions)


def test_one_at_a_time() -> None:
    world = up()
    world.peer(refer("<sip:300@192.0.2.1>"))
    assert statuses(world.peer(refer("<sip:301@192.0.2.1>", 3))) == [491]


def test_who_does_not_want_to_hear_is_not_told() -> None:
    world = up()
    actions = world.peer(refer("<sip:300@192.0.2.1>", **{"Refer-Sub": "false", "Require": "norefersub"}))
    assert statuses(actions) == [202]
    assert to_peer(actions)[0].extras["Refer-Sub"] == "false"
    assert asked(actions)
    assert not notifies(actions)
    world.put(Progress(IN, 200))
    assert not notifies(world.actions)
    assert statuses(world.peer(refer("<sip:301@192.0.2.1>", 3))) == [202], "it is over"


@pytest.mark.parametrize("status", [481, 405, 408])
def test_a_peer_that_refuses_to_hear_keeps_its_call(status: int) -> None:
    world = up()
    first = notify_of(world.peer(refer("<sip:300@192.0.2.1>")))
    actions = world.peer(answer(first, status, tag=""))
    assert not [r for r in reports(actions) if isinstance(r, LegEnded)]
    assert not world.put(Progress(IN, 180))
    assert world.door.figures()["dialogs"] == 1


def test_a_peer_that_says_nothing_keeps_its_call() -> None:
    world = up()
    world.peer(refer("<sip:300@192.0.2.1>"))
    actions = world.wait(33_000)
    assert not [r for r in reports(actions) if isinstance(r, LegEnded)]
    assert world.door.figures()["dialogs"] == 1


def test_switch_never_says_what_came_of_it() -> None:
    world = up()
    world.peer(answer(notify_of(world.peer(refer("<sip:300@192.0.2.1>"))), 200, tag=""))
    actions = world.wait(180_001)
    assert ("refer", "terminated;reason=noresource", b"SIP/2.0 503 Service Unavailable\r\n") in notifies(actions)


def test_who_asked_hangs_up() -> None:
    world = up()
    world.peer(refer("<sip:300@192.0.2.1>"))
    bye = to_span(world.peer(in_dialog("BYE", cseq=3)))[0]
    assert not world.put(Progress(IN, 200))
    world.span(answer(bye, 200))
    assert not world.put(Progress(IN, 200))


# --- two calls of one peer ------------------------------------------------------------------------------------------


def second_call(world: World) -> LegId:
    before = set(world.door.live_legs())
    inner = to_span(world.peer(invite("call-2")))[0]

    world.span(answer(inner, 200, tag="span-two", body=SPAN_SDP))
    world.peer(in_dialog("ACK", cseq=1, call="call-2", tag="span-two"))
    (leg,) = set(world.door.live_legs()) - before
    return leg


WITH = "<sip:x@192.0.2.1?Replaces=call-2%3Bto-tag%3Dspan-two%3Bfrom-tag%3Dpeer-tag>"


def test_an_attended_transfer_names_the_other_leg() -> None:
    world = up(refer_to=())
    other = second_call(world)
    actions = world.peer(refer(WITH))
    assert statuses(actions) == [202]
    assert [(one.leg, one.other, one.target.reveal()) for one in asked(actions)] == [(IN, other, "")]


@pytest.mark.parametrize("wrong", ["span-two", "peer-tag", "trunk", "early"])
def test_whose_dialog_it_is_not(wrong: str) -> None:
    other = Trunk(name="other", sources=("198.51.100.200",), host="198.51.100.200", refer=True, refer_to=("*",))
    world = World(trunks=(replace(TRUNK, **ALLOWING), other))
    answered(world)
    to = WITH
    if wrong == "trunk":
        flow = replace(PEER, address=replace(PEER.address, host="198.51.100.200"))
        inner = to_span(world.peer(invite("call-2"), flow))[0]

        world.span(answer(inner, 200, tag="span-two", body=SPAN_SDP))
        world.peer(in_dialog("ACK", cseq=1, call="call-2", tag="span-two"), flow)
    elif wrong == "early":
        inner = to_span(world.peer(invite("call-2")))[0]
        world.span(answer(inner, 180, tag="span-two"))
    else:
        second_call(world)
        to = WITH.replace(wrong, "nobodys")
    assert statuses(world.peer(refer(to))) == [603]
    assert not asked(world.actions)


def test_a_dialog_of_the_trunk_is_named_to_it() -> None:
    to = "<sip:300@198.51.100.7?Replaces=abc%40pbx%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only&X=1>"
    (one,) = asked(up().peer(refer(to)))
    assert one.replaces.reveal() == "abc@pbx;to-tag=1;from-tag=2;early-only"


def test_how_they_are_written() -> None:
    one = parse_replaces("a@b ; from-tag=2;to-tag=1 ;EARLY-ONLY;x=y")
    assert one == Replaces(call_id="a@b", to_tag="1", from_tag="2", early_only=True)
    assert parse_replaces(str(one)) == one
    to = parse_refer_to('"Bob" <sip:b@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>;x=1')
    assert parse_refer_to(str(to)) == to
    data = b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
    data += b"Call-ID: c\r\nCSeq: 1 INVITE\r\nReplaces: a;to-tag=1\r\n\r\n"
    assert getattr(parse(data), "status", 0) == 400


# --- a call that is to have the place of another one ------------------------------------------------------------------


def replacing(replaces: str) -> Request:
    return invite("call-2", extras={"Replaces": replaces, "Require": "replaces"})


def test_a_call_that_replaces_another_one_says_so_to_switch() -> None:
    world = up(refer_to=())
    actions = world.peer(replacing("call-1;to-tag=span-tag;from-tag=peer-tag"))
    (told,) = [r for r in reports(actions) if isinstance(r, LegIncoming)]
    assert told.replaces == IN
    assert "Replaces" not in to_span(actions)[0].extras
    world.restart()
    assert [r.replaces for r in reports(world.actions) if isinstance(r, LegIncoming)] == [IN]


@pytest.mark.parametrize(
    ("replaces", "trunk", "status"),
    [
        ("call-9;to-tag=span-tag;from-tag=peer-tag", {}, 481),
        ("call-1;to-tag=span-tag;from-tag=other", {}, 481),
        ("call-1;to-tag=span-tag;from-tag=peer-tag;early-only", {}, 486),
        ("call-1;to-tag=span-tag;from-tag=peer-tag", {"refer": False}, 603),
    ],
)
def test_a_call_that_may_not_replace_another_one(replaces: str, trunk: dict[str, object], status: int) -> None:
    world = up(**trunk)
    actions = world.peer(replacing(replaces))
    assert statuses(actions) == [status]
    assert not [r for r in reports(actions) if isinstance(r, LegIncoming)]
    refused = [r.by for r in reports(actions) if isinstance(r, TransferRefused)]
    assert refused == (["replaces"] if status == 603 else [])


def test_a_call_that_replaces_one_that_is_over_or_not_up_yet() -> None:
    world = world_with(**ALLOWING)
    inner = to_span(world.peer(invite()))[0]
    world.span(answer(inner, 180))
    this = "call-1;to-tag=span-tag;from-tag=peer-tag"
    assert statuses(world.peer(replacing(this))) == [481]
    world = up()
    bye = to_span(world.peer(in_dialog("BYE")))[0]
    assert statuses(world.peer(replacing(this))) == [603]
    world.span(answer(bye, 200))
    assert statuses(world.peer(replacing(this))) == [603]
