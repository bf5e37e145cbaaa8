"""How campaigns kept the rules: every attempt that was made judged once more, by what was known when it began.

Numbers, hours, attempts, gaps and pauses can be judged again at any time. How old lists were and what was agreed to is
kept with each attempt (`Grounds`). Whether the number stood on a list then, is not: it was looked up, and the attempt
was made only because it did not.
"""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from msgspec import Struct, field

from edge.core.dialer.abandonment import NO_ESTIMATES, Estimates, Window, rate, successive, worst
from edge.core.dialer.reasons import Reason, Rule
from edge.core.dialer.rules import History, Judge, Request
from edge.core.dialer.ruleset import CampaignKind, Ruleset
from edge.core.menus.calendar import Zone
from edge.vocabulary.dialing import Disposition, Grounds, PastAttempt
from edge.vocabulary.private import Private

#: Rules that an attempt of the past is judged by.
JUDGED: tuple[Rule, ...] = ("clock", "number", "zone", "hours", "attempts", "gap", "after")
#: And by these, where it is known what it was made on.
GROUNDED: tuple[Rule, ...] = ("list", "consent")
_UNANSWERED: frozenset[Disposition] = frozenset({"no_answer", "cancelled"})


class Made(Struct, frozen=True, kw_only=True):
    """An attempt that was made, and all that it is judged by."""

    attempt: str
    campaign: str
    number: Private
    #: List and id of the contact.
    contact: tuple[str, str]
    contact_zone: str = ""
    started_ms: int
    #: None: it is open.
    ended_ms: int | None = None
    disposition: Disposition | None = None
    rang_ms: int | None = None
    #: It was we who ended the ringing, not the far end.
    given_up: bool = True
    kind: CampaignKind = "agent"
    #: An agent was there before it was dialled.
    agent_waiting: bool = False
    #: The callee asked not to be called any more.
    opted_out: bool = False
    #: None: nobody has kept them.
    grounds: Grounds | None = None


class CampaignConduct(Struct, kw_only=True):
    """What one campaign did in the time that is reported."""

    campaign: str
    rules: Ruleset
    attempts: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    #: By the hour of the callee (0 to 23); -1: his zone is not known, or his zones do not agree.
    hours: Counter[int] = field(default_factory=Counter)
    #: Attempts that a rule would have forbidden, by the reason.
    breaches: Counter[Reason] = field(default_factory=Counter)
    #: Their ids, the first few, for who looks into them.
    examples: dict[Reason, list[str]] = field(default_factory=dict)
    #: Calls that were not made, by the reason, on the days of the time; a call has as many reasons as forbid it.
    refused: Counter[str] = field(default_factory=Counter)
    #: Lists that the rules ask -> the greatest age (ms) that one had when somebody was called.
    list_ages: dict[str, int] = field(default_factory=dict)
    #: Attempts by what had been agreed to, as the rules name it, and those of them with a proof.
    consents: Counter[str] = field(default_factory=Counter)
    proven: Counter[str] = field(default_factory=Counter)
    #: What agents said last of the talks of its attempts, by code.
    results: Counter[str] = field(default_factory=Counter)
    #: Callees who asked not to be called any more.
    opted_out: int = 0
    #: Attempts of which nobody kept what they were made on.
    groundless: int = 0
    #: Given up before it had rung as long as it has to.
    rang_short: int = 0
    #: Attempts of the time -> numbers that had so many.
    per_number: Counter[int] = field(default_factory=Counter)
    #: Periods of the campaign that reach into the time, and the worst one from any moment.
    periods: list[Window] = field(default_factory=list)
    worst: Window | None = None
    estimates: Estimates = NO_ESTIMATES

    def keeps(self, window: Window) -> bool:
        """Say whether a period keeps the ceiling."""
        return rate(window.tally, self.estimates) * 1000 <= self.rules.abandonment.ceiling_per_mille


_EXAMPLES = 10


