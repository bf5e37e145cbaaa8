"""Dates as people type them: those of the site's zone, in every command alike, and each says what it has understood."""

from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.moments import since
from edge.cli.site import UsageError
from edge.config.compiled import CompiledSite
from edge.config.menu_tables import TrialSource
from edge.config.trials import moment_ms, trial_of
from edge.switch.plan import Plan
from tests.cli.ledger import Ledger
from tests.cli.test_menu_trial import call, site

COMMANDS = (
    ["menu", "report", "main"],
    ["menu", "trial", "report", "greeting"],
    ["menu", "draw", "main", "--stats", "--version", "main-v1"],
    ["survey", "report"],
)
#: What they say of no calls: nothing to count is bad, but for surveys.
NOTHING = (1, 1, 2, 0)


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """A site whose calls were on 2026-11-21, 19:00 UTC, which is 2026-11-22, 04:00 in Tokyo."""
    ledger = Ledger(tmp_path / "state")
    call(ledger, 1, "main")
    call(ledger, 2, "short")
    ledger.store.close()
    return site(tmp_path)


@pytest.mark.parametrize(("command", "nothing"), list(zip(COMMANDS, NOTHING, strict=True)))
def test_a_date_is_the_site_s_and_it_is_told_which(
    options: list[str], command: list[str], nothing: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *options, "--since", "2026-11-22"]) == nothing
    assert "since 2026-11-22 00:00:00+00:00 (UTC)\n" in capsys.readouterr().err
    file = Path(options[1])
    file.write_text('time_zone = "Asia/Tokyo"\n' + file.read_text())
    assert main([*command, *options, "--since", "2026-11-22"]) == 0
    assert "since 2026-11-22 00:00:00+09:00 (Asia/Tokyo)\n" in capsys.readouterr().err
    assert main([*command, *options, "--since", "2026-11-22T00:00Z"]) == nothing, "who gives an offset means it"
    assert "since 2026-11-22 09:00:00+09:00 (Asia/Tokyo)\n" in capsys.readouterr().err
    assert main([*command, *options, "--since", "soon"]) == 2
    assert main([*command, *options]) == 0
    assert "since" not in capsys.readouterr().err


def test_spans_and_clocks_that_change() -> None:
    assert since("2026-03-29", "Europe/Berlin").text == "2026-03-29 00:00:00+01:00 (Europe/Berlin)"
    assert since("2026-03-30", "Europe/Berlin").text == "2026-03-30 00:00:00+02:00 (Europe/Berlin)"
    assert 0 < since("99999d", "").ms < since("7d", "").ms < since("12h", "").ms
    assert not since(None, "Europe/Berlin")
    for text in ("", "0001-01-01x", "9999-12-31T23:59:59-23:59", "٣d"):
        with pytest.raises(UsageError):
            since(text, "America/New_York")


def test_dates_of_trials_are_the_site_s_too() -> None:
    one = TrialSource(name="t", menu="a", candidate="b", share=5, starts="2026-12-01", until="2026-12-15T00:00Z")
    berlin = trial_of(one, {}, "Europe/Berlin")
    assert berlin.from_ms == moment_ms("2026-11-30T23:00Z")
    assert berlin.until_ms == moment_ms("2026-12-15")
    assert trial_of(one, {}).from_ms == moment_ms("2026-12-01")
    assert Plan(CompiledSite(name="s", time_zone="Europe/Berlin", trials=[one])).trials[0].from_ms == berlin.from_ms


def test_a_zone_that_is_none_is_told_where_it_stands(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(options[1])
    text = file.read_text().replace("share = 50", 'share = 50\nstarts = "2026-12-01"')
    file.write_text('time_zone = "Europe/Berln"\n' + text)
    assert main(["check", *options]) == 78
    said = capsys.readouterr()
    assert "site.toml:1:13" in said.out + said.err
    assert "did you mean 'Europe/Berlin'" in said.out + said.err
