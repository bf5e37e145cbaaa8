"""A lost caller is called back: unanswered for as long as the standard says, then reached, through kills of switch."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
    queue: {name: sales, music: welcome}
    failed: bye
  bye:
    hang_up:
"""
SITE = """
[[agents]]
name = "anna"
target = "sip:anna@ANNA"
[[queues]]
name = "sales"
agents = ["anna"]
[callbacks]
lost = true
lost_after = "0ms"
dial = true
queue = "sales"
announcement = "announcement.wav"
gap = "1h"
"""


#: What the announcement sounds like, Hz.
ANNOUNCED = 1150


def rows(edge: Appliance) -> list[tuple[str, int, str, str]]:
    with closing(sqlite3.connect(f"file:{edge.state / 'state.db'}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute("SELECT state, attempts, attempt, id FROM callbacks").fetchall()


def test_called_back_in_standard_and_once_through_kills(tmp_path: Path) -> None:
    sound = 0.3 * np.sin(2 * np.pi * ANNOUNCED * np.arange(2 * 8000) / 8000)
    soundfile.write(tmp_path / "announcement.wav", sound, 8000, subtype="PCM_16")
    with (
        address() as at,
        address() as home_at,
        address() as anna_at,
        Softphone(home_at, port=5060, tone_hz=700, user="030123456") as home,
        Softphone(anna_at, port=5060, tone_hz=900, user="anna") as anna,
        appliance(
            at,
            tmp_path,
            menu=MENU,
            trunk=f'country = "DE"\naddress = "{home_at}:5060"',
            extra=SITE.replace("ANNA", f"{anna_at}:5060"),
        ) as edge,
    ):
        call = home.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        anna.expect_call().ring()
        call.bye()

        # The phone rings; switch is killed while it does. It is not rung again, and stops ringing in time.
        there = home.expect_call()
        there.ring()
        first = edge.wait_event("callback.attempt_started")["data"]
        edge.wait_event("leg.ringing", first["call"])
        edge.wait_restarted("switch", edge.kill("switch"))
        assert [(state, call) for state, _, call, _ in rows(edge)] == [("calling", first["call"])]
        there.wait_ended(60)
        ended = edge.wait_event("callback.attempt_ended")["data"]
        assert (ended["disposition"], ended["answered"], ended["in_standard"]) == ("no_answer", False, True)
        assert 20_000 < ended["rang_ms"] < 25_000
        ((state, attempts, _, callback),) = rows(edge)
        assert (state, attempts, len(home.calls)) == ("open", 1, 2)

        # A person wants the call made now. Switch is killed when that is on disk, and before anything can leave.
        front = edge.pid("front")
        os.kill(front, signal.SIGSTOP)
        edge.control(what="request", process="switch", request="call_callback", body={"id": callback})
        until(lambda: rows(edge)[0][0] == "calling", 10, "the second attempt is on disk")
        second = rows(edge)[0][2]
        killed = edge.kill("switch")
        os.kill(front, signal.SIGCONT)
        edge.wait_restarted("switch", killed)
        there = home.expect_call()
        there.accept()
        hears(there, ANNOUNCED)
        desk = anna.expect_call()
        desk.accept()
        hears(there, 900)
        hears(desk, 700)
        there.bye()
        closed = edge.wait_event("callback.closed")["data"]
        assert (closed["by"], closed["attempts"], closed["callback"]) == ("reached", 2, callback)
        attempts_of = [event["data"]["call"] for event in edge.events() if event["type"] == "callback.attempt_started"]
        assert attempts_of == [first["call"], second]
        assert len(home.calls) == 3, "an INVITE each, beside the one call of its own"
        edge.wait_event("call.ended", second)

        # From now on an agent is rung first, and shown whom it is for. The caller is rung when she has answered.
        text = edge.site.read_text()
        edge.site.write_text(text.replace("dial = true", 'dial = true\norder = "agent_first"'))
        edge.control(what="reload")
        call = home.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        anna.expect_call().ring()
        call.bye()
        desk = anna.expect_call()
        assert len(home.calls) == 4
        desk.accept()
        there = home.expect_call()
        there.accept()
        hears(there, ANNOUNCED)
        hears(there, 900)
        hears(desk, 700)
        there.bye()
        closed = edge.wait_event("callback.closed", count=2)["data"]
        assert (closed["by"], closed["attempts"]) == ("reached", 1)
        third = edge.wait_event("callback.attempt_ended", count=3)["data"]
        assert (third["disposition"], third["answered"]) == ("connected", True)
        edge.wait_event("call.ended", third["call"])
        edge.check_histories()
        line = [sys.executable, "-m", "edge", "callbacks", "report", "--json", "--state", str(edge.state)]
        counted = json.loads(subprocess.run(line, capture_output=True, timeout=60, check=True).stdout)
        assert (counted["fates"]["reached"], counted["rang_in_standard"]) == (2, 1)
        assert counted["attempts"] == {"no_answer": 1, "connected": 2}
        assert "30123456" not in edge.log.read_text(errors="replace")
