"""The units against systemd's own judgement, and against what the code says."""

import re
import subprocess
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_services_expose_little(unit: str) -> None:
    done = _analyze("security", "--offline=yes", f"--threshold={round(EXPOSURE * 10)}", str(FOLDER / unit))
    assert done.returncode == 0, done.stdout


def test_a_stop_waits_for_the_drain() -> None:
    assert int(_settings("edge.service")["TimeoutStopSec"]) > Limits().drain_seconds


def test_bad_configuration_is_not_tried_again() -> None:
    assert _settings("edge.service")["RestartPreventExitStatus"] == str(EXIT_CONFIG)
