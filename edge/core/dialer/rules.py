"""May a number be dialled now? Everything that is not known forbids.

A `Judge` holds one set of rules and answers as a pure function of what it is asked: the same request, history and
moment have the same verdict, whatever was asked before (it keeps what it worked out about zones, nothing else).
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from edge.core.dialer.hours import OpenHours, ZoneSource, first_moment_of, local_day, week_of
from edge.core.dialer.numbers import NumberFacts, facts_of
from edge.core.dialer.reasons import Check, Reason, Verdict
from edge.core.dialer.ruleset import AfterRule, AttemptsRule, CampaignKind, ConsentRule, ListRule, Ruleset
from edge.core.menus.calendar import Zone
from edge.vocabulary.dialing import Consent, PastAttempt, Suppression
from edge.vocabulary.private import Private

#: The list of those who asked us ourselves.
OWN_LIST = "own"
#: So far ahead the next allowed moment is looked for.
HORIZON_MS = 400 * 86_400_000
#: Each step is the next moment of some rule; a call that so many moments do not allow is not waited for.
_STEPS = 200


#: Longer than any week, with a change of the clock in it, in any zone.
_CALENDAR_MS = 9 * 86_400_000


class Request(Struct, frozen=True, kw_only=True):
    """A call that somebody wants to make."""

    #: E.164.
    number: Private
    campaign: CampaignKind
    #: What would be shown to the callee, E.164.
    caller_id: Private | None = None
    #: Numbers that we may show, E.164.
    own_numbers: frozenset[str] = frozenset()
    #: IANA name that the list has for the contact; empty: none.
    contact_zone: str = ""
    #: An agent is there for this very call before it is dialled (preview, progressive).
    agent_waiting: bool = False


class History(Struct, frozen=True, kw_only=True):
    """What is known about a number and its contact. None: it cannot be read."""

    #: Attempts at this number, for whichever campaign.
    number: list[PastAttempt] | None
    #: Attempts at any number of this contact, for whichever campaign.
    contact: list[PastAttempt] | None
    suppressions: list[Suppression] | None
    #: Imported lists with the moment (ms) of their last load.
    lists: dict[str, int] | None
    consents: list[Consent] | None
    #: The number is on the line with us, whoever called whom, or is about to be called back.
    talking: bool = False


class _Case(Struct, frozen=True):
    """What does not change as the moment does."""

    request: Request
    history: History
    facts: NumberFacts | None
    #: The zones that count; empty: not known.
    names: tuple[str, ...]
    zones: tuple[Zone, ...]


_CheckMaker = Callable[[_Case, int], Iterator[Check]]


class Judge:
    """Applies a set of rules. `zone_of` finds tables of time zones, which are good from and to `known_ms`."""

    def __init__(self, rules: Ruleset, zone_of: ZoneSource, known_ms: tuple[int, int]) -> None:
        self.rules = rules
        self._hours = OpenHours(rules.hours.calendar, zone_of)
        self._known_ms = known_ms
        self._checks: tuple[_CheckMaker, ...] = (
            self._number,
            self._history,
            self._zone,
            self._opening,
            self._attempts,
            self._gap,
            self._after,
            self._own_list,
            self._lists,
            self._consents,
            self._caller_id,
        )

    def judge(self, request: Request, history: History, now_ms: int) -> Verdict:
        """Say whether a number may be dialled at `now_ms` (UTC, ms since 1970), and else when it first may."""
        case = self._case(request, history)
        refusals = self._refusals(case, now_ms)
        if not refusals:
            return Verdict(allowed=True, next_ms=now_ms)
        return Verdict(allowed=False, refusals=refusals, next_ms=self._next(case, now_ms, refusals))

    def examine(self, request: Request, history: History, now_ms: int) -> list[Check]:
        """Give the answer of every rule at `now_ms`, also of those that allow the call."""
        return list(self._all(self._case(request, history), now_ms))

    @property
    def window_ms(self) -> int:
        """How far back attempts can forbid another one, by their moment alone."""
        windows = [rule.within_ms if rule.calendar is None else _CALENDAR_MS for rule in self.rules.attempts]
        waits = [rule.wait_ms for rule in self.rules.after]
        return max([0, *windows, *waits, self.rules.gap.least_ms if self.rules.gap is not None else 0])

    @property
    def looks_back_ms(self) -> int:
        """How far back a history has to reach: a year at the least, for one that is held forbids however old it is."""
        return max(self.window_ms, HORIZON_MS)

    def facts(self, request: Request) -> NumberFacts | None:
        """Give what the number says about who has it; None for what is no number."""
        return facts_of(request.number.reveal())

    def tables(self, request: Request) -> tuple[Zone, ...]:
        """Give the tables of the zones that count; none: nobody can say."""
        return self._case(request, _NOTHING).zones

    def zones(self, request: Request) -> tuple[str, ...]:
        """Name the zones that count for a number and its contact; empty: nobody can say."""
        return self._case(request, _NOTHING).names

    def _refusals(self, case: _Case, at_ms: int) -> list[Check]:
        return [check for check in self._all(case, at_ms) if check.reason is not None]

    def _next(self, case: _Case, now_ms: int, refusals: list[Check]) -> int | None:
        """Find the first moment at which nothing forbids it.

        Each rule names the first moment at which it would allow the call, so nothing before the latest of them can be
        allowed. There all are asked again, until none has anything against it.
        """
        at_ms = now_ms
        for _ in range(_STEPS):
            moments = [check.next_ms for check in refusals]
            if any(moment is None or moment <= at_ms for moment in moments):
                return None
            at_ms = max(moment for moment in moments if moment is not None)
            if at_ms > now_ms + HORIZON_MS:
                return None
            refusals = self._refusals(case, at_ms)
            if not refusals:
                return at_ms
        return None

    def _case(self, request: Request, history: History) -> _Case:
        facts = facts_of(request.number.reveal())
        names = facts.zones if facts is not None else ()
        if request.contact_zone and self.rules.hours.contact_zone == "replaces":
            names = (request.contact_zone,)
        elif request.contact_zone and names:
            names = tuple(dict.fromkeys((*names, request.contact_zone)))
        zones = self._hours.zones(names) if names else None
        return _Case(request, history, facts, names if zones else (), zones or ())

    def _all(self, case: _Case, at_ms: int) -> Iterator[Check]:
        first, last = self._known_ms
        if not first <= at_ms < last:
            # Without the right time nothing about hours, days or ages can be said.
            yield Check(rule="clock", reason="clock_unknown")
            return
        for make in self._checks:
            yield from make(case, at_ms)

    # --- the number, its line and its zone ----------------------------------------------------------------------------

    def _number(self, case: _Case, at_ms: int) -> Iterator[Check]:  # noqa: ARG002
        facts, source = case.facts, self.rules.numbers_source
        reason: Reason | None = None
        if facts is None:
            yield Check(rule="number", reason="not_a_number", source=source)
            return
        number = case.request.number.reveal()
        if not facts.ordinary:
            reason = "not_ordinary"
        elif not self.rules.numbers.permits(number, facts.country, ordinary=True):
            reason = "not_covered"
        yield Check(rule="number", reason=reason, source=source, names=(facts.country or "no country", facts.line))

    def _zone(self, case: _Case, at_ms: int) -> Iterator[Check]:  # noqa: ARG002
        if not case.names:
            yield Check(rule="zone", reason="zone_unknown")
            return
        told = case.facts.zones_from if case.facts is not None else "country"
        yield Check(rule="zone", names=case.names, of="contact and " + told if case.request.contact_zone else told)

    def _opening(self, case: _Case, at_ms: int) -> Iterator[Check]:
        if not case.names:
            return  # `zone_unknown` forbids it already
        source = self.rules.hours.source
        opens = self._hours.next_open(case.names, at_ms)
        if opens == at_ms:
            yield Check(rule="hours", source=source)
            return
        holiday = self._hours.holiday(case.names, at_ms)
        names = (holiday,) if holiday else tuple(self._hours.closed_in(case.names, at_ms))
        yield Check(rule="hours", reason="holiday" if holiday else "hours", source=source, next_ms=opens, names=names)

    # --- what was before ----------------------------------------------------------------------------------------------

    def _history(self, case: _Case, at_ms: int) -> Iterator[Check]:  # noqa: ARG002
        number, contact = case.history.number, case.history.contact
        if number is None or contact is None:
            yield Check(rule="history", reason="history_unknown")
            return
        reason: Reason | None = None
        for attempt in (*number, *contact):
            if attempt.disposition == "held":
                reason = "held"
            elif attempt.disposition is None:
                reason = reason or "under_way"
        if case.history.talking:
            reason = reason or "talking"
        yield Check(rule="history", reason=reason, have=len(number))

    def _attempts(self, case: _Case, at_ms: int) -> Iterator[Check]:
        for rule in self.rules.attempts:
            attempts = case.history.number if rule.of == "number" else case.history.contact
            if attempts is not None:
                yield _counted(rule, attempts, case.zones, at_ms)

    def _gap(self, case: _Case, at_ms: int) -> Iterator[Check]:
        rule, attempts = self.rules.gap, case.history.number
        if rule is None or attempts is None:
            return
        over = max((attempt.started_ms + rule.least_ms for attempt in attempts), default=at_ms)
        forbidden = over > at_ms
        yield Check(
            rule="gap",
            reason="gap" if forbidden else None,
            source=rule.source,
            next_ms=over if forbidden else None,
            span_ms=rule.least_ms,
        )

    def _after(self, case: _Case, at_ms: int) -> Iterator[Check]:
        for rule in self.rules.after:
            if case.history.number is not None:
                yield _waited(rule, case, at_ms)

    # --- lists, consents and caller id --------------------------------------------------------------------------------

    def _own_list(self, case: _Case, at_ms: int) -> Iterator[Check]:  # noqa: ARG002
        suppressions = case.history.suppressions
        if suppressions is None:
            yield Check(rule="own_list", reason="lists_unknown")
            return
        listed = any(suppression.listed_in == OWN_LIST for suppression in suppressions)
        yield Check(rule="own_list", reason="own_list" if listed else None)

    def _lists(self, case: _Case, at_ms: int) -> Iterator[Check]:
        suppressions, loaded = case.history.suppressions, case.history.lists
        if suppressions is None or loaded is None:
            yield Check(rule="list", reason="lists_unknown")
            return
        required = {rule.listed_in: rule for rule in self.rules.lists}
        listed = {suppression.listed_in for suppression in suppressions} - {OWN_LIST}
        for rule in self.rules.lists:
            yield _aged(rule, loaded.get(rule.listed_in), at_ms)
        for name in sorted(listed):
            # What is on a list that no rule names was loaded by somebody who wants it kept.
            exempt = required[name].exempt if name in required else []
            source = required[name].source if name in required else ""
            good, later = _agreed(case.history.consents or (), exempt, at_ms)
            reason: Reason | None = None if good else "listed"
            yield Check(rule="list", reason=reason, source=source, next_ms=later, names=(name,))

    def _consents(self, case: _Case, at_ms: int) -> Iterator[Check]:
        for rule in self.rules.consents:
            if _concerns(rule, case):
                yield _consented(rule, case.history.consents, at_ms)

    def _caller_id(self, case: _Case, at_ms: int) -> Iterator[Check]:  # noqa: ARG002
        shown = case.request.caller_id.reveal() if case.request.caller_id is not None else ""
        reason: Reason | None = None
        if facts_of(shown) is None:
            reason = "caller_id_missing"
        elif shown not in case.request.own_numbers:
            reason = "caller_id_foreign"
        yield Check(rule="caller_id", reason=reason, source=self.rules.caller_id.source)


_NOTHING = History(number=None, contact=None, suppressions=None, lists=None, consents=None)


def _counted(rule: AttemptsRule, attempts: list[PastAttempt], zones: tuple[Zone, ...], at_ms: int) -> Check:
    if rule.calendar is None:
        starts = sorted((a.started_ms for a in attempts if a.started_ms > at_ms - rule.within_ms), reverse=True)
        have, next_ms = len(starts), None
        if have >= rule.most > 0:
            next_ms = starts[rule.most - 1] + rule.within_ms
    else:
        have, next_ms = 0, None
        for zone in zones:
            here, then = _on_the_calendar(rule, attempts, zone, at_ms)
            have = max(have, here)
            if here >= rule.most:
                next_ms = max(next_ms or then, then)
    return Check(
        rule="attempts",
        reason="attempts" if have >= rule.most else None,
        source=rule.source,
        next_ms=next_ms if rule.most else None,
        have=have,
        most=rule.most,
        span_ms=rule.within_ms,
        of=rule.of,
        window=rule.calendar or "",
    )


def _on_the_calendar(rule: AttemptsRule, attempts: list[PastAttempt], zone: Zone, at_ms: int) -> tuple[int, int]:
    """Count the attempts of the callee's day or week, and give the begin of his next one."""
    today = local_day(zone, at_ms)
    days = [local_day(zone, attempt.started_ms) for attempt in attempts]
    if rule.calendar == "day":
        return sum(day >= today for day in days), first_moment_of(zone, today + 1, at_ms)
    week = week_of(today)
    return sum(week_of(day) >= week for day in days), first_moment_of(zone, (week + 1) * 7 - 3, at_ms)


