"""DTMF on the tolerance grid of ITU-T Q.24 (AT&T's column), under disturbances and loss, and in speech and music."""

from collections.abc import Iterator

import numpy as np

from bench.accuracy import Row, Table, dtmf_echo, dtmf_speech
from bench.accuracy import dtmf_grid as grid
from bench.accuracy import signals as s
from bench.accuracy.dtmf_trials import SEED, Condition, Dice, measure, promptness

#: Trials of each condition and digit.
ROUNDS, QUICK_ROUNDS = 64, 4
#: Where one trial covers all digits or the digit does not matter.
ALONE, QUICK_ALONE = 200, 12


def conditions() -> Iterator[Condition]:
    """Give all conditions of the grid."""
    yield from grid.accepted()
    yield from grid.combined()
    yield from grid.dialling()
    yield from grid.refused()
    yield from grid.lossy()
    if dtmf_speech.SOUNDS.exists():
        pool = dtmf_speech.pool(np.random.default_rng(SEED))

        def speech(samples: int, dice: Dice) -> s.Signal:
            start = int(dice.integers(len(pool) - samples))
            return pool[start : start + samples].astype(np.float64)

        yield from grid.disturbed(speech, "speech")


def rows(*, quick: bool) -> Iterator[Row | Table]:
    """Give the tables' rows; see `bench.accuracy`."""
    rounds, alone = (QUICK_ROUNDS, QUICK_ALONE) if quick else (ROUNDS, ALONE)
    for condition in conditions():
        yield measure(condition, alone if len(condition.digits) == 1 else rounds)
    if played := dtmf_echo.prompts(quick=quick):
        for condition in dtmf_echo.conditions(played):
            yield measure(condition, rounds)
        yield from dtmf_echo.alone(played)
    yield from dtmf_speech.rows(quick=quick)
    yield promptness(rounds)
