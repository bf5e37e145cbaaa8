"""`edge dial report` over the attempts in a store."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import RefusalCount, Result
from edge.vocabulary.private import Private
from tests.cli.campaign_site import CALLEE, dialled, make_site

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def reported(site: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["dial", "report", "--json", "--config", str(site / "site.toml"), *options])
    return code, json.loads(capsys.readouterr().out)


def test_a_campaign_that_kept_the_rules(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = reported(site, capsys)
    assert (code, found["good"], found["campaign"], found["attempts"]) == (0, True, "spring", 1)
    assert (found["hours"], found["attempts_per_number"]) == ({"12:00": 1}, {"1": 1})
    assert (found["breaches"], found["rang_short"], found["dispositions"]) == ([], 0, {"no_answer": 1})
    assert found["periods"][0]["live"] == 0
    assert found["results"] == {}
    assert found["overrides"][0]["reason"] == "counsel said so"


def test_what_was_broken_is_found_again(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = opened(site / "state")
    dialled(store, "a2", "2026-11-17T12:00-06:00", "connected")
    dialled(store, "a3", "2026-11-18T06:30-06:00", "abandoned")  # the third of the week, and too early
    dialled(store, "a4", "2026-11-23T12:00-06:00", "no_answer", rang_ms=9_000)
    said = Result(id="r1", attempt="a2", campaign="spring", agent="anna", code="sold", step="done", given_ms=2 * 10**12)
    store.give_result(said)
    store.close()
    code, found = reported(site, capsys)
    assert (code, found["good"], found["attempts"]) == (1, False, 4)
    assert found["results"] == {"sold": 1}
    assert {one["reason"]: (one["attempts"], one["examples"]) for one in found["breaches"]} == {
        "hours": (1, ["a3"]),
        "attempts": (1, ["a3"]),
    }
    assert found["rang_short"] == 1
    (period,) = found["periods"]
    assert (period["live"], period["abandoned"], period["share"], period["keeps"]) == (2, 1, 0.5, False)
    assert found["hours"] == {"06:00": 1, "12:00": 3}
    assert found["attempts_per_number"] == {"4": 1}

    _, later = reported(site, capsys, "--since", "2026-11-20")
    assert (later["attempts"], later["breaches"], later["rang_short"]) == (1, [], 1)
    assert later["periods"] == found["periods"], "a period is that of the campaign, wherever the report begins"

    _, other = reported(site, capsys, "--rules", "us-ftc")
    assert [one["reason"] for one in other["breaches"]] == ["hours"]
    assert main(["dial", "report", "--config", str(site / "site.toml")]) == 1
    said = capsys.readouterr().out
    assert "spring: 4 attempts, judged by 'own'" in said
    assert "less strict than the pack: [ring]" in said
    assert "50.00 %" in said
    assert "+1312" not in said


def test_a_number_that_was_dialled_while_it_may_have_rung(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = opened(site / "state")
    dialled(store, "a2", "2026-11-23T12:00-06:00", lasts_ms=3_600_000)
    dialled(store, "a3", "2026-11-23T12:30-06:00")
    store.close()
    _, found = reported(site, capsys)
    assert {one["reason"]: one["examples"] for one in found["breaches"]} == {"under_way": ["a3"]}


def test_estimates_and_a_table(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = opened(site / "state")
    dialled(store, "a2", "2026-11-17T12:00-06:00", "abandoned")
    store.note_refusals("run", [RefusalCount(campaign="spring", day_ms=0, reason="hours", calls=7)])
    store.close()
    assert reported(site, capsys)[1]["refused"] == {"hours": 7}
    assert reported(site, capsys, "--since", "2026-11-01")[1]["refused"] == {}
    _, found = reported(site, capsys, "--machines-among-live", "0.25")
    assert (found["periods"][0]["abandoned"], found["estimates"]["machines_among_live"]) == (0.75, 0.25)
    assert main(["dial", "report", "--csv", "--config", str(site / "site.toml")]) == 1
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    values = {(row["figure"], row["of"]): row["value"] for row in rows}
    assert values["disposition", "abandoned"] == "1"
    assert values["attempts in the hour", "12:00"] == "2"
    assert values["not called", "hours"] == "7"
    assert main(["dial", "report", "--machines-among-live", "1", "--config", str(site / "site.toml")]) == 2
    assert "an estimate is a share" in capsys.readouterr().err


def test_a_campaign_that_is_no_longer_there(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = site / "site.toml"
    file.write_text(file.read_text().replace('name = "spring"', 'name = "summer"'))
    assert main(["dial", "report", "--json", "--config", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "no campaign 'spring' any more" in said.err
    assert reported(site, capsys, "--rules", "own")[1]["campaign"] == "spring"


def test_without_a_store_there_is_no_report(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", str(site / "site.toml"), "--state", str(tmp_path / "elsewhere")]
    assert main(["dial", "report", *options]) == 1
    assert "campaigns.db is not there" in capsys.readouterr().err


def test_what_calls_were_made_on(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How old the register was, who had agreed, with which proof; what is too old or lacking is a broken rule."""
    _, found = reported(site, capsys)
    assert found["lists"] == [{"list": "us-national-dnc", "oldest_ms": 6 * DAY + 18 * HOUR, "most_ms": 31 * DAY}]
    assert (found["consents"], found["groundless"]) == ({"prior_express_written": {"attempts": 1, "proven": 1}}, 0)
    assert found["not_judged"] == ["own_list", "caller_id"]
    store = opened(site / "state")
    store.withdraw(Private(CALLEE), 2)
    dialled(store, "a2", "2026-12-20T12:00-06:00")
    store.close()
    code, found = reported(site, capsys)
    reasons = {one["reason"]: one["examples"] for one in found["breaches"]}
    assert (code, reasons) == (1, {"list_stale": ["a2"], "consent_missing": ["a2"]})
    assert found["lists"][0]["oldest_ms"] == 40 * DAY + 18 * HOUR
    assert main(["dial", "report", "--config", str(site / "site.toml")]) == 1
    said = capsys.readouterr().out
    assert "us-national-dnc" in said
    assert "31 d" in said
    assert "prior_express_written" in said
