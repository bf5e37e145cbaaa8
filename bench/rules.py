"""What judging a call costs, and whether packs judge as their slow twin does, at random minutes of ten years.

CPU time of this process counts, so other load does not.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edge.config.dialing_rules import Rulebooks, judge_of
from edge.config.errors import Findings
from edge.core.dialer.numbers import facts_of
from edge.core.dialer.rules import History, Judge, Request
from edge.vocabulary.dialing import Consent, PastAttempt
from edge.vocabulary.private import Private
from tests.core.dialer import twin

SEED = 20261122
NUMBERS = 20_000
MOMENTS = 100_000
OURS = "+12125550100"
_DAY_MS = 86_400_000
#: 20 November 2026, a Friday, 17:00 UTC: noon in New York. Seven hours before, nobody there is called.
NOON_MS = 1_795_194_000_000
NIGHT_MS = NOON_MS - 7 * 3_600_000
_AREAS = ("212", "312", "213", "808", "602", "305", "206", "617", "907", "702")
#: Numbers of each pack, with one zone and with many.
SAMPLES = {
    "us-ftc": ("+12125550123", "+18085550123", "+19075550123"),
    "uk-ofcom": ("+442079460958", "+447911123456"),
    "de": ("+4930123456", "+4915112345678"),
    "cn": ("+8613800138000", "+861012345678"),
}
_ZONES = ("", "", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe")


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure all of it."""
    _speed(emit, 500 if quick else NUMBERS)
    _agreement(emit, 400 if quick else MOMENTS)


def judge_named(name: str) -> Judge:
    """Make the judge of a shipped pack."""
    findings = Findings()
    pack = Rulebooks(Path("/nowhere"), findings, []).get(name)
    if pack is None:
        raise RuntimeError(str(findings.errors[0]))
    return judge_of(pack.rules)


def request_of(number: str, zone: str = "", *, waiting: bool = False) -> Request:
    """Ask for a call by an agent that shows our number."""
    return Request(
        number=Private(number),
        campaign="agent",
        caller_id=Private(OURS),
        own_numbers=frozenset([OURS]),
        contact_zone=zone,
        agent_waiting=waiting,
    )


def history_at(now_ms: int, attempts: list[PastAttempt]) -> History:
    """Give a history in which all is known, and lists are a day old."""
    return History(
        number=attempts,
        contact=attempts,
        suppressions=[],
        lists={"us-national-dnc": now_ms - _DAY_MS, "uk-tps": now_ms - _DAY_MS},
        consents=[Consent(kind="prior_express_written", given_ms=1, evidence="form")],
    )


def _speed(emit: Callable[..., None], count: int) -> None:
    chance = random.Random(SEED)
    judge = judge_named("us-ftc")
    numbers = [
        f"+1{chance.choice(_AREAS)}{chance.randrange(200, 990)}{chance.randrange(10_000):04}" for _ in range(count)
    ]
    requests = [request_of(number) for number in dict.fromkeys(numbers)]
    attempts = [PastAttempt(attempt="a", campaign="c", started_ms=NOON_MS - 2 * _DAY_MS, disposition="busy")]
    judge.judge(requests[0], history_at(NOON_MS, attempts), NOON_MS)
    facts_of.cache_clear()
    for name, at_ms in (("new_numbers", NOON_MS), ("known_numbers", NOON_MS), ("refusals", NIGHT_MS)):
        history = history_at(at_ms, attempts)
        begun = time.process_time()
        allowed = sum(judge.judge(request, history, at_ms).allowed for request in requests)
        seconds = time.process_time() - begun
        emit(f"rules_{name}", round(len(requests) / seconds), "judgements/s of one core", allowed=allowed, seed=SEED)


def _agreement(emit: Callable[..., None], count: int) -> None:
    """Judge at random moments, and let the twin do it, too."""
    chance = random.Random(SEED)
    judges = {name: judge_named(name) for name in SAMPLES}
    first, last = (int(datetime(year, 2, 1, tzinfo=UTC).timestamp() * 1000) for year in (2025, 2035))
    allowed = 0
    wrong: list[str] = []
    for _ in range(count):
        name = chance.choice(sorted(SAMPLES))
        number, zone = chance.choice(SAMPLES[name]), chance.choice(_ZONES)
        now_ms = chance.randrange(first, last) if chance.random() < 0.5 else _near_a_change(chance, first, last)
        attempts = [_attempt(chance, now_ms) for _ in range(chance.randrange(5))]
        request, history = request_of(number, zone, waiting=chance.random() < 0.3), history_at(now_ms, attempts)
        verdict = judges[name].judge(request, history, now_ms)
        allowed += verdict.allowed
        good = verdict.allowed == twin.allowed(judges[name].rules, request, history, now_ms)
        if good and verdict.next_ms is not None and not verdict.allowed:
            then = verdict.next_ms
            before = chance.randrange(now_ms, then)
            good = twin.allowed(judges[name].rules, request, history, then)
            good = good and not twin.allowed(judges[name].rules, request, history, before)
        if not good:
            wrong.append(f"{name} {number} {zone} at {now_ms}")
    emit("rules_moments", count, "moments", allowed=allowed, seed=SEED)
    emit("rules_moments_wrong", len(wrong), "moments", wrong=wrong[:10])


def _near_a_change(chance: random.Random, first: int, last: int) -> int:
    """Choose a moment within a day of a weekend in March or at the turn of October, when clocks change."""
    year = chance.randrange(
        datetime.fromtimestamp(first / 1000, UTC).year, datetime.fromtimestamp(last / 1000, UTC).year
    )
    month, day = chance.choice(((3, 8), (3, 11), (3, 29), (10, 26), (11, 2), (4, 4), (10, 3)))
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000) + chance.randrange(-4 * _DAY_MS, 4 * _DAY_MS)


def _attempt(chance: random.Random, now_ms: int) -> PastAttempt:
    ended = chance.choice(("abandoned", "machine", "no_answer", "busy"))
    return PastAttempt(
        attempt="a",
        campaign="c",
        started_ms=now_ms - chance.randrange(6 * _DAY_MS),
        disposition=ended,  # type: ignore[arg-type]
    )
