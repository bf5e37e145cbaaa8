"""The conditions of the DTMF tables."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from bench.accuracy import signals as s
from bench.accuracy.dtmf_trials import Condition, Dice, Key, nothing, press, twice
from dsp.tones.generator import DIGITS

#: Dial tones of countries: precise (US), British, continental, Japanese and French.
DIAL_TONES = {"350+440": (350, 440), "350+450": (350, 450), "425": (425,), "400": (400,), "440": (440,), "450": (450,)}
NOISY = 15.0


def accepted() -> Iterator[Condition]:
    """What has to be recognised, every time."""
    for name, key in {
        "40 ms, -10 dBm0 a tone": Key(),
        "100 ms": Key(100),
        "0 dBm0 a tone, clipped by the encoder": Key(row_dbm0=0, column_dbm0=0),
        "-25 dBm0 a tone": Key(row_dbm0=-25, column_dbm0=-25),
        "twist +4 dB": Key(row_dbm0=-14),
        "twist -8 dB": Key(column_dbm0=-18),
        "twist +4 dB, column at 0 dBm0": Key(row_dbm0=-4, column_dbm0=0),
        "twist -8 dB, row at 0 dBm0": Key(row_dbm0=0, column_dbm0=-8),
        "twist +4 dB, row at -25 dBm0": Key(row_dbm0=-25, column_dbm0=-21),
        "twist -8 dB, column at -25 dBm0": Key(row_dbm0=-17, column_dbm0=-25),
    }.items():
        yield Condition(name, "accept", press(key))
    for row, column in product((-1.5, 0, 1.5), repeat=2):
        if row or column:
            yield Condition(
                f"frequencies {row:+g} %, {column:+g} %", "accept", press(Key(row_off=row, column_off=column))
            )
    yield Condition("noise, SNR 15 dB", "accept", press(Key()), snr_db=NOISY)
    yield Condition("interruption of 10 ms", "accept", twice(Key(), 10, 1))
    yield Condition("pause of 40 ms", "accept", twice(Key(), 40, 2))
    yield Condition("pause of 40 ms, keys of 100 ms", "accept", twice(Key(100), 40, 2))
    yield Condition("noise, interruption of 10 ms", "accept", twice(Key(), 10, 1), snr_db=NOISY)
    yield Condition("noise, pause of 40 ms", "accept", twice(Key(), 40, 2), snr_db=NOISY)
    yield Condition("93 ms a digit (50 on, 43 off)", "accept", _dialled(Key(50), 43), digits="1")
    for law, name in ((s.MULAW, "mu-law"), (s.ALAW, "A-law")):
        weakest = Key(row_dbm0=-17, column_dbm0=-25, row_off=1.5, column_off=-1.5)
        yield Condition(f"{name}, weakest column", "accept", press(weakest), law=law)


def _dialled(key: Key, pause_ms: float) -> Callable[[str, Dice], tuple[s.Signal, str]]:
    def make(_digit: str, dice: Dice) -> tuple[s.Signal, str]:
        digits = "".join(dice.permutation(list(DIGITS)))
        return np.concatenate([part for d in digits for part in (key.signal(d, dice), s.silence(pause_ms))]), digits

    return make


def combined() -> Iterator[Condition]:
    """Several limits at once: twist, frequencies, level, noise; all of it accepted."""
    for (row, column), (a, b) in product(((-4, 0), (0, -8)), ((1.5, 1.5), (1.5, -1.5), (-1.5, 1.5), (-1.5, -1.5))):
        for top, kind in ((0, "loudest"), (-25 - min(row, column), "weakest")):
            key = Key(row_dbm0=top + row, column_dbm0=top + column, row_off=a, column_off=b)
            name = f"twist {column - row:+g} dB, {a:+g} %, {b:+g} %, {kind}"
            yield Condition(name, "accept", press(key))
            yield Condition(f"{name}, SNR 15 dB", "accept", press(key), snr_db=NOISY)


def dialling() -> Iterator[Condition]:
    """Keys over a dial tone."""
    for (name, tones), level in product(DIAL_TONES.items(), (-15, -10)):

        def under(samples: int, dice: Dice, tones: tuple[int, ...] = tones, level: float = level) -> s.Signal:
            return s.sines(tones, samples, level, dice)

        note = f"{level} dBm0 a tone"
        plain, limit = Key(), Key(row_dbm0=-14, column_dbm0=-10, row_off=-1.5, column_off=1.5)
        yield Condition(f"over dial tone {name}, {note}", "accept", press(plain), under=under)
        over = f"over dial tone {name}, {note}, twist +4 dB, -1.5 %, +1.5 %"
        if level == -15:
            yield Condition(over, "accept", press(limit), under=under)
        else:  # 1.5 dB stronger than such a key: nearly all
            yield Condition(over, "rate", press(limit), under=under, least=0.99)


def refused() -> Iterator[Condition]:
    """What must not be recognised."""
    for row, column in product((-3.5, 0, 3.5), repeat=2):
        if row or column:
            name = f"frequencies {row:+g} %, {column:+g} %"
            yield Condition(name, "reject", nothing(Key(100, row_off=row, column_off=column)))
            yield Condition(
                f"{name}, SNR 15 dB", "reject", nothing(Key(100, row_off=row, column_off=column)), snr_db=NOISY
            )
    for off in (5, -5):
        yield Condition(f"both {off:+g} %", "reject", nothing(Key(100, row_off=off, column_off=off)))
    for ms in (10, 15, 20, 23):
        yield Condition(f"{ms} ms", "reject", nothing(Key(ms)))
    yield Condition("23 ms at 0 dBm0", "reject", nothing(Key(23, 0, 0)))
    yield Condition("23 ms, SNR 15 dB", "reject", nothing(Key(23)), snr_db=NOISY)
    yield Condition("-55 dBm0 a tone", "reject", nothing(Key(100, -55, -55)))
    yield Condition("row only", "reject", nothing(Key(100, column_dbm0=-90)))
    yield Condition("column only", "reject", nothing(Key(100, row_dbm0=-90)))
    yield Condition("white noise at -10 dBm0", "reject", _noise(-10))
    for name, tones in DIAL_TONES.items():
        yield Condition(f"dial tone {name} alone", "reject", _tones(tones), digits="1")
    for name, tones in {"440+480": (440, 480), "480+620": (480, 620), "1400+2060+2450": (1400, 2060, 2450)}.items():
        yield Condition(f"{name} alone", "reject", _tones(tones), digits="1")
    for name, tones in {
        "two rows": (770, 852), "two columns": (1209, 1336), "three tones": (697, 770, 1209),
        "2:1": (741, 1482), "3:2": (852, 1278), "R1 MF 700+1100": (700, 1100), "R2 1380+1500": (1380, 1500),
    }.items():  # fmt: skip
        yield Condition(f"{name} ({'+'.join(map(str, tones))})", "reject", _tones(tones), digits="1")


def _tones(tones: tuple[int, ...]) -> Callable[[str, Dice], tuple[s.Signal, str]]:
    return lambda _digit, dice: (s.sines(tones, s.count(1000), -10, dice), "")


def _noise(level: float) -> Callable[[str, Dice], tuple[s.Signal, str]]:
    return lambda _digit, dice: (s.noise(s.count(2000), level, dice), "")


def lossy() -> Iterator[Condition]:
    """Keys when packets are lost: how many are heard, once each."""
    for percent, ms, told in product((1, 3, 5), (80, 100, 200), (True, False)):
        how = "known to be lost" if told else "silence in their place"
        name = f"{percent} % of packets lost, {how}, {ms} ms"
        yield Condition(name, "rate", press(Key(ms)), loss=percent / 100, told=told)


def disturbed(speech: Callable[[int, Dice], s.Signal], what: str) -> Iterator[Condition]:
    """Keys over speech that goes on (another talker, or the echo of our own prompt)."""
    for below, ms in product((6, 10, 15, 20), (50, 100)):

        def under(samples: int, dice: Dice, below: float = below) -> s.Signal:
            return s.at_level(speech(samples, dice), -7.0 - below)

        yield Condition(f"over {what} {below} dB below, {ms} ms", "rate", press(Key(ms)), under=under)
