"""`edge hw calibrate --call` against far sides that say back what they hear, so much later and louder: it finds out."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from dsp.loop import FREQUENCIES
from edge.cli import main
from tests.support.excerpts import evened, excerpt
from tests.support.modem import Simulator

ROOT = Path(__file__).parents[2]
#: Sound on a port is given 60 ms before it is due, less a step of ours and a frame of the device; a busy one is late.
LEAST_MS, LATE_MS = 20, 300


class Said(NamedTuple):
    code: int
    out: str
    errors: str


class Calibration:
    """The command against a simulator; it takes some 15 s, so several run side by side."""

    def __init__(self, folder: Path, model: str, profile: str, *options: str, **settings: Any) -> None:
        self._modem = Simulator(model, folder)
        self._modem.do("set", **settings)
        words = ["--profile", profile, "--port", self._modem.port, "--call", "+4930123456", *options]
        if model != "voice":
            words += ["--sound-port", self._modem.sound]
        self._program = subprocess.Popen(
            [sys.executable, "-m", "edge", "hw", "calibrate", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self) -> Said:
        out, errors = self._program.communicate(timeout=240)
        assert self._modem.tell()["call"] is None, "it has hung up"
        return Said(self._program.returncode, out, errors)

    def end(self) -> None:
        if self._program.poll() is None:
            self._program.kill()
            self._program.communicate()
        self._modem.close()


@pytest.mark.system
@pytest.mark.first
def test_it_finds_what_was_set(tmp_path: Path) -> None:
    drawn = tmp_path / "loop.png"
    mobile = {"loop_delay_ms": 400, "loop_gain_db": -6.0}
    begun = [
        Calibration(tmp_path / "1", "simcom", "simcom-sim7600", "--json", **mobile),
        Calibration(
            tmp_path / "2", "voice", "voice-modem-v253", "--plot", str(drawn), loop_delay_ms=1000, loop_gain_db=-9.5
        ),
        Calibration(tmp_path / "3", "huawei", "huawei-e1750", loop=False),
        Calibration(tmp_path / "4", "simcom", "simcom-sim7600", callee="busy"),
    ]
    try:
        found, shown, deaf, busy = (one.said() for one in begun)
    finally:
        for one in begun:
            one.end()
    assert found.code == 0, found.errors
    check_figures(json.loads(found.out), 400, -6.0)
    assert shown.code == 0, shown.errors
    check_table(shown.out)
    check_picture(drawn)
    assert (deaf.code, busy.code) == (1, 1)
    assert "the signal did not come back" in deaf.errors
    assert "the call was not answered: busy" in busy.errors


def check_figures(figures: dict[str, Any], delay_ms: int, gain_db: float) -> None:
    assert delay_ms + LEAST_MS <= figures["latency_ms"] <= delay_ms + LATE_MS
    assert abs(figures["gain_db"] - gain_db) < 0.1
    assert all(abs(db - gain_db) < 0.2 for db in figures["gains_db"].values())
    assert figures["recommended"] == {"gain_in_db": -round(gain_db), "gain_out_db": 0}
    assert (figures["clips_at_dbm0"], figures["slipped_samples"]) == (None, 0)
    loud = [one for one in figures["levels"] if one["played_dbm0"] >= -25]
    assert all(one["distortion_percent"] < 1 for one in loud)


def check_table(out: str) -> None:
    """It has all that the page shows of it, in its order, with what was set: 8 bits of the modem are no hindrance."""
    rows = [line.split("  ")[0] for line in evened(out)]
    page = [line.split("  ")[0] for line in excerpt("hardware.md", "device  ")]
    shown = [re.sub(r"= .*", "", row) for row in page if row not in ("...", "its clock")]
    said = [re.sub(r"= .*", "", row) for row in rows]
    assert [row for row in said if row in shown] == shown
    facts = dict(line.split("  ", 1) for line in evened(out) if "  " in line)
    assert 1000 + LEAST_MS <= float(facts["loop latency"].split()[0]) <= 1000 + LATE_MS
    assert abs(float(facts["gain at 1 kHz"].split()[0]) + 9.5) < 0.5
    assert facts["clips"] == "not up to 2 dBm0"
    assert {"gain_in_db = 9", "gain_in_db = 10"} & set(rows)
    assert "gain_out_db = 0" in rows
    assert sum("Hz" in row and "█" in row for row in evened(out)) == len(FREQUENCIES)


def check_picture(drawn: Path) -> None:
    with Image.open(drawn) as image:
        image.load()
        assert image.format == "PNG"
        colours = image.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 10, "curves, axes and texts"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--profile", "simcom-sim7600", "--port", "{port}"), "a modem has sound in a call only: --call NUMBER"),
        (("--port", "{port}"), "--port is of a device: --profile says which"),
        (("--profile", "simcom-sim7601"), "did you mean 'simcom-sim7600'"),
        (("--profile", "relay-lcus"), "is of kind 'relay_board', which has no sound"),
        (("--plot", "{port}/none/loop.png"), "there is no such folder"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_done(tmp_path, capsys, options, told) -> None:
    (tmp_path / "port").touch()
    assert main(["hw", "calibrate", *(one.format(port=tmp_path / "port") for one in options)]) == 2
    assert told in capsys.readouterr().err
