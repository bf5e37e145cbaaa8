"""The whole path with real parts: calls, menus, transfer, recording, events."""

import itertools
import json
from pathlib import Path

import pytest
import soundfile

from tests.support import tones
from tests.support.appliance import TONES
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.conftest import Bench
from tests.system.flows import dialled, ended_once, hears, in_menu, ringing, talking

pytestmark = [pytest.mark.system, pytest.mark.shared]


@pytest.mark.parametrize("method", ["rfc4733", "inband"])
def test_key_leads_to_the_next_prompt(bench: Bench, method: str) -> None:
    call = in_menu(bench)
    call.audio.press("1", method=method)
    hears(call, TONES["one"])
    call.audio.press("2", method=method)
    hears(call, TONES["two"])
    call.bye()
    data = ended_once(bench, "completed")
    assert data["digits_by_method"] == {method: 2}
    digits = [e["data"]["digit"] for e in bench.edge.events() if e["type"] == "dtmf.received"]
    assert digits == ["1", "2"]


def test_key_by_info(bench: Bench) -> None:
    call = in_menu(bench)
    call.info_digit("1")
    hears(call, TONES["one"])
    call.bye()
    assert ended_once(bench, "completed")["digits_by_method"] == {"info": 1}


def test_one_key_by_two_methods_at_once_is_one_digit(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.press("1", method="rfc4733")
    call.info_digit("1")
    hears(call, TONES["one"])
    call.bye()
    data = ended_once(bench, "completed")
    assert sum(data["digits_by_method"].values()) == 1, data  # type: ignore[attr-defined]


def test_transfer_connects_and_the_recording_has_both_sides(bench: Bench) -> None:
    call, there = talking(bench)
    until(lambda: call.audio.pressing is False, 5)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")
    done = bench.edge.wait_event("recording.completed")["data"]
    samples, rate = soundfile.read(done["path"], dtype="int16")
    assert rate == 8000
    assert samples.shape[1] == 2
    tail = samples[-8000:]
    assert tones.share(tail[:, 0], 700) > 0.6
    assert tones.share(tail[:, 1], 900) > 0.6
    sidecar = json.loads(Path(done["path"]).with_suffix(".json").read_text())
    assert sidecar["sha256"] == done["sha256"]
    assert done["gap_ms_left"] == done["gap_ms_right"] == 0, done


def test_target_hangs_up(bench: Bench) -> None:
    call, there = talking(bench)
    there.bye()
    call.wait_ended()
    assert call.ended_by == "them"
    ended_once(bench, "completed")


def test_busy_target_goes_on_in_the_menu(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.press("9")
    bench.target.expect_call().reject(486)
    hears(call, TONES["failed"])
    call.bye()
    ended_once(bench, "completed")
    legs = [e["data"]["end"] for e in bench.edge.events() if e["type"] == "leg.ended"]
    assert ("busy", 486) in [(end["outcome"], end["sip_code"]) for end in legs]


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (486, "", {"outcome": "busy", "sip_code": 486, "q850_cause": None, "q850_mapped": 17}),
        (302, "", {"outcome": "failed", "sip_code": 302, "q850_cause": None, "q850_mapped": None}),
        (
            503,
            'Q.850;cause=1;text="Unallocated number"',
            {"outcome": "not_found", "sip_code": 503, "q850_cause": 1, "text": "Unallocated number"},
        ),
    ],
)
def test_why_a_target_refused(bench: Bench, code: int, reason: str, expected: dict[str, object]) -> None:
    call, there = ringing(bench)
    there.reject(code, {"Reason": reason} if reason else None)
    hears(call, TONES["failed"])
    call.bye()
    ended_once(bench, "completed")
    end = bench.edge.wait_event("leg.ended", bench.edge.last_call())["data"]["end"]
    assert {name: end.get(name) for name in expected} == expected


def test_target_that_does_not_answer(bench: Bench) -> None:
    call, there = ringing(bench)
    there.wait_ended(20)  # ring_timeout: 8s
    hears(call, TONES["failed"])
    call.bye()
    ended_once(bench, "completed")


def test_early_media_of_the_target_is_heard(bench: Bench) -> None:
    call = in_menu(bench)
    call.audio.press("9")
    there = bench.target.expect_call()
    there.early_media()
    hears(call, 900)
    there.accept()
    hears(there, 700)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


@pytest.mark.parametrize("bench", [{"trunk": "early_media = false"}], indirect=True)
def test_early_media_that_nobody_is_to_hear(bench: Bench) -> None:
    call, there = dialled(bench)
    there.early_media()
    hears(call, TONES["ringing"])
    there.accept()
    hears(call, 900)
    call.bye()
    there.wait_ended()
    ended_once(bench, "completed")


