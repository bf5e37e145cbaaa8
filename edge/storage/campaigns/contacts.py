"""Contacts: what an import adds, who is due, and lists as people look at them."""

import hashlib
import heapq
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, exists, func, select, update

from edge.storage.campaigns.jobs import Jobs
from edge.storage.campaigns.schema import CONTACTS, LISTS, LOCKS, META, NUMBERS
from edge.storage.campaigns.words import Added, Candidate, ContactState, ContactStatus, Job, ListStatus, Note, Row
from edge.vocabulary.dialing import Contact, ContactNumber, Disposition
from edge.vocabulary.private import Private

#: Contacts that one transaction of a long change touches: leases wait for it.
_CHUNK = 2000
#: Name of the row of `meta`.
_ID_KEY = "id_key"


class Contacts(Jobs):
    """Lists and contacts in a database."""

    # --- adding

    def add(
        self, listed_in: str, rows: Sequence[Row], now_ms: int, job: Job | None = None, note: Note | None = None
    ) -> Added:
        """Add contacts to a list; see `interface.Lists`."""
        with self._write() as db:
            made = {"name": listed_in, "made_ms": now_ms, "changed_ms": now_ms}
            touched = {"changed_ms": now_ms}
            db.execute(
                self._insert(LISTS).values(made).on_conflict_do_update(index_elements=["name"], set_=touched)
            )  # and so two imports into one list take turns
            key = db.execute(select(LISTS.c.key).where(LISTS.c.name == listed_in)).scalar_one()
            added = self._add(db, key, rows, now_ms, f"{job.id}/{job.run}" if job else "")
            if note is not None:
                self._save_job(db, note(added))
            return added

    def _add(self, db: Connection, list_key: int, rows: Sequence[Row], now_ms: int, seen_by: str) -> Added:
        there = {
            row["id"]: row
            for row in db.execute(
                select(CONTACTS)
                .where(CONTACTS.c.list_key == list_key, CONTACTS.c.id.in_([row.contact.id for row in rows]))
                .with_for_update()  # what we change has no open attempt, and gets none meanwhile
            ).mappings()
        }
        first: dict[str, int] = {}
        repeated: dict[int, int] = {}
        new: list[dict[str, Any]] = []
        changed: list[tuple[int, dict[str, Any]]] = []
        seen: list[dict[str, Any]] = []
        same = kept = 0
        for row in rows:
            old = there.get(row.contact.id)
            earlier = first.setdefault(row.contact.id, row.line)
            if old is not None and seen_by and old["seen_by"] == seen_by:
                earlier = min(earlier, old["seen_line"])
            if earlier != row.line:
                repeated[row.line] = earlier
                continue
            values = _values(row, seen_by)
            if old is None:
                new.append(values)
                continue
            seen.append({"at": old["key"], "by": seen_by, "line": row.line})
            if old["digest"] == values["digest"]:
                same += 1
            elif old["state"] == "waiting":
                changed.append((old["key"], values))
            else:
                kept += 1
        self._insert_new(db, list_key, new, now_ms)
        _mark_seen(db, seen)
        for key, values in changed:
            _change(db, key, values)
        return Added(new=len(new), changed=len(changed), same=same, kept=kept, repeated=repeated)

    def _insert_new(self, db: Connection, list_key: int, new: Sequence[dict[str, Any]], now_ms: int) -> None:
        if not new:
            return
        start = self._take_keys(db, len(new))
        fresh = {
            "list_key": list_key,
            "state": "waiting",
            "due_ms": now_ms,
            "position": 0,
            "attempts": 0,
        }
        numbers: list[dict[str, Any]] = []
        for key, values in enumerate(new, start):
            numbers += _number_rows(key, values.pop("numbers"))
            values.update(fresh, key=key)
        db.execute(CONTACTS.insert(), list(new))
        db.execute(NUMBERS.insert(), numbers)

    def _take_keys(self, db: Connection, count: int) -> int:
        """Take `count` keys that nobody else gets, and so the order of imports; returns the first."""
        name = "next_contact"
        db.execute(self._insert(META).values(name=name, value="1").on_conflict_do_nothing())
        start = int(db.execute(select(META.c.value).where(META.c.name == name).with_for_update()).scalar_one())
        db.execute(update(META).where(META.c.name == name).values(value=str(start + count)))
        return start

    # --- due

    def due(self, lists: Sequence[str], now_ms: int, limit: int) -> list[Candidate]:
        """Return who may be called; see `interface.Leasing`."""
        with self._read() as db:
            rows: list[RowMapping] = []
            for key in _keys(db, lists):
                rows += _head(db, key, now_ms, limit)
            chosen = heapq.nsmallest(limit, rows, key=lambda row: (-row["priority"], row["due_ms"], row["key"]))
            contacts = _contacts(db, chosen)
        return [
            Candidate(contact=contact, position=row["position"], attempts=row["attempts"], due_ms=row["due_ms"])
            for row, contact in zip(chosen, contacts, strict=True)
        ]

    def postpone(self, listed_in: str, contact: str, due_ms: int | None, position: int) -> bool:
        """Have a waiting contact wait until then; see `interface.Leasing`."""
        list_key = select(LISTS.c.key).where(LISTS.c.name == listed_in).scalar_subquery()
        mine = (CONTACTS.c.list_key == list_key, CONTACTS.c.id == contact, CONTACTS.c.state == "waiting")
        values: dict[str, Any] = {"position": position}
        values |= {"state": "done"} if due_ms is None else {"due_ms": due_ms}
        with self._write() as db:
            return db.execute(update(CONTACTS).where(*mine).values(values)).rowcount == 1

    def next_due_ms(self, lists: Sequence[str]) -> int | None:
        """Return when the first waiting contact is due; see `interface.Leasing`."""
        with self._read() as db:
            times = [
                db.execute(
                    select(func.min(CONTACTS.c.due_ms)).where(*_waiting(key), CONTACTS.c.priority == priority)
                ).scalar_one()
                for key in _keys(db, lists)
                for priority in _priorities(db, key)
            ]
        return min(times, default=None)

    # --- lists

    def lists(self, now_ms: int) -> list[ListStatus]:
        """Return all lists; see `interface.Lists`."""
        is_due = (CONTACTS.c.state == "waiting") & (CONTACTS.c.due_ms <= now_ms)
        with self._read() as db:
            rows = db.execute(select(LISTS).order_by(LISTS.c.name)).mappings().all()
            counts = db.execute(
                select(CONTACTS.c.list_key, CONTACTS.c.state, func.count(), func.count().filter(is_due)).group_by(
                    CONTACTS.c.list_key, CONTACTS.c.state
                )
            ).all()
        states: dict[int, dict[str, int]] = {row["key"]: {} for row in rows}
        for key, state, count, due in counts:
            if key in states:
                states[key] |= {state: count} | ({"due": due} if state == "waiting" else {})
        return [
            ListStatus(name=row["name"], made_ms=row["made_ms"], changed_ms=row["changed_ms"], **states[row["key"]])
            for row in rows
        ]

    def remove_list(self, listed_in: str) -> int:
        """Remove a list; see `interface.Lists`. In several transactions: what was removed before an error is gone."""
        removed = 0
        while True:
            with self._write() as db:
                key = _key(db, listed_in)
                if key is None:
                    return removed
                busy = exists().where(CONTACTS.c.list_key == key, CONTACTS.c.state.in_(["open", "held"]))
                if db.execute(select(busy)).scalar_one():
                    return -1
                idle = (CONTACTS.c.list_key == key) & CONTACTS.c.state.in_(["waiting", "done"])
                mine = select(CONTACTS.c.key).where(idle).limit(_CHUNK).with_for_update()
                chunk = db.execute(mine).scalars().all()
                if not chunk:
                    db.execute(delete(LISTS).where(LISTS.c.key == key))
                    return removed
                db.execute(delete(NUMBERS).where(NUMBERS.c.contact_key.in_(chunk)))
                db.execute(delete(CONTACTS).where(CONTACTS.c.key.in_(chunk)))
                removed += len(chunk)

    def restart(self, listed_in: str, now_ms: int, dispositions: Sequence[Disposition] = ()) -> int:
        """Have contacts that are done called again; see `interface.Lists`. In several transactions."""
        restarted = 0
        while True:
            with self._write() as db:
                key = _key(db, listed_in)
                done = select(CONTACTS.c.key).where(CONTACTS.c.list_key == key, CONTACTS.c.state == "done")
                if dispositions:
                    done = done.where(CONTACTS.c.disposition.in_(list(dispositions)))
                chunk = db.execute(done.limit(_CHUNK).with_for_update()).scalars().all()
                if not chunk:
                    return restarted
                again = {"state": "waiting", "due_ms": now_ms, "position": 0, "attempts": 0, "disposition": None}
                db.execute(update(CONTACTS).where(CONTACTS.c.key.in_(chunk)).values(again))
                restarted += len(chunk)

    # --- looking

    def contacts(
        self, listed_in: str, state: ContactState | None = None, after: str = "", limit: int = 100
    ) -> list[ContactStatus]:
        """Return contacts of a list, ordered by id; see `interface.Lists`."""
        with self._read() as db:
            wanted = _of_lists().where(LISTS.c.name == listed_in, CONTACTS.c.id > after)
            if state is not None:
                wanted = wanted.where(CONTACTS.c.state == state)
            return _statuses(db, wanted.order_by(CONTACTS.c.id).limit(limit))

    def contact(self, listed_in: str, contact: str) -> ContactStatus | None:
        """Return a contact, None when there is none of that id."""
        with self._read() as db:
            found = _statuses(db, _of_lists().where(LISTS.c.name == listed_in, CONTACTS.c.id == contact))
        return found[0] if found else None

    def contacts_at(self, number: Private) -> list[ContactStatus]:
        """Return the contacts of all lists that have a number."""
        with self._read() as db:
            theirs = select(NUMBERS.c.contact_key).where(NUMBERS.c.number == number.reveal())
            return _statuses(db, _of_lists().where(CONTACTS.c.key.in_(theirs)).order_by(LISTS.c.name, CONTACTS.c.key))

    def secret(self) -> bytes:
        """Return 32 bytes of this store's own; see `interface.Lists`."""
        with self._write() as db:
            db.execute(self._insert(META).values(name=_ID_KEY, value=os.urandom(32).hex()).on_conflict_do_nothing())
            return bytes.fromhex(db.execute(select(META.c.value).where(META.c.name == _ID_KEY)).scalar_one())


