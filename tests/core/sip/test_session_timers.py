"""Session timers (RFC 4028) in virtual time, at the floor of 90 s: both roles, with a span and without one."""

import pytest

from edge.core.sip.actions import Action
from edge.core.sip.message import Request, Response
from edge.core.sip.session_timers import Policy
from edge.vocabulary.reports import LegEnded, LegMedia
from tests.core.sip.steps import (
    dialled,
    first_request,
    from_bob,
    in_dialog_of_span,
    only,
    span_request,
    world_with,
)
from tests.core.sip.test_orphans import lose
from tests.core.sip.world import (
    SPAN_SDP,
    World,
    answer,
    counts,
    in_dialog,
    invite,
    offer,
    reports,
    statuses,
    to_peer,
    to_span,
)

FLOOR = Policy(expires_s=90)
UPDATES = "INVITE, ACK, BYE, CANCEL, UPDATE"


def taken(world: World, **extras: str) -> tuple[Request, Response]:
    """A call that comes in with these header fields: the INVITE as the span got it, the 200 as the peer got it."""
    inner = first_request(world.peer(invite(extras=extras)))
    ok = to_peer(world.span(answer(inner, 200, body=SPAN_SDP)))[-1]
    assert isinstance(ok, Response)
    world.peer(in_dialog("ACK", cseq=1))
    return inner, ok


def placed(world: World, **extras: str) -> Request:
    """A call that we place, answered with these header fields; the INVITE as the peer got it."""
    sent = dialled(world)
    world.peer(from_bob(sent, 200, body=offer(), extras=extras))
    world.span(span_request("ACK"))
    return sent


def asked(actions: list[Action]) -> list[str]:
    return [m.method for m in to_peer(actions) if isinstance(m, Request)]


def ends(actions: list[Action]) -> list[tuple[str, str]]:
    return [(r.end.outcome, r.end.text) for r in reports(actions) if isinstance(r, LegEnded)]


def refresh_of(peer: Request, *, cseq: int, method: str = "UPDATE", expires: str = "90;refresher=uac") -> Request:
    """A refresh by the callee of `peer`, which front had sent."""
    request = in_dialog(method, cseq=cseq, call=peer.call_id, tag=peer.from_.tag)
    request.from_ = peer.to.with_tag("bob-tag")
    request.extras = {"Supported": "timer", "Session-Expires": expires}
    return request


# --- who refreshes, and how often ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "granted", "required"),
    [
        ({"Supported": "timer", "Session-Expires": "90"}, "90;refresher=uac", True),
        ({"Supported": "timer", "Session-Expires": "90;refresher=uas"}, "90;refresher=uas", False),
        ({"Supported": "timer", "Session-Expires": "300;refresher=uac", "Min-SE": "120"}, "120;refresher=uac", True),
        ({"Supported": "timer"}, "90;refresher=uac", True),
        ({"Supported": "timer", "Min-SE": "200"}, "200;refresher=uac", True),
        ({"Session-Expires": "95;refresher=uac"}, "90;refresher=uas", False),  # a proxy asked, the peer can't
        ({}, None, False),
    ],
)
def test_what_we_grant(said: dict[str, str], granted: str | None, required: bool) -> None:
    inner, ok = taken(world_with(session=FLOOR), **said)
    assert ok.extras.get("Session-Expires") == granted
    assert ("timer" in ok.tokens("Require")) == required
    assert "timer" in ok.tokens("Supported")
    assert not {"Session-Expires", "Min-SE"} & set(inner.extras), "the span hears nothing of it"
    assert "timer" not in inner.tokens("Supported")


@pytest.mark.parametrize("refresher", ["us", "peer"])
def test_a_trunk_says_who_refreshes(refresher: str) -> None:
    policy = Policy(expires_s=90, refresher=refresher)  # type: ignore[arg-type]
    _, ok = taken(world_with(session=policy), Supported="timer")
    assert ok.extras["Session-Expires"] == f"90;refresher={'uas' if refresher == 'us' else 'uac'}"
    sent = dialled(world_with(session=policy))
    assert sent.extras["Session-Expires"] == f"90;refresher={'uac' if refresher == 'us' else 'uas'}"


def test_a_trunk_may_not_ask_for_timers() -> None:
    policy = Policy(expires_s=0)
    sent = dialled(world_with(session=policy))
    assert "Session-Expires" not in sent.extras
    assert "timer" in sent.tokens("Supported")
    _, ok = taken(world_with(session=policy), Supported="timer", **{"Session-Expires": "600"})
    assert ok.extras["Session-Expires"] == "600;refresher=uac"


def test_what_we_ask_for() -> None:
    sent = dialled(world_with(session=Policy(expires_s=1800, min_s=300)))
    assert (sent.extras["Session-Expires"], sent.extras["Min-SE"]) == ("1800", "300")
    assert "timer" in sent.tokens("Supported")
    assert "Min-SE" not in dialled(world_with(session=FLOOR)).extras


# --- 422 --------------------------------------------------------------------------------------------------------------


