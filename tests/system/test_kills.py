"""The kill table of the architecture: each process, killed with `kill -9` in named states of a call.

Each test checks that the state was reached before the kill, and that the process really was another one after it.
"""

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import TONES, Appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, in_menu, ringing, talking

pytestmark = pytest.mark.system


def restart(bench: Bench, name: str) -> int:
    """Kill `name` and wait for its successor; the old pid."""
    old = bench.edge.kill(name)
    bench.edge.wait_restarted(name, old)
    return old


def runs_again(bench: Bench, name: str, *old: int) -> bool:
    """Whether `name` has a successor, be the appliance ready or not."""
    return any(p["name"] == name and p["pid"] not in {None, 0, *old} for p in bench.edge.processes())


def only_call(edge: Appliance) -> dict[str, object]:
    """The one call that switch holds."""
    calls = edge.live_calls()
    assert len(calls) == 1, calls
    return calls[0]


# --- front --------------------------------------------------------------------------------------------------------


def test_front_killed_in_conversation(bench: Bench) -> None:
    call, there = talking(bench)
    restart(bench, "front")
    hears(call, 900)
    hears(there, 700)
    assert call.state == there.state == "answered"
    call.bye()
    call.wait_ended()
    there.wait_ended()
    ended_once(bench, "completed")


def test_front_killed_while_ringing(bench: Bench) -> None:
    call, there = ringing(bench)
    restart(bench, "front")
    there.accept()
    hears(call, 900)
    hears(there, 700)
    there.bye()
    call.wait_ended()
    ended_once(bench, "completed")


def test_repeated_invite_after_front_was_killed_is_no_second_call(bench: Bench) -> None:
    call = in_menu(bench)
    restart(bench, "front")
    call.repeat_invite()
    call.send("OPTIONS")  # behind it in the same socket: its answer says that the INVITE was handled
    until(lambda: any(m.status == 200 and m.cseq[1] == "OPTIONS" for m in call.received), 10, "200 to OPTIONS")
    call.audio.press("1")
    hears(call, TONES["one"])
    assert len(bench.edge.live_calls()) == 1
    assert bench.edge.types().count("call.started") == 1
    call.bye()
    ended_once(bench, "completed")


@pytest.mark.parametrize("switch", ["hears of it late", "loses the report"])
def test_front_killed_before_the_call_is_answered(bench: Bench, switch: str) -> None:
    """Front dies when it has taken an INVITE that nobody has answered yet, and that switch has not written down."""
    stopped = bench.edge.pid("switch")
    os.kill(stopped, signal.SIGSTOP)
    try:
        call = bench.caller.call(bench.edge.uri)
        until(lambda: call.responses, 10, "100")
        assert call.responses == [100]
        old = bench.edge.kill("front")
        until(lambda: runs_again(bench, "front", old), 10, "another front")
        call.repeat_invite()
        if switch == "loses the report":  # with the socket that it was in
            assert bench.edge.kill("switch") == stopped
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGCONT)
    call.wait_answered()
    assert (bench.edge.pid("switch") == stopped) == (switch == "hears of it late")
    hears(call, TONES["welcome"])
    call.bye()
    ended_once(bench, "completed")
    assert bench.edge.types().count("call.started") == 1


def test_front_killed_with_a_tcp_caller(bench: Bench) -> None:
    with Softphone(bench.caller.address, transport="tcp", tone_hz=700) as phone:
        call = phone.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        restart(bench, "front")
        hears(call, TONES["welcome"])
        call.audio.press("1")
        hears(call, TONES["one"])
        call.audio.press("0")  # the menu hangs up: front has to open a connection to the caller
        until(lambda: not bench.edge.live_calls(), 45, "the call ended")
    ended_once(bench, "completed")


# --- span ---------------------------------------------------------------------------------------------------------


def span_of(bench: Bench, leg: int = 1) -> str:
    """Process name of the span that holds leg `leg` of the only call."""
    legs = only_call(bench.edge)["legs"]
    assert isinstance(legs, list)
    return str(next(row["span"] for row in legs if str(row["id"]).endswith(f".{leg}")))


def kill_span(bench: Bench, incarnation: str) -> None:
    spans = bench.edge.status()["spans"]
    os.kill(next(int(span["pid"]) for span in spans if span["incarnation"] == incarnation), signal.SIGKILL)


def test_span_killed_while_ringing_ends_the_attempt_and_the_menu_goes_on(bench: Bench) -> None:
    """The caller's leg may be on the same span; it was answered, so front goes on with it."""
    call, there = ringing(bench)
    kill_span(bench, span_of(bench, 2))
    there.wait_ended()
    hears(call, TONES["failed"])
    call.bye()
    ended_once(bench, "completed")


