"""What a confined process can and can't do, tried in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TRIES = """
import json, os, pathlib, socket, subprocess, sys, threading, time
from edge.runtime.seccomp import confine

local = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
local.bind(sys.argv[1] + "/sock"); local.listen()
network = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
network.bind(("127.0.0.1", 0))
opened = open(sys.argv[1] + "/opened", "w")
assert confine()

def open_udp():
    network.sendto(b"x", network.getsockname()); assert network.recv(5) == b"x"

def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def unix():
    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1] + "/sock")

def thread():
    done = []
    one = threading.Thread(target=lambda: done.append(1)); one.start(); one.join(); assert done

def reads():
    assert pathlib.Path("/proc/self/stat").read_text()

def writes_what_is_open():
    opened.write("x"); opened.flush()

def tcp(): socket.socket(socket.AF_INET, socket.SOCK_STREAM)
def six(): socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
def raw(): socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
def netlink(): socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
def fork(): os._exit(0) if os.fork() == 0 else None
def program(): subprocess.run(["/bin/true"])
def execute(): os.execv("/bin/true", ["true"])
def write(): open(sys.argv[1] + "/new", "w")
def append(): open(sys.argv[1] + "/opened", "a")
def remove(): os.unlink(sys.argv[1] + "/opened")
def kill(): os.kill(os.getppid(), 0)

told = {}
for name in sys.argv[2:]:
    try:
        globals()[name]()
        told[name] = "done"
    except PermissionError:
        told[name] = "refused"
print(json.dumps(told))
"""

ALLOWED = ["open_udp", "unix", "thread", "reads", "writes_what_is_open"]
REFUSED = ["udp", "tcp", "six", "raw", "netlink", "fork", "program", "execute", "write", "append", "remove", "kill"]


def test_what_is_given_up_and_what_is_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRIES, str(tmp_path), *ALLOWED, *REFUSED],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == dict.fromkeys(ALLOWED, "done") | dict.fromkeys(REFUSED, "refused")


@pytest.mark.parametrize("name", REFUSED)
def test_each_refused_deed_works_without_the_filter(tmp_path: Path, name: str) -> None:
    if name == "execute":
        return  # it would take the place of who prints
    code = TRIES.replace("assert confine()", "")
    words = [sys.executable, "-c", code, str(tmp_path), name]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout) == {name: "done"}, done.stderr
