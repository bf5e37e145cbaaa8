"""The control socket against clients of all kinds."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.app import control
from edge.app.control import Answer, ControlSocket
from edge.app.sockets import unix_listener
from edge.cli.control import NotRunningError, ask
from edge.runtime.pump import Pump


class Server:
    """A control socket in a thread; `echo` answers at once, `later` when released."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pump = Pump("control")
        self.held: list[Answer] = []
        self.control = ControlSocket(unix_listener(str(path), socket.SOCK_STREAM, 64), self.pump, self.handle)
        self.thread = threading.Thread(target=self.pump.run)
        self.thread.start()

    def handle(self, request: dict[str, Any], answer: Answer) -> None:
        if request.get("what") == "later":
            self.held.append(answer)
            return
        for waiting in self.held:
            waiting({"ok": True, "body": "released"})
        self.held.clear()
        answer({"ok": True, "body": request})

    def client(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(str(self.path))
        return sock

    def close(self) -> None:
        self.pump.post(self.control.close)
        self.pump.post(self.pump.stop)
        self.thread.join()
        self.pump.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "control.sock")
    yield server
    server.close()


def read_all(sock: socket.socket) -> Any:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return json.loads(data)


def test_a_request_and_its_answer(server: Server) -> None:
    answer = ask(server.path.parent, {"what": "echo", "n": 1, "uid": 4711})
    # Who asks is said by the kernel, and by nobody else.
    assert answer == {"ok": True, "body": {"what": "echo", "n": 1, "uid": os.getuid()}}


def test_a_request_in_single_bytes_without_a_newline(server: Server) -> None:
    with server.client() as sock:
        for byte in b'{"what": "echo"}':
            sock.send(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock)["ok"]


def test_a_client_may_close_its_side_and_wait_for_a_late_answer(server: Server) -> None:
    with server.client() as sock:
        sock.send(b'{"what": "later"}\n')
        sock.shutdown(socket.SHUT_WR)
        assert ask(server.path.parent, {"what": "echo"})["ok"]
        assert read_all(sock) == {"ok": True, "body": "released"}


def test_a_client_that_went_away_does_not_harm_its_answer(server: Server) -> None:
    for _ in range(3):
        with server.client() as sock:
            sock.send(b'{"what": "later"}\n')
    assert ask(server.path.parent, {"what": "echo"})["ok"]
    assert ask(server.path.parent, {"what": "echo"})["ok"]


@pytest.mark.parametrize("garbage", [b"\n", b"[1]\n", b"\xff\xfe\n", b'{"what": \n', b""])
def test_what_is_no_request_is_told_so(server: Server, garbage: bytes) -> None:
    with server.client() as sock:
        sock.send(garbage)
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
        assert not answer["ok"]
        assert answer["error"].startswith("not a request")


def test_a_request_without_end_is_cut_off(server: Server) -> None:
    with server.client() as sock:
        answer: list[Any] = []
        reader = threading.Thread(target=lambda: answer.append(sock.recv(1000)))
        reader.start()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            sock.sendall(b"x" * 100 * 65536)
        reader.join()
        assert answer == [b'{"ok":false,"error":"request too big"}\n']


def test_a_big_answer_reaches_a_slow_reader(server: Server) -> None:
    body = "x" * 900_000
    with server.client() as sock:
        sock.sendall(json.dumps({"what": "echo", "text": body}).encode() + b"\n")
        assert ask(server.path.parent, {"what": "echo"})["ok"], "others are served meanwhile"
        assert read_all(sock)["body"]["text"] == body


def test_more_clients_than_places_wait_for_theirs(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MAX_CONNECTIONS", 2)
    idle = [server.client() for _ in range(2)]
    late = server.client()
    late.send(b'{"what": "echo"}\n')
    for sock in idle:
        sock.close()
    assert read_all(late)["ok"]
    late.close()


def test_an_idle_client_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "IDLE_MS", 1)
    with server.client() as sock:
        assert sock.recv(100) == b""


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="does not run"):
        ask(tmp_path, {"what": "status"})
    listener = unix_listener(str(tmp_path / "control.sock"), socket.SOCK_STREAM, 1)
    with pytest.raises(NotRunningError, match="no answer within"):
        ask(tmp_path, {"what": "status"}, limit_s=0.05)
    listener.close()
    with pytest.raises(NotRunningError, match="does not run"):
        ask(tmp_path, {"what": "status"})
