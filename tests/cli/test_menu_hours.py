import json
from pathlib import Path

import pytest

from edge.cli import main

SITE = """
name = "x"
[paths]
state = "{0}/state"
recordings = "{0}/recordings"
menus = "{0}/menus"
prompts = "{0}/prompts"
[[hours]]
name = "office"
time_zone = "Europe/Berlin"
holidays = "DE"
week = {{ mon-fri = "08:00-12:00, 13:00-17:00" }}
exceptions = {{ 2026-12-31 = "09:00-11:00" }}
"""


def ask(tmp_path: Path, *words: str) -> int:
    (tmp_path / "menus").mkdir(exist_ok=True)
    (tmp_path / "menus/m.yaml").write_text(
        "version: 1\nstart: a\nhours: {night: {week: {sat: '22:00-02:00'}}}\nnodes:\n"
        "  a:\n    hours: night\n    open: end\n    closed: end\n  end:\n    hang_up:\n"
    )
    (tmp_path / "site.toml").write_text(SITE.format(tmp_path))
    return main(["menu", "hours", *words, "--config", str(tmp_path / "site.toml")])


@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        ("office", "2026-12-24T12:30", "closed until 2026-12-24T13:00; that day 08:00-12:00, 13:00-17:00"),
        ("office", "2026-12-25T10:00", "holiday (Christmas Day)"),
        ("office", "2026-12-24T17:00", "closed until 2026-12-28T08:00"),
        ("office", "2026-12-31T10:00", "open until 2026-12-31T11:00; that day 09:00-11:00"),
        ("office", "2026-07-06T06:30:00+00:00", "open until 2026-07-06T12:00"),
        ("night", "2026-07-11T23:00", "open until 2026-07-12T02:00"),
        ("night", "2026-07-12T02:00", "closed until 2026-07-18T22:00; that day 00:00-02:00"),
    ],
)
def test_hours_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, at: str, said: str) -> None:
    assert ask(tmp_path, name, "--at", at) == 0
    assert said in capsys.readouterr().out


def test_all_of_them_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(tmp_path, "--at", "2026-07-06T08:00", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["name"], one["of"], one["state"]) for one in lines] == [
        ("office", "site", "open"),
        ("night", "m", "closed"),
    ]


def test_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(tmp_path, "ofice") == 1
    assert "did you mean 'office'?" in capsys.readouterr().err
    assert ask(tmp_path, "office", "--at", "tomorrow") == 2
