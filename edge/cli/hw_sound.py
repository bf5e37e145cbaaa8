"""A signal through a loop, and what came back, on one line of time: through sound devices, or a port that carries PCM.

What is timed is what a call would see: from handing samples to the device until they are had from it, with all that
lies between in drivers, sound servers and the device itself.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import soxr
from msgspec import Struct
from numpy.typing import NDArray

from dsp.loop import Measured, Signal, SoundLostError, measure
from edge.cli.desk_sound import Device, Sound, quiet

RATE: Final = 8000
#: Measurements, of which all but the last may lose sound.
TRIES: Final = 3
#: Recorded after the last that was played: what comes back later is not waited for.
TAIL_S: Final = 2.6
#: PortAudio's flags of a callback: there was no room for what came, there was nothing to play (portaudio.h).
_OVERFLOW, _UNDERFLOW = 0x2, 0x4
#: Blocks at the begin, whose times say how a device fills its stores and not how it runs.
_SETTLING: Final = 20
_PA_CONTINUE: Final = 0
#: A card is asked so often whether it is over, and has so long beyond the time that its sound takes.
_LOOK_S, _PATIENCE_S = 0.1, 10.0
#: What a port is given before it is due. A part of the latency: a call would have to do so, too.
_AHEAD_S: Final = 0.06

Samples = NDArray[np.int16]


class Clock(Struct, frozen=True):
    """A device's clock by that of the machine."""

    ppm: float
    #: Twice the standard error, or how far the halves of the measurement differ.
    within_ppm: float


class Recorded(Struct, frozen=True, kw_only=True):
    """What came back."""

    #: int16 at 8 kHz.
    samples: Samples
    #: Seconds from handing over the signal's first sample to having the recording's first.
    begins_s: float
    #: Times that the device had no room for what came, or nothing to play.
    overruns: int = 0
    underruns: int = 0
    #: None: too little was seen of it.
    clock: Clock | None = None

    def latency_ms(self, lag: float) -> float:
        """Give the time from handing over to having, of a signal that begins `lag` samples into the recording."""
        return 1000 * (self.begins_s + lag / RATE)


def never() -> bool:
    """Say that what was recorded is not enough yet."""
    return False


class Loop(Protocol):
    """Something that sound goes into and comes back from."""

    def run(self, signal: Samples, tail_s: float = TAIL_S, enough: Callable[[], bool] = never) -> Recorded:
        """Play int16 at 8 kHz, and record from the begin until `tail_s` after its end, or until it is `enough`.

        Raises as it says itself.
        """


class Times:
    """When samples were handed over or had: the line through those times."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._at: list[tuple[float, int]] = []

    def add(self, samples: int) -> None:
        """Note that so many samples had gone by now."""
        self._at.append((time.monotonic(), samples))

    def begin_s(self) -> float:
        """When the first sample went, by what the later ones say. Raises `ValueError` when there were none."""
        if not self._at:
            raise ValueError("no sound went by")
        settled = self._at[_SETTLING:] or self._at
        return float(np.median([at - samples / self._rate for at, samples in settled]))

    def clock(self) -> Clock | None:
        """Compare with the machine's clock."""
        settled = np.array(self._at[_SETTLING:])
        if len(settled) < 100:
            return None
        at, samples = settled[:, 0] - settled[0, 0], settled[:, 1] - settled[0, 1]
        (slope, _), error = np.polyfit(at, samples, 1, cov=True)
        # What comes late comes late for a while, of which the standard error knows nothing; the halves do.
        half = len(at) // 2
        first, second = (np.polyfit(at[part], samples[part], 1)[0] for part in (slice(half), slice(half, None)))
        within = max(2 * float(np.sqrt(error[0, 0])), abs(float(first - second)))
        return Clock(round(float(slope / self._rate - 1) * 1e6, 1), round(within / self._rate * 1e6, 1))


