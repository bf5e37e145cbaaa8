"""Whole recordings through a detector's batch kernel, as the engine feeds it: a frame of 20 ms a leg a call."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dsp.detectors.verdicts import VERDICT
from dsp.jit import config

#: Samples of a frame (20 ms at 8 kHz).
FRAME = 160
#: A leg can hardly say more in one frame; what finds no room is counted and raised here.
ROOM = 8

FeedAll = Callable[[Any, Any, Any, int, Any, Any], None]
Verdicts = npt.NDArray[np.void]


def direct(function: Any, *arguments: Any) -> Callable[..., Any]:
    """Give a kernel for arguments of exactly these types, without finding their types out in each call.

    That takes numba up to 10 us, a detector's frame 1 us. Never call it with anything else: it would not notice.
    """
    if config.DISABLE_JIT:
        return cast("Callable[..., Any]", function)
    types = tuple(function.typeof_pyval(one) for one in arguments)
    return cast("Callable[..., Any]", function.compile(types))


class OverflowedError(RuntimeError):
    """A detector said more in a frame than there was room for."""


class Collector:
    """Room for what detectors say about `legs` legs in one frame, and the rows of all of them."""

    def __init__(self, legs: int) -> None:
        self.legs = legs
        self.rows = np.arange(legs, dtype=np.int32)
        self.verdicts = np.zeros(ROOM * legs, VERDICT).view(np.recarray)
        self.told = np.zeros(2, np.int64)

    @property
    def frames(self) -> npt.NDArray[np.int16]:
        """Give an empty frame of each leg, of the type that detectors take."""
        return np.zeros((self.legs, FRAME), np.int16)

    def taken(self) -> Verdicts:
        """Take what was said since the last time. Raises `OverflowedError`."""
        count, lost = self.told
        self.told[:] = 0
        if lost:
            raise OverflowedError(f"{lost} verdicts found no room")
        return np.array(self.verdicts[:count], VERDICT)


def take(feed_all: FeedAll, states: Any, streams: npt.NDArray[np.int16]) -> Verdicts:
    """Feed `streams` (int16[legs, samples] at 8 kHz) to `states` (one record a leg); give VERDICT[n] as they were told.

    Of a length that is not whole frames the rest is filled with silence. Verdicts of one call are in the order of
    the detector. Raises `OverflowedError`.
    """
    legs, length = streams.shape
    collector = Collector(legs)
    block = collector.frames
    every: list[Verdicts] = []
    for start in range(0, length, FRAME):
        part = streams[:, start : start + FRAME]
        block[:, : part.shape[1]] = part
        block[:, part.shape[1] :] = 0
        feed_all(states, block, collector.rows, legs, collector.verdicts, collector.told)
        if collector.told.any():
            every.append(collector.taken())
    return np.concatenate(every) if every else np.zeros(0, VERDICT)
