"""A campaign that was really dialled, dialled again with another setting: `edge dial simulate --replay CAMPAIGN`."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.app.simulation.replay import read
from edge.cli import main
from tests.dialer.world import CAMPAIGN, House

TALK_MS = 30_000


def test_a_campaign_is_dialled_again_from_its_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = House(tmp_path, 60, max_channels=6)
    house.begin()
    house.turn()
    for count in range(60):
        attempt = house.lasting[0]
        answered = count % 3 == 0
        house.now_ms += 9000
        end = house.switch.end(attempt, "connected" if answered else "rejected", house.wall_ms)
        talk = {"answered_ms": 4000, "talked_ms": TALK_MS} if answered else {}
        house.engine.hear(replace(end, **talk))
        house.turn()
    house.store.close()
    options = ["dial", "simulate", "--replay", CAMPAIGN, "--state", str(tmp_path), "--wrap", "1s", "--json"]
    assert main([*options, "--agents", "2", "--pacing", "progressive"]) == 0
    few = json.loads(capsys.readouterr().out)
    assert (few["attempts"], few["connected"]) == (60, 20)
    assert main([*options, "--agents", "8", "--pacing", "progressive"]) == 0
    many = json.loads(capsys.readouterr().out)
    assert (many["attempts"], many["connected"]) == (60, 20)
    assert many["utilisation"] < few["utilisation"], "more agents have less to do with the same callees"
    assert main(["dial", "simulate", "--replay", "autumn", "--state", str(tmp_path)]) == 2
    assert "no campaign of that name has dialled" in capsys.readouterr().err


def test_calls_that_were_not_placed_are_no_attempts() -> None:
    ended = {"disposition": "busy", "started_ms": 1, "ended_ms": 2}
    lines = [json.dumps({**ended, **more}).encode() for more in ({}, {"placed": True}, {"placed": False})]
    assert len(read(lines)) == 2
