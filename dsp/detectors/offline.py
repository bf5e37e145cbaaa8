"""Whole recordings through a detector's batch kernel, as the engine feeds it: a frame of 20 ms a leg a call."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.detectors.verdicts import VERDICT

#: Samples of a frame (20 ms at 8 kHz).
FRAME = 160
#: A leg can hardly say more in one frame; what finds no room is counted and raised here.
ROOM = 8

FeedAll = Callable[[Any, Any, Any, int, Any, Any], None]


class OverflowedError(RuntimeError):
    """A detector said more in a frame than there was room for."""


def take(feed_all: FeedAll, states: Any, streams: npt.NDArray[np.int16]) -> npt.NDArray[np.void]:
    """Feed `streams` (int16[legs, samples] at 8 kHz) to `states` (one record a leg); give VERDICT[n] as they were told.

    Of a length that is not whole frames the rest is filled with silence. Verdicts of one call are in the order of
    the detector. Raises `OverflowedError`.
    """
    legs, length = streams.shape
    frames = -(-length // FRAME)
    rows = np.arange(legs, dtype=np.int32)
    block = np.zeros((legs, FRAME), np.int16)
    verdicts = np.zeros(ROOM * legs, VERDICT).view(np.recarray)
    told = np.zeros(2, np.int64)
    every: list[npt.NDArray[np.void]] = []
    for frame in range(frames):
        part = streams[:, frame * FRAME : (frame + 1) * FRAME]
        block[:, : part.shape[1]] = part
        block[:, part.shape[1] :] = 0
        told[:] = 0
        feed_all(states, block, rows, legs, verdicts, told)
        if told[1]:
            raise OverflowedError(f"{told[1]} verdicts found no room")
        if told[0]:
            every.append(np.array(verdicts[: told[0]], VERDICT))
    return np.concatenate(every) if every else np.zeros(0, VERDICT)
