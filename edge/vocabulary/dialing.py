"""Words of the dialer: contacts, attempts and what became of them. Times are milliseconds since 1970 (UTC)."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.private import Private

#: What became of an attempt, once all evidence is merged.
Disposition = Literal[
    "connected",  # a person answered and got what the campaign is for: an agent, or its menu
    "abandoned",  # a person answered and nobody was there within the time that the rules give
    "machine",
    "fax",
    "busy",
    "no_answer",  # it rang as long as the campaign lets it
    "rejected",  # the callee, or his phone for him, turned it down
    "congestion",  # the network had no way
    "unallocated",  # nobody has the number
    "changed",  # the number has become another one
    "out_of_order",  # the line is there and does not work
    "refused_by_network",  # a carrier does not let us call it
    "failed",  # we had no way: no trunk, no room, no answer of the far end to the INVITE
    "cancelled",  # the campaign was stopped, or its window closed, before somebody answered
    "silence",  # answered, and nothing was heard
    "held",  # nobody knows what became of it: it is not dialled again until a person says so
]


class ContactNumber(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the numbers of a contact, in E.164."""

    number: Private
    #: What the list calls it: `mobile`, `home`, `work`.
    label: str = ""


class Contact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody on a list. `id` is the list's own, or made of the row; it is unique within the list."""

    listed_in: str
    id: str
    #: In the order in which they are tried.
    numbers: list[ContactNumber]
    #: Higher ones are dialled first.
    priority: int = 0
    #: IANA name; empty: that of the number.
    zone: str = ""
    language: str = ""
    #: Further columns, which menus and agents get to see.
    attributes: dict[str, str] = {}


class PastAttempt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number was dialled, for whichever campaign."""

    attempt: str
    campaign: str
    started_ms: int
    #: None: it is under way, or nobody knows.
    disposition: Disposition | None = None
    #: How long it rang; None: it did not ring.
    rang_ms: int | None = None
    answered: bool = False


class Suppression(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number stands on a list of those that are not to be called."""

    #: `own`: somebody asked us not to call. Else the name of an imported list.
    listed_in: str
    since_ms: int


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody agreed to be called."""

    #: What was agreed to, as the rules name it: `prior_express`, `prior_express_written`, `existing_business`.
    kind: str
    given_ms: int
    #: 0: until it is taken back.
    expires_ms: int = 0
    #: Where the proof is: a form, a recording, a document.
    evidence: str = ""