class Conduct:
    """Takes the attempts of all campaigns, in the order in which they began.

    `judge_for` gives the judge of a campaign that is reported, else None; attempts of others count where rules count
    over all campaigns. `reach_ms` is the longest `window_ms` of all judges. What began before `since_ms` is history
    only, and part of a campaign's periods.
    """

    def __init__(
        self,
        judge_for: Callable[[str], Judge | None],
        reach_ms: int,
        since_ms: int,
        estimates: Estimates = NO_ESTIMATES,
    ) -> None:
        self._judge_for = judge_for
        self._reach_ms = reach_ms
        self._since_ms = since_ms
        self._estimates = estimates
        #: When the last attempt at a number ended; infinite: it has not.
        self._free: dict[Private, float] = {}
        self._of_number: dict[Private, deque[PastAttempt]] = defaultdict(deque)
        self._of_contact: dict[tuple[str, str], deque[PastAttempt]] = defaultdict(deque)
        self._answers: dict[str, list[tuple[int, Disposition | None]]] = defaultdict(list)
        self._counts: dict[str, Counter[Private]] = defaultdict(Counter)
        self._found: dict[str, CampaignConduct] = {}

    def take(self, made: Made) -> None:
        """Judge an attempt, and remember it for those after it."""
        judge = self._judge_for(made.campaign)
        if judge is not None:
            self._answers[made.campaign].append((made.started_ms, made.disposition))
            if made.started_ms >= self._since_ms:
                self._judged(judge, made)
        ended = math.inf if made.ended_ms is None else made.ended_ms
        self._free[made.number] = max(ended, self._free.get(made.number, 0))
        past = PastAttempt(
            attempt=made.attempt,
            campaign=made.campaign,
            started_ms=made.started_ms,
            # One that is still open was not forbidden to be made by itself, and later ones are judged by their begin.
            disposition=made.disposition or "no_answer",
        )
        for kept in (self._of_number[made.number], self._of_contact[made.contact]):
            kept.append(past)
            while kept[0].started_ms < made.started_ms - self._reach_ms:
                kept.popleft()

    def result(self) -> list[CampaignConduct]:
        """Give what each campaign did, by name."""
        for name, found in self._found.items():
            found.per_number = Counter(self._counts[name].values())
            rule, answers = found.rules.abandonment, self._answers[name]
            found.periods = [period for period in successive(answers, rule) if period.end_ms > self._since_ms]
            found.worst = worst([one for one in answers if one[0] >= self._since_ms], rule)
        return [found for _, found in sorted(self._found.items())]

    def _judged(self, judge: Judge, made: Made) -> None:
        found = self._found.get(made.campaign)
        if found is None:
            found = CampaignConduct(campaign=made.campaign, rules=judge.rules, estimates=self._estimates)
            self._found[made.campaign] = found
        found.attempts += 1
        found.dispositions[made.disposition or "under way"] += 1
        self._counts[made.campaign][made.number] += 1
        request = Request(
            number=made.number,
            campaign=made.kind,
            contact_zone=made.contact_zone,
            agent_waiting=made.agent_waiting,
        )
        found.hours[_hour(judge.tables(request), made.started_ms)] += 1
        found.rang_short += _rang_short(made, judge.rules.ring.least_ms)
        grounds = made.grounds or Grounds()
        _count_grounds(found, made)
        found.opted_out += made.opted_out
        history = History(
            number=list(self._of_number[made.number]),
            contact=list(self._of_contact[made.contact]),
            suppressions=[],
            lists=grounds.lists,
            consents=grounds.consents,
        )
        judged = JUDGED if made.grounds is None else (*JUDGED, *GROUNDED)
        reasons = {
            check.reason
            for check in judge.examine(request, history, made.started_ms)
            if check.reason is not None and check.rule in judged
        }
        if self._free.get(made.number, 0) > made.started_ms:
            reasons.add("under_way")
        for reason in reasons:
            found.breaches[reason] += 1
            examples = found.examples.setdefault(reason, [])
            if len(examples) < _EXAMPLES:
                examples.append(made.attempt)


def _count_grounds(found: CampaignConduct, made: Made) -> None:
    if made.grounds is None:
        found.groundless += 1
        return
    for rule in found.rules.lists:
        if rule.listed_in in made.grounds.lists:
            age_ms = made.started_ms - made.grounds.lists[rule.listed_in]
            found.list_ages[rule.listed_in] = max(age_ms, found.list_ages.get(rule.listed_in, 0))
    good = [one for one in made.grounds.consents if not 0 < one.expires_ms <= made.started_ms]
    found.consents.update({one.kind for one in good})
    found.proven.update({one.kind for one in good if one.evidence})


def _rang_short(made: Made, least_ms: int) -> bool:
    unanswered = made.disposition in _UNANSWERED and made.given_up
    return unanswered and made.rang_ms is not None and made.rang_ms < least_ms


def _hour(zones: tuple[Zone, ...], at_ms: int) -> int:
    hours = {zone.local(at_ms).hour for zone in zones}
    return hours.pop() if len(hours) == 1 else -1
