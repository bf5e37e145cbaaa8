"""Randomness for keys and identifiers."""

import os
from pathlib import Path

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

_AVAILABLE = Path("/proc/sys/kernel/random/entropy_avail")


def examine(_patient: Patient, notes: Notes) -> None:
    """See whether the kernel's generator has been seeded (getrandom(2))."""
    try:
        os.getrandom(16, os.GRND_NONBLOCK)
    except BlockingIOError:
        notes.bad("generator", "not seeded yet", "install rng-tools or jitterentropy; TLS and SRTP wait for it")
    else:
        notes.ok("generator", f"seeded ({_AVAILABLE.read_text().strip()} bits)")
