"""Backends that menus ask: whether each can be connected to, by TLS where it says so, and answers anything at all."""

import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from edge.cli.doctor.findings import Notes
from edge.cli.doctor.patient import Patient
from edge.config.site import Endpoint

_LIMIT_S = 6.0
_PORTS = {"http": 80, "https": 443, "nats": 4222, "tls": 4222}
SLOW_MS = 300.0
WAITS = "mend it: menus go on by their defaults meanwhile"


def examine(patient: Patient, notes: Notes) -> None:
    """Probe each; no question is asked, which a backend might act on."""
    if not patient.site.endpoints:
        notes.ok("", "menus ask none")
    for endpoint in patient.site.endpoints:
        what = f"endpoint {endpoint.name}"
        fault = _token_fault(endpoint)
        if fault:
            notes.bad(what, fault, WAITS)
            continue
        began = time.monotonic()
        try:
            said = _probe(endpoint)
        except ssl.SSLCertVerificationError as error:
            notes.bad(what, f"its certificate is refused: {error.verify_message}", "renew it, or set ca_file")
            continue
        except (OSError, ValueError) as error:
            notes.bad(what, f"{_place(endpoint)}: {getattr(error, 'strerror', None) or error}", WAITS)
            continue
        took_ms = (time.monotonic() - began) * 1000
        text = f"{said} ({took_ms:.0f} ms)"
        if " 5" in said[:12] or "401" in said or "403" in said:
            notes.advice(what, text, "look at its log and at token_file: it is there, and refuses")
        elif took_ms > SLOW_MS:
            notes.advice(what, text, "make it faster, or ask it less: callers wait for it at every question")
        else:
            notes.ok(what, text)


def _token_fault(endpoint: Endpoint) -> str:
    if not endpoint.token_file:
        return ""
    try:
        return "" if Path(endpoint.token_file).read_text().strip() else f"{endpoint.token_file} is empty"
    except OSError as error:
        return f"{endpoint.token_file}: {error.strerror}"


def _place(endpoint: Endpoint) -> str:
    url = urlsplit(endpoint.url)
    return f"{url.hostname}:{url.port or _PORTS[url.scheme]}"


def _probe(endpoint: Endpoint) -> str:
    """Return the first line that it says. Raises OSError, ValueError."""
    url = urlsplit(endpoint.url)
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    with socket.create_connection((host, port), _LIMIT_S) as sock:
        sock.settimeout(_LIMIT_S)
        if url.scheme in {"nats", "tls"}:
            return sock.recv(4096).split(b" ", 1)[0].decode("ascii", "replace")[:40] or "nothing"
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=endpoint.ca_file or None)
            with context.wrap_socket(sock, server_hostname=host) as secure:
                return _asked(secure, host, port, url.path, endpoint)
        return _asked(sock, host, port, url.path, endpoint)


def _asked(sock: socket.socket, host: str, port: int, path: str, endpoint: Endpoint) -> str:
    lines = [f"OPTIONS {path or '/'} HTTP/1.1", f"Host: {host}:{port}", "User-Agent: edge-doctor"]
    if endpoint.token_file:
        lines.append(f"Authorization: Bearer {Path(endpoint.token_file).read_text().strip()}")
    sock.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    said = sock.recv(4096).split(b"\r\n", 1)[0].decode("latin-1")
    if not said.startswith("HTTP/"):
        raise ValueError("it does not speak HTTP" if said else "it closed the connection without an answer")
    return said[:80]
