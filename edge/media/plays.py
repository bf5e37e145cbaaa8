"""Playing lists of sound files: what is in memory plays at once, the rest when it has been read."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from dsp.plane import gain, layout
from edge.media.loader import Loaded, UnreadableError, stamp_of
from edge.media.prompts import PromptMemory, Region, Stamp
from edge.media.ring import CommandRing
from edge.media.rooms import gain_less_one
from edge.media.slots import SlotState
from edge.vocabulary.commands import Play
from edge.vocabulary.ids import CommandId, LegId, PlayId
from edge.vocabulary.reports import AnyReport, PlayEnded

How = Literal["finished", "stopped", "barged"]
_ENDINGS: dict[int, How] = {
    layout.PLAY_FINISHED: "finished",
    layout.PLAY_STOPPED: "stopped",
    layout.PLAY_BARGED: "barged",
}


@dataclass
class _Waiting:
    """A play whose files are not all in memory yet."""

    command: Play
    ids: list[CommandId]
    wanted: set[str] = field(default_factory=set)
    regions: dict[str, Region] = field(default_factory=dict)


class Plays:
    """Plays of all legs. Runs on the main thread; the loader tells of files through `loaded`."""

    def __init__(
        self,
        memory: PromptMemory,
        arena: NDArray[np.int16],
        commands: CommandRing,
        *,
        request: Callable[..., None],
        state_of: Callable[[LegId], SlotState | None],
        save: Callable[[SlotState], None],
        report: Callable[[AnyReport], None],
        done: Callable[[CommandId, str | None], None],
    ) -> None:
        self._memory, self._arena, self._commands = memory, arena, commands
        self._request, self._state_of, self._save = request, state_of, save
        self._report, self._done = report, done
        self._waiting: dict[LegId, _Waiting] = {}
        self._loading: set[str] = set()
        #: Files that could not be read or did not fit, for metrics.
        self.missing = 0

    def preload(self, paths: list[str]) -> None:
        """Have files read that will be wanted; what is missing now is told when it is played."""
        for path in paths:
            try:
                if self._memory.find(path, stamp_of(path)) is None:
                    self._request(path, urgent=False)
            except UnreadableError:
                continue

    def play(self, id_: CommandId, command: Play) -> None:
        """Do a `Play`; its `CommandDone` is sent when the engine has it."""
        state = self._state_of(command.leg)
        if state is None:
            self._done(id_, f"no leg {command.leg}")
            return
        waiting = self._waiting.get(command.leg)
        if waiting is not None and waiting.command.play == command.play:
            waiting.ids.append(id_)
            return
        if state.last_play == command.play or command.play in state.plays.values():  # sent again after a crash
            self._done(id_, None)
            return
        self._cancel(command.leg, "stopped")
        waiting = _Waiting(command, [id_])
        self._waiting[command.leg] = waiting
        for path in dict.fromkeys(command.files):
            self._collect(waiting, path)
        self._memory.pin(command.leg, waiting.regions.values())
        self._start_if_complete(waiting)

    def stop(self, leg: LegId, play: PlayId) -> None:
        """Stop a play in whatever state; nothing when it has ended."""
        waiting = self._waiting.get(leg)
        if waiting is not None and waiting.command.play == play:
            self._cancel(leg, "stopped")
            return
        state = self._state_of(leg)
        if state is not None:
            for number in [n for n, running in state.plays.items() if running == play]:
                self._commands.push(layout.CMD_STOP_PLAY, state.slot, state.generation, [number])

    def ended(self, state: SlotState, number: int, how: int, samples: int) -> None:
        """Report that the engine ended a play."""
        play = state.plays.get(number)
        self._memory.unpin((state.slot, state.generation, number))
        if play is None:  # told before
            return
        self._report(PlayEnded(leg=state.leg, play=play, how=_ENDINGS[how], played_ms=samples // 8))
        self._save(replace(state, plays={n: p for n, p in state.plays.items() if n != number}))

    def leg_closing(self, leg: LegId) -> None:
        """Give up what has not begun; the engine ends what has."""
        self._cancel(leg, "stopped")

    def leg_closed(self, state: SlotState) -> None:
        """Let go of all samples of a leg that the engine no longer plays."""
        for number in range(1, state.last_number + 1):
            self._memory.unpin((state.slot, state.generation, number))

    def take_up(self, state: SlotState, regions: list[Region]) -> None:
        """Protect what the engine plays for a leg of a predecessor of this process."""
        for number in state.plays:
            self._memory.pin((state.slot, state.generation, number), regions)

    def loaded(self, results: list[Loaded]) -> None:
        """Take over files that the loader has read or failed on."""
        for result in results:
            self._loading.discard(result.path)
            region = self._memory.find(result.path, result.stamp)
            if region is None and not result.error:
                region = self._memory.store(result.path, result.stamp, result.samples)
            for waiting in [w for w in self._waiting.values() if result.path in w.wanted]:
                waiting.wanted.discard(result.path)
                if region is None:
                    self._tell_missing(waiting, result.path)
                else:
                    waiting.regions[result.path] = region
                    self._memory.pin(waiting.command.leg, waiting.regions.values())
                self._start_if_complete(waiting)

    def _collect(self, waiting: _Waiting, path: str) -> None:
        try:
            region = self._memory.find(path, stamp_of(path))
        except UnreadableError:
            self._tell_missing(waiting, path)
            return
        if region is None:
            waiting.wanted.add(path)
            if path not in self._loading:
                self._loading.add(path)
                self._request(path, urgent=True)
        else:
            waiting.regions[path] = region

    def _tell_missing(self, waiting: _Waiting, path: str) -> None:
        self.missing += 1
        command = waiting.command
        self._report(PlayEnded(leg=command.leg, play=command.play, how="missing", played_ms=0, file=path))

    def _start_if_complete(self, waiting: _Waiting) -> None:
        if waiting.wanted:
            return
        command = waiting.command
        del self._waiting[command.leg]
        state = self._state_of(command.leg)
        if state is None:
            raise AssertionError("a play outlived its leg")
        regions = self._fit(waiting)
        if regions:
            state = self._start(state, command, regions)
        else:
            for number in state.plays:  # it replaces what plays, even by nothing
                self._commands.push(layout.CMD_STOP_PLAY, state.slot, state.generation, [number])
            self._report(PlayEnded(leg=command.leg, play=command.play, how="finished", played_ms=0))
        self._save(replace(state, last_play=command.play))
        self._memory.unpin(command.leg)
        for id_ in waiting.ids:
            self._done(id_, None)

    def _start(self, state: SlotState, command: Play, regions: list[Region]) -> SlotState:
        number = state.last_number + 1
        state = replace(state, plays={**state.plays, number: command.play}, last_number=number)
        # Before the engine hears of it, so that a successor knows the play if this process dies in between.
        self._save(state)
        self._memory.pin((state.slot, state.generation, number), regions)
        self._commands.play(
            (state.slot, state.generation),
            number,
            _from(regions, 8 * command.start_ms) if command.times == 0 else regions,
            times=command.times,
            barge_in=command.barge_in,
            under=gain.UNITY + gain_less_one(-abs(command.duck_db)) if command.mix else None,
        )
        return state

    def _fit(self, waiting: _Waiting) -> list[Region]:
        """Make the list short enough for the engine: the sounds at its end become one."""
        readable = [path for path in waiting.command.files if path in waiting.regions]
        regions = [waiting.regions[path] for path in readable]
        most = layout.PLAY_ITEMS - bool(waiting.command.start_ms)  # one of them is in two parts then
        kept = most - 1
        if len(regions) <= most:
            return regions
        joined = np.concatenate([self._arena[r.offset : r.offset + r.length] for r in regions[kept:]])
        name, stamp = f"joined {hashlib.sha256(joined.data).hexdigest()}", Stamp(0, len(joined))
        region = self._memory.find(name, stamp) or self._memory.store(name, stamp, joined)
        if region is not None:
            return [*regions[:kept], region]
        for path in readable[kept:]:  # no room for the join
            self._tell_missing(waiting, path)
        return regions[:kept]

    def _cancel(self, leg: LegId, how: How) -> None:
        waiting = self._waiting.pop(leg, None)
        if waiting is None:
            return
        self._memory.unpin(leg)
        self._report(PlayEnded(leg=leg, play=waiting.command.play, how=how, played_ms=0))
        state = self._state_of(leg)
        if state is not None:
            self._save(replace(state, last_play=waiting.command.play))
        for id_ in waiting.ids:
            self._done(id_, None)


def _from(regions: list[Region], samples: int) -> list[Region]:
    """Turn a list that is played round and round so that it begins `samples` after its beginning."""
    samples %= max(1, sum(region.length for region in regions))
    for at, region in enumerate(regions):
        if samples < region.length:
            rest = Region(region.offset + samples, region.length - samples)
            begun = [Region(region.offset, samples)] if samples else []
            return [rest, *regions[at + 1 :], *regions[:at], *begun]
        samples -= region.length
    return regions
