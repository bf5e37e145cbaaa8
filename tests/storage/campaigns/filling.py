"""Contacts and leases for tests."""

from collections.abc import Iterable

from edge.storage.campaigns.words import Lease, Row
from edge.vocabulary.dialing import Contact, ContactNumber
from edge.vocabulary.private import Private

CAMPAIGN = "spring"
LIST = "customers"


def number(index: int, which: int = 0) -> Private:
    return Private(f"+4930{index:07}{which}")


def contact(index: int, *, numbers: int = 1, listed_in: str = LIST, **others: object) -> Contact:
    own = [ContactNumber(number=number(index, which), label=("mobile", "home")[which % 2]) for which in range(numbers)]
    return Contact(listed_in=listed_in, id=f"c{index}", numbers=own, **others)  # type: ignore[arg-type]


def rows(contacts: Iterable[Contact], first: int = 2) -> list[Row]:
    return [Row(contact=one, line=line) for line, one in enumerate(contacts, first)]


def lease(attempt: str, index: int, which: int = 0, *, owner: str = "a", campaign: str = CAMPAIGN) -> Lease:
    return Lease(
        attempt=attempt,
        campaign=campaign,
        listed_in=LIST,
        contact=f"c{index}",
        number=number(index, which),
        owner=owner,
    )
