"""The first INVITE from address to address: what makes it go on, and that two never ring."""

import random

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Action, Flow, Place, Reserve, Tick, ToPeer, Undelivered
from edge.core.sip.authentication import Account
from edge.core.sip.message import Request, Response
from edge.core.sip.parser import parse
from edge.core.sip.trunks import Group, Member, Trunk
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private
from edge.vocabulary.reports import SpanRefused, SpanReserved
from tests.core.sip.steps import LEG, from_bob, span_invite, span_request
from tests.core.sip.world import World, counts, invite, offer, reports, statuses, to_peer, to_span

FIRST, SECOND, THIRD = "198.51.100.7", "198.51.100.8", "198.51.100.9"
SEVERAL = Trunk(
    name="main",
    sources=("198.51.100.0/28",),
    host=FIRST,
    others=(Place(SECOND, 0, "udp"), Place(THIRD, 5070, "udp")),
)
OTHER = Trunk(name="other", sources=("203.0.113.0/28",), host="203.0.113.1", codecs=("PCMA",))
LAST = Trunk(name="last", sources=("203.0.113.16/28",), host="203.0.113.17")


def group_world(
    *, ring_timeout_ms: int = 0, codes: tuple[int, ...] = (408, 500), spans: int = 1, **main: object
) -> World:
    group = Group(
        name="all",
        members=(Member("main"), Member("other", 2), Member("last", 3)),
        codes=frozenset(codes),
        ring_timeout_ms=ring_timeout_ms,
    )
    return World(trunks=(replace(SEVERAL, **main), OTHER, LAST), groups=(group,), spans=spans)


def dial(world: World, trunk: str = "main", leg: LegId = LEG) -> list[Action]:
    assert [type(r) for r in reports(world.put(Reserve(leg, "555", trunk, "100")))] == [SpanReserved]
    return world.span(span_invite(leg))


def sent(actions: list[Action], method: str = "INVITE") -> list[tuple[str, Request]]:
    """Requests to peers: where to, and what."""
    found = []
    for action in actions:
        message = parse(action.data) if isinstance(action, ToPeer) else None
        if isinstance(action, ToPeer) and isinstance(message, Request) and message.method == method:
            found.append((str(action.flow.address), message))
    return found


def flow(host: str, port: int = 5060) -> Flow:
    return Flow("udp", Address(host, port))


def one(actions: list[Action], method: str = "INVITE") -> tuple[str, Request]:
    found = sent(actions, method)
    assert len(found) == 1, found
    return found[0]


def test_a_503_leads_to_the_next_address_and_the_call_is_whole_there() -> None:
    world = World(trunks=(SEVERAL,))
    actions = dial(world)
    where, first = one(actions)
    assert where == f"{FIRST}:5060"
    assert [m.status for m in to_span(actions)] == [100]
    actions = world.peer(from_bob(first, 503, tag="busy"), flow(FIRST))
    where, ack = one(actions, "ACK")
    assert (where, ack.vias[0].branch, ack.cseq) == (f"{FIRST}:5060", first.vias[0].branch, first.cseq)
    where, second = one(actions)
    assert (where, str(second.uri)) == (f"{SECOND}:5060", f"sip:555@{SECOND}")
    assert second.vias[0].branch != first.vias[0].branch
    assert (second.call_id, second.from_.tag, second.cseq) == (first.call_id, first.from_.tag, first.cseq + 1)
    assert b"m=audio 16390 RTP/AVP 0 8 13 101" in second.body
    assert not to_span(actions), "the span hears nothing of it"
    # The 503 again: its ACK was lost.
    assert one(world.peer(from_bob(first, 503, tag="busy"), flow(FIRST)), "ACK")[0] == f"{FIRST}:5060"
    actions = world.peer(from_bob(second, 200, body=offer(SECOND, 5000)), flow(SECOND))
    (ok,) = to_span(actions)
    assert (ok.status, ok.cseq) == (200, 100)
    where, ack = one(world.span(span_request("ACK")), "ACK")
    assert (ack.cseq, ack.to.tag) == (second.cseq, "bob-tag")
    where, bye = one(world.span(span_request("BYE", cseq=101)), "BYE")
    assert bye.cseq == second.cseq + 1
    (done,) = to_span(world.peer(from_bob(bye, 200), flow(SECOND)))
    assert (done.status, done.cseq) == (200, 101)


