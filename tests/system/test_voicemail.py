"""A caller with a real voice: a message for a mailbox, then an answer through which processes are killed, compared with
what was said, sample by sample, and looked at with other people's programs."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from bench import multimon
from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

VOICES = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
BEEP_HZ = 1000
MENU = """
version: 1
start: box
attributes: {answer: word}
nodes:
  box:
    voicemail: {mailbox: sales, full: two}
    next: ask
    failed: bye
    on_full: bye
  ask:
    record: {greet_long: one, beep: 1400/300, silence: 30s, into: answer}
    next: bye
    failed: bye
  bye:
    hang_up: "${answer}"
"""
MAILBOX = (
    '[[mailboxes]]\nname = "sales"\ngreeting = "welcome"\nsilence = "1500ms"\nnotify = ["ann"]\nmax_messages = 2\n'
)
#: What stays of the silence after the last word, and what a detector may take for a part of it, samples.
TAIL, SOFT = 2400, 1600


def voice(name: str) -> tones.Samples:
    """A sentence, with some time before it."""
    said = soundfile.read(VOICES / f"{name}.wav", dtype="int16")[0]
    return np.concatenate([np.zeros(4000, np.int16), said])


def beeped(call: Call, hz: int) -> None:
    """Skip the greeting, and wait until the beep is over."""
    call.audio.press("#")
    hears(call, hz)
    until(lambda: not call.audio.hears(hz, over_s=0.1, least=0.1), 15, "the beep is over")


def read(event: dict[str, Any]) -> tones.Samples:
    """A message, as its event tells of it."""
    path = event["path"]
    for option, wanted in (("-c", "1"), ("-r", "8000"), ("-b", "16"), ("-e", "Signed Integer PCM")):
        shown = subprocess.run(["soxi", option, path], capture_output=True, text=True, timeout=30, check=True).stdout
        assert shown.strip() == wanted
    samples = soundfile.read(path, dtype="int16")[0]
    assert abs(len(samples) - 8 * event["duration_ms"]) < 8
    return np.asarray(samples, np.int16)


def place_of(part: tones.Samples, whole: tones.Samples) -> tuple[int, float]:
    """Where a part is best found in the whole, and how like it is there (1: the same but for its level)."""
    size = len(part) + len(whole)
    likeness = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole)]
    at = int(np.argmax(likeness))
    there = whole[at : at + len(part)].astype(np.float64)
    same = part[: len(there)].astype(np.float64)
    return at, float(there @ same / (np.linalg.norm(there) * np.linalg.norm(same) + 1e-9))


def pieces_in(said: tones.Samples, message: tones.Samples) -> list[int]:
    """Places of the pieces (0.4 s) of what was said that are in a message; packets that are late make some unlike."""
    pieces = [said[at : at + 3200] for at in range(0, len(said) - 3200, 3200)]
    found = [place_of(piece, message) for piece in pieces]
    return [at for at, alike in found if alike > 0.9]


def loud(samples: tones.Samples) -> NDArray[np.bool_]:
    """For each 10 ms whether there is a voice or a tone in it."""
    blocks = samples[: len(samples) // 80 * 80].reshape(-1, 80).astype(np.float64)
    return np.asarray((blocks**2).mean(axis=1) > 100.0**2)


def assert_all_of_it(track: tones.Samples, messages: list[tones.Samples]) -> None:
    """Each message is a part of the caller's track, to the sample, and what is outside is silence and the last key."""
    rest = track.copy()
    end = 0
    for message in messages:
        # The sentence is in the track several times, so its likeness says nothing.
        at = track.tobytes().find(message.tobytes(), 2 * end) // 2
        assert at >= 0
        end = at + len(message)
        rest[at:end] = 0
    outside = 80 * np.flatnonzero(loud(rest))
    assert outside.size
    assert end - 80 <= outside.min() <= outside.max() < end + 8000, (end, outside)


def metrics(edge: Appliance) -> str:
    with urllib.request.urlopen(f"http://{edge.address}:8080/metrics", timeout=10) as page:
        return str(page.read().decode())


