"""Previews and results, over SQLite and over a real PostgreSQL."""

from typing import Any

import pytest
from sqlalchemy import text

from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Lease, Outcome, Preview, Result
from edge.vocabulary.dialing import Contact
from edge.vocabulary.private import Private
from tests.storage.campaigns.filling import CAMPAIGN, LIST, contact, lease, number, rows

NOW = 1_790_000_000_000
HOUR = 3_600_000


def filled(store: DatabaseStore, count: int = 3, **others: int) -> DatabaseStore:
    store.add(LIST, rows([contact(index, **others) for index in range(count)]), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)
    return store


def shown(id_: str, index: int, which: int = 0, *, owner: str = "a", until_ms: int = NOW + HOUR) -> Preview:
    return Preview(
        id=id_,
        campaign=CAMPAIGN,
        listed_in=LIST,
        contact=f"c{index}",
        number=number(index, which),
        owner=owner,
        agent="anna",
        until_ms=until_ms,
    )


def said(id_: str, attempt: str, step: Any, *, given_ms: int = NOW + 9, due_ms: int | None = None) -> Result:
    return Result(
        id=id_,
        attempt=attempt,
        campaign=CAMPAIGN,
        agent="anna",
        code=f"code-{id_}",
        step=step,
        due_ms=due_ms,
        note=Private("wants blue"),
        given_ms=given_ms,
    )


def ids(store: DatabaseStore, now_ms: int = NOW) -> list[str]:
    return [one.contact.id for one in store.due([LIST], now_ms, 100)]


def state(store: DatabaseStore, index: int = 0) -> tuple[str, int, int]:
    found = store.contact(LIST, f"c{index}")
    assert found is not None
    return found.state, found.position, found.due_ms


# --- previews


def test_who_is_shown_to_an_agent_is_nobody_elses(store: DatabaseStore) -> None:
    filled(store)
    store.add(LIST, rows([Contact(listed_in=LIST, id="twin", numbers=contact(0).numbers)]), NOW)
    assert store.offer(shown("p", 0), NOW) is None
    assert store.offer(shown("p", 0), NOW) is None  # the answer was lost
    assert ids(store) == ["c1", "c2"]
    assert store.offer(shown("other", 0, owner="b"), NOW) == "not_due"
    assert store.lease(lease("l", 0), NOW) == "not_due"
    twin = Lease(attempt="t", campaign=CAMPAIGN, listed_in=LIST, contact="twin", number=number(0), owner="b")
    assert store.lease(twin, NOW) == "locked"
    assert store.history(number(0), 0) == []  # it is no attempt
    found = store.preview("p")
    assert found is not None
    assert (found.state, found.agent, found.number) == ("offered", "anna", number(0))
    assert store.open_attempts() == []


def test_an_accepted_one_is_an_attempt_of_the_same_id(store: DatabaseStore) -> None:
    filled(store)
    store.offer(shown("p", 0), NOW)
    assert store.accept("p", NOW + 1, "anna") is None
    assert store.accept("p", NOW + 2, "anna") is None
    (attempt,) = store.open_attempts("a")
    assert (attempt.id, attempt.state, attempt.contact) == ("p", "leased", "c0")
    assert store.dialling("p", NOW + 3)
    assert store.accept("p", NOW + 4) == "not_due"
    assert not store.end_preview("p", "skipped", NOW + 5)
    assert store.end("p", Outcome(disposition="busy", ended_ms=NOW + 6, next_due_ms=NOW + HOUR))
    assert state(store) == ("waiting", 0, NOW + HOUR)
    assert store.offer(shown("q", 0), NOW + HOUR) is None  # the lock is gone
    assert store.preview_counts(CAMPAIGN) == {"accepted": 1}


def test_an_accepted_one_that_was_never_dialled_is_given_back(store: DatabaseStore) -> None:
    filled(store)
    store.offer(shown("p", 0), NOW)
    store.accept("p", NOW + 1)
    assert store.release("p", NOW + 2)
    assert ids(store) == ["c0", "c1", "c2"]
    assert store.accept("p", NOW + 3) == "not_due"


