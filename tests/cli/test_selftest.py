"""`edge selftest dsp`: the promises are kept, in the quick form; a threshold that is set wrong breaks them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.accuracy import SUBJECTS
from edge.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_is_promised_is_kept(subject, tmp_path, capsys):
    page = tmp_path / "accuracy.md"
    code = main(["selftest", "dsp", "--only", subject, "--json", "--write", str(page)])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    rows = [line for line in lines if "condition" in line]
    assert len(rows) >= 5
    assert all(row["subject"] == subject and row["trials"] > 0 and row["kept"] for row in rows)
    text = page.read_text()
    assert "all kept" in text
    for row in rows:
        assert f"| {row['condition']} |".replace("||", "\\|\\|") in text or "|" in row["condition"]


def test_wrong_usage(capsys):
    assert main(["selftest", "dsp", "--only", "smell"]) == 2
    assert "smell" in capsys.readouterr().err
    assert main(["selftest", "noses"]) == 2


#: A threshold of each detector, and a value that is as wrong as a slip would make it.
PLANTED = {
    "dtmf": ("dsp.detectors.dtmf_digit", "MAX_DEVIATION", "0.012"),
    "progress": ("dsp.detectors.progress", "SHARE", "0.99"),
    "answer": ("dsp.detectors.speech", "ABOVE_FLOOR", "30.0"),
}


@pytest.mark.parametrize("subject", PLANTED)
def test_a_wrong_threshold_is_noticed(subject, tmp_path):
    """In a process of its own with a cache of its own, for thresholds are compiled in."""
    module, name, value = PLANTED[subject]
    program = (
        f"import sys, {module} as m; assert m.{name} != {value}; m.{name} = {value}\n"
        f"from edge.cli import main; sys.exit(main(['selftest', 'dsp', '--only', '{subject}', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert f"not kept: {subject}: " in done.stderr
    assert any(not json.loads(line).get("kept", True) for line in done.stdout.splitlines())
