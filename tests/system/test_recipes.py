"""The recipes of docs/recipes, as they stand there, beside a real appliance."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.cli import main
from edge.config.site import Endpoint
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance, sink
from tests.support.backend import SECRET
from tests.support.brokers import Nats
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

RECIPES = Path(__file__).parents[2] / "docs/recipes"
MENU = """
version: 1
start: python
attributes: {name: {}}
nodes:
  python:
    ask: {endpoint: python, send: [caller], timeout: 2s}
    answers: {gold: node}
    next: other
    failed: silver
  node:
    ask: {endpoint: node, send: [caller], timeout: 2s}
    answers: {gold: nats}
    next: other
    failed: silver
  nats:
    ask: {endpoint: nats, send: [caller], timeout: 2s}
    answers: {gold: gold}
    next: other
    failed: silver
  gold:
    gather: {greet_long: one, first_digit_timeout: 30s}
    choices: {0: bye}
    failed: bye
  other:
    gather: {greet_long: no_match, first_digit_timeout: 30s}
    choices: {0: bye}
    failed: bye
  silver:
    gather: {greet_long: two, first_digit_timeout: 30s}
    choices: {0: bye}
    failed: bye
  bye:
    hang_up:
"""


class Recipe:
    """One of the programs, over its lives."""

    def __init__(self, log: Path, *command: str) -> None:
        self._command = command
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def told(self, kind: str, call: str) -> int:
        """How often it has printed an event."""
        return sum(line.split()[1:] == [kind, call] for line in self.log.read_text().splitlines())


class Place(NamedTuple):
    edge: Appliance
    python: Recipe
    node: Recipe


@contextmanager
def recipes(folder: Path, python_at: str, node_at: str, nats: str) -> Iterator[tuple[Recipe, Recipe]]:
    node = shutil.which("node")
    assert node is not None
    python_backend = Recipe(folder / "python.log", sys.executable, str(RECIPES / "backend.py"), python_at)
    node_backend = Recipe(folder / "node.log", node, str(RECIPES / "backend.js"), node_at)
    nats_backend = Recipe(folder / "nats.log", sys.executable, str(RECIPES / "nats_backend.py"), nats)
    every = (python_backend, node_backend, nats_backend)
    try:
        for one in every:
            one.start()
        until(lambda: "ready" in nats_backend.log.read_text(), 30)
        yield python_backend, node_backend
    finally:
        for one in every:
            one.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack, address() as at, address() as python_at, address() as node_at:
        nats = Nats()
        stack.callback(nats.remove)
        endpoints = [
            Endpoint(name="python", url=f"http://{python_at}:9090/ask", breaker_failures=2, breaker_pause_ms=2000),
            Endpoint(name="node", url=f"http://{node_at}:9090/ask"),
            Endpoint(name="nats", url=nats.url, subject="ask.edge"),
        ]
        extra = "".join(
            f'[[endpoints]]\nname = "{one.name}"\nurl = "{one.url}"\nbreaker_failures = {one.breaker_failures}\n'
            f"breaker_pause_ms = {one.breaker_pause_ms}\n" + (f'subject = "{one.subject}"\n' if one.subject else "")
            for one in endpoints
        )
        python_sink = sink(f"http://{python_at}:9090/events")
        node_sink = sink(f"http://{node_at}:9090/events").replace('"backend"', '"node"')
        with (
            recipes(tmp_path, python_at, node_at, nats.url) as (python, node),
            appliance(at, tmp_path, menu=MENU, trunk='country = "DE"', extra=extra + python_sink + node_sink) as edge,
        ):
            yield Place(edge, python, node)


def call(edge: Appliance, caller: Softphone, tone: int) -> str:
    talking = caller.call(edge.uri).wait_answered()
    hears(talking, tone)
    talking.bye()
    id_ = edge.last_call()
    edge.wait_event("call.ended", id_)
    return id_


def test_backends_answer_take_events_and_may_fail(place: Place) -> None:
    edge = place.edge
    with (
        address() as gold_at,
        address() as other_at,
        Softphone(gold_at, user="030123456") as gold,
        Softphone(other_at, user="030999") as other,
    ):
        id_ = call(edge, gold, TONES["one"])
        asked = [event["data"] for event in edge.events(id_) if event["type"] == "menu.asked"]
        assert [(one["endpoint"], one["answer"]) for one in asked] == [
            ("python", "gold"), ("node", "gold"), ("nats", "gold"),
        ]  # fmt: skip
        assert edge.wait_event("call.ended", id_)["data"]["attributes"]["name"] == "Ada"
        for backend in (place.python, place.node):
            until(lambda backend=backend, id_=id_: backend.told("call.ended", id_), 30)  # type: ignore[misc]
            assert backend.told("call.started", id_) == 1
        document = edge.folder / "call.json"
        assert main(["calls", "vcon", id_, "--output", str(document), "--state", str(edge.state)]) == 0
        made = json.loads(document.read_text())
        assert [one["type"] for one in made["dialog"]] == ["recording-set", "recording"]
        (path,) = [event["data"]["path"] for event in edge.events(id_) if event["type"] == "recording.completed"]
        assert base64.urlsafe_b64decode(made["dialog"][1]["body"] + "==") == Path(path).read_bytes()
        call(edge, other, TONES["no_match"])
        # Two failures, and it is left alone; events wait meanwhile, and are told when it is back.
        place.python.kill()
        errors = []
        for _ in range(3):
            id_ = call(edge, gold, TONES["two"])
            errors += [e["data"]["error"] for e in edge.events(id_) if e["type"] == "menu.asked"]
        assert errors[-1].startswith("not asked")
        assert [one["condition"] for one in edge.status()["notes"]] == ["endpoint-python"]
        assert edge.status()["ready"]
        place.python.start()
        until(lambda: _reaches(edge, gold), 60, "it is asked again")
        until(lambda: place.python.told("call.ended", id_), 60)
        until(lambda: not edge.status()["notes"], 10)


FLOW_MENU = """
version: 1
start: who
attributes: {name: {}}
nodes:
  who:
    ask: {endpoint: flow, send: [caller], timeout: 5s}
    answers: {gold: gold}
    next: other
    failed: other
  gold:
    gather: {greet_long: one, first_digit_timeout: 30s}
    choices: {0: bye}
    failed: bye
  other:
    gather: {greet_long: no_match, first_digit_timeout: 30s}
    choices: {0: bye}
    failed: bye
  bye:
    hang_up:
