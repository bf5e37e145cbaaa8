"""Processors: how many, how fast they are let be, and who else takes them."""

import os
import time
from pathlib import Path

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

PROC, SYS = Path("/proc"), Path("/sys/devices/system/cpu")
#: How long is looked for time that the host of a virtual machine takes, and the shares that matter.
LOOK_S = 1.0
STEAL, MUCH_STEAL = 0.05, 0.20
#: Without vectors of this width the detectors take about twice the time.
WIDE = "avx2"


def examine(patient: Patient, notes: Notes) -> None:
    """Look at cores, governor, steal and vectors."""
    ours = sorted(os.sched_getaffinity(0))
    load = os.getloadavg()[1]
    text = f"{len(ours)} cores, load {load:.1f}"
    if load > 2 * len(ours):
        notes.advice("load", text, "find by top what else works here")
    else:
        notes.ok("load", text)
    gone = [core for core in patient.site.media.cores if core not in ours]
    if gone:
        notes.bad("media.cores", f"there is no core {', '.join(map(str, gone))} for us", f"set some of {ours}")
    _look_at_governor(notes)
    _look_at_steal(notes)
    _look_at_vectors(notes)


def _look_at_governor(notes: Notes) -> None:
    found = {path.read_text().strip() for path in SYS.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if not found:
        notes.ok("governor", "none: a virtual machine, or the firmware decides")
    elif found & {"powersave", "conservative"}:
        names = ", ".join(sorted(found))
        notes.advice(
            "governor",
            names,
            "run cpupower frequency-set -g performance: a core that sleeps deeply is late for its tick",
        )
    else:
        notes.ok("governor", ", ".join(sorted(found)))


def _times() -> list[int]:
    return [int(value) for value in (PROC / "stat").read_text().splitlines()[0].split()[1:]]


def _look_at_steal(notes: Notes) -> None:
    before = _times()
    time.sleep(LOOK_S)
    passed = [now - then for now, then in zip(_times(), before, strict=True)]
    steal = passed[7] / max(1, sum(passed[:8])) if len(passed) > 7 else 0.0
    text = f"{steal:.1%} of the time is taken by the host"
    if steal > MUCH_STEAL:
        notes.bad("steal", text, "give the virtual machine cores of its own: audio has gaps else")
    elif steal > STEAL:
        notes.advice("steal", text, "give the virtual machine cores of its own")
    else:
        notes.ok("steal", text)


def _look_at_vectors(notes: Notes) -> None:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model"))), "unknown"
    )
    threads = (SYS / "smt/active").read_text().strip() if (SYS / "smt/active").is_file() else "0"
    text = f"{model}{', hyper-threading' if threads == '1' else ''}"
    if WIDE in flags or "asimd" in flags:
        notes.ok("vectors", f"{text}: {WIDE if WIDE in flags else 'asimd'}")
    else:
        notes.advice("vectors", f"{text}: no {WIDE}", "allow for fewer calls: detectors take about twice the time")
