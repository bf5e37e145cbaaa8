"""`edge doctor` beside a running appliance and without it: IPv6, TCP, TLS with faults, and a test call by a modem."""

import json
import random
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.addresses import address
from tests.support.appliance import ROOT, Appliance, write_site
from tests.support.certificates import Authority
from tests.support.modem import Simulator
from tests.support.sip_server import SipServer, sip_server, stream_server
from tests.support.waiting import until

pytestmark = pytest.mark.system

#: What is wrong with the certificate of each trunk over TLS; empty: nothing.
FAULTS = {"good": "", "old": "certificate has expired", "foreign": "unable to get local issuer certificate"}


class Place(NamedTuple):
    edge: Appliance
    modem: Simulator
    server: SipServer

    def doctor(self, *words: str) -> dict[str, dict[str, Any]]:
        """Findings of trunks, certificates and devices, by what; `summary` is the last line."""
        only = ["--only", "trunks,certificates,devices", "--json", "--config", str(self.edge.site)]
        command = [sys.executable, "-m", "edge.cli", "doctor", *only, *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 1, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {one.get("what", one["check"]): one for one in found}


def free_port() -> int:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
        return int(probe.getsockname()[1])


def trunk(name: str, port: int, host: str, more: str) -> str:
    return f'[[trunks]]\nname = "{name}"\naddress = "{host}:{port}"\nsources = ["192.0.2.1"]\n{more}\n'


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    ours, foreign = Authority(tmp_path / "ca"), Authority(tmp_path / "foreign", "foreign")
    with ExitStack() as opened:
        at, peer = opened.enter_context(address()), opened.enter_context(address())
        modem = opened.enter_context(Simulator("simcom", tmp_path / "modem"))
        server = opened.enter_context(sip_server("::1", 0, account=("me", "lion")))
        account = 'register = true\nuser = "me"\npassword = "lion"'
        parts = [trunk("six", server.port, "[::1]", account)]
        parts.append(trunk("tcp", opened.enter_context(stream_server(peer)), peer, 'transport = "tcp"'))
        for name in FAULTS:
            authority, days = foreign if name == "foreign" else ours, -1 if name == "old" else 300
            pair = authority.issue(peer, days=days)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            port = opened.enter_context(stream_server(peer, context))
            parts.append(trunk(name, port, peer, f'transport = "tls"\ntls_ca = "{ours.root}"'))
        parts.append(
            f'[[lines]]\nname = "cell"\nprofile = "simcom-sim7600"\n'
            f'port = "{modem.port}"\nsound_port = "{modem.sound}"\n'
        )
        edge = Appliance(at, tmp_path)
        sip, media = f'port = {free_port()}\naddress6 = "::1"', f"first_port = {random.randrange(20_000, 30_000, 2)}"
        write_site(edge, sip=sip, media=media, extra="\n".join(parts))
        opened.callback(edge.stop)
        edge.start()
        yield Place(edge, modem, server)


def states(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {what.removeprefix("trunk "): one["state"] for what, one in found.items() if one["check"] == "trunks"}


def test_trunks_of_every_kind_up_and_down(place: Place) -> None:
    line = {"what": "request", "process": "line-cell", "request": "line", "body": None}
    until(lambda: place.edge.control(**line)["body"]["state"] == "ready", 60, "the line is ready")
    until(lambda: place.server.methods().count("REGISTER") >= 2, 30, "registered over IPv6")
    expected = {
        "six": "ok",
        "tcp": "ok",
        "cell": "ok",
        **{name: "bad" if text else "ok" for name, text in FAULTS.items()},
    }

    found = place.doctor("--call", "555", "--trunk", "cell")
    assert found["summary"]["runs"]
    assert expected.items() <= states(found).items(), found
    assert found["test call through cell"]["state"] == "ok", found["test call through cell"]
    assert "packets heard" in found["test call through cell"]["evidence"]
    assert place.modem.tell()["call"] is None, "it was hung up"
    assert found["trunk six"]["evidence"].startswith("answers OPTIONS by 200")
    assert "certificates" in found["trunk old"]["advice"]
    assert {
        what: found[f"line cell: its {what}"]["state"] for what in ("state", "firmware", "signal")
    } == dict.fromkeys(("state", "firmware", "signal"), "ok")
    for name, text in FAULTS.items():
        assert text in found[f"trunk {name}: its certificate"]["evidence"]

    place.edge.stop()
    asked = len(place.server.requests)
    found = place.doctor()
    assert not found["summary"]["runs"]
    assert (expected | {"cell": "skipped", "six: its account": "ok"}).items() <= states(found).items(), found
    for name, text in FAULTS.items():
        assert text in found[f"trunk {name}"]["evidence"]
    assert not [text for text in place.server.requests[asked:] if text.startswith("REGISTER") and "Contact:" in text]
