"""The second opinion hears what a telephone engineer would."""

import numpy as np

from bench import spandsp
from bench.accuracy import signals as s
from bench.accuracy.progress import NAMES, SEED, SPECIAL, Shape, grid
from bench.accuracy.progress_peers import fax, special, supervisory


def keys(*pairs):
    dice = np.random.default_rng(1)
    return s.line(np.concatenate([np.concatenate([s.silence(50), s.sines(p, 400, -10, dice)]) for p in pairs]))


def test_digits():
    stream = keys((697, 1209), (941, 1336), (770, 1477))
    assert spandsp.digits(stream) == "106"
    assert [chr(r.code) for r in spandsp.digit_reports(stream) if r.code] == ["1", "0", "6"]


def test_its_filter_against_dial_tones():
    dice = np.random.default_rng(4)
    pressed = np.concatenate([s.silence(60), s.sines((852, 1477), 800, -10, dice), s.silence(60)])
    under = s.sines((350, 440), len(pressed), -13, dice)
    assert spandsp.digits(s.line(pressed), filtered=True) == "9"
    assert spandsp.digits(s.line(pressed + under)) == ""
    assert spandsp.digits(s.line(pressed + under), filtered=True) == "9"


def test_a_lost_frame_is_filled_in():
    dice = np.random.default_rng(2)
    stream = s.line(np.concatenate([s.silence(60), s.sines((852, 1477), 1600, -10, dice), s.silence(60)]))
    lost = [False] * (len(stream) // 160)
    assert spandsp.digits(stream, lost) == "9"
    lost[6] = True
    assert spandsp.digits(stream, lost) == "9"


def test_fax_tones():
    cng = s.line(np.concatenate([np.concatenate([s.sine(1100, 4000, -12), s.silence(3000)]) for _ in range(2)]))
    assert [r.code for r in spandsp.modem_tones(cng, spandsp.CNG)] == [spandsp.CNG, 0] * 2
    ced = s.line(np.concatenate([s.silence(200), s.sine(2100, 24_000, -12), s.silence(500)]))
    assert [r.code for r in spandsp.modem_tones(ced, spandsp.ANS)] == [spandsp.ANS, 0]
    assert spandsp.modem_tones(ced, spandsp.CNG) == []


def test_cadences():
    dice = np.random.default_rng(3)
    tones = spandsp.SupervisoryTones(
        [
            [spandsp.Element(480, 620, 400, 600), spandsp.Element(0, 0, 400, 600)],
            [spandsp.Element(350, 440, 1000, 0)],
        ]
    )
    dial = s.line(np.concatenate([s.sines((350, 440), 24_000, -15, dice), s.silence(500)]))
    assert [r.code for r in tones.reports(dial)] == [1, -1]
    pause = s.silence(500)
    busy = s.line(np.concatenate([np.concatenate([s.sines((480, 620), 4000, -15, dice), pause]) for _ in range(5)]))
    assert [r.code for r in tones.reports(busy)] == [0]
    tones.close()


def test_it_is_given_the_countries_cadences():
    dice = np.random.default_rng(SEED)
    wrong = [one.wanted for one in grid(Shape(), dice) if supervisory(one.samples, one.country, NAMES) != one.wanted]
    assert len(wrong) <= 20  # of 159: Australia's tones are too near to each other for it


def test_it_knows_what_special_information_tones_mean():
    pieces = [s.silence(100), *(s.sine(hz, s.count(ms), -13) for hz, ms in SPECIAL["vacant_code"]), s.silence(1000)]
    assert special(s.line(np.concatenate(pieces)), SPECIAL) == ["sit vacant_code"]


def test_it_knows_forms_of_the_answering_tone():
    turn = np.arange(24_000) / 8000
    modulated = s.sine(2100, 24_000, -12) * (1 + 0.2 * np.sin(2 * np.pi * 15 * turn))
    assert fax(s.line(np.concatenate([s.silence(200), modulated, s.silence(500)]))) == ["fax_ced ansam"]
    assert fax(s.line(np.concatenate([s.sine(1100, 4000, -12), s.silence(3000)]))) == ["fax_cng"]
