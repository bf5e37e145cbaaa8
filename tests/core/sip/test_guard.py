"""The door towards strangers, and the share of each trunk in what comes in."""

from msgspec.structs import replace

from edge.core.sip.actions import AcceptCalls, Action, ClearBans, Flow, Sample, Suspicion, Sweep, ToPeer
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.parser import parse
from edge.core.sip.trunks import Trunk
from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegIncoming, Noticed
from edge.vocabulary.site_events import SecurityBanned, SecuritySuspected, SecurityUnbanned, SiteEvent
from tests.core.sip.steps import LEG, dialled, first_request
from tests.core.sip.world import (
    SPAN_SDP,
    STRANGER,
    TRUNK,
    TRUNK_HOST,
    World,
    answer,
    answered,
    counts,
    in_dialog,
    invite,
    reports,
    statuses,
    to_peer,
    to_span,
)

SCAN = serialise(invite("scan")).replace(b"Max-Forwards", b"User-Agent: friendly-scanner\r\nMax-Forwards")
BROKEN = serialise(invite("broken")).replace(b"Max-Forwards: 70", b"Max-Forwards: 7x")
OTHER_HOST = "198.51.100.99"
OTHER = Trunk(name="other", sources=(OTHER_HOST,))


def noticed(actions: list[Action]) -> list[SiteEvent]:
    return [report.event for report in reports(actions) if isinstance(report, Noticed)]


def sampled(world: World, data: bytes, flow: Flow = STRANGER, times: int = 1) -> list[Action]:
    world.take()
    for _ in range(times):
        world.put(Sample(data, flow))
    return world.take()


# --- strangers ----------------------------------------------------------------------------------------------------


def test_a_scanner_is_banned_and_told_of_and_gets_nothing() -> None:
    world = World()
    actions = sampled(world, SCAN, times=10)
    assert not [a for a in actions if isinstance(a, ToPeer)]
    (event,) = noticed(actions)
    assert isinstance(event, SecurityBanned)
    assert (event.source, event.trunk, event.cause, event.times, event.seconds) == (
        STRANGER.address.host, "", "scanner", 1, 600,
    )  # fmt: skip
    assert event.evidence == {"scanner": 3}
    assert world.door.sources(world.now_ms)[1] == [STRANGER.address.host]
    assert counts(actions).count(("banned", "scanner")) == 1


def test_a_lost_phone_is_no_attack() -> None:
    world = World()
    for _ in range(200):
        assert noticed(sampled(world, serialise(invite("lost")))) == []
        world.now_ms += 30_000


def test_a_stranger_with_credentials_guesses_passwords_and_a_trunk_with_some_does_not() -> None:
    world = World()
    register = invite("guess", body=b"")
    register.method = "REGISTER"
    for header in (b"Authorization", b"authorization ", b"Proxy-Authorization"):
        data = serialise(register).replace(b"Max-Forwards", header + b': Digest username="100"\r\nMax-Forwards')
        assert ("evidence", "failed_digest") in counts(sampled(world, data))
        actions = world.peer(data)
        assert statuses(actions) == [405]
        assert not [label for what, label in counts(actions) if what == "evidence"]
    (event,) = noticed(sampled(world, data, times=6))
    assert isinstance(event, SecurityBanned)
    assert (event.cause, event.evidence) == ("failed_digest", {"failed_digest": 9})


def test_what_is_no_sip_is_no_evidence() -> None:
    world = World()
    for data in (b"", b"\r\n\r\n", b"\x00\x01\x00\x00" + bytes(16), b"\x80\x00" + bytes(170)):
        assert ("evidence", "stranger") not in counts(sampled(world, data, times=50))


def test_the_end_of_a_ban_is_told_and_it_can_be_cleared() -> None:
    world = World()
    sampled(world, SCAN, times=3)
    world.now_ms += 599_000
    assert noticed(world.put(Sweep())) == []
    world.now_ms += 1_000
    assert noticed(world.put(Sweep())) == [SecurityUnbanned(source=STRANGER.address.host, by="expired")]
    assert world.door.sources(world.now_ms)[1] == []
    sampled(world, SCAN, times=3)
    assert [ban.times for ban in world.door.bans(world.now_ms)] == [2]
    assert noticed(world.put(ClearBans(STRANGER.address.host))) == [
        SecurityUnbanned(source=STRANGER.address.host, by="cleared")
    ]
    assert world.door.bans(world.now_ms) == []