def _waiting(list_key: int) -> tuple[Any, ...]:
    return CONTACTS.c.list_key == list_key, CONTACTS.c.state == "waiting"


def _priorities(db: Connection, list_key: int) -> Iterable[int]:
    """Give the priorities that waiting contacts have, the highest first: one look into the index each."""
    top = select(func.max(CONTACTS.c.priority)).where(*_waiting(list_key))
    priority = db.execute(top).scalar_one()
    while priority is not None:
        yield priority
        priority = db.execute(top.where(CONTACTS.c.priority < priority)).scalar_one()


def _head(db: Connection, list_key: int, now_ms: int, limit: int) -> list[RowMapping]:
    """Return the first contacts of a list that are due.

    One priority after the other: over all of them at once, a million contacts of a high one that wait for tomorrow
    would be walked through to find one of a low one.
    """
    locked = (
        exists()
        .where(
            NUMBERS.c.contact_key == CONTACTS.c.key,
            NUMBERS.c.position == CONTACTS.c.position,
            LOCKS.c.number == NUMBERS.c.number,
        )
        .correlate(CONTACTS)
    )
    found: list[RowMapping] = []
    for priority in _priorities(db, list_key):
        wanted = (
            select(CONTACTS, LISTS.c.name.label("listed_in"))
            .join(LISTS, LISTS.c.key == CONTACTS.c.list_key)
            .where(
                *_waiting(list_key),
                CONTACTS.c.priority == priority,
                CONTACTS.c.due_ms <= now_ms,
                ~locked,
            )
            .order_by(CONTACTS.c.due_ms, CONTACTS.c.key)
            .limit(limit - len(found))
        )
        found += db.execute(wanted).mappings()
        if len(found) >= limit:
            break
    return found


