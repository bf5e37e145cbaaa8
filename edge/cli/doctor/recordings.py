"""Recordings: whether they can be written, and who may listen to them."""

import stat
from pathlib import Path

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient


def examine(patient: Patient, notes: Notes) -> None:
    """Look at the folder."""
    site = patient.site
    folder = Path(site.paths.recordings)
    if not site.recording.enabled:
        notes.ok("", "calls are not recorded")
        return
    if not folder.exists():
        notes.ok(f"{folder}", "made with the first recording")
        return
    mode = folder.stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IXOTH):
        text = f"every user of this machine may look into it ({stat.S_IMODE(mode):o})"
        notes.advice(f"{folder}", text, f"chmod o-rwx {folder}")
    else:
        notes.ok(f"{folder}", f"mode {stat.S_IMODE(mode):o}")
    if patient.runs:
        return
    left = len(list(folder.rglob("*.part")))
    if left:
        notes.advice("unfinished", f"{left} recordings were not finished", "start the appliance: it repairs them")