class CardLoop:
    """Through PortAudio: a microphone and a speaker. `run` raises `NoDeviceError`."""

    def __init__(self, sound: Sound, microphone: Device, speaker: Device) -> None:
        self._sound, self._devices = sound, (microphone, speaker)
        self.rates = sound.rate_of(microphone, hears=True), sound.rate_of(speaker, hears=False)

    def run(self, signal: Samples, tail_s: float = TAIL_S, enough: Callable[[], bool] = never) -> Recorded:
        """Play and record."""
        rate_in, rate_out = self.rates
        to_play = _at_rate(signal, RATE, rate_out)
        wanted = round((len(signal) / RATE + tail_s) * rate_in)
        heard: list[Samples] = []
        times = Times(rate_in), Times(rate_out)
        faults = [0, 0]
        done = threading.Event()
        place = [0, 0]

        def record(data: bytes, count: int, _times: object, status: int) -> tuple[None, int]:
            faults[0] += bool(status & _OVERFLOW)
            heard.append(np.frombuffer(data, np.int16))
            place[0] += count
            # These samples are had now that the block is whole, so its end is what is timed.
            times[0].add(place[0])
            if place[0] >= wanted:
                done.set()
            return None, _PA_CONTINUE

        def play(_data: object, count: int, _times: object, status: int) -> tuple[bytes, int]:
            if not heard:
                # A sound server may take more than a second until it records; what is said before is lost.
                return bytes(2 * count), _PA_CONTINUE
            faults[1] += bool(status & _UNDERFLOW) and 0 < place[1] < len(to_play)
            block = to_play[place[1] : place[1] + count]
            times[1].add(place[1])
            place[1] += count
            return np.pad(block, (0, count - len(block))).tobytes(), _PA_CONTINUE

        with quiet():
            limit = time.monotonic() + len(signal) / RATE + tail_s + _PATIENCE_S
            self._stream(record, play, lambda: done.wait(_LOOK_S) or enough() or time.monotonic() > limit)
        recorded = np.concatenate(heard) if heard else np.zeros(0, np.int16)
        if not heard or not place[1]:
            return Recorded(samples=np.zeros(0, np.int16), begins_s=0.0)
        return Recorded(
            samples=_at_rate(recorded, rate_in, RATE),
            begins_s=times[0].begin_s() - times[1].begin_s(),
            overruns=faults[0],
            underruns=faults[1],
            clock=times[0].clock(),
        )

    def _stream(self, record: Any, play: Any, over: Callable[[], bool]) -> None:
        """Have both sides run until it is over, which is asked again and again and takes its time to say so."""
        rate_in, rate_out = self.rates
        listening = self._sound.stream(self._devices[0], rate_in, record, hears=True)
        try:
            speaking = self._sound.stream(self._devices[1], rate_out, play, hears=False)
            try:
                while not over():
                    pass
            finally:
                speaking.close()
        finally:
            listening.close()


class PortLoop:
    """Through a port that carries PCM of 16 bits, little endian, both ways, at `rate`. `run` raises `OSError`.

    `write` and `read` (as much as there is, waiting for 20 ms at the most) are the port's.
    """

    def __init__(self, write: Callable[[bytes], Any], read: Callable[[], bytes], rate: int = RATE) -> None:
        self._write, self._read, self._rate = write, read, rate

    def run(self, signal: Samples, tail_s: float = TAIL_S, enough: Callable[[], bool] = never) -> Recorded:
        """Play by the clock of this machine, 20 ms at a time, and record."""
        rate = self._rate
        frame = rate // 50
        to_play = _at_rate(signal, RATE, rate)
        total = len(to_play) + round(tail_s * rate)
        sound = np.pad(to_play, (0, total - len(to_play))).astype("<i2")
        began = time.monotonic()
        times = Times(rate), Times(rate)
        heard = bytearray()
        place = 0
        while len(heard) < 2 * total and time.monotonic() < began + total / rate + 2 and not enough():
            # A little before it is due, so that the device never waits for us.
            while place < total and time.monotonic() >= began + place / rate - _AHEAD_S:
                times[1].add(place)
                self._write(sound[place : place + frame].tobytes())
                place += frame
            data = self._read()
            if data:
                heard += data
                times[0].add(len(heard) // 2)
        samples = np.frombuffer(bytes(heard[: len(heard) & ~1]), "<i2").astype(np.int16)
        begins = times[0].begin_s() - times[1].begin_s() if len(samples) else 0.0
        return Recorded(samples=_at_rate(samples, rate, RATE), begins_s=begins, clock=times[0].clock())


def through(loop: Loop, tell: Callable[[str], object], tries: int = TRIES) -> tuple[Recorded, Measured]:
    """Measure a loop, and again where sound was lost on the way: a machine that is busy says nothing of a line.

    The last of the tries counts as it is. Raises `NothingHeardError`, and what `run` raises.
    """
    signal = Signal()
    while True:
        tries -= 1
        recorded = loop.run(signal.samples)
        try:
            measured = measure(recorded.samples, signal)
        except SoundLostError:
            if not tries:
                raise
        else:
            if not tries or measured.drift_ppm is not None:
                return recorded, measured
        tell("sound was lost on the way: once more")


def _at_rate(samples: Samples, rate: int, wanted: int) -> Samples:
    if rate == wanted:
        return samples
    changed = soxr.resample(samples.astype(np.float32), rate, wanted)
    return np.asarray(changed).round().clip(-32768, 32767).astype(np.int16)
