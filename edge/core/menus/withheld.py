"""Decisions that depend on digits which must not be written down.

The journal rebuilds a call by feeding it the same inputs again. Digits of a sensitive node are not in the journal, so
what was decided by them is written instead: live, each such decision is noted; on replay, the notes are read back in
the same order. A decision is a short word that says nothing about the digits themselves.
"""

from collections.abc import Callable


class Withheld:
    """The decisions of one input: noted while a call runs, read back while it is replayed."""

    def __init__(self) -> None:
        self._noted: list[str] = []
        self._given: list[str] | None = None

    def live(self) -> None:
        """From now on decisions are made and noted; the notes of the last input are forgotten."""
        self._noted = []
        self._given = None

    def replay(self, notes: list[str]) -> None:
        """From now on decisions are read from `notes`."""
        self._noted = []
        self._given = list(notes)

    @property
    def notes(self) -> list[str]:
        """What was noted since `live`."""
        return list(self._noted)

    def decide(self, secret: bool, decision: Callable[[], str]) -> str:
        """Return the word that `decision` returns, or that it returned when the call was live.

        Raises `LookupError` when the journal holds fewer notes than decisions: it was not written by this code.
        """
        if not secret:
            return decision()
        if self._given is not None:
            if not self._given:
                raise LookupError("the journal lacks a withheld decision")
            return self._given.pop(0)
        word = decision()
        self._noted.append(word)
        return word
