"""Whom to dial first, and what a hunt has come to: what calls and rehearsals of menus have in common."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from edge.core.menus.words import Dial

#: What came of one target tells of the whole hunt: the first of these that any target had, for it is the nearest to a
#: talk. Without any of them the last one says it.
_TELLING: Final = ("no_answer", "not_accepted", "rejected", "busy")


def in_order(dial: Dial, call: str, last: str = "") -> list[int]:
    """Return the indices of the targets in the order that they are dialled in.

    `last` is the key of the target that took the last call (`round_robin`); what is `random` depends on the call's id
    alone, so that a replay of the call decides the same.
    """
    indices = list(range(len(dial.targets)))
    if dial.strategy == "random":
        return sorted(indices, key=lambda index: blake2b(f"{call} {index}".encode(), digest_size=8).digest())
    if dial.strategy == "round_robin":
        after = next((index + 1 for index in indices if dial.targets[index].key == last), 0)
        return indices[after:] + indices[:after]
    return indices


def telling(outcomes: Sequence[str]) -> int:
    """Return the index of the outcome that tells what a hunt has come to; there is at least one."""
    found = (outcomes.index(outcome) for outcome in _TELLING if outcome in outcomes)
    return next(found, len(outcomes) - 1)


def rings_ms(dial: Dial, targets: Iterable[int]) -> int:
    """Return how long these targets ring at the most, one after the other, or all at once."""
    times = [dial.targets[index].ring_timeout_ms for index in targets]
    return max(times, default=0) if dial.strategy == "all" else sum(times)
