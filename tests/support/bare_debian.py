"""A Debian 12 with nothing on it: what a site's box is before the appliance is installed.

Made once by debootstrap (needs the mirror) and kept in the cache; each test works on a layer over it.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

# In namespaces of its own, without any network but the loopback. $1: folder of a `Machine`, $2: what lies below.
_ENTER = r"""
set -e
mount --make-rprivate /
m=$1/root
mount -t overlay overlay -o lowerdir=$2,upperdir=$1/upper,workdir=$1/work $m
mount -t proc proc $m/proc
for d in run dev; do mount -t tmpfs none $m/$d; done
for d in null zero full random urandom tty; do touch $m/dev/$d; mount --bind /dev/$d $m/dev/$d; done
ln -s /proc/self/fd $m/dev/fd
ip link set lo up
shift 2
exec chroot $m /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
"""


def tree() -> Path:
    """Return the folder of the bare system, made at the first call; AssertionError with what debootstrap said."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "edge-tests"
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / "bookworm"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            part = cache / "bookworm.part"
            shutil.rmtree(part, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", "bookworm", str(part), mirror()]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            part.rename(place)
    return place


def mirror() -> str:
    """Where this machine has Debian from."""
    asked = [
        "apt-get",
        "indextargets",
        "--format",
        "$(CODENAME) $(REPO_URI)",
        "Created-By: Packages",
        "Component: main",
    ]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("bookworm "))


def run(folder: Path, *command: str, below: Path | None = None, limit_s: float = 600) -> str:
    """Run a command in the system of a `Machine` that has not booted; returns what it said. It must succeed.

    `below`: the system under it, the bare one when not given.
    """
    lower = str(below or tree())
    spaces = ["--mount", "--pid", "--net", "--ipc", "--uts"]
    done = subprocess.run(
        ["unshare", *spaces, "--fork", "--kill-child", "bash", "-c", _ENTER, "x", str(folder), lower, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=limit_s,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
