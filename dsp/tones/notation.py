"""Tones as the telephony world writes them down: the notation of `indications.conf`.

A tone is a list of elements, separated by commas, which repeats for ever. An element is a sound and, after a slash, how
many milliseconds it lasts; without a length it never ends. A sound is a frequency in Hz (`425`), several at once
(`350+440`), one modulated in amplitude by another (`400*25`), or 0, silence. Elements that begin with `!` are played
once, before the others; when all do, the tone ends after the last one.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

#: At most so many frequencies sound at once, and so many elements make a tone.
MAX_FREQUENCIES = 4
MAX_ELEMENTS = 16
#: What a telephone line carries (Hz), and what modulates it.
FREQUENCIES = (20, 3900)
MODULATIONS = (5, 150)
MAX_MS = 60_000

_SOUND = re.compile(r"\d+(?:\.\d+)?(?:[+*]\d+(?:\.\d+)?)*")


class NotationError(ValueError):
    """What is wrong with a tone, in words for whoever wrote it."""


@dataclass(frozen=True)
class Sound:
    """What sounds at one time; nothing: silence."""

    frequencies: tuple[float, ...] = ()
    #: Frequency (Hz) that modulates the amplitude of the only frequency; 0: none.
    modulation: float = 0.0

    def __str__(self) -> str:
        """Give it in the notation."""
        if self.modulation:
            return f"{self.frequencies[0]:g}*{self.modulation:g}"
        return "+".join(f"{f:g}" for f in self.frequencies) or "0"


@dataclass(frozen=True)
class Element:
    """A sound and its length."""

    sound: Sound
    ms: float  #: 0: it never ends


@dataclass(frozen=True)
class Tone:
    """What is played once, then what is repeated for ever."""

    once: tuple[Element, ...]
    cycle: tuple[Element, ...]

    def __str__(self) -> str:
        """Give it in the notation."""
        return ",".join(
            f"{mark}{one.sound}" + (f"/{one.ms:g}" if one.ms else "")
            for mark, part in (("!", self.once), ("", self.cycle))
            for one in part
        )


def _sound(text: str) -> Sound:
    if not _SOUND.fullmatch(text):
        raise NotationError(f"{text!r} is no sound: frequencies such as 425, 350+440 or 400*25, or 0")
    if "*" in text:
        carrier, *modulations = text.split("*")
        if "+" in text or len(modulations) != 1:
            raise NotationError(f"{text!r}: one frequency is modulated by one other")
        return Sound((_hz(carrier, FREQUENCIES),), _hz(modulations[0], MODULATIONS))
    if float(text.split("+", maxsplit=1)[0]) == 0 and "+" not in text:
        return Sound()
    frequencies = tuple(_hz(part, FREQUENCIES) for part in text.split("+"))
    if len(frequencies) > MAX_FREQUENCIES:
        raise NotationError(f"{text!r}: at most {MAX_FREQUENCIES} frequencies at once")
    if any(a == b for a, b in pairwise(sorted(frequencies))):
        raise NotationError(f"{text!r}: a frequency twice")
    return Sound(frequencies)


def _hz(text: str, limits: tuple[float, float]) -> float:
    value = float(text)
    if not limits[0] <= value <= limits[1]:
        raise NotationError(f"{text} Hz is not between {limits[0]} and {limits[1]} Hz")
    return value


def _element(text: str) -> tuple[bool, Element]:
    sound, slash, length = text.removeprefix("!").strip().partition("/")
    ms = 0.0
    if slash:
        if not re.fullmatch(r"\d+(\.\d+)?", length.strip()) or not 0 < float(length) <= MAX_MS:
            raise NotationError(f"{text!r}: a length is a number of ms, above 0 and up to {MAX_MS}")
        ms = float(length)
    return text.startswith("!"), Element(_sound(sound.strip()), ms)


def parse(text: str) -> Tone:
    """Read a tone. Raises `NotationError` for what is not in the notation or means nothing."""
    parts = [part.strip() for part in text.split(",")]
    if not text.strip():
        raise NotationError("a tone of no elements")
    if len(parts) > MAX_ELEMENTS:
        raise NotationError(f"{len(parts)} elements, at most {MAX_ELEMENTS}")
    elements = [_element(part) for part in parts]
    marks = [mark for mark, _ in elements]
    if marks != sorted(marks, reverse=True):
        raise NotationError("what is played once (!) comes first")
    once = tuple(one for mark, one in elements if mark)
    cycle = tuple(one for mark, one in elements if not mark)
    for part, name in ((once, "once"), (cycle, "again and again")):
        if any(one.ms == 0 for one in (*part[:-1], *(part[-1:] if part is once and cycle else ()))):
            raise NotationError(f"what is played {name}: only the last element of a tone may be endless")
    if cycle and all(not one.sound.frequencies for one in cycle):
        if not once:
            raise NotationError("a tone of silence")
    elif not cycle and all(not one.sound.frequencies for one in once):
        raise NotationError("a tone of silence")
    return Tone(once, cycle)
