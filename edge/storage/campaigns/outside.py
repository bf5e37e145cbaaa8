"""What campaigns and the rest of an appliance know of each other's numbers."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import or_, select

from edge.storage.campaigns.database import Database
from edge.storage.campaigns.schema import ATTEMPTS, LOCKS, META, PREVIEWS
from edge.storage.campaigns.words import OtherCall
from edge.vocabulary.dialing import CALLBACKS
from edge.vocabulary.private import Private

_MARK = "callbacks_read:"
#: Of no contact.
_NOBODY = -1


class Outside(Database):
    """Calls that no campaign made, and locks for those who make them."""

    def locked_for_others(self, owner: str) -> list[Private]:
        """Return the locked numbers that `owner` has no call of; see `interface.Neighbours`."""
        held = select(ATTEMPTS.c.id).where(ATTEMPTS.c.id == LOCKS.c.attempt, ATTEMPTS.c.state == "held").exists()
        # Nobody calls whom an agent looks at, and there is no call of it yet.
        shown = select(PREVIEWS.c.id).where(PREVIEWS.c.id == LOCKS.c.attempt, PREVIEWS.c.state == "offered").exists()
        wanted = select(LOCKS.c.number).where(or_(LOCKS.c.owner != owner, held, shown)).order_by(LOCKS.c.number)
        with self._read() as db:
            return [Private(number) for number in db.execute(wanted).scalars()]

    def note_calls(self, owner: str, calls: Sequence[OtherCall], mark: int) -> None:
        """Keep calls as attempts, and how far they were read; see `interface.Neighbours`."""
        values = {"name": _MARK + owner, "value": str(mark)}
        with self._write() as db:
            if calls:
                rows = [_row(owner, one) for one in calls]
                db.execute(self._insert(ATTEMPTS).on_conflict_do_nothing(), rows)
            db.execute(self._insert(META).values(values).on_conflict_do_update(index_elements=["name"], set_=values))

    def calls_mark(self, owner: str) -> int:
        """Return how far calls were read; see `interface.Neighbours`."""
        with self._read() as db:
            found = db.execute(select(META.c.value).where(META.c.name == _MARK + owner)).scalar_one_or_none()
        return int(found or 0)


def _row(owner: str, call: OtherCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "campaign": CALLBACKS,
        "listed_in": "",
        "contact": "",
        "contact_key": _NOBODY,
        "number": call.number.reveal(),
        "owner": owner,
        "state": "ended",
        "leased_ms": call.started_ms,
        "dialled_ms": call.started_ms,
        "ended_ms": call.ended_ms,
        "disposition": call.disposition,
        "rang_ms": call.rang_ms,
        "answered_ms": call.ended_ms if call.answered else None,
        "evidence": msgspec.json.encode({"callback": call.callback}).decode(),
    }
