"""The desk's microphone and speaker.

Both sides are mono at the rate of calls, 8 kHz, where the device takes that, else at the device's own and resampled.
Between the call and each device lies a short store, for their clocks are not the same: what it lacks is silence, what
it has too much of is left out, and both are counted.
"""

import threading
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from edge.line import cards
from edge.line.cards import Device, NoDeviceError, quiet

__all__ = ["Device", "Handset", "NoDeviceError", "Sound", "quiet"]

RATE, FRAME = 8000, 160
#: Stored before it is played, and at the most, samples (60 and 240 ms).
_BEFORE, _MOST = 3 * FRAME, 12 * FRAME

Samples = NDArray[np.int16]


class Sound(cards.Sound):
    """PortAudio, begun. Use as a context manager."""

    def open(self, microphone: Device, speaker: Device) -> "Handset":
        """Open both. Raises `NoDeviceError`."""
        rates = self.rate_of(microphone, hears=True), self.rate_of(speaker, hears=False)
        try:
            return Handset(self.library, self.port, (microphone, speaker), rates)
        except OSError as error:
            raise NoDeviceError(f"{microphone.name}, {speaker.name}: {error}") from None


class Handset:
    """A microphone and a speaker that are open."""

    def __init__(self, pyaudio: Any, port: Any, devices: tuple[Device, Device], rates: tuple[int, int]) -> None:
        #: Times that the speaker had nothing to play, and that the call had nothing of the microphone.
        self.speaker_dry = self.microphone_dry = 0
        #: Samples that were left out, for the clock of the device is another one.
        self.speaker_dropped = self.microphone_dropped = 0
        self.rates = rates
        self._lock = threading.Lock()
        self._spoken, self._heard = np.zeros(0, np.int16), np.zeros(0, np.int16)
        self._speaking = self._hearing = False
        self._from = soxr.ResampleStream(rates[0], RATE, 1, dtype="int16")
        self._to = soxr.ResampleStream(RATE, rates[1], 1, dtype="int16")
        self._continue = pyaudio.paContinue
        common = {"format": pyaudio.paInt16, "channels": 1}
        self._input = port.open(
            rate=rates[0],
            input=True,
            input_device_index=devices[0].index,
            frames_per_buffer=rates[0] // 50,
            stream_callback=self._record,
            **common,
        )
        try:
            self._output = port.open(
                rate=rates[1],
                output=True,
                output_device_index=devices[1].index,
                frames_per_buffer=rates[1] // 50,
                stream_callback=self._play,
                **common,
            )
        except OSError:
            self._input.close()
            raise

    def close(self) -> None:
        """Give both back."""
        self._input.close()
        self._output.close()

    # --- the call's side

    def hear(self, samples: Samples) -> None:
        """Play what the call brings: int16 at 8 kHz."""
        fresh = samples if self.rates[1] == RATE else self._to.resample_chunk(samples)
        most = _MOST * self.rates[1] // RATE
        with self._lock:
            waiting = np.concatenate([self._heard, fresh])
            self.speaker_dropped += max(0, len(waiting) - most)
            self._heard = waiting[-most:]

    def speak(self) -> Samples | None:
        """Return the next 20 ms of the microphone, None when they are not there."""
        with self._lock:
            if not self._speaking:
                self._speaking = len(self._spoken) >= _BEFORE
            if not self._speaking:
                return None
            if len(self._spoken) < FRAME:
                self.microphone_dry += 1
                self._speaking = False
                return None
            frame, self._spoken = self._spoken[:FRAME], self._spoken[FRAME:]
            return frame

    # --- the devices' side, on threads of PortAudio

    def _record(self, data: bytes, _count: int, _times: object, _status: int) -> tuple[None, int]:
        samples = np.frombuffer(data, np.int16)
        fresh = samples if self.rates[0] == RATE else self._from.resample_chunk(samples)
        with self._lock:
            waiting = np.concatenate([self._spoken, fresh])
            self.microphone_dropped += max(0, len(waiting) - _MOST)
            self._spoken = waiting[-_MOST:]
        return None, self._continue

    def _play(self, _data: object, count: int, _times: object, _status: int) -> tuple[bytes, int]:
        with self._lock:
            if not self._hearing:
                self._hearing = len(self._heard) >= _BEFORE * self.rates[1] // RATE
            ready = self._heard[:count] if self._hearing else self._heard[:0]
            self._heard = self._heard[len(ready) :]
            if self._hearing and len(ready) < count:
                self.speaker_dry += 1
                self._hearing = False
        return np.pad(ready, (0, count - len(ready))).tobytes(), self._continue
