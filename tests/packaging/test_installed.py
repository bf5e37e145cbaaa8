"""From the archive to a call and back, on a bare Debian 12 with its own systemd and no network at all."""

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.boards import MANAGER, MODULES, SERVICE
from edge.storage.store import VERSION
from tests.support import bare_debian, machine
from tests.support.machine import Machine
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "90.1.0", "90.2.0"
#: What `edge hw board --write` may have made.
BOARD_FILES = " ".join(f"/{path}" for path in (SERVICE, MANAGER, MODULES))
#: Some 12 s to hear, so calls are up while things are done to the appliance.
MENU = """version: 1
language: en
start: welcome
nodes:
  welcome:
    say: >-
      Please hold the line while we count. One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve,
      thirteen, fourteen, fifteen, sixteen.
    next: end
  end:
    hang_up:
"""


@functools.cache
def unfit() -> str:
    missing = [name for name in ("debootstrap", "dh", "dpkg-scanpackages", "cc") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)}: not here (scripts/install-test-peers)"
    if not Path("/usr/bin/python3.11").exists():
        return "a package is built with Debian 12's python3.11"
    return machine.unfit()


pytestmark = [
    pytest.mark.skipif(unfit() != "", reason=unfit() or "-"),
    pytest.mark.system,
    pytest.mark.first,
    pytest.mark.timeout(1500),
]


