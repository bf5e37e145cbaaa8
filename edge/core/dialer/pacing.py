"""How many calls a campaign dials now, so that agents talk and nobody answers to find nobody there.

`decide` is a function of what has been learnt (`PacingState`), what can be seen (`Observation`) and the moment. Four
ways:

- `preview`: an agent has accepted a contact first; as many calls as that.
- `progressive`: one call for each agent who is ready. Nobody is abandoned unless an agent is lost while it rings.
- `power`: a fixed ratio of that.
- `predictive`: calls for agents who are not ready yet, too. One more is dialled while the risk that it is answered and
  finds nobody stays below a limit `q`. The risk is forecast for the moment at which half of the answers have come:
  agents who are then free, or free within the callee's patience, against calls answered until then. Both are sums of
  many independent chances, whose mean and variance are known, so normally distributed. `q` follows from the budget of
  abandoned calls: what the ceiling has granted for answers so far and was not used. So the long-run share of abandoned
  calls settles below the ceiling whatever the forecast gets wrong: when it was too bold the budget shrinks, and `q`.

All that dial more than `progressive` fall back to it:

- until enough is known: attempts, answers, and talks;
- as the budget runs out: `q` is 0 then;
- where what rings could break the ceiling, if many more answered than have so far (`_lines_at_worst`): an answer
  rate that jumps finds a reserve that was put aside. So the ceiling holds from the first answer of a campaign on.

A window that begins later sees only what was granted and used since: so no more than `DEPTH` unused abandonments are
kept for later (a token bucket), and a part of the ceiling, `MARGIN` and at least `ASIDE` abandonments,
is never granted. The ceiling is kept in a shorter period, too (`EARLY`): when good days are about to leave the period,
their budget has been missed for a while.
"""

import math
from operator import mul
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from edge.core.dialer.abandonment import Ledger
from edge.core.dialer.ages import Ages
from edge.core.dialer.estimates import AnswerEstimate, Horizon, SpanEstimate, horizon
from edge.core.dialer.ruleset import AbandonmentRule

Pacing = Literal["preview", "progressive", "power", "predictive"]
#: Why so many: the way itself, or what it fell back to progressive for.
Because = Literal["pacing", "learning", "budget"]

#: Cells of what is observed: (ms, cells).
RINGING_CELLS = (AnswerEstimate.CELL_MS, AnswerEstimate.CELLS)
WRAP_UP_CELLS = (1000, 64)
TALKING_CELLS = (8000, 64)
#: Horizons of a forecast: shares of the answers to a new call that have come until then.
SOON, LATE = 0.5, 0.95
#: Calls dialled at once of which more than one will be answered find agents late, too: the last one does not at this
#: risk at most.
LATE_RISK = 0.2
#: How long forecasts are kept at the least, and where the answer rate has changed.
FORECAST_MS, CHANGED_MS = 240_000, 10_000
#: Part of the ceiling that is never granted, and abandonments that are kept for later: where there are many answers,
#: and where there are few.
MARGIN, DEPTH, LEAST_DEPTH = 0.04, 30.0, 3.0
#: Abandonments that are never granted, however few the answers of the period are.
ASIDE = 20.0
#: The shorter period, as a part of the rules' own: 28 of 30 days.
EARLY = 14 / 15
#: Risk of the last call dialled when all of the budget is there, and when next to nothing is.
BOLDEST, SHYEST = 0.12, 0.006
#: An answer rate is held to be at worst so many times what it was, and so much more.
WORST_FACTOR, WORST_MORE = 4.0, 0.4


class PacingTerms(Struct, frozen=True, kw_only=True):
    """A campaign's pacing, as the site configures it."""

    pacing: Pacing = "progressive"
    #: Calls for each ready agent (`power`).
    ratio: float = 1.0
    rule: AbandonmentRule
    #: How long somebody who was found to be a person waits for an agent before he counts as abandoned: what the rule
    #: gives from the end of his greeting on, less what a detector of answering machines needs after that.
    patience_ms: int = 2000
    #: What is expected before anything is measured.
    answer_rate: float = 0.3
    ring_ms: int = 9000
    ring_limit_ms: int = 22_000
    talk_ms: int = 120_000
    wrap_up_ms: int = 20_000
    #: What must be known before more is dialled than one call for each ready agent.
    learn_attempts: int = 100
    learn_answers: int = 30
    learn_talks: int = 20


