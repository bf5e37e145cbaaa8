"""Attempts: who may dial what, and what became of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, delete, exists, func, select, tuple_, update

from edge.storage.campaigns.grounds import grounds_of, kept
from edge.storage.campaigns.results import Results
from edge.storage.campaigns.schema import (
    ATTEMPTS,
    CAMPAIGNS,
    CONTACTS,
    IS_HELD,
    IS_OPEN,
    LISTS,
    LOCKS,
    NUMBERS,
    SUPPRESSIONS,
)
from edge.storage.campaigns.words import OWN, Attempt, AttemptState, Lease, Outcome, Refusal
from edge.vocabulary.dialing import UNCOUNTED, Disposition, PastAttempt
from edge.vocabulary.private import Private

_OPEN = ("leased", "dialling")
#: Attempts that `attempts` reads at once.
_PAGE = 2000


class Attempts(Results):
    """Leases and attempts in a database."""

    def lease(self, lease: Lease, now_ms: int) -> Refusal | None:
        """Take contact and number for one attempt; see `interface.Leasing`."""
        number = lease.number.reveal()
        with self._write() as db:
            old = _attempt(db, lease.attempt)
            if old is not None:  # the same request again, after its answer was lost
                mine = old["state"] == "leased" and (old["number"], old["owner"]) == (number, lease.owner)
                return None if mine else "not_due"
            key = self._take(db, lease, now_ms)
            if isinstance(key, str):
                return key
            self._begin(db, lease, key, now_ms)
            return None

    def _take(self, db: Connection, lease: Lease, now_ms: int) -> Refusal | int:
        """Take contact and number for an attempt, or for a preview of one; returns the contact's key, or why not."""
        refusal = hindrance(db, lease)
        if refusal is not None:
            return refusal
        key = _take_contact(db, lease, now_ms)
        if key is None:
            return "not_due"
        lock = {
            "number": lease.number.reveal(),
            "attempt": lease.attempt,
            "campaign": lease.campaign,
            "owner": lease.owner,
            "since_ms": now_ms,
        }
        # Who inserts the row has the number: the database lets one have it, however many try. (RETURNING, since
        # the count of inserted rows is not known with every driver.)
        take = self._insert(LOCKS).values(lock).on_conflict_do_nothing().returning(LOCKS.c.number)
        return key if db.execute(take).scalar_one_or_none() is not None else "locked"

    def _begin(self, db: Connection, lease: Lease, key: int, now_ms: int) -> None:
        """Write the attempt of what was taken."""
        db.execute(ATTEMPTS.insert(), _new_row(db, lease, key, now_ms))
        taken = {"state": "open", "attempt": lease.attempt, "attempts": CONTACTS.c.attempts + 1}
        db.execute(update(CONTACTS).where(CONTACTS.c.key == key).values(taken))

    def dialling(self, attempt: str, now_ms: int) -> bool:
        """Note that the call is on its way; see `interface.Leasing`."""
        with self._write() as db:
            first = func.coalesce(ATTEMPTS.c.dialled_ms, now_ms)
            mine = update(ATTEMPTS).where(ATTEMPTS.c.id == attempt, ATTEMPTS.c.state.in_(_OPEN))
            return db.execute(mine.values(state="dialling", dialled_ms=first)).rowcount == 1

    def end(self, attempt: str, outcome: Outcome) -> bool:
        """Close an attempt; see `interface.Leasing`."""
        with self._write() as db:
            row = _attempt(db, attempt)
            if row is None or row["state"] == "ended":
                return False
            ended = {
                "state": "ended",
                "ended_ms": outcome.ended_ms,
                "disposition": outcome.disposition,
                "rang_ms": outcome.rang_ms,
                "answered_ms": outcome.answered_ms,
                "evidence": kept(row, outcome.evidence),
            }
            db.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == attempt).values(ended))
            counts = outcome.disposition not in UNCOUNTED
            if row["state"] == "released":  # it was dialled after all, so it counts; its contact may be further now
                counted = {"attempts": CONTACTS.c.attempts + int(counts)}
                db.execute(update(CONTACTS).where(CONTACTS.c.key == row["contact_key"]).values(counted))
                return True
            back = {} if counts else {"attempts": CONTACTS.c.attempts - 1}
            db.execute(_contact_of(row).values({**_after(db, row, outcome), **back}))
            db.execute(delete(LOCKS).where(LOCKS.c.attempt == attempt))
            self._follow_last(db, row)
            return True

    def hold(self, attempt: str, now_ms: int, why: str) -> bool:
        """Nobody knows what became of it; see `interface.Leasing`."""
        with self._write() as db:
            row = _attempt(db, attempt)
            if row is None or row["state"] not in _OPEN:
                return False
            held = {
                "state": "held",
                "ended_ms": now_ms,
                "disposition": "held",
                "evidence": kept(row, {"held": why}),
            }
            db.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == attempt).values(held))
            db.execute(_contact_of(row).values(state="held"))
            return True

    def release(self, attempt: str, now_ms: int) -> bool:
        """Give back an attempt that surely was not dialled; see `interface.Leasing`."""
        with self._write() as db:
            row = _attempt(db, attempt)
            if row is None or row["state"] not in _OPEN:
                return False
            db.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == attempt).values(state="released", ended_ms=now_ms))
            back = {"state": "waiting", "attempt": None, "attempts": CONTACTS.c.attempts - 1}
            db.execute(_contact_of(row).values(back))
            db.execute(delete(LOCKS).where(LOCKS.c.attempt == attempt))
            return True

    # --- reading

    def open_attempts(self, owner: str | None = None) -> list[Attempt]:
        """Return the attempts that are leased or dialling; see `interface.Leasing`."""
        wanted = select(ATTEMPTS).where(IS_OPEN).order_by(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id)
        if owner is not None:
            wanted = wanted.where(ATTEMPTS.c.owner == owner)
        with self._read() as db:
            return _attempts(db, wanted)

    def attempt(self, attempt: str) -> Attempt | None:
        """Return an attempt, None when there is none of that id."""
        with self._read() as db:
            found = _attempts(db, select(ATTEMPTS).where(ATTEMPTS.c.id == attempt))
        return found[0] if found else None

    def held_attempts(self) -> list[Attempt]:
        """Return the attempts that are held; see `interface.Leasing`."""
        with self._read() as db:
            return _attempts(db, select(ATTEMPTS).where(IS_HELD).order_by(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id))

    def attempts(
        self, since_ms: int = 0, campaign: str | None = None, states: Sequence[AttemptState] = ()
    ) -> Iterator[Attempt]:
        """Give all attempts leased since then; see `interface.Leasing`."""
        wanted = select(ATTEMPTS).order_by(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id).limit(_PAGE)
        if campaign is not None:
            wanted = wanted.where(ATTEMPTS.c.campaign == campaign)
        if states:
            wanted = wanted.where(ATTEMPTS.c.state.in_(list(states)))
        after = (since_ms, "")
        while True:
            with self._read() as db:
                page = _attempts(db, wanted.where(tuple_(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id) > after))
            yield from page
            if len(page) < _PAGE:
                return
            after = (page[-1].leased_ms, page[-1].id)

    def outcomes(self, campaign: str, since_ms: int = 0) -> dict[Disposition, int]:
        """Count the attempts of a campaign that ended since then, by disposition."""
        counted = (
            select(ATTEMPTS.c.disposition, func.count())
            .where(
                ATTEMPTS.c.campaign == campaign, ATTEMPTS.c.ended_ms >= since_ms, ATTEMPTS.c.disposition.is_not(None)
            )
            .group_by(ATTEMPTS.c.disposition)
        )
        with self._read() as db:
            return {row[0]: row[1] for row in db.execute(counted)}

    def history(self, number: Private, since_ms: int) -> list[PastAttempt]:
        """Return the attempts at a number since then; see `interface.Permissions`."""
        return self._past(ATTEMPTS.c.number == number.reveal(), since_ms)

    def contact_history(self, listed_in: str, contact: str, since_ms: int) -> list[PastAttempt]:
        """Return the attempts at a contact since then; see `interface.Permissions`."""
        return self._past((ATTEMPTS.c.listed_in == listed_in) & (ATTEMPTS.c.contact == contact), since_ms)

    def _past(self, whose: Any, since_ms: int) -> list[PastAttempt]:
        wanted = select(ATTEMPTS).where(whose, ATTEMPTS.c.leased_ms >= since_ms, ATTEMPTS.c.state != "released")
        with self._read() as db:
            rows = db.execute(wanted.order_by(ATTEMPTS.c.leased_ms, ATTEMPTS.c.id)).mappings().all()
        return [
            PastAttempt(
                attempt=row["id"],
                campaign=row["campaign"],
                # From the moment of the lease on it may have rung.
                started_ms=row["dialled_ms"] if row["dialled_ms"] is not None else row["leased_ms"],
                disposition=row["disposition"],
                rang_ms=row["rang_ms"],
                answered=row["answered_ms"] is not None,
            )
            for row in rows
        ]


