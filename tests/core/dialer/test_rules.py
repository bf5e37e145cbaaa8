"""Rules, against a slow twin that asks minute by minute and with Python's own time zones."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import phonenumbers
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from edge.config.zones import YEARS, time_zone_fault, zone_of
from edge.core.callbacks.rules import Rules as NumberPlan
from edge.core.dialer.numbers import facts_of
from edge.core.dialer.reasons import REASONS, Check, text_of
from edge.core.dialer.rules import History, Judge, Request
from edge.core.dialer.ruleset import (
    AbandonmentRule,
    AfterRule,
    AttemptsRule,
    ConsentRule,
    GapRule,
    HoursRule,
    ListRule,
    RingRule,
    Ruleset,
)
from edge.core.menus.calendar import Calendar, Zone
from edge.vocabulary.dialing import Consent, PastAttempt, Suppression
from edge.vocabulary.private import Private
from tests.core.dialer import twin

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
OURS = "+12125550100"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def tables_of(name: str) -> Zone | None:
    return None if time_zone_fault(name) else zone_of(name)


KNOWN = (moment(f"{YEARS.start}-01-01T00:00Z"), moment(f"{YEARS.stop}-01-01T00:00Z"))


def ruleset(**changes: Any) -> Ruleset:
    plain: dict[str, Any] = {
        "name": "test",
        "title": "Test",
        "made_of": ["test"],
        "numbers": NumberPlan(countries=["US", "DE", "GB", "RU", "AU", "IT"]),
        "hours": HoursRule(calendar=Calendar(week=[[(480, 1260)]] * 7)),
        "ring": RingRule(least_ms=15_000),
        "abandonment": AbandonmentRule(ceiling_per_mille=30, period_ms=30 * DAY, connect_within_ms=2000),
    }
    return Ruleset(**plain | changes)


def judge_of(rules: Ruleset) -> Judge:
    return Judge(rules, tables_of, KNOWN)


def asked(number: str = "+12125550123", **changes: Any) -> Request:
    plain: dict[str, Any] = {
        "number": Private(number),
        "campaign": "agent",
        "caller_id": Private(OURS),
        "own_numbers": frozenset([OURS]),
    }
    return Request(**plain | changes)


def known(**changes: Any) -> History:
    plain: dict[str, Any] = {"number": [], "contact": [], "suppressions": [], "lists": {}, "consents": []}
    return History(**plain | changes)


def attempt(started_ms: int, disposition: Any = "no_answer") -> PastAttempt:
    return PastAttempt(attempt="a", campaign="c", started_ms=started_ms, disposition=disposition)


NOON = moment("2026-11-20T12:00-05:00")
NUMBERS = (
    "+12125550123",  # New York
    "+18085550123",  # Honolulu
    "+19075550123",  # Alaska, two zones
    "+442079460958",  # London
    "+447911123456",  # mobile, no place
    "+4930123456",  # Berlin
    "+4915112345678",  # mobile
    "+390612345678",  # Rome: the zero belongs to the number
    "+79161234567",  # mobile: from Kaliningrad to Kamchatka
    "+61412345678",  # mobile: from Perth to Lord Howe
)


# --- a rule at a time -------------------------------------------------------------------------------------------------


def refusals(judge: Judge, request: Request, history: History, now_ms: int) -> list[Check]:
    return judge.judge(request, history, now_ms).refusals


def reasons(judge: Judge, request: Request, history: History, now_ms: int) -> list[str]:
    return list(judge.judge(request, history, now_ms).reasons)


def test_what_nothing_forbids_is_allowed_now() -> None:
    verdict = judge_of(ruleset()).judge(asked(), known(), NOON)
    assert (verdict.allowed, verdict.refusals, verdict.next_ms) == (True, [], NOON)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("12125550123", "not_a_number"),
        ("", "not_a_number"),
        ("+", "not_a_number"),
        ("+0", "not_a_number"),
        ("+١٢٣٤٥٦٧٨", "not_a_number"),
        ("+12125550123x", "not_a_number"),
        ("+19005550123", "not_ordinary"),
        ("+18005550123", "not_ordinary"),
        ("+4990012345678", "not_ordinary"),
        ("+33140205050", "not_covered"),
        ("+14165550123", "not_covered"),  # Toronto has the same country code
    ],
)
def test_numbers_that_are_never_called(number: str, reason: str) -> None:
    verdict = judge_of(ruleset()).judge(asked(number), known(), NOON)
    assert reason in verdict.reasons
    assert verdict.next_ms is None


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("number", "history_unknown"),
        ("contact", "history_unknown"),
        ("suppressions", "lists_unknown"),
        ("lists", "lists_unknown"),
        ("consents", "consents_unknown"),
    ],
)
def test_what_cannot_be_read_forbids(field: str, reason: str) -> None:
    rules = ruleset(consents=[ConsentRule(any_of=["prior_express"])])
    good = Consent(kind="prior_express", given_ms=1, evidence="form 7")
    assert judge_of(rules).judge(asked(), known(consents=[good]), NOON).allowed
    verdict = judge_of(rules).judge(asked(), known(**{"consents": [good], field: None}), NOON)
    assert (verdict.reasons, verdict.next_ms) == ([reason], None)


def test_a_zone_that_nobody_knows_forbids() -> None:
    judge = judge_of(ruleset())
    assert reasons(judge, asked(contact_zone="America/New_Yrok"), known(), NOON) == ["zone_unknown"]
    nowhere = Judge(ruleset(), lambda _: None, KNOWN)
    assert reasons(nowhere, asked(), known(), NOON) == ["zone_unknown"]


def test_a_clock_that_cannot_be_right_forbids() -> None:
    judge = judge_of(ruleset())
    for wrong in (0, -5, KNOWN[0] - 1, KNOWN[1], 2**62):
        assert reasons(judge, asked(), known(), wrong) == ["clock_unknown"]


def test_hours_are_those_of_the_callee_and_of_the_contact() -> None:
    judge = judge_of(ruleset())
    early = moment("2026-11-20T09:00-05:00")
    assert judge.judge(asked(), known(), early).allowed
    verdict = judge.judge(asked(contact_zone="America/Los_Angeles"), known(), early)
    assert (verdict.reasons, verdict.refusals[0].names) == (["hours"], ("America/Los_Angeles",))
    assert verdict.next_ms == moment("2026-11-20T08:00-08:00")
    replaces = judge_of(ruleset(hours=HoursRule(calendar=Calendar(week=[[(480, 1260)]] * 7), contact_zone="replaces")))
    evening = moment("2026-11-20T23:30-05:00")
    assert reasons(judge, asked(contact_zone="America/Los_Angeles"), known(), evening) == ["hours"]
    assert replaces.judge(asked(contact_zone="America/Los_Angeles"), known(), evening).allowed


def test_a_number_of_many_zones_is_called_when_all_of_them_may_be() -> None:
    judge = judge_of(ruleset())
    # From Kaliningrad (UTC+2) to Kamchatka (UTC+12): 21:00 there is 11:00 here.
    verdict = judge.judge(asked("+79161234567"), known(), moment("2026-11-20T09:30Z"))
    assert verdict.reasons == ["hours"]
    opens = verdict.next_ms
    assert opens is not None
    assert datetime.fromtimestamp(opens / 1000, UTC).isoformat() == "2026-11-21T06:00:00+00:00"


def test_on_holidays_nobody_is_called() -> None:
    christmas = datetime(2026, 12, 25, tzinfo=UTC).toordinal()
    calendar = Calendar(week=[[(480, 1200)]] * 6 + [[]], holidays={christmas: "Christmas", christmas + 1: "St Stephen"})
    judge = judge_of(ruleset(hours=HoursRule(calendar=calendar)))
    verdict = judge.judge(asked("+4930123456"), known(), moment("2026-12-25T12:00+01:00"))
    assert (verdict.reasons, verdict.refusals[0].names) == (["holiday"], ("Christmas",))
    # The 26th is one, too, and the 27th a Sunday.
    assert verdict.next_ms == moment("2026-12-28T08:00+01:00")


def test_attempts_in_a_rolling_window() -> None:
    judge = judge_of(ruleset(attempts=[AttemptsRule(of="number", most=2, within_ms=DAY)]))
    two = [attempt(NOON - 20 * HOUR), attempt(NOON - 2 * HOUR)]
    verdict = judge.judge(asked(), known(number=two), NOON)
    assert verdict.reasons == ["attempts"]
    assert verdict.next_ms == NOON + 4 * HOUR
    assert text_of(verdict.refusals[0]).endswith("2 of 2 attempts of the number within 1 d")
    assert judge.judge(asked(), known(number=two[:1], contact=two), NOON).allowed
    none = judge_of(ruleset(attempts=[AttemptsRule(of="number", most=0, within_ms=DAY)]))
    assert none.judge(asked(), known(), NOON).next_ms is None


def test_attempts_of_a_week_of_the_callee() -> None:
    judge = judge_of(ruleset(attempts=[AttemptsRule(of="contact", most=3, calendar="week")]))
    friday = [attempt(NOON - hours * HOUR) for hours in (1, 26, 50)]
    verdict = judge.judge(asked(), known(contact=friday), NOON)
    assert verdict.next_ms == moment("2026-11-23T08:00-05:00")  # Monday
    assert text_of(verdict.refusals[0]).endswith("3 of 3 attempts of the contact this week")


def test_a_gap_and_a_pause_after_an_outcome() -> None:
    after = AfterRule(dispositions=["abandoned"], wait_ms=72 * HOUR, unless_agent=True)
    judge = judge_of(ruleset(gap=GapRule(least_ms=30 * MINUTE), after=[after]))
    verdict = judge.judge(asked(), known(number=[attempt(NOON - 10 * MINUTE, "abandoned")]), NOON)
    assert verdict.reasons == ["gap", "after_outcome"]
    assert verdict.next_ms == NOON - 10 * MINUTE + 72 * HOUR
    verdict = judge.judge(asked(agent_waiting=True), known(number=[attempt(NOON - 10 * MINUTE, "abandoned")]), NOON)
    assert (verdict.reasons, verdict.next_ms) == (["gap"], NOON + 20 * MINUTE)


@pytest.mark.parametrize(("disposition", "reason"), [(None, "under_way"), ("held", "held")])
@pytest.mark.parametrize("of", ["number", "contact"])
def test_what_may_be_ringing_is_not_dialled_again(disposition: Any, reason: str, of: str) -> None:
    history = known(**{of: [attempt(NOON - 400 * DAY, disposition)]})
    verdict = judge_of(ruleset()).judge(asked(), history, NOON)
    assert (verdict.reasons, verdict.next_ms) == ([reason], None)


def test_lists_have_to_be_there_and_young() -> None:
    national = ListRule(listed_in="national", max_age_ms=31 * DAY, exempt=["prior_express_written"])
    judge = judge_of(ruleset(lists=[national]))
    assert reasons(judge, asked(), known(), NOON) == ["list_missing"]
    assert reasons(judge, asked(), known(lists={"national": NOON + 1}), NOON) == ["list_missing"]
    assert judge.judge(asked(), known(lists={"national": NOON - 31 * DAY}), NOON).allowed
    stale = judge.judge(asked(), known(lists={"national": NOON - 31 * DAY - 1}), NOON)
    assert (stale.reasons, stale.next_ms) == (["list_stale"], None)
    listed = known(lists={"national": NOON}, suppressions=[Suppression(listed_in="national", since_ms=1)])
    assert reasons(judge, asked(), listed, NOON) == ["listed"]
    written = Consent(kind="prior_express_written", given_ms=NOON - DAY, evidence="contract")
    assert judge.judge(asked(), msgspec.structs.replace(listed, consents=[written]), NOON).allowed
    own = Suppression(listed_in="own", since_ms=NOON - 1)
    both = msgspec.structs.replace(listed, consents=[written], suppressions=[*(listed.suppressions or []), own])
    assert reasons(judge, asked(), both, NOON) == ["own_list"]
    other = Suppression(listed_in="some-other", since_ms=1)
    more = msgspec.structs.replace(listed, consents=[written], suppressions=[other])
    assert reasons(judge, asked(), more, NOON) == ["listed"]


def test_consents_by_campaign_and_line() -> None:
    rules = ruleset(
        consents=[
            ConsentRule(campaign="agentless", any_of=["prior_express_written"]),
            ConsentRule(line="mobile", any_of=["prior_express"], max_age_ms=365 * DAY),
        ]
    )
    judge = judge_of(rules)
    at = moment("2026-11-20T12:00+01:00")
    assert judge.judge(asked("+4930123456"), known(), at).allowed
    assert reasons(judge, asked("+4930123456", campaign="agentless"), known(), at) == ["consent_missing"]
    assert reasons(judge, asked("+4915112345678"), known(), at) == ["consent_missing"]
    # Nobody can tell whether an American number is a mobile, so it is taken for one.
    assert reasons(judge, asked(), known(), NOON) == ["consent_missing"]

    def with_consent(**changes: Any) -> list[str]:
        consent = Consent(**{"kind": "prior_express", "given_ms": at - DAY, "evidence": "call 12"} | changes)
        return reasons(judge, asked("+4915112345678"), known(consents=[consent]), at)

    assert with_consent() == []
    assert with_consent(evidence="") == ["consent_missing"]
    assert with_consent(kind="existing_business") == ["consent_missing"]
    assert with_consent(expires_ms=at) == ["consent_missing"]
    assert with_consent(given_ms=at - 366 * DAY) == ["consent_missing"]
    later = known(consents=[Consent(kind="prior_express", given_ms=at + HOUR, evidence="x")])
    assert judge.judge(asked("+4915112345678"), later, at).next_ms == at + HOUR


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (None, "caller_id_missing"),
        ("", "caller_id_missing"),
        ("100", "caller_id_missing"),
        ("+12125550199", "caller_id_foreign"),
    ],
)
def test_our_own_number_is_shown(shown: str | None, reason: str) -> None:
    request = asked(caller_id=None if shown is None else Private(shown))
    assert reasons(judge_of(ruleset()), request, known(), NOON) == [reason]


def test_every_reason_has_words_and_shows_no_number() -> None:
    verdict = judge_of(ruleset()).judge(asked("+19005550123", caller_id=None), known(number=None), NOON - 12 * HOUR)
    for check in verdict.refusals:
        assert check.reason is not None
        assert text_of(check).startswith(REASONS[check.reason])
        assert "5550123" not in repr(check) + text_of(check)
    assert "5550123" not in repr(asked())


def test_every_rule_tells_its_figures_when_it_allows() -> None:
    rules = ruleset(
        attempts=[AttemptsRule(of="number", most=3, calendar="week", source="law")],
        gap=GapRule(least_ms=HOUR),
        lists=[ListRule(listed_in="national", max_age_ms=31 * DAY)],
        consents=[ConsentRule(any_of=["prior_express"])],
    )
    consent = Consent(kind="prior_express", given_ms=1, evidence="x")
    history = known(number=[attempt(NOON - 2 * HOUR)], lists={"national": NOON}, consents=[consent])
    found = {check.rule: check for check in judge_of(rules).examine(asked(), history, NOON)}
    assert [check.reason for check in found.values()] == [None] * len(found)
    assert text_of(found["attempts"]) == "1 of 3 attempts of the number this week"
    assert found["attempts"].source == "law"
    assert text_of(found["zone"]) == "America/New_York (from the number)"


# --- all at once, against the twin ------------------------------------------------------------------------------------

SPANS = st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), max_size=2).map(
    lambda found: sorted((begin * 60, end * 60) for begin, end in found if begin < end)
)
#: Around the changes of the clock of 2026 in America, Europe, Australia, and a year's end.
TIMES = st.one_of(
    st.sampled_from(
        [moment(text) for text in ("2026-03-08T10:00Z", "2026-11-01T09:00Z", "2026-03-29T01:00Z", "2026-10-25T01:00Z")]
    ).flatmap(lambda middle: st.integers(middle - 26 * HOUR, middle + 26 * HOUR)),
    st.integers(moment("2026-01-01T00:00Z"), moment("2027-06-01T00:00Z")),
)
CONSENT_KINDS = ["prior_express", "prior_express_written", "existing_business"]


@st.composite
def rule_sets(draw: st.DrawFn) -> Ruleset:
    # One or two rules at a time, else all forbid and nothing is seen.
    parts = draw(st.sets(st.sampled_from(["hours", "attempts", "gap", "after", "lists", "consents"]), max_size=2))
    wide = [(420, 1320)]
    week = [draw(SPANS) if "hours" in parts else wide for _ in range(3)]
    calendar = Calendar(
        week=[week[0]] * 5 + week[1:],
        holidays={datetime(2026, 3, 30, tzinfo=UTC).toordinal(): "Holiday"} if draw(st.booleans()) else {},
        exceptions={datetime(2026, 10, 26, tzinfo=UTC).toordinal(): draw(SPANS)} if draw(st.booleans()) else {},
    )
    limits = st.builds(
        AttemptsRule,
        of=st.sampled_from(["number", "contact"]),
        most=st.integers(0, 3),
        within_ms=st.integers(HOUR, 8 * DAY),
        calendar=st.sampled_from([None, "day", "week"]),
    )
    kinds = st.lists(st.sampled_from(CONSENT_KINDS), min_size=1, max_size=2)
    return ruleset(
        hours=HoursRule(calendar=calendar, contact_zone=draw(st.sampled_from(["adds", "replaces"]))),
        attempts=draw(st.lists(limits, min_size=1, max_size=2)) if "attempts" in parts else [],
        gap=draw(st.builds(GapRule, least_ms=st.integers(1, 3 * DAY))) if "gap" in parts else None,
        after=draw(
            st.lists(
                st.builds(
                    AfterRule,
                    dispositions=st.sampled_from([["abandoned"], ["machine", "busy"]]),
                    wait_ms=st.integers(1, 4 * DAY),
                    unless_agent=st.booleans(),
                ),
                max_size=int("after" in parts),
            )
        ),
        lists=draw(
            st.lists(
                st.builds(
                    ListRule,
                    listed_in=st.just("national"),
                    max_age_ms=st.integers(0, 40 * DAY),
                    exempt=st.lists(st.sampled_from(CONSENT_KINDS), max_size=1),
                ),
                max_size=int("lists" in parts),
            )
        ),
        consents=draw(
            st.lists(
                st.builds(
                    ConsentRule,
                    campaign=st.sampled_from([None, "agent", "agentless"]),
                    line=st.sampled_from([None, "fixed", "mobile"]),
                    any_of=kinds,
                    max_age_ms=st.sampled_from([0, DAY]),
                ),
                max_size=int("consents" in parts),
            )
        ),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Ruleset, Request, History, int]:
    rules = draw(rule_sets())
    now = draw(TIMES)
    ages = st.integers(-HOUR, 9 * DAY)
    attempts = st.lists(
        st.builds(attempt, ages.map(lambda age: now - age), st.sampled_from(["abandoned", "busy", "no_answer"])),
        max_size=4,
    )
    consents = st.builds(
        Consent,
        kind=st.sampled_from(CONSENT_KINDS),
        given_ms=st.integers(now - 3 * DAY, now + DAY),
        expires_ms=st.sampled_from([0, 0, now, now + DAY]),
        evidence=st.sampled_from(["", "form", "form"]),
    )
    number = draw(attempts)
    request = asked(
        draw(st.sampled_from(NUMBERS)),
        campaign=draw(st.sampled_from(["agent", "agentless"])),
        contact_zone=draw(st.sampled_from(["", "", "America/Denver", "Europe/Berlin", "Australia/Lord_Howe"])),
        agent_waiting=draw(st.booleans()),
    )
    history = known(
        number=number,
        contact=number + draw(attempts),
        suppressions=draw(
            st.lists(
                st.builds(Suppression, listed_in=st.just("national"), since_ms=st.just(1)),
                max_size=len(rules.lists),
            )
        ),
        lists={"national": now - draw(st.integers(0, 35 * DAY))},
        consents=draw(st.lists(consents, max_size=2)),
    )
    return rules, request, history, now


SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)


@SLOW
@given(cases(), st.lists(st.integers(0, 12 * DAY), min_size=6, max_size=6))
def test_the_twin_agrees_and_nothing_before_the_next_moment_is_allowed(
    case: tuple[Ruleset, Request, History, int], ahead: list[int]
) -> None:
    rules, request, history, now = case
    verdict = judge_of(rules).judge(request, history, now)
    assert verdict.allowed == twin.allowed(rules, request, history, now)
    assert verdict.allowed == (not verdict.refusals)
    if verdict.allowed:
        assert verdict.next_ms == now
        return
    if verdict.next_ms is not None:
        assert verdict.next_ms > now
        assert twin.allowed(rules, request, history, verdict.next_ms)
        assert not twin.allowed(rules, request, history, verdict.next_ms - 1)
    until = verdict.next_ms if verdict.next_ms is not None else now + 12 * DAY
    for one in ahead:
        at = now + one % (until - now)
        assert not twin.allowed(rules, request, history, at)


@SLOW
@given(cases(), rule_sets())
def test_one_more_restriction_never_allows_more(case: tuple[Ruleset, Request, History, int], other: Ruleset) -> None:
    rules, request, history, now = case
    stricter = msgspec.structs.replace(
        rules,
        attempts=rules.attempts + other.attempts,
        gap=other.gap if rules.gap is None else rules.gap,
        after=rules.after + other.after,
        lists=rules.lists or other.lists,
        consents=rules.consents + other.consents,
    )
    strict = judge_of(stricter).judge(request, history, now)
    lax = judge_of(rules).judge(request, history, now)
    # A list that is asked for exempts nobody who was refused for being on it: only where the lax rules named none.
    if strict.allowed and rules.lists == stricter.lists:
        assert lax.allowed
    if rules.lists == stricter.lists and strict.next_ms is not None and not strict.allowed:
        assert lax.next_ms is not None
        assert lax.next_ms <= strict.next_ms


@SLOW
@given(st.sampled_from(NUMBERS), TIMES)
@example("+12125550123", moment("2026-03-08T07:30Z"))  # the hour that is left out, in New York
@example("+12125550123", moment("2026-11-01T05:30Z"))  # the hour that comes twice
def test_nobody_is_called_outside_hours_in_any_zone_that_he_may_be_in(number: str, now: int) -> None:
    rules = ruleset()
    judge = judge_of(rules)
    if judge.judge(asked(number), known(), now).allowed:
        for zone in twin.zones_of(asked(number), rules):
            assert 8 <= twin.local(zone, now).hour < 21


def test_hours_in_the_night_of_a_change_of_the_clock() -> None:
    """From 01:00 to 03:30 there is an hour less in March, and one more in November."""
    rules = ruleset(hours=HoursRule(calendar=Calendar(week=[[(60, 210)]] * 7)))
    judge = judge_of(rules)
    for night, minutes in (("2026-03-08", 90), ("2026-11-01", 210), ("2026-06-01", 150)):
        begin = moment(f"{night}T04:00Z")
        found = [judge.judge(asked(), known(), begin + minute * MINUTE).allowed for minute in range(360)]
        assert found == [twin.is_open(rules, "America/New_York", begin + minute * MINUTE) for minute in range(360)]
        assert sum(found) == minutes


# --- numbers of all countries -----------------------------------------------------------------------------------------


def test_every_region_has_zones_or_is_refused() -> None:
    every = NumberPlan(countries=sorted(phonenumbers.SUPPORTED_REGIONS))
    judge = judge_of(ruleset(numbers=every))
    regions = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            sample = phonenumbers.example_number_for_type(region, kind)
            if sample is None:
                continue
            number = phonenumbers.format_number(sample, phonenumbers.PhoneNumberFormat.E164)
            facts = facts_of(number)
            assert facts is not None
            # Read at once, a number is what the library makes of it.
            parsed = phonenumbers.parse(number)
            assert facts.country == (phonenumbers.region_code_for_number(parsed) or "")
            verdict = judge.judge(asked(number), known(), NOON)
            if facts.zones:
                assert not any(time_zone_fault(zone) for zone in facts.zones)
                assert twin.zones_of(asked(number), judge.rules) == set(facts.zones)
            else:
                assert "zone_unknown" in verdict.reasons
            regions += 1
    assert regions > 400
    assert {zone for zones in TIMEZONE_DATA.values() for zone in zones if time_zone_fault(zone)} <= {"Etc/Unknown"}


@given(st.text("+0123456789", max_size=20) | st.text(max_size=12))
def test_whatever_is_asked_for_gets_a_verdict(text: str) -> None:
    verdict = judge_of(ruleset()).judge(asked(text, caller_id=Private(text)), known(), NOON)
    assert verdict.allowed == (not verdict.refusals)
