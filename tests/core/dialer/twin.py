"""The rules once more, minute by minute and slowly: Python's own time zones, no spans, no look-ahead."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from edge.core.dialer.rules import History, Request
from edge.core.dialer.ruleset import Ruleset
from edge.vocabulary.dialing import Consent

ORDINARY = {
    phonenumbers.PhoneNumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.VOIP,
}


def local(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def zones_of(request: Request, rules: Ruleset) -> set[str]:
    """Every zone that the library names for a number; of one that has no place, all that its country code has."""
    parsed = phonenumbers.parse(request.number.reveal())
    found = set(timezone.time_zones_for_number(parsed))
    geographic = phonenumbers.phonenumberutil.is_number_type_geographical(
        phonenumbers.number_type(parsed), parsed.country_code
    )
    if "Etc/Unknown" in found or not geographic:
        code = str(parsed.country_code)
        found = {zone for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(code) for zone in zones}
    if request.contact_zone:
        found = {request.contact_zone} if rules.hours.contact_zone == "replaces" else found | {request.contact_zone}
    return found


def is_open(rules: Ruleset, zone: str, at_ms: int) -> bool:
    now = local(zone, at_ms)
    day: date = now.date()
    calendar = rules.hours.calendar
    if day.toordinal() in calendar.exceptions:
        spans = calendar.exceptions[day.toordinal()]
    elif day.toordinal() in calendar.holidays:
        return False
    else:
        spans = calendar.week[day.weekday()]
    minute = (now - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)
    return any(begin <= minute < end for begin, end in spans)


def agreed(consents: list[Consent], kinds: list[str], at_ms: int, max_age_ms: int = 0) -> bool:
    return any(
        consent.kind in kinds
        and consent.evidence != ""
        and consent.given_ms <= at_ms
        and (not consent.expires_ms or at_ms < consent.expires_ms)
        and (not max_age_ms or at_ms < consent.given_ms + max_age_ms)
        for consent in consents
    )


def allowed(rules: Ruleset, request: Request, history: History, at_ms: int) -> bool:  # noqa: C901
    parsed = phonenumbers.parse(request.number.reveal())
    kind = phonenumbers.number_type(parsed)
    if kind not in ORDINARY or not rules.numbers.allows(request.number.reveal(), ""):
        return False
    if None in (history.number, history.contact, history.suppressions, history.lists, history.consents):
        return False
    number, contact = history.number or [], history.contact or []
    if any(attempt.disposition in (None, "held") for attempt in number + contact):
        return False
    zones = zones_of(request, rules)
    if not zones or not all(is_open(rules, zone, at_ms) for zone in zones):
        return False
    for limit in rules.attempts:
        attempts = number if limit.of == "number" else contact
        for zone in zones:
            today = local(zone, at_ms).date()
            if limit.calendar == "day":
                have = sum(local(zone, attempt.started_ms).date() >= today for attempt in attempts)
            elif limit.calendar == "week":
                monday = today - timedelta(days=today.weekday())
                have = sum(local(zone, attempt.started_ms).date() >= monday for attempt in attempts)
            else:
                have = sum(at_ms - attempt.started_ms < limit.within_ms for attempt in attempts)
            if have >= limit.most:
                return False
    if rules.gap is not None and any(at_ms - attempt.started_ms < rules.gap.least_ms for attempt in number):
        return False
    for after in rules.after:
        if after.unless_agent and request.agent_waiting:
            continue
        if any(a.disposition in after.dispositions and at_ms - a.started_ms < after.wait_ms for a in number):
            return False
    lists, consents = history.lists or {}, history.consents or []
    for required in rules.lists:
        loaded = lists.get(required.listed_in)
        if loaded is None or loaded > at_ms or at_ms - loaded > required.max_age_ms:
            return False
    for suppression in history.suppressions or []:
        exempt = [one.exempt for one in rules.lists if one.listed_in == suppression.listed_in]
        if suppression.listed_in == "own" or not exempt or not agreed(consents, exempt[-1], at_ms):
            return False
    line = {0: "fixed", 1: "mobile"}.get(kind, "unknown")
    for needed in rules.consents:
        concerned = needed.campaign in (None, request.campaign) and (
            needed.line is None or line in (needed.line, "unknown")
        )
        if concerned and not agreed(consents, needed.any_of, at_ms, needed.max_age_ms):
            return False
    return request.caller_id is not None and request.caller_id.reveal() in request.own_numbers
