"""After `edge warmup` nothing is left to compile: neither for the engine nor for an analysis."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from edge.cli import main

ROOT = Path(__file__).parents[2]
#: Runs a command and prints how many kernels had to be compiled for it.
COUNT = """
import sys
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, one): compiled.append(one)
    def on_end(self, one): pass
event.register("numba:compile", Listener())
from edge.cli import main
code = main(sys.argv[1:])
print("compiled", len(compiled), file=sys.stderr)
sys.exit(code)
"""


def test_nothing_is_left_to_compile(tmp_path, capsys):
    from dsp.plane.engine import is_compiled

    assert main(["warmup"]) == 0
    assert "kept in" in capsys.readouterr().out
    assert is_compiled()
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((8000, 2), np.int16), 8000)
    done = subprocess.run(
        [sys.executable, "-c", COUNT, "analyze", str(path), "--json"],
        cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "compiled 0" in done.stderr, done.stderr
