"""Sinks over TLS, with client certificates: each step of a test, and what a running sink says of it; real servers."""

import asyncio
import shutil
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.config.sink_settings import NatsSettings, SinkSettings
from edge.config.site import Paths, Site
from edge.forwarder.sinks.trial import Step, trial, trial_event
from tests.support.addresses import address as own_address
from tests.support.brokers import Broker, Mosquitto, Nats, Rabbit, RedisServer
from tests.support.certificates import Authority
from tests.support.child import child
from tests.support.outbox import OutboxWriter
from tests.support.waiting import until


class _Secure:
    """A broker with a certificate, which asks for one of its authority."""

    scheme: str
    host: str
    port: int
    folder: Path
    settings: Callable[..., Any]
    kill: Callable[[], None]
    start: Callable[[], None]

    def certify(self) -> None:
        self.authority = Authority(self.folder / "tls")
        ours = self.authority.issue("edge.example")
        self.mine = {"cert_file": ours.certificate, "key_file": ours.key}
        self.certificate, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.wear(self.host)

    def wear(self, name: str, days: int = 30) -> None:
        """Have a certificate for a name from the next start on."""
        pair = self.authority.issue(name, days=days)
        shutil.copy(pair.certificate, self.certificate)
        shutil.copy(pair.key, self.key)

    def take_up(self) -> None:
        """Begin with the certificate that there is now."""
        self.kill()
        self.start()

    def started(self) -> None:
        """Nothing has to be made: the sink makes it, or there is a reader."""

    def secure(self, **more: Any) -> SinkSettings:
        url = f"{self.scheme}://{self.host}:{self.port}"
        fields = {"name": "s", "url": url, "timeout_ms": 3000, "max_backoff_ms": 1000, **more}
        return type(self.settings())(**fields)  # type: ignore[no-any-return]


class SecureNats(_Secure, Nats):
    scheme = "tls"

    def prepare(self) -> None:
        super().prepare()
        self.certify()
        with (self.folder / "nats.conf").open("a") as file:
            file.write(
                f'tls {{ cert_file: "{self.certificate}", key_file: "{self.key}",'
                f' ca_file: "{self.authority.root}", verify: true }}\n'
            )

    def secure(self, **more: Any) -> SinkSettings:
        return super().secure(stream="EDGE", create=True, **more)


class SecureMosquitto(_Secure, Mosquitto):
    scheme = "mqtts"

    def prepare(self) -> None:
        super().prepare()
        self.certify()
        with (self.folder / "mosquitto.conf").open("a") as file:
            file.write(f"\ncertfile {self.certificate}\nkeyfile {self.key}\n")
            file.write(f"cafile {self.authority.root}\nrequire_certificate true\n")

    def start(self) -> None:
        self._acl.write_text("topic readwrite #\n")
        Broker.start(self)

    def remove(self) -> None:
        Broker.remove(self)


