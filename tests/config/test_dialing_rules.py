"""Packs of rules: that the shipped ones can be used, and that a site's file makes them stricter and nothing else."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.config.dialing_rules import SHIPPED, Pack, Rulebooks, judge_of, tables_of
from edge.config.errors import Findings
from edge.core.dialer.rules import History, Request
from edge.core.dialer.ruleset import AttemptsRule, Ruleset
from edge.vocabulary.dialing import Consent, PastAttempt, Suppression
from edge.vocabulary.private import Private

PACKS = sorted(path.stem for path in SHIPPED.glob("*.toml"))
DAY = 86_400_000
OURS = "+12125550100"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def read(folder: Path, name: str) -> tuple[Pack | None, list[str]]:
    findings = Findings()
    found = Rulebooks(folder, findings, []).get(name)
    return found, [str(error) for error in findings.errors]


def shipped(name: str) -> Ruleset:
    found, errors = read(SHIPPED / "none", name)
    assert errors == []
    assert found is not None
    return found.rules


def extended(folder: Path, text: str, base: str = "us-ftc") -> Ruleset:
    (folder / "own.toml").write_text(f'title = "Own"\nextends = "{base}"\n{text}')
    found, errors = read(folder, "own")
    assert errors == []
    assert found is not None
    return found.rules


def asked(number: str, **changes: Any) -> Request:
    plain: dict[str, Any] = {
        "number": Private(number),
        "campaign": "agent",
        "caller_id": Private(OURS),
        "own_numbers": frozenset([OURS]),
    }
    return Request(**plain | changes)


def known(now: int, **changes: Any) -> History:
    lists = {"us-national-dnc": now - DAY, "uk-tps": now - DAY}
    consent = Consent(kind="prior_express_written", given_ms=now - DAY, evidence="form 1")
    plain: dict[str, Any] = {"number": [], "contact": [], "suppressions": [], "lists": lists, "consents": [consent]}
    return History(**plain | changes)


# --- the shipped packs ------------------------------------------------------------------------------------------------


def test_there_are_packs() -> None:
    assert PACKS == ["cn", "de", "uk-ofcom", "us-ftc"]


@pytest.mark.parametrize("name", PACKS)
def test_every_rule_of_a_pack_says_where_it_is_from(name: str) -> None:
    found, errors = read(SHIPPED / "none", name)
    assert errors == []
    assert found is not None
    for path, table in tables_of(found.source):
        assert len(table.source) > 8, path
        assert not table.override
    assert found.source.checked == "2026-11-22"
    assert found.rules.ring.least_ms >= 15_000
    assert found.rules.abandonment.connect_within_ms == 2000
    assert found.rules.abandonment.ceiling_per_mille == 30


@pytest.mark.parametrize(
    ("name", "number", "good", "too_early", "too_late"),
    [
        ("us-ftc", "+12125550123", "2026-11-22T08:00-05:00", "2026-11-22T07:59-05:00", "2026-11-22T21:00-05:00"),
        ("uk-ofcom", "+442079460958", "2026-11-22T10:00Z", "2026-11-22T09:59Z", "2026-11-22T20:00Z"),
        ("de", "+4930123456", "2026-11-21T08:00+01:00", "2026-11-21T07:59+01:00", "2026-11-21T20:00+01:00"),
        ("cn", "+8613800138000", "2026-11-22T09:00+08:00", "2026-11-22T08:59+08:00", "2026-11-22T21:00+08:00"),
    ],
)
def test_calling_hours_of_the_packs(name: str, number: str, good: str, too_early: str, too_late: str) -> None:
    judge = judge_of(shipped(name))
    now = moment(good)
    verdict = judge.judge(asked(number), known(now), now)
    assert verdict.allowed, verdict.refusals
    for wrong in (too_early, too_late):
        assert judge.judge(asked(number), known(now), moment(wrong)).reasons == ["hours"]
    assert judge.judge(asked(number), known(now), moment(too_early)).next_ms == now
    for foreign in {"+12125550123", "+442079460958", "+4930123456", "+8613800138000"} - {number}:
        assert "not_covered" in judge.judge(asked(foreign), known(now), now).reasons


def test_the_american_pack() -> None:
    judge, now = judge_of(shipped("us-ftc")), moment("2026-11-20T12:00-05:00")
    number = "+12125550123"
    assert judge.judge(asked(number), known(now, consents=[]), now).allowed
    assert judge.judge(asked(number), known(now, lists={}), now).reasons == ["list_missing"]
    old = {"us-national-dnc": now - 31 * DAY - 1}
    assert judge.judge(asked(number), known(now, lists=old), now).reasons == ["list_stale"]
    listed = [Suppression(listed_in="us-national-dnc", since_ms=1)]
    assert judge.judge(asked(number), known(now, consents=[], suppressions=listed), now).reasons == ["listed"]
    assert judge.judge(asked(number), known(now, suppressions=listed), now).allowed
    message = asked(number, campaign="agentless")
    assert judge.judge(message, known(now), now).allowed
    assert judge.judge(message, known(now, consents=[]), now).reasons == ["consent_missing"]


def test_the_german_pack() -> None:
    judge, number = judge_of(shipped("de")), "+4930123456"
    unity = moment("2026-10-03T12:00+02:00")
    verdict = judge.judge(asked(number), known(unity), unity)
    assert verdict.reasons == ["holiday"]
    assert verdict.next_ms == moment("2026-10-05T08:00+02:00")  # the 4th is a Sunday
    now = moment("2026-11-20T12:00+01:00")
    three = [PastAttempt(attempt="a", campaign="c", started_ms=now - 1000 * n, disposition="busy") for n in (1, 2, 3)]
    verdict = judge.judge(asked(number), known(now, number=three, contact=three), now)
    assert verdict.reasons == ["attempts"]
    assert verdict.next_ms == moment("2026-11-21T08:00+01:00")
    assert judge.judge(asked(number), known(now, consents=[]), now).reasons == ["consent_missing"]


def test_the_british_pack_leaves_who_was_abandoned_alone() -> None:
    judge, number = judge_of(shipped("uk-ofcom")), "+442079460958"
    now = moment("2026-11-20T12:00Z")
    before = [PastAttempt(attempt="a", campaign="c", started_ms=now - DAY, disposition="abandoned", answered=True)]
    verdict = judge.judge(asked(number), known(now, number=before), now)
    assert (verdict.reasons, verdict.next_ms) == (["after_outcome"], now + 2 * DAY)
    assert judge.judge(asked(number, agent_waiting=True), known(now, number=before), now).allowed


# --- a site's own -----------------------------------------------------------------------------------------------------


def test_a_file_of_the_site_says_only_what_is_different(tmp_path: Path) -> None:
    rules = extended(
        tmp_path,
        '[hours]\nweek = { mon-fri = "10:00-18:00" }\n[[attempts]]\nof = "number"\nmost = 2\nwindow = "week"\n'
        '[numbers]\nforbidden = ["+1212"]\n',
    )
    base = shipped("us-ftc")
    assert rules.hours.calendar.week == [[(600, 1080)]] * 5 + [[], []]
    assert rules.hours.source == "the site's rules 'own'"
    assert rules.attempts == [AttemptsRule(of="number", most=2, calendar="week", source="the site's rules 'own'")]
    assert (rules.lists, rules.consents, rules.ring) == (base.lists, base.consents, base.ring)
    assert rules.numbers.countries == base.numbers.countries
    assert rules.made_of == ["us-ftc", str(tmp_path / "own.toml")]
    assert rules.overrides == []


def test_an_override_says_why_and_is_told(tmp_path: Path) -> None:
    rules = extended(
        tmp_path,
        '[ring]\nleast = "10s"\noverride = true\nreason = "counsel, 2026-11-02"\n'
        '[[attempts]]\nof = "number"\nmost = 5\nwindow = "day"\noverride = true\nreason = "businesses only"\n'
        '[[consents]]\ncampaign = "agent"\nany_of = ["existing_business"]\noverride = true\nreason = "customers"\n',
        "de",
    )
    assert rules.ring.least_ms == 10_000
    assert [(one.rule, one.reason) for one in rules.overrides] == [
        ("ring", "counsel, 2026-11-02"),
        ("attempts", "businesses only"),
        ("consents", "customers"),
    ]
    assert rules.overrides[0].place == f"{tmp_path}/own.toml:3:1"
    assert sorted((one.of, one.most) for one in rules.attempts) == [("contact", 3), ("number", 5)]
    agents = [one.any_of for one in rules.consents if one.campaign == "agent"]
    assert agents == [["existing_business"]]


def test_rules_that_stand_alone(tmp_path: Path) -> None:
    text = (tmp_path / "alone.toml", (SHIPPED / "de.toml").read_text())
    text[0].write_text(text[1])
    found, errors = read(tmp_path, "alone")
    assert errors == []
    assert found is not None
    assert found.rules.attempts == shipped("de").attempts
    assert found.rules.made_of == ["alone"]


HOURS = st.lists(st.integers(0, 24), min_size=2, max_size=2, unique=True).map(sorted)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    HOURS,
    st.sampled_from(["mon-fri", "mon-sun", "sat,sun"]),
    st.integers(0, 40),
    st.integers(1, 60),
    st.integers(10, 20),
    st.integers(0, 7 * DAY),
)
def test_what_is_accepted_without_an_override_never_allows_more(
    tmp_path: Path, hours: list[int], days: str, ceiling: int, period: int, ring: int, into: int
) -> None:
    (tmp_path / "own.toml").write_text(
        f'title = "Own"\nextends = "us-ftc"\n[hours]\nweek = {{ "{days}" = "{hours[0]:02}:00-{hours[1]:02}:00" }}\n'
        f'[abandonment]\nceiling_per_mille = {ceiling}\nperiod_days = {period}\n[ring]\nleast = "{ring}s"\n'
    )
    found, errors = read(tmp_path, "own")
    strict = hours[0] >= 8 and hours[1] <= 21 and ceiling <= 30 and 30 % period == 0 and ring >= 15
    assert (found is not None) == strict == (errors == [])
    if found is not None:
        now = moment("2026-11-02T00:00-05:00") + into
        own = judge_of(found.rules).judge(asked("+12125550123"), known(now), now)
        if own.allowed:
            assert judge_of(shipped("us-ftc")).judge(asked("+12125550123"), known(now), now).allowed


PACK_LINES = [line for name in PACKS for line in (SHIPPED / f"{name}.toml").read_text().splitlines()]
ODD = st.sampled_from(
    """
