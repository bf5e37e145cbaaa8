"""What goes into the campaigns' store and comes out of it. Times are milliseconds since 1970 (UTC)."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from edge.vocabulary.dialing import Contact, Disposition, Grounds, ResultStep
from edge.vocabulary.private import Private

#: What a contact is waiting for. `waiting`: its time; `open`: the end of an attempt, or of a preview; `held`: somebody
#: who says what became of one; `done`: nothing.
ContactState = Literal["waiting", "open", "held", "done"]

#: How far an attempt has come. `released`: it surely was not dialled, and does not count as one.
AttemptState = Literal["leased", "dialling", "ended", "held", "released"]

#: `done`: nobody is left to be called.
CampaignState = Literal["running", "paused", "stopped", "done"]

#: Why a number was not leased. `not_running`: the campaign; `not_due`: the contact waits, has an open attempt, is done
#: or gone; `locked`: the number has an open or held attempt of whatever campaign; `suppressed`: it stands on our own
#: list of those who do not want to be called, maybe since a moment ago.
Refusal = Literal["not_running", "not_due", "locked", "suppressed"]

#: Name in the evidence of an attempt of what it was made on (`Grounds`).
GROUNDS = "grounds"
#: Our own list of suppressions. It needs no age: it is always in force.
OWN: Literal["own"] = "own"


class Presence(Struct, frozen=True, kw_only=True):
    """An appliance that works on the store."""

    name: str
    #: Of what its switch remembers, and of its run; empty: no run is under way.
    identity: str = ""
    run: str = ""
    #: How often it has said that it is there; never gets smaller.
    beats: int = 0
    #: When it did so last, by its own clock.
    seen_ms: int = 0
    #: Its open attempts.
    open: int = 0


class Beat(Struct, frozen=True, kw_only=True):
    """What came of saying that one is there."""

    #: Another run has the name: nothing was written, and nothing may be dialled.
    in_use: Presence | None = None
    #: Attempts of ours that others had held while we were away, and that are open again.
    taken_back: int = 0


class Candidate(Struct, frozen=True, kw_only=True):
    """A contact that may be called as far as the store knows: the rules have not been asked."""

    contact: Contact
    #: Which of `contact.numbers` is next (from 0).
    position: int
    #: Attempts so far, at all its numbers.
    attempts: int
    due_ms: int

    @property
    def number(self) -> Private:
        """The number that is next, in E.164."""
        return self.contact.numbers[self.position].number


class Lease(Struct, frozen=True, kw_only=True):
    """What is needed to lease a number for one attempt."""

    #: The attempt's id, made by the caller, unique for ever.
    attempt: str
    campaign: str
    listed_in: str
    contact: str
    #: One of the contact's, in E.164.
    number: Private
    #: The appliance that dials.
    owner: str


#: `lapsed`: nobody said anything in time; `withdrawn`: the agent was not there for it after all.
PreviewState = Literal["offered", "accepted", "skipped", "rejected", "lapsed", "withdrawn"]


class Preview(Struct, frozen=True, kw_only=True):
    """A contact that an agent is shown before it is called: nobody else calls it, or its number, meanwhile."""

    #: Made by the caller, unique for ever; the attempt that follows has it, too.
    id: str
    campaign: str
    listed_in: str
    contact: str
    number: Private
    #: The appliance whose agent it is.
    owner: str
    agent: str
    #: Whoever sees it after that gives the contact back.
    until_ms: int
    state: PreviewState = "offered"
    offered_ms: int = 0
    ended_ms: int | None = None
    #: Why it was skipped or rejected, and who said so.
    reason: str = ""
    by: str = ""
    #: Switch has the event of its end on disk.
    told: bool = False

    @property
    def lease(self) -> Lease:
        """What its attempt leases."""
        return Lease(
            attempt=self.id,
            campaign=self.campaign,
            listed_in=self.listed_in,
            contact=self.contact,
            number=self.number,
            owner=self.owner,
        )


class Result(Struct, frozen=True, kw_only=True):
    """What an agent said came of the talk of an attempt."""

    #: Made by the caller, unique for ever.
    id: str
    attempt: str
    campaign: str
    agent: str
    code: str
    step: ResultStep
    #: Of `same_number` and `next_number`: not called again before that.
    due_ms: int | None = None
    note: Private = Private("")
    given_ms: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of an attempt, and what that means for its contact."""

    disposition: Disposition
    ended_ms: int
    #: All facts that led to the disposition; JSON.
    evidence: dict[str, Any] = {}
    #: How long it rang; None: it did not ring.
    rang_ms: int | None = None
    answered_ms: int | None = None
    #: When the contact is due again; None: never.
    next_due_ms: int | None = None
    #: Which of its numbers is next (from 0).
    next_position: int = 0


