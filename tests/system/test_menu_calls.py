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
    targets: {"sip:echo@127.0.0.1:5070": trunk_down}
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

#: What only a stage of real people can show: queues, REFER, whispers, trunks, a full disk, trials.
STAGE_SITE = """
name = "stage"
[paths]
state = "{state}"
recordings = "{state}/recordings"
menus = "menus"
[[trunks]]
name = "office"
sources = ["192.0.2.11"]
address = "192.0.2.11"
[[routes]]
number = "*"
menu = "main"
[[agents]]
name = "ann"
target = "sip:ann@192.0.2.30"
[[agents]]
name = "bob"
target = "700"
trunk = "office"
[[queues]]
name = "help"
agents = ["ann", "bob"]
[[trials]]
name = "short"
menu = "main"
candidate = "short"
share = 50
"""
STAGE_MENU = """
version: 1
start: main
nodes:
  main:
    gather: {greet_long: {say: Welcome. Press a key to go on.}, max_failures: 1}
    choices: {1: sent, 2: asked, 3: office, 4: wait, 5: report}
    failed: end
  sent:
    transfer: {to: sip:desk@192.0.2.20, by: refer, ring_timeout: 6s}
    on_outcome: {busy: engaged}
    failed: end
  asked:
    transfer:
      to: sip:nurse@192.0.2.21
      whisper: {sounds: {say: "A patient. To take the call, press 1."}, accept: "1", accept_timeout: 2s}
    on_outcome: {not_accepted: nobody}
    failed: end
    after: end
  office:
    transfer: {to: "100", trunk: office}
    on_outcome: {no_room: no-lines, trunk_down: no-trunk}
    failed: end
  wait:
    queue:
      name: help
      position: {say: "You are number ${queue_position} in the queue."}
      wait: {say: "You will wait for about ${queue_minutes} minutes."}
      announce_after: 500ms
      announce_every: 1s
      whisper: {sounds: {say: A call from the help line.}}
    failed: end
  report: {record: {max_length: 5s}, next: end, failed: end, unavailable: nobody}
  engaged: {say: "The line is engaged, I am sorry.", next: end}
  nobody: {say: There is nobody who could answer now., next: end}
  no-lines: {say: All our lines are taken at the moment., next: end}
  no-trunk: {say: The connection to the office is interrupted., next: end}
  end: {hang_up: }
"""
STAGE_SHORT = """
version: 1
start: who
nodes:
  who: {answered: beep, human: hello, machine: message, fax: end, unknown: hi}
  hi: {say: Good morning to everybody who calls., next: end}
  hello: {say: This is the call that you asked for., next: end}
  message: {say: Please call us back tomorrow., next: end}
  end: {hang_up: }
"""
STAGE_TESTS = """
version: 1
tests:
  - name: sent on
    steps: [{press: 1}, {transfer: "sip:desk@192.0.2.20"}, {end: true}]
  - name: sent on in vain
    targets: {"sip:desk@192.0.2.20": busy}
    steps: [{press: 1}, {transfer: "sip:desk@192.0.2.20"}, {hear: line is engaged}, {end: true}]
  - name: the key is pressed
    steps: [{press: 2}, {transfer: "sip:nurse@192.0.2.21"}, {whisper: "take the call, press 1"}, {at: end}]
  - name: the key is not pressed
    targets: {"sip:nurse@192.0.2.21": not_accepted}
    steps: [{press: 2}, {transfer: "sip:nurse@192.0.2.21"}, {whisper: a patient}, {hear: nobody who}]
  - name: the trunk is full
    targets: {"100": no_room}
    steps: [{press: 3}, {transfer: "100"}, {hear: lines are taken}]
  - name: the trunk is down
    targets: {"100": trunk_down}
    steps: [{press: 3}, {transfer: "100"}, {hear: is interrupted}]
  - name: one agent is busy, the other one comes
    queues: {help: {free: {ann: 10s, bob: 10s}, ahead: 2, moves: 4s, estimate: 90s}}
    targets: {"sip:ann@192.0.2.30": busy}
    steps:
      - press: 4
      - queue: help
      - hear: number three in the queue. you will wait for about five minutes
      - hear: number two in the queue
      - transfer: sip:ann@192.0.2.30
      - transfer: "700"
      - whisper: from the help line
  - name: the disk is full
    records: false
    steps: [{press: 5}, {hear: nobody who}]
  - name: what is tried
    trial: short
    caller: ""
    steps: [{at: hi}, {hear: good morning}, {end: true}]
  - name: a human answers
    trial: short
    answered: human
    steps: [{hear: that you asked for}, {end: true}]
  - name: a machine answers
    trial: short
    answered: machine
    steps: [{hear: call us back tomorrow}, {end: true}]
  - name: not by a call
    targets: {"sip:nurse@192.0.2.21": trunk_down}
    steps: [{press: 2}]
  - name: not in real time
    steps: [{wait: 6m}]
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


def test_a_stage_has_queues_refer_whispers_and_trials(tmp_path: Path) -> None:
    menus = tmp_path / "menus"
    menus.mkdir()
    (tmp_path / "site.toml").write_text(STAGE_SITE.replace("{state}", str(tmp_path / "state")))
    for name, text in (("main.yaml", STAGE_MENU), ("short.yaml", STAGE_SHORT), ("main.test.yaml", STAGE_TESTS)):
        (menus / name).write_text(text)
    site = ("--config", str(tmp_path / "site.toml"))
    virtual = edge("main", *site, cache=tmp_path / "cache")
    assert "main: 13 passed, 0 failed; 11 of 11 nodes" in virtual.stdout, virtual.stdout
    called = edge("main", *site, "--call", "--jobs", "11", cache=tmp_path / "cache")
    assert "main: 11 passed, 0 failed, 2 not run; 11 of 11 nodes" in called.stdout, called.stdout + called.stderr
    assert "not run: sip:nurse@192.0.2.21: it is not called by a trunk that could be down" in called.stdout
    assert "not run: its caller waits for 360 s" in called.stdout
    assert called.returncode == 0


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
