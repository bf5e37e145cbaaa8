"""`edge plan` says what `edge reload` does: one plan of many kinds of change, a reload, and what then happened."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.addresses import address
from tests.support.appliance import MENU, ROOT, TONES, Appliance, sink, write_site
from tests.support.backend import Backend, backend
from tests.support.sip_server import SipServer, header, sip_server
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

TOKENS = {"old": "0" * 43, "new": "1" * 43}
WAITING = """
version: 1
start: wait
nodes:
  wait: {queue: first, failed: bye}
  bye: {hang_up: {}}
"""


def trunk(name: str, host: str, **more: str) -> str:
    settings = {"address": f'"{host}:5060"', **more}
    return f'[[trunks]]\nname = "{name}"\n' + "".join(f"{key} = {value}\n" for key, value in settings.items())


def account(user: str, **more: str) -> dict[str, str]:
    return {"register": "true", "user": f'"{user}"', "password": '"${PASSWORD}"', **more}


def token(name: str) -> str:
    import hashlib

    digest = hashlib.sha256(TOKENS[name].encode()).hexdigest()
    return f'[[api_tokens]]\nname = "{name}"\nhash = "sha256:{digest}"\n'


class Place(NamedTuple):
    edge: Appliance
    caller: Softphone
    server: SipServer
    backend: Backend
    other: Backend

    def write(self, *, after: bool) -> None:
        """Write the files as they are before, or after."""
        host, kept = self.server.address, account("kept", codecs='["PCMA"]' if after else '["PCMU"]')
        trunks = [trunk("kept", host, **kept)]
        trunks.append(trunk("renewed", host, **account("renewed", expires_seconds="1800" if after else "3600")))
        trunks.append(trunk("replaced", host, **account("moved" if after else "replaced")))
        if after:
            trunks += [trunk("begun", host, **account("begun"))]
        else:
            trunks += [trunk("ended", host, **account("ended"))]
            trunks += ['[[queues]]\nname = "first"\nagents = ["ann"]\n']
        parts = [*trunks, '[[agents]]\nname = "ann"\ntarget = "sip:ann@127.0.0.9"\n']
        parts.append('[[routes]]\nnumber = "300"\nmenu = "waiting"\n' if not after else "")
        parts.append('[[routes]]\nnumber = "400"\nmenu = "extra"\n' if after else "")
        parts.append(token("new" if after else "old"))
        parts.append(sink(self.backend.url))
        if after:
            parts.append(sink(self.other.url).replace('"backend"', '"second"'))
        else:
            parts.append('[[sinks]]\nname = "leaving"\ntype = "file"\npath = "leaving.jsonl"\n')
        menu = MENU.replace("1: one, 2: two, 9: connect", "1: two, 2: one, 9: connect") if after else MENU
        write_site(self.edge, menu=menu, extra="\n".join(parts), slots=60 if after else 40)
        # After it the caller comes by another trunk: the one that it has calls on is gone.
        text = self.edge.site.read_text().replace('"127.0.0.0/8"', f'"{self.caller.address}"')
        self.edge.site.write_text(text.replace('"loop"', '"next"') if after else text)
        menus = self.edge.folder / "menus"
        if after:
            (menus / "waiting.yaml").unlink()
            (menus / "extra.yaml").write_text(MENU.replace("TARGET", "127.0.0.1:9"))
        else:
            (menus / "waiting.yaml").write_text(WAITING)

    def plan(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What the command prints, by what and name."""
        command = [sys.executable, "-m", "edge.cli", "plan", "--config", str(self.edge.site), "--json"]
        # The service has the password in its environment; who asks need not.
        ours = {name: value for name, value in os.environ.items() if name != "PASSWORD"}
        done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found = {(one["what"], one["name"]): one for one in lines if one["kind"] == "change"}
        return found | {("", ""): lines[-1]}

    def get(self, token: str) -> int:
        connection = http.client.HTTPConnection(self.edge.address, 8080, timeout=20)
        connection.request("GET", "/api/v1/trunks", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status

    def registered(self, user: str) -> list[str]:
        """`Expires` of its REGISTER requests."""
        texts = [text for text in self.server.requests if f"<sip:{user}@" in header(text, "From")]
        return [header(text, "Expires") for text in texts if text.startswith("REGISTER")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PASSWORD", "secret-of-the-trunks")
    with ExitStack() as opened:
        at, phone_at, server_at = (opened.enter_context(address()) for _ in range(3))
        edge = Appliance(at, tmp_path)
        caller = opened.enter_context(Softphone(phone_at))
        server = opened.enter_context(sip_server(server_at))
        first, other = opened.enter_context(backend(at)), opened.enter_context(backend(phone_at))
        made = Place(edge, caller, server, first, other)
        made.write(after=False)
        opened.callback(edge.stop)
        edge.start()
        yield made


def kinds(change: dict[str, Any]) -> set[str]:
    return {effect["kind"] for effect in change["effects"]}


def test_faults_are_told_and_nothing_else(place: Place) -> None:
    text = place.edge.site.read_text()
    place.edge.site.write_text(text.replace("slots = 40", "slots = 40\nslotz = 4"))
    command = [sys.executable, "-m", "edge.cli", "plan", "--config", str(place.edge.site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 78
    assert "slotz" in done.stderr
    assert "did you mean 'slots'?" in done.stderr
    place.edge.site.write_text(text)
    menu = place.edge.folder / "menus/main.yaml"
    menu.write_text(MENU.replace("gather: one", "gather: onne"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 78
    assert "main.yaml" in done.stderr, "a fault that the appliance found"
    menu.write_text(MENU.replace("TARGET", "127.0.0.8"))
    codes = [
        subprocess.run([*command, *more], cwd=ROOT, check=False, timeout=120).returncode
        for more in ([], ["--exit-code"])
    ]
    assert codes == [0, 1]


def test_a_plan_and_what_happened(place: Place) -> None:
    edge, server = place.edge, place.server
    until(lambda: all(place.registered(u) for u in ("kept", "renewed", "replaced", "ended")), 30, "all registered")
    assert set(place.plan()) == {("", "")}, "nothing has changed yet"
    wish = {"agent": "ann", "wish": "pause"}
    edge.control(what="request", process="switch", request="agent_wish", body=wish)
    in_menu, _ = (place.caller.call(f"sip:{number}@{edge.address}:5060") for number in ("100", "300"))
    hears(in_menu, TONES["welcome"])
    edge.wait_event("queue.entered")
    calls = {one["menu"]: one["id"] for one in edge.live_calls()}
    before = {event["id"] for event in edge.events()}

    place.write(after=True)
    plan = place.plan()
    assert not [kind for kind in edge.types("test") if kind.startswith("configuration.")], "a plan changes nothing"
    actions = {key: change["action"] for key, change in plan.items() if key[0]}
    assert actions == {
        ("media", ""): "changed",
        ("trunk", "ended"): "removed",
        ("trunk", "loop"): "removed",
        ("trunk", "next"): "added",
        ("trunk", "kept"): "changed",
        ("trunk", "renewed"): "changed",
        ("trunk", "replaced"): "changed",
        ("trunk", "begun"): "added",
        ("route", "300"): "removed",
        ("route", "400"): "added",
        ("sink", "leaving"): "removed",
        ("sink", "second"): "added",
        ("token", "old"): "removed",
        ("token", "new"): "added",
        ("queue", "first"): "removed",
        ("menu", "waiting"): "removed",
        ("menu", "extra"): "added",
        ("menu", "main"): "changed",
    }
    assert plan["media", ""]["settings"] == [{"name": "slots", "before": 40, "after": 60, "needs_restart": True}]
    assert plan["menu", "main"]["nodes"] == {"changed": ["welcome"]}
    assert plan["menu", "main"]["calls"] == [calls["main"]]
    assert plan["queue", "first"]["calls"] == [calls["waiting"]]
    assert set(plan["trunk", "loop"]["calls"]) == set(calls.values())
    for name in ("kept", "renewed", "replaced", "ended", "begun"):
        found = kinds(plan["trunk", name]) & {
            f"registration_{what}" for what in ("renewed", "replaced", "ended", "begun")
        }
        assert found == ({f"registration_{name}"} if name != "kept" else set())
    said = {name: len(place.registered(name)) for name in ("kept", "renewed", "replaced", "ended")}

    body = edge.control(what="reload")["body"]
    assert body["needs_restart"] == plan["", ""]["needs_restart"] == ["media.slots"]
    assert body["menus"]["main"] == plan["menu", "main"]["versions"][1]
    assert set(body["menus"]) == {"main", "extra"}
    loaded = edge.wait_event("configuration.loaded")["data"]
    assert (loaded["menus"], loaded["gone"]) == (body["menus"], ["waiting"])

    # Registrations: begun, ended, asked for anew at once; the one that is kept is left alone.
    until(lambda: place.registered("begun") == ["3600"], 20, "begun")
    until(lambda: place.registered("ended")[-1] == "0", 20, "ended")
    until(lambda: place.registered("replaced")[-1] == "0" and place.registered("moved"), 20, "replaced")
    until(lambda: place.registered("renewed")[said["renewed"] :] == ["1800"], 20, "renewed")
    assert len(place.registered("kept")) == said["kept"]
    assert "OPTIONS" not in server.methods()

    # Calls: who waited in the queue leaves it; who was in the menu goes on in his version of it.
    assert edge.wait_event("queue.left", calls["waiting"])["data"]["reason"] == "failed"
    in_menu.audio.press("1")
    hears(in_menu, TONES["one"])
    newer = place.caller.call(f"sip:400@{edge.address}:5060")
    hears(newer, TONES["welcome"])
    refused = place.caller.call(f"sip:300@{edge.address}:5060")
    until(lambda: refused.final is not None, 15, "a final answer")
    assert refused.final == 404

    assert (place.get(TOKENS["old"]), place.get(TOKENS["new"])) == (401, 200)

    # Sinks: the new one begins with the oldest event, the kept one has nothing twice.
    until(lambda: before <= {event["id"] for event in place.other.events()}, 20, "it gets what was there before")
    assert len(place.backend.deliveries) == len(place.backend.events())
    assert "cursor_begins" in kinds(plan["sink", "second"])
    for call in (in_menu, newer):
        call.bye()
    until(lambda: edge.types().count("call.ended") >= 2, 20, "ended")
    left = {key: change for key, change in place.plan().items() if key[0]}
    assert set(left) == {("media", "")}, f"what waits for a restart is left; {left}"
