"""The compiled kernels of the media engine: without them a start takes minutes."""

import os

from edge.app.fleet import child_environment
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient


def examine(patient: Patient, notes: Notes) -> None:
    """See whether they are there for this processor and, if not, can be kept."""
    own = child_environment(patient.site.paths.state, 0).get("CACHE_DIRECTORY")
    if own:
        os.environ["CACHE_DIRECTORY"] = own  # where the daemon keeps them, too
    from dsp.jit import CACHE_FOLDERS
    from dsp.plane.engine import is_compiled

    if is_compiled():
        notes.ok("kernels", "compiled for this processor")
        return
    there = folder = CACHE_FOLDERS[-1]
    while not there.exists():
        there = there.parent
    kept = f"kept in {folder}" if os.access(there, os.W_OK) else f"not kept, as {folder} can't be written to"
    notes.advice(
        "kernels",
        "not compiled for this processor",
        f"run edge warmup as root: else a start takes minutes, and what it compiles is {kept}",
    )
