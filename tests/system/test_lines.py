"""Lines under a whole appliance: two modems on ptys and a sound card on a PulseAudio sink, with calls both ways."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, write_site
from tests.support.modem import Simulator
from tests.support.sound_server import SoundServer, sound_server
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.first]

CALLER = "+4930123456"
#: A second of the key 1 (ITU-T Q.23) as the network would bring it.
KEY_HZ = (697, 1209)


class Bench:
    """The appliance, its modems, and its sound server."""

    def __init__(self, edge: Appliance, gsm: Simulator, lte: Simulator, desk: SoundServer, folder: Path) -> None:
        self.edge, self.gsm, self.lte, self.desk, self.folder = edge, gsm, lte, desk, folder
        #: What each modem had recorded when it was listened to last.
        self._heard: dict[int, int] = {}

    def line(self, name: str) -> dict[str, Any]:
        try:
            return dict(self.edge.control(what="request", process=f"line-{name}", request="line", body=None)["body"])
        except ValueError:
            return {"state": "no process", "busy": False}

    def ready(self, *names: str) -> None:
        for name in names:
            until(
                lambda name=name: self.line(name)["state"] == "ready" and not self.line(name)["busy"],
                60,
                f"{name} ready: {self.line(name)} {self.edge.log_tail()}",
            )

    def originate(self, trunk: str) -> str:
        body = {"target": "555", "trunk": trunk, "menu": "main"}
        return str(self.edge.control(what="request", process="switch", request="originate", body=body)["body"]["call"])

    def heard_by(self, modem: Simulator, hz: int) -> None:
        """Wait until the far end of a modem's call hears `hz`."""
        path = self.folder / f"{id(modem)}.raw"

        def hears() -> bool:
            modem.do("record", path=str(path))
            samples = np.frombuffer(path.read_bytes(), np.int16)[self._heard.get(id(modem), 0) :][-4000:]
            return len(samples) == 4000 and loud(samples) and abs(loudest_hz(samples) - hz) < 5

        until(hears, 30, f"{hz} Hz: {modem.tell()} {self.edge.log_tail()}", every_s=0.1)
        self._heard[id(modem)] = path.stat().st_size // 2

    def ended(self, call: str) -> dict[str, Any]:
        return dict(self.edge.wait_event("call.ended", call, limit_s=30)["data"])


def press(bench: Bench, call: str) -> None:
    """Play the key until it is taken: a busy machine may cut a hole into the simulator's sound."""

    def taken() -> bool:
        bench.gsm.do("play", path=str(bench.folder / "key.raw"))
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            if "dtmf.received" in bench.edge.types(call):
                return True
            time.sleep(0.1)
        return False

    until(taken, 30, "the key")


def loud(samples: np.ndarray) -> bool:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2))) > 300


def loudest_hz(samples: np.ndarray, rate: int = 8000) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("lines")
    with (
        address() as own,
        sound_server(folder / "sound") as desk,
        Simulator("huawei", folder / "gsm") as gsm,
        Simulator("simcom", folder / "lte") as lte,
    ):
        for modem in (gsm, lte):
            # As networks ring: sooner after a call, a ring is taken for the rest of that one.
            modem.do("set", loop=False, ring_ms=4000)
        edge = Appliance(own, folder)
        write_site(
            edge,
            extra=f"""
[[lines]]
name = "gsm"
profile = "huawei-e1750"
port = "{gsm.port}"
sound_port = "{gsm.sound}"
did = "100"
[[lines]]
name = "lte"
profile = "simcom-sim7600"
port = "{lte.port}"
sound_port = "{lte.sound}"
did = "100"
[[lines]]
name = "pager"
profile = "sound-card-handset"
sound_in = "pulse"
sound_out = "pulse"
[[trunks]]
name = "dead"
address = "127.0.0.1:9"
sources = ["192.0.2.1"]
invite_timeout = "2s"
[[trunk_groups]]
name = "out"
members = [{{trunk = "dead", priority = 1}}, {{trunk = "gsm", priority = 2}}]
""",
        )
        edge.start(environment=desk.environment)
        try:
            made = Bench(edge, gsm, lte, desk, folder)
            made.ready("gsm", "lte", "pager")
            yield made
        finally:
            edge.stop()


def test_a_call_from_the_network_walks_through_the_menu(bench: Bench) -> None:
    bench.ready("gsm")
    bench.gsm.do("ring", number=CALLER)
    bench.heard_by(bench.gsm, TONES["welcome"])
    call = bench.edge.last_call()
    began = next(event for event in bench.edge.events(call) if event["type"] == "call.started")["data"]
    assert (began["trunk"], began["caller"], began["called"]) == ("gsm", CALLER, "100")
    t = np.arange(1600) / 8000
    key = sum(6000 * np.sin(2 * np.pi * hz * t) for hz in KEY_HZ)
    (bench.folder / "key.raw").write_bytes(np.asarray(key).astype("<i2").tobytes())
    press(bench, call)
    bench.heard_by(bench.gsm, TONES["one"])
    bench.gsm.do("over", cause=16)
    assert bench.ended(call)["end"]["ended_by"] == "caller"
    bench.ready("gsm")


