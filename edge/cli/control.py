"""Talking to a running appliance over its control socket."""

import json
import socket
from pathlib import Path
from typing import Any


class NotRunningError(Exception):
    """Nobody answers at the control socket; the text says where it was sought."""


def ask(run_dir: Path, request: dict[str, Any], limit_s: float = 10.0) -> dict[str, Any]:
    """Send a request and return the answer (see `edge.app.control`). Raises NotRunningError."""
    path = run_dir / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(limit_s)
        try:
            sock.connect(str(path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer = bytearray()
            while data := sock.recv(65536):
                answer += data
        except TimeoutError:
            raise NotRunningError(f"{path}: no answer within {limit_s:g} s") from None
        except OSError as error:
            reason = (
                "the appliance does not run"
                if isinstance(error, (FileNotFoundError, ConnectionRefusedError))
                else error
            )
            raise NotRunningError(f"{path}: {reason}") from None
    if not answer:
        raise NotRunningError(f"{path}: the appliance ended before it answered")
    document: dict[str, Any] = json.loads(answer)
    return document
