"""Packs of rules for the dialer, shipped and of the site, made into what the core judges by.

The shipped ones lie in `dialing_rules/` beside the packages, those of the site in `[paths] dialing_rules`. One of the
site may extend a shipped one, and is compared with it rule by rule: `rule_strictness`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

import edge
from edge.config.calendars import calendar_of
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.kinds import name_fault
from edge.config.located import Located, place_of
from edge.config.menu_tables import HoursSource
from edge.config.rule_source import HoursRuleSource, RulesSource, RuleTable
from edge.config.rule_strictness import Looser, looser
from edge.config.shape import Shaper
from edge.config.sources import read_toml
from edge.config.zones import YEARS, holidays_fault, holidays_of, time_zone_fault, zone_of
from edge.core.callbacks.rules import Rules as NumberPlan
from edge.core.dialer.rules import Judge
from edge.core.dialer.ruleset import (
    AbandonmentRule,
    AfterRule,
    AttemptsRule,
    CallerIdRule,
    ConsentRule,
    GapRule,
    HoursRule,
    ListRule,
    Override,
    RecordsRule,
    RingRule,
    Ruleset,
)
from edge.core.menus.calendar import Calendar, Zone

#: Beside the packages, in a clone as in an installation.
SHIPPED: Final = Path(edge.__file__).parents[1] / "dialing_rules"
#: Rules that are one table, and those that are lists of tables.
TABLES: Final = ("numbers", "hours", "gap", "caller_id", "ring", "abandonment", "records")
LISTS: Final = ("attempts", "after", "lists", "consents")
#: Without these nothing can be judged.
NEEDED: Final = ("numbers", "hours", "ring", "abandonment")
_DAY_MS = 86_400_000


class Pack(Struct, frozen=True):
    """A file of rules that was read, made whole with the one that it extends."""

    source: RulesSource
    root: Located
    rules: Ruleset


class Rulebooks:
    """All rules that there are; a file is read once, and its faults become findings."""

    def __init__(self, folder: Path, findings: Findings, checked: list[str]) -> None:
        self._folder = folder
        self._findings = findings
        self._checked = checked
        self._read: dict[str, Pack | None] = {}
        self._shipped: dict[str, Pack | None] = {}

    def names(self) -> list[str]:
        """List all that there are."""
        return sorted({*_names_in(self._folder), *_names_in(SHIPPED)})

    def check_own(self) -> None:
        """Read every file of the site, whether a campaign names it or not."""
        for name in _names_in(self._folder):
            self.get(name)

    def get(self, name: str) -> Pack | None:
        """Give rules by their name; None when there are none of that name, or they have faults."""
        own = self._folder / f"{name}.toml"
        if not own.is_file() or name in _names_in(SHIPPED):
            if own.is_file():
                what = f"'{name}' is the name of a shipped pack"
                self._findings.error(Place(str(own)), what, "give it another, and let it extend that")
            return self._pack(name)
        if name not in self._read:
            self._read[name] = self._own(own)
        return self._read[name]

    def _pack(self, name: str) -> Pack | None:
        """Give a shipped one."""
        path = SHIPPED / f"{name}.toml"
        if name not in self._shipped and path.is_file():
            self._shipped[name] = _Reader(path, None, self._findings, self._checked).pack()
        return self._shipped.get(name)

    def _own(self, path: Path) -> Pack | None:
        root = read_toml(path, self._findings)
        wanted = (root.table or {}).get("extends") if root is not None else None
        base: Pack | None = None
        if wanted is not None and isinstance(wanted.value, str) and wanted.value:
            if wanted.value not in _names_in(SHIPPED):
                self._findings.error(
                    wanted.place,
                    f"there is no shipped pack '{wanted.value[:64]}'",
                    did_you_mean(wanted.value, _names_in(SHIPPED)) or "known: " + ", ".join(_names_in(SHIPPED)),
                )
                _Reader(path, None, self._findings, self._checked).look()
                return None
            base = self._pack(wanted.value)
        return _Reader(path, base, self._findings, self._checked).pack()


def _names_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.toml"))


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path, base: Pack | None, findings: Findings, checked: list[str]) -> None:
        self._path = path
        self._base = base
        self._findings = findings
        checked.append(str(path))

    def pack(self) -> Pack | None:
        """Give its rules; None when it has faults."""
        before = self._findings.error_count
        fault = name_fault(self._path.stem)
        if fault:
            self._findings.error(Place(str(self._path)), f"the name of the rules: {fault}")
        own = read_toml(self._path, self._findings)
        if own is None or own.table is None:
            return None
        root = self._merged(own) if self._base is not None else own
        source = Shaper(self._findings, self._path.parent).shape(RulesSource, root)
        self._check(source, root)
        calendar = _calendar(source.hours, root, self._findings) if source.hours is not None else Calendar(week=[])
        if any(getattr(source, name) is None for name in NEEDED):
            return None
        # Also with faults, so that those that only show now are told in the same go.
        rules = compiled(self._path.stem, source, calendar)
        if self._base is not None:
            rules = self._extended(self._base, source, own, root, rules)
        return Pack(source, root, rules) if self._findings.error_count == before else None

    def look(self) -> None:
        """Find the faults that show without the pack that it extends."""
        own = read_toml(self._path, self._findings)
        if own is not None:
            Shaper(self._findings, self._path.parent).shape(RulesSource, self._merged(own))

    def _merged(self, own: Located) -> Located:
        """Put the site's words over those of the pack, key by key; lists of tables stay the site's own."""
        base_root = self._base.root.table if self._base is not None else None
        theirs: dict[str, Located] = {name: node for name, node in (base_root or {}).items() if name in TABLES}
        whole: dict[str, Located] = dict(own.value)
        unsaid = Located(f"the site's rules '{self._path.stem}'", own.place, own.key_place)
        for name, node in whole.items():
            if name in TABLES and node.table is not None:
                below = theirs.get(name)
                base = dict(below.table or {}) if below is not None else {}
                whole[name] = Located({**base, "source": unsaid, **node.table}, node.place, node.key_place)
            elif name in LISTS and node.items is not None:
                items = [
                    Located({"source": unsaid, **item.table}, item.place, item.key_place) if item.table else item
                    for item in node.items
                ]
                whole[name] = Located(items, node.place, node.key_place)
        return Located({**theirs, **whole}, own.place, own.key_place)

    def _check(self, source: RulesSource, root: Located) -> None:
        fault = self._findings.follow_up
        for name in NEEDED:
            if getattr(source, name) is None:
                self._findings.error(root.place, f"'[{name}]' is missing", "or let the file extend a pack")
        for index, attempts in enumerate(source.attempts):
            if bool(attempts.within) == bool(attempts.window):
                fault(place_of(root, ("attempts", index)), "either 'within' or 'window' says what time is meant")
        for path, key, values in _choices(source):
            if not values:
                fault(place_of(root, path), f"'{key}' names nothing")
        self._check_overrides(source, root)

    def _check_overrides(self, source: RulesSource, root: Located) -> None:
        fault = self._findings.follow_up
        for path, table in tables_of(source):
            if table.override and self._base is None:
                fault(place_of(root, (*path, "override")), "there is nothing to override: the file extends no pack")
            elif table.override and not table.reason.strip():
                fault(place_of(root, (*path, "override")), "an override says why", 'reason = "..."')

    def _extended(self, base: Pack, source: RulesSource, own: Located, root: Located, rules: Ruleset) -> Ruleset:
        """Add what the pack has, and hold against it what the site says."""
        overridden = {path: table for path, table in tables_of(source) if table.override}
        whole = structs.replace(
            rules,
            made_of=[*base.rules.made_of, str(self._path)],
            checked=source.checked or base.rules.checked,
            **{name: _added(base.rules, rules, name, overridden) for name in LISTS},
            overrides=[
                Override(rule=str(path[0]), reason=table.reason.strip(), place=str(place_of(root, path)))
                for path, table in overridden.items()
                if path[0] in (own.table or {})
            ],
        )
        for found in looser(whole, base.rules):
            if (found.rule,) not in overridden:
                self._too_lax(found, own, base)
        return whole

    def _too_lax(self, found: Looser, own: Located, base: Pack) -> None:
        self._findings.follow_up(
            place_of(own, (found.rule, found.key)),
            f"{found.text}, which is less strict than '{base.rules.name}'",
            'set override = true and reason = "..." in the table, if it may be',
        )


def _choices(source: RulesSource) -> Iterator[tuple[tuple[str | int, ...], str, Sequence[str]]]:
    """Yield what must not be empty."""
    if source.numbers is not None:
        yield ("numbers",), "countries", source.numbers.countries + source.numbers.allowed
    if source.hours is not None:
        yield ("hours",), "week", list(source.hours.week)
    for index, after in enumerate(source.after):
        yield ("after", index), "dispositions", after.dispositions
    for index, consent in enumerate(source.consents):
        yield ("consents", index), "any_of", consent.any_of


def _added(base: Ruleset, own: Ruleset, name: str, overridden: dict[tuple[str | int, ...], RuleTable]) -> list[Any]:
    """Join rules of a kind. All of them hold, so more of them are never less strict; an override takes places."""
    replaced = {_key(rule) for index, rule in enumerate(getattr(own, name)) if (name, index) in overridden}
    return [*(rule for rule in getattr(base, name) if _key(rule) not in replaced), *getattr(own, name)]


def _key(rule: Any) -> tuple[object, ...]:
    """Say what a rule of a list is about: an override takes the place of those that are about the same."""
    if isinstance(rule, AttemptsRule):
        return (rule.of, rule.calendar or rule.within_ms)
    if isinstance(rule, AfterRule):
        return tuple(sorted(rule.dispositions))
    return (rule.listed_in,) if isinstance(rule, ListRule) else (rule.campaign, rule.line)


def tables_of(source: RulesSource) -> list[tuple[tuple[str | int, ...], RuleTable]]:
    """List all tables of a file with their paths."""
    found: list[tuple[tuple[str | int, ...], RuleTable]] = [
        ((name,), getattr(source, name)) for name in TABLES if getattr(source, name) is not None
    ]
    for name in LISTS:
        found += [((name, index), table) for index, table in enumerate(getattr(source, name))]
    return found


def compiled(name: str, source: RulesSource, calendar: Calendar) -> Ruleset:
    """Make the rules of a file that has all it needs."""
    numbers, hours, ring, abandonment = source.numbers, source.hours, source.ring, source.abandonment
    assert numbers and hours and ring and abandonment  # noqa: S101, PT018 -- `_check` has seen to it
    return Ruleset(
        name=name,
        title=source.title,
        made_of=[name],
        checked=source.checked,
        numbers=NumberPlan(countries=numbers.countries, allowed=numbers.allowed, forbidden=numbers.forbidden),
        numbers_source=numbers.source,
        hours=HoursRule(calendar=calendar, contact_zone=hours.contact_zone, source=hours.source),
        attempts=[
            AttemptsRule(of=one.of, most=one.most, within_ms=one.within, calendar=one.window or None, source=one.source)
            for one in source.attempts
        ],
        gap=GapRule(least_ms=source.gap.least, source=source.gap.source) if source.gap is not None else None,
        after=[
            AfterRule(dispositions=one.dispositions, wait_ms=one.wait, unless_agent=one.unless_agent, source=one.source)
            for one in source.after
        ],
        lists=[
            ListRule(
                listed_in=one.name, max_age_ms=one.max_age_days * _DAY_MS, exempt=list(one.exempt), source=one.source
            )
            for one in source.lists
        ],
        consents=[
            ConsentRule(
                campaign=one.campaign or None,
                line=one.line or None,
                any_of=list(one.any_of),
                evidence=one.evidence,
                max_age_ms=one.max_age_days * _DAY_MS,
                source=one.source,
            )
            for one in source.consents
        ],
        caller_id=CallerIdRule(source=source.caller_id.source if source.caller_id is not None else ""),
        ring=RingRule(least_ms=ring.least, source=ring.source),
        abandonment=AbandonmentRule(
            ceiling_per_mille=abandonment.ceiling_per_mille,
            period_ms=abandonment.period_days * _DAY_MS,
            connect_within_ms=abandonment.connect_within,
            message=abandonment.message,
            source=abandonment.source,
        ),
        records=RecordsRule(keep_days=source.records.keep_days, source=source.records.source)
        if source.records is not None
        else None,
    )


def _calendar(hours: HoursRuleSource, root: Located, findings: Findings) -> Calendar:
    located = (root.table or {}).get("hours", root)
    plain = calendar_of(HoursSource(week=hours.week, exceptions=hours.exceptions), located, findings)
    days: dict[int, str] = {}
    for country in hours.holidays:
        days |= holidays_of(country) if not holidays_fault(country) else {}
    return structs.replace(plain, holidays=days)


def zone_table(name: str) -> Zone | None:
    """Find the table of a time zone; None when there is none of that name."""
    return None if not name or time_zone_fault(name) else zone_of(name)


def judge_of(rules: Ruleset) -> Judge:
    """Make a judge, with the time zones of this machine."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (YEARS.start, YEARS.stop))
    return Judge(rules, zone_table, (first, last))
