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
    "silence",  # answered, and nothing was heard, or hung up before it was known who it was
    "held",  # nobody knows what became of it: it is not dialled again until a person says so
]


#: Why switch did not take an attempt: its number has a call with us, or is called back.
BUSY_NUMBER = "busy_number"
#: The agent who was to be rung first is not kept for the call (any more).
NO_AGENT = "no_agent"
#: Stands for the campaign in attempts that called somebody back: no campaign can have such a name.
CALLBACKS = "(callback)"


#: Attempts that we took back ourselves: they do not count against the contact; to rules that count attempts they do.
UNCOUNTED: frozenset[Disposition] = frozenset({"cancelled"})


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


class Grounds(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was known of a number when it was about to be called."""

    #: Lists of numbers that are not to be called -> the moment of the edition that was in force.
    lists: dict[str, int] = {}
    #: What was agreed to and not taken back.
    consents: list[Consent] = []


#: What is done about a contact after an attempt: the same number again, its next number, or no more.
Step = Literal["same_number", "next_number", "done"]


#: What is done about a contact after what an agent has said; `never`: nobody calls the number any more, for whatever
#: campaign.
ResultStep = Literal["done", "same_number", "next_number", "never"]


class Next(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What follows an attempt of one disposition, settled before it is dialled."""

    step: Step
    #: Not before so long after the attempt has ended.
    after_ms: int = 0


class AttemptOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Make this call. `attempt` is the call's id, too: the same order twice is one call."""

    attempt: str
    campaign: str
    listed_in: str
    contact: str
    #: Of the contact's numbers, as the list calls it.
    label: str = ""
    #: In E.164.
    number: Private
    trunk: str
    caller: Private
    #: Which attempt of this number it is in the campaign, from 1.
    ordinal: int = 1
    #: Menu of the site, or one that a campaign has instead (`campaign/NAME`).
    menu: str
    #: Agent of `queue` who has accepted the contact, and is rung before it; empty: the contact is called first.
    agent: str = ""
    queue: str = ""
    #: Nobody need ring the agent, whose leg stays up: the contact is called first, and he is kept for it.
    agent_waits: bool = False
    ring_timeout_ms: int
    #: The call is hung up on as soon as one of these has answered.
    hang_up_on: list[Literal["machine", "fax"]] = []
    #: Somebody who answered and waits longer than this for an agent was abandoned.
    abandoned_after_ms: int = 2000
    #: What the menu is given, where it declares attributes of these names.
    attributes: dict[str, Private] = {}
    #: What each disposition leads to; not there: nothing more is done.
    follows: dict[Disposition, Next] = {}

    @property
    def led(self) -> bool:
        """Whether the agent is the call's first leg, and the contact a further one."""
        return bool(self.agent) and not self.agent_waits


class PreviewOffer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keep an agent for a contact that he looks at. `preview` is the id of the attempt, and call, that may follow."""

    preview: str
    campaign: str
    listed_in: str
    contact: str
    queue: str
    agent: str
    #: Who has not heard of it for so long lets the agent go.
    limit_ms: int


#: How a preview ended. `lapsed`: nobody decided in time; `withdrawn`: the agent was not there for it after all, or the
#: rules or an operator were against it.
PreviewEnd = Literal["accepted", "skipped", "rejected", "lapsed", "withdrawn"]


class PreviewClosing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A preview is over; of `accepted` the order of its call follows."""

    preview: str
    how: PreviewEnd
    reason: str = ""
    #: The agent, or a user; empty: nobody, it was the time.
    by: str = ""


class HeardTone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call progress tone of the called leg."""

    label: str
    #: Of special information tones, or the form of an answering tone.
    meaning: str = ""
    #: Before the answer.
    early: bool = False
    #: Since the leg was dialled.
    at_ms: int = 0


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of how an attempt ended, side by side, and which of it decided the disposition."""

    #: How the call ended, as in `call.ended`.
    outcome: str
    ended_by: str
    sip_code: int | None = None
    q850_cause: int | None = None
    q850_mapped: int | None = None
    #: It rang (180 or 183).
    rang: bool = False
    answered: bool = False
    tones: list[HeardTone] = []
    #: Who answered, as detected: `human`, `machine`, `fax`, `unknown`; empty: nobody listened for that.
    verdict: str = ""
    verdict_cause: str = ""
    verdict_at_ms: int | None = None
    #: It was taken for a human first.
    revised: bool = False
    #: What became of the wait for an agent: `connected`, else why the call left the queue; empty: it was in none.
    queue: str = ""
    #: How long the person waited for the agent: from the end of his greeting on, else from when he was in the queue.
    waited_ms: int | None = None
    #: The callee asked not to be called any more: the number stands on our own list.
    opted_out: bool = False
    decided_by: str = ""
