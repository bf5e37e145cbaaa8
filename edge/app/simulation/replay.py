"""Attempts that were really made, made again in virtual time before another pacing."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from edge.app.simulation.scenario import LIVE, OVER, Draws, Scenario
from edge.core.dialer.abandonment import answer_of
from edge.storage.campaigns.words import Attempt
from edge.vocabulary.dialing import Disposition

#: An attempt that was held may have ended days later; no line is taken for so long.
_LONGEST_MS = 600_000


class Measured(Struct, frozen=True):
    """What is used of a `dialer.attempt_ended`. Times are milliseconds."""

    disposition: Disposition
    started_ms: int
    ended_ms: int
    campaign: str = ""
    rang_ms: int | None = None
    answered_ms: int | None = None
    talked_ms: int = 0
    #: False: nobody was called.
    placed: bool = True


class _Event(Struct):
    data: msgspec.Raw = msgspec.Raw(b"")
    type: str = ""


class ReplayError(ValueError):
    """A line that is no attempt."""


def read(lines: Iterable[bytes], campaign: str = "") -> list[Measured]:
    """Read JSON lines: events (`edge events list --json`), of which others are left out, or their `data` alone.

    Calls that were not placed are left out, too. Returns them by their beginning.

    Raises `ReplayError` with the number of the line.
    """
    found: list[Measured] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = msgspec.json.decode(line, type=_Event)
            if bytes(event.data) and event.type not in {"", "dialer.attempt_ended"}:
                continue
            one = msgspec.json.decode(bytes(event.data) or line, type=Measured)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ReplayError(f"line {number}: {error}") from None
        if one.placed and (not campaign or one.campaign == campaign):
            found.append(one)
    found.sort(key=lambda one: one.started_ms)
    return found


def measured_of(attempts: Iterable[Attempt]) -> list[Measured]:
    """Take the attempts of a campaigns' store that have ended, by their beginning."""
    found = []
    for one in attempts:
        if one.state != "ended" or one.disposition is None or one.ended_ms is None:
            continue
        started_ms = one.dialled_ms if one.dialled_ms is not None else one.leased_ms
        answered_ms = one.answered_ms - started_ms if one.answered_ms is not None else None
        talked_ms = one.evidence.get("talked_ms", 0)
        found.append(
            Measured(
                disposition=one.disposition,
                started_ms=started_ms,
                ended_ms=one.ended_ms,
                campaign=one.campaign,
                rang_ms=one.rang_ms,
                answered_ms=answered_ms,
                talked_ms=talked_ms if isinstance(talked_ms, int) else 0,
            )
        )
    return sorted(found, key=lambda one: one.started_ms)


class Replayed(Draws):
    """The attempts in the order in which they were made; each once, however early another pacing dials it.

    Whoever answered answers again, after as long, and talks as long. Those who were abandoned never talked: they take
    their turn with the talks of the others.
    """

    def __init__(self, attempts: list[Measured], scenario: Scenario, seed: int) -> None:
        super().__init__(scenario, seed)
        self.left = len(attempts)
        talks = [one.talked_ms for one in attempts if answer_of(one.disposition) == "served" and one.talked_ms > 0]
        self.attempt = self._again(attempts).__next__
        if talks:
            self.talk = self._in_turn(talks).__next__

    @staticmethod
    def _in_turn(talks: list[int]) -> Iterator[float]:
        while True:
            yield from map(float, talks)

    def _again(self, attempts: list[Measured]) -> Iterator[tuple[float, int, int, int, int]]:
        for one in attempts:
            self.left -= 1
            live = answer_of(one.disposition) in {"served", "abandoned"}
            lasts = one.answered_ms if live else one.ended_ms - one.started_ms
            lasts = min(max(lasts or one.rang_ms or 0, 1), _LONGEST_MS)
            yield -1.0, LIVE if live else OVER, lasts, OVER, lasts
