"""The recorder: moves frames from the engine's rings to files, on a thread of its own, four times a second.

The engine counts frames on the recording's timeline; a frame's number is its place in the file. What the engine could
not put into the ring (it holds 2 s) it counts as a gap and makes up for with silence. The newest part of a guarded
recording is left in the ring, where the engine can still silence it. After each move the header is raised to what was
written. What takes long (fsync, checksum, sidecar) is the finisher's, on a second thread.
"""

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
from edge.media import disk
from edge.media.slots import RecordingState

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

    @property
    def note(self) -> sidecar.OpenNote:
        return sidecar.OpenNote(recording=self.state.recording, leg=self.state.leg, started=self.state.started)


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
            for job in list(self._jobs):
                self._advance(job)
            next_pass = time.monotonic() + PASS_S
        for job in list(self._jobs):
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
        try:
            if job.fd < 0:
                # A recording that cannot even be made fails here, and the leg talks on.
                job.fd = (disk.reopen if job.resumed else disk.create)(job.state.path, job.note)
            active = bool(self._legs["rec_active"][slot])  # before the write index, which is final once this is off
            self._move(job, HELD_BACK if active and job.state.guarded else 0)
        except OSError as error:
            self._write_failed = True
            job.error = job.error or error.strerror or str(error)
        if job.error or self._trouble:
            job.error = job.error or self._trouble
            self._finish(job)
        elif not active:
            self._finish(job)
        elif time.monotonic() - job.synced_at >= SYNC_S and not job.syncing:
            self._sync(job)

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
        slot = job.state.slot
        final = replace(
            job.state,
            frames=job.frames,
            gap_left=int(self._legs["rec_gap_left"][slot]),
            gap_right=int(self._legs["rec_gap_right"][slot]),
            error=job.error,
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
                job.fd = disk.reopen(final.path, job.note)
            disk.seal(job.fd, final.frames)
            size, digest = disk.sha256_of(final.path)
            disk.complete(final.path, _sidecar(job.note, final, size, digest))
        except OSError as error:
            final = replace(final, error=final.error or error.strerror or str(error))
        finally:
            if job.fd >= 0:
                os.close(job.fd)
            self._ended(Outcome(final, size, digest))


def _sidecar(note: sidecar.OpenNote, final: RecordingState, size: int, digest: str) -> sidecar.Sidecar:
    gaps = (final.gap_left, final.gap_right)
    return sidecar.finished(
        note, final.path, frames=final.frames, gaps=gaps, size_bytes=size, sha256=digest, error=final.error
    )


_FIELDS = ("rec_number", "rec_active", "rec_write", "rec_read", "rec_gap_left", "rec_gap_right")