# --- media --------------------------------------------------------------------------------------------------------


def test_media_killed_in_conversation(bench: Bench) -> None:
    call, there = talking(bench)
    first_sequence = call.audio.packets[-1].sequence
    restart(bench, "media")
    hears(call, 900)
    hears(there, 700)
    assert call.audio.packets[-1].sequence != first_sequence
    # One lost tick is skipped in the sequence when it was torn in mid-send; more would be a gap that people hear.
    assert call.audio.lost() <= 1
    assert len({packet.ssrc for packet in call.audio.packets}) == 1
    assert bench.edge.types().count("call.ended") == 0
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")
    done = bench.edge.wait_event("recording.completed")["data"]
    with wave.open(done["path"]) as recording:
        assert abs(recording.getnframes() / 8 - done["duration_ms"]) <= 20


def test_media_killed_in_the_prompt(bench: Bench) -> None:
    call = in_menu(bench)
    restart(bench, "media")
    hears(call, TONES["welcome"])
    call.audio.press("1")
    hears(call, TONES["one"])
    call.bye()
    ended_once(bench, "completed")


def standby_of(bench: Bench) -> int:
    """Wait for the worker that stands by for media; its pid."""
    until(
        lambda: any(p["name"] == "media-standby" and p["state"] == "running" for p in bench.edge.processes()),
        20,
        "a standby",
    )
    return bench.edge.pid("media-standby")


def test_the_standby_of_media_goes_on_with_a_conversation_again_and_again(bench: Bench) -> None:
    call, there = talking(bench)
    for _ in range(3):
        waiting = standby_of(bench)
        restart(bench, "media")
        assert bench.edge.pid("media") == waiting
        hears(call, 900)
        hears(there, 700)
    assert call.audio.lost() <= 3
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


def test_media_killed_when_its_standby_hangs(bench: Bench) -> None:
    """The standby is told to take over and does not tick: it is ended like any engine that stands still."""
    call, there = talking(bench)
    waiting = standby_of(bench)
    os.kill(waiting, signal.SIGSTOP)
    old = bench.edge.kill("media")
    until(lambda: runs_again(bench, "media", old, waiting), 10, "a third engine")
    bench.edge.wait_ready()
    assert not Path(f"/proc/{waiting}").exists()
    hears(call, 900)
    hears(there, 700)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


def test_media_and_its_zygote_killed_at_once(bench: Bench) -> None:
    call, there = talking(bench)
    waiting = standby_of(bench)
    zygote = bench.edge.kill("media-zygote")
    old = bench.edge.kill("media")
    bench.edge.wait_restarted("media", old)
    assert bench.edge.pid("media") == waiting, "no fork was needed"
    hears(call, 900)
    hears(there, 700)
    bench.edge.wait_restarted("media-zygote", zygote)
    standby_of(bench)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


# --- switch -------------------------------------------------------------------------------------------------------


def test_switch_killed_in_the_menu(bench: Bench) -> None:
    call = in_menu(bench)
    restart(bench, "switch")
    hears(call, TONES["welcome"])
    call.audio.press("1")
    hears(call, TONES["one"])
    call.bye()
    ended_once(bench, "completed")


def test_switch_killed_while_ringing(bench: Bench) -> None:
    call, there = ringing(bench)
    restart(bench, "switch")
    there.accept()
    hears(call, 900)
    hears(there, 700)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


