"""The recorder: moves frames from the engine's rings to files, on a thread of its own, four times a second.

The engine counts frames on the recording's timeline; a frame's number is its place in the file. What the engine could
not put into the ring (it holds 2 s) it counts as a gap and makes up for with silence. The newest part of a guarded
recording is left in the ring, where the engine can still silence it. After each move the header is raised to what was
written. What takes long (fsync, checksum, sidecar) is the finisher's, on a second thread.

Messages of callers are made of the same rings, beside the call's recording or alone: see `message_file`.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from dsp.plane.layout import FRAME, RECORD_FRAMES, PlaneState
from dsp.plane.privacy import RECALL
from edge.core.recording import sidecar, wav
from edge.media import disk, message_file
from edge.media.slots import MAX_ERROR, RecordingState
from edge.vocabulary.ids import RecordingId

PASS_S = 0.25
SYNC_S = 5.0
DISK_CHECK_S = 2.0
#: Frames of a guarded recording that stay in the ring (0.8 s): what the engine may still silence, and five ticks.
HELD_BACK = RECALL + 5 * FRAME


class Outcome(NamedTuple):
    """A recording that is over, with its figures; with `state.error` it stopped before its time, and is valid too."""

    state: RecordingState
    size_bytes: int
    sha256: str


@dataclass
class _Job:
    state: RecordingState
    fd: int = -1
    frames: int = 0
    synced_at: float = float("-inf")
    syncing: bool = False
    error: str = ""
    resumed: bool = False
    #: Frames of a message that the engine wrote over before they were moved.
    lost: int = 0

    @property
    def note(self) -> sidecar.OpenNote:
        state = self.state
        return sidecar.OpenNote(
            recording=state.recording, leg=state.leg, started=state.started, channels=state.channels
        )


class Recorder:
    """All recordings of the process.

    `drained` is told (on the writer's thread) as soon as the slot's ring is no longer needed, `ended` (on the
    finisher's) when the recording is complete, `disk_state` whenever the reason why nothing can be recorded changes.
    """

    def __init__(
        self,
        plane: PlaneState,
        root: str,
        reserve_mb: int,
        *,
        drained: Callable[[RecordingState], None],
        ended: Callable[[Outcome], None],
        disk_state: Callable[[str], None],
    ) -> None:
        self._legs = {name: plane.legs[name] for name in _FIELDS}
        self._ring = plane.record
        self._talk = message_file.Talk(plane)
        #: Where messages were stopped, in frames of the engine's timeline.
        self._stops: dict[RecordingId, int] = {}
        self._root = root
        self._reserve_mb = reserve_mb
        self._drained, self._ended, self._disk_state = drained, ended, disk_state
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._finishing: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._jobs: list[_Job] = []
        self._trouble = ""
        self._write_failed = False
        self._checked_at = float("-inf")
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._write_loop, name="recorder", daemon=True),
            threading.Thread(target=self._finish_loop, name="recorder-finish", daemon=True),
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Move what is in the rings, finish what is complete, end the threads. Running recordings stay resumable."""
        self._stopping.set()
        self._inbox.put(None)
        self._threads[0].join()
        self._finishing.put(None)
        self._threads[1].join()

    def record(self, state: RecordingState, *, resumed: bool = False) -> None:
        """Write the recording that the engine makes (or made, for a predecessor of this process) under this number.

        It ends by itself when the engine has stopped it and all frames are written.
        """
        self._inbox.put(_Job(state, resumed=resumed))

    def stop_message(self, recording: RecordingId, until: int) -> None:
        """End a message before frame `until` of the engine's timeline."""
        self._stops.setdefault(recording, until)
        self.wake()

    def discard(self, path: str) -> None:
        """Delete a message."""
        self.aside(lambda: disk.discard(path))

    def aside(self, work: Callable[[], None]) -> None:
        """Do something that the disk may take its time for, on the second thread; its OSErrors change nothing."""

        def done() -> None:
            with contextlib.suppress(OSError):
                work()

        self._finishing.put(done)

    def watch(self, root: str, reserve_mb: int) -> None:
        """Watch another folder or another limit from the next check on."""
        self._root, self._reserve_mb = root, reserve_mb

    def finish(self, state: RecordingState) -> None:
        """Complete a recording of a predecessor of this process, whose frames are all in the file."""
        self._finishing.put(lambda: self._complete(_Job(state, resumed=True), state))

    def wake(self) -> None:
        """Make the next pass now: something stopped."""
        self._inbox.put(None)

    # --- writer's thread

    def _write_loop(self) -> None:
        next_pass = time.monotonic()
        while not self._stopping.is_set():
            self._take_jobs(next_pass - time.monotonic())
            self._check_disk()
            self._pass()
            next_pass = time.monotonic() + PASS_S
        self._pass()

    def _pass(self) -> None:
        # Messages first: when a call's recording has moved its frames, the engine may write over them.
        for job in sorted(self._jobs, key=lambda job: not job.state.is_message):
            self._advance(job)

    def _take_jobs(self, wait_s: float) -> None:
        try:
            job = self._inbox.get(timeout=max(0.0, wait_s))
            while True:
                if job is not None:
                    self._jobs.append(job)
                job = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _advance(self, job: _Job) -> None:
        slot = job.state.slot
        if self._legs["rec_number"][slot] != job.state.number:
            return  # the engine has not come to it yet
        over = False
        try:
            # A recording that cannot even be made fails here, and the leg talks on.
            if job.fd < 0:
                self._open(job)
            active = bool(self._legs["rec_active"][slot])  # before the write index, which is final once this is off
            if job.state.is_message:
                over = self._move_message(job, active=active)
            else:
                self._move(job, HELD_BACK if active and job.state.guarded else 0)
        except OSError as error:
            self._write_failed = True
            job.error = job.error or error.strerror or str(error)
        if job.error or self._trouble:
            job.error = job.error or self._trouble
            self._finish(job)
        elif over or not active:
            self._finish(job)
        elif time.monotonic() - job.synced_at >= SYNC_S and not job.syncing:
            self._sync(job)

    def _open(self, job: _Job) -> None:
        state = job.state
        if not state.is_message:
            job.fd = (disk.reopen if job.resumed else disk.create)(state.path, job.note)
        elif not job.resumed:
            job.fd = disk.create(sidecar.part_path(state.path), job.note)
        else:
            job.fd, job.frames = message_file.reopen(state.path, job.note)

    def _move_message(self, job: _Job, *, active: bool) -> bool:
        """Move what belongs to a message; returns whether it is over."""
        slot, state = job.state.slot, job.state
        write = int(self._legs["rec_write"][slot])
        until = self._stops.get(state.recording, state.until)
        end = self._talk.end_of(state, write, until, active=active)
        upto = write if end is None else end.stopped
        first = state.first + job.frames
        gone = min(message_file.lost(first, write, int(self._legs["rec_read"][slot])), upto - first)
        if gone > 0:  # the ring has gone round: what was there is lost, and its time is kept
            disk.write_at(job.fd, [memoryview(bytes(wav.SAMPLE_BYTES * gone))], wav.offset_of(job.frames, 1))
            job.frames, job.lost = job.frames + gone, job.lost + gone
        first = state.first + job.frames
        if upto > first:
            said = message_file.said(self._ring[slot], first, upto)
            disk.write_at(job.fd, [said.data], wav.offset_of(job.frames, 1))
            job.frames += len(said)
            disk.announce(job.fd, job.frames, 1)
        if state.alone:
            self._legs["rec_read"][slot] = write
        if end is not None:
            job.frames = min(job.frames, max(0, end.spoken - state.first))
            job.state = replace(state, ended_by=end.by)
        return end is not None

    def _move(self, job: _Job, held_back: int) -> None:
        slot = job.state.slot
        write, read = int(self._legs["rec_write"][slot]) - held_back, int(self._legs["rec_read"][slot])
        job.frames = max(job.frames, read)
        if write > read:
            first, last = read % RECORD_FRAMES, write % RECORD_FRAMES
            ring = self._ring[slot]
            parts = [ring[first:last]] if first < last else [ring[first:], ring[:last]]
            disk.write_at(job.fd, [p.data for p in parts if len(p)], wav.offset_of(read))
            disk.announce(job.fd, write)
            job.frames = write
            self._legs["rec_read"][slot] = write

    def _finish(self, job: _Job) -> None:
        self._jobs.remove(job)
        self._stops.pop(job.state.recording, None)
        slot = job.state.slot
        final = replace(
            job.state,
            frames=job.frames,
            gap_left=max(0, int(self._legs["rec_gap_left"][slot]) - job.state.gap_before) + job.lost,
            gap_right=int(self._legs["rec_gap_right"][slot]),
            error=job.error[:MAX_ERROR],
        )
        self._drained(final)
        self._finishing.put(lambda: self._complete(job, final))

    def _sync(self, job: _Job) -> None:
        new = job.synced_at < 0
        job.synced_at, job.syncing = time.monotonic(), True

        def sync() -> None:
            try:
                if new:
                    disk.sync_new(job.state.path, job.fd)
                else:
                    os.fdatasync(job.fd)
            except OSError as error:
                job.error = error.strerror or str(error)  # seen by the writer at its next pass
            job.syncing = False

        self._finishing.put(sync)

    def _check_disk(self) -> None:
        if time.monotonic() - self._checked_at < DISK_CHECK_S and not self._write_failed:
            return
        self._checked_at = time.monotonic()
        found = disk.trouble(self._root, self._reserve_mb, probe=self._write_failed or bool(self._trouble))
        self._write_failed = False
        if found != self._trouble:
            self._trouble = found
            self._disk_state(found)

    # --- finisher's thread

    def _finish_loop(self) -> None:
        while (step := self._finishing.get()) is not None:
            step()

    def _complete(self, job: _Job, final: RecordingState) -> None:
        """Make the file durable, then say so. An error of the disk in here is the recording's."""
        size, digest = 0, ""
        try:
            if job.fd < 0 and not job.resumed:
                return  # it could not be made, and what may lie at its path is not ours
            if job.fd < 0:
                job.fd = _reopened(job)
            disk.seal(job.fd, final.frames, final.channels)
            if final.is_message:
                disk.publish(final.path)
            size, digest = disk.sha256_of(final.path)
            disk.complete(final.path, _sidecar(job.note, final, size, digest))
        except OSError as error:
            final = replace(final, error=final.error or error.strerror or str(error))
        finally:
            if job.fd >= 0:
                os.close(job.fd)
            self._ended(Outcome(final, size, digest))


def _reopened(job: _Job) -> int:
    if job.state.is_message:
        return message_file.reopen(job.state.path, job.note)[0]
    return disk.reopen(job.state.path, job.note)


def _sidecar(note: sidecar.OpenNote, final: RecordingState, size: int, digest: str) -> sidecar.Sidecar:
    gaps = (final.gap_left, final.gap_right)
    return sidecar.finished(
        note, final.path, frames=final.frames, gaps=gaps, size_bytes=size, sha256=digest, error=final.error
    )


_FIELDS = ("rec_number", "rec_active", "rec_write", "rec_read", "rec_gap_left", "rec_gap_right")
