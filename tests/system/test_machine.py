"""The installed appliance under the real systemd: its unit as it is shipped, on a machine that boots for it."""

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.boards import SERVICE, files_of
from edge.core.lines.profile import Board, Led
from tests.support.installed import ROOT, install
from tests.support.machine import Machine, unfit
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.first, pytest.mark.skipif(bool(unfit()), reason=unfit())]

SITE = """name = "box"
[sip]
address = "127.0.0.1"
[media]
slots = 20
[recording]
keep_days = 30
[paths]
run = "/run/edge"
[[trunks]]
name = "loop"
sources = ["127.0.0.0/8"]
user = "edge"
password = "credential:carrier"
address = "127.0.0.2:5060"
[[routes]]
number = "100"
menu = "main"
[[routes]]
number = "200"
menu = "parked"
"""
PARKED = """version: 1
language: en
start: parked
nodes:
  parked:
    park: 10m
    next: bye
  bye:
    hang_up:
"""
MENU = """version: 1
language: en
start: hello
nodes:
  hello:
    gather: {greet_long: {say: "Press one please."}, no_input: {say: "No key."}, no_match: {say: "No choice."}}
    choices: {1: hello}
    failed: bye
  bye:
    hang_up:
"""
#: As shipped but for the time that a stop takes.
STOP_S, HELD_S = 4, 10
QUICKER = f"TimeoutStopSec={STOP_S}\n"
#: Where its lights are: a folder of /sys that every kernel has, and that nothing here looks at, stands in for theirs.
LEDS = "/sys/class/mem"
BOARD = Board(priority=20, leds=[Led(name="PWR", shows="ready"), Led(name="ACT", shows="call")])
#: A phone on the machine that calls and says whether it was answered.
CALL = """
from tests.support.softphone import Softphone
with Softphone("127.0.0.9") as phone:
    call = phone.call("sip:100@127.0.0.1:5060")
    call.wait_answered()
    call.bye()
"""
#: One that stays, and says so, until a line comes.
TALK = """
import sys
from tests.support.softphone import Softphone
with Softphone("127.0.0.9") as phone:
    call = phone.call("sip:200@127.0.0.1:5060")
    call.wait_answered()
    print("up", flush=True)
    sys.stdin.readline()
    print(call.state, flush=True)
    call.bye()
"""


