"""A leg that sends nothing any more is hung up on, with its reason, but never while its peer holds."""

import pytest
from msgspec.structs import replace

from edge.vocabulary import commands as c
from edge.vocabulary import events as e
from edge.vocabulary import reports as r
from tests.core.calls.desk import FIRST, REMOTE, SECOND, TERMS, Desk, incoming
from tests.core.calls.test_key_relay import talking

HELD = replace(REMOTE, direction="sendonly")


def stopped(leg=FIRST, silent_ms: int = 30_000, fault: str = "no_packets") -> r.AudioStopped:
    return r.AudioStopped(leg, silent_ms, fault)  # type: ignore[arg-type]


def in_menu(seconds: int = 60) -> Desk:
    """A caller who hears the first prompt, which does not end by itself here."""
    trunk = incoming().report.trunk
    return Desk(incoming(terms=replace(TERMS, no_rtp_ms={"": 9_000, trunk: seconds * 1000}))).answer()


def test_the_call_ends_with_the_reason() -> None:
    desk = in_menu()
    desk.give(stopped())
    desk.wait(29_999)
    assert desk.call.phase == "running"
    desk.wait(1)
    assert desk.call.over
    (ended,) = desk.of(e.CallEnded)
    assert (ended.end.outcome, ended.end.ended_by, ended.end.text) == ("media_lost", "network", "no RTP for 60 s")
    assert desk.bodies(c.HangUp)


def test_audio_that_comes_back_in_time() -> None:
    desk = in_menu()
    desk.give(stopped())
    desk.wait(29_000)
    desk.give(r.AudioResumed(FIRST, 29_000, "no_packets"))
    desk.wait(20_000)
    assert desk.call.phase == "running"


@pytest.mark.parametrize("fault", ["no_sound", "not_received"])
def test_other_faults_are_told_only(fault: str) -> None:
    desk = in_menu()
    desk.give(stopped(fault=fault))
    desk.wait(29_000)
    desk.give(r.AudioResumed(FIRST, 1, fault))
    desk.wait(10_000)
    assert desk.call.phase == "running"


@pytest.mark.parametrize("direction", ["sendonly", "inactive", "recvonly"])
def test_never_while_it_is_not_to_send_and_anew_afterwards(direction: str) -> None:
    desk = talking()
    desk.call.legs[FIRST].no_rtp_ms = 60_000
    desk.give(stopped())
    desk.wait(20_000)
    desk.give(r.LegMedia(FIRST, replace(REMOTE, direction=direction)))
    desk.wait(600_000)
    assert desk.call.phase == "running"
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.wait(59_999)
    assert desk.call.phase == "running"
    desk.wait(1)
    assert desk.call.end.outcome == "media_lost"


def test_a_refresh_of_the_session_does_not_begin_the_time_anew() -> None:
    desk = talking()
    desk.call.legs[FIRST].no_rtp_ms = 60_000
    desk.give(stopped())
    for port in range(5):
        desk.wait(5_000)
        desk.give(r.LegMedia(FIRST, replace(REMOTE, ptime_ms=20 + 10 * (port % 2))))
    desk.wait(5_000)
    assert desk.call.end.outcome == "media_lost"


def test_the_other_leg_ends_the_talk_only() -> None:
    desk = talking()
    desk.call.legs[SECOND].no_rtp_ms = 60_000
    desk.give(stopped(SECOND))
    desk.wait(30_000)
    (ended,) = desk.of(e.LegEnded)
    assert (ended.leg, ended.end.outcome, ended.end.text) == (SECOND, "media_lost", "no RTP for 60 s")


def test_never() -> None:
    desk = in_menu(0)
    desk.give(stopped())
    desk.wait(20_000)
    assert desk.call.phase == "running"
