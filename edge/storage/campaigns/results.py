"""What agents say came of their talks: kept with history, and the last word on an attempt is what its contact follows.

It may come before the attempt is closed, and long after. So whoever comes second of the two, `end` or `give_result`,
lets the contact go on, in its own transaction; only a contact that has been taken up anew meanwhile is left alone.
"""

from typing import Any

from sqlalchemy import Connection, RowMapping, exists, func, select, update

from edge.storage.campaigns.database import Database
from edge.storage.campaigns.schema import ATTEMPTS, CONTACTS, NUMBERS, RESULTS, SUPPRESSION_LISTS, SUPPRESSIONS
from edge.storage.campaigns.words import OWN, Result
from edge.vocabulary.private import Private


class Results(Database):
    """Results in a database."""

    def give_result(self, result: Result) -> bool:
        """Keep what an agent said, and follow it; see `interface.Results`."""
        with self._write() as db:
            attempt = db.execute(select(ATTEMPTS).where(ATTEMPTS.c.id == result.attempt).with_for_update())
            row = attempt.mappings().one_or_none()
            values = {
                "id": result.id,
                "attempt": result.attempt,
                "campaign": result.campaign,
                "agent": result.agent,
                "code": result.code,
                "step": result.step,
                "due_ms": result.due_ms,
                "note": result.note.reveal(),
                "given_ms": result.given_ms,
                "followed": 0,
            }
            new = self._insert(RESULTS).values(values).on_conflict_do_nothing().returning(RESULTS.c.id)
            if db.execute(new).scalar_one_or_none() is None:
                return False
            if row is not None:
                if result.step == "never":
                    self._suppress(db, row["number"], result.given_ms)
                if row["state"] == "ended":
                    self._follow_last(db, row)
            return True

    def results(self, attempt: str) -> list[Result]:
        """Return what was said of an attempt, the last one last."""
        with self._read() as db:
            rows = db.execute(_of(attempt)).mappings().all()
        return [_result(row) for row in rows]

    def result_counts(self, campaign: str, since_ms: int = 0) -> dict[str, int]:
        """Count the attempts of a campaign by the last that was said of them; see `interface.Results`."""
        later = RESULTS.alias()
        newer = exists().where(
            later.c.attempt == RESULTS.c.attempt,
            (later.c.given_ms > RESULTS.c.given_ms)
            | ((later.c.given_ms == RESULTS.c.given_ms) & (later.c.id > RESULTS.c.id)),
        )
        counted = (
            select(RESULTS.c.code, func.count())
            .where(RESULTS.c.campaign == campaign, RESULTS.c.given_ms >= since_ms, ~newer)
            .group_by(RESULTS.c.code)
        )
        with self._read() as db:
            return {row[0]: row[1] for row in db.execute(counted)}

    def _follow_last(self, db: Connection, row: RowMapping) -> None:
        """Let the contact of an attempt that has ended go on as was said last, if anything was."""
        said = db.execute(_of(row["id"])).mappings().all()
        if not said:
            return
        db.execute(update(RESULTS).where(RESULTS.c.id == said[-1]["id"]).values(followed=1))
        later = exists().where(
            ATTEMPTS.c.contact_key == row["contact_key"],
            ATTEMPTS.c.leased_ms > row["leased_ms"],
            ATTEMPTS.c.state != "released",
        )
        mine = (CONTACTS.c.key == row["contact_key"], CONTACTS.c.attempt.is_(None), ~later)
        db.execute(update(CONTACTS).where(*mine).values(_goes_on(db, row, said[-1])))

    def _suppress(self, db: Connection, number: str, since_ms: int) -> None:
        made = {"name": OWN, "loaded_ms": 0, "edition": 0, "loading": 0}
        db.execute(self._insert(SUPPRESSION_LISTS).values(made).on_conflict_do_nothing())
        put = {"number": number, "listed_in": OWN, "since_ms": since_ms, "edition": 0}
        db.execute(self._insert(SUPPRESSIONS).values(put).on_conflict_do_nothing())


def _of(attempt: str) -> Any:
    return select(RESULTS).where(RESULTS.c.attempt == attempt).order_by(RESULTS.c.given_ms, RESULTS.c.id)


def _result(row: RowMapping) -> Result:
    values = {name: value for name, value in row.items() if name != "followed"}
    return Result(**{**values, "note": Private(row["note"])})


def _goes_on(db: Connection, row: RowMapping, said: RowMapping) -> dict[str, Any]:
    """Say how the contact of an attempt goes on by what was said of it."""
    wanted = select(NUMBERS.c.number).where(NUMBERS.c.contact_key == row["contact_key"]).order_by(NUMBERS.c.position)
    numbers = list(db.execute(wanted).scalars())
    if said["step"] in {"done", "never"} or row["number"] not in numbers:
        return {"state": "done"}
    position = numbers.index(row["number"]) + (said["step"] == "next_number")
    if position >= len(numbers):
        return {"state": "done"}
    return {"state": "waiting", "position": position, "due_ms": said["due_ms"] or said["given_ms"]}
