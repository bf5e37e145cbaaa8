"""Whom a campaign has called may say that he does not want to be called any more."""

from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import OWN
from edge.vocabulary.commands import AttemptTold


def opt_out(store: CampaignStore, told: AttemptTold) -> bool:
    """Put the number of an attempt on our own list if its callee wants that; returns whether he does.

    Again changes nothing: it has stood there since the first time. Raises StorageError.
    """
    if told.evidence is None or not told.evidence.opted_out:
        return False
    stored = store.attempt(told.attempt)
    if stored is not None:
        store.suppress(OWN, {stored.number: told.ended_ms})
    return True
