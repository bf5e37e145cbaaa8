"""The units against systemd's own judgement, and against what the code says."""

import re
import subprocess
from pathlib import Path

import pytest

from edge.cli.hw_profiles import devices_of
from edge.config.boards import SERVICE, files_of
from edge.config.devices import SHIPPED
from edge.config.site import Limits
from edge.runtime.process import EXIT_CONFIG

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = sorted(path.name for pattern in ("*.service", "*.timer") for path in FOLDER.glob(pattern))
#: What `systemd-analyze security` may say of a service (0: no exposure, 10: all of it).
EXPOSURE = 2.0


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def _settings(unit: str) -> dict[str, str]:
    lines = (FOLDER / unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w*=", line))


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    for unit in UNITS:
        # The program is where a release puts it; here nothing is installed.
        text = (FOLDER / unit).read_text().replace("/opt/edge/current/venv/bin/edge", "/bin/true")
        (tmp_path / unit).write_text(text)
    done = _analyze("verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / unit) for unit in UNITS))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stderr, done.stderr


def test_a_fault_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "edge.service"
    broken.write_text((FOLDER / "edge.service").read_text().replace("Type=notify", "Type=notifies"))
    assert f"{broken}:" in _analyze("verify", "--man=no", str(broken)).stderr


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("board-*.toml")))
def test_systemd_takes_what_is_made_of_a_board(name: str, tmp_path: Path) -> None:
    board = devices_of(None)[name].board
    assert board is not None
    files = files_of(name, board, board.cores)
    assert f"CPUAffinity=0-{board.cores - 1}\n" in files[SERVICE]
    assert _verified(tmp_path / "fine", files[SERVICE]) == ""
    assert "CPU affinity" in _verified(tmp_path / "broken", files[SERVICE].replace("Affinity=", "Affinity=x"))
    assert _analyze("security", "--offline=yes", "--threshold=20", str(tmp_path / "fine/edge.service")).returncode == 0


def _verified(folder: Path, drop_in: str) -> str:
    """What systemd has against the unit with this drop-in."""
    (folder / "edge.service.d").mkdir(parents=True)
    unit = (FOLDER / "edge.service").read_text().replace("/opt/edge/current/venv/bin/edge", "/bin/true")
    (folder / "edge.service").write_text(unit)
    (folder / "edge.service.d/10-board.conf").write_text(drop_in)
    said = _analyze("verify", "--man=no", str(folder / "edge.service")).stderr
    return "".join(line for line in said.splitlines(keepends=True) if str(folder) in line)


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_services_expose_little(unit: str) -> None:
    done = _analyze("security", "--offline=yes", f"--threshold={round(EXPOSURE * 10)}", str(FOLDER / unit))
    assert done.returncode == 0, done.stdout


def test_a_stop_waits_for_the_drain() -> None:
    assert int(_settings("edge.service")["TimeoutStopSec"]) > Limits().drain_seconds


def test_bad_configuration_is_not_tried_again() -> None:
    assert _settings("edge.service")["RestartPreventExitStatus"] == str(EXIT_CONFIG)
