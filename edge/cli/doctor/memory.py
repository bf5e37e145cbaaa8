"""Memory: what the slots need against what there is."""

from pathlib import Path

from edge.app.prepare import sizes_of
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_MB = 1_000_000
#: Private memory of a span and of all other processes together, megabytes (docs/benchmarks.md).
SPAN_MB, PROCESSES_MB = 5, 350
#: Linux's strict accounting (vm.overcommit_memory).
_STRICT = "2"


def examine(patient: Patient, notes: Notes) -> None:
    """Compare."""
    lines = (PROC / "meminfo").read_text().splitlines()
    info = {name: int(value.split()[0]) * 1024 // _MB for name, _, value in (line.partition(":") for line in lines)}
    available, whole = info["MemAvailable"], info["MemTotal"]
    limit = cgroup_limit_mb()
    if limit is not None:
        whole, available = min(whole, limit), min(available, limit)
    needed = needed_mb(patient)
    text = f"{available} of {whole} MB available; {needed} MB for all slots, spans and processes"
    if patient.runs:
        # It has them already; what is left is what the rest of the machine lives on.
        if available < whole // 20:
            notes.bad("memory", text, "find what fills it (ps aux --sort -rss), or lower media.slots")
        else:
            notes.ok("memory", text)
    elif needed > available:
        notes.bad("memory", text, "lower media.slots, sip.max_spans or media.prompt_memory, or add memory")
    else:
        notes.ok("memory", text)
    swapped = info.get("SwapTotal", 0) - info.get("SwapFree", 0)
    if swapped > whole // 20:
        notes.advice(
            "swap",
            f"{swapped} MB are swapped out",
            "add memory, or lower media.slots: all but media waits for the disk",
        )
    else:
        notes.ok("swap", f"{swapped} of {info.get('SwapTotal', 0)} MB in use")
    mode = (PROC / "sys/vm/overcommit_memory").read_text().strip()
    if mode == _STRICT:
        notes.advice("overcommit", "vm.overcommit_memory is 2", "set it to 0: forks of zygotes may be refused")


def cgroup_limit_mb() -> int | None:
    """Return the limit of our control group; None: there is none."""
    try:
        text = (CGROUP / "memory.max").read_text().strip()
    except OSError:
        return None
    return int(text) // _MB if text.isdigit() else None


def needed_mb(patient: Patient) -> int:
    """Return what the appliance of this site takes when all slots and spans are in use."""
    site = patient.site
    sizes = sizes_of(site)
    shared = sum(size for name, size in sizes.items() if name != "media_state")
    shared += sizes["media_state"] * site.media.engines
    return (
        shared // _MB + site.media.prompt_memory_mb * site.media.engines + SPAN_MB * site.sip.max_spans + PROCESSES_MB
    )
