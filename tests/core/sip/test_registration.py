"""Registration in virtual time: an hour without a registrar takes a moment."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import ConnectionLost, Farewell, KeepUp, Place, Reserve, Undelivered
from edge.core.sip.message import Request, Response
from edge.core.sip.registration import RECONNECT_MS
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import LegIncoming, SpanRefused, SpanReserved
from tests.core.sip.provider import (
    ACCOUNT,
    PASSWORD,
    REGISTERED,
    REGISTRAR,
    Provider,
    Says,
    fixed,
    flow_of,
    granted,
    header,
    say,
    silent,
    with_digest,
)
from tests.core.sip.steps import span_invite
from tests.core.sip.world import PEER, STRANGER, TRUNK_HOST, invite, reports, to_peer

HOUR_MS = 3_600_000


def test_what_a_registration_says() -> None:
    it = Provider()
    it.run(1000)
    (_, request, data, flow), *more = it.sent
    assert not more
    assert (request.method, str(request.uri)) == ("REGISTER", "sip:provider.example")
    assert str(request.to.uri) == str(request.from_.uri) == "sip:4930@provider.example"
    assert request.from_.tag
    assert not request.to.tag
    assert header(data, "Contact") == "<sip:4930@192.0.2.1:5060>;expires=3600"
    assert request.extras["Expires"] == "3600"
    assert flow.address == Address(TRUNK_HOST, 5061)
    assert it.changes() == [("registered", None)]
    standing = it.standing()
    assert (standing.registered, standing.registration_code, standing.rtt_ms) == (True, 200, 20.0)
    assert 3590 < (standing.expires_in_s or 0) <= 3600


def test_it_is_refreshed_before_it_is_over_with_the_same_id_and_the_next_number() -> None:
    it = Provider()
    it.run(24 * HOUR_MS)
    times = [at for at, *_ in it.sent]
    gaps = [b - a for a, b in pairwise(times)]
    assert all(0.75 * HOUR_MS <= gap <= 0.86 * HOUR_MS for gap in gaps), gaps
    assert len(set(gaps)) > 10, "refreshes are spread"
    assert len({request.call_id for _, request, _, _ in it.sent}) == 1
    assert [request.cseq for _, request, _, _ in it.sent] == list(range(1, len(it.sent) + 1))
    assert it.changes() == [("registered", None)]


@pytest.mark.parametrize("seconds", [30, 60, 600])
def test_what_was_granted_counts_not_what_was_asked(seconds: int) -> None:
    it = Provider(says=lambda request, data: granted(request, data, seconds))
    it.run(10 * seconds * 1000)
    times = [at for at, *_ in it.sent]
    assert all(0.7 * seconds <= (b - a) / 1000 <= 0.9 * seconds for a, b in pairwise(times)), times
    assert it.changes() == [("registered", None)]


def test_of_several_bindings_our_own_counts() -> None:
    def says(request: Request, data: bytes) -> Response:
        assert request.contact is not None
        other = NameAddr(Uri("sip", "4930", "192.0.2.77", 5060), "", (("expires", "10"),))
        own = NameAddr(request.contact.uri, "", (("expires", "600"),))
        # One line each, as a registrar may write them.
        return say(request, 200, contact=other, extras={"Contact": str(own)})

    it = Provider(says=says)
    it.run(5000)
    assert 590 < (it.standing().expires_in_s or 0) <= 600


def test_a_digest_is_answered_once_and_kept_for_refreshes() -> None:
    it = Provider(says=with_digest(granted))
    it.run(1000)
    first, second = it.sent
    assert "Authorization" not in first[2].decode()
    assert (second[1].cseq, second[1].call_id) == (first[1].cseq + 1, first[1].call_id)
    assert second[1].vias[0].branch != first[1].vias[0].branch
    value = header(second[2], "Authorization")
    assert 'username="4930"' in value
    assert 'uri="sip:provider.example"' in value
    assert "nc=00000001" in value
    assert PASSWORD not in second[2].decode()
    it.take()
    it.run(HOUR_MS)
    assert len(it.sent) == 1
    assert "nc=00000002" in header(it.sent[0][2], "Authorization")


def test_an_old_nonce_is_no_wrong_password() -> None:
    nonces = iter(range(1, 100))
    state = {"good": ""}

    def says(request: Request, data: bytes) -> Response:
        if state["good"] and f'nonce="{state["good"]}"' in header(data, "Authorization"):
            state["good"] = ""  # each nonce is good for one request
            return granted(request, data)
        state["good"] = f"n{next(nonces)}"
        text = f'Digest realm="provider.example", nonce="{state["good"]}", qop="auth"'
        return say(request, 401, extras={"WWW-Authenticate": text})

    it = Provider(says=says)
    it.run(10 * HOUR_MS)
    assert it.changes() == [("registered", None)]
    assert it.standing().registration_failures == 0


def rejecting(status: int) -> Says:
    return with_digest(fixed(status)) if status == 403 else fixed(status)


def test_a_wrong_password_is_not_hammered() -> None:
    def says(request: Request, data: bytes) -> Response:
        text = f'Digest realm="provider.example", nonce="n{request.cseq}", qop="auth"'
        return say(request, 401, extras={"WWW-Authenticate": text})

    it = Provider(says=says)
    it.run(24 * HOUR_MS)
    with_password = [at for at, _, data, _ in it.sent if b"Authorization" in data]
    assert 40 <= len(with_password) <= 120, len(with_password)
    assert with_password[1] - with_password[0] >= 30_000
    assert it.changes() == [("unregistered", "rejected")]
    assert "refused (401)" in it.standing().why


@pytest.mark.parametrize("status", [403, 404, 405, 302, 600])
def test_a_refusal_is_asked_again_rarely_and_for_ever(status: int) -> None:
    it = Provider(says=rejecting(status))
    it.run(24 * HOUR_MS)
    times = [at for at, *_ in it.firsts()]
    last = times[-1]
    assert len(times) <= 240
    assert it.world.now_ms - last <= 1_900_000, "it never gives up"
    it.says = granted
    it.run(1_900_000)
    assert it.changes() == [("unregistered", "rejected"), ("registered", None)]


def test_a_foreign_realm_gets_no_answer() -> None:
    account = replace(ACCOUNT, realm="provider.example")
    it = Provider(replace(REGISTERED, account=account), with_digest(granted, realm="evil.example"))
    it.run(HOUR_MS)
    assert not [data for _, _, data, _ in it.sent if b"Authorization" in data]
    assert it.changes() == [("unregistered", "rejected")]


def test_a_registrar_that_is_down_for_an_hour_is_found_within_one_retry() -> None:
    for seed in ("a", "b", "c", "d", "e"):
        it = Provider(says=lambda request, data: granted(request, data, 600), seed=seed)
        it.run(1000)
        it.says = silent
        it.run(HOUR_MS)
        attempts = [at for at, *_ in it.firsts()]
        longest = max(b - a for a, b in pairwise(attempts[2:]))
        assert longest <= 60_000 + 8_000, "the pause ends at a minute, and then comes the wait for an answer"
        assert len(attempts) > 50
        assert len({b - a for a, b in pairwise(attempts[-20:])}) > 10, "the pauses are spread"
        assert it.standing().registered is False
        assert "not registered for" in it.standing().why
        it.says = granted
        it.take()
        back = it.world.now_ms
        it.run(68_000)
        assert it.standing().registered, seed
        assert it.sent[0][0] - back <= 60_000
        assert it.changes() == [("registered", None), ("unregistered", "expired"), ("registered", None)]


def test_a_binding_stands_until_its_time_is_over() -> None:
    it = Provider(says=lambda request, data: granted(request, data, 600))
    it.run(1000)
    it.says = silent
    it.run(590_000)
    assert it.standing().registered
    assert it.standing().registration_failures
    it.says = granted
    it.run(60_000)
    assert it.changes() == [("registered", None)], "nobody needs to hear of a refresh that took two tries"


def test_over_udp_a_request_is_repeated_as_timer_e_says() -> None:
    it = Provider(says=silent)
    it.run(7_900)
    assert [at - it.sent[0][0] for at, *_ in it.sent] == [0, 500, 1500, 3500, 7500]
    assert len({request.vias[0].branch for _, request, _, _ in it.sent}) == 1


def test_too_brief_an_interval_is_asked_for_again_longer() -> None:
    def says(request: Request, data: bytes) -> Response:
        if int(request.extras["Expires"]) < 7200:
            return say(request, 423, extras={"Min-Expires": "7200"})
        return granted(request, data)

    it = Provider(says=says)
    it.run(1000)
    assert [request.extras["Expires"] for _, request, _, _ in it.sent] == ["3600", "7200"]
    assert it.standing().registered


@pytest.mark.parametrize("least", ["10", "999999999", ""])
def test_a_senseless_interval_leads_to_no_loop(least: str) -> None:
    it = Provider(says=fixed(423, **({"Min-Expires": least} if least else {})))
    it.run(10_000)
    assert len(it.firsts()) == 1
    assert it.changes() == [("unregistered", "rejected")]


def test_a_busy_registrar_says_when() -> None:
    it = Provider(says=fixed(503, **{"Retry-After": "120"}))
    it.run(119_000)
    assert len(it.sent) == 1
    it.run(10_000)
    assert len(it.sent) == 2
    assert it.changes() == [("unregistered", "busy")]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    registrar = replace(REGISTRAR, hops=(*REGISTRAR.hops, Place("198.51.100.8", 5060, "udp")))
    it = Provider(replace(REGISTERED, registrar=registrar), silent)
    it.run(8100)
    it.says = granted
    it.run(1000)
    hosts = [flow.address.host for _, _, _, flow in it.firsts()]
    assert hosts == [TRUNK_HOST, "198.51.100.8"]
    assert it.changes() == [("registered", None)]
    it.take()
    it.run(HOUR_MS)
    assert {flow.address.host for _, _, _, flow in it.sent} == {"198.51.100.8"}, "it stays where it is registered"


def test_tcp_that_cannot_connect_is_a_failure_at_once() -> None:
    registrar = replace(REGISTRAR, hops=(Place(TRUNK_HOST, 5061, "tcp"),))
    it = Provider(replace(REGISTERED, registrar=registrar), silent)
    it.run(1)
    it.put(Undelivered(Address(TRUNK_HOST, 5061)))
    assert it.changes() == [("unregistered", "no_connection")]
    it.run(3000)
    assert len(it.sent) == 2, "no repeats over TCP, but the next try"


def test_a_name_is_looked_up_and_its_address_may_call_us() -> None:
    registrar = replace(REGISTRAR, hops=(Place("sip.provider.example", 0, "udp"),))
    trunk = replace(REGISTERED, registrar=registrar, sources=(), host="")
    it = Provider(trunk)
    it.run(1)
    assert it.changes() == [("unregistered", "no_such_name")]
    assert not it.sent
    it.names["sip.provider.example"] = (Address("198.51.100.40", 5060),)
    assert not it.door.knows("198.51.100.40")
    it.run(10_000)
    assert it.standing().registered
    assert it.door.knows("198.51.100.40")
    actions = it.world.peer(invite(uri=Uri("sip", "4930", "192.0.2.1", 5060)), flow_of("198.51.100.40", 5060))
    assert [r.trunk for r in reports(actions) if isinstance(r, LegIncoming)] == ["main"]


def test_the_addresses_that_a_name_has_are_tried_in_their_order() -> None:
    registrar = replace(REGISTRAR, hops=(Place("provider.example", 0, "udp"), Place("spare.example", 0, "udp")))
    it = Provider(replace(REGISTERED, registrar=registrar), silent)
    it.names["provider.example"] = (Address("198.51.100.40", 5060), Address("198.51.100.41", 5070))
    it.names["spare.example"] = (Address("198.51.100.50", 5060),)
    it.run(40_000)
    hosts = [flow.address for _, _, _, flow in it.firsts()]
    assert hosts[:4] == [*it.names["provider.example"], *it.names["spare.example"], it.names["provider.example"][0]]
    assert it.changes() == [("unregistered", "no_answer")], "told when all have failed"
    it.says = granted
    it.run(40_000)
    assert it.standing().registered
    assert all(it.door.knows(host) for host in ("198.51.100.40", "198.51.100.41", "198.51.100.50"))


def test_calls_of_accounts_at_one_provider_are_told_apart_by_their_contact() -> None:
    other = replace(REGISTERED, name="second", contact_user="4940", account=replace(ACCOUNT, user="4940"))
    it = Provider(trunks=(REGISTERED, other))
    it.run(1000)
    for call, user, trunk in (("c1", "4940", "second"), ("c2", "4930", "main"), ("c3", "4950", "main")):
        actions = it.world.peer(invite(call, uri=Uri("sip", user, "192.0.2.1", 5060)), PEER)
        assert [r.trunk for r in reports(actions) if isinstance(r, LegIncoming)] == [trunk]


def test_an_answer_from_elsewhere_is_none() -> None:
    it = Provider(says=silent)
    it.run(1)
    request = it.sent[0][1]
    it.answer(granted(request, b""), STRANGER)
    assert not it.standing().registered
    it.answer(granted(replace_branch(request), b""), flow_of(TRUNK_HOST))
    assert not it.standing().registered
    it.answer(granted(request, b""), flow_of(TRUNK_HOST))
    assert it.standing().registered
    it.answer(fixed(403)(request, b""), flow_of(TRUNK_HOST))  # type: ignore[arg-type]
    assert it.standing().registered, "only the first final answer counts"


def replace_branch(request: Request) -> Request:
    via = request.vias[0]
    return replace(request, vias=[replace(via, params=(("branch", "z9hG4bKforged"),))])


def test_the_end_unregisters() -> None:
    it = Provider(says=with_digest(granted))
    it.run(1000)
    it.take()
    it.put(Farewell())
    assert not it.door.upkeep.gone
    it.run(100)
    assert it.door.upkeep.gone
    assert [request.extras["Expires"] for _, request, _, _ in it.sent] == ["0"]
    assert header(it.sent[0][2], "Contact") == "<sip:4930@192.0.2.1:5060>;expires=0"
    assert it.changes() == [("registered", None), ("unregistered", "stopped")]
    assert not it.door.upkeep.deadline


def test_the_end_waits_for_nobody_for_ever() -> None:
    it = Provider()
    it.run(1000)
    it.says = silent
    it.put(Farewell())
    it.run(9000)
    assert it.door.upkeep.gone


def test_a_removed_trunk_is_unregistered_and_a_new_one_registered() -> None:
    it = Provider()
    it.run(1000)
    it.take()
    other = replace(REGISTERED, name="other", contact_user="4999")
    it.door.replace_trunks((other,))
    it.put(KeepUp())
    it.run(1000)
    assert sorted((request.extras["Expires"], request.contact.uri.user) for _, request, _, _ in it.sent) == [
        ("0", "4930"),
        ("3600", "4999"),
    ]


@pytest.mark.parametrize("change", ["expires", "password", "hops"])
def test_changed_settings_register_anew_and_leave_the_binding_alone(change: str) -> None:
    it = Provider()
    it.run(1000)
    it.take()
    changed = {
        "expires": {"registrar": replace(REGISTRAR, expires_s=600)},
        "password": {"account": replace(ACCOUNT, auth_user="other")},
        "hops": {"registrar": replace(REGISTRAR, hops=(Place("198.51.100.8", 5060, "udp"),))},
    }[change]
    it.door.replace_trunks((replace(REGISTERED, **changed),))
    it.put(KeepUp())
    it.run(1000)
    assert [request.extras["Expires"] for _, request, _, _ in it.sent] == ["600" if change == "expires" else "3600"]
    assert it.changes() == [("registered", None)]


def test_settings_that_did_not_change_cost_nothing() -> None:
    it = Provider()
    it.run(1000)
    it.take()
    it.door.replace_trunks((REGISTERED,))
    it.put(KeepUp())
    it.run(10_000)
    assert not it.sent


def test_a_thousand_trunks_do_not_register_at_once() -> None:
    trunks = tuple(replace(REGISTERED, name=f"t{i}", contact_user=f"u{i}") for i in range(1000))
    it = Provider(trunks=trunks)
    assert len(it.sent) == 0
    it.run(60_000)
    by_second: dict[int, int] = {}
    for at, *_ in it.sent:
        by_second[at // 1000] = by_second.get(at // 1000, 0) + 1
    assert max(by_second.values()) <= 21
    assert len(it.changes()) == 1000


def reserve(it: Provider, name: str = "cout.2") -> list[object]:
    return reports(it.put(Reserve(LegId(name), "555", "main", "100", Identity())))


def test_calls_on_a_trunk_that_is_not_registered_end_at_once() -> None:
    it = Provider(says=silent)
    assert [type(r) for r in reserve(it)] == [SpanReserved], "nothing is known yet"
    it.run(10_000)
    (refused,) = reserve(it, "cout.3")
    assert isinstance(refused, SpanRefused)
    assert refused.end.outcome == "trunk_down"
    assert "not registered for" in refused.end.text
    assert "no answer" in refused.end.text
    it.says = granted
    it.run(70_000)
    assert [type(r) for r in reserve(it, "cout.4")] == [SpanReserved]


def test_unless_the_site_wants_them() -> None:
    it = Provider(replace(REGISTERED, dial_when_down=True), silent)
    it.run(10_000)
    assert [type(r) for r in reserve(it)] == [SpanReserved]


def test_through_an_outbound_proxy() -> None:
    registrar = replace(REGISTRAR, hops=(Place("198.51.100.8", 5070, "udp"),), by_proxy=True)
    it = Provider(replace(REGISTERED, registrar=registrar))
    it.run(1000)
    _, request, data, flow = it.sent[0]
    assert flow.address == Address("198.51.100.8", 5070)
    assert str(request.uri) == "sip:provider.example"
    assert header(data, "Route") == "<sip:198.51.100.8:5070;lr>"


def test_contact_parameters_and_transport_are_told() -> None:
    params = (("q", "0.5"), ("+sip.instance", '"<urn:uuid:1>"'))
    registrar = replace(REGISTRAR, contact_params=params, hops=(Place(TRUNK_HOST, 5061, "tcp"),))
    it = Provider(replace(REGISTERED, registrar=registrar))
    it.run(1)
    assert header(it.sent[0][2], "Contact") == (
        '<sip:4930@192.0.2.1:5060;transport=tcp>;q=0.5;+sip.instance="<urn:uuid:1>";expires=3600'
    )


def first_invite(it: Provider, leg: str) -> Request:
    reserve(it, leg)
    (sent,) = [m for m in to_peer(it.world.span(span_invite(leg))) if isinstance(m, Request)]
    return sent


def test_calls_take_the_routes_that_the_registrar_names() -> None:
    text = "<sip:orig@edge.example;lr>, <sip:strict.example>, " + ", ".join(f"<sip:r{i}.example;lr>" for i in range(9))

    def says(request: Request, data: bytes) -> Response:
        response = granted(request, data)
        response.extras["Service-Route"] = text
        return response

    it = Provider(says=says)
    it.run(1000)
    invite = first_invite(it, "cout.2")
    hosts = [route.uri.host for route in invite.routes]
    assert hosts == ["edge.example", "r0.example", "r1.example"], "loose ones among the first four"
    assert it.world.door.upkeep.standings()[0].registered
    it.door.replace_trunks((replace(REGISTERED, registrar=None),))
    it.put(KeepUp())
    assert not first_invite(it, "cout.3").routes


def test_front_is_restarted() -> None:
    it = Provider(says=with_digest(granted))
    it.run(1000)
    it.take()
    it.world.restart()
    it.put(KeepUp())
    it.run(1000)
    assert len(it.sent) == 2, "once, with its challenge: the binding is replaced by the same Contact"
    assert it.standing().registered


def test_what_was_registered_over_a_connection_that_is_lost_is_registered_anew() -> None:
    it = Provider(replace(REGISTERED, transport="tcp", registrar=replace(
        REGISTRAR, hops=(Place(TRUNK_HOST, 5061, "tcp"),)
    )))  # fmt: skip
    it.connection = 7
    it.run(60_000)
    assert len(it.sent) == 1
    it.put(ConnectionLost(6))
    it.run(60_000)
    assert len(it.sent) == 1, "another one"
    it.connection = 8
    lost_ms = it.world.now_ms
    it.put(ConnectionLost(7))
    it.run(60_000)
    assert [at - lost_ms <= RECONNECT_MS for at, *_ in it.sent[1:]] == [True]
    it.put(ConnectionLost(7))
    it.run(60_000)
    assert len(it.sent) == 2, "a former one"
    # Nobody is there: it is tried again and again, and the binding stands until its time is over.
    it.says = silent
    it.put(ConnectionLost(8))
    it.run(60_000)
    tried = len(it.sent)
    assert tried > 3
    assert it.standing().registered
    it.says = granted
    it.run(60_000)
    assert len(it.sent) == tried + 1
    assert it.changes() == [("registered", None)]


def test_a_registrar_that_was_away_is_registered_with_anew_once_it_answers() -> None:
    def both(request: Request, data: bytes) -> Response:
        return granted(request, data) if request.method == "REGISTER" else say(request, 200)

    it = Provider(replace(REGISTERED, qualify_ms=30_000, qualify_misses=2), both)
    it.run(60_000)
    assert [request.method for _, request, _, _ in it.take()].count("REGISTER") == 1
    it.says = silent
    it.run(60_000)
    assert {request.method for _, request, _, _ in it.take()} == {"OPTIONS"}
    it.says = both
    it.run(120_000)
    asked = it.take()
    (registered_ms,) = [at for at, request, _, _ in asked if request.method == "REGISTER"]
    up_ms = next(at for at, request, _, _ in reversed(asked) if request.method == "OPTIONS" and at <= registered_ms)
    assert registered_ms - up_ms <= RECONNECT_MS + it.delay_ms
    assert [kind for kind, _ in it.changes()] == ["registered", "up", "down", "up"]
