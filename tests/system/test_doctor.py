"""`edge doctor` beside a running appliance: trunks by the wire, a test call, and a bundle with nobody in it."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge.cli.doctor.redaction import forms
from tests.support.addresses import address
from tests.support.appliance import ROOT, TONES, Appliance, write_site
from tests.support.backend import Backend, backend
from tests.support.sip_server import SipServer, as_an_alg, gateway, sip_server
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

#: What must not be found; each stands where its like stands in real sites.
PASSWORD, TOKEN, LOGIN, ENDPOINT = "pass-Quagga7731", "tok-Okapi5523", "log-Serval1187", "end-Bongo9920"
HOOK = "whsec_QXh4b2xvdGxBeG9sb3RsQXhvbG90bEF4b2xvdGw="
ACCOUNT, SHOWN, CALLER, CALLED, DIALLED = "4989777001", "4989777002", "498912345678", "498955500100", "498944400200"
AGENT, DESK, PIN = "Hildegard", "55117", "918273"
SECRETS = (PASSWORD, TOKEN, LOGIN, ENDPOINT, HOOK.removeprefix("whsec_"), PIN)
PEOPLE = (ACCOUNT, SHOWN, CALLER, CALLED, DIALLED, AGENT, DESK, "Erika Mustermann", "Mustermann")


class Place(NamedTuple):
    edge: Appliance
    phone: Softphone
    target: Softphone
    server: SipServer
    backend: Backend

    def doctor(self, *words: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
        """Exit code, and findings by subject and what."""
        command = [sys.executable, "-m", "edge.cli", "doctor", "--json", "--config", str(self.edge.site), *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        return done.returncode, {(one["check"], one["what"]): one for one in lines[:-1]}


def site(place: Place, folder: Path, between: str) -> None:
    """Write one with secrets and numbers wherever they can stand."""
    (folder / "password").write_text(PASSWORD)
    (folder / "token").write_text(ENDPOINT)
    (folder / "header").write_text(f"Bearer {TOKEN}")
    for name in ("password", "token", "header"):
        (folder / name).chmod(0o600)
    host = place.edge.address
    extra = f"""
