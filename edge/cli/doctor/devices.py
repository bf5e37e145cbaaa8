"""Sound and serial devices of lines: whether each is there, once, and may be opened."""

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient


def examine(patient: Patient, notes: Notes) -> None:
    """Look at the devices of each line."""
    lines = getattr(patient.site, "lines", [])
    if not lines:
        notes.ok("", "the site has no lines")
        return
