"""May a contact be called now? What the store knows of it, put before the rules."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from edge.core.dialer.campaign import Settings
from edge.core.dialer.reasons import Reason
from edge.core.dialer.rules import History, Judge, Request
from edge.core.dialer.ruleset import AbandonmentRule
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Candidate

#: Reasons that hold for the number whenever it is looked at: its contact's next one has its turn, or nobody is called.
FINAL: Final[frozenset[Reason]] = frozenset({"not_a_number", "not_ordinary", "not_covered", "own_list", "listed"})
#: Reasons that hold for all contacts: nothing is dialled until an operator has mended it.
GENERAL: Final[frozenset[Reason]] = frozenset(
    {
        "clock_unknown",
        "history_unknown",
        "lists_unknown",
        "list_missing",
        "list_stale",
        "consents_unknown",
        "caller_id_missing",
        "caller_id_foreign",
    }
)
#: Somebody has taken the number since it was read that the contact is due. As long as he has it, it is not due; so who
#: wants it is looked at again as soon as he has not.
TAKEN: Final[frozenset[Reason]] = frozenset({"under_way", "held"})
SOON_MS: Final = 2000
#: When nobody can say when it would be allowed, it is looked at again then.
LATER_MS: Final = 3_600_000


class Refused(Struct, frozen=True):
    """The rules do not let it be called."""

    reasons: list[Reason]
    #: When it may be looked at again; None: this number never.
    again_ms: int | None
    #: It is not about this contact.
    general: bool


class Permissions:
    """Asks the rules for one campaign. `lists` are read once for many contacts (`refresh`)."""

    def __init__(self, store: CampaignStore, judge: Judge, own_numbers: frozenset[str]) -> None:
        self._store = store
        self._judge = judge
        self._own_numbers = own_numbers
        self._lists: dict[str, int] = {}

    @property
    def abandonment(self) -> AbandonmentRule:
        """How many of those who answer may find nobody."""
        return self._judge.rules.abandonment

    def refresh(self) -> None:
        """Read the ages of lists anew. Raises StorageError."""
        self._lists = {one.name: one.loaded_ms for one in self._store.suppression_lists() if one.loaded_ms}

    def ask(self, settings: Settings, candidate: Candidate, wall_ms: int, leased: str = "") -> Refused | None:
        """Ask the rules; None: call it. `leased` is the attempt that has the number already. Raises StorageError."""
        store, number, contact = self._store, candidate.number, candidate.contact
        history = History(
            number=[past for past in store.history(number, 0) if past.attempt != leased],
            contact=[
                past for past in store.contact_history(contact.listed_in, contact.id, 0) if past.attempt != leased
            ],
            suppressions=store.suppressed(number),
            lists=self._lists,
            consents=store.consents(number),
        )
        request = Request(
            number=number,
            campaign="agent" if settings.queue else "agentless",
            caller_id=settings.caller_for(number),
            own_numbers=self._own_numbers,
            contact_zone=contact.zone,
            agent_waiting=bool(settings.queue) and settings.pacing in {"preview", "progressive"},
        )
        verdict = self._judge.judge(request, history, wall_ms)
        if verdict.allowed:
            return None
        reasons = [check.reason for check in verdict.refusals if check.reason is not None]
        general = any(reason in GENERAL for reason in reasons)
        if not TAKEN.isdisjoint(reasons):
            return Refused(reasons, wall_ms + SOON_MS, general)
        if verdict.next_ms is not None:
            return Refused(reasons, verdict.next_ms, general)
        final = any(reason in FINAL for reason in reasons)
        return Refused(reasons, None if final else wall_ms + LATER_MS, general)


#: Makes what asks the rules of a campaign; None: the site has no such rules, so nothing may be called.
PermissionsFor = Callable[[CampaignStore, Settings], Permissions | None]
