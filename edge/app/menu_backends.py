"""The backends that staged menus ask."""

import json
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from edge.app.menu_scene import Scene
from edge.core.menus.rehearsed_world import BackendAnswer

#: A backend that says nothing keeps the question for so long.
_SILENT_S = 600.0
_ANSWER_LIMIT = 1 << 20


class Backends:
    """An HTTPS server on loopback that answers `POST /NUMBER/ENDPOINT` for the scene of that number.

    Its certificate is made by the openssl program for this run, so digits that may leave by TLS only do so here, too.
    """

    def __init__(self, folder: Path, scenes: list[Scene]) -> None:
        self.authority = str(folder / "backends.pem")
        key = folder / "backends.key"
        if shutil.which("openssl") is None:
            raise FileNotFoundError("the program openssl, which makes the certificate of the backends")
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "2", "-subj", "/CN=menu-test", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", self.authority),
            ],
            check=True,
            capture_output=True,
            timeout=30,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, key)
        closing = self._closing = threading.Event()

        class Handler(_Handler):
            def answer(self, number: int, endpoint: str) -> BackendAnswer | None:
                known = number < len(scenes) and endpoint in scenes[number].part.endpoints
                return scenes[number].answers.answer_of(endpoint) if known else None

            def be_silent(self) -> None:
                closing.wait(_SILENT_S)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # The handshake is made by the thread of the question, when it reads.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="backends", daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One question."""

    protocol_version = "HTTP/1.1"

    def answer(self, number: int, endpoint: str) -> BackendAnswer | None:
        """Give what an endpoint says; None: there is no such one."""
        raise NotImplementedError

    def be_silent(self) -> None:
        """Wait until nobody waits for an answer any more."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Answer."""
        length = self.headers.get("Content-Length", "0")
        self.rfile.read(min(int(length) if length.isdecimal() else 0, _ANSWER_LIMIT))
        _, _, rest = self.path.partition("/")
        number, _, endpoint = rest.partition("/")
        said = self.answer(int(number), endpoint) if number.isdecimal() else None
        self.close_connection = True
        if said is not None and said.outcome == "timeout":
            self.be_silent()
        elif said is None or said.outcome == "failed":
            self.send_error(404 if said is None else 503)
        else:
            result = {"result": said.answer} if said.answer else {}
            body = json.dumps({**result, "attributes": said.attributes}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: what is asked may be private."""
