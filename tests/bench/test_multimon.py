"""The other second opinion hears keys, too."""

import numpy as np

from bench import multimon
from bench.accuracy import signals as s
from dsp.tones.generator import COLUMNS_HZ, DIGITS, ROWS_HZ


def test_all_keys():
    dice = np.random.default_rng(1)
    keys = [(ROWS_HZ[i // 4], COLUMNS_HZ[i % 4]) for i in range(16)]
    parts = [np.concatenate([s.sines(pair, 800, -10, dice), s.silence(100)]) for pair in keys]
    assert multimon.digits(s.line(np.concatenate([s.silence(50), *parts, s.silence(200)]))) == DIGITS
    assert multimon.digits(s.line(s.noise(8000, -30, dice))) == ""