#: A request as short as they get: its refusal, with a tag and `received`, is longer.
TERSE = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\nContent-Length: 0\r\n\r\n"
)


def test_refused_by_policy_a_little_and_never_more_than_came() -> None:
    world = World(strangers="refuse")
    data = serialise(invite("hello", body=b""))
    padded = data.replace(b"Max-Forwards", b"Subject: " + b"x" * 200 + b"\r\nMax-Forwards")
    actions = sampled(world, padded)
    (refusal,) = to_peer(actions)
    assert isinstance(refusal, Response)
    assert refusal.status == 403
    assert len(serialise(refusal)) <= len(padded)
    assert len([a for a in sampled(world, padded, times=15) if isinstance(a, ToPeer)]) <= 4
    assert isinstance(parse(TERSE), Request)
    for other in (TERSE, serialise(invite("short", body=b""))[:60], serialise(in_dialog("ACK"))):
        assert not to_peer(sampled(World(strangers="refuse"), other))
    networks, _ = world.door.sources(world.now_ms)
    assert [str(network) for network in networks] == ["0.0.0.0/0", "::/0"]


def test_refusals_have_a_limit_over_all() -> None:
    world = World(strangers="refuse")
    data = serialise(invite("x", body=b"")).replace(b"Max-Forwards", b"Subject: " + b"x" * 200 + b"\r\nMax-Forwards")
    sent = 0
    for n in range(2000):
        flow = Flow("udp", Address(f"203.0.{n // 250}.{n % 250}", 5060))
        sent += len([a for a in sampled(world, data, flow) if isinstance(a, ToPeer)])
    assert 0 < sent <= 50


def test_a_flood_of_bans_is_told_of_now_and_then() -> None:
    world, told = World(), 0
    for n in range(1000):
        told += len(noticed(world.put(Suspicion(f"203.0.{n // 250}.{n % 250}", "scanner"))))
        for _ in range(3):
            told += len(noticed(world.put(Suspicion(f"203.0.{n // 250}.{n % 250}", "scanner"))))
    assert len(world.door.bans(world.now_ms)) == 1000
    assert told == 60


# --- the kernel's list --------------------------------------------------------------------------------------------


def test_sources_are_those_of_trunks_and_of_who_was_dialled() -> None:
    world = World()
    before = world.door.sources_version
    networks, denied = world.door.sources(world.now_ms)
    assert {str(n) for n in networks} == {f"{TRUNK_HOST}/32", "198.51.100.8/32"}
    assert denied == []
    dialled(world, "sip:bob@203.0.113.77", "")
    assert world.door.sources_version != before
    assert "203.0.113.77/32" in {str(n) for n in world.door.sources(world.now_ms)[0]}
    before = world.door.sources_version
    world.door.replace_trunks((TRUNK, OTHER))
    assert world.door.sources_version != before
    assert f"{OTHER_HOST}/32" in {str(n) for n in world.door.sources(world.now_ms)[0]}


# --- trunks -------------------------------------------------------------------------------------------------------


def test_a_trunk_that_sends_rubbish_is_told_of_and_its_good_calls_go_on() -> None:
    world = World(spans=5)
    actions: list[Action] = []
    for _ in range(30):
        actions += world.peer(BROKEN)
    (event,) = noticed(actions)
    assert isinstance(event, SecurityBanned)
    assert (event.trunk, event.cause) == ("main", "malformed")
    assert statuses(actions).count(400) == 9, "then no answer"
    assert counts(actions)[-1] == ("dropped", "banned")
    assert world.door.sources(world.now_ms)[1] == [], "the kernel goes on letting it in"
    answered(world, "good")
    bye = world.peer(in_dialog("BYE", call="good"))
    assert [m.method for m in to_span(bye)] == ["BYE"]


def unknown(world: World, name: str) -> list[Action]:
    """A call to a number that nobody has."""
    inner = first_request(world.peer(invite(name)))
    actions = world.span(answer(inner, 404))
    world.peer(in_dialog("ACK", call=name, cseq=1, branch=f"z9hG4bK{name}"))
    return actions


