"""The in-band DTMF detector on the tolerance grid of ITU-T Q.24 and Bellcore, through G.711 and a little noise."""

import numpy as np
import pytest

from dsp.codecs import g711
from dsp.detectors import dtmf
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.tones import generator
from tests.dsp.interpreted import fewer

ROUNDS = fewer(4)
#: What `dtmf.limit` takes, where the detector stands by itself.
Q24 = {"min_tone_ms": 40, "min_pause_ms": 40, "min_level_dbm0": -31, "max_twist_db": 6, "max_reverse_db": 10}
MS = 8  # samples


class Detector:
    def __init__(self, **limits) -> None:
        self.state = np.zeros(1, DTMF_STATE).view(np.recarray)[0]
        dtmf.reset(self.state)
        if limits:
            dtmf.limit(self.state, *({**Q24, **limits}).values())
        self.found: list[tuple[str, int, int, float]] = []

    def feed(self, samples, chunk: int = 160):
        out = np.zeros((4, 4), np.int64)
        for i in range(0, len(samples), chunk):
            part = samples[i : i + chunk]
            rows = dtmf.take(self.state, part, len(part), out)
            self.found += [(chr(r[0]), int(r[1]), int(r[2]), r[3] / 10) for r in out[:rows]]
        return self

    @property
    def digits(self) -> str:
        return "".join(f[0] for f in self.found)


