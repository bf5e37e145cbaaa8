"""Makes one digit of one key press, however many methods carried it.

A press may be seen as RFC 4733 events, as a tone in the audio and as SIP INFO. The first report makes the digit, since
waiting for the others would make the menu slow; later reports of the same press are merged into it and kept as
evidence. What decides:

- A method reports its presses in order and each once, so it never confirms a press twice, nor one before the last that
  it confirmed. Two quick presses of one key over two methods therefore stay two.
- RFC 4733 and in-band see the same onset within `ONSET_WINDOW_MS`, or overlap in time: a key can't be down twice.
- INFO has no onset: it comes up to `INFO_LATE_MS` after it, hardly ever before.
- A long tone may reach the in-band detector in pieces; a piece inside a press that RFC 4733 timed is that press.
"""

from collections import Counter, deque

from msgspec import Struct

from edge.vocabulary.media import DigitMethod

#: Half of the shortest cycle of one repeated key (93 ms) would never mistake two presses for one; gateways that turn
#: tones into events need up to 60 ms to do so, and the order rule keeps repeated keys apart.
ONSET_WINDOW_MS = 80
#: How long after the onset an INFO request may come.
INFO_LATE_MS = 1500
#: Presses remembered; more than a second of the fastest dialling.
REMEMBERED = 32


class Seen(Struct, frozen=True):
    """One report of a press. `onset_ms` (CLOCK_MONOTONIC) is the arrival for `info`; an empty digit is withheld."""

    method: DigitMethod
    digit: str
    onset_ms: int
    duration_ms: int


class Press(Struct):
    """One key press with everything that reported it, the first report first."""

    evidence: list[Seen]

    @property
    def digit(self) -> str:
        """The key."""
        return self.evidence[0].digit

    def by(self, method: DigitMethod) -> Seen | None:
        """Return the first report of `method`, None when it did not report this press."""
        return next((seen for seen in self.evidence if seen.method == method), None)


class Fuser:
    """The presses of one leg. `take` answers whether a report is a new digit."""

    def __init__(self) -> None:
        self._presses: deque[Press] = deque(maxlen=REMEMBERED)
        #: Digits by the method that reported them first.
        self.digits: Counter[str] = Counter()
        #: Reports merged into digits that were there already.
        self.duplicates = 0

    @property
    def presses(self) -> list[Press]:
        """The last presses, the oldest first."""
        return list(self._presses)

    @property
    def tones_too(self) -> bool:
        """Whether keys of this leg were in its audio, too, when another method told them."""
        return any(len(p.evidence) > 1 and p.by("inband") is not None for p in self._presses)

    def match(self, seen: Seen) -> Press | None:
        """Find the press that `seen` reports once more; None: it is a new one."""
        later = list(self._presses)
        for number in range(len(later) - 1, -1, -1):
            if later[number].by(seen.method) is not None:
                if self._is_piece(later[number], seen):
                    return later[number]
                later = later[number + 1 :]
                break
        return next((p for p in later if p.digit == seen.digit and _may_be(p, seen)), None)

    def add(self, seen: Seen, press: Press | None) -> None:
        """Keep `seen` as evidence of `press`, or as a new press."""
        if press is None:
            self._presses.append(Press([seen]))
            self.digits[seen.method] += 1
        else:
            press.evidence.append(seen)
            self.duplicates += 1

    def take(self, seen: Seen) -> bool:
        """Take a report; true when it is a new digit."""
        press = self.match(seen)
        self.add(seen, press)
        return press is None

    @staticmethod
    def _is_piece(press: Press, seen: Seen) -> bool:
        event = press.by("rfc4733")
        if seen.method != "inband" or event is None or press.digit != seen.digit:
            return False
        return event.onset_ms <= seen.onset_ms and _end(seen) <= _end(event) + ONSET_WINDOW_MS // 2


def _end(seen: Seen) -> int:
    return seen.onset_ms + seen.duration_ms


def _may_be(press: Press, seen: Seen) -> bool:
    """Whether the times allow that `seen` reports `press`."""
    timed = [e for e in press.evidence if e.method != "info"]
    if seen.method == "info":
        onset = timed[0].onset_ms if timed else press.evidence[0].onset_ms
        return -ONSET_WINDOW_MS <= seen.onset_ms - onset <= INFO_LATE_MS
    if timed:
        return any(
            abs(e.onset_ms - seen.onset_ms) <= ONSET_WINDOW_MS or (e.onset_ms < _end(seen) and seen.onset_ms < _end(e))
            for e in timed
        )
    arrival = press.evidence[0].onset_ms
    return -ONSET_WINDOW_MS <= arrival - seen.onset_ms <= INFO_LATE_MS