class SecureRedis(_Secure, RedisServer):
    scheme = "rediss"

    def prepare(self) -> None:
        self.certify()

    def command(self) -> list[str]:
        options = {"port": "0", "tls-port": str(self.port), "bind": self.host, "dir": str(self.folder)}
        options |= {"tls-cert-file": str(self.certificate), "tls-key-file": str(self.key)}
        options |= {"tls-ca-cert-file": self.authority.root, "tls-auth-clients": "yes"}
        return ["/usr/bin/redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]

    def is_up(self) -> bool:
        return Broker.is_up(self)


class SecureRabbit(_Secure, Rabbit):
    scheme = "amqps"

    def prepare(self) -> None:
        super().prepare()
        self.certify()
        options = {"cacertfile": self.authority.root, "certfile": self.certificate, "keyfile": self.key}
        lines = [f"listeners.ssl.1 = {self.host}:{self.secure_port}", "ssl_options.verify = verify_peer"]
        lines += ["ssl_options.fail_if_no_peer_cert = true", *(f"ssl_options.{k} = {v}" for k, v in options.items())]
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    secure_port = 5671

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf")}

    def started(self) -> None:
        Rabbit.started(self)

    def take_up(self) -> None:
        self.control("eval", "ssl:clear_pem_cache().")

    def secure(self, **more: Any) -> SinkSettings:
        return super().secure(url=f"amqps://{self.host}:{self.secure_port}", **more)


KINDS = [SecureNats, SecureMosquitto, SecureRedis, SecureRabbit]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.scheme)
def broker(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = request.param()
    yield made
    made.remove()


async def steps(settings: SinkSettings) -> list[Step]:
    return [step async for step in trial(settings.sink(), "box", trial_event("s", "box", "1"))]


def fault_of(settings: SinkSettings) -> str:
    """What a test of the sink says at last."""
    last = asyncio.run(steps(settings))[-1]
    assert not last.good, last
    # NATS speaks in the clear first, and paho says nothing of TLS: there it is found out at the log-in.
    assert last.name in {"tls", "log in"}
    return last.text


def note_of(folder: Path, settings: SinkSettings, words: str) -> None:
    """Wait until a running forwarder has such a note, and no event has been taken."""
    site = Site(name="box", paths=Paths(state=str(folder / "state")), sinks=[settings.sink()])
    with child("forwarder", site, folder) as process:
        until(lambda: any(words in text for text in process.active().values()), 30, f"a note with '{words}'")


def test_certificates_of_both_sides_are_verified_and_the_one_to_blame_is_said(broker: Any, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    ours, root = broker.mine, broker.authority.root
    good = asyncio.run(steps(broker.secure(ca_file=root, **ours)))
    assert [step.good for step in good] == [True] * len(good), good
    assert good[-1].name == "publish"

    # Ours: none, of another authority, expired.
    theirs, old = other.issue("edge.example"), broker.authority.issue("edge.example", days=-1)
    for more in (
        {},
        {"cert_file": theirs.certificate, "key_file": theirs.key},
        {"cert_file": old.certificate, "key_file": old.key},
    ):
        assert "'cert_file'" in fault_of(broker.secure(ca_file=root, **more))

    # Theirs: of an authority that we don't know, for another name, expired.
    unknown = fault_of(broker.secure(ca_file=other.root, **ours))
    assert unknown.startswith("TLS: the server's certificate is not good")
    assert "'ca_file'" in unknown
    broker.wear("other.example")
    broker.take_up()
    assert "mismatch" in fault_of(broker.secure(ca_file=root, **ours))
    broker.wear(broker.host, days=-1)
    broker.take_up()
    expired = broker.secure(ca_file=root, **ours)
    assert "certificate has expired" in fault_of(expired)

    # A running appliance says the same, until it is mended.
    OutboxWriter(tmp_path / "state").append("call")
    note_of(tmp_path, expired, "certificate has expired")
    broker.wear(broker.host)
    broker.take_up()
    note_of(tmp_path, broker.secure(ca_file=root), "'cert_file'")
    site = Site(name="box", paths=Paths(state=str(tmp_path / "state")), sinks=[expired.sink()])
    with child("forwarder", site, tmp_path) as process:
        until(lambda: delivered(tmp_path), 30, "the event is taken")
        assert process.active() == {}


def test_a_server_of_nats_whose_refusal_is_lost_makes_us_think_of_our_certificate(tmp_path: Path) -> None:
    """It has gone before we have written all, as happens now and then: what it says of our certificate is not read."""
    authority = Authority(tmp_path)
    with own_address() as host, socket.create_server((host, 4222)) as server:
        pair = authority.issue(host)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                with plain:
                    plain.sendall(
                        b'INFO {"server_id":"x","version":"2.9.0","max_payload":1000,"tls_required":true}\r\n'
                    )
                    with suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                        secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        text = fault_of(NatsSettings(name="s", url=f"tls://{host}:4222", timeout_ms=3000, ca_file=authority.root))
        assert text == (
            "ConnectionError: closed before the log-in was answered; TLS: it may want another certificate of ours"
            " ('cert_file')"
        )
        server.shutdown(socket.SHUT_RDWR)
        serving.join(10)


def delivered(folder: Path) -> bool:
    with sqlite3.connect(f"{(folder / 'state' / 'delivery.db').as_uri()}?mode=ro", uri=True) as db:
        return db.execute("SELECT cursor FROM sinks").fetchone() == (1,)


def test_the_command_says_it_with_its_exit_code(tmp_path: Path) -> None:
    broker = SecureMosquitto()
    try:
        other = Authority(tmp_path / "other").root
        words = f'name = "bus"\ntype = "mqtt"\nurl = "mqtts://{broker.host}:{broker.port}"\n'
        words += f'cert_file = "{broker.mine["cert_file"]}"\nkey_file = "{broker.mine["key_file"]}"\n'
        for root, code, said in ((broker.authority.root, 0, "taken"), (other, 1, "server's certificate is not good")):
            site = tmp_path / "site.toml"
            site.write_text(f'name = "box"\n[paths]\nstate = "{tmp_path}"\n[[sinks]]\n{words}ca_file = "{root}"\n')
            command = [sys.executable, "-m", "edge", "sinks", "test", "bus", "--config", str(site)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == code, done
            assert said in done.stdout, done
    finally:
        broker.remove()