def edge_says(edge: Appliance, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "edge", *arguments, "--json", "--config", str(edge.site)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_message_is_what_the_caller_said(tmp_path: Path) -> None:
    with (
        address() as at,
        address() as caller_at,
        Softphone(caller_at, tone_hz=0, user="5550123") as caller,
        appliance(at, tmp_path, menu=MENU, extra=MAILBOX) as edge,
    ):
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        id_ = edge.last_call()
        beeped(call, BEEP_HZ)
        said = voice("vm-helpexit")
        call.audio.say(said)
        left = edge.wait_event("voicemail.left", id_)["data"]

        # It is a little longer than what was said, which is in it as a whole; the silence is not.
        message = read(left)
        words = said[4000:]
        places = pieces_in(words, message)
        assert len(places) >= 3
        assert places == sorted(places)
        over = len(message) - (80 * int(np.flatnonzero(loud(message))[-1]) + 80)
        assert TAIL - SOFT <= over <= TAIL + SOFT
        assert (left["mailbox"], left["notify"], left["ended_by"], left["urgent"]) == (
            "sales",
            ["ann"],
            "silence",
            False,
        )
        assert left["caller"] == "5550123"
        assert Path(left["path"]) == edge.recordings / "voicemail/sales" / f"{id_}-m1.wav"

        # Media and switch die in the middle of the next one, which goes on in its file; a tone ends it.
        hears(call, TONES["one"])
        beeped(call, 1400)
        call.audio.say(np.concatenate([said, said]))
        half = 44 + 2 * len(said)
        until(lambda: any(path.stat().st_size > half for path in edge.recordings.rglob("*-m2.part")), 20, "half of it")
        edge.wait_restarted("media", edge.kill("media"))
        edge.wait_restarted("switch", edge.kill("switch"))
        until(lambda: not call.audio.pressing, 30, "all is said")
        call.audio.press("#", method="inband")
        answer = edge.wait_event("message.recorded", id_)["data"]
        whole = read(answer)
        assert answer["ended_by"] == "key"
        assert len(pieces_in(words, whole[: len(said)])) >= 3, "before"
        assert len(pieces_in(words, whole[len(said) :])) >= 3, "after"
        assert -4000 < len(whole) - 2 * len(said) < 24_000, "a slow machine's pauses are in it"
        assert multimon.digits(whole) == ""
        call.wait_ended()
        ended = edge.wait_event("call.ended", id_)["data"]
        assert ended["end"]["text"] == answer["message"] == ended["attributes"]["answer"]

        # Both are beside the call's own recording, and all of them are what was written.
        done = edge.wait_event("recording.completed", id_)["data"]
        track = soundfile.read(done["path"], dtype="int16")[0][:, 0]
        assert_all_of_it(track, [message, whole])
        assert [line["ok"] for line in edge_says(edge, "recordings", "verify")] == [True, True, True]
        (line,) = edge_says(edge, "voicemail", "list")
        assert (line["message"], line["caller"], line["heard"]) == (left["message"], "5550123", False)
        # Who hangs up in the middle of a word has left what was said.
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["welcome"])
        beeped(call, BEEP_HZ)
        call.audio.say(said[:16_000])
        until(lambda: not call.audio.pressing, 15, "all is said")
        call.bye()
        short = edge.wait_event("voicemail.left", edge.last_call())["data"]
        assert short["ended_by"] == "hang_up"
        assert len(pieces_in(said[4000:14_000], read(short))) >= 2
        edge.wait_event("call.ended", edge.last_call())
        assert not list(edge.recordings.rglob("*.part"))
        counted = 'edge_media_mailbox_messages{mailbox="sales",state="new"} 2.0'
        until(lambda: counted in metrics(edge), 10, "it is counted")

        # Two messages are all that the mailbox takes: who comes now hears that, and no greeting.
        call = caller.call(edge.uri).wait_answered()
        hears(call, TONES["two"])
        full = edge.wait_event("voicemail.full", edge.last_call())["data"]
        assert (full["mailbox"], full["messages"], full["node"]) == ("sales", 2, "box")
        assert abs(full["length_ms"] - left["duration_ms"] - short["duration_ms"]) < 3
        call.bye()
        edge.wait_event("call.ended", edge.last_call())
        assert "voicemail.left" not in edge.types(edge.last_call())
        assert 'edge_switch_mailbox_full_total{mailbox="sales"} 1.0' in metrics(edge)
        (box,) = edge_says(edge, "voicemail", "mailboxes")
        assert (box["messages"], box["full"], box["filled"]) == (2, True, 1.0)
        edge.check_histories()
        assert "5550123" not in edge.log.read_text(errors="replace")
