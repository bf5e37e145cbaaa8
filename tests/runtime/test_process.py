"""How a child starts, in a process of its own."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.config.site import Site
from edge.runtime.process import LAUNCH, Launch
from edge.vocabulary.wire import pack

ROOT = Path(__file__).parents[2]

CHILD = """
import json, os, resource, signal, sys
from edge.runtime.process import child_main, read_launch

def run(context):
    if context.name == "broken":
        raise ValueError("as asked")
    told = {
        "site": context.site.name,
        "incarnation": context.incarnation,
        "fds": context.fds,
        "comm": open("/proc/self/comm").read().strip(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "inherits": "EDGE_LAUNCH" in os.environ,
        "sigint": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }
    print(json.dumps(told), flush=True)
    return 7

sys.exit(child_main(read_launch(), run))
"""


def start(tmp_path: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    site = tmp_path / "site"
    site.write_bytes(pack(Site(name="mine")))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        given: dict[str, Any] = {
            "name": "front",
            "module": "x",
            "incarnation": "front-1",
            "channel_fd": theirs.fileno(),
            "site": str(site),
            "fds": {"sip_udp": [3]},
            "link_path": "",
            "run_dir": "",
            "boot_id": "b",
            "supervisor_pid": os.getpid(),
        }
        launch = Launch(**{**given, **changes})
        return subprocess.run(
            [sys.executable, "-c", CHILD],
            cwd=ROOT,
            env={**os.environ, **launch.environment()},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def test_a_child_is_set_up_and_its_code_is_the_exit_code(tmp_path: Path) -> None:
    ran = start(tmp_path)
    assert ran.returncode == 7, ran.stderr
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert json.loads(ran.stdout) == {
        "site": "mine",
        "incarnation": "front-1",
        "fds": {"sip_udp": [3]},
        "comm": "edge-front",
        "core": [0, 0],
        "files": [hard, hard],
        "inherits": False,
        "sigint": True,
    }


def test_an_error_is_logged_and_ends_it_with_70(tmp_path: Path) -> None:
    ran = start(tmp_path, name="broken")
    assert ran.returncode == 70
    assert "ValueError: as asked" in ran.stderr


def test_an_unreadable_configuration_ends_it_with_70(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff\xff")
    assert start(tmp_path, site=str(garbage)).returncode == 70
    assert start(tmp_path, site=str(tmp_path / "none")).returncode == 70


def test_a_child_whose_supervisor_is_gone_does_not_begin(tmp_path: Path) -> None:
    ran = start(tmp_path, supervisor_pid=1 if os.getpid() != 1 else 2)
    assert ran.returncode == 75
    assert ran.stdout == ""


def test_nobody_starts_a_child_by_hand() -> None:
    environment = {name: value for name, value in os.environ.items() if name != LAUNCH}
    ran = subprocess.run(
        [sys.executable, "-m", "edge.app.child", "front"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert "edge run" in ran.stderr


@pytest.mark.parametrize("name", ["x" * 40])
def test_long_names_are_cut_as_the_kernel_does(tmp_path: Path, name: str) -> None:
    assert json.loads(start(tmp_path, name=name).stdout)["comm"] == "edge-xxxxxxxxxx"
