"""How often it is told right who answered: confusion matrices, deadlines, times to the verdict.

Thresholds are set on the development half of the voices. The quick form, which guards against slips, takes the half
that was looked at while rules were added; what is published is the untouched part, which is judged for the page only.
"""

import collections
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.accuracy import Row, Score, Table, asterisk_amd
from bench.accuracy.answer_calls import CONDITIONS, LINES, Call, corpus
from bench.accuracy.answer_texts import FLITE, TEXTS, VARIANTS, Half
from bench.accuracy.answer_voices import SPEAKERS
from bench.accuracy.signals import RATE
from dsp.detectors import answer, answer_offline

VERDICTS = ("human", "machine", "fax", "unknown")
DEADLINES_MS = (2500, 4000, 5000, 6000, 8000, 12000)
#: Promises: share right; humans not taken for machines; median times (s).
RIGHT = 0.95
HUMANS_KEPT = 0.99
#: Of the quick form, in which one call is half a percent of all and one human a percent.
RIGHT_QUICK = 0.92
HUMANS_KEPT_QUICK = 0.97
SHORT_WITHIN = 1.5
LONGER_WITHIN = 0.8
MACHINE_WITHIN = 4.0


@dataclass(frozen=True)
class Judged:
    """A call and what was said of it."""

    call: Call
    verdict: str
    cause: str
    #: Samples from the answer.
    at: int
    #: Whether a human was taken back later: it was a machine.
    revised: bool = False

    @property
    def right(self) -> bool:
        """Whether the verdict is true."""
        return self.verdict == self.call.truth

    @property
    def at_last(self) -> "Judged":
        """The same with what was said of it in the end."""
        return replace(self, verdict="machine") if self.revised else self

    @property
    def after_begin(self) -> float:
        """Seconds from the begin of speech to the verdict."""
        return (self.at - self.call.speech[0]) / RATE

    @property
    def after_end(self) -> float:
        """Seconds from the end of speech to the verdict."""
        return (self.at - self.call.speech[1]) / RATE


def judge(calls: Sequence[Call], settings: dict[str, int] | None = None) -> list[Judged]:
    """Judge calls of one length, as the engine does, by settings in ms (the rest: defaults)."""
    out = [Judged(call, "unknown", "none", len(call.samples)) for call in calls]
    for one in answer_offline.judge(np.stack([call.samples for call in calls]), answer.settings(settings)):
        if int(one["code"]) in answer.CODE_NAMES:
            verdict, cause = answer.CODE_NAMES[int(one["code"])], answer.CAUSE_NAMES[int(one["cause"])]
            out[one["row"]] = Judged(calls[one["row"]], verdict, cause, int(one["at"]))
        elif int(one["code"]) == answer.REVISED:
            out[one["row"]] = replace(out[one["row"]], revised=True)
    return out


def judge_by_amd(calls: Sequence[Call]) -> list[Judged]:
    """Judge calls by the rule of AMD()."""
    return [Judged(call, *asterisk_amd.judge(call.samples)) for call in calls]


def matrix(judged: Sequence[Judged]) -> list[list[object]]:
    """Give a row for each truth: what was said of it, by `VERDICTS`."""
    counts = collections.Counter((one.call.truth, one.verdict) for one in judged)
    return [[truth, *(counts[truth, verdict] for verdict in VERDICTS)] for truth in VERDICTS]


def share_right(judged: Sequence[Judged]) -> float:
    """Give the share of true verdicts."""
    return sum(one.right for one in judged) / len(judged)


def humans_taken(judged: Sequence[Judged]) -> tuple[int, int]:
    """Give how many humans were taken for a machine or a fax, and how many there were."""
    humans = [one for one in judged if one.call.truth == "human"]
    return sum(one.verdict in {"machine", "fax"} for one in humans), len(humans)


def _rate(condition: str, ours: Sequence[Judged], theirs: Sequence[Judged], least: float | None) -> Row:
    def score(judged: Sequence[Judged]) -> Score:
        hits = sum(one.right for one in judged)
        return Score(hits, len(judged) - hits, 0)

    return Row("answer", condition, "rate", len(ours), score(ours), {"AMD() rule": score(theirs)}, least)