def build(source: Path, out: Path, *options: str, cache: Path = ROOT / "build/cache") -> Path:
    """Run scripts/release of a checkout; returns what it made."""
    environment = {**os.environ, "EDGE_BUILD_CACHE": str(cache), "SOURCE_DATE_EPOCH": "1790000000"}
    done = subprocess.run(
        [str(source / "scripts/release"), *options, "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The archive of the first version, with Debian's packages."""
    folder = tmp_path_factory.mktemp("bundle")
    yield build(ROOT, folder, "bundle", "--packages", "--version", FIRST)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package of a later version, whose state has another schema, and which takes less of a site."""
    folder = tmp_path_factory.mktemp("later")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [name for name in files.decode().split("\0") if name and (ROOT / name).exists()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / f"edge/storage/schema_{VERSION + 1}.sql").write_text("ALTER TABLE menus ADD COLUMN later TEXT;\n")
    store = folder / "edge/storage/store.py"
    store.write_text(store.read_text().replace(f"\nVERSION = {VERSION}\n", f"\nVERSION = {VERSION + 1}\n").replace(
        '_MENUS = "INSERT OR IGNORE INTO menus VALUES (?, ?)"',
        '_MENUS = "INSERT OR IGNORE INTO menus (key, body) VALUES (?, ?)"',
    ))  # fmt: skip
    site = folder / "edge/config/site.py"
    before = site.read_text()
    site.write_text(re.sub(r"(\n +drain_seconds: .*)86_400", r"\g<1>3_600", before))
    assert site.read_text() != before
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield build(folder, folder / "out", "deb", "--version", SECOND)
    shutil.rmtree(folder, ignore_errors=True)


def called(box: Machine) -> bool:
    """Whether a test call was answered and heard something; a machine that has much else to do refuses calls."""
    done = box.run("edge", "call", "sip:100@127.0.0.1", "--stay", "0", "--json", check=False)
    return done.returncode == 0 and '"ok": true' in done.stdout.replace('":true', '": true')


def ended_calls(box: Machine) -> set[str]:
    lines = box.run("edge", "calls", "--all", "--json").stdout.splitlines()
    return {row["id"] for row in map(json.loads, lines) if row["state"] == "ended"}


def ready(box: Machine) -> bool:
    return box.run("edge", "status", check=False).returncode == 0


def kernels(box: Machine, version: str) -> set[str]:
    """Name the compiled code of a version, by its places in the version's folder."""
    folder = f"/opt/edge/versions/{version}"
    return set(box.run("sh", "-c", f"cd {folder} && find . -name '*.nbc' -printf '%p %s %i\n'").stdout.splitlines())


def dpkg(box: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        box.enter("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *arguments),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600,
    )  # fmt: skip


def schema(box: Machine) -> int:
    code = (
        "import sqlite3; print(sqlite3.connect('/var/lib/edge/state.db').execute('PRAGMA user_version').fetchone()[0])"
    )
    return int(box.run("python3.11", "-c", code, user="edge").stdout)


def test_a_box_without_network_is_installed_upgraded_rolled_back_and_cleaned(
    tmp_path: Path, bundle: Path, later: Path
) -> None:
    box = Machine(tmp_path / "box", bare_debian.tree())
    subprocess.run(["tar", "--extract", "--file", bundle, "--directory", str(box.upper)], check=True)
    folder = "/" + bundle.name.removesuffix(".tar")
    shutil.copy(later, box.upper)
    said = bare_debian.run(box.folder, f"{folder}/install.sh")
    assert f"{FIRST} is in force" in said
    assert "compiling for this processor" in said
    assert "not compiled" not in said
    assert bare_debian.run(box.folder, "edge", "--version").strip() == FIRST
    assert "0 errors" in bare_debian.run(box.folder, "runuser", "-u", "edge", "--", "edge", "check")
    (box.upper / "etc/edge/menus/main.yaml").write_text(MENU)
    try:
        box.boot()
        box.run("systemctl", "start", "--no-block", "multi-user.target")
        goes_through_its_life(box, f"/{later.name}")
    finally:
        print(box.journal("--unit=edge.service", "--lines=60"))
        box.stop()


def goes_through_its_life(box: Machine, later: str) -> None:
    compiled = kernels(box, FIRST)
    assert compiled
    until(lambda: ready(box), 120, "ready", every_s=0.5)
    until(lambda: called(box), 200, "a call is answered", every_s=1)
    # The daemon may change nothing of what it runs, kernels included, and neither it nor root's call compiled any.
    assert box.run("sh", "-c", "find /opt/edge ! -user root").stdout == ""
    assert kernels(box, FIRST) == compiled
    assert box.run("find", "/var/cache/edge", "-type", "f").stdout == ""
    before = ended_calls(box)
    assert before
    assert schema(box) == VERSION

    # The next version does not take the site as it is: dpkg says where, and nothing has changed for callers.
    box.run(
        "sh", "-c", "mkdir -p /etc/edge/conf.d && printf '[limits]\ndrain_seconds = 7200\n' >/etc/edge/conf.d/old.toml"
    )
    running = box.shows("edge.service", "MainPID")
    refused = dpkg(box, "--install", later)
    assert refused.returncode != 0
    assert "/etc/edge/conf.d/old.toml:2" in refused.stdout
    assert f"{FIRST} stays in force; mend it, then: dpkg --configure edge-appliance" in refused.stdout
    assert box.run("edge", "--version").stdout.strip() == FIRST
    assert box.shows("edge.service", "MainPID") == running
    until(lambda: called(box), 200, "a call is answered by the version that stays", every_s=1)
    before = ended_calls(box)
    box.run("rm", "/etc/edge/conf.d/old.toml")

    # It does now, by dpkg itself, while somebody talks: he is heard out, and the site's files are as they were.
    talking = subprocess.Popen(
        box.enter("edge", "call", "sip:100@127.0.0.1", "--stay", "30", "--json"),
        stdout=subprocess.PIPE,
        text=True,
    )
    until(
        lambda: '"calls": 1' in box.run("edge", "status", "--json").stdout.replace('":1', '": 1'),
        60,
        "a call is up",
        every_s=0.2,
    )
    upgrade = dpkg(box, "--configure", "edge-appliance")
    assert upgrade.returncode == 0, upgrade.stdout
    assert "compiling" not in upgrade.stdout, "the same kernels are taken over"
    assert kernels(box, SECOND) == kernels(box, FIRST)
    heard = json.loads(talking.communicate(timeout=120)[0].splitlines()[0])
    assert (heard["ok"], heard["outcome"]) == (True, "completed"), heard
    assert box.run("edge", "--version").stdout.strip() == SECOND
    assert box.run("readlink", "/opt/edge/former").stdout.strip() == f"versions/{FIRST}"
    assert box.run("cat", "/etc/edge/menus/main.yaml").stdout == MENU
    until(lambda: ready(box), 120, "ready again", every_s=0.5)
    assert schema(box) == VERSION + 1
    assert ended_calls(box) > before, "what was known is, and the call that was heard out"
    until(lambda: called(box), 200, "a call is answered by the new version", every_s=1)
    after = ended_calls(box)

    # Back again, with what there was since.
    told = box.run("edge-rollback").stdout
    assert "too new" in told
    assert "events taken over" in told
    assert box.run("edge", "--version").stdout.strip() == FIRST
    until(lambda: ready(box), 120, "ready after the rollback", every_s=0.5)
    assert schema(box) == VERSION
    assert ended_calls(box) == after
    until(lambda: called(box), 200, "a call is answered by the former version", every_s=1)

    # Away: first the programs and what was set for them alone, then all of it.
    box.run("edge", "hw", "board", "--write")
    assert box.run("sh", "-c", f"ls {BOARD_FILES}", check=False).stdout
    removed = dpkg(box, "--remove", "edge-appliance")
    assert removed.returncode == 0, removed.stdout
    assert box.run("sh", "-c", f"ls {BOARD_FILES}", check=False).stdout == ""
    assert box.shows("edge.service", "ActiveState") != "active"
    assert (
        box.run("sh", "-c", "ls -d /opt/edge /usr/bin/edge /usr/sbin/edge-rollback 2>/dev/null", check=False).stdout
        == ""
    )
    assert box.run("cat", "/etc/edge/menus/main.yaml").stdout == MENU
    assert schema(box) == VERSION
    purged = dpkg(box, "--purge", "edge-appliance")
    assert purged.returncode == 0, purged.stdout
    assert box.run("sh", "-c", "ls -d /etc/edge /var/lib/edge /var/spool/edge 2>/dev/null", check=False).stdout == ""


#: What `make install` runs, on this machine's own files with a layer over them, and what is left afterwards.
_DIRECTLY = """set -e
cd "$1"
scripts/release install --prefix /srv/edge --version 90.1.0 --out /tmp/made
edge --version
runuser -u edge -- edge check
man --local-file --warnings /usr/share/man/man1/edge.1.gz 2>&1 | grep -c 'edge calls transfer'
! grep -r /opt/edge /lib/systemd/system/edge* /usr/sbin/edge-rollback /srv/edge/current/libexec

# The next version takes less than this one did: nothing changes until the site is mended. Files are links, so no `>`.
mkdir -p /etc/edge/conf.d
printf '[limits]\\ndrain_seconds = 7200\\n' >/etc/edge/conf.d/old.toml
edge check
p=/srv/edge/package
sed -i s/90.1.0/90.2.0/ $p/VERSION $p/venv/bin/edge
sed -i '/drain_seconds:/s/86_400/3_600/' $p/venv/lib/python3.11/site-packages/edge/config/site.py
if $p/libexec/activate; then echo "taken"; exit 1; fi
echo "in force: $(readlink /srv/edge/current)"
edge check
rm /etc/edge/conf.d/old.toml
$p/libexec/activate
echo "in force: $(readlink /srv/edge/current), before: $(readlink /srv/edge/former)"

edge hw board --write
mkdir -p /etc/modules-load.d
echo somebody >/etc/modules-load.d/edge-board.conf
scripts/release uninstall --prefix /srv/edge --out /tmp/made
cd /
left=$(find srv/edge var/cache/edge usr/bin/edge usr/sbin/edge-rollback usr/share/doc/edge-appliance \\
    etc/systemd/system/edge* etc/systemd/system.conf.d/*edge* lib/systemd/system/edge* \\
    usr/share/man/man1/edge.1* usr/share/man/man8/edge-* 2>/dev/null || true)
[ -z "$left" ] || { echo "left: $left"; exit 1; }
ls /etc/edge/site.toml /etc/modules-load.d/edge-board.conf /var/lib/edge/kept
"""


def test_root_installs_from_the_checkout_elsewhere_and_takes_it_away_again(tmp_path: Path, bundle: Path) -> None:
    assert bundle.exists()  # and with it the wheels that both are made of: there is no network here
    box = Machine(tmp_path / "box")
    (box.upper / "var/lib/edge").mkdir(parents=True)
    (box.upper / "var/lib/edge/kept").touch()
    environment = ("env", f"EDGE_BUILD_CACHE={ROOT / 'build/cache'}", "SOURCE_DATE_EPOCH=1790000000")
    # Kernels are compiled elsewhere; here they would be for nothing.
    said = bare_debian.run(
        box.folder, *environment, "NUMBA_DISABLE_JIT=1", "bash", "-c", _DIRECTLY, "x", str(ROOT), below=Path("/")
    )
    assert "\n90.1.0\n" in said
    assert "0 errors" in said
    assert "/etc/edge/conf.d/old.toml:2" in said
    assert "90.1.0 stays in force; mend it, then: /srv/edge/package/libexec/activate" in said
    assert "in force: versions/90.1.0\n" in said
    assert "in force: versions/90.2.0, before: versions/90.1.0\n" in said
    assert said.endswith("/etc/edge/site.toml\n/etc/modules-load.d/edge-board.conf\n/var/lib/edge/kept\n")


def held_by(package: Path) -> str:
    return subprocess.run(["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True).stdout


def test_the_same_files_make_the_same_package_with_all_that_is_read(tmp_path: Path, bundle: Path) -> None:
    # All over again but for the wheels: what an earlier build had installed and compiled is not taken.
    cache = tmp_path / "cache"
    cache.mkdir()
    for wheels in (ROOT / "build/cache").glob("wheels-*"):
        (cache / wheels.name).symlink_to(wheels)
    again = build(ROOT, tmp_path, "deb", "--version", FIRST, cache=cache)
    assert list(cache.glob("installed-*")), "it has installed them itself"
    name = bundle.name.removesuffix(".tar")
    subprocess.run(["tar", "--extract", "--file", bundle, "--directory", str(tmp_path)], check=True)
    assert again.read_bytes() == (tmp_path / name / again.name).read_bytes()
    assert "./usr/share/man/man1/edge.1.gz" in held_by(again)
    # What git knows beside code is in it: profiles, rules, examples, schemas.
    held = held_by(again)
    folders = ["edge", "dsp", "firmware_profiles", "dialing_rules"]
    files = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    missing = [
        file for file in files.split() if f"/site-packages/{file}\n" not in held and not file.endswith("README.md")
    ]
    assert missing == []
    # A file that was damaged on the way is noticed before anything is installed.
    (tmp_path / name / "packages.txt").write_text("x\n")
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"],
        cwd=tmp_path / name,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode != 0
    assert "packages.txt: FAILED" in checked.stdout
