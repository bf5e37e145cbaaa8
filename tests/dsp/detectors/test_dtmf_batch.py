"""The batch kernel of DTMF, gaps, and its measurements beside slow twins."""

import numpy as np
import pytest

from bench.accuracy.dtmf_echo import echo
from bench.accuracy.dtmf_speech import SOUNDS, recordings
from bench.accuracy.dtmf_trials import Key
from bench.accuracy.signals import level, line, linear
from dsp.codecs.g711 import POWER_0_DBM0
from dsp.detectors import dtmf, dtmf_digit, offline
from dsp.detectors import verdicts as say
from dsp.detectors.dtmf_state import BLOCK, DTMF_STATE, HISTORY, NEWEST
from dsp.detectors.dtmf_tables import STEP
from dsp.tones.generator import COLUMNS_HZ, DIGITS, ROWS_HZ
from tests.dsp.interpreted import fewer
from tests.dsp.naive import dtmf as naive

FRAME = 160


def states(count=1):
    return np.zeros(count, DTMF_STATE).view(np.recarray)


def heard(streams):
    return offline.take(dtmf.feed_all, states(len(streams)), streams)


def stream(*parts, dice, noise=16.0):
    """Line noise (-60 dBm0) and in it `parts`: numbers of samples of nothing, or signals."""
    signal = np.concatenate([np.zeros(one) if isinstance(one, int) else one for one in parts])
    signal = np.concatenate([signal, np.zeros(-len(signal) % FRAME)])
    return np.clip(np.round(signal + dice.normal(0, noise, len(signal))), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("seed", range(3))
def test_measurements_are_the_twins(seed):
    """Begin and end by trying every place, levels by least squares; in noise of 15 dB and off by up to 1.5 %."""
    dice = np.random.default_rng([seed, 5])
    for digit in dice.permutation(list(DIGITS))[:4]:
        key = Key(70, *dice.uniform(-12, -8, 2), *dice.uniform(-1.5, 1.5, 2))
        lead = int(dice.integers(400, 560))
        samples = stream(lead, key.signal(digit, dice), 800, dice=dice, noise=900.0)
        begun, ended = heard(samples[None])
        assert chr(begun["code"]) == chr(ended["code"]) == digit
        assert (begun["phase"], ended["phase"]) == (say.BEGIN, say.END)
        place = DIGITS.index(digit)
        row = ROWS_HZ[place // 4] * (1 + key.row_off / 100)
        column = COLUMNS_HZ[place % 4] * (1 + key.column_off / 100)
        inside = slice(lead + 40, lead + 520)
        peaks, model = naive.fitted(samples[inside], row, column)
        begin, end = naive.span(samples, lead + 280, model(np.arange(len(samples)) - inside.start))
        assert abs(int(ended["start"]) - begin) <= 8
        assert abs(int(ended["end"]) - end) <= 8
        powers = np.square(peaks) / 2
        assert float(ended["level"]) == pytest.approx(10 * np.log10(powers.sum() / POWER_0_DBM0), abs=0.5)
        assert float(ended["a"]) == pytest.approx(10 * np.log10(powers[1] / powers[0]), abs=1.0)
        assert float(ended["b"]) == pytest.approx(max(abs(key.row_off), abs(key.column_off)), abs=0.3)


def test_a_clean_key_is_placed_to_the_sample():
    dice = np.random.default_rng(8)
    for digit in DIGITS:
        lead = int(dice.integers(200, 700))
        _, ended = heard(stream(lead, Key(60).signal(digit, dice), 600, dice=dice)[None])
        assert abs(int(ended["start"]) - lead) <= 2
        assert abs(int(ended["end"]) - lead - 480) <= 2


def test_legs_of_a_batch_do_not_know_of_each_other():
    dice = np.random.default_rng(2)
    streams = np.stack(
        [stream(300 + 37 * i, Key(60).signal(d, dice), 2000 - 37 * i, dice=dice) for i, d in enumerate("19*D")]
    )
    together = heard(streams)
    for leg in range(len(streams)):
        alone = heard(streams[leg : leg + 1])
        mine = together[together["row"] == leg]
        for name in ("kind", "code", "phase", "start", "end", "at", "level", "a", "b"):
            assert np.array_equal(mine[name], alone[name]), name


def test_only_named_rows_are_fed():
    dice = np.random.default_rng(3)
    both = states(3)
    samples = stream(100, Key(100).signal("4", dice), 500, dice=dice)
    verdicts, told = np.zeros(4, say.VERDICT).view(np.recarray), np.zeros(2, np.int64)
    for frame in samples.reshape(-1, FRAME):
        frames = np.zeros((3, FRAME), np.int16)
        frames[:] = frame
        dtmf.feed_all(both, frames, np.array([2, 0, 0], np.int32), 1, verdicts, told)
    assert list(both.position) == [0, 0, len(samples)]
    assert told[0] == 2
    assert [int(one.row) for one in verdicts[:2]] == [2, 2]


def test_what_finds_no_room_is_counted():
    dice = np.random.default_rng(4)
    samples = stream(100, Key(100).signal("4", dice), 500, dice=dice)
    verdicts, told = np.zeros(1, say.VERDICT).view(np.recarray), np.zeros(2, np.int64)
    one = states()
    for frame in samples.reshape(-1, FRAME):
        dtmf.feed_all(one, frame[None], np.zeros(1, np.int32), 1, verdicts, told)
    assert list(told) == [1, 1]


@pytest.mark.parametrize("phase", range(0, FRAME, 40))
def test_a_key_of_eighty_milliseconds_survives_the_loss_of_any_packet(phase):
    dice = np.random.default_rng([phase, 6])
    samples = stream(320 + phase, Key(80).signal("7", dice), 800, dice=dice)
    for lost in range(2, 7):
        state, digits = states(), []
        verdicts, told = np.zeros(4, say.VERDICT).view(np.recarray), np.zeros(2, np.int64)
        for number, frame in enumerate(samples.reshape(-1, FRAME)):
            if number == lost:
                dtmf.gap(state[0], FRAME)
            else:
                dtmf.feed_all(state, frame[None], np.zeros(1, np.int32), 1, verdicts, told)
        digits = [chr(one.code) for one in verdicts[: told[0]] if one.phase == say.END]
        assert digits == ["7"], f"packet {lost} lost"
        # What was heard of it for less than 20 ms before the gap is not counted: then it begins after the gap.
        start = int(verdicts[told[0] - 1].start)
        assert abs(start - 320 - phase) <= 16 or start == (lost + 1) * FRAME


def test_extremes_do_no_harm():
    """Full scale squares, noise, impulses, and a state in any phase of its block: no digit, and nothing breaks."""
    dice = np.random.default_rng(9)
    hard = [
        np.where(np.arange(3200) // 4 % 2, 32767, -32768),
        dice.integers(-32768, 32768, 3200),
        np.where(np.arange(3200) % 97, 0, 32767),
        np.full(3200, -32768),
        np.zeros(3200),
    ]
    assert len(heard(np.stack(hard).astype(np.int16))) == 0


def test_the_last_blocks_are_laid_out_in_one_piece():
    dice = np.random.default_rng(10)
    samples, state, out = dice.integers(-9000, 9000, 3000).astype(np.int16), states()[0], np.zeros((4, 4), np.int64)
    at = 0
    for length in (1, 79, 80, 160, 33, 400, 7, 640, 320):
        dtmf.take(state, samples[at:], length, out)
        at += length
        done = at - at % BLOCK
        kept = min(done, (HISTORY - (at % BLOCK > 0)) * BLOCK)  # what is being filled takes the oldest one's place
        dtmf_digit.unroll(state)
        assert np.array_equal(state.history[NEWEST - kept : NEWEST], samples[done - kept : done])
    assert int(state.position) + int(state.held) == at
    assert STEP * 2 < BLOCK


@pytest.mark.parametrize("twist", [8.0, -12.0])
def test_beyond_the_limits_of_twist(twist):
    dice = np.random.default_rng(11)
    for digit in DIGITS:
        assert (
            len(
                heard(
                    stream(400, Key(100, -8 - max(twist, 0), -8 + min(twist, 0)).signal(digit, dice), 600, dice=dice)[
                        None
                    ]
                )
            )
            == 0
        )


def test_a_vowel_in_the_echo_of_a_prompt_is_no_digit():
    """It holds 715 and 1195 Hz for 80 ms, 2.5 % off and 9 dB apart; once it was a 1 at half of all alignments."""
    folder = SOUNDS / "en_US_f_Allison" / "followme"
    (sound,) = [one for name, one in recordings(folder) if name == "sorry.wav"]
    spoken = sound[np.abs(sound) > 0.02 * int(np.abs(sound).max())]
    heard_back = linear(echo(line(sound * 10 ** ((-13 - level(spoken)) / 20)).astype(float), 6, 5.0768))
    alignments = range(0, 80, 80 // fewer(80))
    streams = np.zeros((len(alignments), -(-(len(heard_back) + 80) // FRAME) * FRAME), np.int16)
    for row, shift in zip(streams, alignments, strict=True):
        row[shift : shift + len(heard_back)] = line(heard_back.astype(float))
    assert len(heard(streams)) == 0
