"""Up to where a unit's Limit... has an effect, by what proc(5) says of init."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.doctor.rights import reachable

ROOT = Path(__file__).parents[3]

_ALL, _NO_RESOURCE = "000001ffffffffff", "000001fffeffffff"
_MACHINE, _CONTAINER = "0 0 4294967295", "0 100000 65536"
_LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 {0}                  files
Max locked memory         65536                {0}                  bytes
Max nice priority         0                    0
Max realtime priority     0                    {0}
"""


def init(folder: Path, bounding: str, users: str, hard: str) -> Path:
    status = f"Name:\tinit\nCapEff:\t{_ALL}\nCapBnd:\t{bounding}\nCapAmb:\t0000000000000000\n"
    (folder / "status").write_text(status)
    (folder / "limits").write_text(_LIMITS.format(hard))
    (folder / "uid_map").write_text(f"         {users}\n")
    return folder


@pytest.mark.parametrize("name", ["Max realtime priority", "Max locked memory", "Max open files"])
@pytest.mark.parametrize(
    ("bounding", "users", "hard", "expected"),
    [
        (_ALL, _MACHINE, "0", 1 << 64),
        (_NO_RESOURCE, _MACHINE, "0", 0),
        (_NO_RESOURCE, _MACHINE, "10", 10),
        (_NO_RESOURCE, _MACHINE, "unlimited", 1 << 64),
        (_ALL, _CONTAINER, "0", 0),
    ],
)
def test_a_limit_is_raised_by_the_machines_own_init(
    tmp_path: Path, name: str, bounding: str, users: str, hard: str, expected: int
) -> None:
    assert reachable(name, init(tmp_path, bounding, users, hard)) == expected


def test_where_init_is_hidden_the_unit_is_believed(tmp_path: Path) -> None:
    assert reachable("Max open files", tmp_path) == 1 << 64


_EXAMINE = """
import sys
from pathlib import Path
from edge.cli.doctor import rights
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.config.loader import inspect
notes = Notes("rights")
site = inspect(Path(sys.argv[1]) / "site.toml", menus=False)
rights.examine(Patient(found=site, run_dir=Path(sys.argv[1]), status=None), notes, Path(sys.argv[1]))
for one in notes.findings:
    print(one.what, one.state, "no effect here" in one.evidence, "from outside" in one.advice, sep=",")
"""


@pytest.mark.parametrize(
    ("users", "outside", "poor"),
    [
        (_MACHINE, False, ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]),
        (_CONTAINER, True, ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]),
        # Root of a container has all capabilities, which count for nothing here.
        (_CONTAINER, True, ["unshare", "--user", "--map-root-user"]),
    ],
    ids=["machine", "container", "root of a container"],
)
def test_advice_is_what_has_an_effect(tmp_path: Path, users: str, outside: bool, poor: list[str]) -> None:
    (init(tmp_path, _ALL, users, "0") / "site.toml").write_text('name = "box"\n')
    limits = ["prlimit", "--nofile=48:48", "--memlock=16:16", "--rtprio=0:0", "--"]
    if os.geteuid() != 0 and poor[0] == "setpriv":
        poor = []  # has no capabilities anyhow
    code = [sys.executable, "-c", _EXAMINE, str(tmp_path)]
    done = subprocess.run([*limits, *poor, *code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        f"real time,advice,{outside},{outside}",
        f"locked memory,advice,{outside},{outside}",
        f"descriptors,bad,{outside},{outside}",
    ], done.stderr
