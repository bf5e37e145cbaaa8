"""Somebody who stands by at a bench of simulators: he does what `hw_tests` asks for, in the words in which it asks.

He calls the device, presses keys, says a sentence and hangs up as callers do, and pulls its plug. What the device sends
as a message comes back to it, as the network has it with messages to oneself.
"""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dsp.tones.generator import dtmf
from tests.support.modem import Simulator
from tests.support.sound_server import SoundServer
from tests.support.waiting import until

CALLER = "+491712345678"
#: Models that do not report what the caller presses: it is in the sound only.
_KEYS_IN_SOUND = ("huawei",)
_VOICE = Path(__file__).parents[2] / "edge/app/examples/garage/who-called.wav"
_TONE, _PAUSE, _SENTENCE = 800, 800, 20_000


class Bystander:
    """Somebody at `modem`, whose sound is in its ports, or at `desk`."""

    def __init__(self, model: str, modem: Simulator, folder: Path, desk: SoundServer | None = None) -> None:
        self._model, self._modem, self._folder, self._desk = model, modem, folder, desk
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._messages = threading.Thread(target=self._deliver)
        self._messages.start()

    def help_with(self, wanted: str) -> None:
        """Do what is asked for."""
        if wanted.startswith("call the number"):
            # A caller is no echo.
            self._do("set", loop=False)
            self._do("ring", number=CALLER)
        elif wanted.startswith("press "):
            self._press("".join(wanted.partition(",")[0].split()[1:]))
            self._say(soundfile.read(_VOICE, _SENTENCE, dtype="int16")[0])
            self._do("over", cause=16)
            self._do("set", loop=True)
        elif wanted.startswith("hang up"):
            self._do("over", cause=16)
        elif wanted.startswith("pull "):
            self._do("unplug")
        elif wanted.startswith("plug "):
            self._do("plug")
        else:
            raise AssertionError(f"nobody knows how to: {wanted}")

    def end(self) -> None:
        self._over.set()
        self._messages.join()

    def _press(self, keys: str) -> None:
        if self._model in _KEYS_IN_SOUND:
            tones = [part for key in keys for part in (dtmf(key, _TONE, -10.0), np.zeros(_PAUSE, np.int16))]
            self._say(np.concatenate([np.zeros(_PAUSE, np.int16), *tones]))
            return
        for key in keys:
            self._do("press", digit=key)
            time.sleep(0.2)

    def _say(self, samples: np.ndarray) -> None:
        """Say it into the call, and wait until it is said."""
        if self._desk is not None:
            soundfile.write(self._folder / "said.wav", samples, 8000)
            self._desk.say(self._folder / "said.wav")
            return
        data = ((samples >> 8) + 128).astype(np.uint8) if self._model == "voice" else samples.astype("<i2")
        (self._folder / "said.raw").write_bytes(data.tobytes())
        self._do("play", path=str(self._folder / "said.raw"))
        until(lambda: self._do("tell")["to_say"] == 0, 60, "all is said", every_s=0.05)

    def _do(self, what: str, **more: Any) -> dict[str, Any]:
        with self._lock:
            return self._modem.do(what, **more)

    def _deliver(self) -> None:
        delivered = 0
        while not self._over.wait(0.2):
            sent = self._do("tell")["sent"]
            for number, text in sent[delivered:]:
                self._do("message", number=number, text=text)
            delivered = len(sent)
