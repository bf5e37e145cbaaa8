"""Previews: contacts that agents look at before they are called.

A preview has its contact and its number as an attempt would, so nobody else calls either; but it is none: rules and
limits do not count it. It becomes an attempt of the same id when it is accepted, or gives both back.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, select, update

from edge.storage.campaigns.attempts import Attempts, hindrance
from edge.storage.campaigns.schema import ATTEMPTS, CONTACTS, IS_PENDING, LOCKS, PREVIEWS
from edge.storage.campaigns.words import Preview, PreviewState, Refusal
from edge.vocabulary.private import Private


class Previews(Attempts):
    """Previews in a database."""

    def offer(self, preview: Preview, now_ms: int) -> Refusal | None:
        """Take contact and number for an agent to look at; see `interface.Previewing`."""
        lease = preview.lease
        with self._write() as db:
            old = db.execute(_one(preview.id)).mappings().one_or_none()
            if old is not None:  # the same request again, after its answer was lost
                return None if old["state"] == "offered" else "not_due"
            key = self._take(db, lease, now_ms)
            if isinstance(key, str):
                return key
            db.execute(update(CONTACTS).where(CONTACTS.c.key == key).values(state="open", attempt=preview.id))
            row = {
                "id": preview.id,
                "campaign": preview.campaign,
                "listed_in": preview.listed_in,
                "contact": preview.contact,
                "contact_key": key,
                "number": preview.number.reveal(),
                "owner": preview.owner,
                "agent": preview.agent,
                "state": "offered",
                "offered_ms": now_ms,
                "until_ms": preview.until_ms,
                "reason": "",
                "by": "",
                "told": 0,
            }
            db.execute(PREVIEWS.insert(), row)
            return None

    def accept(self, preview: str, now_ms: int, by: str = "") -> Refusal | None:
        """Make a preview an attempt; see `interface.Previewing`."""
        with self._write() as db:
            row = db.execute(_one(preview)).mappings().one_or_none()
            if row is None:
                return "not_due"
            if row["state"] != "offered":
                begun = select(ATTEMPTS.c.state).where(ATTEMPTS.c.id == preview)
                return None if db.execute(begun).scalar_one_or_none() == "leased" else "not_due"
            lease = _preview(row).lease
            refusal = hindrance(db, lease)
            if refusal is not None:
                return refusal
            self._begin(db, lease, row["contact_key"], now_ms)
            ended = {"state": "accepted", "ended_ms": now_ms, "by": by}
            db.execute(update(PREVIEWS).where(PREVIEWS.c.id == preview).values(ended))
            return None

    def end_preview(
        self,
        preview: str,
        state: PreviewState,
        now_ms: int,
        *,
        due_ms: int | None = None,
        position: int | None = None,
        reason: str = "",
        by: str = "",
    ) -> bool:
        """Give a preview back; see `interface.Previewing`."""
        with self._write() as db:
            row = db.execute(_one(preview)).mappings().one_or_none()
            if row is None or row["state"] != "offered":
                return False
            ended = {"state": state, "ended_ms": now_ms, "reason": reason, "by": by}
            db.execute(update(PREVIEWS).where(PREVIEWS.c.id == preview).values(ended))
            back: dict[str, Any] = {"state": "done" if state == "rejected" else "waiting", "attempt": None}
            back |= {} if due_ms is None else {"due_ms": due_ms}
            back |= {} if position is None else {"position": position}
            mine = (CONTACTS.c.key == row["contact_key"], CONTACTS.c.attempt == preview)
            db.execute(update(CONTACTS).where(*mine).values(back))
            db.execute(delete(LOCKS).where(LOCKS.c.attempt == preview))
            return True

    def overdue_previews(self, now_ms: int) -> list[str]:
        """Return the previews of all appliances whose time is over, and which nobody has ended."""
        with self._read() as db:
            wanted = select(PREVIEWS.c.id).where(
                IS_PENDING, PREVIEWS.c.state == "offered", PREVIEWS.c.until_ms <= now_ms
            )
            return list(db.execute(wanted.order_by(PREVIEWS.c.offered_ms)).scalars())

    def preview(self, preview: str) -> Preview | None:
        """Return a preview, None when there is none of that id."""
        with self._read() as db:
            row = db.execute(select(PREVIEWS).where(PREVIEWS.c.id == preview)).mappings().one_or_none()
        return _preview(row) if row is not None else None

    def pending_previews(self, owner: str) -> list[Preview]:
        """Return those that an agent has, or whose end was not told; see `interface.Previewing`."""
        wanted = select(PREVIEWS).where(IS_PENDING, PREVIEWS.c.owner == owner)
        with self._read() as db:
            rows = db.execute(wanted.order_by(PREVIEWS.c.offered_ms, PREVIEWS.c.id)).mappings().all()
        return [_preview(row) for row in rows]

    def preview_told(self, previews: Sequence[str]) -> None:
        """Note that switch has the events of their ends on disk."""
        over = (PREVIEWS.c.id.in_(list(previews)), PREVIEWS.c.state != "offered")
        with self._write() as db:
            db.execute(update(PREVIEWS).where(*over).values(told=1))

    def preview_counts(self, campaign: str, since_ms: int = 0) -> dict[PreviewState, int]:
        """Count the previews of a campaign that ended since then, by how."""
        counted = (
            select(PREVIEWS.c.state, func.count())
            .where(PREVIEWS.c.campaign == campaign, PREVIEWS.c.ended_ms >= since_ms)
            .group_by(PREVIEWS.c.state)
        )
        with self._read() as db:
            return {row[0]: row[1] for row in db.execute(counted)}


def _one(preview: str) -> Select[Any]:
    return select(PREVIEWS).where(PREVIEWS.c.id == preview).with_for_update()


def _preview(row: RowMapping) -> Preview:
    values = {name: value for name, value in row.items() if name != "contact_key"}
    return Preview(**{**values, "number": Private(row["number"]), "told": bool(row["told"])})
