"""A 3xx to a call of ours: whom it is followed to, and whom not."""

import pytest

from edge.core.sip.actions import Action
from edge.core.sip.message import Request, serialise
from edge.vocabulary.ids import LegId
from edge.vocabulary.reports import Redirected, TransferRefused
from tests.core.sip.steps import LEG, from_bob, span_request, world_with
from tests.core.sip.steps import dialled as dial
from tests.core.sip.test_attempts import dial as dial_group
from tests.core.sip.test_attempts import flow as flow_of
from tests.core.sip.test_attempts import group_world
from tests.core.sip.world import TRUNK_HOST, World, offer, reports, to_peer, to_span

FOLLOWING = {"redirects": True, "refer_to": ("6*", "+4930*"), "country": "DE", "send_diversion": True}


def redirect(request: Request, *contacts: str, status: int = 302) -> bytes:
    """A 3xx with these Contact headers, as it comes over the wire."""
    head, blank, body = serialise(from_bob(request, status, tag=f"t{request.cseq}")).partition(b"\r\n\r\n")
    lines = "".join([f"\r\nContact: {contact}" for contact in contacts])
    return head + lines.encode() + blank + body


def invites(actions: list[Action]) -> list[str]:
    return [str(m.uri) for m in to_peer(actions) if isinstance(m, Request) and m.method == "INVITE"]


def next_invite(actions: list[Action]) -> Request:
    return next(m for m in to_peer(actions) if isinstance(m, Request) and m.method == "INVITE")


def told(actions: list[Action]) -> list[tuple[LegId, str]]:
    return [(r.leg, r.target.reveal()) for r in reports(actions) if isinstance(r, Redirected)]


def refused(actions: list[Action]) -> list[str]:
    return [r.target.reveal() for r in reports(actions) if isinstance(r, TransferRefused)]


def test_contacts_are_tried_in_the_order_of_their_q() -> None:
    world = world_with(**FOLLOWING)
    first = dial(world)
    actions = world.peer(
        redirect(
            first,
            f"<sip:601@{TRUNK_HOST}>;q=0.3, <sip:602@192.0.2.1>;q=0.9",
            "<tel:+49-30-123>",
            "<sip:603@evil.example>",
            "<sip:700@192.0.2.1>",
        )
    )
    ack = next(m for m in to_peer(actions) if isinstance(m, Request) and m.method == "ACK")
    assert (ack.cseq, ack.vias[0].branch) == (first.cseq, first.vias[0].branch)
    assert invites(actions) == [f"sip:+4930123@{TRUNK_HOST}:5061"]
    assert told(actions) == [(LEG, "+4930123")]
    assert not refused(actions)
    assert not to_span(actions), "its span hears nothing of it"
    second = next_invite(actions)
    assert (second.call_id, second.cseq) == (first.call_id, first.cseq + 1)
    assert str(second.to.uri) == f"sip:+4930123@{TRUNK_HOST}:5061"
    actions = world.peer(from_bob(second, 486, tag="two"))
    assert invites(actions) == [f"sip:602@{TRUNK_HOST}:5061"]
    actions = world.peer(from_bob(next_invite(actions), 404, tag="three"))
    assert invites(actions) == [f"sip:601@{TRUNK_HOST}:5061"]
    actions = world.peer(from_bob(next_invite(actions), 480, tag="four"))
    assert not invites(actions)
    assert [m.status for m in to_span(actions)] == [480]


def test_who_answers_is_connected_and_the_call_says_who_diverted_it() -> None:
    world = world_with(**FOLLOWING)
    actions = world.peer(redirect(dial(world), f"<sip:601@{TRUNK_HOST}>"))
    second = next_invite(actions)
    assert b"Diversion: <sip:555@192.0.2.1>;reason=deflection" in next(
        a.data for a in actions if getattr(a, "data", b"").startswith(b"INVITE")
    )
    world.restart()
    actions = world.peer(from_bob(second, 200, body=offer()))
    assert [m.status for m in to_span(actions)] == [200]


def test_a_call_is_sent_on_three_times_and_never_to_where_it_was() -> None:
    world = world_with(**FOLLOWING)
    request = dial(world, "600")
    for number in (601, 602, 603):
        request = next_invite(world.peer(redirect(request, f"<sip:600@{TRUNK_HOST}>, <sip:{number}@{TRUNK_HOST}>")))
        assert request.uri.user == str(number)
    actions = world.peer(redirect(request, f"<sip:604@{TRUNK_HOST}>"))
    assert not invites(actions)
    assert refused(actions) == [f"sip:604@{TRUNK_HOST}"]
    assert [m.status for m in to_span(actions)] == [480]


@pytest.mark.parametrize(
    ("contact", "status", "trunk"),
    [
        (f"<sip:601@{TRUNK_HOST}>", 302, {"redirects": False}),
        (f"<sip:601@{TRUNK_HOST}>", 305, {}),
        (f"<sip:601@{TRUNK_HOST}>", 380, {}),
        ("<sip:601@evil.example>", 302, {}),
        ("<sip:601@203.0.113.9>", 302, {}),
        (f"<sip:700@{TRUNK_HOST}>", 302, {}),
        (f"<sip:555@{TRUNK_HOST}>", 302, {"refer_to": ("*",)}),
        (f"<sip:{TRUNK_HOST}>", 302, {"refer_to": ("*",)}),
    ],
)
def test_what_the_rules_do_not_allow_is_a_refusal(contact: str, status: int, trunk: dict[str, object]) -> None:
    world = world_with(**{**FOLLOWING, **trunk})
    actions = world.peer(redirect(dial(world), contact, status=status))
    assert not invites(actions)
    assert len(refused(actions)) == 1
    assert [m.status for m in to_span(actions)] == [480]


def test_six_hundreds_are_the_last_word() -> None:
    world = world_with(**FOLLOWING)
    actions = world.peer(redirect(dial(world), f"<sip:601@{TRUNK_HOST}>, <sip:602@{TRUNK_HOST}>"))
    assert not invites(world.peer(from_bob(next_invite(actions), 603, tag="two")))


def test_a_caller_who_has_given_up_is_not_sent_on() -> None:
    world = world_with(**FOLLOWING)
    first = dial(world)
    world.peer(from_bob(first, 180))
    world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone"))
    assert not invites(world.peer(redirect(first, f"<sip:601@{TRUNK_HOST}>")))


def test_other_trunks_of_its_group_are_not_asked_for_the_old_number_then() -> None:
    world: World = group_world(**{key: value for key, value in FOLLOWING.items() if key != "send_diversion"})
    actions = dial_group(world, "all")
    actions = world.peer(redirect(next_invite(actions), "<sip:601@198.51.100.7>"), flow_of("198.51.100.7"))
    assert invites(actions) == ["sip:601@198.51.100.7:5060"]
    actions = world.peer(from_bob(next_invite(actions), 503, tag="two"), flow_of("198.51.100.7"))
    assert not invites(actions)
