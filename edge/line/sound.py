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
from edge.line.levels import Meter
from edge.line.pcm import decoded, encoded

Samples = NDArray[np.int16]

#: A device from which nothing has come for so long is gone.
SILENT_S = 2.0
#: A modem that brings nothing for so long during a call has lost its sound.
MUTE_S = 5.0


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
        #: How loud the call is heard, and how loud it is played.
        self.meters = Meter(device_rates[0], gains_db[0]), Meter(rate)
        #: When the device has brought something last, and when it has taken something.
        self.brought_s = self.took_s = time.monotonic()

    def hear(self, samples: Samples, now_s: float) -> None:
        """See `Audio`."""
        made = _louder(samples, self._gains[1])
        self.meters[1].take(made)
        with self._lock:
            self.outward.put(made if self._to is None else self._to.resample_chunk(made), now_s)

    def speak(self, count: int, now_s: float) -> Samples:
        """See `Audio`."""
        with self._lock:
            return _louder(self.inward.take(count, now_s), self._gains[0])

    def heard(self, samples: Samples) -> None:
        """Take what the device has brought."""
        self.brought_s = now_s = time.monotonic()
        self.meters[0].take(samples)
        with self._lock:
            self.inward.put(samples if self._from is None else self._from.resample_chunk(samples), now_s)

    def wanted(self, count: int) -> Samples:
        """Give the device what it is to play."""
        self.took_s = now_s = time.monotonic()
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
            self._ways = microphone is not None, speaker is not None
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

    def trouble(self, *, in_call_for_s: float, always: bool) -> str:
        """Say why it can't be used any more; empty: it works.

        Each direction has to run during a call, and `always` where that is known of the device: the card of a modem may
        stand still between calls.
        """
        now_s, (hears, plays) = time.monotonic(), self._ways
        if not always and in_call_for_s <= SILENT_S:
            since_s = max(self.pair.brought_s, self.pair.took_s)
            return "the sound device is gone, or stands still" if now_s - since_s > SILENT_S else ""
        if hears and now_s - self.pair.brought_s > SILENT_S:
            return "the sound device brings nothing any more: it is gone, or stands still"
        if plays and now_s - self.pair.took_s > SILENT_S:
            return "the sound device takes nothing any more: it is gone, or stands still"
        return ""

    def close(self) -> None:
        """Give it back. It does not return from that when the library, or the server behind it, hangs."""
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

    def trouble(self, *, in_call_for_s: float, always: bool) -> str:  # noqa: ARG002 - the shape of `Card.trouble`
        """Say why it can't be used any more; empty: it works. Between calls a modem brings nothing."""
        silent_s = min(in_call_for_s, time.monotonic() - self.pair.brought_s)
        return "the modem brings no sound, and a call is up" if silent_s > MUTE_S else ""

    def received(self, data: bytes) -> None:
        """Take octets of the modem, and write as many."""
        data = self._rest + data
        width = 2 if self._encoding == "s16le" else 1
        whole = len(data) - len(data) % width
        data, self._rest = data[:whole], data[whole:]
        if data:
            self.pair.heard(decoded(data, self._encoding))
            self._write(encoded(self.pair.wanted(len(data) // width), self._encoding))
