"""A card's number, entered by every method in one call and through kills: it is nowhere, nor a tone of it recorded."""

import json
import subprocess
import sys
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import multimon
from tests.support.addresses import address as loopback_address
from tests.support.appliance import TONES, appliance, sink
from tests.support.backend import backend
from tests.support.certificates import Authority
from tests.support.questions import Oracle, oracle
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears

#: Alone: a tone that is sent late in its middle is two keys to whoever plays it in time.
pytestmark = [pytest.mark.system, pytest.mark.alone]

#: Test numbers of card schemes; none is anybody's.
EVENTS, TONES_ONLY, INFO = "4929608312745060", "5295130746182946", "6011836402957105"
NUMBERS = (EVENTS, TONES_ONLY, INFO)
#: So many digits of one in a row say too much of it.
TELLING = 9

MENU = """
version: 1
start: welcome
nodes:
  welcome:
    gather: {greet_long: welcome, first_digit_timeout: 30s}
    choices: {1: card, 0: bye}
    failed: bye
  card:
    gather:
      greet_long: one
      min_digits: 16
      max_digits: 16
      first_digit_timeout: 30s
      inter_digit_timeout: 10s
      sensitive: true
      check: luhn
      keep: card
    next: pay
    failed: bye
  pay:
    ask: {endpoint: bank, send: [card, called]}
    answers: {approved: again}
    failed: bye
  again:
    gather: {greet_long: two, first_digit_timeout: 30s}
    choices: {1: card, 0: bye}
    failed: bye
  bye:
    hang_up:
"""


def pieces(number: str) -> Iterator[bytes]:
    for at in range(len(number) - TELLING + 1):
        yield number[at : at + TELLING].encode()


def out(call: Call) -> None:
    until(lambda: not call.audio.pressing, 30, "the keys are out")


def asked(bench: Bench, call: Call, times: int) -> None:
    """Choose the sensitive node, and hear its prompt."""
    call.audio.press("1")
    until(lambda: entered(bench, "card") == times, 20, f"the node is entered {times} times")
    hears(call, TONES["one"])


def entered(bench: Bench, node: str) -> int:
    return sum(e["data"]["node"] == node for e in bench.edge.events() if e["type"] == "menu.node_entered")


def by_events(bench: Bench, call: str) -> int:
    keys = [e["data"] for e in bench.edge.events(call) if e["type"] == "dtmf.received"]
    return sum(key["method"] == "rfc4733" for key in keys)


def matched(bench: Bench, times: int) -> None:
    def found() -> list[str]:
        inputs = [e["data"] for e in bench.edge.events() if e["type"] == "menu.input"]
        return [one["digits"] for one in inputs if one["node"] == "card" and one["result"] == "matched"]

    until(lambda: found() == ["*" * 16] * times, 20, f"{times} numbers, masked; had {found()}")
    # It is recorded again when the last key is over.
    bench.edge.wait_event("recording.unmuted", count=times)


