"""What was known of a number when it was leased: how old the lists were that it was looked up in, and who had agreed.

It is kept with the attempt, for lists get new editions and consents are taken back: afterwards nobody could show it.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, select

from edge.storage.campaigns.schema import CONSENTS, SUPPRESSION_LISTS
from edge.storage.campaigns.words import GROUNDS
from edge.vocabulary.dialing import Consent, Grounds


def consents_of(db: Connection, number: str) -> list[Consent]:
    """Return what was agreed to and not taken back, expired ones too, the oldest first."""
    wanted = select(CONSENTS).where(CONSENTS.c.number == number).order_by(CONSENTS.c.given_ms, CONSENTS.c.kind)
    rows = db.execute(wanted).mappings().all()
    taken_back: dict[str, int] = {}
    for row in rows:
        if row["withdrawn_ms"] is not None:
            taken_back[row["kind"]] = max(row["withdrawn_ms"], taken_back.get(row["kind"], 0))
    return [
        Consent(kind=row["kind"], given_ms=row["given_ms"], expires_ms=row["expires_ms"], evidence=row["evidence"])
        for row in rows
        # A list that is imported late does not undo what was said after it.
        if row["kind"] not in taken_back or row["given_ms"] > taken_back[row["kind"]]
    ]


def grounds_of(db: Connection, number: str) -> str:
    """Return the evidence that an attempt begins with (JSON)."""
    loaded = select(SUPPRESSION_LISTS.c.name, SUPPRESSION_LISTS.c.loaded_ms).where(SUPPRESSION_LISTS.c.loaded_ms > 0)
    lists = {str(name): int(loaded_ms) for name, loaded_ms in db.execute(loaded)}
    grounds = Grounds(lists=lists, consents=consents_of(db, number))
    return msgspec.json.encode({GROUNDS: grounds}).decode()


def kept(row: RowMapping, evidence: dict[str, Any]) -> str:
    """Return evidence (JSON) that takes the place of an attempt's, with the grounds that are there."""
    old = msgspec.json.decode(row["evidence"])
    grounds = {GROUNDS: old[GROUNDS]} if GROUNDS in old else {}
    return msgspec.json.encode({**grounds, **evidence}).decode()
