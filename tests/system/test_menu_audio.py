"""`edge menu try --audio` at a desk without a sound card: a sound server with null sinks, and a terminal."""

import os
import pty
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.support import tones
from tests.support.sound_server import SoundServer, sound_server
from tests.support.waiting import until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
VOICE = Path("/usr/share/asterisk/sounds/en_US_f_Allison/hello-world.wav")
SITE = """
name = "desk"
[paths]
state = "{folder}/state"
recordings = "{folder}/recordings"
menus = "{folder}/menus"
prompts = "{folder}/prompts"
"""
MENU = """
version: 1
start: welcome
nodes:
  welcome:
    gather:
      greet_long: {say: "Welcome to the desk. Please press one key or another."}
      first_digit_timeout: 60s
    choices: {1: talk}
    failed: bye
  talk:
    listen: {timeout: 60s}
    next: heard
    failed: bye
  heard:
    gather:
      greet_long: {say: "Somebody has said something. Now hold a telephone to it."}
      first_digit_timeout: 60s
    choices: {5: connect}
    failed: bye
  connect:
    transfer: {to: "sip:desk@192.0.2.20", ring_timeout: 60s}
    on_outcome: {busy: engaged}
    failed: bye
  engaged:
    say: The one at the desk is engaged at the moment, unfortunately.
    next: bye
  bye:
    hang_up:
"""


class Terminal:
    """What the command prints, and the keyboard."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        #: What was printed and not looked for yet.
        self.said = ""

    def until(self, text: str) -> None:
        """Read until it has said this after what was looked for before; the timeout of the test ends the waiting."""
        while text not in self.said:
            self.said += os.read(self.fd, 1000).decode(errors="replace")
        self.said = self.said.partition(text)[2]

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())


def likeness(heard: np.ndarray, prompt: np.ndarray) -> float:
    """The highest correlation coefficient of a prompt with what was heard, wherever it may lie."""
    prompt = prompt.astype(np.float64) - prompt.mean()
    heard = heard.astype(np.float64)
    size = 1 << (len(heard) + len(prompt)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(prompt, size)), size)
    sums = np.concatenate([[0.0], np.cumsum(heard**2)])
    power = sums[len(prompt) :] - sums[: -len(prompt)]
    return float(np.max(product[: len(power)] / np.sqrt(np.maximum(power, 1e3) * np.sum(prompt**2))))


def was_played(server: SoundServer, prompt: np.ndarray) -> bool:
    """Whether some 400 ms of a prompt were: a sound server on a busy machine leaves holes."""
    heard, count = server.played(), 3200
    pieces = [prompt[at : at + count] for at in range(0, len(prompt) - count, count)]
    return any(likeness(heard, piece) > 0.7 for piece in pieces if np.abs(piece).max() > 2000)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus" / "main.yaml").write_text(MENU)
    (tmp_path / "site.toml").write_text(SITE.format(folder=tmp_path))
    return tmp_path / "site.toml"


@pytest.mark.alone  # a sound server that is kept waiting leaves out parts
def test_a_menu_is_heard_spoken_to_and_dialled_at_the_desk(site: Path, tmp_path: Path) -> None:
    # Again and again: a sound server on a busy machine may leave out a part of it.
    key = np.concatenate([tones.dtmf("5", 300), np.zeros(2400, np.int16)] * 4)
    soundfile.write(tmp_path / "key.wav", key, 8000)
    ours, theirs = pty.openpty()
    with sound_server(tmp_path / "sound") as server:
        environment = {**os.environ, **server.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "edge.cli", "menu", "try", "--config", str(site)]
        listed = subprocess.run(
            [*command, "--devices"], cwd=ROOT, env=environment, capture_output=True, check=True, text=True
        )
        assert "default" in listed.stdout
        nobody = subprocess.run(
            [*command, "main", "--audio", "--input", "gramophone"],
            cwd=ROOT, env=environment, capture_output=True, check=False, text=True,
        )  # fmt: skip
        assert nobody.returncode == 1
        assert "'gramophone' is no microphone" in nobody.stderr
        with subprocess.Popen(
            [*command, "main", "--audio", "--input", "default", "--output", "default"],
            cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        ) as process:  # fmt: skip
            os.close(theirs)
            terminal = Terminal(ours)
            terminal.until("Welcome to the desk")
            terminal.type("1")
            terminal.until("talk (listen)")
            server.say(VOICE)
            terminal.until("Somebody has said something")
            server.say(tmp_path / "key.wav")
            terminal.until("? sip:desk@192.0.2.20")
            terminal.type("b")
            terminal.until("The one at the desk is engaged")
            terminal.until("the call is over")
            assert process.wait(30) == 0
        for prompt in (tmp_path / "cache/edge/prompts").glob("*.wav"):
            samples, rate = soundfile.read(prompt, dtype="int16")
            at_8k = soxr.resample(samples, rate, 8000)
            until(partial(was_played, server, at_8k), 20, f"{prompt.name} at the speaker")
    os.close(ours)
