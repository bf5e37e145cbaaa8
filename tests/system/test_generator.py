"""The load generator against SIPp, which answers and echoes the audio."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.addresses import address as free_address
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.system, pytest.mark.alone]


@pytest.fixture
def sipp(address: str, tmp_path: Path) -> Iterator[str]:
    command = [
        "sipp",
        "-sn",
        "uas",
        "-i",
        address,
        "-p",
        "5060",
        "-mi",
        address,
        "-mp",
        "6000",
        "-rtp_echo",
        "-nostdin",
    ]
    with (tmp_path / "sipp.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path)
    try:
        bound = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{5060:04X}"
        until(lambda: bound in Path("/proc/net/udp").read_text(), what="SIPp listens")
        yield address
    finally:
        process.terminate()
        process.wait()


def generate(target: str, *more: str) -> tuple[int, dict[str, Any]]:
    with free_address() as own:
        command = [sys.executable, str(ROOT / "bench/generator.py"), f"{target}:5060", "--address", own, *more]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert not done.stderr, done.stderr
    return done.returncode, {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_calls_side_by_side_with_keys(sipp: str) -> None:
    # SIPp echoes our own key: its tone is the "next prompt".
    more = ["--key-method", "inband", "--key-after", "0.5", "--next-hz", "1336"]
    code, figures = generate(sipp, "--callers", "5", "--duration", "2", "--rate", "20", *more)
    assert code == 0, (figures["calls_failed"], figures["void"])
    assert figures["calls"]["value"] == 5
    assert figures["calls_failed"]["value"] == 0
    assert figures["rtp_received"]["value"] > 5 * 50
    assert figures["keys_pressed"]["value"] == 5
    assert "invite_to_200_ms_p99" in figures
    assert "value" in figures["void"]


def test_calls_one_after_the_other_use_slots_again(sipp: str) -> None:
    code, figures = generate(sipp, "--hold", "0.5", "--duration", "4", "--rate", "15")
    assert code == 0, (figures["calls_failed"], figures["void"])
    assert figures["calls"]["value"] == 60
    assert figures["rtp_calls_with_loss"]["value"] == 0


def test_nobody_there_is_a_failure_and_no_crash(address: str) -> None:
    with free_address() as own:
        command = [sys.executable, str(ROOT / "bench/generator.py"), f"{address}:5060", "--address", own]
        process = subprocess.Popen(
            [*command, "--callers", "1", "--duration", "1", "--give-up", "2"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        until(lambda: process.poll() is not None, 60)
        figures = {line["name"]: line for line in map(json.loads, process.stdout.read().splitlines())}
        process.stdout.close()
    assert process.returncode == 1
    assert figures["calls_failed"]["value"] == 1
    assert figures["void"]["value"] is True


def test_bare_echo(address: str) -> None:
    command = [sys.executable, str(ROOT / "bench/generator.py"), "--echo", "--address", address]
    done = subprocess.run(
        [*command, "--callers", "20", "--duration", "2"], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    figures = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert figures["echo_rtp_received"]["value"] > 20 * 100
    assert figures["echo_cpu_per_leg"]["value"] > 0