"""
#: Where scripts/install-test-peers puts it.
NODE_RED = Path(__file__).parents[2] / ".peers/node_modules/node-red/red.js"


@contextmanager
def node_red(folder: Path, host: str) -> Iterator[Path]:
    """Node-RED with the flow of the recipe; its log."""
    folder.mkdir()
    shutil.copy(RECIPES / "node-red.json", folder / "flows.json")
    settings = folder / "settings.js"
    settings.write_text(
        f'module.exports = {{uiHost: "{host}", uiPort: 1880, flowFile: "flows.json", httpAdminRoot: false,'
        " telemetry: {enabled: false}}\n"
    )
    log = folder / "log"
    node = shutil.which("node")
    assert node is not None
    with log.open("wb") as out:
        process = subprocess.Popen(
            [node, str(NODE_RED), "--userDir", str(folder), "--settings", str(settings)], stdout=out, stderr=out
        )
    try:
        until(lambda: "Started flows" in log.read_text(), 60, "the flow runs")
        yield log
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not NODE_RED.exists(), reason="Node-RED is not there: scripts/install-test-peers gets it by npm")
def test_a_flow_of_node_red_answers_and_takes_events_once(tmp_path: Path) -> None:
    with address() as at, address() as flow_at, address() as gold_at, node_red(tmp_path / "flow", flow_at) as log:
        url = f"http://{flow_at}:1880"
        extra = f'[[endpoints]]\nname = "flow"\nurl = "{url}/ask"\n{sink(f"{url}/events")}'
        with (
            appliance(at, tmp_path, menu=FLOW_MENU, trunk='country = "DE"', extra=extra) as edge,
            Softphone(gold_at, user="030123456") as gold,
        ):
            id_ = call(edge, gold, TONES["one"])
            ended = edge.wait_event("call.ended", id_)
            assert ended["data"]["attributes"]["name"] == "Ada"
            until(lambda: f"[debug:ended] {ended['id']}" in log.read_text(), 30, "the flow has the end of the call")
            # The same once more: taken, and known.
            words = ["--call", id_, "--sink", "backend", "--wait", "--state", str(edge.state)]
            assert main(["events", "replay", *words]) == 0
            assert log.read_text().count(f"[debug:ended] {ended['id']}") == 1


def _reaches(edge: Appliance, caller: Softphone) -> bool:
    talking = caller.call(edge.uri).wait_answered()
    id_ = ""
    with suppress(AssertionError):
        hears(talking, TONES["one"])
        id_ = edge.last_call()
    talking.bye()
    return bool(id_)
