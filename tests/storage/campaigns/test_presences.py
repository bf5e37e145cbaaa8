"""Appliances that share a store: one name is one appliance's, and what one that is gone has left is held."""

from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.presences import ABSENT, LOST
from edge.storage.campaigns.words import Outcome, Presence
from tests.storage.campaigns.filling import CAMPAIGN, LIST, contact, lease, rows

NOW = 1_790_000_000_000
ANNA = Presence(name="anna", identity="disk-a", run="1")
BERT = Presence(name="bert", identity="disk-b", run="7")


def leased(store: DatabaseStore, index: int, owner: str) -> str:
    """Lease the contact of that index; a number that is even is dialled, too."""
    attempt = f"d{owner}{index}"
    assert store.lease(lease(attempt, index, owner=owner), NOW) is None
    if index % 2 == 0:
        assert store.dialling(attempt, NOW)
    return attempt


def filled(store: DatabaseStore) -> None:
    store.add(LIST, rows([contact(index) for index in range(6)]), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)


def states(store: DatabaseStore) -> dict[str, tuple[str, str]]:
    """State and reason by attempt; contacts and locks fit to them."""
    found = {}
    for one in store.attempts():
        found[one.id] = (one.state, str(one.evidence.get("held", "")))
        kept = store.contact(one.listed_in, one.contact)
        assert kept is not None
        expected = {"leased": "open", "dialling": "open", "held": "held", "released": "waiting", "ended": "done"}
        assert kept.state == expected[one.state]
        assert (one.number in store.locked_for_others("nobody")) == (one.state in {"leased", "dialling", "held"})
    return found


def test_a_name_is_one_run_s(store: DatabaseStore) -> None:
    assert store.presences() == []
    assert store.beat(ANNA, NOW).in_use is None
    assert store.beat(ANNA, NOW + 1).in_use is None  # its dialer was killed, and goes on in the same run
    other = Presence(name="anna", identity="disk-a", run="2")
    seen = store.beat(other, NOW + 2).in_use
    assert seen == Presence(name="anna", identity="disk-a", run="1", beats=2, seen_ms=NOW + 1)
    assert store.beat(other, NOW + 2, 1).in_use == seen  # it has beaten since it was seen
    assert store.beat(other, NOW + 3, 2).in_use is None
    assert store.beat(ANNA, NOW + 4).in_use == Presence(
        name="anna", identity="disk-a", run="2", beats=3, seen_ms=NOW + 3
    )
    store.leave(ANNA, NOW + 5)  # which it has not any more
    assert store.beat(ANNA, NOW + 5).in_use is not None
    store.leave(other, NOW + 6)
    assert store.beat(ANNA, NOW + 7).in_use is None


def test_what_one_that_is_gone_has_left_is_held_and_taken_back(store: DatabaseStore) -> None:
    filled(store)
    store.beat(ANNA, NOW)
    store.beat(BERT, NOW)
    first, second, settled = (leased(store, index, "anna") for index in range(3))
    mine = leased(store, 3, "bert")
    anna = store.presences()[0]
    assert (anna.name, anna.open, anna.beats) == ("anna", 3, 1)
    store.beat(ANNA, NOW + 1)
    assert store.hold_absent(anna, NOW + 2) == []  # it is there after all
    assert store.hold_absent(store.presences()[0], NOW + 2) == [CAMPAIGN] * 3
    assert states(store) == {
        first: ("held", ABSENT),
        second: ("held", ABSENT),
        settled: ("held", ABSENT),
        mine: ("leased", ""),
    }
    assert {one.owner for one in store.held_attempts()} == {"anna"}
    assert store.end(settled, Outcome(disposition="busy", ended_ms=NOW + 3))
    assert store.beat(ANNA, NOW + 4).taken_back == 2
    assert store.beat(ANNA, NOW + 5).taken_back == 0
    assert states(store) == {
        first: ("dialling", ""),
        second: ("leased", ""),
        settled: ("ended", ""),
        mine: ("leased", ""),
    }
    assert [one.id for one in store.open_attempts("anna")] == [first, second]


def test_who_has_lost_what_it_knew_holds_all_that_was_open(store: DatabaseStore) -> None:
    filled(store)
    store.beat(ANNA, NOW)
    away, there = leased(store, 0, "anna"), leased(store, 1, "anna")
    store.hold_absent(store.presences()[0], NOW)
    assert store.beat(ANNA, NOW).taken_back == 2
    anew = Presence(name="anna", identity="another disk", run="2")
    assert store.beat(anew, NOW, store.presences()[0].beats).taken_back == 0
    assert states(store) == {away: ("held", LOST), there: ("held", LOST)}
    assert store.beat(anew, NOW).taken_back == 0


def test_attempts_of_whoever_never_said_that_it_is_there_are_seen_too(store: DatabaseStore) -> None:
    filled(store)
    leased(store, 1, "of old")
    assert store.presences() == [Presence(name="of old", open=1)]
    assert store.hold_absent(store.presences()[0], NOW) == [CAMPAIGN]
    assert store.presences() == []
