"""What a newcomer sees: `make run ONCE=1`, without the installation, on an address of its own."""

import subprocess
import tempfile
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_newcomer_is_shown_a_real_call(address: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    options = ["--sip-address", address, "--http-address", address, "--state", str(state)]
    # The folder of a worker's tests is too long for a socket's path.
    with tempfile.TemporaryDirectory() as short:
        done = subprocess.run(
            [str(ROOT / "scripts/show-call"), *options],
            env={"ONCE": "1", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": short},
            capture_output=True,
            text=True,
            check=False,
            timeout=580,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    # The demo's menu, by the keys 1 and 2 that were pressed.
    places = [shown.index(f"node={node} ") for node in ("welcome", "main", "about", "number")]
    assert places == sorted(places)
    assert shown.count("call.started") == shown.count("call.ended") == 1
    assert shown.count("dtmf.received") == 2
    assert "1 verified, 0 bad" in shown
    (recording,) = (state / "recordings").rglob("*.wav")
    with wave.open(str(recording)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        assert file.getnframes() > 2 * 8000
    # Nothing of it is left running.
    assert not (state / "run/control.sock").exists() or "not run" in _status(state)


def _status(state: Path) -> str:
    command = [str(ROOT / ".venv/bin/edge"), "status", "--state", str(state)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr
