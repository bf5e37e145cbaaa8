import json
import random
from pathlib import Path
from typing import Any

import pytest
import soundfile
from PIL import Image

from edge.app.simulation.replay import ReplayError, read
from edge.cli import main
from tests.cli.campaign_site import MENU, SITE

FAST = ["--days", "0.1", "--seed", "5"]


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_pacings_are_told_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "simulate", "--agents", "10,20", *FAST, "--json"]) == 0
    found = {(one["agents"], one["pacing"]): one for one in lines_of(capsys)}
    assert len(found) == 8
    assert found[20, "oracle"]["talk_minutes_per_agent_hour"] > found[20, "progressive"]["talk_minutes_per_agent_hour"]
    assert found[20, "progressive"]["abandoned"] == 0
    assert found[20, "predictive"]["worst_window"] <= 0.03


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "simulate", "--pacing", "predictive", *FAST]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert "talk min/agent h" in head
    assert row.split()[:2] == ["20", "predictive"]


@pytest.mark.parametrize("agents", ["10", "5,10"])
def test_it_is_drawn(agents: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "day.png"
    assert main(["dial", "simulate", "--agents", agents, *FAST, "--plot", str(picture)]) == 0
    with Image.open(picture) as image:
        assert image.format == "PNG"
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    # one for each of four pacings
    assert {(255, 209, 102), (239, 71, 111), (6, 214, 160), (120, 170, 255)} <= colours
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--agents", "x"], "--agents x"),
        (["--agents", "0"], "--agents 0"),
        (["--talk", "long"], "--talk long"),
        (["--talk", "10h"], "--talk 36000"),
        (["--answer-rate", "1.5"], "--answer-rate 1.5"),
        (["--replay", "/does/not/exist"], "/does/not/exist"),
        (["--plot", "/does/not/exist/a.png"], "no such folder"),
        (["--rules", "us-ftcc"], "us-ftc"),
    ],
)
def test_what_cannot_be_is_told(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", "simulate", *options]) == 2
    assert told in capsys.readouterr().err


def measured(count: int, seed: int = 3) -> list[dict[str, Any]]:
    chance, found = random.Random(seed), []
    for number in range(count):
        live, begin = chance.random() < 0.4, 1_790_000_000_000 + number * 2000
        found.append(
            {
                "campaign": "spring" if number % 2 else "autumn",
                "disposition": ("abandoned" if chance.random() < 0.1 else "connected") if live else "no_answer",
                "started_ms": begin,
                "ended_ms": begin + (70_000 if live else 22_000),
                "rang_ms": 9000 if live else 21_000,
                "answered_ms": 10_000 if live else None,
                "talked_ms": 60_000 if live else 0,
                "number": "+15550100",
            }
        )
    return found


def test_measured_attempts_are_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attempts = measured(900)
    file = tmp_path / "attempts.jsonl"
    events = [{"type": "dialer.attempt_ended", "data": one} for one in attempts]
    other = {"type": "call.ended", "data": {"end": "x"}}
    file.write_text("\n".join(json.dumps(one) for one in [other, *events]) + "\n\n", encoding="utf-8")
    assert main(["dial", "simulate", "--replay", str(file), "--agents", "8", "--wrap", "10s", "--json"]) == 0
    found = {one["pacing"]: one for one in lines_of(capsys)}
    live = sum(one["disposition"] != "no_answer" for one in attempts)
    for way in ("progressive", "power", "predictive"):
        assert found[way]["attempts"] == 900
        assert found[way]["live_answers"] == live
    assert found["oracle"]["connected"] in {live, live + 1}
    # all talks last a minute
    assert found["progressive"]["talk_minutes_per_agent_hour"] == pytest.approx(
        found["progressive"]["calls_per_agent_hour"], rel=1e-3
    )
    assert found["predictive"]["utilisation"] > found["progressive"]["utilisation"]


def test_a_campaign_brings_what_its_site_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = SITE.replace('rules = "own"', 'rules = "us-ftc"').replace(
        'menu = "hello"\ncaller', 'queue = "sales"\ncaller'
    )
    agents = "".join(f'[[agents]]\nname = "a{n}"\ntarget = "sip:a{n}@192.0.2.1"\n' for n in range(7))
    queue = f'[[queues]]\nname = "sales"\nagents = {[f"a{n}" for n in range(7)]}\n'
    extra = 'max_channels = 9\nabandoned_most_permille = 10\npacing = "predictive"\nabandoned_message = "sorry.wav"\n'
    soundfile.write(tmp_path / "sorry.wav", [0.0] * 8000, 8000)
    (tmp_path / "menus").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "menus" / "hello.yaml").write_text(MENU)
    (tmp_path / "site.toml").write_text(site + extra + agents + queue)
    asked = ["dial", "simulate", "--config", str(tmp_path / "site.toml"), "--json", "--days", "0.3"]
    assert main([*asked, "--campaign", "spring"]) == 0
    found = {one["pacing"]: one for one in lines_of(capsys)}
    assert found["predictive"]["agents"] == 7
    assert found["predictive"]["worst_window"] <= 0.01
    # two lines more than agents are too few
    assert found["predictive"]["utilisation"] < 0.75
    assert main([*asked, "--campaign", "sprin"]) == 2
    assert "spring" in capsys.readouterr().err


def test_attempts_are_read_in_the_order_they_were_made_and_of_one_campaign() -> None:
    attempts = [json.dumps(one).encode() for one in reversed(measured(10))]
    found = read(attempts, "spring")
    assert [one.started_ms for one in found] == sorted(one.started_ms for one in found)
    assert len(found) == 5


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"disposition": "gone", "started_ms": 1, "ended_ms": 2}', b"\xff\xfe"])
def test_a_line_that_is_no_attempt_is_told_with_its_number(line: bytes) -> None:
    with pytest.raises(ReplayError, match="line 2"):
        read([b"\n", line])
