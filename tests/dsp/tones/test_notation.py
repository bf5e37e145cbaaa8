"""The notation of tones: read, written, refused; and the table of countries."""

import numpy as np
import pytest

from dsp.detectors.progress_tables import make_tables
from dsp.tones.cadence import recognised, steps_of
from dsp.tones.countries import COUNTRIES, EVERYWHERE
from dsp.tones.notation import Element, NotationError, Sound, parse
from dsp.tones.rendering import cycle_samples, render


def test_a_cadence():
    tone = parse("400+450/400,0/200, 400+450/400 ,0/2000")
    assert tone.once == ()
    assert tone.cycle[0] == Element(Sound((400.0, 450.0)), 400.0)
    assert [one.ms for one in tone.cycle] == [400, 200, 400, 2000]
    assert tone.cycle[1].sound == Sound()


def test_what_is_played_once_comes_first():
    tone = parse("!950/330,!1400/330,!1800/330,0/1000")
    assert [one.sound.frequencies for one in tone.once] == [(950.0,), (1400.0,), (1800.0,)]
    assert [one.ms for one in tone.cycle] == [1000]


def test_modulation():
    assert parse("400*25").cycle == (Element(Sound((400.0,), 25.0), 0),)


@pytest.mark.parametrize("text", [one for tones in (*COUNTRIES.values(), EVERYWHERE) for one in tones.values()])
def test_what_is_written_reads_the_same(text):
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no elements"),
        ("425/", "length"),
        ("425/0", "length"),
        ("425/-5", "length"),
        ("425/1e9", "length"),
        ("425/70000", "length"),
        ("5000", "between"),
        ("425+425", "twice"),
        ("350+440*20", "modulated"),
        ("400*2000", "between"),
        ("1+2+3+4+5", "between"),
        ("300+400+500+600+700", "at most"),
        ("0/500,0/500", "silence"),
        ("0", "silence"),
        ("425,0/500", "endless"),
        ("0/500,!425/300", "once"),
        ("dial", "no sound"),
        (",".join(["425/10"] * 20), "elements"),
    ],
)
def test_what_is_no_tone_is_told(text, says):
    with pytest.raises(NotationError, match=says):
        parse(text)


def test_rendering_follows_the_cadence():
    tone = parse("425/500,0/250")
    samples = render(tone, 16_000, -10.0).astype(float)
    assert cycle_samples(tone) == 6000
    for start in range(0, 16_000 - 6000, 6000):
        assert 20 * np.log10(np.sqrt(np.mean(samples[start : start + 4000] ** 2))) == pytest.approx(
            20 * np.log10(np.sqrt(np.mean(samples[:4000] ** 2))), abs=0.1
        )
        assert not samples[start + 4000 : start + 6000].any()


@pytest.mark.parametrize("text", ["350+440", "400*25", "425", "400+425+450"])
def test_all_frequencies_together_have_the_level(text):
    power = np.mean(render(parse(text), 80_000, -13.0).astype(float) ** 2)
    assert 10 * np.log10(power / np.mean(render(parse("1000"), 80_000, -13.0).astype(float) ** 2)) == pytest.approx(
        0, abs=0.1
    )


def test_what_is_played_once_ends():
    samples = render(parse("!950/330,!1400/330,!1800/330"), 16_000)
    assert samples[: 3 * 2640].any()
    assert not samples[3 * 2640 :].any()


def test_bursts_of_a_cycle_begin_with_sound():
    assert steps_of(parse("0/200,425/100,425/300,0/50")) == (
        (Sound((425.0,)), 800, 0),
        (Sound((425.0,)), 2400, 2000),
    )


@pytest.mark.parametrize("text", ["1400+2060/100,0/100", "200/500,0/500", "3000/500,0/500", "!425/300"])
def test_what_cannot_be_recognised_is_told_with_its_name(text):
    with pytest.raises(NotationError, match=r"xx\.busy"):
        make_tables({"xx": {"busy": text}})


def test_tables_hold_every_tone_of_every_country():
    tables = make_tables()
    kit = tables.kit
    for bit, (country, tones) in enumerate(COUNTRIES.items()):
        assert tables.country(country) == bit + 1
        for name in filter(recognised, tones):
            wanted = [(on, off) for _, on, off in steps_of(parse(tones[name]))]
            assert any(
                kit.countries[i] & (1 << bit)
                and [(kit.step_on[i, s], kit.step_off[i, s]) for s in range(kit.steps[i])] == wanted
                for i in range(kit.label_first[-1])
            )
    with pytest.raises(KeyError):
        tables.country("atlantis")
