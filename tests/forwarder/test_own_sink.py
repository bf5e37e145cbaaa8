"""The example of a sink of one's own: installed as a package is, configured, tried, and held to the contract."""

import json
import os
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "own-sink"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the package is installed."""
    folder = tmp_path_factory.mktemp("own-sink")
    source = folder / "source"
    subprocess.run(["cp", "-r", str(RECIPE), str(source)], check=True)
    wanted = tomllib.loads((RECIPE / "pyproject.toml").read_text())["build-system"]["requires"][0]
    have = version("setuptools")
    least = wanted.removeprefix("setuptools>=")
    assert int(have.split(".")[0]) >= int(least), (
        f"{sys.prefix} has setuptools {have}: pip install '{wanted}', or scripts/install"
    )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--target", str(folder / "site"), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


def edge(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_keeps_the_contract(installed: dict[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        f"--rootdir={tmp_path}",
    ]
    command += ["-rA", f"--basetemp={tmp_path}/base", str(RECIPE / "test_contract.py")]
    done = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert "6 passed" in done.stdout, done.stdout + done.stderr


def test_its_settings_are_checked_with_file_and_line_and_it_is_tried(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "menus").mkdir()
    file = tmp_path / "site.toml"
    head = 'name = "box"\n[paths]\nstate = "state"\nmenus = "menus"\n[[sinks]]\nname = "mine"\n'
    file.write_text(f'{head}type = "lines"\nhost = "127.0.0.1"\nport = 70000\npasword = "x"\n')
    done = edge(installed, "check", "--config", str(file))
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "site.toml:9:8: 70000 is out of range (from 1 to 65535)" in said
    assert "site.toml:10:1: unknown setting 'pasword' (did you mean 'password'?)" in said
    file.write_text(f'{head}type = "line"\n')
    assert (
        "there is no type of sink 'line' (did you mean 'lines'?)"
        in edge(installed, "check", "--config", str(file)).stdout
    )

    command = [sys.executable, str(RECIPE / "receiver.py"), "127.0.0.1"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file.write_text(f'{head}type = "lines"\nhost = "127.0.0.1"\nport = {port}\n')
    receiver = subprocess.Popen([*command, str(port), str(tmp_path / "kept")], stdout=subprocess.PIPE)
    try:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == b"ready\n"
        done = edge(installed, "sinks", "test", "mine", "--config", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "kept").read_text())["type"] == "sink.test"
    finally:
        receiver.kill()
        receiver.communicate()