def hindrance(db: Connection, lease: Lease) -> Refusal | None:
    """Tell why nothing may be begun for a campaign, or with a number."""
    # Locked against a change: who was told that the campaign is stopped can rely on it.
    running = select(CAMPAIGNS.c.state).where(CAMPAIGNS.c.name == lease.campaign).with_for_update(read=True)
    if db.execute(running).scalar_one_or_none() != "running":
        return "not_running"
    own = exists().where(SUPPRESSIONS.c.number == lease.number.reveal(), SUPPRESSIONS.c.listed_in == OWN)
    return "suppressed" if db.execute(select(own)).scalar_one() else None


def _take_contact(db: Connection, lease: Lease, now_ms: int) -> int | None:
    """Lock a contact that is due and has the number; None: it is not, has not, or somebody else is at it."""
    theirs = exists().where(NUMBERS.c.contact_key == CONTACTS.c.key, NUMBERS.c.number == lease.number.reveal())
    wanted = (
        select(CONTACTS.c.key)
        .join(LISTS, LISTS.c.key == CONTACTS.c.list_key)
        .where(
            LISTS.c.name == lease.listed_in,
            CONTACTS.c.id == lease.contact,
            CONTACTS.c.state == "waiting",
            CONTACTS.c.due_ms <= now_ms,
            theirs,
        )
        .with_for_update(skip_locked=True, of=CONTACTS)
    )
    key: int | None = db.execute(wanted).scalar_one_or_none()
    return key


