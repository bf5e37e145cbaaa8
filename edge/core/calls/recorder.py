"""The recording of a call's first leg, from its answer to the end; one for each leg that is the first in its time."""

from typing import Literal

from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Restored
from edge.vocabulary import events
from edge.vocabulary.commands import StartRecording, StopRecording
from edge.vocabulary.ids import LegId, RecordingId
from edge.vocabulary.reports import RecordingDone, RecordingFailed, RecordingMuted

State = Literal["off", "starting", "on", "stopping", "done"]


class Recorder:
    """One recording; the first one of a call is named `<call>-1`."""

    def __init__(self, leg: LegId, folder: str, effects: Effects, number: int) -> None:
        self.leg = leg
        self.id = RecordingId(f"{effects.call}-{number}")
        self.path = f"{folder}/{self.id}.wav" if folder else ""
        self.state: State = "off"
        self._muted = False
        self._unmuted_ms = 0
        self._fx = effects

    @property
    def running(self) -> bool:
        """Whether media still has to report its end."""
        return self.state in {"starting", "on", "stopping"}

    @property
    def made(self) -> list[RecordingId]:
        """Recordings that were asked for."""
        return [] if self.state == "off" else [self.id]

    def start(self, *, guarded: bool) -> None:
        """Start, if the call is to be recorded; `guarded`: its menu may ask for something sensitive."""
        if self.path and self.state == "off":
            self.state = "starting"
            self._fx.media(StartRecording(self.leg, self.id, self.path, guarded))

    def started(self) -> None:
        """Media has started it."""
        if self.state in {"starting", "stopping"}:
            if self.state == "starting":
                self.state = "on"
            self._fx.emit(events.RecordingStarted(recording=self.id, leg=self.leg, path=self.path))

    def muted(self, report: RecordingMuted) -> None:
        """Media has silenced it from a place on, or has ceased to."""
        if not self.running or report.recording != self.id or report.on == self._muted:
            return
        self._muted = report.on
        # It is silenced back to the node's begin, which may lie in the end of the silence before.
        at_ms = max(report.at_ms, self._unmuted_ms)
        if not report.on:
            self._unmuted_ms = at_ms
        event = events.RecordingMuted if report.on else events.RecordingUnmuted
        self._fx.emit(event(recording=self.id, leg=self.leg, at_ms=at_ms))

    def stop(self) -> None:
        """Finish it; media reports `RecordingDone`."""
        if self.state in {"starting", "on"}:
            self.state = "stopping"
            self._fx.media(StopRecording(self.leg, self.id))

    def completed(self, report: RecordingDone) -> None:
        """Media has finished the file."""
        if not self.running:
            return
        self._complete(report)

    def failed(self, error: str, report: RecordingFailed | None = None) -> None:
        """Media could not start it, or had to stop; or it never told how it ended."""
        if not self.running:
            return
        self.state = "done"
        self._fx.emit(
            events.RecordingFailed(
                recording=self.id,
                leg=self.leg,
                path=report.path if report is not None else self.path,
                duration_ms=report.duration_ms if report is not None else 0,
                error=error,
            )
        )

    def restored(self, recordings: list[Restored]) -> None:
        """Tell what is left of it after a restart of the appliance."""
        if not self.running:
            return
        found = next((r for r in recordings if r.recording == self.id), None)
        if found is None:
            self.failed("nothing of it was left after a restart")
            return
        if found.error:
            report = RecordingFailed(
                leg=self.leg, recording=self.id, path=found.path, duration_ms=found.duration_ms, error=found.error
            )
            self.failed(found.error, report)
            return
        self._complete(found, repaired=found.repaired)

    def _complete(self, done: RecordingDone | Restored, *, repaired: bool = False) -> None:
        self.state = "done"
        self._fx.emit(
            events.RecordingCompleted(
                recording=self.id,
                leg=self.leg,
                path=done.path,
                duration_ms=done.duration_ms,
                gap_ms_left=done.gap_ms_left,
                gap_ms_right=done.gap_ms_right,
                size_bytes=done.size_bytes,
                sha256=done.sha256,
                repaired=repaired,
            )
        )


class Recorders:
    """The recordings of one call, one after the other."""

    def __init__(self, leg: LegId, folder: str, effects: Effects) -> None:
        self._folder = folder
        self._fx = effects
        self._all = [Recorder(leg, folder, effects, 1)]

    def move(self, leg: LegId, *, guarded: bool) -> None:
        """Go on in a new file with another leg, which is the call's first one now."""
        before = self._all[-1]
        if before.state == "off":
            before.leg = leg
            return
        before.stop()
        self._all.append(Recorder(leg, self._folder, self._fx, len(self._all) + 1))
        self.start(guarded=guarded)

    @property
    def running(self) -> bool:
        """Whether media still has to report the end of one."""
        return any(one.running for one in self._all)

    @property
    def made(self) -> dict[RecordingId, str]:
        """Recordings that were asked for, with their files."""
        return {id_: one.path for one in self._all for id_ in one.made}

    def start(self, *, guarded: bool) -> None:
        """Start the newest one, if the call is to be recorded; `guarded`: its menu may ask for something sensitive."""
        self._all[-1].start(guarded=guarded)

    @property
    def on(self) -> bool:
        """Whether what is said now is recorded."""
        return self._all[-1].state in {"starting", "on"}

    def resume(self, *, guarded: bool) -> None:
        """Record again, in a new file."""
        before = self._all[-1]
        if self.on:
            return
        if before.state != "off":
            self._all.append(Recorder(before.leg, self._folder, self._fx, len(self._all) + 1))
        self.start(guarded=guarded)

    def muted(self, report: RecordingMuted) -> None:
        """Media has silenced one from a place on, or has ceased to."""
        for one in self._all:
            one.muted(report)

    def stop(self) -> None:
        """Finish it; media reports `RecordingDone`."""
        self._all[-1].stop()

    def started(self, leg: LegId) -> None:
        """Media has started the one of `leg`."""
        for one in self._of(leg):
            one.started()

    def lost(self, error: str, leg: LegId | None = None) -> None:
        """Media could not start the one of `leg`, or has lost it; None: it never told how they ended."""
        for one in self._of(leg) if leg is not None else self._all:
            one.failed(error)

    def _of(self, leg: LegId) -> list[Recorder]:
        return [one for one in self._all if one.leg == leg]

    def completed(self, report: RecordingDone) -> None:
        """Media has finished a file."""
        for one in self._all:
            if one.id == report.recording:
                one.completed(report)

    def failed(self, report: RecordingFailed) -> None:
        """Media had to stop one."""
        for one in self._all:
            if one.id == report.recording:
                one.failed(report.error[:200], report)

    def restored(self, recordings: list[Restored]) -> None:
        """Tell what is left of them after a restart of the appliance."""
        for one in self._all:
            one.restored(recordings)
