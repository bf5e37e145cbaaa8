"""`edge dial explain` over a store of campaigns."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.storage.campaigns.store import opened
from edge.storage.store import Store
from edge.storage.turn import CallRow, Turn
from edge.vocabulary.private import Private
from tests.cli.campaign_site import AT, CALLEE, OURS, dialled, make_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


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


def test_who_has_a_call_with_us_is_not_called_now(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blank = dict.fromkeys(CallRow._fields, "")
    call = blank | {"id": "c1", "state": "open", "direction": "incoming", "trunk": "carrier", "caller": CALLEE}
    store = Store(site / "state" / "state.db")
    store.write(Turn(calls={"c1": CallRow(**call)}))  # type: ignore[arg-type]
    where = ("--config", str(site / "site.toml"), "--campaign", "spring")
    code, found = explained(capsys, CALLEE, *where)
    assert (code, "talking" in [check["reason"] for check in found["checks"]]) == (1, True)
    _, found = explained(capsys, CALLEE, *where, "--at", AT)
    assert found["allowed"], "at another time it is another matter"
    store.write(Turn(calls={"c1": CallRow(**call | {"state": "ended"})}))  # type: ignore[arg-type]
    store.close()
    _, found = explained(capsys, CALLEE, *where)
    assert "talking" not in [check["reason"] for check in found["checks"]]
