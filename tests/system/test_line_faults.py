"""Calls by an LTE modem in another box (TCP) and by an analogue one (V.253), and what becomes of them in trouble.

The sound of the first is on a port of its own, that of the second shielded by <DLE> in its control stream.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.addresses import address
from tests.support.appliance import MENU, TONES, Appliance, write_site
from tests.support.modem import Simulator, two_modems
from tests.support.softphone import Softphone
from tests.support.tones import DTMF, dominant, level_dbm0, sine
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = [pytest.mark.system, pytest.mark.first]

CALLER = "+4930123456"
#: What the caller on SIP and the far end of a line sound like, Hz.
OURS_HZ, THEIRS_HZ = 700, 900
ALL_MENU = MENU.replace('"sip:target@TARGET"', '"555", trunk: box').replace(
    "9: connect, 0: bye}\n    failed: bye\n  one",
    "9: connect, 8: analogue, 0: bye}\n    failed: bye\n"
    '  analogue:\n    transfer: {to: "556", trunk: fxo, ring_timeout: 8s, ringing: ringing}\n    failed: failed\n  one',
)


class Bench:
    """The appliance, and its two modems."""

    def __init__(self, edge: Appliance, box: Simulator, fxo: Simulator, caller: Softphone, folder: Path) -> None:
        self.edge, self.caller, self.folder = edge, caller, folder
        self.modems = {"box": box, "fxo": fxo}

    def write(self) -> None:
        """Write the site as it is to be."""
        box, fxo = self.modems["box"], self.modems["fxo"]
        write_site(
            self.edge,
            menu=ALL_MENU,
            extra=f"""