def test_too_short_an_interval_is_refused_by_422() -> None:
    world = world_with(session=Policy(min_s=120))
    actions = world.peer(invite(extras={"Supported": "timer", "Session-Expires": "90"}))
    (refusal,) = to_peer(actions)
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.extras["Min-SE"]) == (422, "120")
    assert ("call_refused", "session_interval") in counts(actions)
    assert not reports(actions)
    taken(world, Supported="timer", **{"Session-Expires": "120"})
    refresh = in_dialog("UPDATE", cseq=2, extras={"Supported": "timer", "Session-Expires": "90"})
    assert statuses(world.peer(refresh)) == [422]


def test_a_peer_that_wants_a_longer_one_gets_it() -> None:
    world = world_with(session=FLOOR)
    sent = dialled(world)
    actions = world.peer(from_bob(sent, 422, extras={"Min-SE": "400"}))
    assert not to_span(actions)
    ack, again = to_peer(actions)
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert (ack.method, ack.cseq) == ("ACK", sent.cseq)
    assert (again.method, again.cseq, again.extras["Session-Expires"]) == ("INVITE", sent.cseq + 1, "400")
    assert (again.extras["Min-SE"], again.body, again.call_id) == ("400", sent.body, sent.call_id)
    assert again.vias[0].branch != sent.vias[0].branch
    world.peer(from_bob(again, 200, body=offer(), extras={"Session-Expires": "400;refresher=uac"}))
    world.span(span_request("ACK"))
    assert not to_peer(world.wait(199_999))
    refresh = only(to_peer(world.wait(1)))
    assert (refresh.extras["Session-Expires"], refresh.extras["Min-SE"]) == ("400;refresher=uac", "400")


@pytest.mark.parametrize("said", [{}, {"Min-SE": "90"}, {"Min-SE": "400"}])
def test_a_peer_that_is_never_satisfied(said: dict[str, str]) -> None:
    world = world_with(session=FLOOR)
    sent = dialled(world)
    actions = world.peer(from_bob(sent, 422, extras=said))
    if said.get("Min-SE") == "400":
        actions = world.peer(from_bob(to_peer(actions)[1], 422, extras={"Min-SE": "500"}))
    assert [m.status for m in to_span(actions)] == [422]


# --- refreshes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", ["lives", "dies", "and front dies"])
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
def test_we_refresh(by: str, span: str) -> None:
    """Three times at half the interval, and the call lives; without the peer's answers it ends."""
    world = world_with(session=FLOOR)
    said = {"Supported": "timer", "Session-Expires": "90;refresher=uas"}
    inner, ok = taken(world, **said, **({"Allow": UPDATES} if by == "UPDATE" else {}))
    if span != "lives":
        lose(world)
    for number in range(1, 4):
        if span == "and front dies":
            world.restart()
        assert not to_peer(world.wait(44_999))
        sent = only(to_peer(world.wait(1)))
        assert isinstance(sent, Request)
        assert (sent.method, sent.cseq) == (by, number)
        assert sent.extras["Session-Expires"] == "90;refresher=uac"
        assert sent.contact is not None
        assert sent.body == (ok.body if by == "INVITE" else b""), "nothing of the session changes"
        contact = invite().contact
        fine = answer(
            sent, 200, tag="", media="", body=offer() if by == "INVITE" else b"", contact=contact,
            extras={"Session-Expires": "90;refresher=uac"},
        )  # fmt: skip
        actions = world.peer(fine)
        assert asked(actions) == (["ACK"] if by == "INVITE" else [])
        assert not reports(actions)
        assert not to_span(actions)
    if span == "lives":  # whose numbers go on behind ours
        bye = first_request(world.span(in_dialog_of_span("BYE", inner, cseq=1)), "peer")
        assert bye.cseq == 4
        return
    world.wait(45_000)
    actions = world.wait(15_000)  # 30 s before the interval is over
    assert asked(actions)[-1] == "BYE"
    assert ends(actions) == [("failed", "the session was not refreshed")]


@pytest.mark.parametrize("span", ["lives", "dies"])
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
@pytest.mark.parametrize("state", ["due", "in flight"])
def test_front_dies_with_a_refresh(state: str, by: str, span: str) -> None:
    """Due while it was away: it goes out at once. In flight: the same one is repeated. The call lives."""
    world = world_with(session=FLOOR)
    said = {"Supported": "timer", "Session-Expires": "90;refresher=uas"}
    taken(world, **said, **({"Allow": UPDATES} if by == "UPDATE" else {}))
    before = world.wait(44_000 if state == "due" else 45_000)
    if state == "due":
        assert not to_peer(before)
        world.now_ms += 3_000  # nobody is there
    else:
        assert asked(before) == [by]
    if span == "dies":
        lose(world)
    world.restart()
    sent = to_peer(world.wait(600))
    first = sent[0]
    assert isinstance(first, Request)
    assert all(again == first for again in sent), "one transaction"
    assert (first.method, first.cseq) == (by, 1)
    if state == "in flight":
        assert first in to_peer(before)
    fine = answer(first, 200, tag="", media="", body=offer() if by == "INVITE" else b"", contact=invite().contact,
                  extras={"Session-Expires": "90;refresher=uac"})  # fmt: skip
    actions = world.peer(fine)
    assert asked(actions) == (["ACK"] if by == "INVITE" else [])
    assert not ends(world.wait(44_999))
    (following,) = {m.cseq for m in to_peer(world.wait(1)) if isinstance(m, Request)}
    assert following == 2