class Observation(Struct, frozen=True, kw_only=True):
    """What can be seen of a campaign."""

    #: Agents who would take a call now; none who is about to leave.
    ready: int
    talking: Ages
    wrap_up: Ages
    #: Attempts under way until a person was found, by when they began: those whose detector still listens, too.
    ringing: Ages
    #: Persons found, for whom no agent is there yet.
    waiting: int = 0
    #: Contacts that agents have accepted, and that are not dialled yet (`preview`).
    accepted: int = 0
    #: Calls that channels and the limit of calls a second leave room for.
    room: int


class Decision(Struct, frozen=True):
    """How many calls to dial now."""

    dial: int
    because: Because = "pacing"


class PacingState:
    """What a campaign has learnt. After a restart it is told its last attempts again."""

    def __init__(self, terms: PacingTerms) -> None:
        self.terms = terms
        self.ledger = Ledger(terms.rule)
        self._early = Ledger(replace(terms.rule, period_ms=round(EARLY * terms.rule.period_ms)))
        self.answers = AnswerEstimate(rate=terms.answer_rate, ring_ms=terms.ring_ms, limit_ms=terms.ring_limit_ms)
        self.talk = SpanEstimate(cell_ms=TALKING_CELLS[0], cells=TALKING_CELLS[1], mean_ms=terms.talk_ms)
        self.wrap_up = SpanEstimate(cell_ms=WRAP_UP_CELLS[0], cells=WRAP_UP_CELLS[1], mean_ms=terms.wrap_up_ms)
        self.ceiling = terms.rule.ceiling_per_mille / 1000
        #: Abandonments granted and not used, and how many are kept at most.
        self.tokens, self.depth = 0.0, LEAST_DEPTH
        self._horizons: list[Horizon] = []
        self._stale, self._made_ms = True, 0

    def attempt_ended(self, lasted_ms: int, *, live: bool) -> None:
        """Note that an attempt has found a person so long after it began, or is over without one."""
        if self.answers.ended(lasted_ms, live=live):
            self._stale = True

    def served(self, now_ms: int) -> None:
        """Note that somebody who answered has got an agent."""
        self.ledger.add(now_ms, "connected")
        self._early.add(now_ms, "connected")
        self._grant(now_ms)

    def abandoned(self, now_ms: int) -> None:
        """Note that somebody who answered has found nobody in time."""
        self.ledger.add(now_ms, "abandoned")
        self._early.add(now_ms, "abandoned")
        self._grant(now_ms)
        self.tokens -= 1

    def _grant(self, now_ms: int) -> None:
        live = self.ledger.recent(now_ms).live
        margin = max(MARGIN * self.ceiling, ASIDE / live)
        self.depth = min(max(MARGIN * self.ceiling * live / 2, LEAST_DEPTH), DEPTH)
        self.tokens = min(self.tokens + max(self.ceiling - margin, 0.0), self.depth)

    def slack(self, now_ms: int) -> float:
        """Return how many more the ceiling lets be abandoned: of the last period, a shorter one, since the begin."""
        whole, early, since = self.ledger.recent(now_ms), self._early.recent(now_ms), self.ledger.since_begin
        return min([self.ceiling * one.live - one.abandoned for one in (whole, early, since)])

    def talked(self, lasted_ms: int) -> None:
        """Note how long an agent has talked."""
        if self.talk.ended(lasted_ms):
            self._stale = True

    def wrapped_up(self, lasted_ms: int) -> None:
        """Note how long an agent has worked afterwards; 0: not at all."""
        if self.wrap_up.ended(lasted_ms):
            self._stale = True

    @property
    def known(self) -> bool:
        """Whether enough is known to dial more than one call for each ready agent."""
        terms = self.terms
        return (
            self.answers.attempts >= terms.learn_attempts
            and self.answers.answers >= terms.learn_answers
            and self.talk.seen >= terms.learn_talks
        )

    def horizons(self, seen: Observation, now_ms: int) -> list[Horizon]:
        """Give the forecasts; those that are old are made anew when much was learnt since."""
        keep_ms = CHANGED_MS if self.answers.changed else FORECAST_MS
        if not self._horizons or (self._stale and not 0 <= now_ms - self._made_ms < keep_ms):
            self._stale, self._made_ms = False, now_ms
            talk, wrap = self.talk.hazards(seen.talking), self.wrap_up.hazards(seen.wrap_up)
            self._horizons = [
                horizon(
                    self.answers,
                    talk,
                    wrap,
                    share=share,
                    patience_ms=self.terms.patience_ms,
                    talk_cell_ms=TALKING_CELLS[0],
                )
                for share in (SOON, LATE)
            ]
        return self._horizons


