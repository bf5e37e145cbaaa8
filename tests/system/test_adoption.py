"""Spans are killed while people talk: no conversation is cut, and what peers may ask of a call is answered."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import ended_once, hears, in_menu, talking
from tests.system.test_kills import only_call, restart

pytestmark = pytest.mark.system

KILLS = 20


def spans_of(bench: Bench) -> dict[str, list[str]]:
    """Spans that hold legs of the only call which are up, with those legs."""
    legs = only_call(bench.edge)["legs"]
    assert isinstance(legs, list)
    held: dict[str, list[str]] = {}
    for row in legs:
        if row["signalling"] == "up" and row["span"] != "front":
            held.setdefault(str(row["span"]), []).append(str(row["id"]))
    return held


def kill_spans(bench: Bench) -> int:
    """Kill every span that holds a leg of the only call; wait until front has each of these legs. Returns how many."""
    held = spans_of(bench)
    assert held, "no span holds a leg that is up: the kill would prove nothing"
    pids = {span["incarnation"]: int(span["pid"]) for span in bench.edge.status()["spans"]}
    for span in held:
        os.kill(pids[span], signal.SIGKILL)
    legs = {leg for of_span in held.values() for leg in of_span}
    call = bench.edge.last_call()
    until(
        lambda: legs <= {e["data"]["leg"] for e in bench.edge.events(call) if e["type"] == "leg.adopted"},
        10,
        f"front has {legs}",
    )
    until(lambda: not any(Path(f"/proc/{pids[span]}").exists() for span in held), 10, "the spans are dead")
    return len(held)


def goes_on(call: Call, there: Call) -> None:
    """Both hear each other, and nobody was hung up on."""
    hears(call, 900)
    hears(there, 700)
    assert call.state == there.state == "answered"


def test_a_menu_goes_on_without_its_span(bench: Bench) -> None:
    call = in_menu(bench)
    kill_spans(bench)
    call.audio.press("1")
    hears(call, TONES["one"])
    call.info_digit("2")
    hears(call, TONES["two"])
    call.audio.press("0")  # the menu hangs up
    call.wait_ended()
    assert call.ended_by == "them"
    ended_once(bench, "completed")
    in_menu(bench).bye()
    ended_once(bench, "completed")


def test_a_menu_that_has_lost_its_span_transfers(bench: Bench) -> None:
    call = in_menu(bench)
    kill_spans(bench)
    call.audio.press("1")
    hears(call, TONES["one"])
    call.audio.press("9")
    there = bench.target.expect_call()
    there.accept()
    goes_on(call, there)
    there.bye()
    call.wait_ended()
    ended_once(bench, "completed")


def test_a_span_that_dies_before_it_has_answered(bench: Bench) -> None:
    """Switch has the call, the caller has its 100, and the span, which stands still, has the INVITE."""
    stopped = {span["incarnation"]: int(span["pid"]) for span in bench.edge.status()["spans"]}
    for pid in stopped.values():
        os.kill(pid, signal.SIGSTOP)
    call = bench.caller.call(bench.edge.uri)
    until(bench.edge.live_calls, 4, "switch has the call")
    (leg,) = only_call(bench.edge)["legs"]  # type: ignore[misc]
    assert leg["signalling"] == "answering"
    assert until(lambda: call.responses, 3, "100") == [100]
    os.kill(stopped.pop(leg["span"]), signal.SIGKILL)
    for pid in stopped.values():
        os.kill(pid, signal.SIGCONT)
    call.wait_ended()
    assert call.responses == [100, 503]
    assert ended_once(bench, "span_lost")["answered_ms"] == 0


def test_hold_and_a_new_address_without_a_span(bench: Bench) -> None:
    """Its span dies while a re-INVITE has its 200 and waits for the ACK."""
    call = in_menu(bench)
    bench.caller.acknowledges = False
    call.reinvite("sendrecv")
    until(lambda: call.last_reinvite == 200 and call.unacknowledged, 10, "200 to the re-INVITE")
    kill_spans(bench)
    heard = len(call.received)
    until(lambda: len(call.received) > heard, 10, "the 200 again")
    bench.caller.acknowledges = True
    call.acknowledge()
    call.reinvite("sendonly")
    until(lambda: call.last_reinvite == 200, 10, "200 to the hold")
    until(lambda: not call.audio.hears(TONES["welcome"]), 10, "silence on hold")
    call.reinvite("sendrecv", new_port=True)
    until(lambda: call.last_reinvite == 200, 10, "200 to the resume")
    hears(call, TONES["welcome"])
    for method in ("OPTIONS", "UPDATE"):
        call.send(method)
        until(lambda m=method: any(r.status == 200 and r.cseq[1] == m for r in call.received), 10, method)
    call.bye()
    ended_once(bench, "completed")


@pytest.mark.parametrize("name", ["front", "switch", "media"])
def test_what_front_has_taken_over_survives_further_kills(bench: Bench, name: str) -> None:
    call, there = talking(bench)
    kill_spans(bench)
    restart(bench, name)
    goes_on(call, there)
    call.info_digit("4")
    bench.edge.wait_event("dtmf.received", bench.edge.last_call(), 2)
    there.bye()
    call.wait_ended()
    ended_once(bench, "completed")


def test_front_and_spans_killed_at_once(bench: Bench) -> None:
    call, there = talking(bench)
    old = bench.edge.kill("front")
    kill_spans(bench)
    bench.edge.wait_restarted("front", old)
    goes_on(call, there)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


def test_a_call_over_tcp(bench: Bench) -> None:
    with Softphone(bench.caller.address, transport="tcp", tone_hz=700) as phone:
        call = phone.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        kill_spans(bench)
        call.audio.press("1")
        hears(call, TONES["one"])
        call.audio.press("0")
        call.wait_ended()
    ended_once(bench, "completed")


def test_keys_reach_a_leg_by_info_without_its_span(tmp_path: Path) -> None:
    with (
        address() as edge_at,
        address() as caller_at,
        address() as target_at,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(target_at, port=5060, tone_hz=900, user="target") as target,
        appliance(edge_at, tmp_path, target=target_at, trunk='dtmf = "info"') as edge,
    ):
        place = Bench(edge, None, caller, target)  # type: ignore[arg-type]
        call, there = talking(place)
        kill_spans(place)
        call.audio.press("3")
        until(lambda: any("Signal=3" in m.body for m in there.requests("INFO")), 10, "the key as INFO")
        call.bye()
        there.wait_ended()
        edge.wait_event("call.ended", edge.last_call())
        edge.check_histories()


def test_a_stop_ends_all_calls_before_it_is_over(bench: Bench) -> None:
    taken_over = in_menu(bench)
    kill_spans(bench)
    bench.edge.wait_ready()  # another span is up
    others = [in_menu(bench), *talking(bench)]
    assert bench.edge.stop() == 0
    for call in (taken_over, *others):
        call.wait_ended()
        assert call.ended_by == "them"
    bench.edge.check_histories()
    told = [event["data"] for event in bench.edge.events() if event["type"] == "call.ended"]
    assert [data["end"]["outcome"] for data in told] == ["stopped"] * 3
    assert all(data["recordings"] for data in told) == ("recording.completed" in bench.edge.types())


@pytest.mark.first
def test_twenty_kills_cut_no_conversation(bench: Bench) -> None:
    kills = rounds = 0
    while kills < KILLS:
        call, there = talking(bench)
        kills += kill_spans(bench)
        rounds += 1
        goes_on(call, there)
        call.audio.press("5")
        bench.edge.wait_event("dtmf.received", bench.edge.last_call(), 2)
        if rounds % 2:
            call.bye()
            there.wait_ended()
        else:
            there.bye()
            call.wait_ended()
        ended_once(bench, "completed")
    assert bench.edge.types().count("call.ended") == rounds
    print(f"{kills} kills in {rounds} conversations")


@pytest.mark.parametrize(
    "bench", [{"media": "silence_timeout_ms = 1000", "trunk": "no_rtp_hangup_seconds = 3"}], indirect=True
)
def test_a_caller_who_sends_nothing_any_more_is_hung_up_on_unless_it_holds(bench: Bench) -> None:
    call = in_menu(bench)
    call.reinvite("inactive")
    until(lambda: call.last_reinvite == 200, 10, "200 to the hold")
    call.audio.sending = False
    time.sleep(5)
    assert call.state == "answered", "it holds"
    call.reinvite("sendrecv")
    call.wait_ended()
    assert call.ended_by == "them"
    end = ended_once(bench, "media_lost")["end"]
    assert isinstance(end, dict)
    assert (end["ended_by"], end["text"]) == ("network", "no RTP for 3 s")