def test_who_brings_nothing_but_calls_to_nobody_learns_no_number_and_costs_no_span() -> None:
    world = World(spans=20)
    actions: list[Action] = []
    for n in range(13):
        assert not noticed(actions)
        actions += unknown(world, f"try-{n}")
    (event,) = noticed(actions)
    assert isinstance(event, SecurityBanned)
    assert (event.trunk, event.cause) == ("main", "unknown_number")
    assert counts(actions).count(("unknown_number", "main")) == 13
    after = world.peer(invite("after"))
    assert statuses(after) == [404]
    assert not to_span(after)
    assert not reports(after)
    assert counts(after) == [("call_refused", "unknown_numbers")]
    world.door.replace_trunks((TRUNK,))
    assert statuses(world.peer(invite("new-routes"))) == [100]


def test_a_ban_for_unknown_numbers_ends_by_itself() -> None:
    world = World(spans=20)
    for n in range(13):
        unknown(world, f"try-{n}")
    assert statuses(world.peer(invite("early"))) == [404]
    world.now_ms += 600_000
    assert statuses(world.peer(invite("late"))) == [100]


def test_a_trunk_that_carries_calls_is_only_told_of_and_not_too_often() -> None:
    world = World(spans=20)
    answered(world, "good")
    actions: list[Action] = []
    for n in range(300):
        actions += unknown(world, f"try-{n}")
        world.now_ms += 1_000
    (event,) = noticed(actions)
    assert isinstance(event, SecuritySuspected)
    assert (event.source, event.trunk, event.cause) == (TRUNK_HOST, "main", "unknown_number")
    assert event.evidence["unknown_number"] >= 13
    assert world.door.bans(world.now_ms) == []
    assert counts(actions).count(("unknown_number", "main")) == 300
    assert [type(r) for r in reports(world.peer(invite("after")))] == [LegIncoming]


def test_who_carried_calls_long_ago_is_like_one_that_never_did() -> None:
    world = World(spans=20)
    answered(world, "good")
    world.peer(in_dialog("BYE", call="good"))
    world.now_ms += 3_600_000
    for n in range(13):
        unknown(world, f"try-{n}")
    assert [ban.cause for ban in world.door.bans(world.now_ms)] == ["unknown_number"]


def test_who_ended_two_spans_brings_no_new_calls_and_keeps_those_it_has() -> None:
    world = World(spans=3)
    answered(world, "before")
    world.put(Suspicion(TRUNK_HOST, "span_killed"))
    world.put(Suspicion(TRUNK_HOST, "span_killed"))
    refused = world.peer(invite("after"))
    (response,) = to_peer(refused)
    assert isinstance(response, Response)
    assert response.status == 503
    assert "Retry-After" in response.extras
    assert ("call_refused", "banned") in counts(refused)
    assert [m.method for m in to_span(world.peer(in_dialog("BYE", call="before")))] == ["BYE"]


def test_calls_that_nobody_acknowledges_are_limited_for_their_trunk_only() -> None:
    world = World(spans=10, trunks=(replace(TRUNK, max_pending=3), OTHER))
    for n in range(3):
        inner = first_request(world.peer(invite(f"call-{n}")))
        world.span(answer(inner, 200, tag=f"tag-{n}", body=SPAN_SDP))
    refused = world.peer(invite("one-more"))
    assert statuses(refused) == [503]
    assert ("call_refused", "pending") in counts(refused)
    (response,) = to_peer(refused)
    assert response.extras["Retry-After"] == "1"
    elsewhere = Flow("udp", Address(OTHER_HOST, 5060))
    assert [type(r) for r in reports(world.peer(invite("other"), elsewhere))] == [LegIncoming]
    world.peer(in_dialog("ACK", cseq=1, call="call-1", tag="tag-1"))
    assert [type(r) for r in reports(world.peer(invite("now")))] == [LegIncoming]


