"""How an attempt that has ended is written down."""

from typing import Any

from msgspec import to_builtins

from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Attempt, Outcome
from edge.vocabulary.commands import AttemptTold


def outcome_of(store: CampaignStore, told: AttemptTold) -> Outcome:
    """Give what the store takes of an end that switch has told. Raises StorageError."""
    stored = store.attempt(told.attempt)
    position = position_of(store, stored) if stored is not None else 0
    following = told.next
    due_ms = None
    if following is not None and following.step != "done":
        due_ms = told.ended_ms + following.after_ms
        position += following.step == "next_number"
    evidence: dict[str, Any] = to_builtins(told.evidence) if told.evidence is not None else {}
    evidence["talked_ms"] = told.talked_ms
    return Outcome(
        disposition=told.disposition or "held",
        ended_ms=told.ended_ms,
        evidence=evidence,
        rang_ms=told.rang_ms,
        answered_ms=told.started_ms + told.answered_ms if told.answered_ms is not None else None,
        next_due_ms=due_ms,
        next_position=position,
    )


def position_of(store: CampaignStore, attempt: Attempt) -> int:
    """Say which of the numbers of an attempt's contact is next. Raises StorageError."""
    contact = store.contact(attempt.listed_in, attempt.contact)
    return contact.position if contact is not None else 0
