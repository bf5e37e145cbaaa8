"""Two callers and one agent, with a kill of switch in between; and one who does not want to wait."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from edge.config.prompts import spoken_name
from edge.core.access.gate import hash_of
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

MENU = """
version: 1
start: wait
nodes:
  wait:
    queue:
      name: sales
      music: welcome
      position: {number: "${queue_position}"}
      announce_after: 1s
      callback_offer: offer
      callback_after: 2s
      callback_every: 1h
    call_back: back
    failed: bye
  back:
    gather: two
    choices: {1: bye}
    failed: bye
  bye:
    hang_up:
"""
TOKEN = "edge_" + "t" * 43
POP = Path(__file__).parents[2] / "docs/recipes/screen_pop.py"
SITE = f"""
[[api_tokens]]
name = "desk"
role = "integrator"
hash = "{hash_of(TOKEN)}"
[[agents]]
name = "anna"
target = "sip:anna@TARGET"
[[queues]]
name = "sales"
agents = ["anna"]
"""
#: What "two" and the offer sound like, Hz.
SECOND, OFFER = 1150, 1000


def queue(edge: Appliance) -> dict[str, Any]:
    """What `edge queue show` is made of."""
    return dict(edge.control(what="request", process="switch", request="queues", body=None)["body"][0])


def places(edge: Appliance) -> list[tuple[int, str]]:
    return [(one["position"], one["state"]) for one in queue(edge)["callers"]]


@contextmanager
def screen_pop(edge: Appliance) -> Iterator[Callable[[], list[str]]]:
    """The recipe for anna's desk, with a browser that does nothing; gives the pages that it has opened."""
    environment = {
        **os.environ, "EDGE": f"http://{edge.address}:8080", "EDGE_TOKEN": TOKEN, "BROWSER": "true",
        "PYTHONPATH": str(POP.parents[2]),
    }  # fmt: skip
    log = edge.folder / "pop.log"
    command = [sys.executable, str(POP), "anna", "https://crm.test/?n={number}"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        # It must read before somebody is offered: it tells of what comes from then on.
        until(lambda: metric(edge, "edge_web_open_streams") == 1, 30, "it listens")
        yield lambda: log.read_text().splitlines()
    finally:
        process.kill()
        process.wait()


def metric(edge: Appliance, name: str) -> float:
    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=20) as page:
        text = page.read().decode()
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)


def test_a_queue_through_a_kill(tmp_path: Path) -> None:
    for name, hz in ((spoken_name("two"), SECOND), ("offer", OFFER)):
        path = tmp_path / "prompts/en" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(3 * 8000) / 8000)
        soundfile.write(path, tone, 8000, subtype="PCM_16")
    with (
        address() as at,
        address() as caller_at,
        address() as agent_at,
        Softphone(caller_at, tone_hz=700, user="first") as first,
        Softphone(caller_at, tone_hz=800, user="second") as second,
        Softphone(agent_at, port=5060, tone_hz=900, user="anna") as anna,
        appliance(at, tmp_path, menu=MENU, extra=SITE.replace("TARGET", f"{agent_at}:5060")) as edge,
        screen_pop(edge) as opened,
    ):
        one = first.call(edge.uri).wait_answered()
        hears(one, TONES["welcome"])
        desk = anna.expect_call()
        desk.ring()
        two = second.call(edge.uri).wait_answered()
        hears(two, SECOND)
        hears(two, TONES["welcome"])
        assert places(edge) == [(1, "ringing"), (2, "waiting")]
        desk.accept()
        hears(one, 900)
        hears(desk, 700)
        edge.wait_event("queue.connected")
        until(lambda: opened() == ["https://crm.test/?n=first"], 20, "a page for the caller")

        edge.wait_restarted("switch", edge.kill("switch"))
        until(lambda: places(edge) == [(1, "waiting")], 10, "the second is the next one")
        (agent,) = queue(edge)["agents"]
        assert agent["state"] == "talking"
        hears(one, 900)
        hears(two, TONES["welcome"])
        one.bye()
        again = anna.expect_call()
        again.accept()
        hears(two, 900)
        hears(again, 800)
        calls = [event["subject"] for event in edge.events() if event["type"] == "call.started"]
        for call in calls:
            types = [kind for kind in edge.types(call) if kind.startswith("queue.")]
            assert types == ["queue.entered", "queue.agent_offered", "queue.connected"]
        waited = edge.wait_event("queue.connected", calls[1])["data"]["waited_ms"]
        assert waited > edge.wait_event("queue.connected", calls[0])["data"]["waited_ms"]

        three = first.call(edge.uri).wait_answered()
        hears(three, OFFER)
        three.audio.press("1")
        hears(three, TONES["two"])
        left = edge.wait_event("queue.left", edge.last_call())["data"]
        assert (left["queue"], left["reason"], left["position"], left["offers"]) == ("sales", "callback", 1, 0)
        three.bye()
        two.bye()
        for call in [*calls, edge.last_call()]:
            edge.wait_event("call.ended", call)
        edge.check_histories()
