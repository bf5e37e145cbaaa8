"""Abandoned calls as regulators count them: of those whom a person answered, how many found nobody.

16 CFR 310.4(b)(4)(i) and 47 CFR 64.1200(a)(7): abandoned calls divided by all calls answered by a live person, over
each successive 30 days of a campaign, or over all of a shorter one. Live answers are those who were served and those
who were abandoned; machines, fax and rings without an answer are in neither number. Ofcom counts likewise, with two
reasoned estimates (statement of 1 October 2010, annex 1, and annex 3 of the statement of 20 December 2016): without
answering machine detection, abandoned calls that only a machine had answered are deducted; with it, persons that were
taken for machines are added.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from edge.core.dialer.ruleset import AbandonmentRule
from edge.vocabulary.dialing import Disposition

DAY_MS = 86_400_000

#: What an attempt is to the formula.
Answer = Literal["served", "abandoned", "machine", "unclear", "none"]

_ANSWERS: dict[Disposition, Answer] = {
    "connected": "served",
    "abandoned": "abandoned",
    "machine": "machine",
    "fax": "machine",
    # Somebody may have answered. It must not make the share smaller, so it is in neither number and shown beside it.
    "silence": "unclear",
    "held": "unclear",
}


def answer_of(disposition: Disposition | None) -> Answer:
    """Say what an attempt counts as; one under way counts as nothing yet."""
    return _ANSWERS.get(disposition, "none") if disposition is not None else "none"


class Tally(Struct, frozen=True):
    """Answers of a campaign, or of a window of it."""

    served: int = 0
    abandoned: int = 0
    machines: int = 0
    unclear: int = 0

    @property
    def live(self) -> int:
        """Calls that a person answered."""
        return self.served + self.abandoned

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.served + other.served,
            self.abandoned + other.abandoned,
            self.machines + other.machines,
            self.unclear + other.unclear,
        )


class Estimates(Struct, frozen=True, kw_only=True):
    """Reasoned estimates, which who reports has to be able to show the grounds of. Shares from 0 to 1."""

    #: With answering machine detection: of the calls that were taken for machines, those that a person had answered.
    persons_among_machines: float = 0.0
    #: Without: of the calls put through to agents, those that a machine had answered.
    machines_among_live: float = 0.0


NO_ESTIMATES = Estimates()


def tally(dispositions: Iterable[Disposition | None]) -> Tally:
    """Count attempts."""
    counts: dict[Answer, int] = dict.fromkeys(("served", "abandoned", "machine", "unclear", "none"), 0)
    for disposition in dispositions:
        counts[answer_of(disposition)] += 1
    return Tally(counts["served"], counts["abandoned"], counts["machine"], counts["unclear"])


def abandoned_of(found: Tally, estimates: Estimates = NO_ESTIMATES) -> float:
    """Return the abandoned calls, with what the estimates deduct and add."""
    return found.abandoned * (1 - estimates.machines_among_live) + found.machines * estimates.persons_among_machines


def rate(found: Tally, estimates: Estimates = NO_ESTIMATES) -> float:
    """Return the abandoned share of live answers, 0 to 1; 0 where nobody answered."""
    abandoned = abandoned_of(found, estimates)
    whole = abandoned + found.served
    return abandoned / whole if whole else 0.0


def left(found: Tally, rule: AbandonmentRule) -> int:
    """Return how many of the live answers so far may still turn out abandoned; below 0: the ceiling is broken.

    An abandoned call is itself a live answer, and this counts those that there are, not those it would add: so it never
    allows too much.
    """
    return rule.ceiling_per_mille * found.live // 1000 - found.abandoned


class Window(Struct, frozen=True):
    """A stretch of a campaign; `end_ms` is not in it."""

    begin_ms: int
    end_ms: int
    tally: Tally


def successive(answers: Sequence[tuple[int, Disposition | None]], rule: AbandonmentRule) -> list[Window]:
    """Divide a campaign in successive periods from its first attempt on; the last one may be a portion.

    `answers` are (moment in ms, disposition) of all attempts, in any order. Periods without an attempt are left out.
    """
    if not answers:
        return []
    ordered = sorted(answers, key=lambda answer: answer[0])
    begin, last = ordered[0][0], ordered[-1][0]
    found: dict[int, list[Disposition | None]] = {}
    for moment, disposition in ordered:
        found.setdefault((moment - begin) // rule.period_ms, []).append(disposition)
    return [
        Window(
            begin + number * rule.period_ms,
            min(begin + (number + 1) * rule.period_ms, last + 1),
            tally(dispositions),
        )
        for number, dispositions in found.items()
    ]


def worst(answers: Sequence[tuple[int, Disposition | None]], rule: AbandonmentRule) -> Window | None:
    """Find the period, beginning at any moment, with the greatest share of abandoned calls; None without answers.

    A campaign shorter than the period is one window. This is stricter than any rule asks: the law counts successive
    periods, and somebody who began to count on another day must not find more.
    """
    ordered = sorted((moment, answer_of(disposition)) for moment, disposition in answers)
    if not ordered:
        return None
    first, last = ordered[0][0], ordered[-1][0]
    if last - first < rule.period_ms:
        return Window(first, last + 1, tally(disposition for _, disposition in answers))
    # What a window holds changes only where an attempt has just entered it, or has just left it.
    changes = {moment + 1 for moment, _ in ordered} | {moment + 1 - rule.period_ms for moment, _ in ordered}
    begins = {first} | {begin for begin in changes if first <= begin <= last + 1 - rule.period_ms}
    counts: dict[Answer, int] = dict.fromkeys(("served", "abandoned", "machine", "unclear", "none"), 0)
    enters = leaves = 0
    found: Window | None = None
    for begin in sorted(begins):
        while enters < len(ordered) and ordered[enters][0] < begin + rule.period_ms:
            counts[ordered[enters][1]] += 1
            enters += 1
        while ordered[leaves][0] < begin:
            counts[ordered[leaves][1]] -= 1
            leaves += 1
        here = Tally(counts["served"], counts["abandoned"], counts["machine"], counts["unclear"])
        if found is None or rate(here) > rate(found.tally):
            found = Window(begin, begin + rule.period_ms, here)
    return found


class Ledger:
    """Live answers of a campaign within the last period, and since its begin: what pacing keeps its budget by.

    Answers are kept by the second. Moments that go back (the clock was set) count as the latest one.
    """

    def __init__(self, rule: AbandonmentRule) -> None:
        self._rule = rule
        #: Second, served, abandoned.
        self._recent: deque[list[int]] = deque()
        self._served = self._abandoned = 0
        self.since_begin = Tally()

    def add(self, at_ms: int, disposition: Disposition | None) -> None:
        """Note what became of an attempt. What no person answered changes nothing."""
        answer = answer_of(disposition)
        if answer not in {"served", "abandoned"}:
            return
        served, abandoned = int(answer == "served"), int(answer == "abandoned")
        second = at_ms // 1000
        if self._recent and self._recent[-1][0] >= second:
            self._recent[-1][1] += served
            self._recent[-1][2] += abandoned
        else:
            self._recent.append([second, served, abandoned])
        self._served += served
        self._abandoned += abandoned
        self.since_begin += Tally(served, abandoned)

    def recent(self, now_ms: int) -> Tally:
        """Return the answers of the period that ends now."""
        horizon = (now_ms - self._rule.period_ms) / 1000
        while self._recent and self._recent[0][0] < horizon:
            _, served, abandoned = self._recent.popleft()
            self._served -= served
            self._abandoned -= abandoned
        return Tally(self._served, self._abandoned)

    def left(self, now_ms: int) -> int:
        """Return how many more may be abandoned now so that the ceiling holds in the last period and since the begin.

        Both, since a period may be counted from the begin on.
        """
        return min(left(self.recent(now_ms), self._rule), left(self.since_begin, self._rule))
