"""A call's quality as people and backends see it: the live view, the record at its end, metrics, missing audio."""

import json
import urllib.request

import pytest

from edge.cli import main
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, in_menu, talking

pytestmark = pytest.mark.system

FAST = {"media": "silence_timeout_ms = 1000\nquiet_timeout_ms = 1500\n"}


def events_of(bench: Bench, kind: str) -> list[dict[str, object]]:
    return [event["data"] for event in bench.edge.events(bench.edge.last_call()) if event["type"] == kind]


def look(bench: Bench, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    command = ["calls", "show", bench.edge.last_call(), "--media", "--state", str(bench.edge.state), *options]
    assert main(command) == 0
    return capsys.readouterr().out


def test_the_live_view_and_the_record_of_a_bridged_call(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    call, there = talking(bench)

    def measured() -> list[dict[str, object]] | None:
        legs: list[dict[str, object]] = json.loads(look(bench, capsys, "--json"))["media"]
        known = [leg for leg in legs if leg["figures"]["mos_received"] is not None and leg["room"]]  # type: ignore[index]
        return legs if len(known) == 2 else None

    legs = until(measured, 30, "two legs in one room, with an opinion each")
    assert legs is not None
    for leg in legs:
        assert leg["codec"] == "PCMU"
        assert leg["talks"] is True
        assert -20 < leg["level_in_dbm0"] < 3  # type: ignore[operator]
        assert -20 < leg["level_out_dbm0"] < 3  # type: ignore[operator]
        assert 0 <= leg["buffer_ms"] <= 300  # type: ignore[operator]  # 0: a calm path is played as it comes
        assert leg["faults"] == []
    assert len({leg["room"] for leg in legs}) == 1
    assert [leg["recording"] is not None for leg in legs] == [True, False]
    picture = look(bench, capsys)
    assert "leg 1 · PCMU/8000" in picture
    assert "leg 2 · PCMU/8000" in picture

    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")
    records = {str(data["leg"]): data for data in events_of(bench, "leg.quality")}
    assert len(records) == 2
    for data in records.values():
        assert data["codec"] == "PCMU"
        assert data["packets_lost"] == 0
        assert data["loss_received"] < 0.1  # type: ignore[operator]
        assert data["mos_received"] > 3  # type: ignore[operator]
        assert data["playout_delay_mean_ms"] is not None
        assert 0 <= data["playout_delay_mean_ms"] < 300  # type: ignore[operator]  # 0: see the buffer above
        assert data["talk_share"] > 0.5  # type: ignore[operator]
        assert (data["dtmf"], data["srtp"], data["symmetric_learned"]) == ("rfc4733", False, False)
    with urllib.request.urlopen(f"http://{bench.edge.address}:8080/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    assert 'edge_media_leg_mos_count{direction="received"} 2.0' in lines


@pytest.mark.parametrize("bench", [FAST], indirect=True)
def test_audio_that_stops_and_comes_again_is_told_with_its_kind(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.sending = False
    bench.edge.wait_event("leg.audio_stopped")
    call.audio.sending = True
    bench.edge.wait_event("leg.audio_resumed")
    call.audio.tone_hz = 0.0  # digital silence
    bench.edge.wait_event("leg.audio_stopped", count=2)
    call.bye()
    ended_once(bench, "completed")
    assert [data["fault"] for data in events_of(bench, "leg.audio_stopped")] == ["no_packets", "no_sound"]
    assert events_of(bench, "leg.audio_resumed")[0]["fault"] == "no_packets"
