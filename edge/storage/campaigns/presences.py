"""Which appliances work on a store, and what becomes of the attempts of one that is gone.

Nobody compares clocks of two machines: each appliance counts its beats, and the others see for how long, by their own
clock, a count has stood still.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from edge.storage.campaigns.database import Database
from edge.storage.campaigns.schema import ATTEMPTS, CONTACTS, IS_OPEN, PRESENCES
from edge.storage.campaigns.words import Beat, Presence

#: Why an attempt is held, as it stands in the store. The first is taken back when the appliance is there again.
ABSENT = "its appliance has not been seen for a while"
LOST = "its appliance has lost what it knew"


def _why(text: str) -> str:
    return msgspec.json.encode({"held": text}).decode()


class Presences(Database):
    """Appliances in a database."""

    def beat(self, me: Presence, now_ms: int, stood_still_at: int | None = None) -> Beat:
        """Say that an appliance works here; see `interface.Presences`."""
        with self._write() as db:
            found = db.execute(select(PRESENCES).where(PRESENCES.c.name == me.name).with_for_update())
            row = found.mappings().one_or_none()
            if row is not None and row["run"] not in {"", me.run} and row["beats"] != stood_still_at:
                return Beat(in_use=Presence(**row))
            values = {"identity": me.identity, "run": me.run, "seen_ms": now_ms}
            if row is None:
                first = self._insert(PRESENCES).values(name=me.name, beats=1, **values).on_conflict_do_nothing()
                if db.execute(first.returning(PRESENCES.c.name)).scalar_one_or_none() is None:
                    return Beat(in_use=me)  # by somebody who began in the same moment
            else:
                mine = update(PRESENCES).where(PRESENCES.c.name == me.name)
                db.execute(mine.values(beats=row["beats"] + 1, **values))
                if row["identity"] != me.identity:
                    _hold(db, me.name, LOST, now_ms)
                    _forget(db, me.name)
            return Beat(taken_back=_take_back(db, me.name))

    def leave(self, me: Presence, now_ms: int) -> None:
        """Say that an appliance stops; see `interface.Presences`."""
        with self._write() as db:
            mine = update(PRESENCES).where(PRESENCES.c.name == me.name, PRESENCES.c.run == me.run)
            db.execute(mine.values(run="", seen_ms=now_ms))

    def presences(self) -> list[Presence]:
        """Return the appliances that work here, or did; see `interface.Presences`."""
        open_of = select(ATTEMPTS.c.owner, func.count().label("open")).where(IS_OPEN).group_by(ATTEMPTS.c.owner)
        with self._read() as db:
            rows = db.execute(select(PRESENCES)).mappings().all()
            counts: dict[str, int] = {row[0]: row[1] for row in db.execute(open_of)}
        found = {row["name"]: Presence(**row, open=counts.pop(row["name"], 0)) for row in rows}
        found |= {name: Presence(name=name, open=count) for name, count in counts.items()}  # of an earlier release
        return [found[name] for name in sorted(found)]

    def hold_absent(self, seen: Presence, now_ms: int) -> list[str]:
        """Hold the open attempts of an appliance that is gone; see `interface.Presences`."""
        with self._write() as db:
            wanted = select(PRESENCES.c.beats).where(PRESENCES.c.name == seen.name).with_for_update()
            beats = db.execute(wanted).scalar_one_or_none() or 0
            return _hold(db, seen.name, ABSENT, now_ms) if beats == seen.beats else []


def _hold(db: Connection, owner: str, why: str, now_ms: int) -> list[str]:
    """Hold all open attempts of an appliance; returns their campaigns."""
    held = {"state": "held", "ended_ms": now_ms, "disposition": "held", "evidence": _why(why)}
    mine = update(ATTEMPTS).where(IS_OPEN, ATTEMPTS.c.owner == owner)
    changed = db.execute(mine.values(held).returning(ATTEMPTS.c.id, ATTEMPTS.c.contact_key, ATTEMPTS.c.campaign)).all()
    for attempt, key, _ in changed:
        db.execute(_contact(attempt, key).values(state="held"))
    return [campaign for _, _, campaign in changed]


def _absent(owner: str) -> Any:
    return (ATTEMPTS.c.owner == owner) & (ATTEMPTS.c.state == "held") & (ATTEMPTS.c.evidence == _why(ABSENT))


def _forget(db: Connection, owner: str) -> None:
    """Nobody will ever say what became of these."""
    db.execute(update(ATTEMPTS).where(_absent(owner)).values(evidence=_why(LOST)))


def _take_back(db: Connection, owner: str) -> int:
    """Open what was held while the appliance was away, for it knows what became of it. Number and contact stay its."""
    wanted = select(ATTEMPTS.c.id, ATTEMPTS.c.contact_key, ATTEMPTS.c.dialled_ms).where(_absent(owner))
    rows = db.execute(wanted.with_for_update()).all()
    for attempt, key, dialled_ms in rows:
        state = "leased" if dialled_ms is None else "dialling"
        again = {"state": state, "ended_ms": None, "disposition": None, "evidence": "{}"}
        db.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == attempt).values(again))
        db.execute(_contact(attempt, key).values(state="open"))
    return len(rows)


def _contact(attempt: str, key: int) -> Any:
    return update(CONTACTS).where(CONTACTS.c.key == key, CONTACTS.c.attempt == attempt)
