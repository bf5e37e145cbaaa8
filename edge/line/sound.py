"""Sound of a line: a sound card by PyAudio (PortAudio), a second serial port with PCM, or the control stream itself.

Between the device and the call lie two stores that make good what their clocks differ by (`edge.line.drift`).
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from edge.line.cards import Device, NoDeviceError, Sound, be_silent
from edge.line.drift import DriftStore

Samples = NDArray[np.int16]

#: A device from which nothing has come for so long is gone.
SILENT_S = 2.0


class Pair:
    """The two stores of a line, with gains and rates. What the call's side needs of it is `edge.line.rtp.Audio`."""

    def __init__(self, rate: int, device_rates: tuple[int, int], gains_db: tuple[float, float]) -> None:
        self.rate, self._device_rates = rate, device_rates
        #: On its way from the device to the call, and from the call to the device.
        self.inward, self.outward = DriftStore(rate), DriftStore(device_rates[1])
        self._gains = [10 ** (gain / 20) for gain in gains_db]
        self._lock = threading.Lock()
        self._from = None if device_rates[0] == rate else soxr.ResampleStream(device_rates[0], rate, 1, dtype="int16")
        self._to = None if device_rates[1] == rate else soxr.ResampleStream(rate, device_rates[1], 1, dtype="int16")
        #: When the device has brought something last.
        self.alive_s = time.monotonic()

    def hear(self, samples: Samples, now_s: float) -> None:
        """See `Audio`."""
        made = _louder(samples, self._gains[1])
        with self._lock:
            self.outward.put(made if self._to is None else self._to.resample_chunk(made), now_s)

    def speak(self, count: int, now_s: float) -> Samples:
        """See `Audio`."""
        with self._lock:
            return _louder(self.inward.take(count, now_s), self._gains[0])

    def heard(self, samples: Samples) -> None:
        """Take what the device has brought."""
        self.alive_s = now_s = time.monotonic()
        with self._lock:
            self.inward.put(samples if self._from is None else self._from.resample_chunk(samples), now_s)

    def wanted(self, count: int) -> Samples:
        """Give the device what it is to play."""
        self.alive_s = now_s = time.monotonic()
        with self._lock:
            return self.outward.take(count, now_s)


def _louder(samples: Samples, gain: float) -> Samples:
    if gain == 1:
        return samples
    made: Samples = np.clip(np.rint(samples * gain), -32768, 32767).astype(np.int16)
    return made


class Card:
    """A sound card that is open in both directions, or the one that it has."""

    def __init__(self, rate: int, names: tuple[str, str], gains_db: tuple[float, float]) -> None:
        """Open it. Raises `NoDeviceError`."""
        be_silent()
        self._sound = Sound()
        self._streams: list[Any] = []
        try:
            microphone = self._find(names[0], hears=True)
            speaker = self._find(names[1], hears=False)
            if microphone is None and speaker is None:
                raise NoDeviceError("it has neither microphone nor speaker")
            rates = tuple(
                self._sound.rate_of(device, hears=hears, wanted=rate) if device is not None else rate
                for device, hears in ((microphone, True), (speaker, False))
            )
            self.pair = Pair(rate, (rates[0], rates[1]), gains_db)
            self._continue = self._sound.library.paContinue
            if microphone is not None:
                self._streams.append(self._sound.stream(microphone, rates[0], self._in, hears=True))
            if speaker is not None:
                self._streams.append(self._sound.stream(speaker, rates[1], self._out, hears=False))
        except (OSError, ValueError) as error:
            self._sound.__exit__()
            raise NoDeviceError(
                f"{' and '.join(dict.fromkeys(filter(None, names))) or 'the default'}: {error}"
            ) from None
        except NoDeviceError:
            self._sound.__exit__()
            raise

    def _find(self, name: str, *, hears: bool) -> Device | None:
        return None if name == "none" else self._sound.choose(name or None, hears=hears)

    @property
    def trouble(self) -> str:
        """Why it can't be used any more; empty: it works."""
        if time.monotonic() - self.pair.alive_s > SILENT_S:
            return "the sound device is gone, or stands still"
        return ""

    def close(self) -> bool:
        """Give it back; False when the library does not return from that."""
        done = threading.Thread(target=self._close, daemon=True)
        done.start()
        done.join(2.0)
        return not done.is_alive()

    def _close(self) -> None:
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()
        self._sound.__exit__()

    def _in(self, data: bytes, _count: int, _times: object, _status: int) -> tuple[None, int]:
        self.pair.heard(np.frombuffer(data, np.int16))
        return None, self._continue

    def _out(self, _data: object, count: int, _times: object, _status: int) -> tuple[bytes, int]:
        return self.pair.wanted(count).tobytes(), self._continue


class Stream:
    """Sound as octets of a serial stream. Its clock is the modem's: as much is written as has been read."""

    def __init__(
        self, rate: int, device_rate: int, encoding: str, gains_db: tuple[float, float], write: Callable[[bytes], None]
    ) -> None:
        self.pair = Pair(rate, (device_rate, device_rate), gains_db)
        self._encoding, self._write = encoding, write
        self._rest = b""

    def received(self, data: bytes) -> None:
        """Take octets of the modem, and write as many."""
        data = self._rest + data
        width = 2 if self._encoding == "s16le" else 1
        whole = len(data) - len(data) % width
        data, self._rest = data[:whole], data[whole:]
        if data:
            self.pair.heard(decoded(data, self._encoding))
            self._write(encoded(self.pair.wanted(len(data) // width), self._encoding))


def decoded(data: bytes, encoding: str) -> Samples:
    """Make samples of octets: `s16le`, `u8`, `ulaw` or `alaw` (ITU-T G.711)."""
    if encoding == "s16le":
        return np.frombuffer(data, "<i2").astype(np.int16)
    octets = np.frombuffer(data, np.uint8)
    if encoding == "u8":
        return ((octets.astype(np.int16) - 128) << 8).astype(np.int16)
    return _LAWS[encoding][octets]


def encoded(samples: Samples, encoding: str) -> bytes:
    """Make octets of samples."""
    if encoding == "s16le":
        return samples.astype("<i2").tobytes()
    if encoding == "u8":
        return ((samples.astype(np.int32) + 128 >> 8) + 128).clip(0, 255).astype(np.uint8).tobytes()
    order, edges = _NEAREST[encoding]
    return order[np.searchsorted(edges, samples)].tobytes()


def _mulaw() -> Samples:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(exponent > 0, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0), (mantissa << 4) + 8)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(law: Samples) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    order = np.argsort(law, kind="stable").astype(np.uint8)
    values = law[order].astype(float)
    return order, (values[1:] + values[:-1]) / 2


#: G.711 without numba, which would be most of this process.
_LAWS = {"ulaw": _mulaw(), "alaw": _alaw()}
_NEAREST = {name: _nearest(law) for name, law in _LAWS.items()}
