"""Files with secrets: whether others of this machine may read them."""

import contextlib
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.cli.doctor.service import UNIT as _UNIT
from edge.config import credentials
from edge.config.shape import SECRET_IN_FILE

_REFERENCE = "file:"
_OTHERS_READ, _OTHERS_WRITE = stat.S_IROTH, stat.S_IWOTH | stat.S_IWGRP


def examine(patient: Patient, notes: Notes) -> None:
    """Look at their modes, and at those of the files that name them."""
    site = patient.site
    files = dict(_named(patient))
    files |= {path: "sip.key" for path in [site.sip.key or site.sip.certificate] if path}
    files |= {path: "http.key" for path in [site.http.key or site.http.certificate] if path}
    files |= {t.tls_key or t.tls_certificate: f"trunk {t.name}" for t in site.trunks if t.tls_certificate}
    files |= {one.token_file: f"endpoint {one.name}" for one in site.endpoints if one.token_file}
    for path, what in sorted(files.items()):
        _look_at(Path(path), what, notes)
    for name in patient.found.checked:
        file = Path(name)
        if file.suffix == ".toml" and file.exists() and file.stat().st_mode & stat.S_IWOTH:
            notes.bad(str(file), "every user of this machine may change it", f"chmod o-w {file}")
    for warning in patient.found.warnings:
        if warning.message == SECRET_IN_FILE and Path(warning.file).stat().st_mode & _OTHERS_READ:
            text = f"it holds a secret (line {warning.line}), and every user of this machine may read it"
            notes.bad(warning.file, text, f"chmod 640 {warning.file}, or write file:PATH and put the secret there")
    held = dict(_credentials(patient))
    for name, what in sorted(held.items()):
        _look_at_credential(name, what, patient, notes)
    if held:
        _look_at_folder(notes)
    socket = patient.run_dir / "control.sock"
    if socket.exists() and socket.stat().st_mode & 0o077:
        notes.bad(str(socket), "others may order the appliance about", f"chmod 600 {socket}")
    if not notes.findings:
        notes.ok("", "no file holds a secret")


def _look_at(path: Path, what: str, notes: Notes) -> None:
    try:
        status = path.stat()
    except OSError as error:
        notes.bad(str(path), f"{what}: {error.strerror}", "put it there, readable to the service")
        return
    mode = status.st_mode
    if not status.st_size:
        notes.bad(str(path), f"{what}: it is empty", "write the secret into it")
    elif mode & _OTHERS_READ:
        text = f"{what}: every user of this machine may read it ({stat.S_IMODE(mode):o})"
        notes.bad(str(path), text, f"chmod 640 {path}, and change what is in it")
    elif mode & _OTHERS_WRITE:
        notes.advice(str(path), f"{what}: others may change it ({stat.S_IMODE(mode):o})", f"chmod 640 {path}")
    else:
        notes.ok(str(path), f"{what}: mode {stat.S_IMODE(mode):o}")


def _look_at_credential(name: str, what: str, patient: Patient, notes: Notes) -> None:
    path = credentials.KEPT / name
    try:
        there = path.exists()
    except PermissionError:
        notes.skipped(str(path), f"{what}: only root may look", "run edge doctor as root")
        return
    if there:
        _look_at(path, what, notes)
    elif patient.runs and not patient.found.errors:
        notes.ok(f"credential {name}", f"{what}: the unit has it from elsewhere than {credentials.KEPT}")
    else:
        advice = f"put it there with mode 600, and systemctl restart {_UNIT}"
        notes.bad(str(path), f"{what}: there is no such file", advice)


def _look_at_folder(notes: Notes) -> None:
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(credentials.KEPT.stat().st_mode)
        if mode & _OTHERS_WRITE:
            text = f"others may put secrets of theirs there ({mode:o})"
            notes.bad(str(credentials.KEPT), text, f"chmod 700 {credentials.KEPT}")


def _credentials(patient: Patient) -> Iterator[tuple[str, str]]:
    """Yield the credentials that the site's files name, with their settings."""
    for setting, text in _settings(patient):
        if text.startswith(credentials.PREFIX):
            yield text.removeprefix(credentials.PREFIX), setting


def _named(patient: Patient) -> Iterator[tuple[str, str]]:
    """Yield the files that the site's files name as secrets, with their settings."""
    base = Path(patient.site.source).parent
    for setting, text in _settings(patient):
        if text.startswith(_REFERENCE):
            yield str(base / Path(text.removeprefix(_REFERENCE)).expanduser()), setting


def _settings(patient: Patient) -> Iterator[tuple[str, str]]:
    """Yield the texts of the site's files, with the settings that they are of."""
    for name in patient.found.checked:
        if not name.endswith(".toml"):
            continue
        try:
            document = tomllib.loads(Path(name).read_text())
        except (OSError, ValueError):
            continue
        yield from _texts(document, "")


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
