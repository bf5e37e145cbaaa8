"""The call progress detector: tones of countries at the limits, edges, evidence, and what is no tone."""

from dataclasses import dataclass

import numpy as np
import pytest

from dsp.codecs import g711
from dsp.detectors import offline, progress, progress_cadence, progress_spectrum
from dsp.detectors import verdicts as say
from dsp.detectors.lines import describe
from dsp.detectors.progress_state import BIN_HZ, BINS, FIRST_BIN, PROGRESS_STATE
from dsp.detectors.progress_tables import LABELS, make_tables
from dsp.detectors.verdicts import VERDICT
from dsp.jit import kernel
from dsp.tones.countries import COUNTRIES
from dsp.tones.generator import amplitude, dtmf, tone
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from tests.dsp.interpreted import fewer
from tests.dsp.naive import progress as naive

TABLES = make_tables()
KIT = TABLES.kit


@dataclass
class Heard:
    label: str
    phase: int
    cause: int
    start: int
    end: int
    at: int
    level: float
    low: float
    high: float


def states(country: str | None = None, legs: int = 1):
    out = np.zeros(legs, PROGRESS_STATE).view(np.recarray)
    for one in out:
        one.country = TABLES.country(country) if country else 0
    return out


def feed(some, frames, rows, count, verdicts, told) -> None:
    progress.feed_all(some, frames, rows, count, verdicts, told, KIT)


def listen(samples, country: str | None = None, finish: bool = False) -> list[Heard]:
    some = states(country)
    found = list(offline.take(feed, some, np.atleast_2d(samples)))
    if finish:
        verdicts, told = np.zeros(4, VERDICT).view(np.recarray), np.zeros(2, np.int64)
        progress.finish(some, 1, verdicts, told, KIT)
        found += list(verdicts[: told[0]])
    return [
        Heard(LABELS[v["code"]], *(int(v[n]) for n in ("phase", "cause", "start", "end", "at")),
              *(float(v[n]) for n in ("level", "a", "b")))
        for v in found
    ]  # fmt: skip


def line(signal, seed: int = 1, noise: float = 16.0):
    """Through mu-law, with noise of -60 dBm0 or so."""
    x = np.asarray(signal, float) + np.random.default_rng(seed).normal(0, noise, len(signal))
    linear = np.clip(np.round(x), -32768, 32767).astype(np.int16)
    codes, out = np.zeros(len(x), np.uint8), np.zeros(len(x), np.int16)
    g711.encode(linear, len(linear), g711.ENCODE[0], codes, 0)
    g711.decode(codes, 0, len(codes), g711.DECODE[0], out)
    return out


def silence(samples: int):
    return np.zeros(samples)


def stream(country: str, name: str, seconds: float, lead: int = 1777, level: float = -13.0):
    signal = render(parse(COUNTRIES[country][name]), round(seconds * 8000), level)
    return line(np.concatenate([silence(lead), signal, silence(24_000)]))


@pytest.mark.parametrize(
    ("country", "name", "label", "low", "high"),
    [
        ("us", "ring", "ringback", 440, 480),
        ("us", "busy", "busy", 480, 620),
        ("us", "congestion", "reorder", 480, 620),
        ("us", "dial", "dial", 350, 440),
        ("uk", "ring", "ringback", 400, 450),
        ("uk", "congestion", "reorder", 400, 0),
        ("de", "ring", "ringback", 425, 0),
        ("de", "dial", "dial", 425, 0),
        ("fr", "busy", "busy", 440, 0),
        ("cn", "congestion", "reorder", 450, 0),
        ("au", "dial", "dial", 413, 438),
        ("br", "congestion", "reorder", 425, 0),
        ("es", "congestion", "reorder", 425, 0),
        ("it", "dial", "dial", 425, 0),
        ("ru", "busy", "busy", 425, 0),
    ],
)
def test_a_tone_its_edges_and_evidence(country, name, label, low, high):
    cycle = parse(COUNTRIES[country][name]).cycle
    period = sum(one.ms for one in cycle) / 1000
    seconds = max(4.0, 2 * period) // period * period if period else 4.0
    begin, end = listen(stream(country, name, seconds), country)
    assert (begin.label, begin.phase, end.label, end.phase) == (label, say.BEGIN, label, say.END)
    assert TABLES.countries[begin.cause] == country
    assert abs(begin.start - 1777) <= 40
    last = 1777 + seconds * 8000 - (cycle[-1].ms * 8 if period else 0)
    assert abs(end.end - last) <= 40
    assert begin.low == pytest.approx(low, abs=1.5)
    assert begin.high == pytest.approx(high, abs=1.5)
    assert begin.level == pytest.approx(-13, abs=0.5)


