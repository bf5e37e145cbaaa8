"""The two rings between this process and the engine's loop, from the Python side.

An event leaves its ring when it has been dealt with, so what a killed process had read and not reported is read again
by its successor.
"""

from collections.abc import Iterator, Sequence

from dsp.plane import layout
from dsp.plane.engine import Engine, pack_digits, pack_play
from edge.media.prompts import Region

#: Slot and generation: one use of a slot.
Use = tuple[int, int]


class EngineStuckError(Exception):
    """The command ring is full: the engine has not run for many ticks."""


class CommandRing:
    """Commands to the engine; each raises `EngineStuckError` when there is no room."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def push(self, kind: int, slot: int, generation: int, arguments: Sequence[int] = ()) -> None:
        """Put one command in (`layout.CMD_*`)."""
        if not self._engine.push_command(kind, slot, generation, *arguments):
            raise EngineStuckError("the media engine takes no commands")

    def play(
        self,
        use: Use,
        number: int,
        regions: Sequence[Region],
        *,
        times: int,
        barge_in: bool,
        under: int | None = None,
    ) -> None:
        """Play `regions` (at most `layout.PLAY_ITEMS`) one after the other; `times` 0: for ever; `under`: mixed."""
        self.push(layout.CMD_PLAY, *use, pack_play(number, times, barge_in, regions, under))

    def send_digits(self, use: Use, number: int, digits: str, *, duration: int, gap: int) -> None:
        """Send `digits` (at most `layout.MAX_DIGITS`); duration and gap in samples."""
        self.push(layout.CMD_SEND_DIGITS, *use, [number, duration, gap, len(digits), *pack_digits(digits)])


class EventRing:
    """Events of the engine."""

    def __init__(self, plane: layout.PlaneState) -> None:
        self._ctl = plane.ctl
        self._entries = plane.events

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield each event once; it counts as taken when the next one is asked for."""
        while (tail := int(self._ctl[layout.EVENT_TAIL])) < int(self._ctl[layout.EVENT_HEAD]):
            yield tuple(self._entries[tail % layout.EVENTS].tolist())
            self._ctl[layout.EVENT_TAIL] = tail + 1
