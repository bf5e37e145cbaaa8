"""Messages of callers: from switch's command to the recorder, and what of them outlives a kill."""

from collections.abc import Callable

from msgspec.structs import replace

from dsp.plane import layout
from edge.media.errors import CommandError
from edge.media.recorder import Recorder
from edge.media.slots import RecordingState, SlotState
from edge.vocabulary.commands import DropMessage, LookIntoMailbox, StartMessage, StopMessage
from edge.vocabulary.ids import LegId

_NS_PER_MS = 1_000_000
_FRAMES_PER_MS = layout.SAMPLE_RATE // 1000


class Messages:
    """One at a time a leg. Runs on the main thread; `state_of` gives the states of open legs."""

    def __init__(  # noqa: PLR0917 - those that it brings together
        self,
        plane: layout.PlaneState,
        recorder: Recorder,
        state_of: Callable[[LegId], SlotState | None],
        begin: Callable[[SlotState], None],
        save: Callable[[SlotState], None],
        push: Callable[..., None],
        refuse: Callable[[StartMessage], bool],
        timestamp: Callable[[], str],
        look: Callable[[LookIntoMailbox], None],
    ) -> None:
        self._plane, self._recorder = plane, recorder
        self._state_of, self._begin, self._save, self._push = state_of, begin, save, push
        self._refuse, self._timestamp = refuse, timestamp
        #: Has a mailbox looked into, which tells by itself.
        self.look = look

    def start(self, command: StartMessage) -> None:
        """Record what a leg says from now on; nothing when that was begun. Raises `CommandError`.

        When it is refused (a full disk), that was reported.
        """
        state = self._state_of(command.leg)
        if state is None:
            raise CommandError(f"no leg {command.leg}")
        if state.message is not None and state.message.recording == command.recording:
            return  # sent again after a crash
        if state.message_open:
            raise CommandError(f"leg {command.leg} has a message recorded already")
        if self._refuse(command):
            return
        legs, slot = self._plane.legs, state.slot
        beside = state.recording if state.recording_open else None
        taken = beside is not None and int(legs["rec_number"][slot]) == beside.number
        number = beside.number if beside is not None else state.last_number + 1
        message = RecordingState(
            leg=state.leg,
            slot=slot,
            number=number,
            recording=command.recording,
            path=command.path,
            started=self._timestamp(),
            first=int(legs["rec_write"][slot]) if taken else 0,
            gap_before=int(legs["rec_gap_left"][slot]) if taken else 0,
            alone=beside is None,
            silence=command.silence_ms * _FRAMES_PER_MS,
            longest=command.longest_ms * _FRAMES_PER_MS,
        )
        self._begin(replace(state, message=message, message_open=True, last_number=max(number, state.last_number)))
        self._recorder.record(message)
        if message.alone:
            self._push(layout.CMD_RECORD, slot, state.generation, [number])

    def stop(self, command: StopMessage) -> None:
        """End a message; nothing when it is over."""
        state = self._state_of(command.leg)
        message = state.message if state is not None and state.message_open else None
        if state is None or message is None or message.recording != command.recording or message.until >= 0:
            return
        message = replace(message, until=max(message.first, self._frame_of(message, command.until_ms)))
        self._save(replace(state, message=message))
        self._recorder.stop_message(message.recording, message.until)

    def drop(self, command: DropMessage) -> None:
        """Delete a message that is complete."""
        self._recorder.discard(command.path)

    def _frame_of(self, message: RecordingState, at_ms: int) -> int:
        """Give the frame of the engine's timeline at an instant (CLOCK_MONOTONIC), the present one for 0."""
        leg = self._plane.legs[message.slot]
        if int(leg["rec_number"]) != message.number:
            return message.first  # the engine has not begun
        written = int(leg["rec_write"])
        if at_ms == 0:
            return written
        began_ns = int(self._plane.ctl[layout.GRID_ANCHOR_NS]) + int(leg["rec_start_tick"]) * layout.TICK_NS
        return min(written, (at_ms * _NS_PER_MS - began_ns) // layout.NS_PER_SAMPLE)