def test_caller_hangs_up_while_the_target_rings(bench: Bench) -> None:
    call, there = ringing(bench)
    call.bye()
    there.wait_ended()
    assert there.requests("CANCEL")
    ended_once(bench, "completed")


def test_caller_hangs_up_in_the_prompt(bench: Bench) -> None:
    in_menu(bench).bye()
    ended_once(bench, "completed")


def test_cancel_that_crosses_the_answer(bench: Bench) -> None:
    call = bench.caller.call(bench.edge.uri)
    call.cancel()
    call.wait_ended()
    bench.edge.wait_event("call.ended")


def test_hold_and_resume(bench: Bench) -> None:
    call = in_menu(bench)
    call.reinvite("sendonly")
    until(lambda: call.last_reinvite == 200, 10, "200 to the hold")
    until(lambda: not call.audio.hears(TONES["welcome"]), 10, "silence on hold")
    call.reinvite("sendrecv", new_port=True)
    until(lambda: call.last_reinvite == 200, 10, "200 to the resume")
    hears(call, TONES["welcome"])
    call.bye()
    ended_once(bench, "completed")


def test_another_codec_and_packet_time_without_a_glitch(bench: Bench) -> None:
    call = in_menu(bench)
    bench.caller.payload_types, bench.caller.ptime_ms = (8,), 60
    call.reinvite()
    until(lambda: call.last_reinvite == 200, 10, "200 to the change")
    until(lambda: sum(p.payload_type == 8 for p in call.audio.audio()) > 10, 10, "the new codec")
    packets = call.audio.audio()
    assert [p.payload_type for p in packets] == sorted(p.payload_type for p in packets)  # from PCMU to PCMA, once
    assert len({p.ssrc for p in packets}) == 1
    for before, after in itertools.pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert after.timestamp == (before.timestamp + len(before.payload)) & 0xFFFFFFFF
    assert {len(p.payload) for p in packets if p.payload_type == 8} == {480}
    assert tones.share(call.audio.recorded()[-8000:], TONES["welcome"]) > 0.95  # one wave over the change
    call.bye()
    ended_once(bench, "completed")


def test_late_offer(bench: Bench) -> None:
    call = bench.caller.call(bench.edge.uri, offer=False).wait_answered()
    hears(call, TONES["welcome"])
    call.bye()
    ended_once(bench, "completed")


def test_over_tcp(bench: Bench) -> None:
    with Softphone(bench.caller.address, transport="tcp", tone_hz=700) as phone:
        call = phone.call(bench.edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        call.audio.press("1")
        hears(call, TONES["one"])
        call.bye()
        call.wait_ended()
    ended_once(bench, "completed")


def test_unknown_number_is_refused(bench: Bench) -> None:
    call = bench.caller.call(bench.edge.uri.replace("100@", "999@"))
    call.wait_ended()
    assert call.final == 404
    ended_once(bench, "no_route")


def test_peers_see_one_address(bench: Bench) -> None:
    call, there = talking(bench)
    call.reinvite("sendrecv")
    until(lambda: call.last_reinvite == 200, 10, "200 to the re-INVITE")
    call.bye()
    there.wait_ended()
    for message in [*call.received, *there.received]:
        for name in ("Contact", "Record-Route"):
            for value in message.all(name):
                assert f"@{bench.edge.address}" in value or f"sip:{bench.edge.address}" in value, value
        if message.is_request:
            assert [bench.edge.address in via for via in message.all("Via")] == [True], message.all("Via")
        for line in message.body.splitlines():
            if line.startswith(("c=", "o=")):
                assert line.endswith(bench.edge.address), line
        assert "X-Edge" not in str(message.headers)
    ended_once(bench, "completed")


def test_backend_that_is_down_blocks_nothing_and_loses_nothing(bench: Bench) -> None:
    bench.backend.status = 503
    for _ in range(2):
        call = in_menu(bench)
        call.bye()
        call.wait_ended()
        bench.edge.wait_event("call.ended", bench.edge.last_call())
    until(lambda: bench.backend.refused > 0, 20, "a refused delivery")
    assert bench.backend.events() == []
    bench.backend.status = 200
    until(lambda: len(bench.backend.events()) == len(bench.edge.events()), 30, "everything delivered")
    for subject in {event["subject"] for event in bench.edge.events()}:
        assert bench.backend.types(subject) == bench.edge.types(subject)
    assert bench.backend.forged == 0
