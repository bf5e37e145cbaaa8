"""A campaign whose attempts leave by a modem: what becomes of them is told by its words, and by the network's sound."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.cli import main
from edge.storage.campaigns.database_store import DatabaseStore
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.campaigns import CAMPAIGN, attempts, campaign, fill, number, town_site, wait_done
from tests.support.farm import SIT
from tests.support.modem import Simulator
from tests.support.tones import sine
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.first]

LINE = """
[[lines]]
name = "gsm"
profile = "huawei-e1750"
port = "{modem.port}"
sound_port = "{modem.sound}"
tones = "us"
"""
ENGAGED, ANSWERS, VACANT = number(1, 1), number(1, 0), number(2, 3)


def test_a_campaign_calls_by_a_modem_one_number_at_a_time(tmp_path: Path) -> None:
    with address() as at, Simulator("huawei", tmp_path / "gsm") as modem:
        modem.do("set", loop=False, callee="wait")
        edge = Appliance(at, tmp_path)
        ours = (
            CAMPAIGN.format(name="mobile")
            .replace('"town"', '"gsm"')
            .replace('"1500ms"', '"60s"')
            .replace("max_channels = 6", "max_channels = 2")  # one more than the line has
        )
        town_site(edge, "127.0.0.1", "127.0.0.1", LINE.format(modem=modem) + ours)
        edge.state.mkdir(parents=True, exist_ok=True)
        store = DatabaseStore(edge.state / "campaigns.db")
        fill(store, "mobile", [[ENGAGED, ANSWERS], [VACANT]])
        edge.start()
        try:
            until(lambda: line(edge) == "ready", 60, f"the line is ready: {line(edge)} {edge.log_tail()}")
            until(lambda: campaign(edge, "mobile")["contacts"] == 2, 20, "the dialer has its list")
            assert main(["dial", "start", "mobile", "--why", "test", "--config", str(edge.site)]) == 0
            network(edge, modem, tmp_path / "network.raw")
            wait_done(edge, "mobile")
            placed = [one for one in attempts(edge, "mobile") if one["placed"]]
            ended = {one["number"]: one for one in placed}
            told = {who: (one["disposition"], one["evidence"]["decided_by"]) for who, one in ended.items()}
            assert told == {
                ENGAGED: ("busy", "q850"),
                ANSWERS: ("connected", "answer"),
                VACANT: ("unallocated", "tone"),
            }
            assert ended[ENGAGED]["next"] == {"step": "next_number"}
            assert len(placed) == 3
            found = {one["evidence"]["outcome"] for one in attempts(edge, "mobile") if not one["placed"]}
            assert found == {"no_room"}, "who found the line taken was given back, and called when it was free"
            dialled = [one for one in modem.tell()["log"] if one.startswith("ATD")]
            assert sorted(dialled) == sorted(f"ATD{one};" for one in (ENGAGED, ANSWERS, VACANT)), "each once"
            edge.check_histories()
        finally:
            edge.stop()
            store.close()


def line(edge: Appliance) -> str:
    body = edge.control(what="request", process="line-gsm", request="line", body=None)["body"]
    return str(body["state"])


def network(edge: Appliance, modem: Simulator, sound: Path) -> None:
    """Be the network, for one call after another, until each number has been called."""
    sit = np.concatenate([*(sine(hz, 8 * ms, -13.0) for hz, ms in SIT["vacant_code"]), np.zeros(16000, np.int16)])
    sound.write_bytes(sit.astype("<i2").tobytes())

    def understood() -> bool:
        # Again and again: a busy machine may cut a hole into it.
        modem.do("play", path=str(sound))
        time.sleep(3)
        told = [event["data"] for event in edge.events() if event["type"] == "tone.detected"]
        return any((one["label"], one["meaning"]) == ("sit", "vacant_code") for one in told)

    def intercepted() -> None:
        until(lambda: modem.tell()["sounding"], 20, "the modem's sound runs")
        until(understood, 60, "the tones are understood")
        # Its words say nothing of it: a normal end.
        modem.do("over", cause=16)

    acts: dict[str, Callable[[], object]] = {
        ENGAGED: lambda: modem.do("over", cause=17),
        ANSWERS: lambda: modem.do("pick_up"),
        VACANT: intercepted,
    }
    while acts:
        until(lambda: any(alerted(modem, who) for who in acts), 60, f"{set(acts)} called: {attempts(edge, 'mobile')}")
        who = next(who for who in acts if alerted(modem, who))
        acts.pop(who)()


def alerted(modem: Simulator, who: str) -> bool:
    call = modem.tell()["call"]
    return call is not None and call["number"] == who and call["state"] == 3