@pytest.mark.parametrize(
    ("how", "due_ms", "then"),
    [
        ("skipped", NOW + HOUR, ("waiting", 0, NOW + HOUR)),
        ("withdrawn", None, ("waiting", 0, NOW)),
        ("lapsed", NOW + 1, ("waiting", 0, NOW + 1)),
        ("rejected", None, ("done", 0, NOW)),
    ],
)
def test_how_it_ends_otherwise(store: DatabaseStore, how: Any, due_ms: int | None, then: tuple[str, int, int]) -> None:
    filled(store, numbers=2)
    store.offer(shown("p", 0), NOW)
    assert store.end_preview("p", how, NOW + 1, due_ms=due_ms, reason="busy today", by="anna")
    assert not store.end_preview("p", "skipped", NOW + 2)
    assert store.accept("p", NOW + 3) == "not_due"
    assert state(store) == then
    found = store.preview("p")
    assert found is not None
    assert (found.state, found.reason, found.by, found.ended_ms) == (how, "busy today", "anna", NOW + 1)
    assert store.preview_counts(CAMPAIGN) == {how: 1}
    twin = Contact(listed_in=LIST, id="twin", numbers=contact(0).numbers)
    store.add(LIST, rows([twin]), NOW)
    assert store.lease(lease("l", 1), NOW + HOUR) is None


def test_the_next_number_may_be_asked_for(store: DatabaseStore) -> None:
    filled(store, 1, numbers=2)
    store.offer(shown("p", 0), NOW)
    assert store.end_preview("p", "withdrawn", NOW, due_ms=NOW, position=1)
    assert store.due([LIST], NOW, 1)[0].position == 1


def test_no_call_begins_that_was_forbidden_meanwhile(store: DatabaseStore) -> None:
    filled(store)
    for index, id_ in enumerate(("p", "q")):
        store.offer(shown(id_, index), NOW)
    store.suppress("own", {number(0): NOW})
    assert store.accept("p", NOW) == "suppressed"
    store.set_campaign(CAMPAIGN, "paused", NOW)
    assert store.accept("q", NOW) == "not_running"
    assert store.offer(shown("r", 2), NOW) == "not_running"
    assert store.open_attempts() == []
    assert [one.state for one in store.pending_previews("a")] == ["offered", "offered"]


def test_what_is_left_of_a_dead_appliance(store: DatabaseStore) -> None:
    filled(store)
    store.offer(shown("p", 0, owner="dead", until_ms=NOW + 5), NOW)
    store.offer(shown("q", 1, owner="dead", until_ms=NOW + 9), NOW)
    assert store.overdue_previews(NOW + 4) == []
    assert store.overdue_previews(NOW + 5) == ["p"]
    assert store.end_preview("p", "lapsed", NOW + 5)
    assert store.overdue_previews(NOW + 9) == ["q"]
    assert ids(store, NOW) == ["c0", "c2"]


def test_an_end_is_pending_until_it_was_told(store: DatabaseStore) -> None:
    filled(store)
    for index, id_ in enumerate(("p", "q")):
        store.offer(shown(id_, index), NOW + index)
    store.end_preview("q", "skipped", NOW + 2)
    assert [one.id for one in store.pending_previews("a")] == ["p", "q"]
    assert store.pending_previews("b") == []
    store.preview_told(["p", "q"])  # p is offered: there is no end to be told of
    assert [(one.id, one.state) for one in store.pending_previews("a")] == [("p", "offered")]


# --- results


def ended(store: DatabaseStore, attempt: str = "x", index: int = 0, which: int = 0, at_ms: int = NOW) -> None:
    assert store.lease(lease(attempt, index, which), at_ms) is None
    assert store.end(attempt, Outcome(disposition="connected", ended_ms=at_ms))


