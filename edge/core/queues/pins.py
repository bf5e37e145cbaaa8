"""Whether somebody on the phone is the agent that he says: PINs, and how often they may be wrong.

A PIN has few digits, so what keeps it is that it can't be tried often: after some wrong ones in a row nobody is
believed to be that agent for a while, the right one included, so that a guess can't be told from another.
"""

from hmac import compare_digest
from typing import Literal

from msgspec import Struct

Verdict = Literal["right", "wrong", "locked"]


class _Tries(Struct):
    wrong: int = 0
    locked_until_ms: int = 0


class Pins:
    """The wrong ones so far, by agent; forgotten when the process ends, which nobody on the phone can bring about."""

    def __init__(self) -> None:
        self._tries: dict[str, _Tries] = {}

    def check(self, agent: str, pin: str, given: str, now_ms: int, *, most: int, lock_ms: int) -> Verdict:
        """Compare; an agent without a PIN is nobody's. The `most`-th wrong one in a row locks for `lock_ms`."""
        tries = self._tries.setdefault(agent, _Tries())
        if now_ms < tries.locked_until_ms:
            return "locked"
        right = compare_digest(pin.encode(), given.encode()) and bool(pin)
        if right:
            del self._tries[agent]
            return "right"
        tries.wrong += 1
        if tries.wrong >= most:
            tries.wrong, tries.locked_until_ms = 0, now_ms + lock_ms
        return "wrong"
