"""`edge hw monitor`, and that a line with a call is not calibrated, with the test in the place of the appliance."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from tests.support.daemon import answering

SITE = """
name = "bench"

[paths]
menus = "menus"
state = "state"

[[lines]]
name = "gsm"
profile = "simcom-sim7600"

[[lines]]
name = "paging"
profile = "sound-card-paging"
"""
GSM: dict[str, Any] = {
    "line": "gsm",
    "state": "ready",
    "text": "",
    "since_ms": 65_000,
    "busy": True,
    "identity": {"vendor": "SIMCom", "model": "SIM7600E", "firmware": "LE20B04", "imei": "1"},
    "signal": {"dbm": -73, "operator": "Example\x1b[2J"},
    "sound": {
        "in": {"level_dbm0": -23.4, "peak_dbm0": -8.6, "clipped": 17},
        "out": {"level_dbm0": None, "peak_dbm0": None, "clipped": 0},
        "disturbed": "its sound broke 7 times within 10 s",
        "drift_ppm": -41.2,
        "depth_in_ms": 40.0,
        "depth_out_ms": 61.0,
    },
    "underruns": {"in": 1, "out": 2},
    "overruns": {"in": 3, "out": 4},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "menus").mkdir()
    (tmp_path / "state").mkdir()
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def answer(request: dict[str, Any]) -> dict[str, Any]:
    assert request["request"] == "line"
    if request["process"] == "line-gsm":
        return {"ok": True, "body": GSM}
    return {"ok": False, "error": "line-paging does not run"}


def test_lines_as_their_processes_know_them(config, capsys):
    with answering(config.parent / "state", answer):
        assert main(["hw", "monitor", "gsm", "--once", "--config", str(config)]) == 0
        out = capsys.readouterr().out
        for words in (
            "gsm",
            "ready",
            "1m05s",
            "yes",
            "-73 dBm",
            "-41 ppm",
            "40, 61 ms",
            "-23, - dBm0",
            "-9, -",
            "17, 0",
            "its sound broke 7 times within 10 s",
            "1+2, 3+4",
            "SIM7600E LE20B04",
        ):
            assert words in out
        assert "\x1b" not in out
        assert main(["hw", "monitor", "--once", "--json", "--config", str(config)]) == 1
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["line"], row["state"]) for row in rows] == [("gsm", "ready"), ("paging", "absent")]
    assert rows[1]["text"] == "line-paging does not run"


def test_what_cannot_be_watched(config, capsys):
    assert main(["hw", "monitor", "gms", "--once", "--config", str(config)]) == 2
    assert "there is no line 'gms'; did you mean 'gsm'?" in capsys.readouterr().err
    assert main(["hw", "monitor", "--once", "--config", str(config)]) == 1
    assert "the appliance does not run" in capsys.readouterr().err


def test_a_line_with_a_call_is_not_calibrated(config, capsys):
    with answering(config.parent / "state", answer):
        assert main(["hw", "calibrate", "gsm", "--call", "1", "--config", str(config)]) == 2
    assert "line 'gsm' has a call" in capsys.readouterr().err