class Attempt(Struct, frozen=True, kw_only=True):
    """An attempt as it is stored."""

    id: str
    campaign: str
    listed_in: str
    contact: str
    number: Private
    owner: str
    state: AttemptState
    leased_ms: int
    dialled_ms: int | None = None
    ended_ms: int | None = None
    disposition: Disposition | None = None
    rang_ms: int | None = None
    answered_ms: int | None = None
    evidence: dict[str, Any] = {}


class OtherCall(Struct, frozen=True, kw_only=True):
    """A call that no campaign has made, and that the rules count as an attempt at its number: a callback."""

    #: Of the call.
    id: str
    callback: str
    number: Private
    started_ms: int
    ended_ms: int
    disposition: Disposition
    rang_ms: int | None = None
    answered: bool = False


class ContactStatus(Struct, frozen=True, kw_only=True):
    """A contact, and how far it has come."""

    contact: Contact
    state: ContactState
    position: int
    attempts: int
    #: Of use while it is `waiting`.
    due_ms: int
    #: Of the last attempt that ended.
    disposition: Disposition | None = None


class Row(Struct, frozen=True, kw_only=True):
    """A line of an import: a contact, and where it stands in the file (from 1), to name it when it comes twice."""

    contact: Contact
    line: int


class Added(Struct, frozen=True, kw_only=True):
    """What became of a batch of contacts."""

    new: int = 0
    #: Were there and waiting, and are now as the batch has them.
    changed: int = 0
    #: Were there just so.
    same: int = 0
    #: Have an attempt that is open or held, or are done: left as they are.
    kept: int = 0
    #: Lines whose id came in an earlier line of the same job: line -> that earlier line. They were left out.
    repeated: dict[int, int] = {}


class ListStatus(Struct, frozen=True, kw_only=True):
    """A list, and how many of its contacts are in each state."""

    name: str
    made_ms: int
    changed_ms: int
    waiting: int = 0
    #: Those of `waiting` whose time has come.
    due: int = 0
    open: int = 0
    held: int = 0
    done: int = 0

    @property
    def contacts(self) -> int:
        """All of them."""
        return self.waiting + self.open + self.held + self.done


class SuppressionList(Struct, frozen=True, kw_only=True):
    """A list of numbers that are not to be called."""

    name: str
    #: As of when it is: the date of the edition that was loaded last, whole. 0: none was.
    loaded_ms: int
    numbers: int


class RefusalCount(Struct, frozen=True, kw_only=True):
    """So often the rules did not let a call of a campaign be made, on a day, for a reason."""

    campaign: str
    #: Begin of the day (UTC).
    day_ms: int
    #: As in `core.dialer.reasons`.
    reason: str
    calls: int


class CampaignStatus(Struct, frozen=True, kw_only=True):
    """What somebody wanted a campaign to do."""

    name: str
    state: CampaignState
    since_ms: int
    by: str = ""
    why: str = ""


class Job(Struct, frozen=True, kw_only=True):
    """An import, and how far it has come. `id` names file, target and mapping, so the same command is the same job."""

    id: str
    file: str
    target: str
    started_ms: int
    #: Lines of the file that are done with.
    lines: int = 0
    #: Bytes of the file of refused lines that are valid.
    rejects_bytes: int = 0
    #: Which run of the job this is: repeated ids are those of the same run.
    run: int = 1
    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0
    refused: int = 0
    finished_ms: int | None = None


#: Is told what became of a batch within its transaction, and says how far the import has come by it: both are written,
#: or neither is.
Note = Callable[[Added], Job]


def read_grounds(evidence: dict[str, Any]) -> Grounds | None:
    """Read the grounds of an attempt; None: it is of a release that did not keep them."""
    try:
        return msgspec.convert(evidence.get(GROUNDS), Grounds | None)
    except msgspec.ValidationError:
        return None