@pytest.mark.parametrize("span", ["lives", "dies", "and front dies"])
def test_the_peer_refreshes(span: str) -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", **{"Session-Expires": "90;refresher=uac"})
    if span != "lives":
        lose(world)
    for number in range(2, 5):
        if span == "and front dies":
            world.restart()
        assert not world.wait(55_000)
        said = {"Supported": "timer", "Session-Expires": "90;refresher=uac"}
        ok = to_peer(world.peer(in_dialog("UPDATE", cseq=number, extras=said)))[0]
        assert ok.extras["Session-Expires"] == "90;refresher=uac"
    assert not world.wait(59_999)
    actions = world.wait(1)
    assert asked(actions) == ["BYE"]
    assert "cause=102" in to_peer(actions)[0].extras["Reason"] or span == "lives"
    assert ends(actions) == [("failed", "the session was not refreshed")]
    assert [m.method for m in to_span(actions) if isinstance(m, Request)] == (["BYE"] if span == "lives" else [])


def test_the_callee_refreshes() -> None:
    world = world_with(session=FLOOR)
    sent = placed(world, **{"Session-Expires": "90;refresher=uas"})
    for number in range(1, 4):
        assert not world.wait(55_000)
        assert statuses(world.peer(refresh_of(sent, cseq=number))) == [200]
    # The roles may change with each refresh: now it is ours.
    assert statuses(world.peer(refresh_of(sent, cseq=4, expires="90;refresher=uas"))) == [200]
    assert asked(world.wait(45_000)) == ["INVITE"]


def test_no_timer_without_the_callees_word() -> None:
    world = world_with(session=FLOOR)
    placed(world)
    assert not world.wait(3_600_000)


@pytest.mark.parametrize("status", [405, 501])
def test_update_that_the_peer_does_not_take_after_all(status: int) -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", Allow=UPDATES, **{"Session-Expires": "90;refresher=uas"})
    update = only(to_peer(world.wait(45_000)))
    assert asked(world.peer(answer(update, status, tag=""))) == ["INVITE"]


def test_a_refresh_that_crosses_the_peers_is_tried_again() -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", **{"Session-Expires": "90;refresher=uas"})
    sent = only(to_peer(world.wait(45_000)))
    assert statuses(world.peer(in_dialog("INVITE", cseq=2, content_type="application/sdp", body=offer()))) == [491]
    assert asked(world.peer(answer(sent, 491, tag=""))) == ["ACK"]
    assert asked(world.wait(8_000))[:1] == ["INVITE"]


def test_a_refresh_may_bring_a_new_interval_address_and_target() -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", **{"Session-Expires": "90;refresher=uas"})
    sent = only(to_peer(world.wait(45_000)))
    actions = world.peer(answer(sent, 422, tag="", extras={"Min-SE": "200"}))
    assert asked(actions) == ["ACK", "INVITE"]
    again = to_peer(actions)[1]
    assert again.extras["Session-Expires"] == "200;refresher=uac"
    contact = invite().contact
    body = offer(port=4444)
    actions = world.peer(
        answer(
            again, 200, tag="", media="", body=body, contact=contact, extras={"Session-Expires": "200;refresher=uac"}
        )
    )
    assert [r.remote.rtp.port for r in reports(actions) if isinstance(r, LegMedia)] == [4444]
    assert not world.wait(99_000)
    assert asked(world.wait(1_000)) == ["INVITE"]


@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_lost_the_call(status: int) -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", Allow=UPDATES, **{"Session-Expires": "90;refresher=uas"})
    sent = only(to_peer(world.wait(45_000)))
    actions = world.peer(answer(sent, status, tag=""))
    assert asked(actions) == ["BYE"]
    assert ends(actions)


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    world = world_with(session=Policy(expires_s=600))
    taken(world, Supported="timer", Allow=UPDATES, **{"Session-Expires": "600;refresher=uas"})
    world.wait(300_000)
    actions = world.wait(32_001)
    assert asked(actions).count("UPDATE") == 10
    assert asked(actions)[-1] == "BYE"
    assert ends(actions) == [("failed", "no answer to our session refresh")]


def test_a_hold_is_kept_through_our_refresh() -> None:
    world = world_with(session=FLOOR)
    taken(world, Supported="timer", **{"Session-Expires": "90;refresher=uas"})
    hold = in_dialog(
        "INVITE", cseq=2, content_type="application/sdp", body=offer(direction="sendonly"),
        extras={"Supported": "timer", "Session-Expires": "90;refresher=uas"},
    )  # fmt: skip
    held = to_peer(world.peer(hold))[0]
    world.peer(in_dialog("ACK", cseq=2))
    sent = only(to_peer(world.wait(45_000)))
    assert sent.body == held.body
    assert b"a=recvonly" in sent.body
