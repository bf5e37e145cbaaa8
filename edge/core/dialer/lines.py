"""Lines of lists: what a line says, as a contact, a number that is not to be called, or a consent; or what is wrong.

A line is taken whole or not at all: a contact of which one number can't be read is for whoever made the list to mend.
"""

import hmac
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches

from msgspec import Struct

from edge.core.dialer.columns import Columns
from edge.core.routing.numbers import countries, e164
from edge.core.routing.quick import quick_e164
from edge.vocabulary.dialing import Consent, Contact, ContactNumber
from edge.vocabulary.private import Private

#: Priorities that contacts can have.
PRIORITIES = range(-1000, 1001)
_MAX_ID = 200
_MAX_TEXT = 4000
_MAX_ATTRIBUTES = 100
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_DIGITS = re.compile(r"\+?[0-9]+", re.ASCII)
#: 4.91711E+11: what a spreadsheet makes of a number, whose last digits are lost by it.
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?e\+?\d+", re.ASCII | re.IGNORECASE)
#: As people write them; also what word processors make of a minus, and marks of direction that nobody sees.
_SEPARATORS = str.maketrans(
    "", "", " \t()./\\-·\u2010\u2011\u2012\u2013\u2014\u2212\u200b\u200e\u200f\u202a\u202c\u2060"
)
#: +49 (0)30...: the zero is dialled at home only.
_TRUNK_ZERO = re.compile(r"^((?:\+|00)[^(]*)\(0\)")
_NO_TIME = "is no date (2026-11-01) and no time (2026-11-01T10:30:00+01:00)"


class Fault(Struct, frozen=True):
    """Why a line is not taken. The reason has no number in it."""

    field: str
    reason: str


