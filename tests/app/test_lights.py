"""Lights of the board, as folders of files that stand in for the kernel's: the appliance with fakes for processes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.boards import LIGHTS
from tests.app.appliance import Appliance, site_for
from tests.support.waiting import until


class Lamps:
    """Three of them, one so bright and the others only on or off; `gone` is a folder that is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, full in (("ready", "255"), ("call", "1"), ("fault", "1")):
            (folder / name).mkdir()
            (folder / name / "brightness").write_text(full)
            (folder / name / "max_brightness").write_text(f"{full}\n")
        self.environment = {LIGHTS: " ".join(f"{folder / name}={name.partition('-')[0]}" for name in self._names)}

    @property
    def _names(self) -> tuple[str, ...]:
        return ("ready", "call", "fault", "ready-gone")

    def at(self, name: str) -> str:
        return (self._folder / name / "brightness").read_text()

    @property
    def all(self) -> list[str]:
        return [self.at(name) for name in ("ready", "call", "fault")]


@pytest.fixture
def lamps(tmp_path: Path) -> Lamps:
    (tmp_path / "leds").mkdir()
    return Lamps(tmp_path / "leds")


@pytest.fixture
def lit(address: str, tmp_path: Path, lamps: Lamps) -> Iterator[Appliance]:
    appliance = Appliance(site_for(address, tmp_path), lamps.environment)
    yield appliance
    appliance.end()


def steady(lamps: Lamps, *wanted: str) -> bool:
    """Whether they are so, and not for half of a blink only."""
    until(lambda: lamps.all == list(wanted), 30, f"{wanted}: {lamps.all}", every_s=0.05)
    return not changes(lamps, 1.5)


def changes(lamps: Lamps, limit_s: float) -> bool:
    before = lamps.all
    try:
        until(lambda: lamps.all != before, limit_s, "another", every_s=0.05)
    except AssertionError:
        return False
    return True


def test_what_lights_show(lit: Appliance, lamps: Lamps) -> None:
    lit.until_ready()
    assert steady(lamps, "255", "0", "0")
    assert lit.log.count("a light of the board cannot be lit") == 1, "the one that is not there"
    lit.request("switch", "set calls", ["one"])
    assert steady(lamps, "255", "1", "0")
    lit.request("media", "note", ["clock", "the clock is not set"])
    assert steady(lamps, "255", "1", "1")
    lit.request("switch", "set calls", [])
    lit.request("switch", "health", ["disk_full", "no room"])
    until(lambda: lamps.all == ["0", "0", "1"], 30, f"it blinks: {lamps.all}", every_s=0.05)
    until(lambda: lamps.at("ready") == "255", 30, f"it blinks: {lamps.all}", every_s=0.05)
    lit.signal(signal.SIGTERM)
    assert lit.process.wait(30) == 0
    assert lamps.all == ["0", "0", "0"]