def test_a_contact_goes_on_as_the_agent_says(store: DatabaseStore) -> None:
    filled(store, numbers=2)
    ended(store)
    assert state(store)[0] == "done"
    assert store.give_result(said("1", "x", "same_number", due_ms=NOW + HOUR))
    assert state(store) == ("waiting", 0, NOW + HOUR)
    assert not store.give_result(said("1", "x", "done"))  # the same one again
    assert state(store)[0] == "waiting"
    assert store.give_result(said("2", "x", "next_number", due_ms=NOW + 2, given_ms=NOW + 10))
    assert state(store) == ("waiting", 1, NOW + 2)
    assert store.give_result(said("3", "x", "done", given_ms=NOW + 11))
    assert state(store)[0] == "done"
    assert [one.id for one in store.results("x")] == ["1", "2", "3"]
    assert store.results("x")[0].note == Private("wants blue")
    assert store.result_counts(CAMPAIGN) == {"code-3": 1}
    assert store.result_counts(CAMPAIGN, NOW + HOUR) == {}


def test_who_comes_late_does_not_overrule_the_last_word(store: DatabaseStore) -> None:
    """Two results may arrive in another order than they were given."""
    filled(store)
    ended(store)
    store.give_result(said("late", "x", "done", given_ms=NOW + 20))
    store.give_result(said("early", "x", "same_number", due_ms=NOW + 30, given_ms=NOW + 10))
    assert state(store)[0] == "done"
    assert store.result_counts(CAMPAIGN) == {"code-late": 1}


def test_the_last_number_has_no_next_one(store: DatabaseStore) -> None:
    filled(store, numbers=2)
    ended(store, which=1)
    store.give_result(said("1", "x", "next_number", due_ms=NOW))
    assert state(store)[0] == "done"


def test_before_the_end_the_end_follows_it(store: DatabaseStore) -> None:
    filled(store)
    store.lease(lease("x", 0), NOW)
    store.dialling("x", NOW)
    assert store.give_result(said("1", "x", "same_number", due_ms=NOW + HOUR))
    assert state(store)[0] == "open"
    store.end("x", Outcome(disposition="connected", ended_ms=NOW + 50))
    assert state(store) == ("waiting", 0, NOW + HOUR)


def test_never_takes_the_number_out_of_all_campaigns_at_once(store: DatabaseStore) -> None:
    filled(store)
    store.lease(lease("x", 0), NOW)
    store.give_result(said("1", "x", "never"))
    assert [one.listed_in for one in store.suppressed(number(0))] == ["own"]
    store.end("x", Outcome(disposition="connected", ended_ms=NOW + 50, next_due_ms=NOW))
    assert state(store)[0] == "done"
    store.give_result(said("2", "x", "same_number", due_ms=NOW, given_ms=NOW + 60))
    assert [one.listed_in for one in store.suppressed(number(0))] == ["own"]


def test_who_was_taken_up_since_is_left_alone(store: DatabaseStore) -> None:
    filled(store)
    ended(store)
    store.restart(LIST, NOW + 1)
    ended(store, "y", at_ms=NOW + 2)
    assert store.give_result(said("1", "x", "same_number", due_ms=NOW + 5))
    assert state(store)[0] == "done"
    store.restart(LIST, NOW + 3)
    store.lease(lease("z", 0), NOW + 3)
    store.give_result(said("2", "y", "same_number", due_ms=NOW + 5))
    assert state(store)[0] == "open"


def test_a_result_of_an_attempt_that_nobody_knows_is_kept(store: DatabaseStore) -> None:
    filled(store)
    assert store.give_result(said("1", "nobody", "never"))
    assert [one.code for one in store.results("nobody")] == ["code-1"]


def test_a_database_of_the_second_schema_gets_what_it_lacks(store: DatabaseStore) -> None:
    filled(store)
    with store._write() as db:
        db.execute(text("DROP TABLE previews"))
        db.execute(text("DROP TABLE results"))
        if store.shared:
            db.execute(text("UPDATE meta SET value = '2' WHERE name = 'schema'"))
        else:
            db.execute(text("PRAGMA user_version = 2"))
    store.close()
    assert store.offer(shown("p", 0), NOW) is None
    assert store.give_result(said("1", "p", "done"))
    assert ids(store) == ["c1", "c2"]
