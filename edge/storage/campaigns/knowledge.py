"""What a store knows of a number, as the rules take it. What cannot be read is None, which forbids the call."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from edge.core.dialer.rules import History
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.turn import StorageError
from edge.vocabulary.dialing import PastAttempt
from edge.vocabulary.private import Private

T = TypeVar("T")

#: A contact: its list and its id there.
ContactKey = tuple[str, str]
UNKNOWN = History(number=None, contact=None, suppressions=None, lists=None, consents=None)


def list_ages(store: CampaignStore) -> dict[str, int] | None:
    """Return the lists of numbers that are not to be called, with the moment (ms) of the edition that was loaded last.

    Asked once for many numbers: it counts all of them. None: it cannot be read.
    """
    found = _read(store.suppression_lists)
    return None if found is None else {one.name: one.loaded_ms for one in found if one.loaded_ms}


def history_of(
    store: CampaignStore,
    number: Private,
    contacts: Sequence[ContactKey],
    since_ms: int,
    ages: dict[str, int] | None,
) -> History:
    """Return all that the rules ask about a number and who has it. `ages` is what `list_ages` gave."""
    return History(
        number=_read(lambda: store.history(number, since_ms)),
        contact=_read(lambda: _of_contacts(store, contacts, since_ms)),
        suppressions=_read(lambda: store.suppressed(number)),
        lists=ages,
        consents=_read(lambda: store.consents(number)),
    )


def _of_contacts(store: CampaignStore, contacts: Sequence[ContactKey], since_ms: int) -> list[PastAttempt]:
    found = {
        attempt.attempt: attempt
        for listed_in, contact in contacts
        for attempt in store.contact_history(listed_in, contact, since_ms)
    }
    return list(found.values())


def _read(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except StorageError:
        return None
