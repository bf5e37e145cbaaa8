"""edge(1) and completions, made of the commands themselves."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "1790000000"}
    command = [sys.executable, str(ROOT / "scripts/manual.py"), str(folder), "--version", "1.2.3"]
    subprocess.run(command, env=environment, check=True)
    return folder


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_page_has_every_command_with_its_options(made: Path) -> None:
    page = made / "man/edge.1"
    command = ["groff", "-man", "-ww", "-Tascii", "-P-c", "-rLL=100n", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "", "what roff warns of"
    shown = re.sub(".\b", "", done.stdout)  # bold is struck twice
    assert "edge-appliance 1.2.3" in shown
    assert "2026-09-21" in shown
    lines = [line.strip() for line in shown.splitlines()]
    for command_line in ("edge run", "edge calls transfer", "edge dial dnc import", "edge hw calibrate"):
        assert command_line in lines
    transfer = lines[lines.index("edge calls transfer") :]
    transfer = transfer[: next(i for i, line in enumerate(transfer) if i and line.startswith("edge "))]
    text = "\n".join(transfer)
    assert "SIP URI, or number on --trunk." in text
    assert "--config" in text


def test_bash_completes_commands_and_those_below_them(made: Path) -> None:
    script = f"""
        source {made}/completions/edge.bash
        offer() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _edge; echo "${{COMPREPLY[*]}}"; }}
        complete -p edge
        offer edge ca
        offer edge calls tr
    """
    done = subprocess.run(["bash", "-uc", script], capture_output=True, text=True, check=True)
    registered, commands, below = done.stdout.splitlines()
    assert "_edge" in registered
    assert commands.split() == ["call", "calls", "callbacks"]
    assert below.split() == ["transfer"]


def test_there_is_one_for_each_shell(made: Path) -> None:
    assert (made / "completions/_edge").read_text().startswith("#compdef edge\n")
    assert "complete -c edge" in (made / "completions/edge.fish").read_text()
