"""What holds for all compiled code: one place for options, a cache that hits, the same answers without compilation."""

import ast
import os
import shutil
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
from dsp.detectors import speech
from dsp.plane import engine, loop, source, tick
assert engine.is_compiled()
engine.compile_all()
for kernel in (tick.take_up, loop.run, source.lost, speech.active_level):  # those that Python calls hold all others
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
    assert len(second.stdout.splitlines()) == 4


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


#: A kernel that is compiled in a second.
SMALL = """from dsp.jit import kernel
@kernel
def triple(value):
    return value * 3
"""


def installed(folder: Path) -> Path:
    """A copy of `dsp` with a small kernel, as nobody has compiled it."""
    shutil.copytree(DSP, folder / "dsp", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dsp/small.py").write_text(SMALL)
    return folder


def called(folder: Path, *, owner: bool = True, **environment: str) -> list[str]:
    """Call the kernel in a process of its own; what it gives, hits, misses, and whether it is kept then.

    `owner`: who may write to the code; else somebody who is root in name only, or nobody could write to tmp_path.
    """
    drop = [] if owner else ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    code = (
        "from dsp import jit, small; stats = small.triple.stats; "
        "print(small.triple(14), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), "
        "jit.is_kept(small.triple))"
    )
    plain = {k: v for k, v in os.environ.items() if k not in {"NUMBA_CACHE_DIR", "CACHE_DIRECTORY", "PYTHONPATH"}}
    done = subprocess.run(
        [*drop, sys.executable, "-B", "-c", code], cwd=folder, env=plain | environment,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [*done.stdout.split(), *(["warned"] if "not kept" in done.stderr else [])]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="root's files, and one who is not")
def test_code_that_root_compiled_beside_the_sources_does_for_all_others(tmp_path):
    first, second, own = installed(tmp_path / "1"), installed(tmp_path / "2"), tmp_path / "own"
    assert called(first) == ["42", "0", "1", "True"]
    beside = next((first / "dsp/__pycache__").iterdir())
    # Another copy of the same files, under another path and with other times, has its use of what is taken there.
    shutil.copytree(beside, second / "dsp/__pycache__" / beside.name)
    for path in (second / "dsp", *(second / "dsp").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    as_daemon = {"owner": False, "CACHE_DIRECTORY": str(own)}
    assert called(second, **as_daemon) == ["42", "1", "0", "True"]
    assert not own.exists()
    # The disk comes to another processor: that has its own code, which who may not write there keeps elsewhere.
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert called(second, **as_daemon, **other) == ["42", "0", "1", "True"]
    assert list(own.rglob("*.nbc"))
    assert called(second, **as_daemon, **other) == ["42", "1", "0", "True"]
    assert called(second, **as_daemon) == ["42", "1", "0", "True"]
    # And where nothing can be written, it is compiled each time.
    assert called(second, owner=False, CACHE_DIRECTORY="/dev/null", **other) == ["42", "0", "1", "False", "warned"]
    # What is damaged or can't be read is as if it were not there.
    index, program = (next((second / "dsp/__pycache__").rglob(f"small.triple-*.{kind}")) for kind in ("nbi", "nbc"))
    whole = program.read_bytes()
    program.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert called(second, **as_daemon)[1:3] == ["0", "1"]
    shutil.rmtree(own)
    program.write_bytes(whole)
    index.write_bytes(b"")
    assert called(second, **as_daemon)[1:3] == ["0", "1"]
    shutil.rmtree(own)
    index.chmod(0)
    assert called(second, **as_daemon)[1:3] == ["0", "1"]
    # Who may write there mends it.
    assert called(second) == ["42", "0", "1", "True"]
    assert called(second) == ["42", "1", "0", "True"]


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