def _key(db: Connection, listed_in: str) -> int | None:
    return db.execute(select(LISTS.c.key).where(LISTS.c.name == listed_in)).scalar_one_or_none()


def _keys(db: Connection, lists: Sequence[str]) -> Sequence[int]:
    return db.execute(select(LISTS.c.key).where(LISTS.c.name.in_(list(lists)))).scalars().all()


def _of_lists() -> Select[Any]:
    return select(CONTACTS, LISTS.c.name.label("listed_in")).join(LISTS, LISTS.c.key == CONTACTS.c.list_key)


def _statuses(db: Connection, wanted: Select[Any]) -> list[ContactStatus]:
    rows = db.execute(wanted).mappings().all()
    return [
        ContactStatus(
            contact=contact,
            state=row["state"],
            position=row["position"],
            attempts=row["attempts"],
            due_ms=row["due_ms"],
            disposition=row["disposition"],
        )
        for row, contact in zip(rows, _contacts(db, rows), strict=True)
    ]


def _contacts(db: Connection, rows: Sequence[RowMapping]) -> list[Contact]:
    """Make contacts of rows, with their numbers; rows have `listed_in`."""
    keys = [row["key"] for row in rows]
    theirs: dict[int, list[ContactNumber]] = {key: [] for key in keys}
    for at in range(0, len(keys), _CHUNK):
        wanted = select(NUMBERS).where(NUMBERS.c.contact_key.in_(keys[at : at + _CHUNK]))
        for row in db.execute(wanted.order_by(NUMBERS.c.contact_key, NUMBERS.c.position)).mappings():
            theirs[row["contact_key"]].append(ContactNumber(number=Private(row["number"]), label=row["label"]))
    return [
        Contact(
            listed_in=row["listed_in"],
            id=row["id"],
            numbers=theirs[row["key"]],
            priority=row["priority"],
            zone=row["zone"],
            language=row["language"],
            attributes=msgspec.json.decode(row["attributes"], type=dict[str, str]),
        )
        for row in rows
    ]


