"""Reports from stored events: what they count, and what they say without a daemon."""

import json
import wave
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edge.cli import main
from edge.storage.turn import Turn
from tests.cli.ledger import Ledger

SITE = """
name = "test"
[paths]
state = "state"
menus = "menus"
prompts = "prompts"
[[trunks]]
name = "t"
sources = ["127.0.0.0/8"]
[[routes]]
number = "*"
menu = "main"
[[trials]]
name = "greeting"
menu = "main"
candidate = "short"
share = 50
[[standards]]
menu = "main"
served_at = ["told"]
abandonment_most = 5
time_in_menu_most = "10s"
[[standards.nodes]]
node = "ask"
no_input_most = 10
"""
MENU = """
version: 1
start: ask
nodes:
  ask:
    gather: {greet_long: "beep.wav", first_digit_timeout: 1s}
    choices: {1: told}
    failed: told
  told:
    hang_up:
"""
ARMS = {"main": "control", "short": "candidate"}


def site(folder: Path) -> list[str]:
    (folder / "menus").mkdir()
    (folder / "prompts/en").mkdir(parents=True)
    with wave.open(str(folder / "prompts/en/beep.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    for name in ("main", "short"):
        (folder / f"menus/{name}.yaml").write_text(MENU)
    (folder / "site.toml").write_text(SITE)
    return ["--config", str(folder / "site.toml")]


def call(
    ledger: Ledger,
    number: int,
    menu: str = "main",
    *,
    abandoned: bool = False,
    trial: str = "greeting",
    survey: bool = False,
) -> None:
    name = f"{menu}{number}"
    ledger.event(
        name, "call.started", direction="incoming", trunk="t", caller=f"1{number}", caller_name="", called="100",
        sip_call_id="", trial=trial, arm=ARMS[menu] if trial else "",
    )  # fmt: skip
    ledger.event(name, "menu.node_entered", menu=menu, menu_version=f"{menu}-v1", node="ask", kind="gather")
    ledger.event(name, "leg.quality", leg=f"{name}.1")  # of no interest, and not even readable
    if abandoned:
        ledger.event(name, "menu.input", node="ask", result="no_input", digits="")
    else:
        ledger.event(name, "menu.input", node="ask", result="matched", digits="1")
        ledger.event(name, "menu.node_entered", menu=menu, menu_version=f"{menu}-v1", node="told", kind="hang_up")
    if survey:
        wanted = {"number": "+4930", "reason": "survey", "runs": "how-was-it"}
        ledger.event(name, "callback.requested", node="told", menu=menu, menu_version=f"{menu}-v1", **wanted)
    by = "caller" if abandoned else "appliance"
    end = {"outcome": "completed", "ended_by": by}
    ledger.event(name, "call.ended", end=end, duration_ms=4000, answered_ms=4000, menu=menu)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state")


def test_a_trial_s_two_sides_are_compared(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    options = site(tmp_path)
    for number in range(40):
        call(ledger, number, "main", abandoned=number % 2 == 0)
        call(ledger, number, "short", abandoned=number % 10 == 0)
    call(ledger, 99, "main", trial="")
    ledger.event("open", "call.started", direction="incoming", trunk="t", caller="1", caller_name="", called="100",
                 sip_call_id="", trial="greeting", arm="control")  # fmt: skip
    ledger.store.close()
    assert main(["menu", "trial", "report", "greeting", *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sides"]["control"]["calls"] == said["sides"]["candidate"]["calls"] == 40
    rows = {row["indicator"]: row for row in said["comparison"]}
    assert rows["abandonment"]["control"]["value"] == 0.5
    assert rows["abandonment"]["candidate"]["value"] == 0.1
    assert rows["abandonment"]["difference"]["value"] == pytest.approx(-0.4)
    assert rows["abandonment"]["verdict"] == "better"
    assert rows["containment"]["control"]["value"] == 0.5
    assert rows["time in menu"]["control"]["value"] == pytest.approx(3000, rel=0.01)
    assert said["sides"]["control"]["nodes"]["ask"]["no_input"]["value"] == 0.5
    assert said["sides"]["control"]["versions"] == [{"menu": "main", "version": "main-v1", "calls": 40}]
    assert (said["condition"], said["final"], said["open_calls"], said["warnings"]) == ("running", False, 1, [])
    picture = tmp_path / "t.svg"
    assert main(["menu", "trial", "report", "greeting", *options, "--svg", str(picture)]) == 0
    page = capsys.readouterr().out
    assert "abandonment" in page
    assert "50.0 % [35.2, 64.8]" in page
    assert "-40.0 [" in page
    assert "at most 5.0 %" in page
    assert "missed" in page
    assert "Verdicts hold however often you look" in page
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert ">better" not in picture.read_text()
    assert "points, better" in picture.read_text()


def test_a_menu_s_report_has_columns_and_standards(
    tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    options = site(tmp_path)
    for number in range(30):
        call(ledger, number, abandoned=number < 3)
    ledger.store.close()
    assert main(["menu", "report", "main", *options, "--by", "week", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["group"], said["calls"]) == ("2026-W47", 30)
    assert said["indicators"]["abandonment"]["value"] == pytest.approx(0.1)
    assert said["indicators"]["containment"]["of"] == 30
    assert main(["menu", "report", "main", *options, "--by", "version"]) == 0
    page = capsys.readouterr().out
    assert "main-v1" in page
    assert "at most 5.0 %   missed, not sure yet" in page
    assert "no input at most 10.0 %" in page
    assert main(["menu", "report", "main", *options, "--since", "2026-11-22"]) == 1
    assert main(["menu", "report", "mian", *options]) == 1
    assert "did you mean 'main'" in capsys.readouterr().err
    assert main(["menu", "report", "main", *options, "--since", "soon"]) == 2


def test_states_are_told_without_a_daemon(tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    options = site(tmp_path)
    assert main(["menu", "trial", "list", *options]) == 0
    assert "running" in capsys.readouterr().out
    call(ledger, 1)
    state = {"what": "main > short", "stopped": "guard", "stopped_at": "2026-11-21T20:00:00.000Z",
             "alarm": {"indicator": "abandonment", "worse_by": 0.2, "at_least": 0.06}}  # fmt: skip
    ledger.store.write(Turn(meta={"trial/greeting": json.dumps(state)}))
    ledger.store.close()
    assert main(["menu", "trial", "list", *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped_by"] == "guard"
    assert main(["menu", "trial", "report", "greeting", *options]) == 1, "one side has no calls"
    page = capsys.readouterr().out
    assert "stopped by guard at 2026-11-21T20:00:00.000Z" in page
    assert "abandonment 20.0 points worse, at least 6.0" in page
    assert main(["menu", "trial", "stop", "greeting", *options]) == 1
    assert "does not run" in capsys.readouterr().err
    assert main(["menu", "trial", "report", "gretting", *options]) == 2
    assert "did you mean 'greeting'" in capsys.readouterr().err
    assert main(["menu", "trial", "report", "greeting", *options, "--difference", "0"]) == 2


def test_calls_before_it_was_started_again_do_not_count(
    tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    options = site(tmp_path)
    call(ledger, 1)
    state = {"what": "main > short", "since": "2026-11-21T20:00:00.000Z"}
    ledger.store.write(Turn(meta={"trial/greeting": json.dumps(state)}))
    ledger.store.close()
    assert main(["menu", "trial", "report", "greeting", *options, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sides"]["control"]["calls"] == 0
    assert main(["menu", "trial", "report", "greeting", *options, "--json", "--since", "2026-11-21"]) == 1
    assert json.loads(capsys.readouterr().out)["sides"]["control"]["calls"] == 1


def test_a_survey_by_callback_counts_for_the_version_and_the_side_that_it_asks_about(
    tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    options = site(tmp_path)
    scores = {"main": (1, 2), "short": (4, 5)}
    for menu, values in scores.items():
        for number, value in enumerate(values):
            call(ledger, number, menu, survey=True)
            name = f"s{menu}{number}"
            ledger.event(
                name,
                "call.started",
                direction="outgoing",
                trunk="t",
                caller="1",
                caller_name="",
                called="1",
                sip_call_id="",
            )
            where = {"node": "rate", "menu": "how-was-it", "menu_version": "h1"}
            ledger.event(name, "menu.node_entered", **where, kind="survey")
            ledger.event(
                name, "survey.answered", **where, about=f"{menu}{number}", question="q", value=value, least=1, most=5
            )
            end = {"outcome": "completed", "ended_by": "appliance"}
            ledger.event(name, "call.ended", end=end, duration_ms=4000, answered_ms=4000, menu="how-was-it")
    ledger.store.close()
    assert main(["menu", "report", "short", *options, "--by", "version", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["group"] == "short-v1"
    assert (said["indicators"]["survey"]["value"], said["indicators"]["survey"]["of"]) == (87.5, 2)
    assert main(["menu", "trial", "report", "greeting", *options, "--json"]) == 0
    rows = {row["indicator"]: row for row in json.loads(capsys.readouterr().out)["comparison"]}
    assert rows["survey"]["control"]["value"] == 12.5
    assert rows["survey"]["candidate"]["value"] == 87.5
    assert main(["menu", "report", "how-was-it", *options, "--json"]) == 0
    assert "survey" not in json.loads(capsys.readouterr().out)["indicators"]