def _attempt(db: Connection, attempt: str) -> RowMapping | None:
    """Return an attempt's row, locked."""
    wanted = select(ATTEMPTS).where(ATTEMPTS.c.id == attempt).with_for_update()
    return db.execute(wanted).mappings().one_or_none()


def _contact_of(row: RowMapping) -> Any:
    """Begin to change the contact of an attempt, if it still is at that attempt."""
    return update(CONTACTS).where(CONTACTS.c.key == row["contact_key"], CONTACTS.c.attempt == row["id"])


def _after(db: Connection, row: RowMapping, outcome: Outcome) -> dict[str, Any]:
    """Return how a contact goes on."""
    numbers = select(func.count()).where(NUMBERS.c.contact_key == row["contact_key"])
    known = 0 <= outcome.next_position < db.execute(numbers).scalar_one()
    values = {
        "state": "done" if outcome.next_due_ms is None else "waiting",
        "attempt": None,
        "disposition": outcome.disposition,
        "position": outcome.next_position if known else 0,
    }
    return values if outcome.next_due_ms is None else values | {"due_ms": outcome.next_due_ms}


def _new_row(db: Connection, lease: Lease, key: int, now_ms: int) -> dict[str, Any]:
    return {
        "id": lease.attempt,
        "campaign": lease.campaign,
        "listed_in": lease.listed_in,
        "contact": lease.contact,
        "contact_key": key,
        "number": lease.number.reveal(),
        "owner": lease.owner,
        "state": "leased",
        "leased_ms": now_ms,
        "evidence": grounds_of(db, lease.number.reveal()),
    }


def _attempts(db: Connection, wanted: Select[Any]) -> list[Attempt]:
    return [
        Attempt(
            **{name: value for name, value in row.items() if name not in ("contact_key", "number", "evidence")},
            number=Private(row["number"]),
            evidence=msgspec.json.decode(row["evidence"]),
        )
        for row in db.execute(wanted).mappings()
    ]
