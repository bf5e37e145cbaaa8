"""Slow twin of rooms: each listener's sum is made anew, talker by talker, in Python's own integers."""

from dataclasses import dataclass, field

import numpy as np

UNITY = 4096
SILENT = (0, "talk", None)


@dataclass
class Member:
    room: int = 0
    mode: str = "talk"
    to: int | None = None
    muted: bool = False
    gain: int = UNITY
    wide: bool = False
    #: Where it is heard, and how loud at the end of the last frame.
    heard: tuple = SILENT
    level: int = 0
    #: Frames of this tick after its gain, at 8 kHz and (wide) at 16 kHz.
    brings: list = field(default_factory=list)
    brings_wide: list = field(default_factory=list)

    def wanted(self):
        return (0 if self.mode == "listen" else self.room, self.mode, self.to)

    def say(self, frame, wide_frame) -> None:
        if self.heard != self.wanted() and self.level == 0:
            self.heard = self.wanted()
        before, settled = self.level, self.heard == self.wanted() and self.heard[0]
        self.level = 0 if self.muted or not settled else self.gain
        audible = before or self.level
        self.brings = ramped(frame, before, self.level) if audible else []
        self.brings_wide = ramped(wide_frame, before, self.level) if audible and self.wide else []


def ramped(frame, before: int, after: int):
    """Frame times a gain that grows by the same amount from sample to sample and ends at `after`."""
    if before == after == UNITY:
        return [int(x) for x in frame]
    n = len(frame)
    step = (after - before) * 65536 // n
    gains = [after * 65536 - step * (n - 1 - i) for i in range(n)]
    return [clip((int(x) * g + (1 << 27)) >> 28) for x, g in zip(frame, gains, strict=True)]


def clip(value: int) -> int:
    return max(-32768, min(32767, value))


def tick(members: list[Member], frames, wide_frames) -> list:
    """What each member hears: its 8 kHz part and its wide part; None in no room."""
    for member, frame, wide_frame in zip(members, frames, wide_frames, strict=True):
        member.say(frame, wide_frame)
    return [heard_by(members, n) if member.room else None for n, member in enumerate(members)]


def heard_by(members: list[Member], listener: int):
    me = members[listener]
    part, wide_part = [0] * 160, [0] * 320
    for n, other in enumerate(members):
        where, mode, to = other.heard
        if n == listener or where != me.room or not other.brings:
            continue
        if mode == "talk" or (mode == "whisper" and to == listener):
            if me.wide and other.wide:
                wide_part = [a + b for a, b in zip(wide_part, other.brings_wide, strict=True)]
            else:
                part = [a + b for a, b in zip(part, other.brings, strict=True)]
    return np.array([clip(v) for v in part], np.int16), np.array([clip(v) for v in wide_part], np.int16)
