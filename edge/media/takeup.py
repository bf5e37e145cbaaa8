"""Going on where a killed worker stopped: the slot table against the engine's records and rings.

The table was written before the engine was told, so it may know of things that the engine never heard of. Those are
given to the engine again when switch believes them done, and forgotten when switch will send the command again.
Sockets need nothing: what they are connected to is the kernel's memory.

Comparing takes longer than a tick may wait. So what the engine has left is copied first (`Found`), then the engine
runs, and the comparison is with the copy: what the engine does meanwhile is what stood in its rings, which are copied,
too, or tells of itself by events to come.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from dsp.plane import layout
from edge.media.legs import Legs
from edge.media.plays import Plays
from edge.media.prompts import Region
from edge.media.ring import CommandRing
from edge.media.slots import RecordingState, SlotState, SlotTable
from edge.vocabulary.reports import AnyReport, PlayEnded


class Left(NamedTuple):
    """What a predecessor left to the recorder: recordings to go on with, and recordings that only miss their end."""

    running: list[RecordingState]
    finishing: list[RecordingState]


#: What of an engine's record of a leg is compared with the slot table.
_FIELDS = (
    *("state", "generation", "rec_number", "dg_number", "pl_number", "pl_active", "pl_count", "pl_offset", "pl_length"),
    *("rm_room", "rm_mode", "rm_to", "rm_to_generation", "sd_muted", "sd_deaf", "sd_said", "sd_heard", "al_on"),
    *("tn_table", "pv_on", "pv_until_ns"),
)


class Found:
    """What a predecessor's engine has left, as it was before the next one ran."""

    def __init__(self, plane: layout.PlaneState) -> None:
        #: Commands that it has not taken, and events that nobody has taken.
        self.pending = _between(plane.commands, plane.ctl, layout.COMMAND_TAIL, layout.COMMAND_HEAD)
        self.events = _between(plane.events, plane.ctl, layout.EVENT_TAIL, layout.EVENT_HEAD)
        self._legs = plane.legs
        # Not of all slots: to read a page that nobody has written to makes it.
        self._used = int(plane.ctl[layout.SLOTS_USED])
        self._columns = {name: plane.legs[name][: self._used].copy() for name in _FIELDS}

    def record(self, slot: int) -> Mapping[str, Any]:
        """Return what is known of a slot, as Python's own integers."""
        if slot < self._used:
            return {name: column[slot].tolist() for name, column in self._columns.items()}
        # No leg was open from here on, so all that can happen to the record is what stands in `pending`.
        return {name: self._legs[slot][name].tolist() for name in _FIELDS}


