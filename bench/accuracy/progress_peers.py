"""What spandsp hears of call progress tones: `super_tone_rx` with the same tables, `modem_connect_tones_rx` for fax.

It gets what an engineer would give it: the tolerances of our detector, the tones of the one country, and a dial tone
that has to last longer than any ringing tone. What it cannot be told is left as near as it can be: of three frequencies
at once the outer two, of a modulated one the carrier. It has nothing for beeps, and multimon-ng for none of it.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

from bench import spandsp
from bench.accuracy.signals import Samples
from bench.spandsp import Element, Report, SupervisoryTones
from dsp.detectors.progress_cadence import ANSWERS
from dsp.tones.cadence import recognised, steps_of
from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse

#: As `dsp.detectors.progress_cadence` grants: share and ms.
TEMPO, SLACK = 0.15, 20
#: A tone without end has to last so long, or longer than any burst that ends (ms).
ENDLESS = 1000
#: Codes of the answering tone's forms, in the order of `ANSWERS`.
_FORMS = dict(zip((spandsp.ANS, spandsp.ANS_PR, spandsp.ANSAM, spandsp.ANSAM_PR), ANSWERS, strict=True))


def _element(frequencies: Sequence[float], ms: float) -> Element:
    """Give a step of a cadence with the tolerances of ours."""
    first = round(min(frequencies)) if frequencies else 0
    second = round(max(frequencies)) if len(frequencies) > 1 else 0
    return Element(first, second, round(ms * (1 - TEMPO)) - SLACK, round(ms * (1 + TEMPO)) + SLACK)


def _cadence(text: str, longest: float) -> list[Element]:
    """Put a tone of the countries' notation into spandsp's."""
    out = []
    for sound, on, off in steps_of(parse(text)):
        step = _element(sound.frequencies, on / 8)
        endless = Element(step.first_hz, step.second_hz, max(ENDLESS, round(longest * (1 + TEMPO)) + 2 * SLACK), 0)
        out.append(step if on else endless)
        if off:
            out.append(_element((), off / 8))
    return out


@functools.cache
def _of_country(country: str) -> tuple[SupervisoryTones, tuple[str, ...]]:
    """Give the listener for a country, and the tones' names by code."""
    tones = {name: text for name, text in COUNTRIES[country].items() if recognised(name)}
    longest = max(on / 8 for text in tones.values() for _, on, _ in steps_of(parse(text)))
    return SupervisoryTones([_cadence(text, longest) for text in tones.values()]), tuple(tones)


def supervisory(samples: Samples, country: str, names: Mapping[str, str]) -> list[str]:
    """Give the labels that are heard, in order; a tone that is told again at once counts once."""
    listener, tones = _of_country(country)
    labels = [names[tones[one.code].partition("-")[0]] for one in listener.reports(samples) if one.code >= 0]
    return [label for at, label in enumerate(labels) if at == 0 or labels[at - 1] != label]


@functools.cache
def _of_special(segments: tuple[tuple[float, float], ...]) -> SupervisoryTones:
    return SupervisoryTones([[_element((hz,), ms) for hz, ms in segments]])


def special(samples: Samples, meanings: Mapping[str, Sequence[tuple[float, float]]]) -> list[str]:
    """Give the special information tone's meaning, "unspecified" only where it is no other.

    Each meaning has a listener of its own: `super_tone_rx` does not part frequencies that are so near to each other.
    """
    heard = []
    for meaning, segments in meanings.items():
        reports = _of_special(tuple(segments)).reports(samples)
        heard += [f"sit {meaning}" for one in reports if one.code >= 0]
    exact = [one for one in heard if one != "sit unspecified"]
    return exact or heard[:1]


def fax(samples: Samples) -> list[str]:
    """Give CNG, and the forms of answering tones; one that is told again counts once."""
    return list(dict.fromkeys([*_calling(spandsp.modem_tones(samples, spandsp.CNG)), *_answering(samples)]))


def _calling(reports: Sequence[Report]) -> Iterator[str]:
    for one in reports:
        if one.code == spandsp.CNG:
            yield "fax_cng"


def _answering(samples: Samples) -> Iterator[str]:
    """Give the last form of each tone: reversals of phase are known only after some of it."""
    form = 0
    for one in spandsp.modem_tones(samples, spandsp.ANS_PR):
        if one.code <= 0 and form in _FORMS:
            yield f"fax_ced {_FORMS[form]}"
        form = one.code
    if form in _FORMS:
        yield f"fax_ced {_FORMS[form]}"
