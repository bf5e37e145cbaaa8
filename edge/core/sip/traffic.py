"""How calls of trunks go: answer-seizure ratio, network effectiveness ratio and call duration (ITU-T E.411, E.425).

A seizure is an INVITE that a trunk got or brought; each attempt of a call of ours is one. It is *answered* by a 2xx.
It is *effective* when it reached the called party, whatever that did: answered, busy, no answer, declined (E.425
section 6.2; by status code as RFC 6076 section 4.7 has it: 480, 486, 600, 603), or cancelled while it rang.
"""

from collections import deque
from typing import Literal

from msgspec import Struct

Direction = Literal["in", "out"]
Result = Literal["answered", "effective", "ineffective"]

#: Figures are over the seizures that ended within it, and over so many at the most.
WINDOW_MS = 3_600_000
WINDOW_CALLS = 2_000
_REACHED = frozenset({480, 486, 600, 603})
_CANCELLED = 487


class Seizure(Struct, frozen=True, kw_only=True):
    """A seizure that is over."""

    trunk: str
    direction: Direction
    result: Result
    #: From answer to end; 0 where there was none.
    talk_ms: int
    #: From the INVITE to the first sign that the called party is alerted; 0 where there was none (out only).
    ring_ms: int


class Figures(Struct, frozen=True, kw_only=True):
    """The last hour of a trunk in one direction. None: no call to count."""

    seizures: int
    #: Shares, 0 to 1.
    asr: float | None
    ner: float | None
    #: Mean, seconds.
    acd_s: float | None
    #: Median, seconds.
    ring_s: float | None


def result_of(status: int, *, rang: bool) -> Result:
    """Judge a seizure by its final status."""
    if 200 <= status < 300:
        return "answered"
    return "effective" if status in _REACHED or (rang and status == _CANCELLED) else "ineffective"


class Traffic:
    """Seizures of all trunks that ended lately."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, Direction], deque[tuple[int, Seizure]]] = {}

    def add(self, seizure: Seizure, now_ms: int) -> None:
        """Count one."""
        key = (seizure.trunk, seizure.direction)
        self._ended.setdefault(key, deque(maxlen=WINDOW_CALLS)).append((now_ms, seizure))

    def keep_only(self, trunks: set[str]) -> None:
        """Forget trunks that are gone."""
        self._ended = {key: found for key, found in self._ended.items() if key[0] in trunks}

    def figures(self, now_ms: int) -> dict[tuple[str, Direction], Figures]:
        """Return the figures of every trunk and direction that had calls."""
        found = {}
        for key, ended in self._ended.items():
            while ended and ended[0][0] <= now_ms - WINDOW_MS:
                ended.popleft()
            found[key] = _figures([seizure for _, seizure in ended])
        return found


def _figures(ended: list[Seizure]) -> Figures:
    answered = [one for one in ended if one.result == "answered"]
    effective = sum(one.result != "ineffective" for one in ended)
    rings = sorted(one.ring_ms for one in ended if one.ring_ms)
    return Figures(
        seizures=len(ended),
        asr=len(answered) / len(ended) if ended else None,
        ner=effective / len(ended) if ended else None,
        acd_s=sum(one.talk_ms for one in answered) / len(answered) / 1000 if answered else None,
        ring_s=rings[len(rings) // 2] / 1000 if rings else None,
    )
