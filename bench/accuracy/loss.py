"""Packets of 20 ms that are lost: by chance, and concealed as in live calls, or silence in their place."""

import numpy as np
import numpy.typing as npt

from bench.accuracy.signals import Samples
from dsp.plane import concealment
from dsp.plane import layout as lo

FRAME = 160
Lost = npt.NDArray[np.bool_]


def chosen(samples: int, share: float, dice: np.random.Generator) -> Lost:
    """Choose which packets of a stream are lost (bool[frames]), each by itself."""
    return dice.random(-(-samples // FRAME)) < share


def silenced(stream: Samples, lost: Lost) -> Samples:
    """Put silence in the place of what is lost."""
    return np.where(np.repeat(lost, FRAME)[: len(stream)], 0, stream).astype(np.int16)


def concealed(stream: Samples, lost: Lost) -> Samples:
    """Give what the playout buffer plays of the stream when it knows nothing of what follows a hole."""
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    concealment.reset(leg)
    out = stream.copy()
    for at, gone in enumerate(lost):
        frame = out[at * FRAME : (at + 1) * FRAME]
        if gone:
            concealment.conceal(leg, frame, 0, len(frame))
        elif concealment.active(leg):
            concealment.resume(leg, frame, 0, len(frame))
        else:
            concealment.good(leg, frame, len(frame))
    return out