def test_a_key_that_the_modem_reports_is_a_key(bench: Bench) -> None:
    bench.ready("lte")
    bench.lte.do("ring", number=CALLER)
    bench.heard_by(bench.lte, TONES["welcome"])
    bench.lte.do("press", digit="2")
    bench.heard_by(bench.lte, TONES["two"])
    call = bench.edge.last_call()
    bench.lte.do("press", digit="0")
    assert bench.ended(call)["end"]["ended_by"] == "appliance"
    until(lambda: bench.lte.tell()["call"] is None, 20, "the modem has hung up")


def test_a_group_goes_on_to_the_line_within_one_attempt(bench: Bench) -> None:
    bench.ready("gsm")
    call = bench.originate("out")
    bench.heard_by(bench.gsm, TONES["welcome"])
    assert "ATD555;" in bench.gsm.tell()["log"]
    left = [event["data"] for event in bench.edge.events(call) if event["type"] == "leg.failed_over"]
    assert len(left) == 1
    bench.gsm.do("over", cause=16)
    bench.ended(call)


def test_busy_is_told_as_busy(bench: Bench) -> None:
    bench.ready("gsm")
    bench.gsm.do("set", callee="busy")
    reason = bench.ended(bench.originate("gsm"))["end"]
    bench.gsm.do("set", callee="answer")
    assert (reason["outcome"], reason["sip_code"], reason["q850_cause"]) == ("busy", 486, 17)


def test_a_sound_card_is_spoken_to(bench: Bench) -> None:
    bench.ready("pager")
    call = bench.originate("pager")

    def plays() -> bool:
        heard = bench.desk.played()[-4000:]
        return loud(heard) and abs(loudest_hz(heard) - TONES["welcome"]) < 5

    until(plays, 20, "the sink plays the prompt", every_s=0.1)
    status = bench.line("pager")
    assert status["busy"]
    bench.edge.hang_up(call)
    bench.ended(call)
    bench.ready("pager")


def test_an_unplugged_modem_ends_its_call_and_no_other(bench: Bench) -> None:
    bench.ready("gsm", "lte")
    bench.gsm.do("ring", number=CALLER)
    bench.heard_by(bench.gsm, TONES["welcome"])
    first = bench.edge.last_call()
    bench.lte.do("ring", number="+4930999999")
    bench.heard_by(bench.lte, TONES["welcome"])
    second = bench.edge.last_call()
    assert first != second
    bench.gsm.do("unplug")
    assert bench.ended(first)["end"]["q850_cause"] == 27
    notes = [note for note in bench.edge.status()["notes"] if note["process"] == "line-gsm"]
    assert notes
    assert bench.edge.status()["ready"]
    bench.lte.do("press", digit="1")
    bench.heard_by(bench.lte, TONES["one"])
    bench.gsm.do("plug")
    bench.ready("gsm")
    bench.lte.do("over", cause=16)
    bench.ended(second)
    states = [e["data"]["state"] for e in bench.edge.events() if e["type"] == "line.state_changed"]
    assert "absent" in states


def test_a_lost_sim_and_a_restart_are_told_and_pass(bench: Bench) -> None:
    bench.ready("lte")
    bench.lte.do("lose_sim")
    until(lambda: bench.line("lte")["state"] == "no_sim", 20, f"{bench.line('lte')}")
    assert bench.ended(bench.originate("lte"))["end"]["sip_code"] == 503
    bench.lte.do("gain_sim")
    bench.ready("lte")
    bench.lte.do("restart")
    until(lambda: bench.line("lte")["state"] != "ready", 20, "it has begun anew")
    bench.ready("lte")


def test_a_short_message_is_an_event_and_in_no_log(bench: Bench) -> None:
    bench.ready("lte")
    bench.lte.do("message", number="+491701234567", text="Grüße an 4711")
    told = bench.edge.wait_event("sms.received")["data"]
    assert (told["line"], told["sender"], told["text"]) == ("lte", "+491701234567", "Grüße an 4711")
    assert "4711" not in bench.edge.log_tail(1_000_000)


def test_the_kill_of_a_line_s_process_ends_its_call_alone(bench: Bench) -> None:
    bench.ready("gsm", "lte")
    bench.gsm.do("ring", number=CALLER)
    bench.heard_by(bench.gsm, TONES["welcome"])
    first = bench.edge.last_call()
    bench.lte.do("ring", number="+4930999999")
    bench.heard_by(bench.lte, TONES["welcome"])
    second = bench.edge.last_call()
    old = bench.edge.kill("line-gsm")
    bench.ended(first)
    assert second in {call["id"] for call in bench.edge.live_calls()}
    bench.edge.wait_restarted("line-gsm", old)
    bench.ready("gsm")
    bench.lte.do("over", cause=16)
    bench.ended(second)
    bench.edge.check_histories()
