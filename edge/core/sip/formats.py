"""Media formats of a description: codecs and telephone events by payload type (RFC 3551 section 6, RFC 4566 `rtpmap`).

PCMU, PCMA and G.722 have fixed payload types and need no `rtpmap`. L16 at 8 and 16 kHz has none (its fixed ones are for
44.1 kHz), so it is what a dynamic type is mapped to. G.722's clock is 8000 although it samples at 16 kHz (RFC 3551
section 4.5.2).
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from edge.core.sip.uri import TOKEN
from edge.vocabulary.media import CodecName


class Format(Struct, frozen=True):
    """A codec with its RTP clock and the payload type that stands for it."""

    codec: CodecName
    clock_rate: int
    payload_type: int

    @property
    def longest_ms(self) -> int:
        """Longest packets that we send and ask for: 60 ms, but none that Ethernet would have to cut up."""
        return 40 if self.codec == "L16" and self.clock_rate > 8000 else 60


class Event(Struct, frozen=True):
    """Telephone events (RFC 4733): payload type and clock."""

    payload_type: int
    clock_rate: int


#: What we offer for each name of a trunk's `codecs`, most wanted first; 96 and 97 are ours to choose.
OFFERED: dict[CodecName, tuple[Format, ...]] = {
    "PCMU": (Format("PCMU", 8000, 0),),
    "PCMA": (Format("PCMA", 8000, 8),),
    "G722": (Format("G722", 8000, 9),),
    "L16": (Format("L16", 16000, 96), Format("L16", 8000, 97)),
}
#: Telephone events in our own offers, by clock.
OUR_EVENTS = {8000: Event(101, 8000), 16000: Event(102, 16000)}
#: The format that spans are told of, whatever the peer has: they only signal.
SPAN_FORMAT = OFFERED["PCMU"][0]

_FIXED = {one.payload_type: one for formats in OFFERED.values() for one in formats if one.payload_type < 96}
_BY_MAP: dict[tuple[str, int], Format] = {
    (one.codec, one.clock_rate): one for formats in OFFERED.values() for one in formats
}
_MAP = re.compile(rf"rtpmap:([0-9]{{1,3}}) ({TOKEN})/([0-9]{{1,6}})(?:/([0-9]{{1,2}}))?[ \t]*", re.IGNORECASE)


def _maps(attributes: Iterable[str]) -> dict[int, tuple[str, int]]:
    """Read encoding name (upper case) and clock of each mapped payload type; more than one channel is none of ours."""
    out: dict[int, tuple[str, int]] = {}
    for value in attributes:
        if match := _MAP.fullmatch(value):
            name = match[2].upper() if match[4] in (None, "1") else ""
            out.setdefault(int(match[1]), (name, int(match[3])))
    return out


def read_formats(numbers: list[int], attributes: list[str]) -> tuple[tuple[Format, ...], tuple[Event, ...]]:
    """Return codecs and telephone events among the payload types of an m= line, in its order.

    A fixed payload type that is mapped to something else is not usable, nor is one that is mapped though it is neither
    fixed nor dynamic.
    """
    maps = _maps(attributes)
    formats: list[Format] = []
    events: list[Event] = []
    for number in dict.fromkeys(numbers):
        name, clock = maps.get(number, ("", 0))
        fixed = _FIXED.get(number)
        if fixed is not None and (number not in maps or (name, clock) == (fixed.codec, fixed.clock_rate)):
            formats.append(fixed)
        elif 96 <= number < 128 and name == "TELEPHONE-EVENT" and clock in OUR_EVENTS:
            events.append(Event(number, clock))
        elif 96 <= number < 128 and (known := _BY_MAP.get((name, clock))) is not None:
            formats.append(Format(known.codec, known.clock_rate, number))
    return tuple(formats), tuple(events)


def choose_format(offered: Iterable[Format], wanted: Iterable[str], current: Format | None = None) -> Format | None:
    """Return the first codec of `wanted` (a trunk's order) that was offered, by its highest clock.

    What is in use (`current`) stays when it is still offered; its payload type may be another one now.
    """
    known = list(offered)
    if current is not None:
        for one in known:
            if (one.codec, one.clock_rate) == (current.codec, current.clock_rate):
                return one
    for name in wanted:
        fitting = [one for one in known if one.codec == name.upper()]
        if fitting:
            return max(fitting, key=lambda one: one.clock_rate)
    return None


def choose_event(events: Iterable[Event], clock_rate: int) -> Event | None:
    """Return the telephone events that go with a codec of `clock_rate`.

    They share the codec's timestamps, so the same clock is the right one (RFC 4733 section 2.1). That of 8000 beside a
    faster codec is met in the field and taken, too; a faster one beside a codec of 8000 says nothing usable.
    """
    known = list(events)
    for wanted in dict.fromkeys((clock_rate, 8000)):
        for event in known:
            if event.clock_rate == wanted:
                return event
    return None
