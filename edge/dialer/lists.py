"""Contacts and numbers that others hand in, a few at a time; files come in by `edge dial import`."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from msgspec import Struct, field

from edge.core.dialer.columns import CONTACT_FIELDS, Columns, ColumnsError, columns_of
from edge.core.dialer.lines import Fault, Reading, RefusedError, contact_of, number_of
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import OWN, Row
from edge.vocabulary.private import Private


class ContactsRequest(Struct, frozen=True, kw_only=True):
    """Put contacts on a list. Each is a table of texts, with the fields that a line of a file has."""

    contacts: list[dict[str, str]]
    listed_in: str = field(name="list")
    #: ISO 3166-1 alpha-2: where numbers without + are dialled; empty: such numbers are refused.
    country: str = ""


class SuppressRequest(Struct, frozen=True, kw_only=True):
    """Put numbers on our own list of those who must not be called."""

    numbers: list[str]
    country: str = ""


#: Reasons that are told, at the most: an answer must fit a message between processes.
_TOLD = 200


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def add_contacts(store: CampaignStore, request: ContactsRequest, now_ms: int) -> dict[str, Any]:
    """Add what can be read; the same again changes nothing. Raises StorageError."""
    reading = Reading(country=request.country.upper(), zones=_zones(), key=store.secret(), now_ms=now_ms)
    columns: dict[tuple[str, ...], Columns] = {}
    rows: list[Row] = []
    refused: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for index, cells in enumerate(request.contacts):
        try:
            contact = contact_of(cells, _columns(cells, columns), reading, request.listed_in)
            before = places.setdefault(contact.id, index)
            if before != index:
                raise RefusedError([Fault("id", f"is that of contact {before}, too")])
        except RefusedError as error:
            refused += [{"index": index, "field": one.field, "reason": one.reason} for one in error.faults]
        else:
            rows.append(Row(contact=contact, line=index + 1))
    added = store.add(request.listed_in, rows, now_ms) if rows else None
    counts = (added.new, added.changed, added.same, added.kept) if added is not None else (0, 0, 0, 0)
    return {**dict(zip(("new", "changed", "same", "kept"), counts, strict=True)), "refused": refused[:_TOLD]}


def _columns(cells: Mapping[str, str], known: dict[tuple[str, ...], Columns]) -> Columns:
    names = tuple(cells)
    if names not in known:
        try:
            known[names] = columns_of(names, {}, CONTACT_FIELDS, ("number",), whole=False)
        except ColumnsError as error:
            raise RefusedError([Fault("", fault.partition("; name it with")[0]) for fault in error.faults]) from None
    return known[names]


def suppress(store: CampaignStore, request: SuppressRequest, now_ms: int) -> dict[str, Any]:
    """Put what can be read on the list. Raises StorageError."""
    numbers: dict[Private, int] = {}
    refused = []
    for index, text in enumerate(request.numbers):
        try:
            numbers[number_of(text, request.country.upper())] = now_ms
        except ValueError as error:
            refused.append({"index": index, "field": "number", "reason": str(error)})
    added = store.suppress(OWN, numbers) if numbers else None
    return {
        "new": added.new if added is not None else 0,
        "same": added.same if added is not None else 0,
        "refused": refused[:_TOLD],
    }
