"""Legs that nobody may overhear: what switch wants is kept beside the leg, so no crash makes it audible.

While switch is away nobody can say where in its menu a caller is. Recordings of calls whose menus ask for something
sensitive (`guarded`) are silent until it is back and has had the time to say.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from dsp.plane import layout
from edge.media.slots import SlotState
from edge.runtime.clock import monotonic_ms
from edge.vocabulary.commands import SetPrivate
from edge.vocabulary.ids import LegId

_NS_PER_MS = 1_000_000
#: Switch may have been gone before its end was seen.
_UNSEEN_MS = 200


class Privacy:
    """Which legs are private; it stands in the states of the slots."""

    def __init__(
        self,
        states: Callable[[], Iterable[SlotState]],
        need: Callable[[LegId], SlotState],
        save: Callable[[SlotState], None],
        push: Callable[..., None],
    ) -> None:
        self._states, self._need, self._save, self._push = states, need, save, push

    def set(self, command: SetPrivate) -> None:
        """Make a leg private, or let that run out."""
        state = self._need(command.leg)
        if state.private != command.on:
            state = replace(state, private=command.on)
            self._save(state)
        self._tell(state, command.on, command.since_ms)

    def switch_is(self, here: bool) -> None:
        """Keep guarded recordings silent while switch is away."""
        for state in list(self._states()):
            if state.phase == "open" and self._is_guarded(state) and not state.private:
                self._tell(state, not here, monotonic_ms() - _UNSEEN_MS)

    def resume(self, state: SlotState, record: Mapping[str, Any]) -> None:
        """Make what the table says of an open leg known to the engine, if it differs there."""
        fresh = record["generation"] != state.generation
        if state.private and (fresh or not record["pv_on"] or record["pv_until_ns"]):
            self._tell(state, True, 0)
        elif not (state.private or fresh or self._is_guarded(state)) and record["pv_on"] and not record["pv_until_ns"]:
            self._tell(state, False, 0)

    @staticmethod
    def _is_guarded(state: SlotState) -> bool:
        return state.recording_open and state.recording is not None and state.recording.guarded

    def _tell(self, state: SlotState, on: bool, since_ms: int) -> None:
        self._push(layout.CMD_PRIVATE, state, int(on), since_ms * _NS_PER_MS)
