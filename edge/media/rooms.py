"""Who hears whom: bridges, rooms of more than two, and how loud each leg is.

A room has a number that the engine knows it by, and lives as long as two legs are in it; who stays behind alone leaves
it, so that a number that is used again never brings strangers together. As everywhere, the slot table is written
before the engine hears of a thing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from dsp.plane import gain, layout
from edge.media.errors import CommandError
from edge.media.slots import SlotState
from edge.vocabulary.commands import Bridge, Join, SetSound
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import LegSound, RoomMode

_MODES: dict[RoomMode, int] = {
    "talk": layout.ROOM_TALK,
    "listen": layout.ROOM_LISTEN,
    "whisper": layout.ROOM_WHISPER,
}
MIN_GAIN_DB, MAX_GAIN_DB = -60.0, 24.0


def gain_less_one(db: float) -> int:
    """Return a gain as the engine takes it (Q12, less 1)."""
    return round(gain.UNITY * 10 ** (db / 20)) - gain.UNITY


class Rooms:
    """Rooms of all legs; what they know stands in the states of the slots."""

    def __init__(
        self,
        states: Callable[[], Iterable[SlotState]],
        need: Callable[[LegId], SlotState],
        save: Callable[[SlotState], None],
        push: Callable[..., None],
    ) -> None:
        self._states, self._need, self._save, self._push = states, need, save, push

    # --- commands

    def bridge(self, command: Bridge) -> None:
        """Make two legs a room of their own, if they do not share one."""
        one, other = self._need(command.leg), self._need(command.other)
        if one.slot == other.slot:
            raise CommandError("a leg cannot be bridged with itself")
        if not (one.room == other.room > 0 and one.room_mode == other.room_mode == "talk"):
            self.part(one)
            self.part(other)
            room = self._free_number()
            one, other = self._enter(one.leg, room), self._enter(other.leg, room)
        self._push(layout.CMD_BRIDGE, one, other.slot, other.generation, one.room)

    def join(self, command: Join) -> None:
        """Put a leg into the room of another one, or change how it is there."""
        one, other = self._need(command.leg), self._need(command.other)
        if one.slot == other.slot:
            raise CommandError("a leg cannot join itself")
        if command.mode == "whisper" and command.to is None:
            raise CommandError("a whisper is for one leg")
        if command.to is not None:
            self._need(command.to)
        if one.room != other.room:
            self.part(one)
            other = self._need(command.other)
        if other.room == 0:
            other = self._enter(other.leg, self._free_number())
            self._push(layout.CMD_ROOM, other, *self._facts(other))
        one = self._enter(one.leg, other.room, command.mode, command.to)
        self._push(layout.CMD_ROOM, one, *self._facts(one))

    def unbridge(self, leg: LegId) -> None:
        """Take a leg out of its room."""
        state = self._need(leg)
        self.part(state)
        self._push(layout.CMD_UNBRIDGE, state)

    def set_sound(self, command: SetSound) -> None:
        """Mute, level and automatic level of a leg."""
        state, sound = self._need(command.leg), command.sound
        for db in (sound.gain_db, sound.heard_gain_db):
            if not MIN_GAIN_DB <= db <= MAX_GAIN_DB:
                raise CommandError(f"a gain of {db:g} dB")
        if state.sound != sound:
            self._save(replace(state, sound=sound))
        self._push(layout.CMD_SOUND, state, *_sound_facts(sound))

    # --- the table

    def part(self, state: SlotState) -> None:
        """Note that a leg has left its room, and with it the last one who was left alone there."""
        if state.room == 0:
            return
        left = [one for one in self._states() if one.room == state.room and one.slot != state.slot]
        self._save(replace(state, room=0, room_mode="talk", whispers_to=None))
        if len(left) == 1:
            self._save(replace(left[0], room=0, room_mode="talk", whispers_to=None))
            self._push(layout.CMD_UNBRIDGE, left[0])

    def _enter(self, leg: LegId, room: int, mode: RoomMode = "talk", to: LegId | None = None) -> SlotState:
        state = self._need(leg)
        wanted = replace(state, room=room, room_mode=mode, whispers_to=to)
        if wanted != state:
            self._save(wanted)
        return wanted

    def _free_number(self) -> int:
        taken = {state.room for state in self._states()}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    def _facts(self, state: SlotState) -> tuple[int, int, int, int]:
        """Arguments of `CMD_ROOM`."""
        to = next((one for one in self._states() if one.leg == state.whispers_to and one.phase == "open"), None)
        aim = (to.slot, to.generation) if to is not None else (-1, 0)
        return state.room, _MODES[state.room_mode], *aim

    # --- taking up

    def resume(self, state: SlotState, record: Mapping[str, Any]) -> None:
        """Make what the table says of an open leg known to the engine, if it differs there."""
        if state.room and not any(o.room == state.room and o.slot != state.slot for o in self._states()):
            # Half of a bridge: the command comes again.
            state = replace(state, room=0, room_mode="talk", whispers_to=None)
            self._save(state)
        room, mode, to, generation = self._facts(state)
        known = tuple(record[name] for name in ("rm_room", "rm_mode", "rm_to", "rm_to_generation"))
        if room == 0 and known[0]:
            self._push(layout.CMD_UNBRIDGE, state)
        elif room and known != (room, mode, to + 1, generation):
            self._push(layout.CMD_ROOM, state, room, mode, to, generation)
        sound = _sound_facts(state.sound)
        if sound != tuple(record[name] for name in ("sd_muted", "sd_deaf", "sd_said", "sd_heard", "al_on")):
            self._push(layout.CMD_SOUND, state, *sound)


def _sound_facts(sound: LegSound) -> tuple[int, ...]:
    """Arguments of `CMD_SOUND`."""
    gains = gain_less_one(sound.gain_db), gain_less_one(sound.heard_gain_db)
    return int(sound.muted), int(sound.deaf), *gains, int(sound.auto_level)
