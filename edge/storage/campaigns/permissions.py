"""Who must not be called, and who agreed to be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, select, update

from edge.storage.campaigns.grounds import consents_of
from edge.storage.campaigns.jobs import Jobs
from edge.storage.campaigns.schema import CONSENTS, SUPPRESSION_LISTS, SUPPRESSIONS
from edge.storage.campaigns.words import Added, Note, SuppressionList
from edge.vocabulary.dialing import Consent, Suppression
from edge.vocabulary.private import Private

#: Numbers that are read or removed at once.
_CHUNK = 2000


class Permissions(Jobs):
    """Suppressions and consents in a database."""

    def suppressed(self, number: Private) -> list[Suppression]:
        """Return on which lists a number stands."""
        wanted = select(SUPPRESSIONS).where(SUPPRESSIONS.c.number == number.reveal())
        with self._read() as db:
            rows = db.execute(wanted.order_by(SUPPRESSIONS.c.listed_in)).mappings().all()
        return [Suppression(listed_in=row["listed_in"], since_ms=row["since_ms"]) for row in rows]

    def suppression_lists(self) -> list[SuppressionList]:
        """Return all lists of suppressions, with their age."""
        counted = select(SUPPRESSIONS.c.listed_in, func.count()).group_by(SUPPRESSIONS.c.listed_in)
        with self._read() as db:
            rows = db.execute(select(SUPPRESSION_LISTS).order_by(SUPPRESSION_LISTS.c.name)).mappings().all()
            numbers = {row[0]: row[1] for row in db.execute(counted)}
        return [
            SuppressionList(name=row["name"], loaded_ms=row["loaded_ms"], numbers=numbers.get(row["name"], 0))
            for row in rows
        ]

    def suppressions(self, listed_in: str) -> Iterator[tuple[Private, int]]:
        """Give the numbers of a list; see `interface.Permissions`."""
        after = ""
        while True:
            wanted = select(SUPPRESSIONS.c.number, SUPPRESSIONS.c.since_ms).where(
                SUPPRESSIONS.c.listed_in == listed_in, SUPPRESSIONS.c.number > after
            )
            with self._read() as db:
                page = db.execute(wanted.order_by(SUPPRESSIONS.c.number).limit(_CHUNK)).all()
            for number, since_ms in page:
                yield Private(number), since_ms
            if len(page) < _CHUNK:
                return
            after = page[-1][0]

    def suppress(
        self, listed_in: str, numbers: Mapping[Private, int], edition: int = 0, note: Note | None = None
    ) -> Added:
        """Put numbers on a list; see `interface.Permissions`."""
        plain = {number.reveal(): since_ms for number, since_ms in numbers.items()}
        with self._write() as db:
            self._make_list(db, listed_in)
            there = select(func.count()).where(
                SUPPRESSIONS.c.listed_in == listed_in, SUPPRESSIONS.c.number.in_(list(plain))
            )
            known = db.execute(there).scalar_one() if plain else 0
            self._put(db, listed_in, plain, edition)
            added = Added(new=len(plain) - known, same=known)
            if note is not None:
                self._save_job(db, note(added))
            return added

    def _put(self, db: Connection, listed_in: str, numbers: Mapping[str, int], edition: int) -> None:
        if not numbers:
            return
        put = self._insert(SUPPRESSIONS)
        given, kept = put.excluded, SUPPRESSIONS.c
        later = {
            "since_ms": case((given.since_ms < kept.since_ms, given.since_ms), else_=kept.since_ms),
            "edition": case((given.edition > kept.edition, given.edition), else_=kept.edition),
        }
        db.execute(
            put.on_conflict_do_update(index_elements=["number", "listed_in"], set_=later),
            [
                {"number": number, "listed_in": listed_in, "since_ms": since_ms, "edition": edition}
                for number, since_ms in sorted(numbers.items())
            ],
        )

    def begin_edition(self, listed_in: str, *, again: bool = False) -> int:
        """Begin to load a new edition of a list; see `interface.Permissions`."""
        with self._write() as db:
            self._make_list(db, listed_in)
            mine = SUPPRESSION_LISTS.c.name == listed_in
            row = db.execute(select(SUPPRESSION_LISTS).where(mine).with_for_update()).mappings().one()
            if again and row["loading"]:
                return int(row["loading"])
            edition = max(row["edition"], row["loading"]) + 1
            db.execute(update(SUPPRESSION_LISTS).where(mine).values(loading=edition))
            return int(edition)

    def finish_edition(self, listed_in: str, edition: int, loaded_ms: int) -> int:
        """Take the edition for the list; see `interface.Permissions`. What goes, goes in several transactions."""
        mine = SUPPRESSION_LISTS.c.name == listed_in
        with self._write() as db:
            done = {"edition": edition, "loading": 0, "loaded_ms": loaded_ms}
            db.execute(update(SUPPRESSION_LISTS).where(mine, SUPPRESSION_LISTS.c.loading == edition).values(done))
        return self._forget(listed_in, SUPPRESSIONS.c.edition < edition)

    def unsuppress(self, listed_in: str, number: Private) -> bool:
        """Take a number off a list. False: it did not stand there."""
        its = delete(SUPPRESSIONS).where(
            SUPPRESSIONS.c.listed_in == listed_in, SUPPRESSIONS.c.number == number.reveal()
        )
        with self._write() as db:
            return db.execute(its).rowcount == 1

    def drop_suppressions(self, listed_in: str) -> int:
        """Forget a list with its numbers; see `interface.Permissions`. In several transactions, its name first."""
        with self._write() as db:
            db.execute(delete(SUPPRESSION_LISTS).where(SUPPRESSION_LISTS.c.name == listed_in))
        return self._forget(listed_in)

    def _forget(self, listed_in: str, *which: Any) -> int:
        mine = SUPPRESSIONS.c.listed_in == listed_in
        gone = 0
        while True:
            with self._write() as db:
                chunk = db.execute(select(SUPPRESSIONS.c.number).where(mine, *which).limit(_CHUNK)).scalars().all()
                if chunk:
                    db.execute(delete(SUPPRESSIONS).where(mine, SUPPRESSIONS.c.number.in_(chunk)))
            gone += len(chunk)
            if len(chunk) < _CHUNK:
                return gone

    def _make_list(self, db: Connection, listed_in: str) -> None:
        values = {"name": listed_in, "loaded_ms": 0, "edition": 0, "loading": 0}
        db.execute(self._insert(SUPPRESSION_LISTS).values(values).on_conflict_do_nothing())

    # --- consents

    def consents(self, number: Private) -> list[Consent]:
        """Return what was agreed to and not taken back; see `interface.Permissions`."""
        with self._read() as db:
            return consents_of(db, number.reveal())

    def agree(self, consents: Sequence[tuple[Private, Consent]], note: Note | None = None) -> Added:
        """Keep consents; see `interface.Permissions`."""
        rows = {
            (number.reveal(), one.kind, one.given_ms): {"expires_ms": one.expires_ms, "evidence": one.evidence}
            for number, one in consents
        }
        keys = ("number", "kind", "given_ms")
        with self._write() as db:
            numbers = sorted({number for number, _, _ in rows})
            known = select(*(CONSENTS.c[name] for name in keys)).where(CONSENTS.c.number.in_(numbers))
            there = len(rows.keys() & {tuple(row) for row in db.execute(known)}) if rows else 0
            if rows:
                put = self._insert(CONSENTS)
                newer = {"expires_ms": put.excluded.expires_ms, "evidence": put.excluded.evidence}
                db.execute(
                    put.on_conflict_do_update(index_elements=keys, set_=newer),
                    [dict(zip(keys, key, strict=True)) | values for key, values in sorted(rows.items())],
                )
            added = Added(new=len(rows) - there, same=there)
            if note is not None:
                self._save_job(db, note(added))
            return added

    def withdraw(self, number: Private, now_ms: int, kind: str | None = None) -> int:
        """Take consents of one kind or of all kinds back; returns how many there were."""
        theirs = update(CONSENTS).where(CONSENTS.c.number == number.reveal(), CONSENTS.c.withdrawn_ms.is_(None))
        if kind is not None:
            theirs = theirs.where(CONSENTS.c.kind == kind)
        with self._write() as db:
            return int(db.execute(theirs.values(withdrawn_ms=now_ms)).rowcount)