def _values(row: Row, seen_by: str) -> dict[str, Any]:
    contact = row.contact
    numbers = [(one.number.reveal(), one.label) for one in contact.numbers]
    attributes = msgspec.json.encode(contact.attributes, order="sorted").decode()
    told = msgspec.json.encode((numbers, contact.priority, contact.zone, contact.language, attributes))
    return {
        "id": contact.id,
        "priority": contact.priority,
        "zone": contact.zone,
        "language": contact.language,
        "attributes": attributes,
        "digest": hashlib.blake2b(told, digest_size=16).digest(),
        "seen_by": seen_by,
        "seen_line": row.line,
        "numbers": numbers,
    }


def _number_rows(key: int, numbers: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"contact_key": key, "position": position, "number": number, "label": label}
        for position, (number, label) in enumerate(numbers)
    ]


def _mark_seen(db: Connection, seen: Sequence[Mapping[str, Any]]) -> None:
    if seen:
        marked: dict[str, Any] = {"seen_by": bindparam("by"), "seen_line": bindparam("line")}
        db.execute(update(CONTACTS).where(CONTACTS.c.key == bindparam("at")).values(marked), list(seen))


def _change(db: Connection, key: int, values: dict[str, Any]) -> None:
    """Give a waiting contact what its new line has. With other numbers the first of them is next."""
    numbers = values.pop("numbers")
    there = db.execute(
        select(NUMBERS.c.number, NUMBERS.c.label).where(NUMBERS.c.contact_key == key).order_by(NUMBERS.c.position)
    ).all()
    if [tuple(row) for row in there] != numbers:
        db.execute(delete(NUMBERS).where(NUMBERS.c.contact_key == key))
        db.execute(NUMBERS.insert(), _number_rows(key, numbers))
        values["position"] = 0
    db.execute(update(CONTACTS).where(CONTACTS.c.key == key).values(values))
