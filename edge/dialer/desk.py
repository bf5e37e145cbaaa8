"""What people ask of campaigns, and say of attempts that nobody knows the end of."""

from collections.abc import Callable, Mapping
from typing import Any

from edge.core.dialer.campaign import follows
from edge.dialer.clocks import Clocks
from edge.dialer.lists import ContactsRequest, SuppressRequest, add_contacts, suppress
from edge.dialer.presence import Presence
from edge.dialer.running import Running
from edge.dialer.under import FOUND, Under
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Attempt, Outcome
from edge.vocabulary.dialing import Disposition, Next

#: Of an appliance that is gone, status tells for so long.
FORGOTTEN_MS = 7 * 86_400_000


class Desk:
    """Answers over the store, and over what the engine has in hand: `campaigns` and `under`, by name and attempt."""

    def __init__(
        self,
        store: CampaignStore,
        clocks: Clocks,
        campaigns: Mapping[str, Running],
        under: Mapping[str, Under],
        moved: set[str],
    ) -> None:
        """Keep what is handed over; `moved` gets the campaigns of attempts that were settled."""
        self._store, self._clocks = store, clocks
        self._campaigns, self._under, self._moved = campaigns, under, moved
        #: Who else works on the store; None: nobody can.
        self.presence: Presence | None = None
        #: How many contacts of a campaign agents look at.
        self.shown: Callable[[str], int] = lambda _campaign: 0

    def under_way(self) -> list[dict[str, Any]]:
        """Return the attempts under way, also of campaigns that are gone. No numbers."""
        return [
            {"attempt": attempt, "campaign": one.campaign, "state": one.state} for attempt, one in self._under.items()
        ]

    def held(self) -> list[dict[str, Any]]:
        """Return the attempts that nobody knows the end of, the oldest first. No numbers."""
        return [
            {
                "attempt": one.id,
                "campaign": one.campaign,
                "appliance": one.owner,
                "list": one.listed_in,
                "contact": one.contact,
                "since_ms": one.leased_ms,
                "why": str(one.evidence.get("held", "")),
            }
            for one in self._store.attempts(states=["held"])
        ]

    def add_contacts(self, request: ContactsRequest) -> dict[str, Any]:
        """Put contacts on a list."""
        return add_contacts(self._store, request, self._clocks.wall_ms())

    def suppress(self, request: SuppressRequest) -> dict[str, Any]:
        """Have numbers called no more."""
        return suppress(self._store, request, self._clocks.wall_ms())

    def settle(self, attempt: str, disposition: Disposition, by: str) -> bool:
        """Close a held attempt as a person says it ended; its contact goes on as the campaign's table says.

        False: it is not held.
        """
        stored = self._store.attempt(attempt)
        if stored is None or stored.state != "held":
            return False
        wall_ms = self._clocks.wall_ms()
        following, position = self._following(stored, disposition)
        evidence = {**stored.evidence, "settled_by": by}
        due_ms = None if following.step == "done" else wall_ms + following.after_ms
        outcome = Outcome(
            disposition=disposition,
            ended_ms=wall_ms,
            evidence=evidence,
            next_due_ms=due_ms,
            next_position=position + (following.step == "next_number"),
        )
        ended = self._store.end(attempt, outcome)
        self._moved.add(stored.campaign)
        return ended

    def _following(self, stored: Attempt, disposition: Disposition) -> tuple[Next, int]:
        """Return what follows a disposition, and which of the contact's numbers it was."""
        running = self._campaigns.get(stored.campaign)
        status = self._store.contact(stored.listed_in, stored.contact)
        if running is None or status is None:
            return Next(step="done"), 0
        past = [one for one in self._store.history(stored.number, 0) if one.attempt != stored.id]
        made = max(0, status.attempts - 1)
        table = follows(running.settings, status.contact, stored.number, past, made)
        return table.get(disposition, Next(step="done")), status.position

    def describe(self) -> list[dict[str, Any]]:
        """Return all campaigns for people. No numbers."""
        lists = {one.name: one for one in self._store.lists(self._clocks.wall_ms())}
        return [self._describe(running, lists) for running in self._campaigns.values()]

    def _describe(self, running: Running, lists: Mapping[str, Any]) -> dict[str, Any]:
        settings = running.settings
        mine = [lists[name] for name in settings.lists if name in lists]
        under = [one for one in self._under.values() if one.campaign == settings.name]
        return {
            "name": settings.name,
            "state": running.state,
            "blocked": running.blocked,
            "why": running.why,
            "lists": settings.lists,
            "missing_lists": [name for name in settings.lists if name not in lists],
            "contacts": sum(one.contacts for one in mine),
            "waiting": sum(one.waiting for one in mine),
            "due": sum(one.due for one in mine),
            "held": sum(one.held for one in mine),
            "done": sum(one.done for one in mine),
            "open": len(under),
            "ringing": sum(one.state == "ringing" for one in under),
            "talking": sum(one.state == "answered" or one.state in FOUND for one in under),
            "outcomes": self._store.outcomes(settings.name),
            "refused": running.refused,
            "previews": self._store.preview_counts(settings.name) if settings.previews else {},
            "shown": self.shown(settings.name),
            "results": self._store.result_counts(settings.name),
            "pacing": settings.pacing if settings.queue else "channels",
            "because": running.pace.last.because if running.pace is not None else "",
            "max_channels": settings.max_channels,
            "calls_per_second": settings.calls_per_second,
            "absent": self._absent(),
        }

    def _absent(self) -> list[dict[str, Any]]:
        """Return the appliances that share the store and are gone, by name. Who is gone for long was taken away."""
        if self.presence is None:
            return []
        since_ms = self._clocks.wall_ms() - FORGOTTEN_MS
        return [
            {"appliance": one.name, "seen_ms": one.seen_ms} for one in self.presence.absent if one.seen_ms >= since_ms
        ]