[[lines]]
name = "box"
profile = "simcom-sim7600"
port = "socket://{box.port}"
sound_port = "{box.sound}"
did = "100"
[[lines]]
name = "fxo"
profile = "voice-modem-v253"
port = "{fxo.port}"
did = "100"
[[trunk_groups]]
name = "both"
members = [{{trunk = "box", priority = 1}}, {{trunk = "fxo", priority = 2}}]
""",
        )

    def line(self, name: str) -> dict[str, Any]:
        try:
            return dict(self.edge.control(what="request", process=f"line-{name}", request="line", body=None)["body"])
        except ValueError:
            return {"state": "no process", "busy": False, "text": ""}

    def ready(self, *names: str) -> None:
        for name in names:
            until(
                lambda name=name: self.line(name)["state"] == "ready" and not self.line(name)["busy"],
                90,
                f"{name} ready: {self.line(name)} {self.edge.log_tail()}",
            )

    def originate(self, trunk: str) -> str:
        body = {"target": "555", "trunk": trunk, "menu": "main"}
        return str(self.edge.control(what="request", process="switch", request="originate", body=body)["body"]["call"])

    def end_of(self, call: str) -> dict[str, Any]:
        return dict(self.edge.wait_event("call.ended", call, limit_s=40)["data"]["end"])

    def recorded(self, name: str) -> np.ndarray:
        """What the far end of a line has heard, int16 at 8 kHz."""
        path = self.folder / f"{name}.raw"
        self.modems[name].do("record", path=str(path))
        data = path.read_bytes()
        if name == "fxo":
            return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) * 256
        return np.frombuffer(data[: len(data) & ~1], np.int16)

    def far_hears(self, name: str, *hz: float) -> float:
        """Wait until the far end hears these; returns the level, dBm0."""
        seen: list[Any] = []

        def heard() -> bool:
            piece = self.recorded(name)[-2400:]
            seen[:] = [dominant(piece, len(hz)), level_dbm0(piece)]
            return len(seen[0]) == len(hz) and np.allclose(sorted(seen[0]), sorted(hz), atol=12) and seen[1] > -35

        until(heard, 30, f"{hz} at {name}: {seen} {self.modems[name].tell()} {self.edge.log_tail()}", every_s=0.1)
        return float(seen[1])

    def far_says(self, name: str, hz: float, seconds: float = 60) -> None:
        """Have the far end say a tone from now on."""
        tone = sine(hz, int(8000 * seconds))
        path = self.folder / f"{name}.say"
        path.write_bytes((tone // 256 + 128).astype(np.uint8).tobytes() if name == "fxo" else tone.tobytes())
        self.modems[name].do("play", path=str(path))

    def called_by(self, name: str, number: str) -> str:
        """Have somebody call by the network until the menu is heard there."""
        heard = len(self.recorded(name))
        self.modems[name].do("ring", number=number)
        until(lambda: len(self.recorded(name)) >= heard + 2400, 30, f"{name} answers: {self.line(name)}")
        self.far_hears(name, TONES["welcome"])
        call = self.edge.last_call()
        began = next(event for event in self.edge.events(call) if event["type"] == "call.started")["data"]
        assert (began["trunk"], began["caller"]) == (name, number)
        return call

    def told(self, name: str, state: str, word: str) -> None:
        """Wait until the line is in `state` and a note says why; the appliance and the other line are unharmed."""
        until(lambda: self.line(name)["state"] == state and word in self.line(name)["text"], 60, f"{self.line(name)}")

        def noted() -> bool:
            status = self.edge.status()
            return status["ready"] and any(
                note["process"] == f"line-{name}" and word in str(note) for note in status["notes"]
            )

        until(noted, 20, f"a note with {word!r}: {self.edge.status()['notes']}")
        other = {"box": "fxo", "fxo": "box"}[name]
        assert self.line(other)["state"] == "ready"

    def talk(self, name: str) -> Any:
        """Have somebody on SIP call through the line, and both hear each other."""
        self.ready(name)
        call = self.caller.call(self.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press({"box": "9", "fxo": "8"}[name])
        self.far_hears(name, OURS_HZ)
        self.far_says(name, THEIRS_HZ)
        hears(call, THEIRS_HZ)
        return call


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("lines")
    with (
        address() as own,
        address() as caller_at,
        two_modems(own, folder) as (box, fxo),
        Softphone(caller_at, tone_hz=OURS_HZ) as caller,
    ):
        made = Bench(Appliance(own, folder), box, fxo, caller, folder)
        made.write()
        made.edge.start()
        try:
            made.ready("box", "fxo")
            yield made
        finally:
            made.edge.stop()


@pytest.fixture(autouse=True)
def alone(bench: Bench) -> Iterator[None]:
    """A test that fails leaves no call to the next."""
    yield
    bench.edge.hang_up_all()


def test_an_analogue_caller_is_known_presses_a_key_and_hangs_up(bench: Bench) -> None:
    bench.ready("fxo")
    modem = bench.modems["fxo"]
    call = bench.called_by("fxo", CALLER)
    modem.do("press", digit="1")
    bench.far_hears("fxo", TONES["one"])
    modem.do("over")
    assert bench.end_of(call)["ended_by"] == "caller"
    # The next rings at once, when a ring may still be of the call that is over; its number is said once.
    bench.ready("fxo")
    call = bench.called_by("fxo", "+4930999999")
    modem.do("over")
    bench.end_of(call)


@pytest.mark.parametrize("name", ["box", "fxo"])
def test_a_call_that_we_make_is_heard_both_ways(bench: Bench, name: str) -> None:
    call = bench.talk(name)
    own = bench.edge.last_call()
    modem = bench.modems[name]
    assert any(command.startswith("ATD") and "55" in command for command in modem.tell()["log"])
    # As loud there as it was said, and here as there: the profiles have no gain.
    said = level_dbm0(sine(OURS_HZ, 2400))
    assert abs(bench.far_hears(name, OURS_HZ) - said) < 3
    until(lambda: abs(level_dbm0(call.audio.recorded(0.3)) - said) < 3, 15, "the level of the far end")
    if name == "box":
        call.audio.press("5")
        until(lambda: modem.tell()["keys"] == "5", 20, f"the key: {modem.tell()}")
    else:
        begin = len(bench.recorded(name))
        call.audio.press("5")

        def key() -> bool:
            heard = bench.recorded(name)[begin:]
            pieces = [heard[at : at + 320] for at in range(0, len(heard) - 320, 160)]
            return any(np.allclose(sorted(dominant(piece, 2)), DTMF["5"], atol=20) for piece in pieces)

        until(key, 20, "the key in the sound of the line")
    # The far end hangs up: the modem says so, or there is the busy tone.
    modem.do("over", cause=16)
    bench.edge.wait_event("leg.ended", own)
    call.bye()
    bench.end_of(own)
    until(lambda: modem.tell()["call"] is None, 20, "the modem has hung up")


@pytest.mark.parametrize("name", ["box", "fxo"])
def test_we_hang_up_first(bench: Bench, name: str) -> None:
    call = bench.talk(name)
    own = bench.edge.last_call()
    call.bye()
    assert bench.end_of(own)["ended_by"] == "caller"
    until(lambda: bench.modems[name].tell()["call"] is None, 20, "the modem has hung up")


@pytest.mark.parametrize(
    ("name", "callee", "outcome", "code"),
    [
        ("box", "no_answer", "no_answer", 480),
        ("box", "no_carrier", "no_answer", 480),
        ("fxo", "busy", "busy", 486),
        ("fxo", "no_answer", "no_answer", 480),
        ("fxo", "no_dialtone", "unreachable", 503),
    ],
)
def test_what_became_of_a_call_is_told_as_sip_tells_it(
    bench: Bench, name: str, callee: str, outcome: str, code: int
) -> None:
    bench.ready(name)
    bench.modems[name].do("set", callee=callee)
    try:
        end = bench.end_of(bench.originate(name))
    finally:
        bench.modems[name].do("set", callee="answer")
    assert (end["outcome"], end["sip_code"]) == (outcome, code), end


def test_a_connection_that_is_lost_in_a_call_comes_back(bench: Bench) -> None:
    call = bench.talk("box")
    own = bench.edge.last_call()
    bench.modems["box"].do("unplug")
    until(lambda: bench.line("box")["state"] == "absent", 60, f"it is told: {bench.line('box')}")
    until(lambda: any(note["process"] == "line-box" for note in bench.edge.status()["notes"]), 20, "a note")
    assert bench.edge.status()["ready"]
    bench.edge.wait_event("leg.ended", own)
    assert bench.line("fxo")["state"] == "ready"
    call.bye()
    bench.end_of(own)
    bench.modems["box"].do("plug")
    bench.ready("box")


@pytest.mark.parametrize("fault", ["deaf", "babbling"])
def test_a_modem_that_says_nothing_or_rubbish_in_a_call_is_left_and_its_call_is_hung_up(
    bench: Bench, fault: str
) -> None:
    bench.ready("box", "fxo")
    box = bench.modems["box"]
    call = bench.called_by("box", CALLER)
    box.do("set", **{fault: True})
    # Where nobody asked, its calls are asked for each second; two answers that do not come are enough.
    bench.told("box", "failed", "does not answer any more")
    assert bench.end_of(call)["q850_cause"] == 27
    assert box.tell()["call"], "the modem itself goes on"
    box.do("set", **{fault: False})
    bench.ready("box")
    until(lambda: box.tell()["call"] is None, 20, f"it is hung up there: {box.tell()}")
    call = bench.called_by("box", CALLER)
    box.do("over")
    bench.end_of(call)


def test_a_voice_modem_that_stops_in_its_sound_is_brought_back_from_it(bench: Bench) -> None:
    bench.ready("box", "fxo")
    fxo = bench.modems["fxo"]
    call = bench.called_by("fxo", CALLER)
    # Nothing can be asked within its sound: that it stops is all there is.
    fxo.do("set", deaf=True, mute=True)
    assert bench.end_of(call)["q850_cause"] == 27
    bench.told("fxo", "failed", "")
    assert fxo.tell()["call"], "the modem itself goes on"
    fxo.do("set", deaf=False, mute=False)
    bench.ready("fxo")
    until(lambda: fxo.tell()["call"] is None, 20, f"it is hung up there: {fxo.tell()}")
    call = bench.called_by("fxo", CALLER)
    fxo.do("over")
    bench.end_of(call)


@pytest.mark.parametrize("fault", ["silent", "babbling"])
def test_a_modem_that_says_nothing_or_rubbish_from_the_start_is_told_and_comes_back(bench: Bench, fault: str) -> None:
    bench.ready("box", "fxo")
    box = bench.modems["box"]
    box.do("unplug")
    box.do("set", **{fault: True})
    box.do("plug")
    bench.told("box", "failed", "no answer to AT")
    assert bench.end_of(bench.originate("box"))["sip_code"] == 503
    other = bench.originate("fxo")
    bench.far_hears("fxo", TONES["welcome"])
    box.do("set", **{fault: False})
    bench.ready("box")
    assert other in {call["id"] for call in bench.edge.live_calls()}


@pytest.mark.parametrize(
    ("happens", "state", "word", "cause"),
    [("restart", "ready", "", 27), ("lose_sim", "no_sim", "there is no SIM", 38)],
)
def test_a_modem_that_restarts_or_loses_its_sim_in_a_call(
    bench: Bench, happens: str, state: str, word: str, cause: int
) -> None:
    bench.ready("box", "fxo")
    box = bench.modems["box"]
    call = bench.called_by("box", CALLER)
    other = bench.originate("fxo")
    bench.far_hears("fxo", TONES["welcome"])
    box.do(happens)
    assert bench.end_of(call)["q850_cause"] == cause
    if happens == "lose_sim":
        bench.told("box", state, word)
        box.do("gain_sim")
    bench.ready("box")
    texts = [e["data"]["text"] for e in bench.edge.events() if e["type"] == "line.state_changed"]
    assert any((word or "the modem has restarted") in text for text in texts)
    assert other in {one["id"] for one in bench.edge.live_calls()}
    call = bench.called_by("box", CALLER)
    box.do("over")
    bench.end_of(call)


def test_a_caller_gives_up_before_the_answer_and_the_next_is_answered(bench: Bench) -> None:
    bench.ready("box", "fxo")
    box = bench.modems["box"]
    before = bench.edge.types().count("call.started")
    box.do("ring")  # nobody's number: it is waited for
    until(lambda: bench.line("box")["busy"], 20, "it rings")
    box.do("over")
    bench.ready("box")
    assert bench.edge.types().count("call.started") == before, "nobody has been let into a menu"
    # The answer and the end cross: front has answered, and the modem says that nobody is there.
    answers = box.tell()["log"].count("ATA")
    box.do("set", answers={"ATA": "NO CARRIER"})
    box.do("ring", number=CALLER)
    until(lambda: box.tell()["log"].count("ATA") > answers, 20, "it is answered")
    box.do("over")
    box.do("set", answers={})
    until(lambda: bench.edge.types().count("call.started") == before + 1, 20, "it is in a menu")
    call = bench.edge.last_call()
    assert bench.end_of(call)["ended_by"] == "caller"
    bench.ready("box")
    call = bench.called_by("box", CALLER)
    box.do("over")
    bench.end_of(call)


@pytest.mark.parametrize("when", ["idle", "ringing in"])
def test_the_process_of_a_line_is_killed(bench: Bench, when: str) -> None:
    bench.ready("fxo", "box")
    box = bench.modems["box"]
    if when == "ringing in":
        box.do("ring")  # nobody's number: it is waited for
        until(lambda: bench.line("box")["busy"], 20, "it rings")
    other = bench.originate("fxo")
    bench.far_hears("fxo", TONES["welcome"])
    old = bench.edge.kill("line-box")
    bench.edge.wait_restarted("line-box", old)
    if when == "ringing in":  # the caller is still there, and rings on
        bench.far_hears("box", TONES["welcome"])
        box.do("over")
    bench.ready("box")
    assert box.tell()["call"] is None
    assert other in {call["id"] for call in bench.edge.live_calls()}
    bench.edge.hang_up(other)
    bench.end_of(other)