def test_silence_until_timer_b_leads_on_and_a_late_voice_is_ended() -> None:
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    actions = world.wait(31_999)
    assert {where for where, _ in sent(actions)} == {f"{FIRST}:5060"}
    assert len(sent(actions)) == 10, "timer A, up to T2"
    where, second = one(world.wait(1))
    assert where == f"{SECOND}:5060"
    # Now the first one rings after all...
    where, cancel = one(world.peer(from_bob(first, 180, tag="late"), flow(FIRST)), "CANCEL")
    assert (where, cancel.vias[0].branch, cancel.cseq) == (f"{FIRST}:5060", first.vias[0].branch, first.cseq)
    assert str(cancel.uri) == str(first.uri)
    assert not sent(world.peer(from_bob(first, 180, tag="late"), flow(FIRST)), "CANCEL"), "once"
    world.peer(from_bob(cancel, 200, tag="late"), flow(FIRST))
    # ...and is answered: it is acknowledged and hung up, and the second one goes on.
    actions = world.peer(from_bob(first, 200, tag="late", body=offer(FIRST, 4400)), flow(FIRST))
    assert [where for where, _ in sent(actions, "ACK")] != []
    where, bye = one(actions, "BYE")
    assert bye.to.tag == "late"
    assert not to_span(actions)
    assert [m.status for m in to_span(world.peer(from_bob(second, 180), flow(SECOND)))] == [180]
    (ok,) = to_span(world.peer(from_bob(second, 200, body=offer(SECOND, 5000)), flow(SECOND)))
    assert ok.status == 200


def test_when_all_were_silent_the_span_hears_408_and_what_rings_later_is_cancelled() -> None:
    world = World(trunks=(replace(SEVERAL, invite_timeout_ms=4_000),))
    dial(world)
    actions = world.wait(12_000)
    assert [m.status for m in to_span(actions)] == [408]
    assert {where for where, _ in sent(actions)} == {f"{FIRST}:5060", f"{SECOND}:5060", f"{THIRD}:5070"}
    _, third = sent(actions)[-1]
    world.span(span_request("ACK"))
    assert world.door.figures()["free_slots"] == 4
    assert one(world.peer(from_bob(third, 180), flow(THIRD, 5070)), "CANCEL")[0] == f"{THIRD}:5070"
    world.wait(64_000)
    assert world.door.figures()["dialogs"] == 0


def test_what_has_been_heard_of_is_waited_for_however_long() -> None:
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    world.peer(from_bob(first, 100, tag=""), flow(FIRST))
    assert not sent(world.wait(170_000))
    assert [m.status for m in to_span(world.peer(from_bob(first, 486), flow(FIRST)))] == [486]


def test_no_connection_leads_on_at_once() -> None:
    tcp = replace(SEVERAL, transport="tcp", others=(Place(SECOND, 0, "tcp"),))
    world = World(trunks=(tcp,))
    dial(world)
    where, second = one(world.put(Undelivered(Address(FIRST, 5060))))
    assert (where, second.vias[0].transport) == (f"{SECOND}:5060", "TCP")
    assert ("failover", "no_connection") in counts(world.actions)
    world.take()
    assert [m.status for m in to_span(world.put(Undelivered(Address(SECOND, 5060))))] == [503]


def test_a_connection_that_breaks_after_an_answer_is_none_of_it() -> None:
    world = World(trunks=(replace(SEVERAL, transport="tcp"),))
    _, first = one(dial(world))
    world.peer(from_bob(first, 180), Flow("tcp", Address(FIRST, 5060)))
    assert not sent(world.put(Undelivered(Address(FIRST, 5060))))