def test_ringback_is_told_within_its_first_burst_where_nothing_else_sounds_like_it():
    begin = listen(stream("us", "ring", 2.0), "us")[0]
    assert begin.at - begin.start <= 0.62 * 8000


def test_ringback_that_begins_like_a_dial_tone_is_told_when_the_burst_ends():
    begin = listen(stream("de", "ring", 5.0), "de")[0]
    assert 8000 <= begin.at - begin.start <= 1.25 * 8000


def test_an_unknown_country_is_guessed():
    assert [h.label for h in listen(stream("us", "busy", 4.0))] == ["busy", "busy"]
    begin = listen(stream("uk", "ring", 6.0))[0]
    assert (begin.label, TABLES.countries[begin.cause]) == ("ringback", "uk")


def test_a_tone_of_another_country_is_none():
    assert [h for h in listen(stream("fr", "busy", 4.0), "us") if h.label != "beep"] == []


def test_evidence_of_a_cadence_stays_in_the_state():
    some = states("us")
    offline.take(feed, some, stream("us", "busy", 4.0)[None])
    assert some[0].cycles == 4
    assert abs(some[0].on - 4000) < 40
    assert abs(some[0].off - 4000) < 40


def test_busy_follows_ringback():
    ring = render(parse(COUNTRIES["de"]["ring"]), 5 * 8000)
    busy = render(parse(COUNTRIES["de"]["busy"]), 4 * 8000)
    heard = listen(line(np.concatenate([silence(800), ring, ring, busy, silence(16_000)])), "de")
    assert [(h.label, h.phase) for h in heard] == [
        ("ringback", say.BEGIN), ("ringback", say.END), ("busy", say.BEGIN), ("busy", say.END),
    ]  # fmt: skip
    assert abs(heard[2].start - 800 - 10 * 8000) <= 80


def test_ringback_that_is_answered_has_ended():
    rng = np.random.default_rng(4)
    ring = render(parse(COUNTRIES["us"]["ring"]), round(6.8 * 8000))
    voice = rng.normal(0, 2000, 16_000)
    begin, end = listen(line(np.concatenate([silence(800), ring, voice])), "us")
    assert (begin.label, end.phase) == ("ringback", say.END)
    assert abs(end.end - 800 - 6.8 * 8000) <= 400


def _special(*segments):
    return np.concatenate([tone(hz, round(ms * 8), -15.0) for hz, ms in segments])


@pytest.mark.parametrize(
    ("segments", "meaning"),
    [
        (((950, 330), (1400, 330), (1800, 330)), "unspecified"),
        (((913.8, 274), (1370.6, 274), (1776.7, 380)), "intercept"),
        (((985.2, 380), (1370.6, 274), (1776.7, 380)), "vacant_code"),
        (((913.8, 274), (1428.5, 380), (1776.7, 380)), "reorder"),
        (((985.2, 380), (1428.5, 380), (1776.7, 380)), "no_circuit"),
        (((985.2, 274), (1370.6, 380), (1776.7, 380)), "reorder_interlata"),
        (((913.8, 380), (1370.6, 380), (1776.7, 380)), "no_circuit_interlata"),
    ],
)
def test_special_information(segments, meaning):
    signal = _special(*segments)
    (heard,) = listen(line(np.concatenate([silence(1000), signal, silence(8000)])), "us")
    assert (heard.label, heard.phase) == ("sit", say.ONCE)
    assert progress_cadence.MEANINGS[heard.cause] == meaning
    assert abs(heard.start - 1000) <= 60
    assert abs(heard.end - 1000 - len(signal)) <= 60
    assert heard.low == pytest.approx(segments[0][0], abs=4)


