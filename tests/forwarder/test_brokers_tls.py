"""Sinks over TLS: each step of a test, and a server whose certificate is not of our authority."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.config.sink_settings import SinkSettings
from edge.forwarder.sinks.trial import Step, trial, trial_event
from tests.support.brokers import Broker, Mosquitto, Nats, RedisServer
from tests.support.certificates import Authority, Pair


class _Secure:
    """A broker with a certificate."""

    host: str
    folder: Path

    def pair(self) -> Pair:
        self.authority = Authority(self.folder / "tls")
        return self.authority.issue(self.host)

    def started(self) -> None:
        """Nothing has to be made: the sink makes it."""


class SecureNats(_Secure, Nats):
    def prepare(self) -> None:
        super().prepare()
        pair = self.pair()
        with (self.folder / "nats.conf").open("a") as file:
            file.write(f'tls {{ cert_file: "{pair.certificate}", key_file: "{pair.key}" }}\n')

    def secure(self, **more: Any) -> SinkSettings:
        url = f"tls://{self.host}:{self.port}"
        return type(self.settings())(name="s", url=url, stream="EDGE", create=True, timeout_ms=3000, **more)  # type: ignore[call-arg]


class SecureMosquitto(_Secure, Mosquitto):
    def prepare(self) -> None:
        super().prepare()
        pair = self.pair()
        file = self.folder / "mosquitto.conf"
        file.write_text(f"{file.read_text()}\ncertfile {pair.certificate}\nkeyfile {pair.key}\n")

    def start(self) -> None:
        self._acl.write_text("topic readwrite #\n")
        Broker.start(self)

    def remove(self) -> None:
        Broker.remove(self)

    def secure(self, **more: Any) -> SinkSettings:
        url = f"mqtts://{self.host}:{self.port}"
        return type(self.settings())(name="s", url=url, timeout_ms=3000, **more)  # type: ignore[call-arg]


class SecureRedis(_Secure, RedisServer):
    def command(self) -> list[str]:
        pair = self.pair()
        options = {"port": "0", "tls-port": str(self.port), "bind": self.host, "dir": str(self.folder)}
        options |= {"tls-cert-file": pair.certificate, "tls-key-file": pair.key, "tls-auth-clients": "no"}
        options |= {"tls-ca-cert-file": self.authority.root}
        return ["/usr/bin/redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]

    def is_up(self) -> bool:
        return Broker.is_up(self)

    def secure(self, **more: Any) -> SinkSettings:
        url = f"rediss://{self.host}:{self.port}"
        return type(self.settings())(name="s", url=url, timeout_ms=3000, **more)  # type: ignore[call-arg]


async def steps(settings: SinkSettings) -> list[Step]:
    return [step async for step in trial(settings.sink(), "box", trial_event("s", "box", "1"))]


@pytest.mark.parametrize("kind", [SecureNats, SecureMosquitto, SecureRedis])
def test_a_server_is_known_by_its_certificate(kind: Callable[[], Any], tmp_path: Path) -> None:
    broker = kind()
    try:
        good = asyncio.run(steps(broker.secure(ca_file=broker.authority.root)))
        assert [step.good for step in good] == [True] * len(good), good
        assert good[-1].name == "publish"
        other = Authority(tmp_path / "other").root
        bad = asyncio.run(steps(broker.secure(ca_file=other)))
        assert not bad[-1].good
        # NATS speaks in the clear first, so it is found out at the log-in.
        assert bad[-1].name == ("log in" if kind is SecureNats else "tls")
        assert "certificate" in bad[-1].text.lower()
    finally:
        broker.remove()