class TakeUp:
    """One take-up. The engine may run already, with the keys that its records name (`LegKeys.settle`)."""

    def __init__(  # noqa: PLR0917 - those that it brings together
        self,
        found: Found,
        plane: layout.PlaneState,
        commands: CommandRing,
        legs: Legs,
        plays: Plays,
        report: Callable[[AnyReport], None],
    ) -> None:
        self._found, self._pending, self._events = found, found.pending, found.events
        self._plane, self._commands, self._legs, self._plays, self._report = plane, commands, legs, plays, report

    def run(self, table: SlotTable) -> Left:
        """Rebuild the tables of `legs` and `plays`; return what the recorder has to do."""
        states = [(slot, table.read(slot)) for slot in range(table.slots)]
        for _, state in states:
            if state is not None:
                self._legs.adopt(state)
        for slot, state in states:
            if state is None or state.phase == "closed":
                self._close_unknown(slot)
            else:
                self._resume(state)
        known = [state for _, state in states if state is not None]
        running = [s.recording for s in known if s.recording_open and s.recording is not None]
        running += [s.message for s in known if s.message_open and s.message is not None]
        return Left(running, [recording for s in known for recording in s.finishing])

    def _close_unknown(self, slot: int) -> None:
        """End a use of the slot that its table has no record of (both copies damaged)."""
        record = self._found.record(slot)
        if record["state"] == layout.LEG_OPEN:
            self._commands.push(layout.CMD_CLOSE, slot, record["generation"])

    def _resume(self, state: SlotState) -> None:
        record = self._found.record(state.slot)
        self._legs.key_again(state)
        if record["generation"] != state.generation and not self._is_pending(layout.CMD_OPEN, state):
            self._legs.give_again(state)
        elif state.remote is not None:
            self._legs.negotiate_again(state)
        if (
            state.tones is not None
            and record["tn_table"] != self._legs.tones.now.id
            and not self._is_pending(layout.CMD_DETECT_TONES, state)
        ):
            self._legs.listen_again(state)
        self._resume_recording(state, record)
        self._resume_plays(state, record)
        state = self._resume_digits(state, record)
        if state.phase == "closing":
            if not self._is_pending(layout.CMD_CLOSE, state) and not self._has_event(layout.EV_LEG_CLOSED, state):
                self._push(layout.CMD_CLOSE, state)
        else:
            self._legs.rooms.resume(state, record)
            if not self._is_pending(layout.CMD_PRIVATE, state, 1):
                self._legs.privacy.resume(state, record)

    def _resume_recording(self, state: SlotState, record: Mapping[str, Any]) -> None:
        for recording in state.engine_records:
            self._resume_one(state, recording, record)

    def _resume_one(self, state: SlotState, recording: RecordingState, record: Mapping[str, Any]) -> None:
        known = record["rec_number"] == recording.number or self._is_pending(layout.CMD_RECORD, state, recording.number)
        if not known:
            self._push(layout.CMD_RECORD, state, recording.number)
        if state.phase == "closing":
            self._push(layout.CMD_STOP_RECORD, state, recording.number)

    def _resume_plays(self, state: SlotState, record: Mapping[str, Any]) -> None:
        active = record["pl_number"] if record["pl_active"] else 0
        kept = dict(state.plays)
        for number, play in state.plays.items():
            alive = number == active or self._is_pending(layout.CMD_PLAY, state, number)
            if alive or self._has_event(layout.EV_PLAY_ENDED, state, number):
                continue
            del kept[number]
            if play == state.last_play:  # switch waits for its end, and the event was lost
                self._report(PlayEnded(leg=state.leg, play=play, how="stopped", played_ms=0))
        if kept != state.plays:
            state = replace(state, plays=kept)
            self._legs.save(state)
        count = record["pl_count"] if active else 0
        regions = [Region(record["pl_offset"][i], record["pl_length"][i]) for i in range(count)]
        for entry in self._pending:
            if tuple(entry[:3]) == (layout.CMD_PLAY, state.slot, state.generation):
                regions += [Region(word >> 32, word & 0xFFFFFFFF) for word in entry[7 : 7 + entry[6]]]
        self._plays.take_up(state, regions)

    def _resume_digits(self, state: SlotState, record: Mapping[str, Any]) -> SlotState:
        state = self._legs.in_slot(state.slot) or state
        number = state.digits_number
        if number in {0, record["dg_number"]} or self._is_pending(layout.CMD_SEND_DIGITS, state, number):
            return state
        state = replace(state, digits_command=None, digits_number=0)  # switch sends the command again
        self._legs.save(state)
        return state

    def _push(self, kind: int, state: SlotState, *arguments: int) -> None:
        self._commands.push(kind, state.slot, state.generation, arguments)

    def _is_pending(self, kind: int, state: SlotState, *number: int) -> bool:
        wanted = [kind, state.slot, state.generation, *number]
        return any(entry[: len(wanted)] == wanted for entry in self._pending)

    def _has_event(self, kind: int, state: SlotState, *number: int) -> bool:
        head = [kind, state.slot, state.generation]
        return any(entry[:3] == head and entry[4 : 4 + len(number)] == list(number) for entry in self._events)


def _between(entries: Any, ctl: Any, tail: int, head: int) -> list[list[int]]:
    """Return the entries of a ring that its reader has not taken."""
    kept: list[list[int]] = entries[np.arange(int(ctl[tail]), int(ctl[head])) % len(entries)].tolist()
    return kept
