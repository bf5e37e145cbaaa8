"""What each process must not carry: a library costs megabytes in every one of them, for as long as it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TERMINAL = {"rich", "cyclopts", "pygments"}
HEAVY = {"numpy", "numba", "soundfile", "yaml"}
LOOP = {"asyncio", "anyio"}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("edge.app.start, edge.app.running", TERMINAL | HEAVY | LOOP | {"pjsua2"}),
        ("edge.app.child, edge.front.process", TERMINAL | HEAVY | LOOP | {"pjsua2"}),
        ("edge.app.child, edge.switch.process", TERMINAL | HEAVY | LOOP | {"pjsua2"}),
        ("edge.app.child, edge.span.process", TERMINAL | HEAVY | LOOP | {"ssl", "prometheus_client"}),
    ],
)
def test_a_process_imports_only_what_it_needs(modules: str, unwanted: set[str]) -> None:
    code = f"import sys, {modules}; print(sorted({unwanted} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_program_becomes_the_supervisor_and_loses_nothing_it_printed(tmp_path: Path) -> None:
    site = tmp_path / "none.toml"
    code = (
        "from edge.app.preparing import Source\n"
        "from edge.app.start import become_supervisor\n"
        "print('before')\n"
        f"become_supervisor(Source(config={str(site)!r}))\n"
        "print('after')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 78
    assert str(site) in ran.stderr
    assert ran.stdout == "before\n"
