"""Every type of sinks against its real server: the contract that sinks of one's own are held to, too."""

import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.config.sink_settings import FileSettings, JournaldSettings, SinkSettings, StdoutSettings, WebhookSettings
from edge.forwarder.sinks.contract import Receiver, SinkContract
from edge.forwarder.sinks.lines import StdoutSink
from tests.support.brokers import Broker, Mosquitto, Nats, Rabbit, RedisServer, Rsyslog
from tests.support.outbox import Backend, Reply, Request


class TestNats(SinkContract):
    def receiver(self, folder: Path) -> Broker:
        return Nats()


class TestMqtt(SinkContract):
    durable = False  # mosquitto acknowledges what it has in memory

    def receiver(self, folder: Path) -> Broker:
        return Mosquitto()


class TestRedis(SinkContract):
    def receiver(self, folder: Path) -> Broker:
        return RedisServer()


class TestSyslog(SinkContract):
    durable = False
    acknowledged = False

    def receiver(self, folder: Path) -> Broker:
        return Rsyslog()


class _Kept:
    """A broker that goes on after the test."""

    def __init__(self, broker: Rabbit) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def remove(self) -> None:
        if self._broker.process is None:
            self._broker.start()
        self._broker.thaw()
        self._broker.accept()
        self._broker.empty()


class TestAmqp(SinkContract):
    @pytest.fixture(autouse=True)
    def _broker(self, rabbit: Rabbit) -> None:
        self.rabbit = rabbit

    def receiver(self, folder: Path) -> _Kept:
        return _Kept(self.rabbit)


class _InFile(Receiver):
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()

    def settings(self) -> SinkSettings:
        return FileSettings(name="file", path=str(self.folder / "events.jsonl"), rotate_mb=0)

    def received(self) -> list[str]:
        return [json.loads(line)["id"] for line in (self.folder / "events.jsonl").read_bytes().splitlines()]

    def refuse(self) -> None:
        self.folder.rename(self.folder.with_name("away"))

    def accept(self) -> None:
        self.folder.with_name("away").rename(self.folder)


class TestFile(SinkContract):
    def receiver(self, folder: Path) -> _InFile:
        return _InFile(folder)


class _InPipe(Receiver):
    """Standard output is a pipe; a thread reads it, or does not."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._before = StdoutSink.descriptor
        StdoutSink.descriptor = self._write
        self._data = b""
        self._stands = threading.Event()
        self._goes = threading.Event()
        self._goes.set()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while part := os.read(self._read, 65536):
            self._data += part
            if not self._goes.is_set():
                self._stands.set()
                self._goes.wait()

    def settings(self) -> SinkSettings:
        return StdoutSettings(name="out", timeout_ms=300)

    def received(self) -> list[str]:
        return [json.loads(line)["id"] for line in self._data.splitlines() if line.endswith(b"}")]

    def freeze(self) -> None:
        self._stands.clear()
        self._goes.clear()
        os.write(self._write, b"\n")  # it reads once more, and then no more
        assert self._stands.wait(10)
        os.set_blocking(self._write, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self._write, b"\n" * 4096)  # full already, as it is when nobody has read for long
        os.set_blocking(self._write, True)

    def thaw(self) -> None:
        self._goes.set()

    def remove(self) -> None:
        self.thaw()
        os.close(self._write)
        self._thread.join()
        os.close(self._read)
        StdoutSink.descriptor = self._before


class TestStdout(SinkContract):
    def receiver(self, folder: Path) -> _InPipe:
        return _InPipe()


class _Journal(Receiver):
    """The journal's end of its native protocol: fields in a datagram, or in a sealed memory file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "socket"
        self.entries: list[dict[str, str]] = []
        self.start()

    def start(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._thread = threading.Thread(target=self._follow, args=(self._socket,))
        self._thread.start()

    def _follow(self, end: socket.socket) -> None:
        while True:
            data, fds, _, _ = socket.recv_fds(end, 1 << 20, 1)
            if data == b"over":
                return
            for fd in fds:
                with os.fdopen(fd, "rb") as file:
                    file.seek(0)
                    data = file.read()
            self.entries.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def settings(self) -> SinkSettings:
        return JournaldSettings(name="journal", socket=str(self._path), timeout_ms=300)

    def received(self) -> list[str]:
        return [json.loads(entry["EDGE_EVENT"])["id"] for entry in self.entries]

    def kill(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.connect(str(self._path))
            teller.send(b"over")
        self._thread.join()
        self._socket.close()
        self._path.unlink()

    def remove(self) -> None:
        if self._path.exists():
            self.kill()


class TestJournald(SinkContract):
    durable = False
    acknowledged = False

    def receiver(self, folder: Path) -> _Journal:
        return _Journal(folder)


class _Web(Receiver):
    def __init__(self) -> None:
        self._backend = Backend()
        self._port = self._backend.port
        self._got: list[str] = []
        self._goes = threading.Event()
        self._goes.set()
        self._status = 204
        self._backend.answer = self._answer

    def _answer(self, request: Request) -> Reply:
        self._goes.wait()
        if self._status == 204:
            self._got.append(request.id)
        return self._status, {}, b""

    def settings(self) -> SinkSettings:
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        url = f"http://127.0.0.1:{self._port}/events"
        return WebhookSettings(name="web", url=url, secret=secret, timeout_ms=300, max_backoff_ms=1000)

    def received(self) -> list[str]:
        return list(self._got)

    def freeze(self) -> None:
        self._goes.clear()

    def thaw(self) -> None:
        self._goes.set()

    def kill(self) -> None:
        self._backend.close()

    def start(self) -> None:
        self._backend = Backend(self._answer, port=self._port)

    def remove(self) -> None:
        self.thaw()
        self._backend.close()


class TestWebhook(SinkContract):
    def receiver(self, folder: Path) -> _Web:
        return _Web()


class _WebInBatches(_Web):
    def _answer(self, request: Request) -> Reply:
        self._goes.wait()
        self._got += [event["id"] for event in json.loads(request.body)]
        return 200, {}, b""

    def settings(self) -> SinkSettings:
        return msgspec.structs.replace(super().settings(), mode="batch")


class TestWebhookInBatches(SinkContract):
    def receiver(self, folder: Path) -> _WebInBatches:
        return _WebInBatches()
