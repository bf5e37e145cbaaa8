"""The order of a call, made of a contact whose number is leased."""

from collections.abc import Mapping

from edge.core.dialer.campaign import Settings, follows
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Candidate
from edge.vocabulary.dialing import AttemptOrder
from edge.vocabulary.private import Private


def order_of(
    store: CampaignStore, settings: Settings, candidate: Candidate, attempt: str, agent: str = ""
) -> AttemptOrder:
    """Make the order; `agent`: who has accepted the contact, and is rung first. Raises StorageError."""
    contact, number = candidate.contact, candidate.number
    past = [one for one in store.history(number, 0) if one.attempt != attempt]
    return AttemptOrder(
        attempt=attempt,
        campaign=settings.name,
        listed_in=contact.listed_in,
        contact=contact.id,
        label=contact.numbers[candidate.position].label,
        number=number,
        trunk=settings.trunk,
        caller=settings.caller_for(number),
        ordinal=1 + sum(one.campaign == settings.name for one in past),
        menu=settings.menu,
        agent=agent,
        queue=settings.queue if agent else "",
        ring_timeout_ms=settings.ring_timeout_ms,
        hang_up_on=settings.hang_up_on,
        abandoned_after_ms=settings.abandoned_after_ms,
        attributes=contact_values(contact.attributes, contact.language),
        follows=follows(settings, contact, number, past, candidate.attempts),
    )


def contact_values(attributes: Mapping[str, str], language: str) -> dict[str, Private]:
    """Give what a menu is told of a contact."""
    values = {**attributes, **({"language": language} if language else {})}
    return {name: Private(value) for name, value in values.items()}
