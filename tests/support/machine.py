"""A machine of its own: the real systemd as process 1, in namespaces, on a throw-away layer over this machine's files.

Network, processes, mounts and control groups are its own; what it writes goes into `folder`. Needs root and a kernel
that lets a namespace mount cgroup2 and overlay; `unfit` says why it can't be.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.support.waiting import until

# Runs as the first process of the namespaces and becomes systemd. $1: folder, $2: unit to reach, $3: what lies below.
_BOOT = r"""
set -e
mount --make-rprivate /
m=$1/root
mount -t overlay overlay -o lowerdir=$3,upperdir=$1/upper,workdir=$1/work $m
mount -t proc proc $m/proc
mount -t sysfs -o ro sysfs $m/sys
mount -t cgroup2 none $m/sys/fs/cgroup
for d in run dev; do mount -t tmpfs -o mode=755 none $m/$d; done
for d in null zero full random urandom tty; do touch $m/dev/$d; mount --bind /dev/$d $m/dev/$d; done
mkdir $m/dev/shm $m/dev/pts
mount -t tmpfs none $m/dev/shm
ln -s /proc/self/fd $m/dev/fd
ip link set lo up
cd $m
mkdir -p .former
pivot_root . .former
umount -l /.former
# As a machine that has booted by itself; in a container systemd leaves it to who made that.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test /lib/systemd/systemd --system --unit="$2" </dev/null
"""


def unfit() -> str:
    """Why no such machine can be made here; empty: it can."""
    if os.geteuid() != 0:
        return "only root can boot a machine in namespaces"
    if not Path("/lib/systemd/systemd").exists():
        return "there is no systemd here"
    mounts = "mount -t cgroup2 none /sys/fs/cgroup && mkdir /tmp/o && cd /tmp/o && mkdir u w m"
    probe = f"mount -t tmpfs none /tmp && {mounts} && mount -t overlay o -o lowerdir=/etc,upperdir=u,workdir=w m"
    tried = subprocess.run(
        ["unshare", "--mount", "--cgroup", "--pid", "--fork", "sh", "-c", probe], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else f"this kernel does not let it: {tried.stderr.decode()[-200:]}"


class Machine:
    """One machine; `upper` is its root folder before it boots: what is put there is laid over `lower`.

    That is this machine's files, or another system's.
    """

    def __init__(self, folder: Path, lower: Path = Path("/")) -> None:
        self.folder = folder
        self.lower = lower
        self.upper = folder / "upper"
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        # Or what boots empties /tmp, which has the tree under test where it lies there.
        self._mask("etc/tmpfiles.d/tmp.conf")
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine, before it boots."""
        place = self.upper / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def hide(self, *units: str) -> None:
        """Keep units of this machine from starting there, before it boots."""
        for unit in units:
            self._mask(f"etc/systemd/system/{unit}")

    def _mask(self, path: str) -> None:
        (self.upper / path).parent.mkdir(parents=True, exist_ok=True)
        (self.upper / path).symlink_to("/dev/null")

    def boot(self, unit: str = "basic.target") -> None:
        """Start systemd and wait until `unit` is active."""
        namespaces = ("--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net")
        command = ["unshare", *namespaces, "--fork", "--kill-child", "bash", "-c", _BOOT, "boot", str(self.folder)]
        with (self.folder / "boot.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, unit, str(self.lower)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._booted, 60, f"booted; {self.folder / 'boot.log'}", every_s=0.1)
        until(lambda: self.shows(unit, "ActiveState") == "active", 60, f"{unit} active", every_s=0.1)

    def _booted(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "boot.log").read_text()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text().strip() != "systemd":
            return False
        self._init = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() not in {"", "offline"}

    def enter(self, *command: str, user: str = "") -> list[str]:
        """The command that runs `command` there, as root or `user`."""
        switch = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", "--target", str(self._init), "--all", "--", *switch, *command]

    def run(self, *command: str, user: str = "", check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command there and return what it said."""
        done = subprocess.run(
            self.enter(*command, user=user), capture_output=True, text=True, check=False, timeout=120, **more
        )
        assert not check or done.returncode == 0, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def shows(self, unit: str, *properties: str) -> str:
        """What systemd says of a unit; of several properties a line each."""
        wanted = [f"--property={name}" for name in properties]
        return self.run("systemctl", "show", "--value", *wanted, unit, check=False).stdout.strip()

    def journal(self, *more: str) -> str:
        """The machine's journal."""
        return self.run("journalctl", "--no-pager", "--quiet", *more, check=False).stdout

    def is_off(self) -> bool:
        """Whether it has switched itself off."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Pull the plug: all its processes end with the first one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