@contextlib.contextmanager
def disk_held_up(edge: Appliance) -> Iterator[sqlite3.Connection]:
    """Keep switch from committing, for the 2 s that it is willing to wait."""
    with contextlib.closing(sqlite3.connect(edge.state / "state.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("ROLLBACK")


def legs_in_media(bench: Bench, caller: Call) -> list[str]:
    """Local addresses of the appliance's media sockets that are connected to the caller's: RTP legs of its call."""
    host = int.from_bytes(socket.inet_aton(bench.caller.address), "little")
    peer = f"{host:08X}:{caller.audio.port:04X}"
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[2] == peer]


@pytest.mark.parametrize("first", ["media", "front"])
def test_switch_killed_when_a_call_is_answered_that_the_disk_does_not_know(bench: Bench, first: str) -> None:
    """The leg stays in its slot, whether media or front is the first to tell the new life; it is answered once."""
    in_menu(bench).bye()  # in slot 0, which a new life would choose by itself; the call to come gets slot 1
    ended_once(bench, "completed")
    zygote = bench.edge.pid("media-zygote")
    with disk_held_up(bench.edge) as database:
        call = bench.caller.call(bench.edge.uri)
        (opened,) = until(lambda: legs_in_media(bench, call), 2, "media opened the leg")
        call.wait_answered()
        if first == "front":  # media is away until its zygote goes on
            os.kill(zygote, signal.SIGSTOP)
            bench.edge.kill("media")
        old = bench.edge.kill("switch")
        assert database.execute("SELECT count(*) FROM calls WHERE state = 'open'").fetchone() == (0,)
    if first == "front":
        until(lambda: bench.edge.types().count("call.started") == 2, 4, "front told of the call")
        os.kill(zygote, signal.SIGCONT)
    bench.edge.wait_restarted("switch", old)
    assert legs_in_media(bench, call) == [opened]
    hears(call, TONES["welcome"])
    call.audio.press("1")  # to the port that the answer names
    hears(call, TONES["one"])
    call.bye()
    ended_once(bench, "completed")
    assert bench.edge.types().count("call.started") == 2
    until(lambda: not legs_in_media(bench, call), 20, "media has closed the leg")


def test_switch_killed_in_conversation(bench: Bench) -> None:
    call, there = talking(bench)
    old = bench.edge.kill("switch")
    call.bye()  # while switch is away
    bench.edge.wait_restarted("switch", old)
    call.wait_ended()
    there.wait_ended()
    ended_once(bench, "completed")


# --- forwarder, web -----------------------------------------------------------------------------------------------


def test_forwarder_killed(bench: Bench) -> None:
    bench.backend.status = 503
    in_menu(bench).bye()
    bench.edge.wait_event("call.ended")
    until(lambda: bench.backend.refused > 0, 20, "a refused delivery")
    restart(bench, "forwarder")
    bench.backend.status = 200
    ended_once(bench, "completed")


def test_web_killed(bench: Bench) -> None:
    call = in_menu(bench)
    restart(bench, "web")
    hears(call, TONES["welcome"])
    call.bye()
    ended_once(bench, "completed")


# --- zygotes, supervisor ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zygote", ["media-zygote", "span-zygote"])
def test_zygote_killed(bench: Bench, zygote: str) -> None:
    call, there = talking(bench)
    workers = {p["name"]: p["pid"] for p in bench.edge.processes() if "zygote" not in p["name"]}
    restart(bench, zygote)
    assert {p["name"]: p["pid"] for p in bench.edge.processes() if p["name"] in workers} == workers
    hears(call, 900)
    hears(there, 700)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")
    in_menu(bench).bye()
    ended_once(bench, "completed")


def test_media_killed_after_its_zygote(bench: Bench) -> None:
    call = in_menu(bench)
    restart(bench, "media-zygote")
    restart(bench, "media")
    hears(call, TONES["welcome"])
    call.bye()
    ended_once(bench, "completed")


def test_supervisor_killed(bench: Bench) -> None:
    edge = bench.edge
    call, there = talking(bench)
    until(lambda: list(edge.recordings.rglob("*.wav")), 10, "a recording")
    pids = [int(p["pid"]) for p in edge.processes() if p["pid"]]
    assert edge.process is not None
    edge.process.kill()
    edge.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 10, "every process gone")
    wav = next(edge.recordings.rglob("*.wav"))
    with wave.open(str(wav)) as recording:  # playable at once, before any repair
        assert recording.getnframes() > 8000
    interrupted = edge.last_call()
    edge.start()
    ended = edge.wait_event("call.ended", interrupted)
    assert ended["data"]["end"]["outcome"] == "appliance_restart"
    done = edge.wait_event("recording.completed", interrupted)["data"]
    assert done["repaired"] is True
    assert json.loads(wav.with_suffix(".json").read_text())["repaired"] is True
    until(lambda: "call.ended" in bench.backend.types(interrupted), 20, "call.ended at the backend")
    for audio in (call.audio, there.audio):
        audio.sending = False
    in_menu(bench).bye()
    ended_once(bench, "completed")


@pytest.mark.first
def test_twenty_kills_at_random_lose_no_event(bench: Bench, seed: int) -> None:
    """Calls come and go while processes are killed; every call has one end, and the backend has every event."""
    dice = random.Random(seed)
    names = ["front", "switch", "media", "forwarder", "web"]
    for _ in range(20):
        call = bench.caller.call(bench.edge.uri)
        until(lambda call=call: call.responses, 15, "a response")  # type: ignore[misc]
        restart(bench, dice.choice(names))
        if call.state != "ended":
            call.hang_up()
    until(lambda: not bench.edge.live_calls(), 60, "all calls ended")
    bench.edge.check_histories()
    until(lambda: len(bench.backend.events()) == len(bench.edge.events()), 60, "everything delivered")
    for subject in {event["subject"] for event in bench.edge.events()}:
        assert bench.backend.types(subject) == bench.edge.types(subject)
