"""Messages of callers: which part of what a leg says is one, and where it ends.

A message is cut out of the engine's recording ring, channel 0, from frame `first` of its timeline on. So it needs
nothing of the engine, and may run beside the call's own recording; where there is none, the engine records for it
alone. How far it has come stands in its file, so a successor of a killed process goes on at the right frame.

It ends with what the caller says: the engine's speech detector, which listens on every leg, knows the end of the last
word. Loudness alone would take a noisy street for somebody who speaks.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.plane.layout import FRAME, RECORD_FRAMES, PlaneState
from edge.core.recording import sidecar, wav
from edge.media import disk
from edge.media.slots import RecordingState
from edge.vocabulary.media import MessageEnd

#: What stays of the silence after the last word (300 ms): its end may be soft.
TAIL = 2400
#: What is as old as this in the ring may be written over while it is read (four ticks).
MARGIN = 4 * FRAME


class End(NamedTuple):
    """Where a message is over, in frames of the engine's timeline: what comes after `stopped` is not part of it.

    `spoken`: its last word was over by then (`TAIL` included); `first` of it when nobody spoke.
    """

    stopped: int
    spoken: int
    by: MessageEnd


class Talk:
    """What the engine knows of who speaks."""

    def __init__(self, plane: PlaneState) -> None:
        self._position, self._last = plane.speech["position"], plane.speech["last_active"]

    def end_of(self, state: RecordingState, write: int, until: int, *, active: bool) -> End | None:
        """Tell the end of a message when `write` frames of the timeline are there; None: it goes on.

        `until`: where it was stopped, -1 if it was not. `active`: the engine still records.
        """
        slot = state.slot
        # Both are of the same tick, give or take one: the detector hears a frame just before it is recorded.
        quiet = max(0, int(self._position[slot]) - int(self._last[slot]))
        # A voice from before the message is none of it.
        last = min(max(write - quiet, state.first), write)
        longest = state.first + state.longest
        stopped: int
        by: MessageEnd
        if until >= 0:
            stopped, by = min(max(until, state.first), write, longest), "stopped"
        elif write >= longest:
            stopped, by = longest, "length"
        elif not active:
            stopped, by = write, "leg_ended"
        elif write - last >= state.silence:
            stopped, by = write, "silence"
        else:
            return None
        spoken = min(last + TAIL, stopped) if last > state.first else state.first
        return End(stopped, spoken, by)


def lost(following: int, write: int, read: int) -> int:
    """Tell how many frames from `following` on the ring has lost: those before `read` that are more than 2 s old.

    `write` and `read` are the engine's indices: it never writes over what lies between them.
    """
    return max(0, min(read, write + MARGIN - RECORD_FRAMES) - following)


def said(ring: NDArray[np.int16], first: int, last: int) -> NDArray[np.int16]:
    """Copy what the leg says in frames `first` to `last` (int16[RECORD_FRAMES, 2] to int16[last - first])."""
    return np.ascontiguousarray(ring[np.arange(first, last) % RECORD_FRAMES, 0])


def reopen(path: str, note: sidecar.OpenNote) -> tuple[int, int]:
    """Go on with a message that another process had open; returns the descriptor and the frames that it has.

    One that has its name already is complete, and only its sidecar is missing.
    """
    part = sidecar.part_path(path)
    if not Path(part).exists() and Path(path).exists():
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    else:
        fd = disk.reopen(part, note)
    return fd, wav.announced_frames(os.pread(fd, wav.HEADER_BYTES, 0)) or 0