class Box:
    """The machine, and what a person at its shell would do."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def shows(self, *properties: str) -> str:
        return self.machine.shows("edge", *properties)

    def active(self) -> bool:
        return self.shows("ActiveState", "SubState") == "active\nrunning"

    def wait_active(self) -> None:
        try:
            until(self.active, 120, "active", every_s=0.2)
            # On a busy machine it is active before it takes calls: after 60 s, as it is.
            until(lambda: self.shows("StatusText").startswith("ready"), 240, "ready", every_s=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.log()[-3000:]}") from None

    def log(self) -> str:
        return self.machine.journal("--unit=edge", "--output=cat")

    def takes_calls(self) -> bool:
        """Whether a call is answered once it says that it is ready: a busy machine may be overloaded for a while."""
        self.wait_active()
        return self.is_answered()

    def is_answered(self) -> bool:
        """Whether a call is, as things are now."""
        with self.phone(CALL) as phone:
            print(*phone.communicate(timeout=120))  # what a failed test shows
        if phone.returncode:
            print(self.shows("StatusText"), self.log()[-3000:], sep="\n")
        return phone.returncode == 0

    def phone(self, program: str) -> subprocess.Popen[str]:
        """Start a phone there; its program and limits are those of the tests."""
        environment = {**os.environ, "PYTHONPATH": ":".join([str(ROOT), *sys.path])}
        command = self.machine.enter(sys.executable, "-c", program)
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes)

    def lights(self) -> list[str]:
        """How bright the lights of the board are."""
        return self.machine.run("grep", "-h", "", f"{LEDS}/PWR/brightness", f"{LEDS}/ACT/brightness").stdout.split()

    def status(self) -> dict[str, Any]:
        """What `edge status` says there."""
        path = ":".join([str(ROOT), *sys.path])
        command = ("env", f"PYTHONPATH={path}", "/opt/edge/current/venv/bin/edge", "status", "--json")
        found: dict[str, Any] = json.loads(self.machine.run(*command, check=False).stdout)
        return found


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    machine = Machine(tmp_path_factory.mktemp("machine") / "box")
    install(machine, SITE, {"main.yaml": MENU, "parked.yaml": PARKED}, QUICKER)
    machine.put("etc/edge/credentials/carrier", "open sesame\n", 0o600)
    machine.put(SERVICE, files_of("mine", BOARD, 1)[SERVICE].replace("/sys/class/leds", LEDS))
    machine.boot()
    lights = "mkdir PWR ACT; echo 7 > PWR/brightness; echo 7 > ACT/brightness"
    machine.run("sh", "-ec", f"mount -t tmpfs none {LEDS}; cd {LEDS}; {lights}")
    machine.run("systemctl", "start", "--no-block", "edge")
    found = Box(machine)
    try:
        found.wait_active()
        yield found
    finally:
        machine.stop()


def test_it_takes_calls_with_all_its_restrictions(box: Box) -> None:
    assert box.takes_calls()
    pid = box.shows("MainPID")
    status = dict(
        line.split(":\t", 1)
        for line in box.machine.run("cat", f"/proc/{pid}/status").stdout.splitlines()
        if ":\t" in line
    )
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
    assert status["Uid"].split()[0] == box.machine.run("id", "-u", "edge").stdout.strip()
    until(lambda: "calls: 0" in box.shows("StatusText"), 30, "systemctl status says how it is")
    until(lambda: box.lights() == ["1", "0"], 30, "the board shows that it is ready", every_s=0.2)
    # The secret came, and stands nowhere but where it must.
    assert "open sesame" not in box.log()
    denied = box.machine.run("cat", "/etc/edge/credentials/carrier", user="edge", check=False)
    assert "Permission denied" in denied.stderr


def test_the_media_engine_has_the_rights_that_the_unit_gives(box: Box) -> None:
    pid = next(one["pid"] for one in box.status()["processes"] if one["name"] == "media")
    lines = box.machine.run("cat", f"/proc/{pid}/limits").stdout.splitlines()
    limits = {words[0]: words[2] for words in (re.split(r" {2,}", line) for line in lines) if len(words) > 2}
    # Who may not raise limits gets no more than he has (a container without CAP_SYS_RESOURCE), nor does systemd there.
    own = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    expected = "20" if may_raise_limits() or own == resource.RLIM_INFINITY else str(min(20, own))
    assert limits["Max realtime priority"] == expected
    assert limits["Max locked memory"] == "unlimited" or not may_raise_limits()
    policies = box.machine.run("chrt", "--all-tasks", "--pid", str(pid)).stdout
    granted = '"priority":"real_time"' in box.log()
    # A kernel with CONFIG_RT_GROUP_SCHED refuses it in a control group without a budget; then the log says so.
    assert ("SCHED_RR" in policies) == granted, policies
    assert granted or re.search(r'"priority":"(nice|normal)"', box.log())


def may_raise_limits() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> 24 & 1)  # CAP_SYS_RESOURCE


def test_a_reload_is_checked_first_and_says_what_is_wrong(box: Box) -> None:
    site = "/etc/edge/site.toml"
    box.machine.run("sh", "-c", f"cp {site} /root/kept && echo 'nonsense = 1' >> {site}")
    failed = box.machine.run("systemctl", "reload", "edge", check=False)
    assert failed.returncode != 0
    assert box.active()
    assert "nonsense" in box.log()
    assert '"level":"error"' in box.machine.journal("--unit=edge", "--priority=err", "--output=cat")
    box.machine.run("sh", "-c", f"cat /root/kept > {site}")
    box.machine.run("systemctl", "reload", "edge")
    assert box.takes_calls()


def test_what_is_done_each_night(box: Box) -> None:
    old = "/var/spool/edge/recordings/2020/01/01"
    note = (
        '{"version": 1, "recording": "r", "call": "c", "leg": "c.1", "file": "r.wav", "started":'
        ' "2020-01-01T12:00:00.000Z", "duration_ms": 1000, "gap_ms_left": 0, "gap_ms_right": 0, "size_bytes": 1,'
        ' "sha256": "0"}'
    )
    box.machine.run("sh", "-c", f"mkdir -p {old} && echo x > {old}/r.wav && echo '{note}' > {old}/r.json", user="edge")
    done = box.machine.run("systemctl", "start", "edge-retention", check=False)
    assert done.returncode == 0, box.machine.journal("--unit=edge-retention", "--output=cat")
    assert box.machine.run("test", "-e", f"{old}/r.wav", check=False).returncode != 0
    assert box.takes_calls()
    box.machine.run("systemctl", "start", "edge-selftest", check=False)
    told = box.machine.journal("--unit=edge-selftest", "--output=cat")
    assert "0 bad" in told.split("verified", 1)[-1]
    # Of the machine it may find what it likes.
    assert re.search(r"[0-9]+ bad, [0-9]+ with advice", told), told


def test_a_restart_waits_for_calls_longer_than_the_unit_says(box: Box) -> None:
    before = box.shows("MainPID")
    box.wait_active()
    with box.phone(TALK) as phone:
        assert phone.stdin is not None
        assert phone.stdout is not None
        assert phone.stdout.readline() == "up\n", phone.communicate()[1]
        box.machine.run("systemctl", "restart", "--no-block", "edge")
        until(lambda: box.shows("SubState") == "stop-sigterm", 30, "it drains")
        begun = time.monotonic()
        until(lambda: "draining" in box.shows("StatusText"), 30, "its status says so")
        until(lambda: box.lights() == ["0", "1"], 30, "the board shows the call, and blinks", every_s=0.2)
        box.machine.run("systemctl", "restart", "--no-block", "edge")  # once more changes nothing
        assert not box.is_answered()
        # Well beyond what the unit allows.
        until(lambda: time.monotonic() - begun > HELD_S, 2 * HELD_S, "time passes")
        assert (box.shows("SubState"), box.shows("MainPID")) == ("stop-sigterm", before)
        assert phone.communicate("\n", timeout=60)[0] == "answered\n"
    until(lambda: box.active() and box.shows("MainPID") != before, 120, "another one runs")
    assert "timed out" not in box.machine.journal("--unit=edge", "--identifier=systemd")
    assert box.takes_calls()


def test_a_supervisor_that_hangs_is_replaced_by_systemd(box: Box) -> None:
    before, pid = int(box.shows("NRestarts")), box.shows("MainPID")
    box.machine.run("kill", "-STOP", pid)
    until(lambda: int(box.shows("NRestarts")) > before, 90, "systemd acts", every_s=0.2)
    box.wait_active()
    assert box.shows("MainPID") != pid
    assert "Watchdog timeout" in box.machine.journal("--unit=edge")
    assert box.takes_calls()


def test_bad_configuration_is_not_tried_again_and_a_stop_leaves_nothing(box: Box) -> None:
    box.machine.run("systemctl", "stop", "edge")
    assert box.shows("Result") == "success"
    assert not box.machine.run("pgrep", "-u", "edge", check=False).stdout, "all its processes are gone"
    assert box.lights() == ["0", "0"]
    box.machine.run("sh", "-c", "echo 'nonsense = 1' >> /etc/edge/site.toml")
    box.machine.run("systemctl", "start", "edge", check=False)
    assert box.shows("ExecMainStatus", "ActiveState") == "78\nfailed"
    assert box.machine.run("test", "-e", "/var/lib/edge/state.db").returncode == 0


def test_it_goes_off_when_the_last_call_has_ended(box: Box) -> None:
    box.machine.run("sed", "-i", "/^nonsense/d", "/etc/edge/site.toml")
    box.machine.run("systemctl", "restart", "--no-block", "edge")
    box.wait_active()
    with box.phone(TALK) as phone:
        assert phone.stdout is not None
        assert phone.stdout.readline() == "up\n", phone.communicate()[1]
        box.machine.run("systemctl", "poweroff", "--no-block")
        until(lambda: box.shows("SubState") == "stop-sigterm", 30, "it drains")
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > HELD_S, 2 * HELD_S, "time passes")
        assert box.shows("SubState") == "stop-sigterm"
        assert phone.communicate("\n", timeout=60)[0] == "answered\n"
    until(box.machine.is_off, 60, "it is off", every_s=0.2)
