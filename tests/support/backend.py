"""A backend: a real HTTP server that receives webhooks, checks their signature and can be slow, broken or away."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Backend:
    """What was received, in order of arrival; `status` is what requests are answered with."""

    def __init__(self, address: str, port: int) -> None:
        self.url = f"http://{address}:{port}/events"
        self.status = 200
        #: Every accepted event, repeated deliveries included.
        self.deliveries: list[dict[str, Any]] = []
        #: Deliveries whose signature was wrong.
        self.forged = 0
        #: Deliveries that were refused by `status`.
        self.refused = 0
        self._lock = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Take one delivery and return the status to answer with."""
        with self._lock:
            if self.status // 100 != 2:
                self.refused += 1
                return self.status
            try:
                Webhook(SECRET).verify(body.decode(), headers)
            except Exception:
                self.forged += 1
                return 400
            self.deliveries.append(json.loads(body))
            return self.status

    def forget(self) -> None:
        """Begin anew, as one that works."""
        with self._lock:
            self.status, self.forged, self.refused = 200, 0, 0
            self.deliveries.clear()

    def events(self, call: str = "") -> list[dict[str, Any]]:
        """Distinct events in order of first arrival."""
        with self._lock:
            seen: dict[str, dict[str, Any]] = {}
            for event in self.deliveries:
                seen.setdefault(event["id"], event)
        return [event for event in seen.values() if not call or event["subject"] == call]

    def types(self, call: str = "") -> list[str]:
        """Types of `events`."""
        return [event["type"] for event in self.events(call)]


@contextmanager
def backend(address: str, port: int = 9090) -> Iterator[Backend]:
    """A backend on `address`:`port` for the length of the block."""
    receiver = Backend(address, port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = receiver.take({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
