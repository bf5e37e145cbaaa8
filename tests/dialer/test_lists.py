"""Contacts and numbers that are handed in by others, in a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.dialer.lists import ContactsRequest, SuppressRequest, add_contacts, suppress
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import opened
from edge.vocabulary.private import Private

NOW_MS = 1_700_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CampaignStore]:
    made = opened(tmp_path)
    yield made
    made.close()


def ask(*contacts: dict[str, str], country: str = "DE") -> ContactsRequest:
    return ContactsRequest(listed_in="spring", contacts=list(contacts), country=country)


def test_contacts_are_taken_and_the_same_again_changes_nothing(store: CampaignStore) -> None:
    ada = {"id": "1", "number": "030 123456", "number_home": "+49 30 999888", "language": "de", "name": "Ada"}
    eve = {"number": "0171 2345678", "zone": "Europe/Berlin"}
    assert add_contacts(store, ask(ada, eve), NOW_MS) == {"new": 2, "changed": 0, "same": 0, "kept": 0, "refused": []}
    assert add_contacts(store, ask(eve, ada), NOW_MS + 1)["same"] == 2
    assert add_contacts(store, ask({**ada, "name": "Ada L."}), NOW_MS + 2)["changed"] == 1
    found = store.contact("spring", "1")
    assert found is not None
    assert [(one.number.reveal(), one.label) for one in found.contact.numbers] == [
        ("+4930123456", ""), ("+4930999888", "home"),
    ]  # fmt: skip
    assert found.contact.attributes == {"name": "Ada L."}


def test_what_cannot_be_read_is_told_and_the_rest_is_taken(store: CampaignStore) -> None:
    found = add_contacts(
        store,
        ask(
            {"id": "1", "number": "030 123456"},
            {"id": "2", "number": "seven"},
            {"id": "1", "number": "030 999888"},
            {"id": "4", "phone": "030 123456"},
            {"id": "5", "number": "030 777666", "zone": "Europe/Berlino", "priority": "9999"},
        ),
        NOW_MS,
    )
    assert (found["new"], len(store.contacts("spring"))) == (1, 1)
    assert [(one["index"], one["field"]) for one in found["refused"]] == [
        (1, "number"), (2, "id"), (3, ""), (4, "priority"), (4, "zone"),
    ]  # fmt: skip
    assert "--map" not in str(found["refused"])
    assert "seven" not in str(found["refused"]), "a reason has no number in it"


def test_numbers_without_a_country_are_refused(store: CampaignStore) -> None:
    found = add_contacts(store, ask({"number": "030 123456"}, {"number": "+4930123456"}, country=""), NOW_MS)
    assert (found["new"], [one["index"] for one in found["refused"]]) == (1, [0])


def test_numbers_are_called_no_more(store: CampaignStore) -> None:
    request = SuppressRequest(numbers=["030 123456", "x", "+49 30 123456"], country="de")
    found = suppress(store, request, NOW_MS)
    assert (found["new"], found["same"], [one["index"] for one in found["refused"]]) == (1, 0, [1])
    assert [one.listed_in for one in store.suppressed(Private("+4930123456"))] == ["own"]
    assert suppress(store, request, NOW_MS)["same"] == 1


def test_reasons_fit_an_answer(store: CampaignStore) -> None:
    bad = [{"id": str(n), "number": "?", "zone": "?", "priority": "?", "language": "?"} for n in range(200)]
    assert len(str(add_contacts(store, ask(*bad), NOW_MS))) < 60_000