[[trunks]]
name = "peer"
address = "{between}:5060"
sources = ["{between}"]
[[trunks]]
name = "provider"
address = "{place.server.address}:{place.server.port}"
register = true
user = "{ACCOUNT}"
password = "file:password"
caller_id = "{SHOWN}"
[[trunks]]
name = "out"
address = "{place.target.address}:{place.target.port}"
sources = ["{place.target.address}"]
[[trunks]]
name = "dead"
address = "{host}:5999"
sources = ["192.0.2.3"]
[[routes]]
number = "{CALLED}"
menu = "main"
[[agents]]
name = "{AGENT}"
target = "sip:{DIALLED}@{place.target.address}"
id = "{DESK}"
pin = "{PIN}"
[[queues]]
name = "sales"
agents = ["{AGENT}"]
[[endpoints]]
name = "crm"
url = "http://{host}:9/ask"
token_file = "token"
[[sinks]]
name = "hook"
url = "{place.backend.url}?key={LOGIN}"
secret = "{HOOK}"
header_files = {{Authorization = "header"}}
"""
    write_site(place.edge, extra=extra)
    text = place.edge.site.read_text().replace('"127.0.0.0/8"', f'"{place.phone.address}"')
    place.edge.site.write_text(text)
    place.edge.site.chmod(0o640)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as opened:
        at, phone_at, target_at, server_at, between = (opened.enter_context(address()) for _ in range(5))
        edge = Appliance(at, tmp_path)
        phone = opened.enter_context(Softphone(phone_at, user=CALLER))
        target = opened.enter_context(Softphone(target_at, port=5060, tone_hz=900, user=DIALLED, auto_answer=True))
        server = opened.enter_context(sip_server(server_at))
        opened.enter_context(gateway(between, server, as_an_alg))
        made = Place(edge, phone, target, server, opened.enter_context(backend(at)))
        site(made, tmp_path, between)
        opened.callback(edge.stop)
        edge.start()
        yield made


def test_trunks_a_call_and_a_bundle(place: Place, tmp_path: Path) -> None:
    edge = place.edge
    until(lambda: "REGISTER" in place.server.methods(), 30, "registered")
    asserted = {"P-Asserted-Identity": f'"Erika Mustermann" <sip:{CALLER}@{place.phone.address}>'}
    call = place.phone.call(f"sip:{CALLED}@{edge.address}:5060", headers=asserted)
    hears(call, TONES["welcome"])
    call.audio.press("1")
    hears(call, TONES["one"])
    call.bye()
    edge.wait_event("call.ended")

    bundle = tmp_path / "bundle.tar.gz"
    code, found = place.doctor("--call", DIALLED, "--trunk", "out", "--bundle", str(bundle))
    assert code == 1, "there is a dead trunk"
    states = {key: one["state"] for key, one in found.items()}
    assert states["trunks", "trunk dead"] == "bad"
    assert states["trunks", "trunk peer: the way"] == "advice"
    assert "Via: " in found["trunks", "trunk peer: the way"]["evidence"]
    assert states["trunks", "trunk provider"] == "ok"
    assert states["trunks", "trunk provider: the way"] == "ok", found["trunks", "trunk provider: the way"]
    assert states["trunks", "test call through out"] == "ok", found["trunks", "test call through out"]
    assert states["appliance", ""] == "ok"
    assert states["configuration", "in force"] == "ok"
    assert states["sinks", "sink hook"] == "ok"
    assert states["backends", "endpoint crm"] == "bad"
    assert not [one for one in place.target.calls.values() if one.state != "ended"], "the test call is over"

    with tarfile.open(bundle) as archive:
        members = {
            member.name.removeprefix("edge-support/"): archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    names = {"README.txt", "doctor.json", "configuration.json", "calls.json", "events.json", "status.json"}
    names |= {"metrics.txt", "versions.json", "system.json", "processes.json", "journal.txt"}
    assert names <= set(members), set(members)
    assert b"secret was found in it: nothing" in members["README.txt"]
    ladders = {name: data for name, data in members.items() if name.startswith("sip/")}
    assert len(ladders) == 2, "both calls"
    for name, data in members.items():
        for secret in SECRETS:
            assert not [form for form in forms(secret) if form in data], (name, secret)
        for person in PEOPLE:
            assert person.encode() not in data, (name, person)
    assert not bundle.stat().st_mode & 0o077

    # What is left is of use: one number is one pseudonym, in events, in the list of calls and in the messages.
    (incoming,) = [one for one in json.loads(members["calls.json"]) if one["direction"] == "incoming"]
    assert incoming["called"].startswith("num-")
    started = [one for one in json.loads(members["events.json"])["last"] if one["type"] == "call.started"]
    assert incoming["called"] in {one["data"]["called"] for one in started}
    ladder = ladders[f"sip/{incoming['id']}.txt"].decode()
    assert f"INVITE sip:{incoming['called']}@{edge.address}:5060 SIP/2.0" in ladder
    assert "m=audio" in ladder
    counts = json.loads(members["events.json"])["counts"]
    assert counts["call.ended"] == 2
    digits = [one for one in json.loads(members["events.json"])["last"] if one["type"] == "dtmf.received"]
    assert digits
    assert {one["data"]["digit"] for one in digits} == {"(left out)"}
    assert "bytes" in members["doctor-machine.json"].decode()
    assert json.loads(members["system.json"])["settings"]["net.core.rmem_max"].isdigit()
    configuration = json.loads(members["configuration.json"])
    assert [trunk["name"] for trunk in configuration["trunks"]][:2] == ["loop", "peer"]
    edge.check_histories()
