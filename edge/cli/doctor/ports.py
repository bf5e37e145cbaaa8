"""Ports: ours while the appliance runs, free while it does not, and no one the kernel gives to others."""

import socket

from edge.app.sockets import CannotOpenError, bound
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.kernel import setting
from edge.cli.doctor.patient import Patient

#: Of busy RTP ports so many are named.
MOST = 3


def examine(patient: Patient, notes: Notes) -> None:
    """Look at all that is listened on."""
    if patient.status is not None:
        notes.ok("listeners", f"ours: SIP {patient.status['sip']}, HTTP {patient.status['http']}")
        _look_at_http(patient.status["http"], notes)
    else:
        _look_at_free(patient, notes)
    _look_at_range(patient, notes)


def wanted(patient: Patient) -> list[tuple[str, str, int, str]]:
    """List what the site listens on: kind, host, port, and what for."""
    site = patient.site
    found = []
    for host in filter(None, (site.sip.address, site.sip.address6)):
        found += [("udp", host, site.sip.port, "SIP"), ("tcp", host, site.sip.port, "SIP")]
        if site.sip.certificate:
            found.append(("tcp", host, site.sip.tls_port, "SIP over TLS"))
    found.append(("tcp", site.http.address, site.http.port, "HTTP"))
    for host in filter(None, (site.media.address or site.sip.address, site.media.address6 or site.sip.address6)):
        first = site.media.first_port
        found += [("udp", host, port, "RTP") for port in range(first, first + 2 * site.media.slots)]
    return found


def _look_at_free(patient: Patient, notes: Notes) -> None:
    opened: dict[str, int] = {}
    busy: dict[str, list[str]] = {}
    for kind, host, port, what in wanted(patient):
        try:
            bound(kind, host, port, what).close()
        except CannotOpenError as error:
            busy.setdefault(what, []).append(str(error))
        else:
            opened[what] = opened.get(what, 0) + 1
    for what, faults in busy.items():
        for fault in faults[:MOST]:
            place, _, reason = (
                fault.partition(" ")[2].rpartition(": ") if " is in use" not in fault else ("", "", fault)
            )
            notes.bad(what, reason or place or fault, "end what has it, or set another port or address")
        if len(faults) > MOST:
            notes.bad(what, f"{len(faults) - MOST} more ports cannot be opened", "set media.first_port elsewhere")
    free = [f"{what} ({count})" if count > 1 else what for what, count in opened.items() if what not in busy]
    if free:
        notes.ok("free", ", ".join(free))


def _look_at_http(place: str, notes: Notes) -> None:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError as error:
        notes.bad("HTTP", f"{place}: {error}", "look at the log of web: it does not answer")


def _look_at_range(patient: Patient, notes: Notes) -> None:
    """Compare with the ports that the kernel hands to any program (ip_local_port_range)."""
    words = setting("net.ipv4.ip_local_port_range").split()
    if len(words) != 2:
        return
    low, high = map(int, words)
    kept = _reserved(setting("net.ipv4.ip_local_reserved_ports"))
    ours = {port: what for _, _, port, what in reversed(wanted(patient))}
    lent = sorted(port for port in ours if low <= port <= high and port not in kept)
    if lent:
        what = ", ".join(sorted({ours[port] for port in lent}))
        text = f"{what}: {lent[0]} to {lent[-1]} lie within ip_local_port_range, {low} to {high}"
        advice = (
            f"set sysctl net.ipv4.ip_local_reserved_ports={lent[0]}-{lent[-1]}: any program may have one at our start"
        )
        notes.advice("kernel's range", text, advice)
    else:
        notes.ok("kernel's range", f"none of ours in {low} to {high}")


def _reserved(text: str) -> set[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
