"""A recording through all detectors: what was in it, where, with the evidence.

The detectors are those of live calls, fed as live, by frames of 20 ms; a channel is a leg. Nothing here looks into the
future, so a recording gives what a call would have given.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.detectors import dtmf
from dsp.detectors import verdicts as say
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.detectors.offline import FRAME, Collector

RATE = 8000
#: Silence that follows a recording, so that what lasts until its end is over.
TAIL = 10

Samples = npt.NDArray[np.int16]


@dataclass
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


class _Digits:
    """In-band DTMF."""

    def __init__(self, channels: int) -> None:
        self._states = np.zeros(channels, DTMF_STATE).view(np.recarray)
        self._out = np.zeros((4, 4), np.int64)
        for state in self._states:
            dtmf.reset(state)

    def feed(self, frames: Samples, out: Collector) -> None:
        for channel, state in enumerate(self._states):
            count = dtmf.take(
                state, frames[channel], FRAME, dtmf.CORRELATORS, dtmf.ROTATION, dtmf.FREQUENCIES, self._out
            )
            for code, start, end, level in self._out[:count]:
                say.tell(
                    out.verdicts, out.told, channel, say.DTMF, code, say.ONCE, 0, start, end, state.position,
                    level / 10, 0.0, 0.0,
                )  # fmt: skip


class Analysis:
    """Feed a recording of `channels` channels, then `finish` it."""

    def __init__(self, channels: int) -> None:
        #: Samples a channel that were fed.
        self.length = 0
        self._frame = np.zeros((channels, FRAME), np.int16)
        self._filled = 0
        self._collector = Collector(channels)
        self._parts = [_Digits(channels)]
        self._found: list[Detection] = []
        #: What has begun, by channel, kind and code.
        self._open: dict[tuple[int, int, int], Detection] = {}

    def feed(self, samples: Samples) -> None:
        """Take int16[channels, n] at 8 kHz in, n as it comes."""
        self.length += samples.shape[1]
        at = 0
        while at < samples.shape[1]:
            n = min(FRAME - self._filled, samples.shape[1] - at)
            self._frame[:, self._filled : self._filled + n] = samples[:, at : at + n]
            self._filled += n
            at += n
            if self._filled == FRAME:
                self._whole_frame()

    def finish(self) -> list[Detection]:
        """Give everything that was heard, in the order of time."""
        for _ in range(TAIL):
            self._frame[:, self._filled :] = 0
            self._whole_frame()
        for one in self._open.values():
            one.end = self.length
        for one in self._found:
            if one.end is not None:
                one.end = min(one.end, self.length)
        return sorted(
            (one for one in self._found if one.place < self.length or one.kind == "answer"),
            key=lambda one: (one.place, one.channel, one.kind),
        )

    def _whole_frame(self) -> None:
        for part in self._parts:
            part.feed(self._frame, self._collector)
        if self._collector.told.any():
            for verdict in self._collector.taken():
                self._say(verdict)
        self._filled = 0

    def _say(self, verdict: Any) -> None:
        """Add a verdict; what has a begin and an end becomes one detection, known at its begin."""
        channel, kind, code = int(verdict["row"]), int(verdict["kind"]), int(verdict["code"])
        detection = _described(verdict)
        if verdict["phase"] == say.END:
            begun = self._open.pop((channel, kind, code), None)
            if begun is not None:
                begun.start, begun.end, begun.facts = detection.start, detection.end, detection.facts
                return
        elif verdict["phase"] == say.BEGIN:
            detection.end = None
            self._open[channel, kind, code] = detection
        self._found.append(detection)


def _described(verdict: Any) -> Detection:
    """Give what a verdict says."""
    channel, at, start, end = (int(verdict[name]) for name in ("row", "at", "start", "end"))
    level = round(float(verdict["level"]), 1)
    return Detection("dtmf", channel, at, start, end, {"digit": chr(verdict["code"]), "level_dbm0": level})
