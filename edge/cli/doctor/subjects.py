"""Which subjects there are, and how they are looked at: side by side, each until its deadline."""

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from edge.cli.doctor import HIDDEN
from edge.cli.doctor.findings import Finding, Notes
from edge.cli.doctor.patient import Patient


class Subject(NamedTuple):
    """A module of this folder with `examine(patient, notes)`."""

    module: str
    #: Seconds that it may take.
    limit_s: float
    #: It needs a site file without faults: the settings of one with faults are half defaults.
    site: bool = True


#: In the order of the table.
SUBJECTS: dict[str, Subject] = {
    "configuration": Subject("configuration", 60, site=False),
    "appliance": Subject("appliance", 20, site=False),
    "service": Subject("service", 30, site=False),
    "names": Subject("names", 30),
    "clock": Subject("clock", 15, site=False),
    "ports": Subject("ports", 30),
    "network": Subject("network", 30),
    "trunks": Subject("trunks", 60),
    "certificates": Subject("certificates", 30),
    "disks": Subject("disks", 60),
    "memory": Subject("memory", 15),
    "processor": Subject("processor", 15),
    "rights": Subject("rights", 15),
    "kernel": Subject("kernel", 15, site=False),
    "entropy": Subject("entropy", 15, site=False),
    "cache": Subject("cache", 30, site=False),
    "devices": Subject("devices", 60),
    "sinks": Subject("sinks", 60),
    "backends": Subject("backends", 30),
    "prompts": Subject("prompts", 60),
    "recordings": Subject("recordings", 30),
    "secrets": Subject("secrets", 15, site=False),
}


def examined(patient: Patient, wanted: Sequence[str], subjects: dict[str, Subject] = SUBJECTS) -> list[Finding]:
    """Look at the wanted subjects; the findings in the order of the table. Raises nothing."""
    faulty = any(error.file.endswith(".toml") for error in patient.found.errors)
    jobs: list[tuple[str, Notes, threading.Thread, float]] = []
    for name in [name for name in subjects if name in wanted]:
        notes = Notes(name)
        if subjects[name].site and faulty:
            notes.skipped("", HIDDEN, "see the configuration")
        work = _examine_of(name, subjects[name], patient, notes) if not notes.findings else None
        # A thread that hangs in a disk or a library is left behind: it keeps nobody.
        thread = threading.Thread(target=work or _nothing, name=f"doctor-{name}", daemon=True)
        thread.start()
        jobs.append((name, notes, thread, time.monotonic() + subjects[name].limit_s))
    found: list[Finding] = []
    for name, notes, thread, until_s in jobs:
        thread.join(max(0.0, until_s - time.monotonic()))
        if thread.is_alive():
            limit = f"{subjects[name].limit_s:g} s"
            late = Notes(name)
            late.bad("", f"it did not end within {limit}", "see what else is bad here: what it looks at hangs")
            found += [*notes.findings, *late.findings]
        else:
            found += notes.findings
    return found


def _examine_of(name: str, subject: Subject, patient: Patient, notes: Notes) -> Callable[[], None]:
    def work() -> None:
        try:
            importlib.import_module(f"edge.cli.doctor.{subject.module}").examine(patient, notes)
        except Exception as error:  # a fault of ours must not hide what the other subjects found
            notes.bad("", f"the doctor failed at {name}: {type(error).__name__}: {error}", "report this")

    return work


def _nothing() -> None:
    """Have nothing to do."""
