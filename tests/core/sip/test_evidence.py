"""Evidence against sources: what bans, for how long, and that memory is bounded."""

import pytest

from edge.core.sip.evidence import BAN_MS, BANS, LONGEST_BAN_MS, MEMORY_MS, SOURCES, WEIGHTS, Evidence
from edge.core.sip.rates import Bucket, Buckets

HOUR = 3_600_000
HOST = "203.0.113.9"


@pytest.mark.parametrize("kind", sorted(set(WEIGHTS) - {"span_killed"}))
def test_neither_one_mistake_nor_two_ban(kind: str) -> None:
    evidence = Evidence()
    assert evidence.note(HOST, kind, 0) is None  # type: ignore[arg-type]
    assert evidence.note(HOST, kind, 1) is None  # type: ignore[arg-type]
    assert evidence.banned(HOST, 2) is None


def test_ten_failed_log_ins_within_a_minute_ban_however_they_are_spread() -> None:
    for gap in (0, 1000, 6000):
        evidence = Evidence()
        bans = [evidence.note(HOST, "failed_digest", gap * n) for n in range(10)]
        assert [ban for ban in bans if ban is not None], gap
        assert not any(bans[:8])


def test_a_mistake_every_few_minutes_never_bans() -> None:
    evidence = Evidence()
    assert not any(evidence.note(HOST, "malformed", n * 60_000) for n in range(500))


def test_a_tool_that_says_its_name_is_banned_at_the_third_message() -> None:
    evidence = Evidence()
    assert [evidence.note(HOST, "scanner", n * 100) is not None for n in range(3)] == [False, False, True]


def test_kinds_add_up_and_the_heaviest_is_the_cause() -> None:
    evidence = Evidence()
    evidence.note(HOST, "malformed", 0)
    evidence.note(HOST, "malformed", 0)
    evidence.note(HOST, "scanner", 0)
    ban = evidence.note(HOST, "scanner", 0)
    assert ban is not None
    assert (ban.cause, ban.evidence) == ("scanner", {"malformed": 2, "scanner": 2})


def test_a_ban_ends_and_the_next_is_twice_as_long() -> None:
    evidence, now = Evidence(), 0
    lengths = []
    for _ in range(12):
        ban = evidence.note(HOST, "scanner", now, times=3)
        assert ban is not None
        lengths.append(ban.until_ms - now)
        assert evidence.banned(HOST, ban.until_ms - 1) is ban
        assert evidence.banned(HOST, ban.until_ms) is None
        now = ban.until_ms
        assert evidence.sweep(now) == [ban]
        assert evidence.sweep(now) == []
    assert lengths[:3] == [BAN_MS, 2 * BAN_MS, 4 * BAN_MS]
    assert lengths[-1] == LONGEST_BAN_MS


def test_after_a_quiet_day_it_begins_anew() -> None:
    evidence = Evidence()
    first = evidence.note(HOST, "scanner", 0, times=3)
    assert first is not None
    evidence.sweep(BAN_MS)
    evidence.sweep(BAN_MS + MEMORY_MS)
    again = evidence.note(HOST, "scanner", BAN_MS + MEMORY_MS, times=3)
    assert again is not None
    assert again.times == 1


def test_while_banned_no_second_ban() -> None:
    evidence = Evidence()
    assert evidence.note(HOST, "scanner", 0, times=3)
    assert not any(evidence.note(HOST, "scanner", n) for n in range(100))
    assert len(evidence.bans(100)) == 1


def test_the_second_span_that_a_source_ends_bans_it_hours_later_too() -> None:
    evidence = Evidence()
    assert evidence.note(HOST, "span_killed", 0) is None
    for n in range(10):
        evidence.note(HOST, "unknown_number", n * HOUR)
    ban = evidence.note(HOST, "span_killed", 10 * HOUR)
    assert ban is not None
    assert ban.cause == "span_killed"


def test_answered_calls_weigh_against_unknown_numbers_and_against_nothing_else() -> None:
    evidence = Evidence()
    for n in range(200):
        assert evidence.note(HOST, "unknown_number", n) is None
        evidence.good(HOST, n)
    evidence.note(HOST, "scanner", 300)
    evidence.note(HOST, "scanner", 300)
    for _ in range(50):
        evidence.good(HOST, 300)
    assert evidence.note(HOST, "scanner", 300) is not None


def test_clearing_forgets_what_was_known() -> None:
    evidence = Evidence()
    for host in ("a", "b"):
        evidence.note(host, "scanner", 0, times=3)
    version = evidence.version
    assert [ban.source for ban in evidence.clear("a", 1)] == ["a"]
    assert evidence.version > version
    assert evidence.clear("a", 1) == []
    assert [ban.source for ban in evidence.bans(1)] == ["b"]
    again = evidence.note("a", "scanner", 2, times=3)
    assert again is not None
    assert again.times == 1
    assert {ban.source for ban in evidence.clear("", 3)} == {"a", "b"}


def test_memory_is_bounded_and_a_flood_does_not_push_out_who_is_heard_of_often() -> None:
    evidence = Evidence()
    evidence.note(HOST, "scanner", 0)
    for n in range(3 * SOURCES):
        evidence.note(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "stranger", n // 100)
        if n % 1000 == 0:
            evidence.note(HOST, "stranger", n // 100)
    assert len(evidence) <= SOURCES
    assert evidence.note(HOST, "scanner", 3 * SOURCES // 100) is not None
    for n in range(2 * BANS):
        evidence.note(f"11.0.{n >> 8}.{n & 255}", "scanner", 200, times=3)
    assert len(evidence.bans(201)) == BANS


def test_a_bucket_lets_its_rate_pass() -> None:
    bucket = Bucket(50)
    passed = sum(bucket.take(ms) for ms in range(0, 10_000, 2))
    assert 50 + 490 <= passed <= 50 + 510
    assert not bucket.take(9_999)
    assert bucket.take(10_999)


def test_buckets_are_of_their_names_and_bounded() -> None:
    buckets = Buckets(1, limit=10)
    assert buckets.take("a", 0)
    assert not buckets.take("a", 0)
    assert buckets.take("b", 0)
    for n in range(100):
        buckets.take(str(n), 0)
    assert buckets.take("a", 0), "forgotten, so it begins anew"
