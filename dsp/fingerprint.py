"""Fingerprints of sounds: 32 bits for each frame of 10 ms, of which the 16 that noise does not turn are compared.

A bit says whether the energy of a band, against that of the band above it, grew or fell within the last 30 ms (33 bands
from 300 to 3300 Hz). What a line does to a sound (level, codec, band limits, a packet that is made up) turns few of
them; frames of different sounds differ in half of them. numpy only: nothing is compiled. `dsp.ear` listens by them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Samples a second of all that is heard and compared.
RATE = 8000
HOP = 80
WINDOW = 512
BITS = 32
#: Bits of a frame that are compared: those whose bands changed the most, so that noise does not turn them.
COMPARED = 16
FRAME_MS = 1000 * HOP // RATE
LOWEST_HZ, HIGHEST_HZ = 300.0, 3300.0
#: Frames between the two whose energies are compared.
SPAN = 3
#: Energy of a band below which nothing is compared (some -70 dBov).
_FLOOR = 1e-3
#: Frames so much weaker than the loudest of their sound are pauses, which tell nothing (power).
_PAUSE = 10**-3.5

#: Sounding frames after which a sound may be told while it goes on; shorter ones are told at their end.
ENOUGH = 60
#: Sounds with fewer of them cannot be told.
LEAST = 12
#: Share of bits that may differ: of ENOUGH frames or more, of LEAST.
MOST, _MOST_OF_LEAST = 0.33, 0.25
#: A sound is noticed within so many sounding frames after `ENOUGH`, or not at all.
FRESH = 12

Samples = NDArray[np.int16]


def _bands() -> NDArray[np.float32]:
    """Return float32[257, 33]: which line of the spectrum belongs to which band."""
    lines = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    width = (HIGHEST_HZ - LOWEST_HZ) / (BITS + 1)
    band = np.floor((lines - LOWEST_HZ) / width)
    return (band[:, None] == np.arange(BITS + 1)[None, :]).astype(np.float32)


_BANDS = _bands()
_SHAPE = np.hanning(WINDOW).astype(np.float32) / np.float32(32768)
_WEIGHTS = (np.uint32(1) << np.arange(BITS, dtype=np.uint32)).astype(np.uint32)


def energies_of(samples: Samples) -> NDArray[np.float32]:
    """Return float32[frames, 33], the power of each band; a frame begins at each `HOP` samples."""
    if len(samples) < WINDOW:
        return np.zeros((0, BITS + 1), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * _SHAPE, axis=1)
    power: NDArray[np.float32] = ((spectrum.real**2 + spectrum.imag**2).astype(np.float32)) @ _BANDS
    return power


def changes_of(energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[frames - SPAN, 32]: how much the slope between two bands has changed."""
    loud = np.log(energies + np.float32(_FLOOR))
    slope = loud[:, :-1] - loud[:, 1:]
    change: NDArray[np.float32] = slope[SPAN:] - slope[:-SPAN]
    return change


def bits_of(signs: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return uint32 of each row of 32."""
    return (signs * _WEIGHTS).sum(axis=1, dtype=np.uint32)


def _largest(changes: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the bits of each frame that are compared."""
    order = np.argsort(-np.abs(changes), axis=1, kind="stable")
    chosen = np.zeros(changes.shape, bool)
    np.put_along_axis(chosen, order[:, :COMPARED], True, axis=1)
    return bits_of(chosen)


class Library:
    """Sounds that can be recognised; int16 at 8 kHz each, named by their index."""

    def __init__(self, sounds: Sequence[Samples]) -> None:
        bits, masks, sounding = [], [], []
        for sound in sounds:
            energies = energies_of(sound)
            if len(energies) <= SPAN:
                bits.append(np.zeros(1, np.uint32))
                masks.append(np.zeros(1, np.uint32))
                sounding.append(np.zeros(1, bool))
                continue
            power = energies[SPAN:].sum(axis=1)
            changes = changes_of(energies)
            bits.append(bits_of(changes > 0))
            masks.append(_largest(changes))
            sounding.append((power > power.max() * _PAUSE) & (power > (BITS + 1) * _FLOOR))
        self.frames = np.array([len(one) for one in bits], np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.frames)])[:-1].astype(np.int64)
        self.bits = np.concatenate(bits) if bits else np.zeros(0, np.uint32)
        #: Those of them that are compared; none of a pause.
        self.masks = np.concatenate(masks) if bits else np.zeros(0, np.uint32)
        self.sounding = np.concatenate(sounding).astype(np.uint8) if bits else np.zeros(0, np.uint8)
        self.masks *= self.sounding
        #: Sounding frames of the sound so far, up to and with each frame.
        self.counted = np.concatenate([np.cumsum(one) for one in sounding]) if bits else np.zeros(0, np.int64)
        self.most = self._most()

    def __len__(self) -> int:
        return len(self.frames)

    def total(self, sound: int) -> int:
        """Return the sounding frames of a sound."""
        return int(self.counted[self.first[sound] + self.frames[sound] - 1])

    def tellable(self, sound: int) -> bool:
        """Say whether there is enough of a sound to tell it."""
        return self.total(sound) >= LEAST

    def _most(self) -> NDArray[np.int32]:
        """Return int32 of each frame: bits that may differ up to there; -1 where nothing may be told yet."""
        share = MOST - (MOST - _MOST_OF_LEAST) * np.clip((ENOUGH - self.counted) / (ENOUGH - LEAST), 0.0, 1.0)
        fresh = (self.counted >= ENOUGH) & (self.counted < ENOUGH + FRESH)
        most = np.where(fresh, np.floor(share * COMPARED * self.counted), -1).astype(np.int32)
        for sound, (first, frames) in enumerate(zip(self.first, self.frames, strict=True)):
            total = self.total(sound)
            if LEAST <= total < ENOUGH:
                # At its last sounding frame: what follows is silence, or the next sound.
                last = first + int(np.flatnonzero(self.counted[first : first + frames] == total)[0])
                most[last] = int(share[last] * COMPARED * total)
        return most
