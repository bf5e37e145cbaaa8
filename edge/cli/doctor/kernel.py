"""Settings of the kernel that telephony suffers from."""

from pathlib import Path

from edge.app.sockets import SIP_BUFFER
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient

PROC = Path("/proc")
#: Modules that rewrite SIP on its way through this machine.
GATEWAYS = ("nf_conntrack_sip", "nf_nat_sip", "ip_conntrack_sip", "ip_nat_sip")
_FULL = 0.8


def setting(name: str) -> str:
    """Return a setting (`net.core.rmem_max`), empty where the kernel has none."""
    try:
        return (PROC / "sys" / name.replace(".", "/")).read_text().strip()
    except OSError:
        return ""


def examine(patient: Patient, notes: Notes) -> None:
    """Look at buffers, connection tracking and lost datagrams."""
    _look_at_buffers(notes)
    _look_at_modules(notes)
    _look_at_tracking(notes)
    _look_at_losses(patient, notes)


def _look_at_buffers(notes: Notes) -> None:
    most = setting("net.core.rmem_max")
    if most.isdigit() and int(most) < SIP_BUFFER:
        advice = f"sysctl net.core.rmem_max={SIP_BUFFER}: what comes while front restarts waits there"
        notes.advice("net.core.rmem_max", f"{most} bytes", advice)
    else:
        notes.ok("net.core.rmem_max", f"{most or 'unknown'} bytes")


def _look_at_modules(notes: Notes) -> None:
    try:
        loaded = {line.split()[0] for line in (PROC / "modules").read_text().splitlines() if line}
    except OSError:
        notes.skipped("SIP helpers", "the kernel does not list its modules")
        return
    found = [name for name in GATEWAYS if name in loaded]
    if found:
        advice = (
            "run modprobe -r nf_nat_sip nf_conntrack_sip, and blacklist them: this machine rewrites SIP itself (an ALG)"
        )
        notes.advice("SIP helpers", f"loaded: {', '.join(found)}", advice)
    else:
        notes.ok("SIP helpers", "none is loaded")


def _look_at_tracking(notes: Notes) -> None:
    count, most = (setting(f"net.netfilter.nf_conntrack_{name}") for name in ("count", "max"))
    if not (count.isdigit() and most.isdigit() and int(most)):
        notes.ok("connection tracking", "not in use")
    elif int(count) > int(most) * _FULL:
        text = f"{count} of {most} entries"
        notes.bad(
            "connection tracking", text, "raise net.netfilter.nf_conntrack_max, or set notrack for RTP: packets go lost"
        )
    else:
        notes.ok("connection tracking", f"{count} of {most} entries")


def _look_at_losses(patient: Patient, notes: Notes) -> None:
    """Tell datagrams that the kernel dropped for want of room at sockets of the appliance."""
    if not patient.runs:
        return
    first = patient.site.media.first_port
    ours = {patient.site.sip.port, *range(first, first + 2 * patient.site.media.slots)}
    dropped = 0
    for table in ("udp", "udp6"):
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if int(fields[1].rpartition(":")[2], 16) in ours:
                dropped += int(fields[12])
    if dropped:
        notes.advice("dropped datagrams", f"{dropped} at our sockets since the start", "see load and net.core.rmem_max")
    else:
        notes.ok("dropped datagrams", "none at our sockets")