def decide(state: PacingState, seen: Observation, now_ms: int) -> Decision:
    """Say how many calls to dial now; `seen` is of the same moment. Takes O(cells), whatever the number of agents."""
    terms = state.terms
    if terms.pacing == "preview":
        return Decision(max(min(seen.accepted, seen.room), 0))
    each = seen.ready - seen.waiting - seen.ringing.total
    if terms.pacing == "progressive":
        return Decision(max(min(each, seen.room), 0))
    if not state.known:
        return Decision(max(min(each, seen.room), 0), "learning")
    slack = state.slack(now_ms)
    worst = min(WORST_FACTOR * state.answers.rate + WORST_MORE, 1.0)
    if terms.pacing == "power":
        wanted = math.floor(terms.ratio * (seen.ready - seen.waiting) + 1e-9) - seen.ringing.total
        capped = min(wanted, _lines_at_worst(worst, seen, slack) - seen.ringing.total)
    else:
        wanted = capped = _predicted(state, seen, slack, worst, now_ms)
    dial = max(each, capped)
    because: Because = "budget" if slack < 1 or capped < wanted else "pacing"
    return Decision(max(min(dial, seen.room), 0), because)


def _lines_at_worst(worst: float, seen: Observation, slack: float) -> int:
    """Give how many calls may be under way: were so many answered as the worst rate says, the ceiling would hold.

    `worst` is that rate, `slack` are the abandonments that it allows now. Of n calls at a rate w as many as n w + 2
    sqrt(n w (1 - w)) are held to be answered, n at the most. No agent is held to get free meanwhile: he may go home.
    """
    ready = seen.ready - seen.waiting
    answered = slack + ready
    if slack < 1 or answered < 0:
        return max(ready, 0)
    spread = math.sqrt(worst * (1 - worst))
    root = (math.sqrt(spread * spread + worst * answered) - spread) / worst
    return math.floor(max(root * root, answered))


def _predicted(state: PacingState, seen: Observation, slack: float, worst: float, now_ms: int) -> int:
    """Give how many more calls find an agent, at the risk that the budget allows; below 0: the budget allows none."""
    soon, late = state.horizons(seen, now_ms)
    free, variance = _forecast(soon, seen)
    under_way = seen.ringing.total
    most = _lines_at_worst(worst, seen, slack) - under_way
    reserve = max(under_way * worst - seen.ready + seen.waiting, 0.0)
    budget = min(state.tokens, slack - reserve) / state.depth
    if most <= 0 or state.tokens <= -state.depth:
        return -1
    limit = SHYEST * (BOLDEST / SHYEST) ** max(budget, -1.0)
    most = min(most, seen.room)
    count = 0
    while count < most and _risk(free, variance, count, soon.fresh) <= limit:
        count += 1
    if count * late.fresh > 1:
        free, variance = _forecast(late, seen)
        while count * late.fresh > 1 and _risk(free, variance, count - 1, late.fresh) > LATE_RISK:
            count -= 1
    return count


def _risk(free: float, variance: float, more: int, fresh: float) -> float:
    """Return the chance that no agent is free, given their number and its variance, after `more` calls beside those."""
    spread = math.sqrt(max(variance + more * fresh * (1 - fresh), 1e-6))
    return math.erfc((free - more * fresh - 0.5) / (spread * math.sqrt(2))) / 2


def _forecast(at: Horizon, seen: Observation) -> tuple[float, float]:
    """Return the agents free at a horizon less the calls answered until then, and its variance."""
    answered = sum(map(mul, seen.ringing.counts, at.reach))
    wrapped = sum(map(mul, seen.wrap_up.counts, at.wrapped))
    talked = sum(map(mul, seen.talking.counts, at.talked))
    variance = answered * (1 - at.fresh) + sum(map(mul, seen.wrap_up.counts, at.wrapped_variance)) + talked
    return seen.ready - seen.waiting + wrapped + talked - answered, variance
