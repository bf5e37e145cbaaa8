"""What of a country's tones can be recognised; no numba here, so that a configuration is checked without it."""

from collections.abc import Mapping

from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import NotationError, Sound, Tone

#: Tones that are recognised, as the tables of countries call them; a dash and a word may follow.
RECOGNISED = ("dial", "busy", "congestion", "ring")
#: All that have a meaning.
NAMES = (*RECOGNISED, "waiting", "info")
#: Bursts of a cadence.
MAX_BURSTS = 6
#: Up to here (Hz) several frequencies at once are told apart.
LOW_HZ = 725.0
LEAST_HZ, MOST_HZ = 250.0, 2750.0
MAX_COUNTRIES = 60
_SAMPLES_PER_MS = 8


def recognised(name: str) -> bool:
    """Whether tones of this name are recognised, or only made."""
    return name.partition("-")[0] in RECOGNISED


def steps_of(tone: Tone) -> tuple[tuple[Sound, int, int], ...]:
    """Give the bursts of a tone's cycle: sound, samples on (0: endless), samples off.

    Raises `NotationError` for what can't be recognised.
    """
    cycle = [(one.sound, round(one.ms * _SAMPLES_PER_MS)) for one in tone.cycle]
    if not cycle or not any(sound.frequencies for sound, _ in cycle):
        raise NotationError("to be recognised, a tone needs a part that is repeated")
    while not cycle[0][0].frequencies:
        cycle = [*cycle[1:], cycle[0]]
    steps: list[tuple[Sound, int, int]] = []
    for sound, length in cycle:
        if sound.frequencies:
            _check(sound)
            steps.append((sound, length, 0))
        else:
            steps[-1] = (*steps[-1][:2], steps[-1][2] + length)
    if len(steps) > MAX_BURSTS:
        raise NotationError(f"to be recognised, a tone has at most {MAX_BURSTS} bursts")
    return tuple(steps)


def _check(sound: Sound) -> None:
    top = max(sound.frequencies)
    if min(sound.frequencies) < LEAST_HZ or top > MOST_HZ:
        raise NotationError(f"{sound}: to be recognised, frequencies are from {LEAST_HZ:g} to {MOST_HZ:g} Hz")
    if top > LOW_HZ and (len(sound.frequencies) > 1 or sound.modulation):
        raise NotationError(f"{sound}: several frequencies at once are recognised up to {LOW_HZ:g} Hz")


def with_countries(more: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Give the table of countries with more of them, or with some of their tones in another form."""
    known = {name: dict(tones) for name, tones in COUNTRIES.items()}
    for name, tones in more.items():
        known[name] = {**known.get(name, {}), **tones}
    return known
