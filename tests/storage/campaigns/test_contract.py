"""What every store does, over SQLite and over a real PostgreSQL."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Added, Job, OtherCall, Outcome, RefusalCount, read_grounds
from edge.vocabulary.dialing import Consent, Contact, ContactNumber, Grounds, PastAttempt, Suppression
from edge.vocabulary.private import Private
from tests.storage.campaigns.filling import CAMPAIGN, LIST, contact, lease, number, rows

NOW = 1_790_000_000_000


def filled(store: DatabaseStore, count: int = 3, **others: int) -> DatabaseStore:
    store.add(LIST, rows([contact(index, **others) for index in range(count)]), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)
    return store


def ids(store: DatabaseStore, now_ms: int = NOW, limit: int = 100) -> list[str]:
    return [one.contact.id for one in store.due([LIST], now_ms, limit)]


# --- contacts


def test_contacts_come_back_as_they_were_given(store: DatabaseStore) -> None:
    given = contact(1, numbers=2, priority=7, zone="Europe/Berlin", language="de", attributes={"name": "Zoë 王"})
    assert store.add(LIST, rows([given]), NOW) == Added(new=1)
    (found,) = store.due([LIST], NOW, 10)
    assert (found.contact, found.position, found.attempts, found.due_ms) == (given, 0, 0, NOW)
    assert found.number == number(1)
    status = store.contact(LIST, "c1")
    assert status is not None
    assert (status.contact, status.state) == (given, "waiting")
    assert store.contacts_at(number(1, 1)) == [status]
    assert store.contact(LIST, "nobody") is None


def test_the_same_lines_again_change_nothing(store: DatabaseStore) -> None:
    filled(store)
    assert store.add(LIST, rows([contact(index) for index in range(4)]), NOW + 1) == Added(new=1, same=3)
    assert ids(store, NOW) == ["c0", "c1", "c2"]
    assert ids(store, NOW + 1) == ["c0", "c1", "c2", "c3"]


def test_a_changed_line_changes_who_waits_and_nobody_else(store: DatabaseStore) -> None:
    filled(store, 4, numbers=2)
    assert store.lease(lease("open", 1), NOW) is None
    assert store.lease(lease("held", 2), NOW) is None
    store.hold("held", NOW, "test")
    assert store.lease(lease("done", 3), NOW) is None
    store.end("done", Outcome(disposition="connected", ended_ms=NOW))
    new = [
        Contact(listed_in=LIST, id=f"c{index}", numbers=[ContactNumber(number=Private("+33140205050"))])
        for index in range(4)
    ]
    assert store.add(LIST, rows(new), NOW) == Added(changed=1, kept=3)
    assert [one.contact for one in store.contacts(LIST)] == [new[0], *(contact(n, numbers=2) for n in (1, 2, 3))]


def test_new_numbers_begin_with_the_first_one(store: DatabaseStore) -> None:
    filled(store, 1, numbers=2)
    store.lease(lease("one", 0), NOW)
    store.end("one", Outcome(disposition="busy", ended_ms=NOW, next_due_ms=NOW, next_position=1))
    assert store.due([LIST], NOW, 1)[0].position == 1
    store.add(LIST, rows([contact(0, numbers=2, priority=1)]), NOW)
    assert store.due([LIST], NOW, 1)[0].position == 1  # the numbers are those that were there
    store.add(LIST, rows([contact(0, numbers=3)]), NOW)
    assert store.due([LIST], NOW, 1)[0].position == 0


def test_an_id_counts_once_in_a_run_and_again_in_the_next(store: DatabaseStore) -> None:
    job = store.begin_job(Job(id="j", file="f", target=LIST, started_ms=NOW))
    first = rows([contact(0), contact(1), contact(0, priority=1)])
    assert store.add(LIST, first, NOW, job) == Added(new=2, repeated={4: 2})
    # The answer was lost: the same batch again is not a repetition of itself.
    assert store.add(LIST, first, NOW, job) == Added(same=2, repeated={4: 2})
    assert store.add(LIST, rows([contact(1)], first=9), NOW, job) == Added(repeated={9: 3})
    store.save_job(msgspec.structs.replace(job, finished_ms=NOW))
    again = store.begin_job(job)
    assert again.run == 2
    assert store.add(LIST, rows([contact(1, priority=3)]), NOW, again) == Added(changed=1)


def test_progress_is_written_with_its_contacts_or_not_at_all(store: DatabaseStore) -> None:
    job = store.begin_job(Job(id="j", file="f", target=LIST, started_ms=NOW))
    noted = msgspec.structs.replace(job, lines=3, new=2)
    store.add(LIST, rows([contact(0), contact(1)]), NOW, job, lambda added: noted)
    assert store.begin_job(job) == noted
    assert store.jobs() == [noted]

    def fail(added: Added) -> Job:
        raise OSError(28, "no space for refused lines")

    with pytest.raises(Exception, match="no space"):
        store.add(LIST, rows([contact(2)]), NOW, job, fail)
    assert store.contact(LIST, "c2") is None
    assert store.begin_job(job) == noted


# --- who is due


def test_the_order_is_priority_then_time_then_import(store: DatabaseStore) -> None:
    store.add(LIST, rows([contact(5), contact(4)]), NOW - 5)
    store.add(LIST, rows([contact(3)]), NOW - 9)
    store.add(LIST, rows([contact(2, priority=-1), contact(1, priority=9), contact(0, priority=2)]), NOW)
    store.add(LIST, rows([contact(7, priority=99)]), NOW + 1)  # tomorrow
    assert ids(store) == ["c1", "c0", "c3", "c5", "c4", "c2"]
    assert ids(store, limit=3) == ["c1", "c0", "c3"]
    assert store.next_due_ms([LIST]) == NOW - 9
    assert store.next_due_ms(["nothing"]) is None


def test_lists_are_dialled_together_in_one_order(store: DatabaseStore) -> None:
    store.add("one", rows([contact(0, listed_in="one", priority=1), contact(1, listed_in="one")]), NOW)
    store.add("two", rows([contact(2, listed_in="two", priority=2), contact(3, listed_in="two")]), NOW - 1)
    store.add("other", rows([contact(4, listed_in="other", priority=3)]), NOW)
    found = store.due(["one", "two", "unknown"], NOW, 10)
    assert [one.contact.id for one in found] == ["c2", "c0", "c3", "c1"]
    assert [one.contact.id for one in store.due(["two", "one"], NOW, 3)] == ["c2", "c0", "c3"]


def test_who_has_a_locked_number_is_not_due(store: DatabaseStore) -> None:
    filled(store, 2)
    twin = Contact(listed_in=LIST, id="twin", numbers=[ContactNumber(number=number(0))], priority=5)
    store.add(LIST, rows([twin]), NOW)
    assert ids(store) == ["twin", "c0", "c1"]
    store.lease(lease("one", 0), NOW)
    assert ids(store) == ["c1"]
    store.release("one", NOW)
    assert ids(store) == ["twin", "c0", "c1"]


# --- leases


def test_a_lease_takes_contact_and_number(store: DatabaseStore) -> None:
    filled(store)
    assert store.lease(lease("one", 0), NOW) is None
    assert store.lease(lease("one", 0), NOW + 1) is None, "the same request again: its answer was lost"
    assert store.lease(lease("two", 0), NOW) == "not_due"
    assert store.lease(lease("one", 1), NOW) == "not_due", "an id is one attempt for ever"
    (found,) = store.open_attempts("a")
    assert (found.id, found.state, found.number, found.leased_ms) == ("one", "leased", number(0), NOW)
    assert store.open_attempts("b") == []
    assert store.contact(LIST, "c0").state == "open"  # type: ignore[union-attr]


def test_a_number_is_locked_over_all_campaigns(store: DatabaseStore) -> None:
    filled(store)
    store.set_campaign("autumn", "running", NOW)
    same = Contact(listed_in="others", id="x", numbers=[ContactNumber(number=number(0))])
    store.add("others", rows([same]), NOW)
    theirs = msgspec.structs.replace(lease("two", 0, campaign="autumn"), listed_in="others", contact="x")
    assert store.lease(lease("one", 0), NOW) is None
    assert store.lease(theirs, NOW) == "locked"
    assert store.contact("others", "x").state == "waiting"  # type: ignore[union-attr]
    store.hold("one", NOW, "nobody knows")
    assert store.lease(theirs, NOW) == "locked"
    store.end("one", Outcome(disposition="no_answer", ended_ms=NOW))
    assert store.lease(theirs, NOW) is None


@pytest.mark.parametrize("state", ["paused", "stopped", "done", None])
def test_only_a_running_campaign_gets_numbers(store: DatabaseStore, state: str | None) -> None:
    store.add(LIST, rows([contact(0)]), NOW)
    if state is not None:
        store.set_campaign(CAMPAIGN, state, NOW, by="anna", why="complaints")  # type: ignore[arg-type]
    assert store.lease(lease("one", 0), NOW) == "not_running"
    assert store.open_attempts() == []
    assert [one.state for one in store.campaigns()] == ([state] if state else [])


def test_who_asked_not_to_be_called_a_moment_ago_is_not(store: DatabaseStore) -> None:
    filled(store)
    store.suppress("own", {number(0): NOW})
    store.suppress("register", {number(1): NOW})  # whether that one counts is for the rules to say
    assert store.lease(lease("one", 0), NOW) == "suppressed"
    assert store.lease(lease("two", 1), NOW) is None


def test_a_contact_that_is_not_due_is_not_leased(store: DatabaseStore) -> None:
    filled(store)
    assert store.lease(lease("early", 0), NOW - 1) == "not_due"
    assert store.lease(lease("other number", 0, 1), NOW) == "not_due"
    assert store.lease(lease("nobody", 9), NOW) == "not_due"
    assert list(store.attempts()) == []


# --- what becomes of attempts


def test_an_attempt_ends_once(store: DatabaseStore) -> None:
    filled(store, 1, numbers=2)
    store.lease(lease("one", 0), NOW)
    assert store.dialling("one", NOW + 10)
    assert store.dialling("one", NOW + 20)
    outcome = Outcome(
        disposition="no_answer",
        ended_ms=NOW + 30_000,
        rang_ms=25_000,
        evidence={"sip": 487, "tones": ["ringback"]},
        next_due_ms=NOW + 60_000,
        next_position=1,
    )
    assert store.end("one", outcome)
    assert not store.end("one", msgspec.structs.replace(outcome, disposition="busy", next_due_ms=None))
    found = store.attempt("one")
    assert found is not None
    assert (found.state, found.disposition, found.dialled_ms, found.ended_ms, found.rang_ms, found.evidence) == (
        "ended", "no_answer", NOW + 10, NOW + 30_000, 25_000, {"grounds": {}, "sip": 487, "tones": ["ringback"]},
    )  # fmt: skip
    status = store.contact(LIST, "c0")
    assert status is not None
    assert (status.state, status.position, status.attempts, status.due_ms, status.disposition) == (
        "waiting", 1, 1, NOW + 60_000, "no_answer",
    )  # fmt: skip
    assert ids(store, NOW + 59_999) == []
    assert store.lease(lease("two", 0, 1), NOW + 60_000) is None
    assert not store.dialling("one", NOW), "it has ended"
    assert store.outcomes(CAMPAIGN) == {"no_answer": 1}
    assert store.outcomes(CAMPAIGN, NOW + 30_001) == {}


def test_what_an_attempt_was_made_on_is_kept(store: DatabaseStore) -> None:
    """New editions and consents that are taken back afterwards change nothing of it."""
    filled(store, 1)
    edition = store.begin_edition("register")
    store.suppress("register", {number(7): 1}, edition)
    store.finish_edition("register", edition, NOW - 9)
    mine, former = (Consent(kind=kind, given_ms=NOW - 8, evidence="form 7") for kind in ("express", "former"))
    store.agree([(number(0), mine), (number(0), former), (number(1), mine)])
    store.withdraw(number(0), NOW - 7, "former")
    store.lease(lease("one", 0), NOW)
    store.withdraw(number(0), NOW + 1)
    store.finish_edition("register", store.begin_edition("register"), NOW + 2)
    grounds = Grounds(lists={"register": NOW - 9}, consents=[mine])

    def stored() -> Grounds | None:
        attempt = store.attempt("one")
        assert attempt is not None
        return read_grounds(attempt.evidence)

    assert stored() == grounds
    store.hold("one", NOW + 3, "its owner is gone")
    assert stored() == grounds
    store.end("one", Outcome(disposition="connected", ended_ms=NOW + 4, evidence={"sip": 200}))
    assert stored() == grounds
    assert read_grounds({"sip": 200}) is None
    assert read_grounds({"grounds": {"lists": 7}}) is None


def test_never_again_is_done(store: DatabaseStore) -> None:
    filled(store, 1)
    store.lease(lease("one", 0), NOW)
    store.end("one", Outcome(disposition="connected", ended_ms=NOW, answered_ms=NOW, next_position=5))
    status = store.contact(LIST, "c0")
    assert status is not None
    assert (status.state, status.position) == ("done", 0)
    assert ids(store, NOW + 10**12) == []
    assert store.restart(LIST, NOW + 5, ["busy"]) == 0
    assert store.restart(LIST, NOW + 5) == 1
    assert ids(store, NOW + 5) == ["c0"]
    assert len(store.history(number(0), 0)) == 1, "what was dialled stays known"


def test_what_nobody_knows_is_held_until_somebody_says_so(store: DatabaseStore) -> None:
    filled(store, 1)
    store.lease(lease("one", 0), NOW)
    assert store.hold("one", NOW + 5, "its owner is gone")
    assert not store.hold("one", NOW + 5, "again")
    assert not store.release("one", NOW), "held is not: surely not dialled"
    assert not store.dialling("one", NOW)
    assert ids(store, NOW + 10**12) == []
    found = store.attempt("one")
    assert found is not None
    assert store.held_attempts() == [found]
    assert (found.state, found.disposition, found.evidence) == (
        "held",
        "held",
        {"grounds": {}, "held": "its owner is gone"},
    )
    assert store.end("one", Outcome(disposition="failed", ended_ms=NOW + 9, next_due_ms=NOW + 10))
    assert ids(store, NOW + 10) == ["c0"]
    assert store.held_attempts() == []


def test_what_was_not_dialled_does_not_count(store: DatabaseStore) -> None:
    filled(store, 1)
    store.lease(lease("one", 0), NOW)
    assert store.release("one", NOW + 1)
    assert not store.release("one", NOW + 1)
    assert not store.dialling("one", NOW + 2)
    assert store.lease(lease("one", 0), NOW) == "not_due", "a released id is not used again"
    (found,) = store.due([LIST], NOW, 1)
    assert found.attempts == 0
    assert store.history(number(0), 0) == []
    assert [one.state for one in store.attempts()] == ["released"]
    # It was wrong: the call ends, while another attempt of the contact is under way.
    assert store.lease(lease("two", 0), NOW) is None
    assert store.end("one", Outcome(disposition="busy", ended_ms=NOW + 9, next_due_ms=NOW + 10))
    status = store.contact(LIST, "c0")
    assert status is not None
    assert (status.state, status.attempts) == ("open", 2)
    assert store.lease(lease("three", 0), NOW + 99) == "not_due"
    assert [one.attempt for one in store.history(number(0), 0)] == ["one", "two"]


def test_unknown_attempts_change_nothing(store: DatabaseStore) -> None:
    assert not store.dialling("x", NOW)
    assert not store.end("x", Outcome(disposition="busy", ended_ms=NOW))
    assert not store.hold("x", NOW, "")
    assert not store.release("x", NOW)
    assert store.attempt("x") is None


def test_history_is_that_of_the_number_and_of_the_contact(store: DatabaseStore) -> None:
    filled(store, 2, numbers=2)
    store.lease(lease("one", 0), NOW)
    store.dialling("one", NOW + 7)
    ended = Outcome(disposition="connected", ended_ms=NOW + 9, rang_ms=4, answered_ms=NOW + 8, next_due_ms=NOW)
    store.end("one", ended)
    store.lease(lease("two", 0, 1), NOW + 100)
    one = PastAttempt(
        attempt="one", campaign=CAMPAIGN, started_ms=NOW + 7, disposition="connected", rang_ms=4, answered=True
    )
    two = PastAttempt(attempt="two", campaign=CAMPAIGN, started_ms=NOW + 100)
    assert store.history(number(0), NOW) == [one]
    assert store.history(number(0), NOW + 1) == []
    assert store.contact_history(LIST, "c0", 0) == [one, two]
    assert store.contact_history(LIST, "c0", NOW + 100) == [two]
    assert store.contact_history("other", "c0", 0) == []


def test_attempts_are_walked_in_pages(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.storage.campaigns.attempts._PAGE", 2)
    filled(store, 5)
    for index in range(5):
        store.lease(lease(f"a{index}", index), NOW + index // 2)
    store.hold("a4", NOW, "")
    assert [one.id for one in store.attempts()] == [f"a{index}" for index in range(5)]
    assert [one.id for one in store.attempts(NOW + 1)] == ["a2", "a3", "a4"]
    assert [one.id for one in store.attempts(campaign="other")] == []
    assert [one.id for one in store.attempts(states=["held"])] == ["a4"]


# --- lists


def test_lists_count_their_contacts(store: DatabaseStore) -> None:
    filled(store, 5)
    store.add("empty", [], NOW + 1)
    store.lease(lease("open", 0), NOW)
    store.lease(lease("held", 1), NOW)
    store.hold("held", NOW, "")
    store.lease(lease("done", 2), NOW)
    store.end("done", Outcome(disposition="connected", ended_ms=NOW))
    store.lease(lease("later", 3), NOW)
    store.end("later", Outcome(disposition="busy", ended_ms=NOW, next_due_ms=NOW + 1))
    customers, empty = store.lists(NOW)
    assert (customers.contacts, customers.waiting, customers.due) == (5, 2, 1)
    assert (customers.open, customers.held, customers.done) == (1, 1, 1)
    assert (empty.name, empty.contacts, empty.made_ms) == ("empty", 0, NOW + 1)


def test_a_list_goes_with_its_contacts_and_not_with_its_attempts(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.storage.campaigns.contacts._CHUNK", 2)
    filled(store, 5)
    store.lease(lease("one", 0), NOW)
    assert store.remove_list(LIST) == -1
    store.end("one", Outcome(disposition="connected", ended_ms=NOW))
    assert store.remove_list(LIST) == 5
    assert store.remove_list(LIST) == 0
    assert (store.lists(NOW), store.contacts_at(number(1))) == ([], [])
    assert len(store.history(number(0), 0)) == 1
    filled(store, 1)
    assert store.due([LIST], NOW, 1)[0].attempts == 0, "a list of the same name is another one"


def test_contacts_are_read_in_pages(store: DatabaseStore) -> None:
    filled(store, 5)
    store.lease(lease("one", 3), NOW)
    assert [one.contact.id for one in store.contacts(LIST, after="c1", limit=2)] == ["c2", "c3"]
    assert [one.contact.id for one in store.contacts(LIST, "open")] == ["c3"]
    assert store.contacts("nothing") == []


def test_the_secret_stays_the_same(store: DatabaseStore, place: Path | str) -> None:
    secret = store.secret()
    assert len(secret) == 32
    store.close()
    assert DatabaseStore(place).secret() == secret


# --- suppressions and consents


def test_a_new_edition_takes_the_place_of_the_old_one(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.storage.campaigns.permissions._CHUNK", 2)
    first = store.begin_edition("register")
    assert store.suppress("register", {number(index): NOW for index in range(5)}, first) == Added(new=5)
    assert store.suppression_lists()[0].loaded_ms == 0, "not loaded whole yet"
    assert store.suppressed(number(0)) == [Suppression(listed_in="register", since_ms=NOW)]
    assert store.finish_edition("register", first, NOW) == 0
    second = store.begin_edition("register")
    assert store.begin_edition("register", again=True) == second, "gone on with"
    assert store.suppress("register", {number(4): NOW + 9, number(5): NOW + 9}, second) == Added(new=1, same=1)
    assert store.suppressed(number(0)), "until it is whole, both count"
    assert store.finish_edition("register", second, NOW + 9) == 4
    assert list(store.suppressions("register")) == [(number(4), NOW), (number(5), NOW + 9)]
    (register,) = store.suppression_lists()
    assert (register.name, register.loaded_ms, register.numbers) == ("register", NOW + 9, 2)
    broken = store.begin_edition("register")
    store.suppress("register", {number(7): NOW}, broken)
    third = store.begin_edition("register")
    store.suppress("register", {number(8): NOW}, third)
    assert store.finish_edition("register", third, NOW) == 3, "those of an edition that was never whole go, too"
    assert store.drop_suppressions("register") == 1
    assert (store.suppression_lists(), store.suppressed(number(4))) == ([], [])


def test_our_own_list(store: DatabaseStore) -> None:
    assert store.suppress("own", {number(1): NOW}) == Added(new=1)
    assert store.suppress("own", {number(1): NOW + 5, number(2): NOW}) == Added(new=1, same=1)
    assert store.suppressed(number(1)) == [Suppression(listed_in="own", since_ms=NOW)]
    assert store.unsuppress("own", number(1))
    assert not store.unsuppress("own", number(1))
    assert store.suppressed(number(1)) == []


def test_consents(store: DatabaseStore) -> None:
    written = Consent(kind="prior_express_written", given_ms=NOW, expires_ms=NOW + 9, evidence="form 7")
    spoken = Consent(kind="prior_express", given_ms=NOW - 5)
    given = [(number(1), written), (number(1), spoken)]
    assert store.agree(given) == Added(new=2)
    assert store.agree(given) == Added(same=2)
    assert store.consents(number(1)) == [spoken, written]
    assert store.consents(number(2)) == []
    assert store.withdraw(number(1), NOW + 1, "prior_express") == 1
    assert store.consents(number(1)) == [written]
    store.agree([(number(1), spoken), (number(1), msgspec.structs.replace(spoken, given_ms=NOW))])
    assert store.consents(number(1)) == [written], "what was given before it was taken back does not come back"
    anew = msgspec.structs.replace(spoken, given_ms=NOW + 2)
    store.agree([(number(1), anew)])
    assert store.consents(number(1)) == [written, anew]
    assert store.withdraw(number(1), NOW + 3) == 2 + 1  # that which came late, too
    assert store.consents(number(1)) == []


def test_who_must_not_be_called_now_is_put_off(store: DatabaseStore) -> None:
    filled(store, 3, numbers=2)
    assert store.postpone(LIST, "c0", NOW + 1000, 1)
    assert ids(store) == ["c1", "c2"]
    later = store.due([LIST], NOW + 1000, 10)
    assert [(one.contact.id, one.position) for one in later if one.contact.id == "c0"] == [("c0", 1)]
    assert store.postpone(LIST, "c1", None, 0)
    status = store.contact(LIST, "c1")
    assert status is not None
    assert status.state == "done"
    assert not store.postpone(LIST, "c1", NOW, 0)
    assert store.lease(lease("one", 2), NOW) is None
    assert not store.postpone(LIST, "c2", NOW, 0)
    assert not store.postpone(LIST, "nobody", NOW, 0)
    assert not store.postpone("no list", "c0", NOW, 0)


def test_refusals_are_counted_by_day_and_once(store: DatabaseStore) -> None:
    day = 86_400_000

    def counts(*rows: tuple[int, str, int]) -> list[RefusalCount]:
        return [RefusalCount(campaign=CAMPAIGN, day_ms=at, reason=reason, calls=calls) for at, reason, calls in rows]

    assert store.refusals() == []
    store.note_refusals("one", [])
    for _ in range(2):  # the answer to the first was lost
        store.note_refusals("one", counts((0, "hours", 3), (day, "hours", 4)))
    store.note_refusals("one", counts((day, "hours", 6)))
    store.note_refusals("two", counts((day, "hours", 10), (day, "gap", 1)))
    assert store.refusals() == counts((0, "hours", 3), (day, "gap", 1), (day, "hours", 16))
    assert store.refusals(day) == counts((day, "gap", 1), (day, "hours", 16))
    assert store.refusals(day - 1) == counts((0, "hours", 3), (day, "gap", 1), (day, "hours", 16))


def test_a_database_of_the_first_schema_gets_what_it_lacks(store: DatabaseStore, place: Path | str) -> None:
    with store._write() as db:
        db.execute(text("DROP TABLE refusals"))
        if isinstance(place, Path):
            db.execute(text("PRAGMA user_version = 1"))
        else:
            db.execute(text("UPDATE meta SET value = '1' WHERE name = 'schema'"))
    store.close()
    again = DatabaseStore(place)
    again.note_refusals("one", [RefusalCount(campaign=CAMPAIGN, day_ms=0, reason="hours", calls=1)])
    assert len(again.refusals()) == 1
    again.close()


# --- who else calls


def test_calls_of_others_are_attempts_at_their_numbers_once(store: DatabaseStore) -> None:
    assert store.calls_mark("a") == 0
    call = OtherCall(
        id="o1", callback="c1.4", number=number(0), started_ms=NOW, ended_ms=NOW + 9, disposition="connected", rang_ms=5
    )
    store.note_calls("a", [call], 7)
    store.note_calls("a", [call, msgspec.structs.replace(call, id="o2", answered=True)], 9)
    store.note_calls("b", [], 3)
    assert (store.calls_mark("a"), store.calls_mark("b")) == (9, 3)
    past = store.history(number(0), 0)
    assert [(one.attempt, one.disposition, one.answered) for one in past] == [
        ("o1", "connected", False),
        ("o2", "connected", True),
    ]
    assert store.open_attempts("a") == []
    assert store.outcomes("spring") == {}


def test_numbers_that_are_locked_for_others(store: DatabaseStore) -> None:
    filled(store, 3)
    for name, index, owner in (("one", 0, "a"), ("two", 1, "a"), ("three", 2, "b")):
        assert store.lease(lease(name, index, owner=owner), NOW) is None
    assert store.locked_for_others("a") == [number(2)]
    store.hold("two", NOW, "nobody knows")
    assert store.locked_for_others("a") == [number(1), number(2)]
    assert store.locked_for_others("b") == [number(0), number(1)]
    store.release("three", NOW)
    assert store.locked_for_others("a") == [number(1)]


def test_what_we_cancel_ourselves_does_not_count_against_the_contact(store: DatabaseStore) -> None:
    filled(store, 1)
    for disposition, counted in (("busy", 1), ("cancelled", 1), ("cancelled", 1), ("no_answer", 2)):
        attempt = f"{disposition}-{counted}-{len(store.history(number(0), 0))}"
        assert store.lease(lease(attempt, 0), NOW) is None
        assert store.end(attempt, Outcome(disposition=disposition, ended_ms=NOW, next_due_ms=NOW))  # type: ignore[arg-type]
        assert store.contact(LIST, "c0").attempts == counted  # type: ignore[union-attr]
    assert len(store.history(number(0), 0)) == 4, "rules count them all: it may have rung"
    assert store.lease(lease("given back", 0), NOW) is None
    store.release("given back", NOW)
    assert store.end("given back", Outcome(disposition="cancelled", ended_ms=NOW))
    assert store.contact(LIST, "c0").attempts == 2  # type: ignore[union-attr]
