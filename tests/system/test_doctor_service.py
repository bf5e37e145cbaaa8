"""What `edge doctor` says of the service, on a machine with the real systemd."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import ROOT
from tests.support.machine import Machine, unfit
from tests.support.waiting import until

pytestmark = pytest.mark.system

UNIT = """[Service]
ExecStart=/bin/sh -c 'cat /etc/said; exec sleep 600'
{more}
[Install]
WantedBy=multi-user.target
"""
LINE = '{"level":"error","event":"recording_disk"}'


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if why := unfit():
        pytest.skip(why)
    made = Machine(tmp_path)
    made.boot()
    try:
        yield made
    finally:
        made.stop()


def doctor(machine: Machine) -> dict[str, tuple[str, str]]:
    """State and evidence by what was looked at."""
    words = [sys.executable, "-m", "edge.cli", "doctor", "--demo", "--only", "service", "--json"]
    done = machine.run("env", f"PYTHONPATH={ROOT}", *words, check=False)  # 1: something is bad
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["what"]: (one["state"], one["evidence"]) for one in lines if one["check"] == "service"}


def install(machine: Machine, more: str = "") -> None:
    """Put a unit there, and start it."""
    machine.run("sh", "-c", 'echo "$1" > /etc/said', "sh", LINE)
    text = UNIT.format(more=more)
    machine.run("sh", "-c", 'printf "%s" "$1" > /etc/systemd/system/edge.service', "sh", text)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "edge.service")


def test_a_unit(machine: Machine) -> None:
    assert doctor(machine) == {"unit": ("advice", "there is no edge.service")}
    install(machine)
    until(lambda: "recording_disk" in machine.journal("-u", "edge.service"), 20, "the line is in the journal")
    found = doctor(machine)
    assert found["unit"] == ("advice", "active (running), disabled")
    assert found["watchdog"] == ("advice", "off")
    assert found["journal"] == ("advice", LINE)
    machine.run("systemctl", "enable", "edge.service")
    install(machine, "WatchdogSec=600")
    assert {name: state for name, (state, _) in doctor(machine).items() if name != "journal"} == {
        "unit": "ok",
        "watchdog": "ok",
        "board": "ok",
    }
    machine.run("systemctl", "stop", "edge.service")
    machine.run("sh", "-c", "sed -i 's|/bin/sh|/bin/none|' /etc/systemd/system/edge.service")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "edge.service", check=False)
    assert doctor(machine)["unit"][0] == "bad"
