"""An outbox as switch writes it, and a real HTTP server as the backend."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from edge.vocabulary.wire import to_json


class OutboxWriter:
    """Appends events to `<state>/state.db`."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(state / "state.db", isolation_level=None, check_same_thread=False)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS events(sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
            " id TEXT UNIQUE NOT NULL, call TEXT, callseq INTEGER, type TEXT, time TEXT, body BLOB)"
        )
        self.numbers: dict[str | None, int] = {}
        self.ids: list[str] = []

    def append(
        self,
        call: str | None,
        kind: str = "call.started",
        time: str | None = None,
        data: dict[str, Any] = MappingProxyType({"text": "grüße ✓"}),  # type: ignore[assignment]
    ) -> str:
        number = self.numbers[call] = self.numbers.get(call, 0) + 1
        id_ = f"{call}.{number}"
        time = time or datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"specversion": "1.0", "id": id_, "source": "edge/test", "type": kind, "subject": call, "time": time}
        body = to_json({**head, "data": dict(data)})
        self.connection.execute(
            "INSERT INTO events (id, call, callseq, type, time, body) VALUES (?, ?, ?, ?, ?, ?)",
            (id_, call, number, kind, time, body),
        )
        self.ids.append(id_)
        return id_


class Request(NamedTuple):
    """What the backend received."""

    id: str
    body: bytes
    headers: dict[str, str]
    path: str


#: Status, headers, body; or None: break the connection without an answer.
Reply = tuple[int, dict[str, str], bytes] | None


class Backend:
    """A real HTTP server on a free port; `answer` decides, every request is kept."""

    def __init__(
        self, answer: Callable[[Request], Reply] | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.answer = answer or (lambda _request: (204, {}, b""))
        self.received: list[Request] = []
        self.most_at_once = 0
        backend = self
        lock = threading.Lock()
        now = [0]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with lock:
                    now[0] += 1
                    backend.most_at_once = max(backend.most_at_once, now[0])
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                headers = {key.lower(): value for key, value in self.headers.items()}
                request = Request(headers.get("webhook-id", ""), body, headers, self.path)
                if len(body) < length:  # its sender died: half a request is none
                    self.close_connection = True
                    with lock:
                        now[0] -= 1
                    return
                with lock:
                    backend.received.append(request)
                reply = backend.answer(request)
                with lock:
                    now[0] -= 1
                if reply is None:
                    self.close_connection = True
                    return
                status, extra, content = reply
                try:
                    self.send_response(status)
                    for key, value in extra.items():
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_arguments: Any) -> None:
                pass  # the sender was killed: that is what the test is about

        self.server = Server(("127.0.0.1", port), Handler)
        self.port: int = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/events"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def ids(self) -> list[str]:
        return [request.id for request in self.received]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
