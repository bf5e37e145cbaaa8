"""The control socket: one JSON request a connection, one JSON answer. Its file mode is the permission.

Requests: {"what": "status" | "reload" | "plan" | "stop" | "drain"}, {"what": "rollback" | "release", "menu": NAME,
"version": TEXT}, or {"what": "request", "process": NAME, "request": WHAT, "body": any JSON}. Answers:
{"ok": true, "body": ...} or {"ok": false, "error": TEXT, ...}. `handle` is given `uid` with each: who asks,
by the kernel's word (unix(7), SO_PEERCRED).
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from edge.runtime.clock import monotonic_ms
from edge.runtime.pump import Pump, Timer

#: Connections at a time; more wait in the backlog.
MAX_CONNECTIONS = 64
MAX_REQUEST = 1024 * 1024
#: A client that neither asks nor reads for so long is cut off.
IDLE_MS = 30_000

#: Process, user and group of a peer: `struct ucred`.
_PEER = struct.Struct("=iII")

Answer = Callable[[dict[str, Any]], None]
Handle = Callable[[dict[str, Any], Answer], None]


class _Client:
    def __init__(self, sock: socket.socket, server: "ControlSocket") -> None:
        self._sock = sock
        self._uid = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
        self._server = server
        self._received = bytearray()
        self._to_send = memoryview(b"")
        self._asked = False
        self.idle: Timer | None = None

    def read(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._server.drop(self._sock)
            return
        if self._asked:
            # Nothing more is wanted of it; a client may well close its sending side and wait for the answer.
            self._server.pump.unwatch(self._sock.fileno())
            return
        self._received += data
        if len(self._received) > MAX_REQUEST:
            self.answer({"ok": False, "error": "request too big"})
        elif not data or self._received.endswith(b"\n"):
            self._ask()

    def _ask(self) -> None:
        self._asked = True
        if self.idle is not None:
            self.idle.cancel()  # now it is we who take the time
        try:
            request = msgspec.json.decode(self._received, type=dict[str, Any])
        except msgspec.DecodeError as error:
            self.answer({"ok": False, "error": f"not a request: {error}"})
            return
        # By number: names may be in a directory, for which the supervisor must not wait.
        self._server.handle({**request, "uid": self._uid}, self.answer)

    def answer(self, document: dict[str, Any]) -> None:
        if self._sock.fileno() < 0:
            return
        self._asked = True
        self.idle = self._server.pump.at(monotonic_ms() + IDLE_MS, lambda: self._server.drop(self._sock))
        self._to_send = memoryview(msgspec.json.encode(document) + b"\n")
        self.write()

    def write(self) -> None:
        try:
            sent = self._sock.send(self._to_send)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._server.drop(self._sock)
            return
        self._to_send = self._to_send[sent:]
        if self._to_send:
            self._server.pump.watch_writable(self._sock.fileno(), self.write)
        else:
            self._server.drop(self._sock)


class ControlSocket:
    """Serves `listener`; `handle(request, answer)` may answer at once or later."""

    def __init__(self, listener: socket.socket, pump: Pump, handle: Handle) -> None:
        self._listener = listener
        self.pump = pump
        self.handle = handle
        self._clients: dict[int, _Client] = {}
        pump.watch(listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        client = _Client(sock, self)
        self._clients[sock.fileno()] = client
        client.idle = self.pump.at(monotonic_ms() + IDLE_MS, lambda: self.drop(sock))
        self.pump.watch(sock.fileno(), client.read)
        if len(self._clients) >= MAX_CONNECTIONS:
            self.pump.unwatch(self._listener.fileno())

    def drop(self, sock: socket.socket) -> None:
        """Close a connection."""
        fd = sock.fileno()
        if fd < 0:
            return
        client = self._clients.pop(fd)
        if client.idle is not None:
            client.idle.cancel()
        self.pump.unwatch(fd)
        self.pump.unwatch_writable(fd)
        sock.close()
        self.pump.watch(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Close the listener and all connections."""
        for client in list(self._clients.values()):
            self.drop(client._sock)  # noqa: SLF001 - both are this file's
        self.pump.unwatch(self._listener.fileno())
        self._listener.close()
