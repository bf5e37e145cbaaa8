"""Probes in virtual time: up, down, and up again, whatever is answered."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import Farewell, KeepUp, Place, Probe, Reserve, Undelivered
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import Noticed, SpanRefused, SpanReserved
from edge.vocabulary.site_events import TrunkUp
from tests.core.sip.provider import ASKED, Provider, Says, fixed, granted, header, silent
from tests.core.sip.world import TRUNK, TRUNK_HOST, reports

HOUR_MS = 3_600_000


def test_what_a_probe_says_and_how_often() -> None:
    it = Provider(ASKED, fixed(200))
    it.run(HOUR_MS)
    _, request, data, flow = it.sent[0]
    assert (request.method, str(request.uri), str(request.to)) == (
        "OPTIONS",
        f"sip:{TRUNK_HOST}:5061",
        f"<sip:{TRUNK_HOST}:5061>",
    )
    assert flow.address == Address(TRUNK_HOST, 5061)
    assert header(data, "Contact") == "<sip:edge@192.0.2.1:5060>"
    gaps = [b - a for (a, *_), (b, *_) in pairwise(it.sent)]
    assert all(26_900 <= gap <= 33_100 for gap in gaps)
    assert len(set(gaps)) > 50
    assert it.changes() == [("up", None)]
    assert (it.standing().qualify, it.standing().rtt_ms, it.standing().last_code) == ("up", 20.0, 200)


@pytest.mark.parametrize("status", [100, 200, 302, 401, 404, 405, 483, 500, 503, 603])
def test_any_response_is_an_answer(status: int) -> None:
    it = Provider(ASKED, fixed(status))
    it.run(HOUR_MS)
    assert it.changes() == [("up", None)]


def test_a_line_that_says_503_is_out_of_service_and_calls_are_placed_there_all_the_same() -> None:
    it = Provider(replace(ASKED, source_port=5061), fixed(503, Reason='Q.850;cause=27;text="no sim: it is out"'))
    it.run(5_000)
    assert it.changes() == [("down", "out_of_service")]
    standing = it.standing()
    assert (standing.up, standing.qualify, standing.why) == (False, "down", "out of service: no sim: it is out")
    assert it.door.upkeep.why_down(TRUNK.name) == "", "it refuses them itself, or is ready before we ask again"
    assert len(it.sent) >= 4, "it is asked every second"
    it.says = fixed(200)
    it.run(2_000)
    assert it.changes()[-1] == ("up", None)
    assert it.standing().why == ""
    it.says = fixed(503)
    it.run(HOUR_MS)
    assert it.standing().why == "out of service: it takes no calls"
    it.says = silent
    it.run(60_000)
    assert "no answer" in it.door.upkeep.why_down(TRUNK.name), "its process is gone: that keeps calls away"


def test_a_lost_answer_is_no_verdict() -> None:
    it = Provider(ASKED, fixed(200))
    it.run(5000)
    it.says = silent
    it.run(36_000)
    assert it.standing().misses
    it.says = fixed(200)
    it.run(10_000)
    assert it.standing().misses == 0
    assert it.changes() == [("up", None)]


@pytest.mark.parametrize("misses", [1, 3, 5])
def test_it_is_down_after_so_many_misses(misses: int) -> None:
    it = Provider(replace(ASKED, qualify_misses=misses), silent)
    it.run(misses * 5_000 - 500)
    assert it.changes() == []
    it.run(900)
    assert it.changes() == [("down", "no_answer")]
    assert len(it.firsts()) == misses


def test_down_for_an_hour_it_is_found_within_one_retry() -> None:
    for seed in ("a", "b", "c", "d", "e"):
        it = Provider(ASKED, fixed(200), seed=seed)
        it.run(5000)
        it.says = silent
        it.run(HOUR_MS)
        times = [at for at, *_ in it.firsts()]
        assert max(b - a for a, b in pairwise(times)) <= 64_000
        assert len(times) > 50
        it.says = fixed(200)
        it.run(64_000)
        assert it.changes() == [("up", None), ("down", "no_answer"), ("up", None)]
        last = [r.event for r in reports(it.seen) if isinstance(r, Noticed)][-1]
        assert isinstance(last, TrunkUp)
        assert 3_500_000 < last.down_ms < 3_700_000


def test_a_connection_that_cannot_be_made_is_a_miss() -> None:
    it = Provider(replace(ASKED, transport="tcp", qualify_misses=1), silent)
    it.run(1001)
    it.put(Undelivered(Address(TRUNK_HOST, 5061)))
    assert it.changes() == [("down", "no_connection")]


def test_any_address_of_a_trunk_will_do() -> None:
    other = Place("198.51.100.60", 5060, "udp")
    only = fixed(200)
    it = Provider(replace(ASKED, others=(other,)), silent)
    it.run(1)
    it.says = lambda request, data: only(request, data) if it.sent[-1][3].address.host == other.host else None
    it.run(HOUR_MS)
    assert it.changes() == [("up", None)]
    assert {flow.address.host for _, _, _, flow in it.sent} == {TRUNK_HOST, other.host}
    assert {flow.address.host for _, _, _, flow in it.sent[-20:]} == {other.host}, "the one that answers is kept"


def test_through_the_proxy_of_the_trunk() -> None:
    it = Provider(replace(ASKED, proxy=Place("198.51.100.61", 5060, "udp")), fixed(200))
    it.run(2000)
    _, request, data, flow = it.sent[0]
    assert flow.address == Address("198.51.100.61", 5060)
    assert str(request.uri) == f"sip:{TRUNK_HOST}:5061"
    assert header(data, "Route") == "<sip:198.51.100.61:5060;lr>"


def test_the_first_probes_of_many_trunks_are_spread() -> None:
    trunks = tuple(replace(ASKED, name=f"t{i}") for i in range(100))
    it = Provider(trunks=trunks, says=fixed(200))
    it.run(1000)
    assert len(it.sent) == 100
    assert len({at for at, *_ in it.sent}) > 50


def reserve(it: Provider, name: str) -> list[object]:
    return reports(it.put(Reserve(LegId(name), "555", "main", "100", Identity())))


def test_calls_on_a_trunk_that_is_down_end_at_once_with_the_evidence() -> None:
    it = Provider(ASKED, silent)
    assert [type(r) for r in reserve(it, "cout.2")] == [SpanReserved]
    it.run(40_000)
    (refused,) = reserve(it, "cout.3")
    assert isinstance(refused, SpanRefused)
    assert refused.end.outcome == "trunk_down"
    assert "OPTIONS" in refused.end.text
    assert "no answer" in refused.end.text
    assert TRUNK_HOST not in refused.end.text
    it.says = fixed(404)
    it.run(61_000)
    assert [type(r) for r in reserve(it, "cout.4")] == [SpanReserved]


def test_unless_the_site_wants_them() -> None:
    it = Provider(replace(ASKED, dial_when_down=True), silent)
    it.run(40_000)
    assert it.standing().qualify == "down"
    assert [type(r) for r in reserve(it, "cout.3")] == [SpanReserved]


def test_it_can_be_asked_now() -> None:
    it = Provider(ASKED, fixed(200))
    it.run(10_000)
    it.take()
    it.put(Probe("main"))
    it.run(100)
    assert len(it.sent) == 1
    it.put(Probe("nobody"))


@pytest.mark.parametrize("says", [fixed(404), silent])
def test_a_trunk_that_is_not_probed_is_asked_once_and_nothing_follows(says: Says) -> None:
    it = Provider(TRUNK, says)
    it.put(Probe("main"))
    it.run(HOUR_MS)
    assert len(it.firsts()) == 1
    assert it.changes() == []
    standing = it.standing()
    assert (standing.qualify, standing.up) == (None, True)
    assert (standing.last_code, standing.rtt_ms) == ((404, 20.0) if says is not silent else (None, None))
    assert not it.door.upkeep.deadline


def test_without_the_setting_nothing_is_asked() -> None:
    it = Provider(TRUNK, granted)
    it.run(HOUR_MS)
    assert not it.sent
    assert it.standing().up
    assert (it.standing().qualify, it.standing().registered) == (None, None)


@pytest.mark.parametrize("how", ["removed", "stopped", "switched off"])
def test_it_ends(how: str) -> None:
    it = Provider(ASKED, fixed(200))
    it.run(5000)
    it.take()
    if how == "stopped":
        it.put(Farewell())
    else:
        it.door.replace_trunks(() if how == "removed" else (TRUNK,))
        it.put(KeepUp())
    it.run(HOUR_MS)
    assert not it.sent
    assert it.door.upkeep.gone


def test_another_interval_holds_from_now_on() -> None:
    it = Provider(replace(ASKED, qualify_ms=HOUR_MS), fixed(200))
    it.run(10_000)
    it.take()
    it.door.replace_trunks((replace(ASKED, qualify_ms=5000),))
    it.put(KeepUp())
    it.run(20_500)
    assert len(it.sent) in (3, 4)
    assert it.changes() == [("up", None)]