def _waited(rule: AfterRule, case: _Case, at_ms: int) -> Check:
    waits = rule.unless_agent is False or not case.request.agent_waiting
    ended = [a for a in case.history.number or () if a.disposition in rule.dispositions]
    over = max((attempt.started_ms + rule.wait_ms for attempt in ended), default=at_ms)
    forbidden = waits and over > at_ms
    return Check(
        rule="after",
        reason="after_outcome" if forbidden else None,
        source=rule.source,
        next_ms=over if forbidden else None,
        span_ms=rule.wait_ms,
        names=tuple(rule.dispositions),
    )


def _aged(rule: ListRule, loaded_ms: int | None, at_ms: int) -> Check:
    reason: Reason | None = None
    if loaded_ms is None or loaded_ms > at_ms:
        reason = "list_missing"  # a load in the future is one whose moment nobody knows
    elif at_ms - loaded_ms > rule.max_age_ms:
        reason = "list_stale"
    return Check(rule="list", reason=reason, source=rule.source, span_ms=rule.max_age_ms, names=(rule.listed_in,))


def _concerns(rule: ConsentRule, case: _Case) -> bool:
    """Say whether a rule of consents is for this call; of a line that nobody knows both kinds are."""
    line = case.facts.line if case.facts is not None else "unknown"
    return rule.campaign in {None, case.request.campaign} and (rule.line is None or line in {rule.line, "unknown"})


def _consented(rule: ConsentRule, consents: list[Consent] | None, at_ms: int) -> Check:
    good, later = _agreed(consents or (), rule.any_of, at_ms, max_age_ms=rule.max_age_ms, evidence=rule.evidence)
    reason: Reason | None = None if good else "consents_unknown" if consents is None else "consent_missing"
    return Check(rule="consent", reason=reason, source=rule.source, next_ms=later, names=tuple(rule.any_of))


def _agreed(
    consents: Iterable[Consent], kinds: list[str], at_ms: int, *, max_age_ms: int = 0, evidence: bool = True
) -> tuple[bool, int | None]:
    """Say whether a consent holds at a moment, and else from when on one will that was given for later."""
    later: int | None = None
    for consent in consents:
        ends = [consent.expires_ms] if consent.expires_ms else []
        if max_age_ms:
            ends.append(consent.given_ms + max_age_ms)
        end = min(ends, default=None)
        if consent.kind not in kinds or (evidence and not consent.evidence) or (end is not None and end <= at_ms):
            continue
        if consent.given_ms <= at_ms:
            return True, None
        if end is None or consent.given_ms < end:
            later = min(later or consent.given_ms, consent.given_ms)
    return False, later