def test_a_trunks_messages_are_limited_and_its_calls_go_on() -> None:
    world = World(calls_per_second=10)
    answered(world, "good")
    options = invite("probe", body=b"")
    options.method = "OPTIONS"
    data, now = serialise(options), world.now_ms + 5000
    instead = [world.door.admits(data, TRUNK_HOST, now) for _ in range(1000)]
    assert sum(one is None for one in instead) == 150
    assert counts(instead[-1] or []) == [("dropped", "rate")]
    assert sum(("evidence", "rate") in counts(one or []) for one in instead) == 1, "once a second"
    assert world.door.admits(serialise(in_dialog("BYE", call="good")), TRUNK_HOST, now) is None
    assert world.door.admits(serialise(in_dialog("BYE", call="bad")), TRUNK_HOST, now) is not None
    world.door.replace_trunks((TRUNK, OTHER))
    assert world.door.admits(data, OTHER_HOST, now) is None, "another trunk has a share of its own"
    assert world.door.admits(data, TRUNK_HOST, now + 1000) is None


def test_responses_to_our_calls_are_read_when_the_share_is_used_up() -> None:
    world = World(calls_per_second=1)
    sent = dialled(world)
    assert isinstance(sent, Request)
    ringing = serialise(answer(sent, 180, tag="bob", media=""))
    assert [world.door.admits(ringing, TRUNK_HOST, world.now_ms) for _ in range(300)] == [None] * 300
    assert world.door.record(LEG) is not None


def test_answers_to_requests_beside_calls_are_read_beside_a_flood_of_requests() -> None:
    world = World(calls_per_second=1)
    probe = invite("qualify", body=b"")
    probe.method = "OPTIONS"
    flood = [world.door.admits(serialise(probe), TRUNK_HOST, world.now_ms) for _ in range(500)]
    assert flood[-1] is not None
    assert world.door.admits(serialise(answer(probe, 200, media="")), TRUNK_HOST, world.now_ms) is None


def test_while_front_falls_behind_calls_in_progress_win() -> None:
    world = World()
    answered(world, "before")
    world.put(AcceptCalls("overload", False))
    refused = world.peer(invite("new"))
    assert statuses(refused) == [503]
    (response,) = to_peer(refused)
    assert "Retry-After" in response.extras
    assert ("call_refused", "overload") in counts(refused)
    assert [m.method for m in to_span(world.peer(in_dialog("BYE", call="before")))] == ["BYE"]
    world.put(AcceptCalls("overload", True))
    assert [type(r) for r in reports(world.peer(invite("later")))] == [LegIncoming]


def test_while_a_noisy_trunk_is_too_much_the_others_calls_are_taken() -> None:
    elsewhere = Flow("udp", Address(OTHER_HOST, 5060))
    world = World(spans=3, trunks=(TRUNK, OTHER), calls_per_second=10)
    data = serialise(invite("flood"))
    for _ in range(500):
        world.door.admits(data, TRUNK_HOST, world.now_ms)
    world.put(AcceptCalls("overload", False))
    assert statuses(world.peer(invite("noisy"))) == [503]
    assert statuses(world.peer(invite("other"), elsewhere)) == [100]
    world.put(AcceptCalls("switch_down", False))
    assert statuses(world.peer(invite("without-switch"), elsewhere)) == [503]
    world.put(AcceptCalls("switch_down", True))
    assert statuses(world.peer(invite("again"), elsewhere)) == [100]
    world.now_ms += 3_000
    assert statuses(world.peer(invite("nobody-is-noisy"), elsewhere)) == [503]


def test_the_last_room_is_for_the_trunk_that_has_none() -> None:
    elsewhere = Flow("udp", Address(OTHER_HOST, 5060))
    world = World(spans=1, trunks=(TRUNK, OTHER))
    taken = [statuses(world.peer(invite(f"burst-{n}"))) for n in range(6)]
    assert taken == [[100], [100], [100], [503], [503], [503]]
    assert [type(r) for r in reports(world.peer(invite("other"), elsewhere))] == [LegIncoming]
    alone = World(spans=1)
    assert [statuses(alone.peer(invite(f"burst-{n}"))) for n in range(5)] == [[100]] * 4 + [[503]]


def test_with_several_trunks_a_further_span_is_kept_free() -> None:
    def wanted(world: World) -> int:
        world.peer(invite())
        return world.door._relay.spans.wanted

    assert wanted(World(trunks=(TRUNK, OTHER))) == wanted(World()) + 1
    world = World()
    world.door.replace_trunks((TRUNK, OTHER))
    assert wanted(world) == wanted(World()) + 1