def tone(digit, ms, rng, row_db=-10.0, column_db=-10.0, row_off=0.0, column_off=0.0):
    index = generator.DIGITS.index(digit)
    t = np.arange(round(ms * MS)) / 8000
    phases = rng.uniform(0, 2 * np.pi, 2)
    row = generator.ROWS_HZ[index // 4] * (1 + row_off)
    column = generator.COLUMNS_HZ[index % 4] * (1 + column_off)
    return generator.amplitude(row_db) * np.sin(2 * np.pi * row * t + phases[0]) + generator.amplitude(
        column_db
    ) * np.sin(2 * np.pi * column * t + phases[1])


def silence(ms):
    return np.zeros(round(ms * MS))


def line(samples, rng, law: int = 0):
    """As it arrives: a little noise (-60 dBm0), and the codec."""
    linear = np.clip(np.round(samples + rng.normal(0, 16, len(samples))), -32768, 32767).astype(np.int16)
    codes = np.zeros(len(linear), np.uint8)
    g711.encode(linear, len(linear), g711.ENCODE[law], codes, 0)
    out = np.zeros(len(linear), np.int16)
    g711.decode(codes, 0, len(codes), g711.DECODE[law], out)
    return out


def wrong(make, want, rounds: int = ROUNDS, law: int = 0, **limits) -> list[str]:
    """Digits (with what was heard) for which the detector's answer is not `want(digit)`."""
    rng = np.random.default_rng(4733)
    bad = []
    for digit in generator.DIGITS:
        for _ in range(rounds):
            lead = silence(rng.uniform(40, 90))
            heard = (
                Detector(**limits).feed(line(np.concatenate([lead, make(digit, rng), silence(150)]), rng, law)).digits
            )
            if heard != want(digit):
                bad.append(f"{digit} heard as {heard!r}")
    return bad


ACCEPTED = {
    "plain": {},
    "0 dBm0": {"row_db": 0, "column_db": 0},
    "-25 dBm0": {"row_db": -25, "column_db": -25},
    "twist +4 dB": {"row_db": -14},
    "twist -8 dB": {"column_db": -18},
    "+1.5 %": {"row_off": 0.015, "column_off": 0.015},
    "-1.5 %": {"row_off": -0.015, "column_off": -0.015},
    "+-1.5 %": {"row_off": 0.015, "column_off": -0.015},
    "-+1.5 %": {"row_off": -0.015, "column_off": 0.015},
    "twist +4 dB, +1.5 %": {"row_db": -14, "row_off": 0.015, "column_off": 0.015},
    "twist -8 dB, -1.5 %": {"column_db": -18, "row_off": -0.015, "column_off": -0.015},
    "weak, twist -8 dB": {"row_db": -17, "column_db": -25},
}


@pytest.mark.parametrize("case", ACCEPTED)
@pytest.mark.parametrize("law", [0, 1])
def test_forty_milliseconds_are_accepted(case, law):
    assert wrong(lambda d, rng: tone(d, 40, rng, **ACCEPTED[case]), lambda d: d, law=law) == []


REFUSED = {
    "both +3.5 %": {"row_off": 0.035, "column_off": 0.035},
    "both -3.5 %": {"row_off": -0.035, "column_off": -0.035},
    "row +3.5 %": {"row_off": 0.035},
    "row -3.5 %": {"row_off": -0.035},
    "column +3.5 %": {"column_off": 0.035},
    "column -3.5 %": {"column_off": -0.035},
    "-40 dBm0": {"row_db": -40, "column_db": -40},
    "twist +15 dB": {"row_db": -25},
    "twist -15 dB": {"column_db": -25},
    "row only": {"column_db": -90},
    "column only": {"row_db": -90},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_digit_is_refused(case):
    assert wrong(lambda d, rng: tone(d, 100, rng, **REFUSED[case]), lambda d: "") == []


def test_twenty_three_milliseconds_are_refused():
    assert wrong(lambda d, rng: tone(d, 23, rng), lambda d: "", rounds=12) == []


def test_an_interruption_of_ten_milliseconds_is_bridged():
    def make(d, rng):
        return np.concatenate([tone(d, 40, rng), silence(10), tone(d, 40, rng)])

    assert wrong(make, lambda d: d) == []


def test_a_pause_of_forty_milliseconds_separates():
    def make(d, rng):
        return np.concatenate([tone(d, 40, rng), silence(40), tone(d, 40, rng)])

    assert wrong(make, lambda d: d + d) == []


def test_the_fastest_dialling():
    """93 ms a digit: 50 on, 43 off."""
    rng = np.random.default_rng(1)
    keys = "1234567890*#ABCD" * 2
    stream = np.concatenate([np.concatenate([tone(d, 50, rng), silence(43)]) for d in keys])
    assert Detector().feed(line(stream, rng)).digits == keys


@pytest.mark.parametrize("snr_db", [24, 18, 15])
def test_noise(snr_db):
    def make(d, rng):
        clean = tone(d, 50, rng)
        return clean + rng.normal(0, np.sqrt(np.mean(clean**2) / 10 ** (snr_db / 10)), len(clean))

    assert wrong(make, lambda d: d) == []


@pytest.mark.parametrize("tones", [(350, 440), (425,), (400,)])
def test_a_dial_tone_below_does_not_hide_digits(tones):
    def make(d, rng):
        signal = np.concatenate([silence(60), tone(d, 50, rng), silence(60)])
        t = np.arange(len(signal)) / 8000
        return signal + sum(generator.amplitude(-16) * np.sin(2 * np.pi * f * t) for f in tones)

    assert wrong(make, lambda d: d) == []


@pytest.mark.parametrize("ms", [50, 60, 70, 80])
def test_a_longer_least_tone(ms):
    assert wrong(lambda d, rng: tone(d, ms, rng), lambda d: d, min_tone_ms=ms) == []
    assert wrong(lambda d, rng: tone(d, ms - 17, rng), lambda _: "", min_tone_ms=ms) == []
    assert wrong(lambda d, rng: tone(d, 200, rng), lambda d: d, rounds=1, min_tone_ms=ms) == []


@pytest.mark.parametrize("ms", [50, 60, 70])
def test_a_longer_least_pause(ms):
    def pair(pause):
        return lambda d, rng: np.concatenate([tone(d, 50, rng), silence(pause), tone(d, 50, rng)])

    assert wrong(pair(ms), lambda d: d + d, min_pause_ms=ms) == []
    assert wrong(pair(ms - 20), lambda d: d, min_pause_ms=ms) == []


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        ({"min_level_dbm0": -20}, {"row_db": -19, "column_db": -19}, {"row_db": -18, "column_db": -21}),
        ({"max_twist_db": 3}, {"row_db": -12}, {"row_db": -14}),
        ({"max_reverse_db": 4}, {"column_db": -13}, {"column_db": -15}),
    ],
)
def test_stricter_levels_within_1_db(limits, inside, outside):
    assert wrong(lambda d, rng: tone(d, 50, rng, **inside), lambda d: d, **limits) == []
    assert wrong(lambda d, rng: tone(d, 50, rng, **outside), lambda _: "", **limits) == []
    assert wrong(lambda d, rng: tone(d, 50, rng, **outside), lambda d: d) == []


