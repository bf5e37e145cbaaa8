"""Is one set of rules at least as strict as another? Asked of a site's file and the pack that it extends."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from edge.config.shape import duration_text
from edge.core.callbacks.rules import Rules as NumberPlan
from edge.core.dialer.ruleset import AbandonmentRule, HoursRule, Ruleset
from edge.core.menus.calendar import DAY, Calendar, Span
from edge.core.menus.facts import WEEKDAYS

_DAY_MS = 86_400_000


class Looser(Struct, frozen=True):
    """A rule that forbids less than the other's."""

    rule: str
    key: str
    text: str


def looser(own: Ruleset, base: Ruleset) -> Iterator[Looser]:
    """Yield every single rule in which `own` allows what `base` forbids. Lists of rules only ever add."""
    yield from _numbers(own.numbers, base.numbers)
    yield from _hours(own.hours, base.hours)
    if base.gap is not None and (own.gap is None or own.gap.least_ms < base.gap.least_ms):
        yield Looser("gap", "least", f"less than {duration_text(base.gap.least_ms)}")
    if own.ring.least_ms < base.ring.least_ms:
        yield Looser("ring", "least", f"less than {duration_text(base.ring.least_ms)}")
    yield from _abandonment(own.abandonment, base.abandonment)
    if base.records is not None and (own.records is None or own.records.keep_days < base.records.keep_days):
        yield Looser("records", "keep_days", f"less than {base.records.keep_days} days")


def _numbers(own: NumberPlan, base: NumberPlan) -> Iterator[Looser]:
    more = sorted({*own.countries} - {*base.countries})
    if more:
        yield Looser("numbers", "countries", f"with {', '.join(more)}")
    more = sorted({*own.allowed} - {*base.allowed})
    if more:
        yield Looser("numbers", "allowed", f"with {', '.join(more)}")
    less = sorted({*base.forbidden} - {*own.forbidden})
    if less:
        yield Looser("numbers", "forbidden", f"without {', '.join(less)}")


def _hours(own: HoursRule, base: HoursRule) -> Iterator[Looser]:
    for day, name in enumerate(WEEKDAYS):
        if not _within(own.calendar.week[day], base.calendar.week[day]):
            yield Looser("hours", "week", f"calls on {name} outside its hours")
    missing = [name for day, name in base.calendar.holidays.items() if day not in own.calendar.holidays]
    if missing:
        yield Looser("hours", "holidays", f"calls on {missing[0]}")
    for day in sorted({*own.calendar.exceptions, *base.calendar.exceptions}):
        if not _within(own.calendar.day(date.fromordinal(day)), _of_day(base.calendar, day)):
            yield Looser("hours", "exceptions", f"calls on {date.fromordinal(day)} outside its hours")
    if base.contact_zone == "adds" and own.contact_zone == "replaces":
        yield Looser("hours", "contact_zone", "does not ask for the number's own time zones")


def _of_day(calendar: Calendar, day: int) -> list[Span]:
    return calendar.day(date.fromordinal(day))


def _within(own: list[Span], base: list[Span]) -> bool:
    minutes = bytearray(DAY)
    for begin, end in base:
        minutes[begin:end] = b"\1" * (end - begin)
    return all(all(minutes[begin:end]) for begin, end in own)


def _abandonment(own: AbandonmentRule, base: AbandonmentRule) -> Iterator[Looser]:
    if own.ceiling_per_mille > base.ceiling_per_mille:
        yield Looser("abandonment", "ceiling_per_mille", f"more than {base.ceiling_per_mille} of 1,000")
    if base.period_ms % own.period_ms:
        # What holds in each part holds in the whole, as long as parts make up the whole.
        days = base.period_ms // _DAY_MS
        yield Looser("abandonment", "period_days", f"not a part of {days} days")
    if own.connect_within_ms > base.connect_within_ms:
        yield Looser("abandonment", "connect_within", f"more than {duration_text(base.connect_within_ms)}")
    if base.message and not own.message:
        yield Looser("abandonment", "message", "no message")
