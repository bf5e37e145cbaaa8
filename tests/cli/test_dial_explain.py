"""`edge dial explain` over a store of campaigns."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Lease, Outcome, Row
from edge.vocabulary.dialing import Consent, Contact, ContactNumber
from edge.vocabulary.private import Private

CALLEE, OURS = "+13125550123", "+12125550100"
SITE = """
name = "here"
[paths]
state = "state"
menus = "menus"
prompts = "prompts"
dialing_rules = "rules"
[[trunks]]
name = "carrier"
sources = ["192.0.2.1"]
address = "192.0.2.1"
[[routes]]
number = "*"
menu = "hello"
[[campaigns]]
name = "spring"
lists = ["customers"]
rules = "own"
trunk = "carrier"
menu = "hello"
caller_id = "+12125550100"
"""
RULES = """
title = "Our own"
extends = "us-ftc"
[[attempts]]
of = "number"
most = 2
window = "week"
source = "our own promise"
[ring]
least = "14s"
override = true
reason = "counsel said so"
"""
MENU = 'version: 1\nstart: bye\nnodes:\n  bye:\n    hang_up: ""\n'
#: Wednesday.
AT = "2026-11-18T12:00-06:00"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def dialled(store: CampaignStore, attempt: str, at: str) -> None:
    store.set_campaign("spring", "running", 1)
    lease = Lease(
        attempt=attempt, campaign="spring", listed_in="customers", contact="c1", number=Private(CALLEE), owner="a"
    )
    assert store.lease(lease, moment(at)) is None
    assert store.dialling(attempt, moment(at))
    outcome = Outcome(disposition="no_answer", ended_ms=moment(at) + 25_000, rang_ms=20_000, next_due_ms=0)
    assert store.end(attempt, outcome)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for folder, file, text in (("menus", "hello.yaml", MENU), ("rules", "own.toml", RULES)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir(mode=0o700)
    store = opened(tmp_path / "state")
    contact = Contact(listed_in="customers", id="c1", numbers=[ContactNumber(number=Private(CALLEE))])
    store.add("customers", [Row(contact=contact, line=2)], 1)
    edition = store.begin_edition("us-national-dnc")
    store.suppress("us-national-dnc", {Private("+12025550177"): 1}, edition)
    store.finish_edition("us-national-dnc", edition, moment("2026-11-10T00:00Z"))
    store.agree([(Private(CALLEE), Consent(kind="prior_express_written", given_ms=1, evidence="form 7"))])
    dialled(store, "a1", "2026-11-16T12:00-06:00")
    store.close()
    return tmp_path


def explained(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["dial", "explain", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_what_each_rule_says_of_a_number_of_a_campaign(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--config", str(site / "site.toml"), "--campaign", "spring", "--at", AT)
    code, found = explained(capsys, CALLEE, *where)
    assert (code, found["allowed"], found["zones"]) == (0, True, ["America/Chicago"])
    attempts = next(check for check in found["checks"] if check["rule"] == "attempts")
    assert (attempts["text"], attempts["source"]) == ("1 of 2 attempts of the number this week", "our own promise")
    assert found["overrides"][0]["reason"] == "counsel said so"

    store = opened(site / "state")
    dialled(store, "a2", "2026-11-17T12:00-06:00")
    store.close()
    code, found = explained(capsys, CALLEE, *where)
    assert (code, found["allowed"], found["next"]) == (1, False, "2026-11-23T14:00:00Z")
    assert main(["dial", "explain", CALLEE, *where]) == 1
    said = capsys.readouterr()
    assert "2 of 2 attempts of the number this week" in said.out
    assert "next allowed Mon 2026-11-23 08:00 America/Chicago" in said.out
    assert "counsel said so" in said.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("+12025550177", "--campaign", "spring"), "listed"),
        ((CALLEE, "--campaign", "spring", "--at", "2027-01-18T12:00-06:00"), "list_stale"),
        ((CALLEE, "--campaign", "spring", "--caller-id", "+12125550199"), "caller_id_foreign"),
        ((CALLEE, "--rules", "us-ftc"), "caller_id_missing"),
        (("+19005550123", "--campaign", "spring"), "not_ordinary"),
        (("+4930123456", "--campaign", "spring"), "not_covered"),
        (("nobody", "--campaign", "spring"), "not_a_number"),
    ],
)
def test_every_refusal_is_named(
    site: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], reason: str
) -> None:
    when = () if "--at" in options else ("--at", AT)
    code, found = explained(capsys, *options, *when, "--config", str(site / "site.toml"))
    assert code == 1
    assert reason in [check["reason"] for check in found["checks"]]


def test_an_own_number_and_a_consent_decide(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("(312) 555-0123", "--rules", "us-ftc", "--caller-id", OURS, "--at", AT)
    where = ("--config", str(site / "site.toml"))
    assert explained(capsys, *options, *where)[1]["allowed"]
    store = opened(site / "state")
    store.withdraw(Private(CALLEE), 2)
    store.close()
    assert explained(capsys, *options, *where)[1]["allowed"], "agents need none"
    _, found = explained(capsys, *options, *where, "--kind", "agentless")
    assert [check["reason"] for check in found["checks"] if check["reason"]] == ["consent_missing"]


def test_without_a_store_nothing_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = explained(
        capsys, CALLEE, "--rules", "us-ftc", "--caller-id", OURS, "--at", AT, "--state", str(tmp_path), "--demo"
    )
    assert code == 1
    assert {check["reason"] for check in found["checks"]} >= {"history_unknown", "lists_unknown"}
    assert str(tmp_path) in found["notes"][0]
    assert not (tmp_path / "campaigns.db").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rules", "us-ftcc"), "did you mean 'us-ftc'?"),
        (("--campaign", "sprin"), "did you mean 'spring'?"),
        ((), "give --campaign or --rules"),
        (("--rules", "de", "--at", "noon"), "'noon' is no time"),
    ],
)
def test_what_cannot_be_asked(
    site: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert main(["dial", "explain", CALLEE, *options, "--config", str(site / "site.toml")]) == 2
    assert said in capsys.readouterr().err


def test_faults_of_rules_are_told_with_their_place(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "rules" / "own.toml").write_text('title = "x"\nextends = "us-ftc"\n[ring]\nleest = "20s"\n')
    assert main(["dial", "explain", CALLEE, "--rules", "own", "--config", str(site / "site.toml")]) == 78
    assert "own.toml:4:1: unknown setting 'leest' (did you mean 'least'?)" in capsys.readouterr().err