[hours]
[[hours]]
[[ring]]
[attempts]
[numbers.allowed]
week = "mon"
least = 5
most = -1
x = 1979-05-27
override = 1
reason = 5
countries = {}
dispositions = [[]]
extends = "own"
""".splitlines()
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.sampled_from(["", 'extends = "us-ftc"', 'extends = "own"']), st.data())
def test_whatever_a_file_says_it_is_read_or_its_faults_are_told(
    tmp_path: Path, extends: str, data: st.DataObject
) -> None:
    lines = (SHIPPED / f"{data.draw(st.sampled_from(PACKS))}.toml").read_text().splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["drop", "double", "odd", "other", "cut"]))
        replaced = {
            "drop": [],
            "double": [lines[at]] * 2,
            "odd": [data.draw(ODD)],
            "other": [data.draw(st.sampled_from(PACK_LINES))],
            "cut": [lines[at][: len(lines[at]) // 2]],
        }
        lines[at : at + 1] = replaced[change]
    (tmp_path / "own.toml").write_text("\n".join([extends, *lines]))
    found, errors = read(tmp_path, "own")
    assert (found is None) == bool(errors)
    for error in errors:
        assert error.startswith(str(tmp_path / "own.toml"))
    if found is not None:
        now = moment("2026-11-20T12:00Z")
        verdict = judge_of(found.rules).judge(asked("+442079460958"), known(now), now)
        assert verdict.allowed == (not verdict.refusals)