def test_an_address_that_failed_is_tried_last_for_a_while() -> None:
    world = World(trunks=(replace(SEVERAL, others=(Place(SECOND, 0, "udp"),)),), spans=4)

    def first_of(number: int, status: int = 486, **extras: str) -> str:
        leg = LegId(f"c{number}.2")
        world.put(Reserve(leg, "555", "main", "100"))
        request = span_invite(leg)
        request.call_id = f"call-{number}"
        port = next(port for port in world.spans.values() if world.door._relay.spans.at_port(port) is not None
                    and leg in world.door._relay.spans.at_port(port).legs)  # fmt: skip
        request.vias = [type(request.vias[0])("UDP", "127.0.0.9", port, (("branch", f"z9hG4bK{number}"),))]
        where, message = one(world.span(request, port))
        world.peer(from_bob(message, status, extras=extras), flow(where.partition(":")[0]))
        return where

    assert first_of(1, 503) == f"{FIRST}:5060"
    assert first_of(2) == f"{SECOND}:5060"
    world.wait(30_000)
    assert first_of(3) == f"{FIRST}:5060", "its time is over, and it answers"
    assert first_of(4) == f"{FIRST}:5060"
    assert first_of(5, 503, **{"Retry-After": "120"}) == f"{FIRST}:5060"
    world.wait(119_000)
    assert first_of(6) == f"{SECOND}:5060", "it said when"
    world.wait(1_000)
    assert first_of(7) == f"{FIRST}:5060"


def test_a_group_goes_on_by_its_codes_with_the_settings_of_the_next_trunk() -> None:
    world = group_world()
    (reserved,) = reports(world.put(Reserve(LEG, "555", "all", "100")))
    assert reserved.trunk == "main"
    _, first = one(world.span(span_invite()))
    actions = world.peer(from_bob(first, 500), flow(FIRST))
    where, second = one(actions)
    assert where == "203.0.113.1:5060", "the code is the trunk's, so its other addresses are passed over"
    assert b"m=audio 16390 RTP/AVP 8 13 101" in second.body
    assert ("failover", "refused") in counts(actions)
    # A busy subscriber is busy through every trunk.
    assert [m.status for m in to_span(world.peer(from_bob(second, 486), flow("203.0.113.1")))] == [486]


def test_the_last_refusal_is_what_the_span_hears() -> None:
    world = group_world(codes=(500, 404))
    _, message = one(dial(world, "all"))
    for host, status in ((FIRST, 404), ("203.0.113.1", 500)):
        _, message = one(world.peer(from_bob(message, status), flow(host)))
    actions = world.peer(from_bob(message, 404), flow("203.0.113.17"))
    assert not sent(actions)
    assert [m.status for m in to_span(actions)] == [404]


def test_early_media_ends_the_search() -> None:
    world = group_world()
    _, first = one(dial(world, "all"))
    world.peer(from_bob(first, 183, body=offer(FIRST, 4400)), flow(FIRST))
    assert [m.status for m in to_span(world.peer(from_bob(first, 503), flow(FIRST)))] == [503]


def test_what_does_not_ring_is_cancelled_and_only_then_the_next_one_called() -> None:
    world = group_world(ring_timeout_ms=5_000)
    _, first = one(dial(world, "all"))
    world.peer(from_bob(first, 100, tag=""), flow(FIRST))
    actions = world.wait(5_000)
    _, cancel = one(actions, "CANCEL")
    assert not sent(actions)
    assert not sent(world.peer(from_bob(cancel, 200), flow(FIRST)))
    assert not sent(world.wait(20_000)), "it may still ring"
    actions = world.peer(from_bob(first, 487), flow(FIRST))
    assert one(actions, "ACK")[0] == f"{FIRST}:5060"
    where, second = one(actions)
    assert where == "203.0.113.1:5060"
    world.peer(from_bob(second, 180), flow("203.0.113.1"))
    assert not sent(world.wait(60_000), "CANCEL"), "it rings"


