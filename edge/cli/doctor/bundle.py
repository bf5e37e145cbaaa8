"""The support bundle: what somebody who helps needs to see, without people and secrets.

Every member goes through the redactor, and is looked at once more before it is written: one in which a secret is found
in any form is left out, and named.
"""

import io
import json
import platform
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec

from edge.app.reloading import secrets_of
from edge.cli.control import NotRunningError
from edge.cli.doctor import service, sip_text
from edge.cli.doctor.findings import Finding
from edge.cli.doctor.patient import Patient
from edge.cli.doctor.redaction import LEFT_OUT, Redactor, forms
from edge.config.checks import masked
from edge.config.site import Site
from edge.core.menus.parts import menu_of
from edge.storage.reader import Reader, StoredEvent
from edge.storage.turn import StorageError
from edge.vocabulary.events import Envelope
from edge.vocabulary.private import Private
from edge.vocabulary.wire import json_reader

#: Newest events and calls that are looked at, calls whose SIP messages are in, lines of the journal.
EVENTS, CALLS, LADDERS, LINES = 2_000, 200, 20, 2_000
#: Subjects of the doctor that know of no people.
_OF_THE_MACHINE = frozenset(
    {"clock", "ports", "disks", "memory", "processor", "rights", "kernel", "entropy", "cache", "recordings"}
)
#: Of the effective configuration what is large and made of the rest.
_MADE = ("calendars", "rulesets", "sounds", "clocks", "tones")
_SETTINGS = ("net.core.rmem_max", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports")
_FILES = (
    "/etc/os-release",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/cpuinfo",
    "/proc/net/snmp",
    "/proc/self/mountinfo",
)
ABOUT = """Support bundle of a telephony edge appliance, made {at} UTC.

Numbers of people are pseudonyms (num-...): within this bundle one number is always the same one; the key that they were
made with is forgotten. Names, digits, headers of peers' own, attributes, notes and secrets are left out.

doctor.json         what edge doctor found; doctor-machine.json: of the machine
configuration.json  the effective configuration of the files
status.json         edge status, trunks, sinks, queues; metrics.txt: what monitoring sees
calls.json          the last calls; events.json: how many of each type there are, and the last ones
sip/                SIP messages of the last calls, as far as they are held in memory
versions.json       programs and libraries; system.json: kernel and machine; processes.json: ours
journal.txt         what the service has logged, where systemd runs it

Left out because a secret was found in it: {left_out}
"""

_events = json_reader(Envelope)


def write_bundle(target: Path, patient: Patient, findings: Iterable[Finding]) -> None:
    """Write it. Raises OSError."""
    events, calls = _stored(patient)
    redactor = Redactor(_confidential(patient), _private(patient, events, calls))
    members: dict[str, bytes] = {}
    for name, make in _parts(patient, list(findings), events, calls, redactor):
        try:
            members[name] = make().encode()
        except (NotRunningError, OSError, msgspec.MsgspecError, ValueError) as error:
            members[f"{name}.missing"] = redactor.text(str(error)).encode()
    for name, text in _ladders(patient, calls, redactor):
        members[name] = text.encode()
    hunted = [form for secret in _confidential(patient) for form in forms(secret)]
    left_out = [name for name, data in members.items() if any(form in data for form in hunted)]
    about = ABOUT.format(at=time.strftime("%Y-%m-%d %H:%M", time.gmtime()), left_out=", ".join(left_out) or "nothing")
    members = {"README.txt": about.encode(), **members}
    _pack(target, {name: data for name, data in members.items() if name not in left_out})


def _pack(target: Path, members: dict[str, bytes]) -> None:
    part = target.with_name(f".{target.name}.part")
    # For whoever made it: what it tells of a machine is not for everybody on it.
    part.touch(mode=0o600)
    with part.open("wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"edge-support/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    part.replace(target)


# --- what must not be in it


def _confidential(patient: Patient) -> set[str]:
    """Every secret of the site, and what stands in the files that it names."""
    site = patient.site
    found = set(secrets_of(site)) | {agent.pin for agent in site.agents} | {one.hash for one in site.api_tokens}
    # Two signing secrets stand in one setting, separated by a space; of `whsec_...` the rest is the key.
    found |= {part for text in found for part in text.split()}
    found |= {text.removeprefix("whsec_") for text in found}
    for path in (endpoint.token_file for endpoint in site.endpoints if endpoint.token_file):
        with suppress(OSError):
            found.add(Path(path).read_text().strip())
    for sink in site.sinks:
        for file in sink.settings.get("header_files", {}).values():
            with suppress(OSError):
                found.add(Path(file).read_text().strip())
    return {text for text in found if text}


def _private(patient: Patient, events: list[StoredEvent], calls: list[Any]) -> Iterator[str]:
    """Yield the numbers and names that are known of: those of the site, of calls and of events."""
    yield from _of_site(patient.site)
    for row in calls:
        yield from (row.caller, row.called)
    found: list[str] = []

    def keep(value: Any) -> str:
        if isinstance(value, Private):
            found.append(value.reveal())
        return ""

    encoder = msgspec.json.Encoder(enc_hook=keep)
    for event in events:
        with suppress(msgspec.MsgspecError):
            encoder.encode(_events.decode(event.body))
    yield from found


def _of_site(site: Site) -> Iterator[str]:
    for trunk in site.trunks:
        yield from (trunk.user, trunk.auth_user, trunk.caller_id, trunk.contact_user, trunk.from_user)
    for agent in site.agents:
        yield from (agent.name, agent.id, agent.target, agent.target.partition(":")[2].partition("@")[0])
    for hunt in site.hunt_lists:
        yield from (one.to for one in hunt.targets)


def _stored(patient: Patient) -> tuple[list[StoredEvent], list[Any]]:
    """Read the newest events and calls; none where the store cannot be read."""
    file = Path(patient.site.paths.state) / "state.db"
    if not file.is_file():
        return [], []
    try:
        with closing(Reader(file)) as reader:
            return reader.events_after(max(0, reader.last_sequence() - EVENTS), EVENTS), reader.calls(limit=CALLS)
    except StorageError:
        return [], []


# --- what is in it


def _parts(
    patient: Patient, findings: list[Finding], events: list[StoredEvent], calls: list[Any], redactor: Redactor
) -> Iterator[tuple[str, Callable[[], str]]]:
    def plain(value: Any) -> str:
        return json.dumps(redactor.value(value), indent=1, default=str)

    def machine(value: Any) -> str:
        # Sizes and counts are no numbers of people.
        return redactor.known(json.dumps(value, indent=1, default=str))

    own = [msgspec.to_builtins(one) for one in findings if one.check not in _OF_THE_MACHINE]
    yield "doctor.json", lambda: plain(own)
    yield (
        "doctor-machine.json",
        lambda: machine([msgspec.to_builtins(one) for one in findings if one.check in _OF_THE_MACHINE]),
    )
    yield "configuration.json", lambda: plain(_configuration(patient))
    yield "calls.json", lambda: plain([_call(row, redactor) for row in calls])
    yield "events.json", lambda: _told(events, redactor)
    yield "versions.json", lambda: machine(_versions())
    yield "system.json", lambda: machine(_system())
    yield "journal.txt", lambda: "\n".join(redactor.text(line) for line in _journal())
    if patient.runs:
        yield "status.json", lambda: plain(_status(patient))
        yield "metrics.txt", lambda: redactor.known(_metrics(patient))
        yield "processes.json", lambda: machine(_processes(patient))


def _configuration(patient: Patient) -> dict[str, Any]:
    found = {name: value for name, value in masked(patient.site).items() if name not in _MADE}
    found["faults"] = [str(error) for error in patient.found.errors]
    found["files"] = patient.found.checked
    found["menu_nodes"] = {
        name: sorted({menu_of(node) or name for node in menu.nodes}) for name, menu in patient.site.menus.items()
    }
    return found


def _call(row: Any, redactor: Redactor) -> dict[str, Any]:
    plain: dict[str, Any] = row._asdict()
    kept = ("id", "direction", "trunk", "menu", "menu_version", "started", "answered", "ended")
    found = {name: plain[name] for name in kept if name in plain}
    return found | {name: redactor.pseudonym(str(plain[name])) for name in ("caller", "called")}


def _told(events: list[StoredEvent], redactor: Redactor) -> str:
    """Count the events, and tell the last ones; one of a type that there is no more has no data."""
    counts: dict[str, int] = {}
    for event in events:
        counts[event.type] = counts.get(event.type, 0) + 1

    def hide(value: Any) -> str:
        return redactor.pseudonym(value.reveal()) if isinstance(value, Private) else _refuse(value)

    encoder = msgspec.json.Encoder(enc_hook=hide)
    told = []
    for event in events[-CALLS:]:
        try:
            document = json.loads(encoder.encode(_events.decode(event.body)))
        except msgspec.MsgspecError:
            document = {"id": event.id, "type": event.type, "subject": event.call, "time": event.time}
        told.append(_without_numbers_twice(document, redactor))
    return json.dumps({"counts": counts, "last": told}, indent=1)


def _without_numbers_twice(document: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Take out what the types do not call private: names, texts, digits. Pseudonyms stay what they are."""
    envelope = {name: value for name, value in document.items() if name != "data"}
    data = redactor.value(document.get("data", {}), without=LEFT_OUT | {"text"})  # a peer's own words
    return {**redactor.value(envelope), "data": data}


def _refuse(value: Any) -> str:
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def _ladders(patient: Patient, calls: list[Any], redactor: Redactor) -> Iterator[tuple[str, str]]:
    """Yield the SIP messages of the last calls."""
    if not patient.runs:
        return
    for row in calls[:LADDERS]:
        try:
            messages = patient.request("web", "sip", {"call": row.id})
        except NotRunningError:
            return
        texts = [
            f"--- {one['at']} {one['direction']} {one['transport']} peer {one['peer']} own {one['own']}\n"
            + sip_text.redacted(one["text"], redactor)
            for one in messages
        ]
        if texts:
            yield f"sip/{row.id}.txt", "\n".join(texts)


def _status(patient: Patient) -> dict[str, Any]:
    found: dict[str, Any] = {"status": patient.status}
    for process, what in (("front", "trunks"), ("forwarder", "sinks"), ("switch", "queue_figures")):
        try:
            found[what] = patient.request(process, what)
        except NotRunningError as error:
            found[what] = str(error)
    return found


def _metrics(patient: Patient) -> str:
    assert patient.status is not None  # noqa: S101 - the caller has looked
    scheme = "https" if patient.site.http.certificate else "http"
    with urllib.request.urlopen(f"{scheme}://{patient.status['http']}/metrics", timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


def _versions() -> dict[str, Any]:
    packages = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items())),
    }


def _system() -> dict[str, Any]:
    from edge.cli.doctor.kernel import setting

    found: dict[str, Any] = {"kernel": platform.release(), "settings": {name: setting(name) for name in _SETTINGS}}
    for name in _FILES:
        with suppress(OSError):
            found[name] = Path(name).read_text().splitlines()[:400]
    return found


def _processes(patient: Patient) -> list[dict[str, Any]]:
    assert patient.status is not None  # noqa: S101 - the caller has looked
    pids = [
        patient.pid,
        *(row["pid"] for row in [*patient.status["processes"], *patient.status["spans"]] if row["pid"]),
    ]
    wanted = ("Name", "State", "Threads", "VmRSS", "VmHWM", "VmSwap", "FDSize", "voluntary_ctxt_switches")
    found = []
    for pid in pids:
        with suppress(OSError):
            pairs = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            found.append({"pid": pid, **{name: value.strip() for name, _, value in pairs if name in wanted}})
    return found


def _journal() -> list[str]:
    entries = service.journal(most=LINES)
    return [str(entry.get("MESSAGE", "")) for entry in entries] or ["(the journal has nothing of it)"]
