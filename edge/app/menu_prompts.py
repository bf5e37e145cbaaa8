"""The sounds of a menu, recognised by what is heard of them."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from dsp.ear import Ear, Heard
from dsp.fingerprint import Library
from edge.app.phone_audio import FRAME, RATE, Samples
from edge.core.menus.expectations import plain
from edge.core.menus.model import Menu, Sound
from edge.core.menus.parts import TONE
from edge.media.loader import UnreadableError, read_sound

#: Sounds that follow each other within this are one play.
PLAY_GAP_MS = 250
_LOUD = 300
_NEVER_MS = 1 << 60
#: Two seconds of packets.
_FEEDS = 100
#: What callers say is heard by this name when it is played to them (`edge.core.menus.kinds.record`).
MESSAGE = "message"
#: Longest prompt that is recognised.
LONGEST_S = 600


class Prompts(Struct):
    """The sounds of a menu, to be recognised."""

    library: Library
    #: What the author wrote for each, and its length.
    labels: list[str]
    lengths_ms: list[int]
    #: Sounds that are too short to be told.
    short: list[str]
    #: A voice, for callers who are to speak.
    voice: Samples


def prompts_of(menu: Menu, *, normalise: bool) -> Prompts:
    """Read all sounds of a menu as media does. Sounds that cannot be read cannot be heard, either."""
    labels: dict[str, str] = {}
    for sound in sounds_in(list(menu.nodes.values())):
        labels.setdefault(sound.path, sound.label)
        for language, path in sound.others.items():
            labels.setdefault(path, sound.labels.get(language, sound.label))
    for words in menu.words.values():
        for word, path in words.items():
            labels.setdefault(path, word)
    known: dict[bytes, int] = {}
    made = Prompts(Library([]), [], [], [], np.zeros(FRAME, np.int16))
    sounds: list[Samples] = []
    for path, label in labels.items():
        if not path or path.startswith(TONE):
            continue
        try:
            samples = read_sound(path, LONGEST_S * RATE, normalise=normalise)
        except UnreadableError:
            continue
        same = known.setdefault(samples.tobytes(), len(sounds))
        if same < len(sounds):  # the same sound by two names
            made.labels[same] += "" if label in made.labels[same] else f" / {label}"
            continue
        sounds.append(samples)
        made.labels.append(label)
        made.lengths_ms.append(len(samples) * 1000 // RATE)
    # Backwards: as loud and as broken as speech, and none of the prompts.
    made.voice = np.ascontiguousarray(max(sounds, key=len, default=made.voice)[::-1])
    made.labels.append(MESSAGE)
    made.lengths_ms.append(len(made.voice) * 1000 // RATE)
    made.library = Library([*sounds, made.voice])
    made.short = [label for number, label in enumerate(made.labels) if not made.library.tellable(number)]
    return made


def sounds_in(value: Any) -> list[Sound]:
    """List the sounds of compiled nodes, those of texts with values in them included."""
    if isinstance(value, Sound):
        return [value, *(one for pieces in value.pieces.values() for piece in pieces for one in sounds_in(piece))]
    if isinstance(value, Struct):
        return [one for name in value.__struct_fields__ for one in sounds_in(getattr(value, name))]
    if isinstance(value, dict):
        return [one for item in value.values() for one in sounds_in(item)]
    if isinstance(value, list | tuple):
        return [one for item in value for one in sounds_in(item)]
    return []


def is_loud(samples: Samples) -> bool:
    """Say whether int16 samples are no silence."""
    return bool(len(samples)) and int(np.abs(samples).max()) > _LOUD


class Recognised(NamedTuple):
    """A sound of a play, which may have several."""

    #: When it began, as the listener's clock counts, and how long before the play did.
    at_ms: int
    since_ms: int
    #: What was heard of the play until now.
    text: str
    #: Characters of that, as they are compared, that were told before.
    known: int


class Listener:
    """Somebody who hears sounds of a menu.

    `tell` is given what was recognised.
    """

    def __init__(self, prompts: Prompts, now: Callable[[], int], tell: Callable[[Recognised], None]) -> None:
        #: When anything was heard last; None: never.
        self.loud_ms: int | None = None
        self._prompts, self._now, self._tell = prompts, now, tell
        self._ear = Ear(prompts.library)
        #: What was fed so far, and of the last feeds, by how much they came later than what was fed before them lasts.
        #: The least of these is when it began, and grows with what was lost on the way.
        self._fed = 0
        self._behind_ms = deque[int](maxlen=_FEEDS)
        self._first_ms = _NEVER_MS
        #: By how much it heard something later than it could have at the most; what was lost on the way counts, too.
        self.late_ms = 0
        #: Of the last play: when it began, when the last sound that was told of it should end, and what was heard.
        self._last: tuple[int, int, str] = (0, -1, "")

    def feed(self, samples: Samples) -> None:
        """Hear int16 samples at 8 kHz."""
        self._behind_ms.append(self._now() - self._fed * 1000 // RATE)
        self._first_ms = min(self._first_ms, self._behind_ms[-1])
        self.late_ms = max(self.late_ms, self._behind_ms[-1] - self._first_ms)
        self._fed += len(samples)
        if is_loud(samples):
            self.loud_ms = self._now()
        self._take(self._ear.feed(samples))

    @property
    def quiet_ms(self) -> int:
        """For how long nothing was heard, since something was; 0: nothing was yet."""
        return self._now() - self.loud_ms if self.loud_ms is not None else 0

    def end(self) -> None:
        """Tell what was heard and waits for more."""
        self._take(self._ear.end())

    def _take(self, found: list[Heard]) -> None:
        for one in found:
            label, start = self._prompts.labels[one.sound], one.start_ms
            began, expected, before = self._last
            goes_on = abs(start - expected) <= PLAY_GAP_MS and before
            began, before = (began, f"{before} ") if goes_on else (start, "")
            self._last = (began, start + self._prompts.lengths_ms[one.sound], before + label)
            at_ms = start + min(self._behind_ms)
            self._tell(Recognised(at_ms, start - began, before + label, len(plain(before))))