def edge(bench: Bench, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "edge", *arguments, "--state", str(bench.edge.state)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def remembered(pid: int) -> Iterator[bytes]:
    """The memory of a process: what it can write to, and nothing that lies in a file."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, access, *_ = line.split()
            if "w" not in access or "[vvar]" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except (OSError, ValueError):
                continue


def assert_nowhere(bench: Bench, call: str, folder: Path) -> None:
    """Whatever keeps or shows something of the call has no telling part of a number."""
    wanted = {piece for number in NUMBERS for piece in pieces(number)}
    capture = folder / "call.pcap"
    said = edge(bench, "calls", "show", call, "--sip", "--messages")
    assert said.count(b"INFO sip") >= len(INFO), "the requests are there, and perhaps again"
    edge(bench, "calls", "pcap", call, str(capture))
    with urllib.request.urlopen(f"http://{bench.edge.address}:8080/metrics", timeout=10) as page:
        metrics = page.read()
    shown = {"ladder": said, "metrics": metrics, "pcap": capture.read_bytes()}
    shown["status"] = json.dumps(bench.edge.status()).encode()
    shown["backend"] = repr(bench.backend.events()).encode()
    shown["show"] = edge(bench, "calls", "--all", "--json")
    for path in [bench.edge.log, *bench.edge.state.rglob("*"), *bench.edge.recordings.rglob("*")]:
        if path.is_file():
            shown[str(path)] = path.read_bytes()
    for what, data in shown.items():
        assert not [piece for piece in wanted if piece in data], what
    # One key after the other, as ladder and events have them.
    for what in ("ladder", "backend"):
        keys = "".join(char for char in shown[what].decode() if char.isdigit())
        assert not [number for number in NUMBERS if number in keys], what
    knows_the_call = set()
    for process in bench.edge.processes():
        for part in remembered(int(process["pid"])) if process["pid"] else ():
            assert not [number for number in NUMBERS if number.encode() in part], process["name"]
            if call.encode() in part:
                knows_the_call.add(process["name"])
    assert knows_the_call >= {"switch", "media"}, "what they do remember is found there"


def muted_spans(bench: Bench, call: str) -> list[tuple[int, int]]:
    marks = [e for e in bench.edge.events(call) if e["type"] in {"recording.muted", "recording.unmuted"}]
    assert [e["type"] for e in marks] == ["recording.muted", "recording.unmuted"] * (len(marks) // 2)
    at = [int(e["data"]["at_ms"]) for e in marks]
    return list(zip(at[::2], at[1::2], strict=True))


def assert_silent(path: Path, spans: list[tuple[int, int]]) -> None:
    """Both tracks are silence in the spans and sound around them, and no decoder finds a key in either."""
    with wave.open(str(path)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    inside = np.zeros(len(frames), bool)
    for start, end in spans:
        inside[start * 8 : end * 8] = True
    assert not frames[inside].any()
    outside = frames[~inside]
    assert np.mean(np.abs(outside[:, 0]) > 100) > 0.5, "the caller's tone goes on around it"
    found = subprocess.run(
        [sys.executable, "-m", "edge", "analyze", str(path), "--json"], capture_output=True, timeout=120, check=False
    ).stdout
    assert not [line for line in found.splitlines() if b'"dtmf"' in line], found
    for track in range(2):
        assert multimon.digits(np.ascontiguousarray(frames[:, track])) == ""


@pytest.fixture
def bank(address: str, tmp_path: Path) -> Iterator[Oracle]:
    authority = Authority(tmp_path / "authority")
    with oracle(address, authority.issue(address)) as told:
        told.say = {"result": "approved"}
        told.root = authority.root
        yield told


@pytest.fixture
def shop(bank: Oracle, tmp_path: Path) -> Iterator[Bench]:
    """As `bench`, with a bank to ask."""
    with (
        loopback_address() as edge_at,
        loopback_address() as caller_at,
        backend(edge_at) as receiver,
        Softphone(caller_at, tone_hz=700) as caller,
    ):
        endpoint = f'[[endpoints]]\nname = "bank"\nurl = "{bank.url}"\nca_file = "{bank.root}"\n'
        with appliance(edge_at, tmp_path, menu=MENU, extra=sink(receiver.url) + endpoint) as edge:
            yield Bench(edge, receiver, caller, caller)
            edge.check_histories()


def test_a_number_is_nowhere_however_it_came_and_whoever_died(shop: Bench, bank: Oracle, tmp_path: Path) -> None:
    bench = shop
    call = bench.caller.call(bench.edge.uri).wait_answered()
    hears(call, TONES["welcome"])
    id_ = bench.edge.last_call()

    asked(bench, call, 1)
    call.audio.press(EVENTS, 80, 60)
    matched(bench, 1)
    hears(call, TONES["two"])

    # Tones. Half of it is pressed when media dies, and again when switch does, with which it is lost: it begins anew.
    asked(bench, call, 2)
    call.audio.press(TONES_ONLY[:6], 80, 60, method="inband")
    bench.edge.wait_restarted("media", bench.edge.kill("media"))
    out(call)
    # How many of them media has heard, around its death, nobody knows. A key that switch has not heard of before it
    # dies would belong to what begins then, so the last ones are told apart by their method.
    told = by_events(bench, id_)
    call.audio.press(TONES_ONLY[6:10], 80, 60)
    until(lambda: by_events(bench, id_) == told + 4, 20, "four keys are told")
    bench.edge.wait_restarted("switch", bench.edge.kill("switch"))
    hears(call, TONES["one"])
    call.audio.press(TONES_ONLY, 80, 60, method="inband")
    matched(bench, 2)
    hears(call, TONES["two"])

    asked(bench, call, 3)
    for digit in INFO:
        call.info_digit(digit)
    matched(bench, 3)
    hears(call, TONES["two"])

    # Each went out once, and nowhere but there.
    assert [one["values"] for one in bank.questions] == [{"called": "100", "card": number} for number in NUMBERS]
    assert bench.edge.types(id_).count("menu.asked") == 3

    call.bye()
    ended_once(bench, "completed")
    done = bench.edge.wait_event("recording.completed", id_)["data"]
    spans = muted_spans(bench, id_)
    assert len(spans) == 3
    assert_silent(Path(done["path"]), spans)
    assert_nowhere(bench, id_, tmp_path)
