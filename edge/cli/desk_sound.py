"""The desk's microphone and speaker, by PyAudio (PortAudio): the one place that knows of it.

Both sides are mono at the rate of calls, 8 kHz, where the device takes that, else at the device's own and resampled.
Between the call and each device lies a short store, for their clocks are not the same: what it lacks is silence, what
it has too much of is left out, and both are counted.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import soxr
from msgspec import Struct
from numpy.typing import NDArray

RATE, FRAME = 8000, 160
#: Stored before it is played, and at the most, samples (60 and 240 ms).
_BEFORE, _MOST = 3 * FRAME, 12 * FRAME

Samples = NDArray[np.int16]


class NoDeviceError(Exception):
    """There is no such microphone or speaker; the text says why."""


class Device(Struct, frozen=True):
    """A device of the machine."""

    index: int
    name: str
    inputs: int
    outputs: int
    rate: int


def _library() -> Any:
    try:
        import pyaudio
    except ImportError as error:
        raise NoDeviceError(
            f"PyAudio is not installed ({error}): pip install 'edge-appliance[audio]', with portaudio19-dev"
        ) from None
    return pyaudio


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what ALSA writes to standard error (devices that are not there, underruns) from the terminal."""
    before = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)


class Sound:
    """PortAudio, begun. Use as a context manager."""

    def __init__(self) -> None:
        self._pyaudio = _library()
        with quiet():
            self._port = self._pyaudio.PyAudio()

    def __enter__(self) -> "Sound":
        return self

    def __exit__(self, *_: object) -> None:
        self._port.terminate()

    def devices(self) -> list[Device]:
        """List all devices."""
        found = (self._port.get_device_info_by_index(index) for index in range(self._port.get_device_count()))
        return [
            Device(
                int(one["index"]),
                str(one["name"]),
                int(one["maxInputChannels"]),
                int(one["maxOutputChannels"]),
                int(one["defaultSampleRate"]),
            )
            for one in found
        ]

    def choose(self, wanted: str | None, *, hears: bool) -> Device:
        """Find a device by its number or a part of its name; None: the default one. Raises `NoDeviceError`."""
        what = "microphone" if hears else "speaker"
        devices = [one for one in self.devices() if (one.inputs if hears else one.outputs)]
        if not devices:
            raise NoDeviceError(f"this machine has no {what}")
        if wanted is None:
            ask = self._port.get_default_input_device_info if hears else self._port.get_default_output_device_info
            try:
                default = int(ask()["index"])
            except OSError as error:
                raise NoDeviceError(f"there is no default {what}: {error}") from None
            return next((one for one in devices if one.index == default), devices[0])
        if wanted.isdecimal():
            fitting = [one for one in devices if one.index == int(wanted)]
        else:
            fitting = [one for one in devices if one.name == wanted]
            fitting = fitting or [one for one in devices if wanted.casefold() in one.name.casefold()]
        if len(fitting) != 1:
            known = ", ".join(f"{one.index} {one.name}" for one in fitting or devices)
            raise NoDeviceError(
                f"'{wanted}' fits several {what}s: {known}"
                if fitting
                else f"'{wanted}' is no {what}; there are {known}"
            )
        return fitting[0]

    def rate_of(self, device: Device, *, hears: bool) -> int:
        """Return the rate to open a device at: that of calls where it can be had."""
        options: dict[str, Any] = (
            {"input_device": device.index, "input_channels": 1, "input_format": self._pyaudio.paInt16}
            if hears
            else {"output_device": device.index, "output_channels": 1, "output_format": self._pyaudio.paInt16}
        )
        for rate in (RATE, 16000, device.rate):
            try:
                if self._port.is_format_supported(rate, **options):
                    return rate
            except ValueError:
                continue
        raise NoDeviceError(f"{device.name} takes no 16-bit mono at {RATE}, 16000 or {device.rate} Hz")

    def stream(self, device: Device, rate: int, take: Callable[..., Any], *, hears: bool) -> Any:
        """Open one side by itself, mono and of 16 bits, in blocks of 20 ms; `take` is PortAudio's callback.

        It runs from now on, until it is closed. Raises `NoDeviceError`.
        """
        side = (
            {"input": True, "input_device_index": device.index}
            if hears
            else {"output": True, "output_device_index": device.index}
        )
        try:
            return self._port.open(
                format=self._pyaudio.paInt16,
                channels=1,
                rate=rate,
                frames_per_buffer=rate // 50,
                stream_callback=take,
                **side,
            )
        except OSError as error:
            raise NoDeviceError(f"{device.name}: {error}") from None

    def open(self, microphone: Device, speaker: Device) -> "Handset":
        """Open both. Raises `NoDeviceError`."""
        rates = self.rate_of(microphone, hears=True), self.rate_of(speaker, hears=False)
        try:
            return Handset(self._pyaudio, self._port, (microphone, speaker), rates)
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
