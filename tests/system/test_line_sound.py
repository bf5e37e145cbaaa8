"""The sound of lines under a whole appliance: devices that come, go and stutter, and what is heard before an answer."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from tests.support.addresses import address
from tests.support.appliance import MENU, TONES, Appliance, write_site
from tests.support.farm import SIT
from tests.support.modem import Simulator
from tests.support.softphone import Softphone
from tests.support.sound_server import sound_server
from tests.support.tones import level_dbm0, share, sine
from tests.support.waiting import until
from tests.system.flows import hears
from tests.system.test_lines import Bench, loud, loudest_hz

pytestmark = [pytest.mark.system, pytest.mark.first]

EDGE = Path(__file__).parents[2] / ".venv" / "bin" / "edge"
#: The menu's key 9 dials on the modem.
MENU_OVER_GSM = MENU.replace(
    '{to: "sip:target@TARGET", ring_timeout: 8s,', '{to: "555", trunk: gsm, ring_timeout: 60s,'
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("sound")
    assert MENU_OVER_GSM != MENU
    with (
        address() as own,
        sound_server(folder / "sound") as desk,
        Simulator("huawei", folder / "gsm") as gsm,
    ):
        gsm.do("set", loop=False, ring_ms=4000)
        edge = Appliance(own, folder)
        write_site(
            edge,
            menu=MENU_OVER_GSM,
            extra=f"""
