"""A recording through all detectors: what was in it, where, with the evidence.

The detectors are those of live calls, fed as live. A channel is a leg. Nothing here looks into the future, so a
recording gives what a call would have given.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dsp.detectors import dtmf
from dsp.detectors.dtmf_state import DTMF_STATE

RATE = 8000
#: 20 ms, as live audio comes.
FRAME = 160
#: What lasts at the end of a recording is over a little later.
TAIL = 1600

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Detection:
    """Something that was heard. Positions are samples at 8 kHz from the start of the recording."""

    kind: str  #: dtmf, tone, answer, speech, level
    channel: int  #: from 0
    at: int  #: where it was known
    start: int | None = None
    end: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> int:
        """Where it belongs in the order of time."""
        return self.at if self.start is None else self.start


class _Part(Protocol):
    """A detector over all channels."""

    def feed(self, samples: Samples) -> list[Detection]:
        """Take int16[channels, n] in."""

    def finish(self) -> list[Detection]:
        """Tell what is still on at the end."""


class _Digits:
    """In-band DTMF."""

    def __init__(self, channels: int) -> None:
        self._states = np.zeros(channels, DTMF_STATE).view(np.recarray)
        self._out = np.zeros((64, 4), np.int64)
        for state in self._states:
            dtmf.reset(state)

    def feed(self, samples: Samples) -> list[Detection]:
        found = []
        for start in range(0, samples.shape[1], FRAME):
            part = np.ascontiguousarray(samples[:, start : start + FRAME])
            for channel, state in enumerate(self._states):
                count = dtmf.take(
                    state, part[channel], part.shape[1], dtmf.CORRELATORS, dtmf.ROTATION, dtmf.FREQUENCIES, self._out
                )
                found += [self._detection(channel, int(state.position), row) for row in self._out[:count]]
        return found

    def finish(self) -> list[Detection]:
        return self.feed(np.zeros((len(self._states), TAIL), np.int16))

    @staticmethod
    def _detection(channel: int, at: int, row: Any) -> Detection:
        facts = {"digit": chr(row[0]), "level_dbm0": float(row[3]) / 10}
        return Detection("dtmf", channel, at, int(row[1]), int(row[2]), facts)


class Analysis:
    """Feed a recording of `channels` channels, then `finish` it."""

    def __init__(self, channels: int) -> None:
        self.length = 0
        self._parts: list[_Part] = [_Digits(channels)]
        self._found: list[Detection] = []

    def feed(self, samples: Samples) -> None:
        """Take int16[channels, n] at 8 kHz in."""
        self.length += samples.shape[1]
        for part in self._parts:
            self._found += part.feed(samples)

    def finish(self) -> list[Detection]:
        """Give everything that was heard, in the order of time."""
        for part in self._parts:
            self._found += part.finish()
        return sorted((one for one in self._found if one.place < self.length), key=lambda one: (one.place, one.channel))
