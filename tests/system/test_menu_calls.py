"""`edge menu test --call`: tests beside menus as real calls."""

import json
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import soundfile

from edge.app.demo import SITE_FILE, demo_overrides
from edge.app.phone_audio import Samples
from edge.config.errors import Findings
from edge.config.loader import inspect
from edge.config.prompts import synthesise_all
from edge.media.loader import read_sound
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
TESTS = """
version: 1
tests:
  - name: A number that ends with the pound key
    steps:
      - hear: welcome to the demo
      - at: main
      - hear: to hear what this is, press 1
      - press: 2
      - hear: enter up to 8 digits
      - press: "4711#"
      - input: matched
      - hear: thank you
      - press: "*"
      - hear: goodbye
      - end: true

  - name: The one who is called is engaged
    caller: ""
    targets: {"sip:echo@127.0.0.1:5070": busy}
    steps:
      - press: 9
      - transfer: sip:echo@127.0.0.1:5070
      - hear: the line is engaged
      - at: main

  - name: Wrong
    steps:
      - press: "*"
      - hear: welcome back

  - name: Not by a call
    answered: human
    steps:
      - at: main
"""
OUTSIDE = """
version: 1
tests:
  - name: Hear it from outside
    caller: "+15550123"
    steps:
      - hear: welcome to the demo
      - at: main
      - hear: to hear what this is
      - press: 1
      - end: true
"""


def edge(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", "menu", "test", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(cache)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, text=True, timeout=280)


@pytest.fixture
def menus(tmp_path: Path) -> Path:
    shutil.copytree(SITE_FILE.parent / "menus", tmp_path / "menus")
    return tmp_path / "menus"


def test_scripts_as_calls(menus: Path, tmp_path: Path) -> None:
    file = menus / "main.test.yaml"
    file.write_text(TESTS)
    junit, heard = tmp_path / "out.xml", tmp_path / "heard"
    done = edge(
        *(str(file), "--demo", "--call", "--junit", str(junit), "--heard", str(heard)), cache=tmp_path / "cache"
    )
    assert done.returncode == 1, done.stderr
    line = next(number for number, text in enumerate(TESTS.splitlines(), 1) if "welcome back" in text)
    assert (
        f"{file}:{line}:9: Wrong: 'welcome back' was not heard and the call has ended; heard: 'Goodbye.'" in done.stdout
    )
    assert "hear      Goodbye." in done.stdout
    assert "2 passed, 1 failed, 1 not run; " in done.stdout
    recording = next(heard.glob("*.wav"))
    assert str(recording) in done.stdout
    assert soundfile.info(recording).duration > 0.5
    suite = ET.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")


def spoken(cache: Path, *begins: str) -> list[Samples]:
    """Prompts of the demo by how their texts begin, as media would play them."""
    found = inspect(SITE_FILE, demo_overrides({"paths.state": str(cache / "edge")}))
    synthesise_all(found.speeches, Findings())
    paths = [next(one.path for one in found.speeches if one.text.startswith(begin)) for begin in begins]
    return [read_sound(path, 600 * 8000, normalise=True) for path in paths]


def test_any_exchange_can_be_called(menus: Path, tmp_path: Path, address: str) -> None:
    file = menus / "main.test.yaml"
    file.write_text(OUTSIDE)
    prompts = spoken(tmp_path / "cache", "Welcome to the demo", "To hear what this is")
    callers: list[str] = []

    def answer(exchange: Softphone) -> None:
        call = exchange.expect_call(100)
        callers.append(call.requests("INVITE")[0].get("From"))
        call.accept()
        for prompt in prompts:
            call.audio.say(prompt)
        until(lambda: any(event.key == "1" for event in call.audio.events()), 60, "the key")
        call.bye()

    with Softphone(address, port=5060) as exchange:
        thread = threading.Thread(target=answer, args=(exchange,))
        thread.start()
        to = f"sip:100@{address}:5060"
        done = edge(str(file), "--demo", "--call", "--to", to, "--json", cache=tmp_path / "cache")
        thread.join(100)
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows[0]["passed"]
    assert rows[0]["unseen_steps"] == 1
    assert "+15550123" in callers[0]
