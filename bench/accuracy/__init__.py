"""How often the detectors are right: tables that anybody can make again (`edge selftest dsp`).

Each module that `SUBJECTS` names has `rows(*, quick: bool)`, which yields `Row`s and `Table`s. Seeds are fixed in the
code; the quick form has fewer trials of the same conditions.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

SUBJECTS = ("dtmf", "progress", "answer")

#: accept: each trial is recognised, and nothing else is heard. reject: nothing is heard. rate: measured, and where
#: `least` is given promised to be no lower.
Promise = Literal["accept", "reject", "rate"]


class Score(NamedTuple):
    """Of what had to be heard: heard, not heard; and what was heard that was not there."""

    hits: int
    misses: int
    false: int

    def __add__(self, other: object) -> "Score":
        """Add up trials."""
        if not isinstance(other, Score):
            return NotImplemented
        return Score(self.hits + other.hits, self.misses + other.misses, self.false + other.false)

    @property
    def rate(self) -> float:
        """Share that was heard; 1 where there was nothing to hear."""
        wanted = self.hits + self.misses
        return self.hits / wanted if wanted else 1.0


NOTHING = Score(0, 0, 0)


@dataclass(frozen=True)
class Row:
    """One condition."""

    subject: str  #: as in `SUBJECTS`
    condition: str
    promised: Promise
    trials: int
    ours: Score
    #: The same trials by others, by name ("spandsp", "multimon-ng").
    peers: Mapping[str, Score] = field(default_factory=dict)
    least: float | None = None
    #: Such as how long the speech was, or where the limit comes from.
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether what is promised is so."""
        if self.trials <= 0:
            return False  # a row that tried nothing proves nothing
        match self.promised:
            case "accept":
                return self.ours.hits > 0 and self.ours.misses == 0 and self.ours.false == 0
            case "reject":
                return self.ours.false == 0
            case "rate":
                return self.least is None or self.ours.rate >= self.least

    def as_json(self) -> dict[str, Any]:
        """Give one flat object."""
        line: dict[str, Any] = {
            "subject": self.subject,
            "condition": self.condition,
            "promised": self.promised,
            "trials": self.trials,
            **self.ours._asdict(),
            "kept": self.kept,
        }
        if self.least is not None:
            line["least"] = self.least
        for name, score in self.peers.items():
            line[name] = score._asdict()
        if self.note:
            line["note"] = self.note
        return line


@dataclass(frozen=True)
class Table:
    """Figures that are no row of hits and misses, such as a confusion matrix. `broken` promises are listed by name."""

    subject: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    text: str = ""
    broken: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Give one object, the rows by column."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"subject": self.subject, "table": self.title, "rows": rows, "broken": list(self.broken)}


def score(wanted: Sequence[Any], heard: Sequence[Any]) -> Score:
    """Compare what was there with what was heard, both in order: their longest common subsequence are the hits."""
    lengths = [0] * (len(heard) + 1)
    for one in wanted:
        before = 0
        for place, other in enumerate(heard, 1):
            kept = lengths[place]
            lengths[place] = before + 1 if one == other else max(kept, lengths[place - 1])
            before = kept
    hits = lengths[-1]
    return Score(hits, len(wanted) - hits, len(heard) - hits)


def run(subjects: Iterable[str] = SUBJECTS, *, quick: bool) -> Iterator[Row | Table]:
    """Make the rows of the subjects, one after the other."""
    for subject in subjects:
        yield from importlib.import_module(f"bench.accuracy.{subject}").rows(quick=quick)