def test_limits_of_q_24_are_no_limits():
    one, other = Detector(), Detector(**Q24)
    rng = np.random.default_rng(3)
    stream = line(np.concatenate([np.concatenate([tone(d, 45, rng), silence(45)]) for d in generator.DIGITS]), rng)
    assert one.feed(stream).found == other.feed(stream).found


def test_a_dial_tone_alone_is_nothing():
    t = np.arange(16_000) / 8000
    signal = sum(generator.amplitude(-10) * np.sin(2 * np.pi * f * t) for f in (350, 440))
    assert Detector().feed(line(signal, np.random.default_rng(2))).digits == ""


def test_onset_end_and_level():
    rng = np.random.default_rng(7)
    for digit in generator.DIGITS:
        start = int(rng.integers(300, 700))
        stream = np.concatenate([np.zeros(start), tone(digit, 70, rng), silence(150)])
        ((found, onset, end, level),) = Detector().feed(line(stream, rng)).found
        assert found == digit
        assert abs(onset - start) <= 4  # samples
        assert abs(end - start - 70 * MS) <= 4
        assert level == pytest.approx(-7.0, abs=0.5)  # two tones of -10 dBm0


def test_packets_of_any_length_give_the_same_answer():
    rng = np.random.default_rng(3)
    stream = line(np.concatenate([np.concatenate([tone(d, 60, rng), silence(60)]) for d in "159D#0"]), rng)
    want = Detector().feed(stream).found
    assert len(want) == 6
    for chunk in (1, 7, 80, 240, 333):
        assert Detector().feed(stream, chunk).found == want


def test_a_lost_packet_inside_a_digit_does_not_split_it():
    rng = np.random.default_rng(5)
    stream = line(np.concatenate([silence(40), tone("8", 140, rng), silence(200)]), rng)
    d = Detector().feed(stream[:640])
    assert dtmf.skip(d.state, 160, np.zeros((4, 4), np.int64)) == 0
    d.feed(stream[800:])
    ((digit, onset, end, _),) = d.found
    assert digit == "8"
    assert end - onset == pytest.approx(140 * MS, abs=6 * MS)


def test_a_long_gap_ends_the_digit():
    rng = np.random.default_rng(6)
    d = Detector().feed(line(tone("8", 100, rng), rng))
    out = np.zeros((4, 4), np.int64)
    assert d.state.phase == dtmf.ON
    assert dtmf.skip(d.state, 800, out) == 1
    assert chr(out[0, 0]) == "8"
    assert out[0, 2] <= 100 * MS
    assert d.state.phase == dtmf.IDLE


def voice(rng, seconds: float):
    """A synthetic talker: a gliding pitch of harmonics through three moving formants, in syllables."""
    n = int(seconds * 8000)
    t = np.arange(n) / 8000
    pitch = rng.uniform(90, 260) * 2 ** (
        0.4 * np.interp(t, np.arange(0, seconds + 0.2, 0.1), rng.normal(0, 1, int(seconds * 10) + 2))
    )
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    formants = [
        np.interp(t, np.arange(0, seconds + 0.2, 0.12), rng.uniform(lo, hi, len(np.arange(0, seconds + 0.2, 0.12))))
        for lo, hi in ((300, 950), (900, 2300), (2200, 3200))
    ]
    out = np.zeros(n)
    for h in range(1, 30):
        f = pitch * h
        gain = sum(g / (1 + ((f - c) / 70) ** 2) for c, g in zip(formants, (1.0, 0.6, 0.3), strict=True))
        out += np.where(f < 3600, gain * np.sin(h * phase), 0)
    out *= np.clip(np.sin(2 * np.pi * 3.5 * t) + 0.5, 0, 1)
    return out / np.sqrt(np.mean(out**2)) * np.sqrt(g711.POWER_0_DBM0 * 10**-1.5)


def test_talk_off():
    """Ten minutes of synthetic talk at -15 dBm0, of few and sharp partials, much harsher than voices: five at most."""
    rng = np.random.default_rng(11)
    heard = [Detector().feed(line(voice(rng, 20), rng)).digits for _ in range(fewer(30))]
    assert len("".join(heard)) <= 5


@pytest.mark.parametrize("level", [-3.0, -10.0, -30.0])
def test_noise_alone_is_nothing(level):
    rng = np.random.default_rng(12)
    noise = rng.normal(0, np.sqrt(g711.POWER_0_DBM0 * 10 ** (level / 10)), 8000 * fewer(60))
    assert Detector().feed(line(noise, rng)).digits == ""