def _kept(condition: str, ours: Sequence[Judged], theirs: Sequence[Judged], least: float) -> Row:
    def score(judged: Sequence[Judged]) -> Score:
        taken, humans = humans_taken(judged)
        return Score(humans - taken, taken, 0)

    peers = {"AMD() rule": score(theirs)}
    return Row(
        "answer",
        condition,
        "rate",
        score(ours).hits + score(ours).misses,
        score(ours),
        peers,
        least,
    )


def _times(judged: Sequence[Judged]) -> Table:
    wanted = (
        ("short human greetings, from begin of speech", ("short", "asks again"), "after_begin", SHORT_WITHIN),
        ("longer human greetings, from end of speech", ("company", "two parts"), "after_end", LONGER_WITHIN),
        (
            "machines, from begin of speech",
            ("greeting", "halting greeting", "brief greeting"),
            "after_begin",
            MACHINE_WITHIN,
        ),
    )
    rows: list[list[object]] = []
    broken = []
    for name, sorts, figure, within in wanted:
        times = [getattr(one, figure) for one in judged if one.call.sort in sorts and one.right]
        p50, p90, p99 = (float(value) for value in np.percentile(times, [50, 90, 99]))
        rows.append([name, len(times), *(f"{value:.2f}" for value in (p50, p90, p99)), f"{within:.1f}"])
        if p50 > within:
            broken.append(name)
    return Table(
        "answer",
        "Time to the right verdict, s",
        ("class", "calls", "p50", "p90", "p99", "reach (p50)"),
        rows,
        broken=broken,
    )


def _deadlines(calls: Sequence[Call]) -> Table:
    rows: list[list[object]] = []
    for deadline in DEADLINES_MS:
        judged = judge(calls, {"deadline": deadline})
        taken, humans = humans_taken(judged)
        unknown = sum(one.verdict == "unknown" for one in judged) / len(judged)
        shares = (share_right(judged), taken / humans, unknown)
        rows.append([f"{deadline / 1000:.1f}", *(f"{100 * share:.1f} %" for share in shares)])
    columns = ("deadline, s", "right", "humans taken for machines", "unknown")
    return Table("answer", "By deadline", columns, rows)


def rows(*, quick: bool) -> Iterator[Row | Table]:
    """Make the tables; seeds are fixed."""
    half: Half = "held_out" if quick else "untouched"
    calls = corpus(half, quick=quick)
    ours, theirs = judge(calls), judge_by_amd(calls)
    yield _rate("all calls", ours, theirs, RIGHT_QUICK if quick else RIGHT)
    corrected = [one.at_last for one in ours]
    yield _rate("all calls, after answer.revised", corrected, theirs, RIGHT_QUICK if quick else RIGHT)
    kept = HUMANS_KEPT_QUICK if quick else HUMANS_KEPT
    yield _kept("humans not taken for machines", ours, theirs, kept)
    yield _kept("humans not taken for machines, after answer.revised", corrected, theirs, kept)
    for sort in dict.fromkeys(call.sort for call in calls):
        of_sort = [at for at, call in enumerate(calls) if call.sort == sort]
        truth = calls[of_sort[0]].truth
        name = sort if sort == truth else f"{truth}: {sort}"
        yield _rate(name, [ours[at] for at in of_sort], [theirs[at] for at in of_sort], None)
    languages = ", ".join(language for language, *_ in TEXTS[half])
    said = (
        f"{len(calls)} calls; voices: {', '.join(SPEAKERS[half])}, espeak-ng ({languages}; {', '.join(VARIANTS[half])})"
    )
    if half == "untouched":
        said += (
            f" and flite ({', '.join(FLITE)}); lines: {', '.join((*CONDITIONS, *LINES))}. Rules and thresholds were set"
            " on other voices, languages and lines; what they lead to on these was looked at for this page only."
        )
    else:
        said += ". Settings were set on other voices, but what they led to on these was looked at."
    columns = ("truth", *VERDICTS)
    yield Table("answer", "Who answered", columns, matrix(ours), said)
    yield Table("answer", "Who answered, after answer.revised", columns, matrix(corrected))
    yield Table(
        "answer", "Who answered, by the rule of AMD() with its defaults", columns, matrix(theirs),
        "Asterisk's rule, written anew from its documentation.",
    )  # fmt: skip
    yield _times(ours)
    yield _deadlines(calls)
