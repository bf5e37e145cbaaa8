"""What a line's process can and can't do once it is confined, tried in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TRIES = """
import os, pathlib, pty, socket, subprocess, sys, threading, json
from edge.runtime.landlock import write_only_beneath
from edge.runtime.seccomp import DEVICES, confine

place, elsewhere = pathlib.Path(sys.argv[1], "run"), pathlib.Path(sys.argv[1], "elsewhere")
master, far = pty.openpty()
listener = socket.create_server(("127.0.0.1", 0))
assert write_only_beneath([pathlib.Path("/dev"), place]) and confine(DEVICES)

def keepsake():
    (place / "a.part").write_bytes(b"x"); (place / "a.part").replace(place / "a"); (place / "a").unlink()
def serial():
    one = os.open(os.ttyname(far), os.O_RDWR | os.O_NOCTTY); os.write(one, b"AT"); assert os.read(master, 2) == b"AT"
def shared():
    (pathlib.Path("/dev/shm") / f"edge-{os.getpid()}").touch()
    (pathlib.Path("/dev/shm") / f"edge-{os.getpid()}").unlink()
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("127.0.0.1", 0))
def modem_over_tcp(): socket.create_connection(listener.getsockname()).close()
def unix(): socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
def thread():
    done = []
    one = threading.Thread(target=lambda: done.append(1)); one.start(); one.join(); assert done
def reads(): assert (elsewhere / "file").read_text() == "x"

def write(): open(elsewhere / "new", "w")
def append(): open(elsewhere / "file", "a")
def remove(): (elsewhere / "file").unlink()
def rename(): (elsewhere / "file").rename(elsewhere / "other")
def folder(): (elsewhere / "folder").mkdir()
def link(): (place / "link").symlink_to("/etc/passwd")
def fork(): os._exit(0) if os.fork() == 0 else None
def program(): subprocess.run(["/bin/true"])
def execute(): os.execv("/bin/true", ["true"])
def listen(): socket.create_server(("127.0.0.1", 0))
def netlink(): socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
def packet(): socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
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

ALLOWED = ["keepsake", "serial", "shared", "udp", "modem_over_tcp", "unix", "thread", "reads"]
REFUSED = [
    *("write", "append", "remove", "rename", "folder", "link"),
    *("fork", "program", "execute", "listen", "netlink", "packet", "kill"),
]


def tried(folder: Path, code: str, names: list[str]) -> dict[str, str]:
    for name in ("run", "elsewhere"):
        (folder / name).mkdir()
    (folder / "elsewhere" / "file").write_text("x")
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), *names],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_a_line_has_given_up_and_what_not(tmp_path: Path) -> None:
    told = tried(tmp_path, TRIES, [*ALLOWED, *REFUSED])
    assert told == dict.fromkeys(ALLOWED, "done") | dict.fromkeys(REFUSED, "refused")


def test_each_refused_deed_works_without_that(tmp_path: Path) -> None:
    code = TRIES.replace("assert write_only_beneath", "True or write_only_beneath")
    # Else it would take the place of who prints; a file is appended to before it is gone.
    names = [name for name in REFUSED if name not in ("execute", "fork", "remove")]
    assert tried(tmp_path, code, names) == dict.fromkeys(names, "done")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    code = "import sys, pathlib; from edge.runtime.landlock import write_only_beneath as w; w([pathlib.Path('/none')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "FileNotFoundError" in done.stderr
