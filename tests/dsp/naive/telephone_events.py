"""Senders of RFC 4733 as they are met in the field, a bad network, and what can be known behind it."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Sender:
    """Habits of a sender. `moves`: "no", "ends" (the timestamp moves on the end packets) or "all" (on every packet)."""

    marker: bool = True
    moves: str = "no"
    grows: bool = True  # durations count from the press, else from the packet's own timestamp
    ends: int = 3
    wide: int = 0


@dataclass(frozen=True)
class Press:
    event: int
    frames: int
    gap: int  # frames


@dataclass(frozen=True)
class Sent:
    """A packet: when it leaves (ms), which press it belongs to, and its fields."""

    at_ms: int
    press: int
    event: int
    ts: int
    duration: int
    end: bool
    marker: bool


def packets(sender: Sender, presses: list[Press], ts: int, wide: int = 0) -> list[Sent]:
    """All packets of `presses`, one each 20 ms; long presses go on in segments of 0xFFFF units."""
    out, frame, unit = [], 0, 160 << wide
    for number, press in enumerate(presses):
        begin = ts + frame * unit
        for i in range(1, press.frames + sender.ends):
            n = min(i, press.frames)
            end = i >= press.frames
            segment = (n * unit - 1) // 0xFFFF
            stamp, duration = begin + segment * 0xFFFF, n * unit - segment * 0xFFFF
            if sender.moves == "all":
                stamp, duration = begin + (n - 1) * unit, unit if not sender.grows else n * unit
            if end and sender.moves in {"all", "ends"}:
                stamp += (i - press.frames) * unit
            at_ms = 20 * (frame + i)
            out.append(Sent(at_ms, number, press.event, stamp & 0xFFFFFFFF, duration, end, sender.marker and i == 1))
        frame += press.frames + press.gap
    return out


def through(dice: random.Random, sent: list[Sent], loss: float, late_ms: int, double: float) -> list[tuple[int, Sent]]:
    """(arrival ms, packet) of what gets through: losses come in runs, and a packet may be up to `late_ms` late."""
    out, losing = [], False
    for packet in sent:
        losing = dice.random() < (0.6 if losing else loss)
        if losing:
            continue
        copies = 2 if dice.random() < double else 1
        out += [(packet.at_ms + dice.randrange(late_ms + 1), packet) for _ in range(copies)]
    return sorted(out, key=lambda pair: pair[0])


def known(arrived: list[tuple[int, Sent]]) -> list[int]:
    """The presses of which anything came: each is to be told once, the others cannot be known."""
    return sorted({packet.press for _, packet in arrived})
