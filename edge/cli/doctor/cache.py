"""The compiled kernels of the media engine: without them a start takes minutes."""

import os
from pathlib import Path

from edge.app.fleet import child_environment
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient


def examine(patient: Patient, notes: Notes) -> None:
    """See whether they are there and can be kept."""
    given = child_environment(patient.site.paths.state, 0).get("NUMBA_CACHE_DIR")
    if given:
        os.environ["NUMBA_CACHE_DIR"] = given  # where the daemon keeps them, too
    from dsp.jit import config

    folder = Path(config.CACHE_DIR)
    programs = len(list(folder.rglob("*.nbi"))) if folder.is_dir() else 0
    if not programs:
        notes.advice(
            "kernels",
            f"{folder} is empty",
            "run edge warmup as the user of the service: a first start takes minutes else",
        )
        return
    there = folder
    while not there.exists():
        there = there.parent
    if os.access(there, os.W_OK):
        notes.ok("kernels", f"{folder}: {programs} kernels")
    else:
        notes.ok("kernels", f"{folder}: {programs} kernels, read-only for us")
