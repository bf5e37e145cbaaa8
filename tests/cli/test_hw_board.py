"""`edge hw board`: which board it is, what its files say, and who is told where they differ."""

import json
from pathlib import Path

import pytest

from edge.cli import hw_board, main
from edge.cli.hw_profiles import devices_of
from edge.config.boards import MANAGER, MODULES, PRIORITY, SERVICE, SYSCTL, files_of, real_time_wanted, recognise
from edge.core.lines.profile import Board, Led

FOUR = Board(cores=4, media_cores=[3], priority=10, watchdog="/dev/watchdog0", watchdog_longest_ms=15_000)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with four cores that is a Raspberry Pi."""
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    monkeypatch.setattr(hw_board, "ROOT", tmp_path)
    monkeypatch.setattr(hw_board.os, "cpu_count", lambda: 4)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "machine", "name"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "aarch64", "board-raspberry-pi-4"),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "aarch64", "board-raspberry-pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.0", "aarch64", "board-raspberry-pi-5"),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "aarch64", "board-raspberry-pi-5"),
        ("Raspberry Pi 3 Model B", "aarch64", None),
        ("", "x86_64", "board-x86"),
        ("", "aarch64", None),
    ],
)
def test_boards_are_known_by_their_device_tree(model: str, machine: str, name: str | None) -> None:
    boards = {known: one for known, one in devices_of(None).items() if one.board is not None}
    assert recognise(boards, model, machine) == name


def test_the_engine_has_a_core_that_others_stay_off() -> None:
    files = files_of("mine", FOUR, 4)
    assert "LimitRTPRIO=10\n" in files[SERVICE]
    assert "CPUAffinity=0-3\n" in files[SERVICE]
    assert "CPUAffinity=0-2\n" in files[MANAGER]
    assert "RuntimeWatchdogSec=15\n" in files[MANAGER]
    assert not {MODULES, SYSCTL} & files.keys()
    middle = files_of(
        "mine", Board(cores=4, media_cores=[1], watchdog="/dev/watchdog0", modules=["sp5100_tco"], receive_buffer=4), 6
    )
    assert "CPUAffinity=0 2-5\n" in middle[MANAGER]
    assert "RuntimeWatchdogSec=30\n" in middle[MANAGER]
    assert middle[MODULES].endswith("\nsp5100_tco\n")
    assert middle[SYSCTL].endswith("\nnet.core.rmem_max = 4\n")


def test_a_board_without_a_priority_has_none_whatever_the_service_is_allowed() -> None:
    lines = files_of("mine", Board(priority=0), 4)[SERVICE].splitlines()
    assert "LimitRTPRIO=0" in lines
    set_there = dict(line.removeprefix("Environment=").split("=") for line in lines if line.startswith("Environment="))
    assert not real_time_wanted(set_there)
    assert real_time_wanted({})
    assert PRIORITY not in files_of("mine", FOUR, 4)[SERVICE]


def test_the_service_may_write_to_the_lights_that_it_shows_things_with() -> None:
    board = Board(leds=[Led(name="ACT", shows="call"), Led(name="x:green:y", shows="ready"), Led(name="mmc")])
    found = files_of("mine", board, 4)[SERVICE].splitlines()
    assert 'Environment="EDGE_LIGHTS=/sys/class/leds/ACT=call /sys/class/leds/x:green:y=ready"' in found
    assert "ReadWritePaths=-/sys/class/leds/ACT -/sys/class/leds/x:green:y" in found
    assert not any("mmc" in line for line in found), "that is nothing of ours"
    assert "leds" not in files_of("mine", FOUR, 4)[SERVICE]


def test_a_core_that_is_not_there_is_kept_for_nobody() -> None:
    assert all("CPUAffinity" not in text for text in files_of("mine", FOUR, 2).values())
    assert list(files_of("mine", Board(cores=1, media_cores=[0]), 1)) == [SERVICE]


def test_it_is_shown_written_and_held_against_what_is_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hw", "board"]) == 0
    shown = capsys.readouterr().out
    assert f"/{SERVICE}: not there" in shown
    assert "[media] cores = [3]" in shown
    assert not (root / "etc").exists()
    assert main(["hw", "board", "--write"]) == 0
    assert "CPUAffinity=0-3" in (root / SERVICE).read_text()
    assert not list((root / SERVICE).parent.glob(".*"))
    assert main(["hw", "board", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {one["state"] for one in document["files"]} == {"as_it_should_be"}
    (root / SERVICE).write_text("[Service]\nCPUAffinity=0\n")
    assert main(["hw", "board"]) == 1
    assert f"/{SERVICE}: another" in capsys.readouterr().out


def test_a_board_that_nobody_knows(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "proc/device-tree/model").write_text("Orange\0")
    assert main(["hw", "board"]) == 1
    assert "no profile is of this board" in capsys.readouterr().err
    assert main(["hw", "board", "--profile", "board-rasberry-pi-4"]) == 2
    assert "did you mean 'board-raspberry-pi-4'" in capsys.readouterr().err
