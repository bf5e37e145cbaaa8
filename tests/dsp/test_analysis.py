"""A recording through all detectors: whatever its pieces, the same answer; what is on at its end is over there."""

import numpy as np
import pytest

from dsp.analysis import Analysis, Detection, Settings, countries, detectors
from dsp.detectors.offline import FRAME, Collector, direct, take
from tests.support import tones


def cadence(frequencies, on_ms, off_ms, cycles, level=-15.0):
    on, off = on_ms * 8, np.zeros(off_ms * 8, np.int16)
    parts = []
    for _ in range(cycles):
        parts += [sum(tones.sine(hz, on, level) for hz in frequencies), off]
    return np.concatenate(parts).astype(np.int16)


def quiet(ms):
    return np.zeros(ms * 8, np.int16)


def recording():
    """A key, dial tone, busy tone."""
    dial = cadence((350, 440), 2500, 300, 1)
    return np.concatenate([quiet(100), tones.dtmf("7"), quiet(400), dial, cadence((480, 620), 500, 500, 6)])


def analysed(*channels, pieces=(4096,), settings=None) -> list[Detection]:
    sound = np.stack(channels)
    analysis = Analysis(len(channels), settings)
    at, number = 0, 0
    while at < sound.shape[1]:
        size = pieces[number % len(pieces)]
        analysis.feed(sound[:, at : at + size])
        at, number = at + size, number + 1
    assert analysis.length == sound.shape[1]
    return analysis.finish()


def test_everything_is_found_in_the_order_of_time():
    found = analysed(recording())
    assert [one.place for one in found] == sorted(one.place for one in found)
    (key,) = [one for one in found if one.kind == "dtmf"]
    assert key.facts["digit"] == "7"
    assert key.start == pytest.approx(800, abs=16)
    assert key.end == pytest.approx(1600, abs=16)
    labels = [(one.facts["label"], one.facts["country"]) for one in found if one.kind == "tone"]
    assert labels == [("dial", "us"), ("busy", "us")]
    assert [one.facts["verdict"] for one in found if one.kind == "answer"] != []
    assert not [one for one in found if one.kind == "speech"]  # keys and tones are none


def test_the_pieces_do_not_matter():
    want = analysed(recording())
    for pieces in ((1, 159, 160, 161), (80,), (1_000_000,)):
        assert analysed(recording(), pieces=pieces) == want


def test_channels_are_told_apart():
    left = recording()
    right = np.roll(left, 1600)
    found = analysed(left, right)
    alone = [(one.kind, one.start, one.facts) for one in analysed(left)]
    assert [(one.kind, one.start, one.facts) for one in found if one.channel == 0] == alone
    (key,) = [one for one in found if one.kind == "dtmf" and one.channel == 1]
    assert key.start == pytest.approx(2400, abs=16)


def test_what_is_on_at_the_end_ends_there():
    sound = np.concatenate([quiet(300), cadence((350, 440), 3000, 0, 1)])
    (dial,) = [one for one in analysed(sound) if one.kind == "tone"]
    assert dial.facts["label"] == "dial"
    assert dial.end == pytest.approx(len(sound), abs=FRAME)
    (key,) = [one for one in analysed(np.concatenate([quiet(300), tones.dtmf("*", 60)])) if one.kind == "dtmf"]
    assert key.end == pytest.approx(360 * 8, abs=16)
    for one in analysed(sound):
        assert one.at <= len(sound)
        assert one.end is None or one.end <= len(sound)


@pytest.mark.parametrize("length", [0, 1, 159, 160, 161])
def test_hardly_anything(length):
    found = analysed(np.full(length, 1000, np.int16))
    assert {one.kind for one in found} <= {"answer"}


def test_noise_at_the_end_of_the_scale_is_survived():
    dice = np.random.default_rng(1)
    sound = dice.choice(np.array([-32768, 32767], np.int16), 16_000)
    analysed(sound, np.full(16_000, -32768, np.int16))


def test_countries_and_settings():
    assert {"us", "uk", "de", "fr", "cn", "jp", "au", "in", "br", "it", "es", "ru"} <= set(countries())
    (answer,) = [
        one for one in analysed(quiet(9000), settings=Settings("de", {"deadline": 3000})) if one.kind == "answer"
    ]
    assert answer.at == 24_000
    with pytest.raises(KeyError):
        Analysis(1, Settings("nowhere"))
    with pytest.raises(KeyError):
        Analysis(1, Settings(None, {"dead_line": 1}))


def test_a_kernel_called_directly_gives_the_same():
    """The way round numba's look at the arguments is the same kernel."""
    from dsp.detectors import speech
    from dsp.detectors.speech_state import SPEECH_STATE

    syllables = 1 + np.sin(2 * np.pi * 4 * np.arange(100 * FRAME) / 8000)
    sound = np.concatenate(
        [quiet(400), (np.random.default_rng(3).normal(0, 1500, 100 * FRAME) * syllables).astype(np.int16)]
    )
    want = take(speech.feed_all, np.zeros(1, SPEECH_STATE).view(np.recarray), sound[None])
    collector = Collector(1)
    states = np.zeros(1, SPEECH_STATE).view(np.recarray)
    rest = (collector.rows, 1, collector.verdicts, collector.told)
    kernel = direct(speech.feed_all, states, collector.frames, *rest)
    got = []
    for at in range(0, len(sound), FRAME):
        kernel(states, np.ascontiguousarray(sound[None, at : at + FRAME]), *rest)
        got += collector.taken().tolist()
    assert got == want.tolist()
    assert got


def test_all_detectors_take_their_part():
    assert list(detectors(Collector(1))) == ["dtmf", "tones", "speech", "answer"]