def test_a_challenge_is_no_ringing() -> None:
    account = Account(user="u", auth_user="u", password=Private("p"), realm="provider")
    world = group_world(ring_timeout_ms=5_000, account=account)
    _, first = one(dial(world, "all"))
    challenge = {"WWW-Authenticate": 'Digest realm="provider", nonce="n1", qop="auth"'}
    actions = world.peer(from_bob(first, 401, extras=challenge), flow(FIRST))
    assert any(b"\r\nAuthorization: " in action.data for action in actions if isinstance(action, ToPeer))
    _, again = one(actions)
    assert again.cseq == first.cseq + 1
    world.peer(from_bob(again, 100, tag=""), flow(FIRST))
    _, cancel = one(world.wait(5_000), "CANCEL")
    assert cancel.vias[0].branch == again.vias[0].branch
    world.peer(from_bob(cancel, 200), flow(FIRST))
    actions = world.peer(from_bob(again, 487), flow(FIRST))
    where, second = one(actions)
    assert (where, second.cseq) == ("203.0.113.1:5060", again.cseq + 1)
    told = [action.data for action in actions if isinstance(action, ToPeer)]
    assert not any(b"Authorization" in data for data in told), "what one trunk is told is no business of the next"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("trying", [False, True])
def test_silence_after_a_challenge_leads_on_as_any_silence(trying: bool, restart: bool) -> None:
    """The trunk is there, asks who calls, and says nothing more: its time begins anew, then the group goes on."""
    account = Account(user="u", auth_user="u", password=Private("p"), realm="provider")
    world = group_world(account=account, invite_timeout_ms=4_000, others=())
    _, first = one(dial(world, "all"))
    if trying:
        world.peer(from_bob(first, 100, tag=""), flow(FIRST))
    world.wait(3_000)
    challenge = {"WWW-Authenticate": 'Digest realm="provider", nonce="n1", qop="auth"'}
    _, again = one(world.peer(from_bob(first, 401, extras=challenge), flow(FIRST)))
    if restart:
        world.restart()
    actions = world.wait(3_999)
    assert {(where, m.cseq) for where, m in sent(actions)} == {(f"{FIRST}:5060", again.cseq)}
    actions = world.wait(1)
    assert one(actions)[0] == "203.0.113.1:5060"
    assert ("failover", "timeout") in counts(actions)
    assert not sent(actions, "CANCEL"), "nothing was heard of this transaction (RFC 3261 section 9.1)"
    (routed,) = reports(actions)
    assert (routed.left.trunk, routed.left.why, routed.left.end.sip_code) == ("main", "timeout", None)
    assert routed.left.duration_ms == 7_000
    assert one(world.peer(from_bob(again, 180, tag="late"), flow(FIRST)), "CANCEL")[0] == f"{FIRST}:5060"


def test_who_carries_the_call_is_told_with_what_became_of_the_attempts_before() -> None:
    world = group_world(codes=(500, 404))
    (reserved,) = reports(world.put(Reserve(LEG, "555", "all", "100")))
    assert (reserved.trunk, str(reserved.address)) == ("main", f"{FIRST}:5060")
    _, first = one(world.span(span_invite()))
    world.peer(from_bob(first, 180), flow(FIRST))
    world.wait(1_500)
    refusal = from_bob(first, 500, extras={"Reason": 'Q.850;cause=34;text="no circuit"'})
    (routed,) = reports(world.peer(refusal, flow(FIRST)))
    assert (routed.leg, routed.attempt, routed.trunk, str(routed.address)) == (LEG, 1, "other", "203.0.113.1:5060")
    left = routed.left
    assert (left.trunk, str(left.address), left.why, left.duration_ms) == ("main", f"{FIRST}:5060", "refused", 1_500)
    assert (left.end.sip_code, left.end.q850_cause, left.end.text) == (500, 34, "no circuit")
    assert left.end.outcome == "unreachable"
    (last,) = reports(world.wait(32_000))
    assert (last.attempt, last.trunk, last.left.trunk, last.left.end.sip_code) == (2, "last", "other", None)
    assert (last.left.why, last.left.end.outcome, last.left.duration_ms) == ("timeout", "unreachable", 32_000)
    # A kill of front may have taken the reports along: they are told again, also of a call that is over by then.
    assert reports(world.restart().take()) == [routed, last]
    _, third = sent(world.wait(600))[-1]
    world.peer(from_bob(third, 486), flow("203.0.113.17"))
    world.span(span_request("ACK"))
    assert [r for r in reports(world.restart().take()) if type(r) is type(routed)] == [routed, last]


