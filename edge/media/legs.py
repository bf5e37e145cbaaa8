"""Carrying out switch's commands: from a command to sockets, slot table and engine.

Each command is idempotent by its subject. The slot table is written before the engine hears of a thing, so a
successor knows at least as much as the engine does and gives it again what it missed (`take_up`).
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from dsp.detectors import answer
from dsp.detectors.progress_tables import InForce
from dsp.plane import layout
from dsp.plane.engine import pack_cname
from edge.media.errors import CommandError
from edge.media.facts import FACT_FIELDS, facts_of
from edge.media.figures import figures_of
from edge.media.keys import LegKeys, first_sequence
from edge.media.messages import Messages
from edge.media.plays import Plays
from edge.media.privacy import Privacy
from edge.media.reach import Reach
from edge.media.ring import CommandRing, EngineStuckError
from edge.media.rooms import Rooms
from edge.media.slots import RecordingState, SlotState, SlotTable, TooLongError, over
from edge.media.sockets import BadAddressError, SlotSockets
from edge.vocabulary import commands as words
from edge.vocabulary.ids import CommandId, LegId, RecordingId, SlotIndex
from edge.vocabulary.media import FLASH, RemoteMedia
from edge.vocabulary.reports import AnyReport, LegMediaEnded, MediaSnapshot

_DIGITS = frozenset("0123456789*#ABCD" + FLASH)
_SAMPLES_PER_MS = layout.SAMPLE_RATE // 1000


class Legs:
    """All legs of the process, by id and by slot. Runs on the main thread."""

    def __init__(
        self,
        plane: layout.PlaneState,
        table: SlotTable,
        commands: CommandRing,
        sockets: Sequence[SlotSockets],
        *,
        report: Callable[[AnyReport], None],
        done: Callable[[CommandId, str | None], None],
        keys: LegKeys,
        start_recording: Callable[[RecordingState], None],
        refuse_recording: Callable[[words.StartRecording], bool],
        timestamp: Callable[[], str],
        ended: Callable[[LegMediaEnded], None],
        tones: InForce,
    ) -> None:
        #: The countries whose tones are recognised.
        self.tones = tones
        self._plane, self._table, self._commands = plane, table, commands
        self._reach = Reach(sockets, plane, self._push)
        self._report, self._done, self._ended, self._keys = report, done, ended, keys
        self._start_recording, self._refuse_recording, self._timestamp = start_recording, refuse_recording, timestamp
        self._by_slot: dict[int, SlotState] = {}
        self._slot_of: dict[LegId, int] = {}
        self._postponed: dict[int, tuple[CommandId, words.OpenLeg]] = {}
        self.rooms = Rooms(lambda: list(self._by_slot.values()), self._need, self.save, self._push)
        self.privacy = Privacy(self.live, self._need, self.save, self._push)
        #: Set once, by the composition: they need the recorder.
        self.messages: Messages
        #: Set once, by the composition: plays need legs, and legs plays.
        self.plays: Plays
        self._handlers: dict[type, Callable[[CommandId, Any], None]] = {
            words.OpenLeg: self._open,
            words.UpdateLeg: self._update,
            words.Play: self._play,
            words.StopPlay: self._stop_play,
            words.Bridge: lambda id_, command: self._at_once(id_, self.rooms.bridge, command),
            words.Join: lambda id_, command: self._at_once(id_, self.rooms.join, command),
            words.Unbridge: lambda id_, command: self._at_once(id_, self.rooms.unbridge, command.leg),
            words.SetSound: lambda id_, command: self._at_once(id_, self.rooms.set_sound, command),
            words.SetPrivate: lambda id_, command: self._at_once(id_, self.privacy.set, command),
            words.DetectAnswer: self._detect_answer,
            words.DetectTones: self._detect_tones,
            words.StartRecording: self._record,
            words.StopRecording: self._stop_record,
            words.StartMessage: lambda id_, command: self._at_once(id_, self.messages.start, command),
            words.LookIntoMailbox: lambda id_, command: self._at_once(id_, self.messages.look, command),
            words.StopMessage: lambda id_, command: self._at_once(id_, self.messages.stop, command),
            words.DropMessage: lambda id_, command: self._at_once(id_, self.messages.drop, command),
            words.SendDigits: self._send_digits,
            words.CloseLeg: self._close,
        }

    # --- looking up

    def open_leg(self, leg: LegId) -> SlotState | None:
        """Return the state of an open leg."""
        state = self._by_slot.get(self._slot_of.get(leg, -1))
        return state if state is not None and state.phase == "open" else None

    def at(self, slot: int, generation: int) -> SlotState | None:
        """Return the state of a slot, None when `generation` is not its present use."""
        state = self._by_slot.get(slot)
        return state if state is not None and state.generation == generation else None

    def in_slot(self, slot: int) -> SlotState | None:
        """Return the state of a slot, whoever uses or used it."""
        return self._by_slot.get(slot)

    def live(self) -> list[SlotState]:
        """Return the states of all legs that are not closed."""
        return [state for state in self._by_slot.values() if state.phase != "closed"]

    @property
    def open_count(self) -> int:
        """Legs that are open."""
        return sum(state.phase == "open" for state in self._by_slot.values())

    @property
    def recording_count(self) -> int:
        """Recordings that run."""
        return sum(state.recording_open + state.message_open for state in self._by_slot.values())

    def snapshot(self) -> MediaSnapshot:
        """Tell which legs are open, and which recordings are not reported complete yet."""
        legs: dict[LegId, SlotIndex] = {}
        recordings: dict[LegId, RecordingId] = {}
        for state in self._by_slot.values():
            if state.phase == "open":
                legs[state.leg] = state.slot
            if state.recording_open and state.recording is not None:
                recordings[state.leg] = state.recording.recording
            recordings.update({recording.leg: recording.recording for recording in state.finishing})
        return MediaSnapshot(legs, recordings)

    def save(self, state: SlotState) -> None:
        """Replace a slot's state, in memory and in the table; raises `TooLongError` and changes nothing."""
        self._table.write(state)
        before = self._by_slot.get(state.slot)
        if before is not None and before.leg != state.leg and self._slot_of.get(before.leg) == state.slot:
            del self._slot_of[before.leg]
        self._by_slot[state.slot] = state
        self._slot_of[state.leg] = state.slot

    def save_begun(self, state: SlotState) -> None:
        """Save a state in which something begins to be recorded; raises `TooLongError` without room for its end."""
        self._table.must_have_room(state)
        self.save(state)

    # --- commands

    def handle(self, id_: CommandId, command: words.AnyCommand) -> None:
        """Carry `command` out and report `CommandDone`, with an error when that is not possible."""
        handler = self._handlers.get(type(command))
        if handler is None:
            self._done(id_, f"media does not do {type(command).__name__}")
            return
        try:
            handler(id_, command)
        except (CommandError, BadAddressError, EngineStuckError, TooLongError) as error:
            self._done(id_, str(error))

    def discard(self, legs: Sequence[LegId]) -> None:
        """Close legs that switch does not know."""
        for leg in legs:
            state = self.open_leg(leg)
            if state is not None:
                with contextlib.suppress(EngineStuckError):  # the next snapshot names it again
                    self._begin_close(state)

    def _need(self, leg: LegId) -> SlotState:
        state = self.open_leg(leg)
        if state is None:
            raise CommandError(f"no leg {leg}")
        return state

    def _open(self, id_: CommandId, command: words.OpenLeg) -> None:
        slot = command.slot
        if not 0 <= slot < len(self._reach):
            raise CommandError(f"no slot {slot}")
        present = self._by_slot.get(slot)
        if present is not None and present.leg == command.leg and present.phase == "open":
            if command.remote is not None:
                self._negotiated(present, command.remote)
            self._done(id_, None)
            return
        if self.open_leg(command.leg) is not None:
            raise CommandError(f"leg {command.leg} has another slot")
        if present is not None and present.phase == "open":
            raise CommandError(f"slot {slot} is used by {present.leg}")
        if present is not None and (present.phase == "closing" or present.recording_open or present.message_open):
            # The engine lets go within a tick, the recorder within one pass.
            if self._postponed.get(slot, (id_, command))[1].leg != command.leg:
                raise CommandError(f"slot {slot} is waited for by {self._postponed[slot][1].leg}")
            self._postponed[slot] = (id_, command)
            return
        self._take(command, present)
        self._done(id_, None)

    def _take(self, command: words.OpenLeg, before: SlotState | None) -> None:
        slot, remote = command.slot, command.remote
        generation = 1 + max(int(self._plane.legs["generation"][slot]), before.generation if before else 0)
        finishing = before.finishing if before else []
        state = SlotState(leg=command.leg, slot=slot, generation=generation, remote=remote, finishing=finishing)
        state = self._reach.prepare(state, None, remote)
        self.save(state)
        self._give(state)

    def _give(self, state: SlotState) -> None:
        """Make the slot's use known to the engine; RFC 3550 section 5.1: random SSRC, sequence number and timestamp."""
        pair = self._reach.pair(state)
        dice = os.urandom(18)
        ssrc, timestamp = (int.from_bytes(dice[a:b], "big") for a, b in ((0, 4), (6, 10)))
        sequence = first_sequence(dice[4:6])
        cname = dice[10:].hex()  # RFC 7022 section 4.2: short-term persistent, says nothing of us
        self._push(layout.CMD_OPEN, state, pair.rtp_fd, pair.rtcp_fd, ssrc, sequence, timestamp, *pack_cname(cname))
        if state.remote is not None:
            self._secure(state, 0, state.remote.crypto)
            self._reach.tell_learning(state, state.remote)
            self._push_remote(state, state.remote)

    def _secure(self, state: SlotState, before: int, handle: int) -> None:
        """Have the leg encrypted by the keys of `handle`; without keys in the table it is mute, and never plain."""
        if handle == before:
            return
        if handle:
            self._keys.give(state.slot, state.generation, handle)
        self._push(layout.CMD_SECURE, state, handle, *self._keys.start_of(state.slot, state.generation))

    def _push(self, kind: int, state: SlotState, *arguments: int) -> None:
        self._commands.push(kind, state.slot, state.generation, arguments)

    def _push_remote(self, state: SlotState, remote: RemoteMedia) -> None:
        self._push(layout.CMD_UPDATE_REMOTE, state, *facts_of(remote))

    def _update(self, id_: CommandId, command: words.UpdateLeg) -> None:
        self._negotiated(self._need(command.leg), command.remote)
        self._done(id_, None)

    def _negotiated(self, state: SlotState, remote: RemoteMedia) -> None:
        if state.remote == remote:
            return  # a session refresh: nothing may be heard of it
        before = state.remote
        if before is None or (before.rtp, before.rtcp) != (remote.rtp, remote.rtcp):
            state = self._reach.prepare(state, before, remote)
        state = replace(state, remote=remote)
        self.save(state)
        self._reach.tell(state, before)
        self._secure(state, before.crypto if before is not None else 0, remote.crypto)
        self._reach.tell_learning(state, remote)
        self._push_remote(state, remote)

    def _play(self, id_: CommandId, command: words.Play) -> None:
        self.plays.play(id_, command)

    def _stop_play(self, id_: CommandId, command: words.StopPlay) -> None:
        self.plays.stop(command.leg, command.play)
        self._done(id_, None)

    def _at_once(self, id_: CommandId, act: Callable[[Any], None], subject: Any) -> None:
        act(subject)
        self._done(id_, None)

    def _detect_answer(self, id_: CommandId, command: words.DetectAnswer) -> None:
        state = self._need(command.leg)
        try:
            record = answer.settings(command.rules)
        except KeyError as error:
            raise CommandError(f"there is no rule {error}") from error
        # Once a leg: the engine takes a repeated command for done by its number.
        self._push(layout.CMD_DETECT_ANSWER, state, 1, *record.view(np.int64).tolist())
        self._done(id_, None)

    def _detect_tones(self, id_: CommandId, command: words.DetectTones) -> None:
        state = self._need(command.leg)
        try:
            country = self.tones.now.country(command.country) if command.country else 0
        except KeyError:
            raise CommandError(f"there are no tones of {command.country}") from None
        self.save(replace(state, tones=command.country))
        self._listen_for(self._by_slot[state.slot], country)
        self._done(id_, None)

    def _listen_for(self, state: SlotState, country: int) -> None:
        # Once a leg: a repeated one is known by its number.
        self._push(layout.CMD_DETECT_TONES, state, 1, country, self.tones.now.id)

    def country_of(self, state: SlotState, index: int) -> str | None:
        """Name a country of the tables that a leg's tones are looked for in."""
        tables = self.tones.known.get(int(self._plane.legs["tn_table"][state.slot]))
        return tables.countries[index] if tables is not None and 0 <= index < len(tables.countries) else None

    def _record(self, id_: CommandId, command: words.StartRecording) -> None:
        state = self._need(command.leg)
        recorded = state.recording
        if recorded is not None and recorded.recording == command.recording:
            self._done(id_, None)
            return
        if state.recording_open:
            raise CommandError(f"leg {command.leg} is being recorded already")
        if state.message_open:
            raise CommandError(f"leg {command.leg} has a message recorded")
        if self._refuse_recording(command):
            self._done(id_, None)  # `RecordingFailed` says the rest
            return
        number = state.last_number + 1
        recording = RecordingState(
            leg=state.leg,
            slot=state.slot,
            number=number,
            recording=command.recording,
            path=command.path,
            started=self._timestamp(),
            guarded=command.guarded,
        )
        self.save_begun(replace(state, recording=recording, recording_open=True, last_number=number))
        # The engine first: the beginning is kept in its ring while the file is made.
        self._start_recording(recording)
        self._push(layout.CMD_RECORD, state, number)
        self._done(id_, None)

    def _stop_record(self, id_: CommandId, command: words.StopRecording) -> None:
        state = self._need(command.leg)
        recording = state.recording
        if recording is None or recording.recording != command.recording:
            raise CommandError(f"no recording {command.recording}")
        if state.recording_open:
            self._push(layout.CMD_STOP_RECORD, state, recording.number)
        self._done(id_, None)

    def _send_digits(self, id_: CommandId, command: words.SendDigits) -> None:
        state = self._need(command.leg)
        if state.digits_command == id_:
            self._done(id_, None)
            return
        digits = command.digits.reveal().upper()
        if not 0 < len(digits) <= layout.MAX_DIGITS or not _DIGITS.issuperset(digits):
            raise CommandError("not a string of digits")
        if command.duration_ms <= 0 or command.gap_ms < 0:
            raise CommandError(f"digits of {command.duration_ms} ms with gaps of {command.gap_ms} ms")
        number = state.last_number + 1
        self.save(replace(state, digits_command=id_, digits_number=number, last_number=number))
        duration, gap = command.duration_ms * _SAMPLES_PER_MS, command.gap_ms * _SAMPLES_PER_MS
        self._commands.send_digits((state.slot, state.generation), number, digits, duration=duration, gap=gap)
        self._done(id_, None)

    def _close(self, id_: CommandId, command: words.CloseLeg) -> None:
        for slot, (waiting, opening) in list(self._postponed.items()):
            if opening.leg == command.leg:
                del self._postponed[slot]
                self._done(waiting, "closed before its slot was free")
        state = self._by_slot.get(self._slot_of.get(command.leg, -1))
        if state is None:
            raise CommandError(f"no leg {command.leg}")
        if state.phase == "open":
            self._begin_close(state)
        elif state.phase == "closed":  # sent again after a crash: the report may be lost
            self._report(self.figures(state))
        self._done(id_, None)

    def _begin_close(self, state: SlotState) -> None:
        self.plays.leg_closing(state.leg)
        state = self._by_slot[state.slot]
        self.rooms.part(state)
        state = replace(self._by_slot[state.slot], phase="closing")
        self.save(state)
        for recording in state.engine_records:
            self._push(layout.CMD_STOP_RECORD, state, recording.number)
        # Its sockets stay connected until the engine has said goodbye to the peer (RTCP BYE).
        self._push(layout.CMD_CLOSE, state)

    # --- what the engine and the recorder tell

    def closed(self, state: SlotState) -> None:
        """Note that the engine has let go of the slot."""
        self._reach.let_go(state.slot)
        self.plays.leg_closed(state)
        self.save(replace(state, phase="closed", plays={}))
        figures = self.figures(state)
        self._report(figures)
        self._ended(figures)
        self._reuse(state.slot)

    def recording_drained(self, recording: RecordingState) -> None:
        """Note that all frames of a recording are written; its ring is free."""
        state = self._by_slot[recording.slot]
        finishing = [*state.finishing, recording]
        if recording.is_message:
            self.save(replace(state, message=over(recording), message_open=False, finishing=finishing))
        else:
            self.save(replace(state, recording=over(recording), recording_open=False, finishing=finishing))
        stops = recording.alone if recording.is_message else bool(recording.error)
        if stops and state.phase == "open":
            self._push(layout.CMD_STOP_RECORD, state, recording.number)
        self._reuse(recording.slot)

    def recording_ended(self, recording: RecordingState) -> None:
        """Forget a recording that was completed and reported."""
        state = self._by_slot[recording.slot]
        left = [other for other in state.finishing if other.recording != recording.recording]
        self.save(replace(state, finishing=left))

    def _reuse(self, slot: int) -> None:
        state = self._by_slot[slot]
        if state.phase == "closed" and not (state.recording_open or state.message_open) and slot in self._postponed:
            id_, command = self._postponed.pop(slot)
            self.handle(id_, command)

    def figures(self, state: SlotState) -> LegMediaEnded:
        """Return what the engine counted on a leg (of the present or last use of its slot)."""
        return figures_of(state.leg, self._plane.legs[state.slot], state.remote, self._plane.speech[state.slot])

    # --- taking up what a predecessor left, see `takeup`

    def adopt(self, state: SlotState) -> None:
        """Know a slot's state that stands in the table."""
        self._by_slot[state.slot] = state
        self._slot_of[state.leg] = state.slot

    def key_again(self, state: SlotState) -> None:
        """Give the engine the keys of a leg; its sessions ended with its predecessor."""
        self._keys.give_again(state.slot, state.generation, state.remote.crypto if state.remote is not None else 0)

    def give_again(self, state: SlotState) -> None:
        """Make an open leg's use of its slot known to an engine that never heard of it."""
        self._give(state)

    def listen_again(self, state: SlotState) -> None:
        """Have the tones of an open leg told by the present tables, since those that it went by are gone."""
        now = self.tones.now
        if state.tones in {"", *now.countries}:
            self._listen_for(state, now.country(state.tones) if state.tones else 0)

    def negotiate_again(self, state: SlotState) -> None:
        """Make what was negotiated known to the engine if it differs there."""
        record = self._plane.legs[state.slot]
        self._reach.tell_again(state)
        if state.remote is not None:
            self._secure(state, int(record["sr_handle"]), state.remote.crypto)
            self._reach.tell_learning(state, state.remote)
        if state.remote is not None and facts_of(state.remote) != tuple(int(record[name]) for name in FACT_FIELDS):
            self._push_remote(state, state.remote)
