"""What holds for all compiled code: one place for options, a cache that hits, the same answers without compilation."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import fuzz
from dsp import jit

ROOT = Path(__file__).parents[2]
DSP = ROOT / "dsp"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", sorted(DSP.rglob("*.py")), ids=lambda p: str(p.relative_to(DSP)))
def test_only_two_modules_know_numba(path):
    if path.name in {"jit.py", "compiling.py"}:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not any(n.split(".")[0] == "numba" for n in names), f"{path}:{node.lineno}"


COUNT_MISSES = """
from dsp.plane import engine, loop, tick
assert engine.is_compiled()
engine.compile_all()
for kernel in (tick.take_up, loop.run):  # the two that Python calls; they hold all others
    print(kernel.__name__, sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing():
    assert run("from dsp.plane.engine import compile_all; compile_all()").returncode == 0
    empty = run("from dsp.plane.engine import is_compiled; print(is_compiled())", NUMBA_CACHE_DIR=os.devnull)
    assert empty.stdout == "False\n"
    second = run(COUNT_MISSES)
    assert second.stderr == ""  # numba warns of what it cannot cache
    for line in second.stdout.splitlines():
        name, hits, misses = line.split()
        assert (int(hits), int(misses)) == (1, 0), name
    assert len(second.stdout.splitlines()) == 2


PROGRAM = """
from dsp import jit

@jit.kernel
def third(value, spare):
    return value * 3

@jit.kernel
def second(value, spare):
    return third(value, spare) + 1

@jit.kernel
def root(value):
    return second(value, 1) + second(value + 1, 2.5) + third(value, 1)

def programs():
    return [len(kernel.overloads) for kernel in (root, second, third)]

print(root(5), programs())
print(second(5, 1), third(2.5, None), root(5), programs())
"""


def test_what_a_kernel_calls_becomes_a_part_of_it_and_a_program_where_python_calls_it(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    for cached in (False, True):  # the second time from the cache
        done = run(
            f"exec(compile(open({str(script)!r}).read(), {str(script)!r}, 'exec'))", NUMBA_CACHE_DIR=str(tmp_path)
        )
        assert done.stdout.splitlines() == ["50 [1, 0, 0]", "16 7.5 50 [1, 1, 1]"], (cached, done.stderr)


def test_compiled_code_of_old_versions_is_removed(tmp_path, monkeypatch):
    folders = [tmp_path / f"compiled-{i}" for i in range(12)]
    for age, folder in enumerate(folders):
        folder.mkdir()
        os.utime(folder, (10**9 - age, 10**9 - age))
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(jit.config, "CACHE_DIR", str(folders[11]))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    jit.drop_old_caches(keep=8)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["other", *(f.name for f in [*folders[:8], folders[11]])]
    )


def test_the_cache_folder_follows_sources_and_bounds_checks():
    show = "from dsp import jit; print(jit.config.CACHE_DIR)"
    plain, checked = run(show).stdout, run(show, NUMBA_BOUNDSCHECK="1").stdout
    assert plain != checked
    assert checked.strip().endswith("-checked")


@pytest.mark.first
@pytest.mark.timeout(900)
def test_fuzz_with_bounds_checks(tmp_path):
    """30,000 hostile packets through every receive path of compiled code that checks each index."""
    environment = fuzz.checked()
    assert fuzz.planted_read_raises(tmp_path, environment), "without this the fuzz proves nothing"
    figures = fuzz.one_round(30_000, 3550, environment, limit_s=800)
    assert "failed" not in figures, figures
    fed, refused, accepted = (figures[name] for name in ("packets", "refused", "accepted"))
    assert fed == 30_000
    assert refused > 5000
    assert accepted > 1000