class RefusedError(Exception):
    """A line is not taken; `faults` are all reasons."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.reason}" for fault in faults))
        self.faults = faults


class Reading(Struct, frozen=True, kw_only=True):
    """What holds for all lines of a file."""

    #: ISO 3166-1 alpha-2: where numbers without + are dialled; "": such numbers are refused.
    country: str = ""
    #: Names of all time zones that there are.
    zones: frozenset[str] = frozenset()
    #: What ids are made with where a list has none: 32 bytes that nobody else knows.
    key: bytes = b""
    #: When what has no time of its own was given or asked for; milliseconds since 1970 (UTC).
    now_ms: int = 0
    #: Kind of the consents in a file that does not name it.
    kind: str = ""


class _Line:
    """One line on its way: takes its fields and collects what is wrong."""

    def __init__(self, cells: Mapping[str, str], columns: Columns, reading: Reading) -> None:
        self._cells = cells
        self._columns = columns
        self._reading = reading
        self.faults: list[Fault] = []

    def text(self, field: str, default: str = "", longest: int = _MAX_TEXT) -> str:
        parts = self._columns.fields.get(field)
        if parts is None:
            return default
        found = "".join([self._cells.get(part, "").strip() for part in parts])
        fault = _unfit(found, longest)
        if fault:
            self.faults.append(Fault(field, fault))
            return default
        return found or default

    def number(self, field: str) -> Private | None:
        text = self.text(field)
        if not text:
            return None
        try:
            return number_of(text, self.text("country").upper() or self._reading.country)
        except ValueError as error:
            self.faults.append(Fault(field, str(error)))
            return None

    def time_ms(self, field: str, default: int) -> int:
        text = self.text(field)
        if not text:
            return default
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.faults.append(Fault(field, _NO_TIME))
            return default
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        milliseconds = int(moment.timestamp() * 1000)
        if milliseconds < 0:
            self.faults.append(Fault(field, "is before 1970"))
            return default
        return milliseconds

    def done(self) -> None:
        if self.faults:
            raise RefusedError(self.faults)


def contact_of(cells: Mapping[str, str], columns: Columns, reading: Reading, listed_in: str) -> Contact:
    """Read a contact; `cells` are the texts by column. Raises `RefusedError`."""
    line = _Line(cells, columns, reading)
    numbers: dict[Private, str] = {}
    for field, label in columns.numbers.items():
        found = line.number(field)
        if found is not None:
            numbers.setdefault(found, label)
    if not numbers and not line.faults:
        line.faults.append(Fault("number", "is empty"))
    named = "id" in columns.fields
    identity = line.text("id", longest=_MAX_ID)
    if named and not identity and not any(fault.field == "id" for fault in line.faults):
        line.faults.append(Fault("id", "is empty"))
    attributes = _attributes(cells, columns, line.faults)
    priority = _priority(line)
    zone, language = _zone(line, reading), _language(line)
    line.done()
    return Contact(
        listed_in=listed_in,
        id=identity or made_id(next(iter(numbers)), reading.key),
        numbers=[ContactNumber(number=number, label=label) for number, label in numbers.items()],
        priority=priority,
        zone=zone,
        language=language,
        attributes=attributes,
    )


def suppression_of(cells: Mapping[str, str], columns: Columns, reading: Reading) -> tuple[Private, int]:
    """Read a number that is not to be called, and since when it stands on the list. Raises `RefusedError`."""
    line = _Line(cells, columns, reading)
    number = _the_number(line)
    since_ms = line.time_ms("since", reading.now_ms)
    line.done()
    return number, since_ms


def consent_of(cells: Mapping[str, str], columns: Columns, reading: Reading) -> tuple[Private, Consent]:
    """Read a consent. Raises `RefusedError`."""
    line = _Line(cells, columns, reading)
    number = _the_number(line)
    kind = line.text("kind", reading.kind, longest=_MAX_ID)
    if not kind:
        line.faults.append(Fault("kind", "is empty"))
    if not line.text("given"):
        line.faults.append(Fault("given", "is empty"))
    given_ms = line.time_ms("given", 0)
    expires_ms = line.time_ms("expires", 0)
    if given_ms > reading.now_ms:
        line.faults.append(Fault("given", "is in the future"))
    if expires_ms and expires_ms <= given_ms:
        line.faults.append(Fault("expires", "is not after 'given'"))
    evidence = line.text("evidence")
    line.done()
    return number, Consent(kind=kind, given_ms=given_ms, expires_ms=expires_ms, evidence=evidence)


def made_id(number: Private, key: bytes) -> str:
    """Make the id of a contact whose list has none: the same for the same number, and nobody reads the number in it."""
    return "n" + hmac.new(key, number.reveal().encode(), "sha256").hexdigest()[:20]


def number_of(text: str, country: str) -> Private:
    """Read a telephone number as people write it, as E.164; `country` is where it is dialled if it has no +.

    Raises `ValueError` with the reason, which does not have the number in it.
    """
    plain = unicodedata.normalize("NFKC", text) if not text.isascii() else text
    plain = plain.strip().removeprefix("'").removeprefix("tel:")
    digits = _TRUNK_ZERO.sub(r"\1", plain).translate(_SEPARATORS)
    if not _DIGITS.fullmatch(digits):
        if _SCIENTIFIC.fullmatch(plain.strip()):
            raise ValueError("was made a decimal number by a spreadsheet: its last digits are lost")
        raise ValueError("is no telephone number")
    if not country and not digits.startswith("+"):
        raise ValueError("has no +, and no country says where it is dialled")
    if country and country not in countries():
        raise ValueError(f"'{country[:10]}' is no country (ISO 3166-1, as DE)")
    # With its + it is the same one in every country.
    whole = quick_e164(digits, country) or e164(digits, country or "US")
    if not whole:
        raise ValueError(f"is no number of {country} or with a country code" if country else "is no number with its +")
    return Private(whole)


def _the_number(line: _Line) -> Private:
    number = line.number("number")
    if number is None:
        if not line.faults:
            line.faults.append(Fault("number", "is empty"))
        return Private("")
    return number


def _priority(line: _Line) -> int:
    text = line.text("priority", "0")
    try:
        priority = int(text)
    except ValueError:
        priority = PRIORITIES.stop
    if priority not in PRIORITIES:
        line.faults.append(Fault("priority", f"is no whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}"))
        return 0
    return priority


def _zone(line: _Line, reading: Reading) -> str:
    zone = line.text("zone")
    if zone and zone not in reading.zones:
        near = get_close_matches(zone, reading.zones, n=1, cutoff=0.6)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        line.faults.append(Fault("zone", f"'{zone[:60]}' is no time zone (as Europe/Berlin){hint}"))
    return zone


def _language(line: _Line) -> str:
    language = line.text("language")
    if language and not _LANGUAGE.fullmatch(language):
        line.faults.append(Fault("language", f"'{language[:20]}' is no language (as de or en-GB)"))
    return language


def _attributes(cells: Mapping[str, str], columns: Columns, faults: list[Fault]) -> dict[str, str]:
    found = {}
    for name in columns.others:
        text = cells.get(name, "").strip()
        fault = _unfit(text, _MAX_TEXT)
        if fault:
            faults.append(Fault(name, fault))
        elif text:
            found[name] = text
    if len(found) > _MAX_ATTRIBUTES:
        faults.append(Fault("", f"has more than {_MAX_ATTRIBUTES} further columns"))
    return found


def _unfit(text: str, longest: int) -> str:
    """Say what keeps a text from being stored and shown."""
    if len(text) > longest:
        return f"is longer than {longest} characters"
    if not text.isprintable() and any(_is_control(char) for char in text):
        return "has control characters in it"
    return ""


def _is_control(char: str) -> bool:
    # Line ends and tabs in a quoted cell are fine; halves of characters (surrogates) no database takes.
    return unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\r\n"
