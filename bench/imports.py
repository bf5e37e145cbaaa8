"""Imports of lists as large as lists get: how fast, in how much memory, and whether a kill in the middle costs a line.

The command itself is run, in a process of its own, into a store of its own.
"""

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.storage.campaigns.store import FILE, opened
from edge.storage.campaigns.words import Job

SEED = 20261122
LINES = 1_000_000
#: Of so many lines one is a number that nobody has, and one comes with an id that was there.
BAD_EVERY, TWICE_EVERY = 1000, 5000
_NAMES = ("Anna", "José", "Łukasz", "Zoë", "Ömer", "Mette", "Chloé", "Jürgen")
_LIST = "customers"
_LOOK_S = 0.02


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure all of it."""
    lines = 3000 if quick else LINES
    with TemporaryDirectory(prefix="edge-imports-") as name:
        folder = Path(name)
        file = folder / "customers.csv"
        refused = _write(file, lines)
        _whole(emit, file, folder / "whole", lines, refused)
        _killed(emit, file, folder / "killed", lines, refused)


def _write(file: Path, lines: int) -> int:
    """Write a list as a spreadsheet does, with faults; returns the lines that have to be refused."""
    chance, refused = random.Random(SEED), 0
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        rows = csv.writer(out, delimiter=";")
        rows.writerow(["Kundennr", "Telefon", "Mobil", "Vorname", "Ort", "Tarif"])
        for line in range(lines):
            bad, twice = line % BAD_EVERY == 7, line % TWICE_EVERY == 4999
            refused += bad or twice
            number = "0800" if bad else f"030 {2_000_000 + line % 7_000_000}"
            mobile = f"+49 (0)151 {10_000_000 + line}" if chance.random() < 0.4 else ""
            name = chance.choice(_NAMES)
            rows.writerow([line - 1 if twice else line, number, mobile, name, "Berlin", chance.choice("ABC")])
    return refused


def _command(file: Path, state: Path) -> list[str]:
    state.mkdir(exist_ok=True)
    maps = ("id=Kundennr", "number=Telefon", "number_mobile=Mobil")
    mapping = [part for one in maps for part in ("--map", one)]
    rejects = ["--rejects", str(state / "rejects.csv")]
    where = ["--list", _LIST, "--country", "DE", "--state", str(state), "--json"]
    return [sys.executable, "-m", "edge.cli", "dial", "import", str(file), *mapping, *where, *rejects]


def _begun(file: Path, state: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(_command(file, state), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _ended(process: "subprocess.Popen[bytes]") -> tuple[dict[str, Any], resource.struct_rusage, int]:
    """Wait; returns what it told, what it has used, and its resident memory at the most, KB.

    What `wait4` says of that counts the memory of whoever forked it, too.
    """
    most_kb = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        most_kb = max(most_kb, _resident_kb(process.pid))
        time.sleep(_LOOK_S)
    out = process.stdout.read() if process.stdout is not None else b""
    _, process.returncode, used = os.wait4(process.pid, 0)
    return json.loads(out), used, most_kb


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0  # it is ending


def _whole(emit: Callable[..., None], file: Path, state: Path, lines: int, refused: int) -> None:
    began = time.monotonic()
    told, used, most_kb = _ended(_begun(file, state))
    took = time.monotonic() - began
    cpu_s = used.ru_utime + used.ru_stime
    emit("import_lines", round(lines / took), "lines/s, start of the command included", lines=lines)
    emit("import_cpu", round(1e6 * cpu_s / lines, 1), "us of CPU a line")
    emit("import_memory", round(most_kb / 1024, 1), "MB at the most, of the whole process")
    wrong = abs(told["new"] - (lines - refused)) + abs(told["refused"] - refused)
    emit("import_miscounted", wrong, "lines", told=told)
    began = time.monotonic()
    again, *_ = _ended(_begun(file, state))
    rate = round(lines / (time.monotonic() - began))
    emit("import_again", rate, "lines/s of the same file again, which changes nothing", told=again)
    emit("import_again_changed", again["new"] + again["changed"], "contacts")


def _killed(emit: Callable[..., None], file: Path, state: Path, lines: int, refused: int) -> None:
    """Kill it at a quarter, a half and three quarters; the last one goes to the end."""
    stops = []
    for part in (0.25, 0.5, 0.75):
        process = _begun(file, state)
        while process.poll() is None and _progress(state) < part * lines:
            time.sleep(_LOOK_S)
        process.send_signal(signal.SIGKILL)
        process.wait()
        stops.append(_progress(state))
    told, *_ = _ended(_begun(file, state))
    store = opened(state)
    there = next(one.contacts for one in store.lists(0) if one.name == _LIST)
    store.close()
    emit("import_killed_lost", lines - refused - there, "contacts", stops=stops)
    listed = (state / "rejects.csv").read_text().count("\n") - 1
    emit("import_killed_twice", abs(listed - refused) + abs(told["lines"] - lines - 1), "lines", told=told)


def _progress(state: Path) -> int:
    """Return how far the import has come, as is on disk."""
    if not (state / FILE).is_file():
        return 0
    return max((one.lines for one in _jobs(state)), default=0)


def _jobs(state: Path) -> Iterator[Job]:
    store = opened(state)
    try:
        yield from store.jobs()
    finally:
        store.close()