def test_cancel_and_ack_of_a_refusal_go_where_the_invite_went() -> None:
    """A 180 says where the dialog goes on; the INVITE's own transaction stays at its address (section 17.1.1.3)."""
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    ringing = from_bob(first, 180)
    assert ringing.contact is not None
    assert ringing.contact.uri.port == 5090
    world.peer(ringing, flow(FIRST))
    assert one(world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone")), "CANCEL")[0] == f"{FIRST}:5060"
    world.peer(from_bob(first, 487), flow(FIRST))
    assert one(world.span(span_request("ACK", branch="z9hG4bKPjone")), "ACK")[0] == f"{FIRST}:5060"


def test_each_attempt_counts_at_its_own_trunk() -> None:
    world = group_world(codes=(500,))
    _, first = one(dial(world, "all"))
    world.wait(400)
    _, second = one(world.peer(from_bob(first, 500), flow(FIRST)))
    world.wait(1_000)
    world.peer(from_bob(second, 180), flow("203.0.113.1"))
    world.wait(2_000)
    world.peer(from_bob(second, 200, body=offer("203.0.113.1", 5000)), flow("203.0.113.1"))
    world.span(span_request("ACK"))
    world.wait(60_000)
    bye = one(world.span(span_request("BYE", cseq=101)), "BYE")[1]
    world.peer(from_bob(bye, 200), flow("203.0.113.1"))
    figures = world.door.traffic(world.now_ms)
    first_trunk, second_trunk = figures["main", "out"], figures["other", "out"]
    assert (first_trunk.seizures, first_trunk.asr, first_trunk.ner, first_trunk.acd_s) == (1, 0.0, 0.0, None)
    assert (second_trunk.seizures, second_trunk.asr, second_trunk.acd_s, second_trunk.ring_s) == (1, 1.0, 60.0, 1.0)


def test_an_answer_that_crosses_the_cancel_is_taken() -> None:
    world = group_world(ring_timeout_ms=5_000)
    _, first = one(dial(world, "all"))
    world.peer(from_bob(first, 100, tag=""), flow(FIRST))
    _, cancel = one(world.wait(5_000), "CANCEL")
    (ok,) = to_span(world.peer(from_bob(first, 200, body=offer(FIRST, 4400)), flow(FIRST)))
    assert ok.status == 200
    assert not to_span(world.peer(from_bob(cancel, 481), flow(FIRST)))
    assert not sent(world.wait(60_000))


def test_without_a_word_the_cancel_waits_for_one() -> None:
    world = group_world(ring_timeout_ms=5_000)
    _, first = one(dial(world, "all"))
    assert not sent(world.wait(5_000), "CANCEL")
    assert one(world.peer(from_bob(first, 100, tag=""), flow(FIRST)), "CANCEL")[0] == f"{FIRST}:5060"


def test_a_caller_who_gives_up_before_anything_was_heard() -> None:
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    actions = world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone"))
    assert [(m.status, m.method) for m in to_span(actions)] == [(200, "CANCEL"), (487, "INVITE")]
    assert not to_peer(actions), "a CANCEL may not be sent yet (RFC 3261 section 9.1)"
    assert not sent(world.wait(5_000)), "it is not repeated"
    assert one(world.peer(from_bob(first, 180), flow(FIRST)), "CANCEL")[0] == f"{FIRST}:5060"
    assert one(world.peer(from_bob(first, 487), flow(FIRST)), "ACK")
    assert not sent(world.wait(40_000))
    assert world.door.figures()["dialogs"] == 0


def test_a_caller_who_gives_up_ends_the_search() -> None:
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    world.peer(from_bob(first, 180), flow(FIRST))
    assert one(world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone")), "CANCEL")
    actions = world.peer(from_bob(first, 503), flow(FIRST))
    assert not sent(actions)
    assert [m.status for m in to_span(actions)] == [503]


def test_full_trunks_are_passed_over_in_both_directions() -> None:
    world = group_world(max_channels=1)
    world.peer(invite(), flow("198.51.100.3"))
    (reserved,) = reports(world.put(Reserve(LEG, "555", "all", "100")))
    assert reserved.trunk == "other"
    (refused,) = reports(world.put(Reserve(LegId("c7.1"), "555", "main", "100")))
    assert isinstance(refused, SpanRefused)
    assert refused.end.outcome == "no_room"
    actions = world.peer(invite("call-2"), flow("198.51.100.3"))
    assert statuses(actions) == [503]
    assert ("call_refused", "trunk_full") in counts(actions)
    assert "Retry-After" in to_peer(actions)[0].extras


def test_what_is_reserved_takes_a_channel_too() -> None:
    world = group_world(max_channels=1, spans=2)
    trunks = [reports(world.put(Reserve(LegId(f"c{n}.1"), "555", "all", "100")))[0].trunk for n in range(2)]
    assert trunks == ["main", "other"], "neither has an INVITE yet"
    world.wait(5_000)  # both lapse
    assert reports(world.put(Reserve(LegId("c9.1"), "555", "all", "100")))[0].trunk == "main"


def test_a_channel_goes_along_with_the_call() -> None:
    """After the failover the first trunk has room again and the second has none; so it is after a kill of front."""
    group = group_world().settings.groups
    trunks = tuple(replace(trunk, max_channels=1) for trunk in (SEVERAL, OTHER, LAST))
    world = World(trunks=trunks, groups=group, spans=2)
    _, first = one(dial(world, "all"))
    world.peer(from_bob(first, 500), flow(FIRST))
    for _ in range(2):
        assert world.door.channels() == {"other": 1}
        world.restart()
    assert statuses(world.peer(invite("call-2"), flow("203.0.113.2"))) == [503]
    assert statuses(world.peer(invite("call-3"), flow("198.51.100.3"))) == [100]
    assert world.door.channels() == {"main": 1, "other": 1}


def test_calls_a_second_of_each_direction() -> None:
    world = group_world(calls_per_second=2, spans=2)
    legs = [LegId(f"c{n}.1") for n in range(3)]
    found = [reports(world.put(Reserve(leg, "555", "all", "100")))[0] for leg in legs]
    assert [r.trunk for r in found] == ["main", "main", "other"]
    assert statuses(world.peer(invite("call-1"), flow("198.51.100.3"))) == [100], "the other direction has its own"
    world.wait(1_000)
    assert reports(world.put(Reserve(LegId("c9.1"), "555", "all", "100")))[0].trunk == "main"


def test_weights_are_shares() -> None:
    group = Group(name="g", members=(Member("a", 1, 3), Member("b", 1, 1), Member("c", 2, 9)))
    dice = random.Random(3263)
    orders = [group.in_order(dice.getrandbits(64)) for _ in range(4_000)]
    assert all(order[2] == "c" for order in orders)
    assert 2_850 < sum(order[0] == "a" for order in orders) < 3_150


def test_the_proxy_is_the_next_hop_and_the_address_the_target() -> None:
    trunk = replace(SEVERAL, host="sip.example.org", any_port=True, others=(), proxy=Place(SECOND, 0, "udp"))
    world = World(trunks=(trunk,))
    where, first = one(dial(world))
    assert (where, str(first.uri)) == (f"{SECOND}:5060", "sip:555@sip.example.org")
    assert [str(route) for route in first.routes] == [f"<sip:{SECOND};lr>"]
    world.peer(from_bob(first, 180), flow(SECOND))
    _, cancel = one(world.span(span_request("CANCEL", tag="", branch="z9hG4bKPjone")), "CANCEL")
    assert [str(route) for route in cancel.routes] == [f"<sip:{SECOND};lr>"]


@pytest.mark.parametrize("after_ms", [0, 3_000])
def test_front_killed_in_the_middle_goes_on(after_ms: int) -> None:
    world = World(trunks=(replace(SEVERAL, invite_timeout_ms=8_000),))
    _, first = one(dial(world))
    world.wait(after_ms)
    world.restart()
    where, again = sent(world.wait(8_000 - after_ms - 1))[0]
    assert (where, again) == (f"{FIRST}:5060", first)
    where, second = one(world.wait(1))
    assert where == f"{SECOND}:5060"
    world.restart()
    assert one(world.peer(from_bob(first, 180, tag="late"), flow(FIRST)), "CANCEL")[0] == f"{FIRST}:5060"
    (ok,) = to_span(world.peer(from_bob(second, 200, body=offer(SECOND, 5000)), flow(SECOND)))
    assert ok.status == 200


class Callees:
    """Addresses that do what dice say, and know whether they ring."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.invites: dict[str, Request] = {}
        self.heard: set[str] = set()
        self.ended: set[str] = set()
        #: When, where, of which request, which status.
        self.due: list[tuple[int, str, Request, int]] = []

    def take(self, actions: list[Action], now_ms: int) -> None:
        for where, message in sent(actions):
            if where not in self.invites:
                ringing = (self.heard & set(self.invites)) - self.ended
                assert not ringing, (self.seed, where, ringing)
                self.invites[where] = message
                self._plan(where, message, now_ms)
        for where, message in sent(actions, "CANCEL"):
            if where not in self.ended:
                self.due += [(now_ms + 50, where, message, 200), (now_ms + 60, where, self.invites[where], 487)]

    def _plan(self, where: str, message: Request, now_ms: int) -> None:
        at_ms = now_ms + self.dice.choice([10, 700, 3_000, 9_000])
        plan = self.dice.choice([(), (100,), (180,), (503,), (500,), (486,), (100, 180)])
        self.due += [(at_ms + 20_000 * number, where, message, status) for number, status in enumerate(plan)]

    def next(self) -> tuple[str, Response] | None:
        """What is said next; None: it is not said any more."""
        _, where, message, status = self.due.pop(0)
        if message.method == "INVITE":
            if where in self.ended:
                return None
            (self.heard if status < 200 else self.ended).add(where)
        return where, from_bob(message, status, tag="" if status == 100 else "t")


@pytest.mark.parametrize("first_seed", [0, 100, 200])
def test_never_two_that_may_ring(first_seed: int) -> None:
    """Random peers: when an INVITE goes to another address, no former one has said 1xx without a final response."""
    most = 0
    for seed in range(first_seed, first_seed + 100):
        callees = Callees(seed)
        world = group_world(ring_timeout_ms=callees.dice.choice([0, 4_000]), invite_timeout_ms=6_000)
        callees.take(dial(world, "all"), world.now_ms)
        for _ in range(500):
            callees.due.sort(key=lambda item: item[0])
            times = [item[0] for item in callees.due[:1]]
            times += [world.door.deadline.at_ms] if world.door.deadline is not None else []
            if not times:
                break
            world.now_ms = max(world.now_ms, min(times))
            if callees.due and callees.due[0][0] <= world.now_ms:
                if (said := callees.next()) is not None:
                    host, _, port = said[0].rpartition(":")
                    callees.take(world.peer(said[1], flow(host, int(port))), world.now_ms)
            else:
                world.take()
                callees.take(world.put(Tick()), world.now_ms)
        most = max(most, len(callees.invites))
    assert most >= 4, "the dice lead through several addresses"


def test_a_bye_after_a_cancel_that_crossed_the_answer_says_what_the_cancel_said() -> None:
    world = World(trunks=(SEVERAL,))
    _, first = one(dial(world))
    world.peer(from_bob(first, 180), flow(FIRST))
    cancel = span_request("CANCEL", tag="", branch="z9hG4bKPjone")
    cancel.extras["Reason"] = why = 'SIP;cause=200;text="Call completed elsewhere"'
    assert one(world.span(cancel), "CANCEL")[1].extras["Reason"] == why
    world.peer(from_bob(first, 200, body=offer("203.0.113.1", 5000)), flow(FIRST))
    world.span(span_request("ACK"))
    assert one(world.span(span_request("BYE", cseq=101)), "BYE")[1].extras["Reason"] == why
