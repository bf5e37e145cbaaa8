"""Serial ports at the bench: opened with errors that say what to do, and asked one command at a time (ITU-T V.250)."""

import errno
import grp
import os
import re
import time
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from edge.core.lines.profile import Serial

#: Final result codes of V.250, 6.3, and of 3GPP TS 27.007, 9.2, and TS 27.005.
FINAL: Final = re.compile(r"OK|ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT|NO CARRIER|NO DIALTONE|BUSY|NO ANSWER")
#: How long a read waits.
READ_S: Final = 0.02
#: As much is kept of a port that does not stop talking.
_MOST_OCTETS: Final = 65_536
_PARITY: Final = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}


class PortError(Exception):
    """The port cannot be used; the text says why, and what to do."""


def open_port(name: str, settings: Serial) -> Any:
    """Open a port (path, link or URL of pyserial) for us alone. Raises `PortError`."""
    try:
        import serial
    except ImportError as error:
        raise PortError(f"pyserial is not installed ({error}): pip install 'edge-appliance[lines]'") from None
    manager = next((who for who in holders(name) if "ModemManager" in who), None)
    if manager is not None:
        raise PortError(
            f"{name} is in use by {manager}: stop it, or have it leave the device alone (udev: ID_MM_DEVICE_IGNORE=1)"
        )
    try:
        port = serial.serial_for_url(
            name,
            do_not_open=True,
            baudrate=settings.baudrate,
            bytesize=settings.bytesize,
            parity=_PARITY[settings.parity],
            stopbits=settings.stopbits,
            rtscts=settings.rtscts,
            timeout=READ_S,
            write_timeout=2,
        )
        if "://" not in name:
            port.exclusive = True
            port.dtr = settings.dtr
        port.open()
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise PortError(_why(name, error)) from None
    return port


def _why(name: str, error: OSError | ValueError) -> str:
    code = getattr(error, "errno", None)
    text = str(error)
    # pyserial keeps the number of some errors in its text only.
    code = code or next((one for one in (errno.EACCES, errno.ENOENT, errno.EBUSY) if f"Errno {one}]" in text), None)
    if code == errno.ENOENT:
        return f"{name} is not there: `edge hw list` shows the ports that are"
    if code == errno.EACCES:
        group = _group(name)
        return f"{name}: no rights. It belongs to the group '{group}': usermod -aG {group} USER, and log in again"
    if code in {errno.EBUSY, errno.EAGAIN}:
        return f"{name} is in use by {', '.join(holders(name)) or 'another process'}"
    if code == errno.ECONNREFUSED or "refused" in text:
        return f"{name}: nobody listens there"
    return f"{name}: {error.strerror if isinstance(error, OSError) and error.strerror else error}"


def _group(name: str) -> str:
    try:
        return grp.getgrgid(os.stat(name).st_gid).gr_name  # noqa: PTH116
    except (OSError, KeyError):
        return "dialout"


def holders(name: str) -> list[str]:
    """List who else has a port open, as far as we may see."""
    if "://" in name:
        return []
    real = str(Path(name).resolve())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(str(one.readlink()) == real for one in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (pid {process.name})")
        except OSError:
            continue
    return found


class Reply(Struct, frozen=True):
    """What a command was answered."""

    #: Lines between the command and its final result.
    lines: list[str]
    #: Such as `OK`; empty: none came in time.
    final: str
    #: All that came, for who must see what is wrong.
    raw: bytes

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.final == "OK"

    def value(self, prefix: str = "") -> str:
        """Give the first line, without its prefix (`+CSQ:`) and quotes; empty: there is none."""
        for line in self.lines:
            head, colon, rest = line.partition(":")
            if colon and head.startswith("+"):
                if not prefix or head == prefix:
                    return rest.strip().strip('"')
            elif not prefix:
                return line.strip('"')
        return ""


def ask(port: Any, command: str, limit_s: float = 3.0) -> Reply:
    """Send a command and wait for its final result. Its echo, if there is one, is left out. Raises `PortError`."""
    raw = bytearray()
    try:
        port.reset_input_buffer()
        port.write(command.encode("ascii") + b"\r")
        end = time.monotonic() + limit_s
        while time.monotonic() < end and len(raw) < _MOST_OCTETS:
            raw += port.read(256)
            reply = _parsed(bytes(raw), command)
            if reply.final:
                return reply
    except OSError as error:
        raise PortError(f"{port.name}: {error}") from None
    return _parsed(bytes(raw), command)


def _parsed(raw: bytes, command: str) -> Reply:
    whole, _, _ = raw.decode("ascii", "replace").replace("\n", "\r").rpartition("\r")
    lines = [line.strip() for line in whole.split("\r")]
    lines = [line for line in lines if line and line != command]
    for index, line in enumerate(lines):
        if FINAL.fullmatch(line):
            return Reply(lines[:index], line, raw)
    return Reply(lines, "", raw)
