"""What is heard of a play, sound by sound, and when it was."""

import asyncio
import socket
import struct

import numpy as np
import pytest

from dsp.fingerprint import Library
from edge.app.menu_prompts import Listener, Prompts, Recognised
from edge.app.phone_audio import open_audio
from tests.dsp.test_ear import RATE, silence, sound

FRAME = RATE // 50
SOUNDS = [sound(seed, 1.2) for seed in range(3)]
PROMPTS = Prompts(
    library=Library(SOUNDS),
    labels=["You are number", "two", "in the queue."],
    lengths_ms=[len(one) * 1000 // RATE for one in SOUNDS],
    short=[],
    voice=silence(0.1),
)


def heard(audio: np.ndarray, *, begins_ms: int, lost_ms: int = 0, lost_at_ms: int = 0) -> list[Recognised]:
    """Hear audio from `begins_ms` on in packets, of which some are lost; the first of each ten comes late."""
    told: list[Recognised] = []
    now = begins_ms
    listener = Listener(PROMPTS, lambda: now, told.append)
    for at in range(0, len(audio), FRAME):
        at_ms = at * 1000 // RATE
        if lost_at_ms <= at_ms < lost_at_ms + lost_ms:
            continue
        now = begins_ms + at_ms + 300 * (at // FRAME % 10 == 0)
        listener.feed(audio[at : at + FRAME])
    listener.end()
    return told


def test_a_play_of_several_sounds_is_one_text_that_grows() -> None:
    first, second, third = heard(np.concatenate([silence(0.4), *SOUNDS, silence(0.5)]), begins_ms=5000)
    assert [one.text for one in (first, second, third)] == [
        "You are number",
        "You are number two",
        "You are number two in the queue.",
    ]
    assert [one.known for one in (first, second, third)] == [0, len("you are number"), len("you are number two")]
    for number, one in enumerate((first, second, third)):
        assert one.at_ms == pytest.approx(5400 + 1200 * number, abs=60)
        assert one.since_ms == pytest.approx(1200 * number, abs=60)


def test_sounds_with_a_pause_between_are_plays_of_their_own() -> None:
    first, second = heard(np.concatenate([SOUNDS[0], silence(0.6), SOUNDS[1], silence(0.5)]), begins_ms=0)
    assert [(one.text, one.since_ms, one.known) for one in (first, second)] == [("You are number", 0, 0), ("two", 0, 0)]


def test_what_is_lost_on_the_way_does_not_make_later_sounds_early() -> None:
    audio = np.concatenate([SOUNDS[0], silence(8.0), SOUNDS[1], silence(0.5)])
    first, second = heard(audio, begins_ms=1000, lost_at_ms=2000, lost_ms=4000)
    assert first.at_ms == pytest.approx(1000, abs=60)
    assert second.at_ms == pytest.approx(1000 + 1200 + 8000, abs=60)


def test_how_long_it_is_quiet() -> None:
    now = 0
    listener = Listener(PROMPTS, lambda: now, lambda _told: None)
    listener.feed(silence(0.02))
    assert (listener.loud_ms, listener.quiet_ms) == (None, 0)
    listener.feed(SOUNDS[0][:FRAME])
    now = 900
    listener.feed(silence(0.02))
    assert (listener.loud_ms, listener.quiet_ms) == (0, 900)


def test_what_has_come_before_the_end_is_heard_also_by_a_busy_machine() -> None:
    async def talk() -> tuple[int, bool]:
        got: list[int] = []
        audio, at = await open_audio("127.0.0.1", lambda samples: got.append(len(samples)), lambda: None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(40):
                head = struct.pack("!BBHII", 0x80, 0, number, number * FRAME, 7)
                peer.sendto(head + bytes([0xFF] * FRAME), (at.host, at.port))
            audio.close()  # the loop has read none of them yet
        closing = audio.socket
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return sum(got), closing is not None and closing.fileno() == -1

    assert asyncio.run(talk()) == (40 * FRAME, True)