[[lines]]
name = "gsm"
profile = "huawei-e1750"
port = "{gsm.port}"
sound_port = "{gsm.sound}"
did = "100"
tones = "us"
[[lines]]
name = "pager"
profile = "sound-card-handset"
sound_in = "pulse"
sound_out = "pulse"
""",
        )
        edge.start(environment=desk.environment)
        try:
            made = Bench(edge, gsm, gsm, desk, folder)
            made.ready("gsm", "pager")
            yield made
        finally:
            edge.stop()


@pytest.fixture(autouse=True)
def nobody_stays(bench: Bench) -> Iterator[None]:
    """A test that has failed leaves no call to the next."""
    yield
    bench.edge.hang_up_all()


def plays(bench: Bench, hz: int) -> None:
    """Wait until the speaker plays `hz`, in a call."""
    until(lambda: bench.line("pager")["busy"], 20, "the call is there")
    before = len(bench.desk.played())

    def heard() -> bool:
        last = bench.desk.played()[before:][-4000:]
        return len(last) == 4000 and loud(last) and abs(loudest_hz(last) - hz) < 5

    until(heard, 30, f"the speaker plays {hz} Hz: {bench.line('pager')} {bench.edge.log_tail()}", every_s=0.1)


def told(bench: Bench, kind: str) -> list[dict[str, Any]]:
    return [dict(event["data"]) for event in bench.edge.events() if event["type"] == kind]


def called(bench: Bench) -> str:
    """Have somebody call the modem; returns the call, in which he hears the menu."""
    before = len(told(bench, "call.started"))
    bench.gsm.do("ring", number="+4930123456")
    until(lambda: len(told(bench, "call.started")) > before, 20, "the call has come")
    bench.heard_by(bench.gsm, TONES["welcome"])
    return bench.edge.last_call()


def trunk(bench: Bench, name: str) -> dict[str, Any]:
    body = {"trunk": name}
    answer = bench.edge.control(what="request", process="front", request="trunks", body=body)
    return dict(answer["body"][0])


def test_a_card_that_is_pulled_out_ends_its_call_alone_and_is_found_again_at_another_rate(bench: Bench) -> None:
    bench.ready("gsm", "pager")
    other = called(bench)
    call = bench.originate("pager")
    plays(bench, TONES["welcome"])
    process = bench.edge.pid("line-pager")
    bench.desk.unplug()
    end = bench.ended(call)["end"]
    assert end["q850_cause"] == 27
    until(lambda: bench.line("pager")["state"] == "absent", 20, "the line is absent")
    (note,) = [note["text"] for note in bench.edge.status()["notes"] if note["process"] == "line-pager"]
    assert "line pager is absent" in note
    assert other in {one["id"] for one in bench.edge.live_calls()}
    until(lambda: not trunk(bench, "pager")["up"], 20, "the trunk is out of service, too")
    assert trunk(bench, "pager")["why"].startswith("out of service: absent: ")
    assert trunk(bench, "gsm")["up"]
    bench.desk.plug(44_100)
    bench.ready("pager")
    assert bench.edge.pid("line-pager") == process, "the device is found without a restart"
    until(lambda: trunk(bench, "pager")["up"], 20, "the trunk is up again")
    call = bench.originate("pager")
    plays(bench, TONES["welcome"])
    bench.edge.hang_up(call)
    bench.ended(call)
    bench.gsm.do("over", cause=16)
    bench.ended(other)
    states = [(one["before"], one["state"]) for one in told(bench, "line.state_changed") if one["line"] == "pager"]
    assert states[-2:] == [("ready", "absent"), ("absent", "ready")]
    causes = [(one["trunk"], one["cause"]) for one in told(bench, "trunk.down")]
    assert ("pager", "out_of_service") in causes


def gaps(bench: Bench) -> int:
    found = bench.line("pager")
    return sum(found["underruns"].values()) + sum(found["overruns"].values())


def test_a_card_that_stutters_keeps_its_call_and_says_so(bench: Bench) -> None:
    bench.ready("pager")
    call = bench.originate("pager")
    plays(bench, TONES["welcome"])

    def noticed() -> bool:
        bench.desk.stutter(times=1, stands_s=0.3, runs_s=0.6)
        return bool(bench.line("pager")["sound"]["disturbed"])

    until(noticed, 30, f"it is told: {bench.line('pager')}")
    until(lambda: any(one["line"] == "pager" for one in told(bench, "line.sound_broken")), 20, "the event")
    one = [one for one in told(bench, "line.sound_broken") if one["line"] == "pager"][-1]
    assert gaps(bench) >= one["gaps"] >= 5
    (note,) = [note["text"] for note in bench.edge.status()["notes"] if note["process"] == "line-pager"]
    assert "its sound broke" in note
    assert (bench.line("pager")["state"], bench.line("pager")["busy"]) == ("ready", True)
    plays(bench, TONES["welcome"])
    bench.edge.hang_up(call)
    bench.ended(call)
    until(lambda: not bench.line("pager")["sound"]["disturbed"], 30, "it is whole again")


def test_a_modem_whose_sound_stops_without_a_word_is_noticed(bench: Bench) -> None:
    bench.ready("gsm")
    call = called(bench)
    bench.gsm.do("set", mute=True)
    end = bench.ended(call)["end"]
    bench.gsm.do("set", mute=False)
    assert end["q850_cause"] == 27
    last = [one for one in told(bench, "line.state_changed") if one["line"] == "gsm" and one["state"] == "absent"][-1]
    assert "brings no sound" in last["text"]
    until(lambda: bench.gsm.tell()["call"] is None, 20, "the modem has hung up")
    bench.ready("gsm")


def test_what_the_network_says_before_the_answer_is_heard_and_understood(bench: Bench) -> None:
    bench.ready("gsm")
    bench.gsm.do("set", callee="wait")
    with address() as at, Softphone(at, tone_hz=700) as caller:
        call = caller.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("9")
        until(lambda: bench.gsm.tell()["sounding"], 20, "the modem's sound runs")
        # The network rings in its signalling alone: it is we whom the caller hears.
        hears(call, TONES["ringing"])
        ringing = render(parse(COUNTRIES["us"]["ring"]), 8000 * 6, -13.0)
        say(bench, ringing)
        until(lambda: share(call.audio.recorded(2.0), 480, 12.0) > 0.3, 20, "the network's ringing", every_s=0.2)
        rang = [event["data"] for event in bench.edge.events(bench.edge.last_call()) if event["type"] == "leg.ringing"]
        assert [one["early_media"] for one in rang] == [False, True]
        sit = [sine(hz, 8 * ms, -13.0) for hz, ms in SIT["vacant_code"]]

        def understood() -> bool:
            # Again and again: a busy machine may cut a hole into it.
            say(bench, np.concatenate([*sit, np.zeros(16000, np.int16)]))
            time.sleep(3)
            heard = [(one["label"], one["meaning"]) for one in told(bench, "tone.detected")]
            return ("sit", "vacant_code") in heard

        until(understood, 60, "the tones are understood")
        assert not [event for event in bench.edge.events(bench.edge.last_call()) if event["type"] == "leg.answered"]
        bench.gsm.do("over", cause=1)
        hears(call, TONES["failed"])
        call.hang_up()
    bench.gsm.do("set", callee="answer")
    bench.ready("gsm")


def say(bench: Bench, samples: np.ndarray) -> None:
    path = bench.folder / "network.raw"
    path.write_bytes(np.asarray(samples).astype("<i2").tobytes())
    bench.gsm.do("play", path=str(path))


def test_all_threads_of_a_line_are_confined_while_it_works(bench: Bench) -> None:
    for name in ("line-gsm", "line-pager"):
        tasks = list(Path(f"/proc/{bench.edge.pid(name)}/task").iterdir())
        states = [dict(row.split(":\t", 1) for row in (task / "status").read_text().splitlines()) for task in tasks]
        assert {(state["Seccomp"], state["NoNewPrivs"]) for state in states} == {("2", "1")}
    assert "line is not confined" not in bench.edge.log_tail(1_000_000)


def test_a_watcher_sees_levels_and_clipping(bench: Bench) -> None:
    bench.ready("pager")
    call = bench.originate("pager")
    plays(bench, TONES["welcome"])

    def out() -> dict[str, Any]:
        return dict(bench.line("pager")["sound"]["out"])

    def agrees() -> bool:
        played = level_dbm0(bench.desk.played()[-4000:])
        return abs((out()["level_dbm0"] or 0.0) - played) < 0.5 and abs((out()["peak_dbm0"] or 0.0) - played) < 1.5

    until(agrees, 20, f"the level of what is played: {out()}", every_s=0.1)
    assert out()["clipped"] == 0
    command = [str(EDGE), "hw", "monitor", "pager", "--once", "--config", str(bench.edge.site)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "dBm0" in shown.stdout, shown.stderr
    found = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=60)
    assert set(json.loads(found.stdout)["sound"]["in"]) == {"level_dbm0", "peak_dbm0", "clipped"}
    bench.edge.hang_up(call)
    bench.ended(call)
