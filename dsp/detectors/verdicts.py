"""What detectors say: one record for all of them, appended to an array that the caller provides."""

from typing import Any

import numpy as np

from dsp.jit import kernel

#: Kinds.
DTMF = 0
TONE = 1
ANSWER = 2
SPEECH = 3
LEVEL = 4

#: Phases: what lasts has a begin and an end, what is a moment or is told when it is over is told once.
BEGIN = 0
END = 1
ONCE = 2

#: Positions are samples at 8 kHz since the detector's `reset`.
VERDICT = np.dtype(
    [
        ("row", "i4"),  # leg: index in the detector's states
        ("kind", "i2"),
        ("code", "i2"),  # by kind: ASCII of the digit, label of the tone, human or machine...
        ("phase", "i2"),
        ("cause", "i2"),  # by kind
        ("start", "i8"),
        ("end", "i8"),
        ("at", "i8"),  # where the stream was when this was decided
        ("level", "f4"),  # dBm0
        ("a", "f4"),  # by kind, such as a measured frequency
        ("b", "f4"),
    ]
)


@kernel
def tell(
    verdicts: Any,
    told: Any,
    row: int,
    kind: int,
    code: int,
    phase: int,
    cause: int,
    start: int,
    end: int,
    at: int,
    level: float,
    a: float,
    b: float,
) -> None:
    """Append a verdict to `verdicts` (VERDICT[n]).

    `told` (int64[2]) holds how many there are and how many found no room.
    """
    n = told[0]
    if n >= verdicts.shape[0]:
        told[1] += 1
        return
    one = verdicts[n]
    one.row = row
    one.kind = kind
    one.code = code
    one.phase = phase
    one.cause = cause
    one.start = start
    one.end = end
    one.at = at
    one.level = level
    one.a = a
    one.b = b
    told[0] = n + 1
