"""Phone against phone: what the system tests rely on must itself be right."""

import numpy as np
import pytest

from tests.support import tones
from tests.support.addresses import address as free_address
from tests.support.softphone import Softphone
from tests.support.waiting import until


@pytest.fixture
def phones(address, request):
    with free_address() as other:
        kind = getattr(request, "param", "udp")
        with (
            Softphone(address, tone_hz=440, transport=kind, user="alice") as alice,
            Softphone(other, tone_hz=1000, transport=kind, user="bob") as bob,
        ):
            yield alice, bob


@pytest.mark.parametrize("phones", ["udp", "tcp"], indirect=True)
def test_call_with_audio_both_ways(phones) -> None:
    alice, bob = phones
    call = alice.call(bob.uri)
    heard = bob.expect_call()
    heard.ring()
    heard.accept()
    call.wait_answered()
    until(lambda: call.audio.hears(1000) and heard.audio.hears(440))
    assert not call.audio.hears(440)
    assert call.responses == [100, 180, 200]
    call.bye()
    call.wait_ended()
    heard.wait_ended()
    assert (call.ended_by, heard.ended_by) == ("us", "them")
    assert call.audio.lost() == heard.audio.lost() == 0


def test_early_media_hold_and_new_port(phones) -> None:
    alice, bob = phones
    call = alice.call(bob.uri)
    heard = bob.expect_call()
    heard.early_media()
    until(lambda: call.audio.hears(1000))
    assert call.state == "early"
    heard.accept()
    call.wait_answered()
    until(lambda: bool(heard.requests("ACK")))
    call.reinvite("sendonly", new_port=True)
    until(lambda: call.last_reinvite == 200)
    assert heard.remote is not None
    assert (heard.remote.direction, heard.remote.port) == ("sendonly", call.audio.port)
    assert heard.direction == "recvonly"
    until(lambda: call.audio.hears(1000))  # at the new port
    heard.bye()
    call.wait_ended()
    assert call.ended_by == "them"


def test_cancel_and_reject(phones) -> None:
    alice, bob = phones
    call = alice.call(bob.uri)
    bob.expect_call().ring()
    until(lambda: 180 in call.responses)
    call.cancel()
    call.wait_ended()
    assert call.final == 487
    second = alice.call(bob.uri)
    bob.expect_call().reject(486, {"Reason": "Q.850;cause=17"})
    second.wait_ended()
    assert second.responses == [100, 486]


def test_digits_by_all_methods(phones) -> None:
    alice, bob = phones
    bob.auto_answer = True
    call = alice.call(bob.uri).wait_answered()
    heard = bob.expect_call()
    call.audio.press("19#", duration_ms=80)
    until(lambda: [(e.key, e.duration_ms) for e in heard.audio.events()] == [("1", 80), ("9", 80), ("#", 80)])
    call.audio.tone_hz = 0
    call.audio.press("5", duration_ms=300, method="inband")
    until(lambda: tones.share(heard.audio.recorded(0.2), 770, 20) > 0.3)
    call.info_digit("7", 200)
    until(lambda: any("Signal=7" in m.body for m in heard.requests("INFO")))


def test_repeated_invite_is_one_call(phones) -> None:
    alice, bob = phones
    call = alice.call(bob.uri)
    heard = bob.expect_call()
    call.repeat_invite()
    until(lambda: len(heard.requests("INVITE", repeats=True)) == 2)
    heard.accept()
    call.wait_answered()
    assert len(bob.calls) == 1


def test_no_offer(phones) -> None:
    alice, bob = phones
    bob.auto_answer = True
    call = alice.call(bob.uri, offer=False).wait_answered()
    until(lambda: call.audio.hears(1000))


@pytest.mark.parametrize("frequency", [300, 440, 1000, 3400])
def test_tone_is_found_at_its_frequency_and_level(frequency: int) -> None:
    samples = tones.sine(frequency, 8000, level_dbm0=-20)
    assert tones.dominant(samples) == [pytest.approx(frequency, abs=1)]
    assert tones.level_dbm0(samples) == pytest.approx(-20, abs=0.1)
    assert tones.share(samples, frequency) > 0.99
    assert tones.share(samples, frequency + 100) < 0.01


def test_dtmf_is_two_tones_and_silence_none() -> None:
    assert sorted(tones.dominant(tones.dtmf("5", 200), 2)) == [pytest.approx(770, abs=3), pytest.approx(1336, abs=3)]
    assert tones.dominant(np.zeros(8000, np.int16)) == []
