"""The ear: sounds of noise whose colour changes as that of speech does, so that every pair of them is different."""

import numpy as np
import pytest

from dsp.codecs.g711 import DECODE, ENCODE
from dsp.ear import Ear
from dsp.fingerprint import Library

RATE = 8000


def sound(seed: int, seconds: float) -> np.ndarray:
    """Noise in syllables of 80 ms, each of another colour, with weak ones between."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(max(1, round(seconds / 0.08))):
        spectrum = np.fft.rfft(rng.normal(size=640))
        hz = np.fft.rfftfreq(640, 1 / RATE)
        formants = sum(np.exp(-(((hz - at) / 250) ** 2)) for at in rng.uniform(350, 3200, 3))
        parts.append(np.fft.irfft(spectrum * formants, 640) * rng.uniform(0.3, 1.0))
    whole = np.concatenate(parts)
    return (whole / np.abs(whole).max() * 9000).astype(np.int16)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.int16)


def heard(sounds: list[np.ndarray], *played: np.ndarray, chunk: int = 160) -> list[tuple[int, int]]:
    """Which sounds are told, and where each began, ms; through mu-law, 6 dB down."""
    audio = (np.concatenate([*played, silence(0.3)]) // 2).astype(np.int32)
    line = DECODE[0][ENCODE[0][(audio >> 2) & 0x3FFF]]
    ear = Ear(Library(sounds))
    found = [one for at in range(0, len(line), chunk) for one in ear.feed(line[at : at + chunk])] + ear.end()
    return [(one.sound, one.start_ms) for one in found]


def near(found: list[tuple[int, int]], *wanted: tuple[int, float]) -> None:
    """As many, the same ones, each where it began but for 30 ms."""
    assert [one for one, _ in found] == [one for one, _ in wanted]
    assert all(abs(at - begin * 1000) <= 30 for (_, at), (_, begin) in zip(found, wanted, strict=True))


SOUNDS = [sound(seed, 1.0 + seed % 5 / 4) for seed in range(30)]


def test_all_sounds_are_told_where_they_begin():
    parts, wanted, at = [], [], 0.0
    for number in np.random.default_rng(1).permutation(len(SOUNDS)):
        pause = number % 7 * 0.013
        parts += [silence(pause), SOUNDS[number]]
        wanted.append((int(number), at + pause))
        at += pause + len(SOUNDS[number]) / RATE
    near(heard(SOUNDS, *parts), *wanted)


@pytest.mark.parametrize("chunk", [1, 37, 4001])
def test_it_does_not_matter_how_it_is_fed(chunk: int):
    played = [silence(0.2), SOUNDS[3][: RATE // 2 if chunk == 1 else None], SOUNDS[4]]
    assert heard(SOUNDS, *played, chunk=chunk) == heard(SOUNDS, *played)


def test_what_is_cut_short_is_told_and_so_is_what_comes_then():
    near(
        heard(SOUNDS, SOUNDS[9][:RATE], SOUNDS[5], SOUNDS[14][:9000]),
        (9, 0),
        (5, 1.0),
        (14, 1.0 + len(SOUNDS[5]) / RATE),
    )


def test_what_is_cut_before_it_can_be_known_is_not_told():
    assert heard(SOUNDS, SOUNDS[9][: RATE // 3], silence(1)) == []


def test_a_sound_that_is_a_part_of_another_is_not_heard_in_it():
    inside = [SOUNDS[4], SOUNDS[4][4000:9600], SOUNDS[4][8000:12000], SOUNDS[4][:3200]]
    near(heard(inside, SOUNDS[4]), (0, 0))
    near(heard(inside, silence(0.5), inside[1]), (1, 0.5))
    near(heard(inside, silence(0.5), inside[3], silence(0.5)), (3, 0.5))


def test_sounds_that_begin_alike():
    same, one, other = sound(100, 1.2), sound(101, 1.2), sound(102, 1.2)
    pair = [np.concatenate([same, one]), np.concatenate([same, other]), same]
    near(heard(pair, pair[0]), (0, 0))
    near(heard(pair, pair[1]), (1, 0))
    near(heard(pair, silence(0.1), same, silence(0.5), pair[1]), (2, 0.1), (1, 1.82))


def test_short_words_follow_each_other():
    words = [sound(200 + seed, 0.32) for seed in range(12)]
    said = [3, 1, 4, 1, 5, 9]
    wanted = [(word, number * 0.32) for number, word in enumerate(said)]
    near(heard(words, *(words[word] for word in said)), *wanted)


def test_the_same_sound_again_is_told_again():
    near(heard(SOUNDS, SOUNDS[4][:9000], SOUNDS[4]), (4, 0), (4, 9000 / RATE))


def test_strangers_and_silence_are_nothing():
    rng = np.random.default_rng(77_777)
    noise = (rng.normal(size=5 * RATE) * 1500).astype(np.int16)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.int16)
    assert heard(SOUNDS, noise, silence(2), tone, *(sound(900 + n, 1.5) for n in range(10))) == []
    assert heard([], noise) == []


def test_sounds_that_are_too_short_are_known_as_such():
    library = Library([sound(1, 0.08), silence(1.0), np.zeros(0, np.int16), sound(2, 1.0)])
    assert [library.tellable(number) for number in range(4)] == [False, False, False, True]