def _answer(form: str):
    t = np.arange(24_000)
    phase = np.pi * (t // 3600) if "reversed" in form else 0
    depth = 0.2 if "ansam" in form else 0.0
    return (
        amplitude(-15) * np.sin(2 * np.pi * 2100 / 8000 * t + phase) * (1 + depth * np.sin(2 * np.pi * 15 / 8000 * t))
    )


@pytest.mark.parametrize("form", progress_cadence.ANSWERS)
def test_an_answering_tone_and_its_form(form):
    begin, end = listen(line(np.concatenate([silence(800), _answer(form), silence(8000)])))
    assert (begin.label, begin.phase, end.phase) == ("fax_ced", say.BEGIN, say.END)
    assert begin.at - begin.start <= 0.65 * 8000
    assert progress_cadence.ANSWERS[end.cause] == form
    assert abs(end.end - 24_800) <= 60


def test_a_calling_fax():
    cng = np.concatenate([tone(1100, 4000, -20.0), silence(24_000), tone(1100, 4000, -20.0)])
    begin, end = listen(line(np.concatenate([silence(800), cng, silence(32_000)])))
    assert (begin.label, end.label) == ("fax_cng", "fax_cng")
    assert begin.at <= 800 + 4000 + 1800
    assert abs(end.end - 800 - 32_000) <= 60


@pytest.mark.parametrize("ms", [90, 300])
def test_a_hum_is_no_beep(ms):
    signal = np.concatenate([silence(1234), tone(400, ms * 8, -10.0), silence(16_000)])
    assert listen(line(signal)) == []


@pytest.mark.parametrize("hz", [520, 700, 740, 1000, 1400, 2000, 2550])
@pytest.mark.parametrize("ms", [90, 250, 1000])
def test_a_beep(hz, ms):
    signal = np.concatenate([silence(1234), tone(hz, ms * 8, -15.0), silence(16_000)])
    (heard,) = listen(line(signal))
    assert (heard.label, heard.phase) == ("beep", say.ONCE)
    assert abs(heard.start - 1234) <= 40
    assert abs(heard.end - 1234 - ms * 8) <= 40
    assert heard.low == pytest.approx(hz, rel=0.01)
    assert heard.at - heard.end <= 0.2 * 8000


@pytest.mark.parametrize("hz", [455.0, 508.0, 575.0, 625.0, 700.0])
def test_the_flanks_of_a_short_beep_are_no_tones_of_their_own(hz):
    """At any place relative to the windows, of which the last ones hold nothing of it."""
    for lead in range(800, 960, 20):
        for ms in (81, 84, 90):
            signal = line(np.concatenate([silence(lead), tone(hz, ms * 8, -25.0), silence(8000)]))
            assert [one.label for one in listen(signal)] == ["beep"], (lead, ms)


def test_what_is_on_at_the_end_of_a_recording_is_told():
    signal = line(np.concatenate([silence(800), render(parse("480+620/500,0/500"), 3 * 8000)]))
    assert [h.phase for h in listen(signal, "us", finish=True)] == [say.BEGIN, say.END]
    beep = line(np.concatenate([silence(800), tone(1000, 4000), silence(1200)]))
    assert [h.label for h in listen(beep, finish=True)] == ["beep"]


def test_concealed_packets_within_a_tone_do_not_end_it():
    signal = stream("us", "dial", 4.0)
    for at in (12_000, 20_000):
        signal[at : at + 320] = signal[at - 320 : at]  # as concealment repeats what was there
    assert [h.phase for h in listen(signal, "us")] == [say.BEGIN, say.END]


def test_a_gap_of_the_stream():
    signal = stream("us", "dial", 4.0)
    some = states("us")
    first = offline.take(feed, some, signal[None, :16_000])
    progress.gap(some[0], 320)
    rest = offline.take(feed, some, signal[None, 16_320:])
    heard = [*first, *rest]
    assert [LABELS[h["code"]] for h in heard] == ["dial", "dial"]
    assert abs(int(heard[1]["end"]) - 1777 - 32_000) <= 80


def test_no_tone_in_what_is_none():
    rng = np.random.default_rng(9)
    n = fewer(10) * 8000
    t = np.arange(n) / 8000
    glide = amplitude(-10) * np.sin(2 * np.pi * np.cumsum(400 + 60 * np.sin(2 * np.pi * 3 * t)) / 8000)
    chords = sum(amplitude(-22) * np.sin(2 * np.pi * f * t) for f in (262, 330, 392, 523))
    digits = np.concatenate([np.concatenate([dtmf(d, 800), silence(800)]) for d in "0123456789*#" * fewer(4)])
    for signal in (rng.normal(0, 3000, n), glide, chords, digits, np.full(n, 9000.0), silence(n)):
        for country in (None, "us", "de"):
            assert listen(line(signal), country) == []


def test_extreme_samples_are_survived():
    rng = np.random.default_rng(10)
    square = np.where(np.arange(40_000) // 10 % 2, 32767, -32768).astype(np.int16)
    for signal in (square, rng.choice(np.array([-32768, 32767], np.int16), 40_000), np.full(40_000, -32768, np.int16)):
        some = states()
        offline.take(feed, some, signal[None])
        for name in ("power", "frequency", "share"):
            assert np.isfinite(some[0][name])


def test_legs_do_not_disturb_each_other():
    names = [("us", "busy"), ("de", "ring"), ("uk", "ring"), ("fr", "dial")]
    streams = [stream(c, n, 4.0) for c, n in names]
    length = min(map(len, streams))
    some = states(legs=8)
    block = np.zeros((8, length), np.int16)
    for row, ((country, _), samples) in enumerate(zip(names, streams, strict=True)):
        some[2 * row + 1].country = TABLES.country(country)
        block[2 * row + 1] = samples[:length]
    together = offline.take(feed, some, block)
    assert set(together["row"]) <= {1, 3, 5, 7}
    for row, (country, _) in enumerate(names):
        alone = listen(streams[row][:length], country)
        mine = together[together["row"] == 2 * row + 1]
        assert [(LABELS[v["code"]], int(v["start"]), int(v["at"])) for v in mine] == [
            (h.label, h.start, h.at) for h in alone
        ]


def test_rows_name_the_legs():
    some, frames = states(legs=3), np.zeros((3, 160), np.int16)
    verdicts, told = np.zeros(4, VERDICT).view(np.recarray), np.zeros(2, np.int64)
    progress.feed_all(some, frames, np.array([2], np.int32), 1, verdicts, told, KIT)
    assert list(some.position) == [0, 0, 160]


@kernel
def described(frame, out):
    describe(frame, out)


def test_the_spectrum_is_the_twins():
    rng = np.random.default_rng(20)
    samples = rng.normal(0, 3000, 320).astype(np.int16)
    state = states()[0]
    for start in (0, 160):
        described(samples[start : start + 160], state.sums)
        mean, one, two = progress_spectrum.measure(state)
        state.energy[:28] = state.energy[4:].copy()
        state.energy[28:] = state.sums[:4]
        total = progress_spectrum.low_spectrum(state, samples[start : start + 160], KIT)
    part = samples[160:].astype(float)
    assert mean == pytest.approx(np.mean(part**2), rel=1e-5)
    assert one == pytest.approx(naive.autocorrelation(part, 1), abs=0.02)
    assert two == pytest.approx(naive.autocorrelation(part, 2), abs=0.02)
    assert total == pytest.approx(naive.window_energy(samples.astype(float)), rel=0.1)  # by blocks of 5 ms
    for k in range(1, BINS - 1):
        hz = (FIRST_BIN + k) * BIN_HZ
        wanted = naive.window_power(samples.astype(float), hz) * 2 / (120 * 320)
        assert KIT.p[k] == pytest.approx(wanted, rel=1e-3, abs=1.0)


def test_a_line_of_the_high_band():
    state = states()[0]
    for hz in np.arange(720.0, 2700.0, 37.3):
        samples = tone(hz, 160, -20.0)
        described(samples, state.sums)
        _, one, _ = progress_spectrum.measure(state)
        found, power, _ = progress_spectrum.high_line(samples, KIT, one, 1.0)
        assert found == pytest.approx(hz, abs=2.5)
        assert power == pytest.approx(np.mean(samples.astype(float) ** 2), rel=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_cadences_are_held_against_bursts_as_the_twin_does(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        cadence = int(rng.integers(KIT.label_first[1], KIT.label_first[4]))
        steps = [(int(KIT.step_on[cadence, i]), int(KIT.step_off[cadence, i])) for i in range(KIT.steps[cadence])]
        state, bursts, at = states()[0], [], 8000
        for number in range(int(rng.integers(1, 8))):
            on, off = steps[(number + seed) % len(steps)]
            on, off = (round(x * rng.uniform(0.8, 1.2)) for x in (on, off))
            bursts.append((at, at + on))
            at += on + off
        for i, (start, end) in enumerate(bursts):
            state.b_start[i], state.b_end[i] = start, end
            state.b_mask[i] = sum(1 << int(s) for s in set(KIT.step_sound[cadence, : KIT.steps[cadence]]))
        state.bursts = len(bursts)
        state.position = bursts[-1][1]
        got = max(progress_cadence._chain(state, KIT, cadence, step, False)[0] for step in range(KIT.steps[cadence]))
        assert got == naive.explains(steps, bursts, progress_cadence.TEMPO, progress_cadence.SLACK)
