"""What a store of campaigns does, whichever database is below.

Every method is one transaction: all of it is on disk when it returns, or nothing is; only what touches whole lists
(`remove_list`, `restart`, `finish_edition`, `drop_suppressions`) goes in steps, so no lease waits long. Every method
raises `StorageError` when the database does not take or give it; the next call opens it again. After a `StorageError`
of a writing method it is not known whether the database took it (the connection may have broken as the answer was on
its way), so every writing method may be called again with the same ids and does it once.

Ids are the caller's, times are milliseconds since 1970 (UTC) and the caller's, too. Numbers are in E.164 with their +.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from edge.storage.campaigns.words import (
    Added,
    Attempt,
    AttemptState,
    Beat,
    CampaignState,
    CampaignStatus,
    Candidate,
    ContactState,
    ContactStatus,
    Job,
    Lease,
    ListStatus,
    Note,
    OtherCall,
    Outcome,
    Presence,
    Preview,
    PreviewState,
    Refusal,
    RefusalCount,
    Result,
    Row,
    SuppressionList,
)
from edge.vocabulary.dialing import Consent, Disposition, PastAttempt, Suppression
from edge.vocabulary.private import Private


class Leasing(Protocol):
    """What the dialer needs to call nobody twice."""

    def due(self, lists: Sequence[str], now_ms: int, limit: int) -> list[Candidate]:
        """Return at most `limit` contacts of these lists whose time has come and whose next number is not locked.

        In order: higher priority, then due for longer, then imported earlier. Takes nothing: several appliances may
        get the same ones, and `lease` decides.
        """

    def next_due_ms(self, lists: Sequence[str]) -> int | None:
        """Return when the first waiting contact of these lists is due (maybe long ago), None when none waits."""

    def postpone(self, listed_in: str, contact: str, due_ms: int | None, position: int) -> bool:
        """Have a waiting contact wait until then (None: for ever, it is done), with its number at `position` next.

        For a contact that must not be called now, so that others have their turn. False: it does not wait.
        """

    def lease(self, lease: Lease, now_ms: int) -> Refusal | None:
        """Take contact and number for one attempt; None: taken, dial. Else why not, and nothing was written.

        Of any number of callers, on any number of appliances, one gets a number. Only while `campaign` is `running`.
        Called again with the same attempt while that is `leased`, it answers None again.
        """

    def dialling(self, attempt: str, now_ms: int) -> bool:
        """Note that the call is on its way. False: the attempt is not open any more, so it must not be dialled."""

    def end(self, attempt: str, outcome: Outcome) -> bool:
        """Close an attempt that is leased, dialling, held, or was wrongly released; unlock its number.

        The contact goes on as `outcome` says. False: there is none of that id, or it had ended before: nothing changes.
        """

    def hold(self, attempt: str, now_ms: int, why: str) -> bool:
        """Nobody knows what became of it: contact and number stay locked until `end`. False: it is not open."""

    def release(self, attempt: str, now_ms: int) -> bool:
        """Give an attempt back that surely was not dialled: it does not count, and its contact waits as before.

        False: it is neither leased nor dialling.
        """

    def open_attempts(self, owner: str | None = None) -> list[Attempt]:
        """Return the attempts that are leased or dialling, of one appliance or of all, the oldest first."""

    def held_attempts(self) -> list[Attempt]:
        """Return the attempts of which nobody knows what became, the oldest first."""

    def attempt(self, attempt: str) -> Attempt | None:
        """Return an attempt, None when there is none of that id."""

    def attempts(
        self, since_ms: int = 0, campaign: str | None = None, states: Sequence[AttemptState] = ()
    ) -> Iterator[Attempt]:
        """Give all attempts leased since then, in order, released ones too; a page of them is in memory."""

    def outcomes(self, campaign: str, since_ms: int = 0) -> dict[Disposition, int]:
        """Count the attempts of a campaign that ended since then, by disposition."""


class Previewing(Protocol):
    """Contacts that agents look at before they are called."""

    def offer(self, preview: Preview, now_ms: int) -> Refusal | None:
        """Take contact and number for an agent to look at, as `lease` does for an attempt; it counts as no attempt.

        Called again with the same id while it is offered, it answers None again.
        """

    def accept(self, preview: str, now_ms: int, by: str = "") -> Refusal | None:
        """Make a preview a leased attempt of the same id; None: dial. `not_due`: it is not offered (any more).

        Called again while the attempt is `leased`, it answers None again.
        """

    def end_preview(
        self,
        preview: str,
        state: PreviewState,
        now_ms: int,
        *,
        due_ms: int | None = None,
        position: int | None = None,
        reason: str = "",
        by: str = "",
    ) -> bool:
        """End a preview that is offered, and unlock its number. `rejected`: its contact is done; else it waits.

        `due_ms`, `position`: when, and which number is next; None: as before. False: it is not offered (any more).
        """

    def overdue_previews(self, now_ms: int) -> list[str]:
        """Return the previews of all appliances whose time is over, and which nobody has ended."""

    def preview(self, preview: str) -> Preview | None:
        """Return a preview, None when there is none of that id."""

    def pending_previews(self, owner: str) -> list[Preview]:
        """Return the previews of an appliance that are offered, or whose end switch was not told, the oldest first."""

    def preview_told(self, previews: Sequence[str]) -> None:
        """Note that switch has the events of their ends on disk; of those that are offered nothing is noted."""

    def preview_counts(self, campaign: str, since_ms: int = 0) -> dict[PreviewState, int]:
        """Count the previews of a campaign that ended since then, by how."""


class Results(Protocol):
    """What agents say came of their talks."""

    def give_result(self, result: Result) -> bool:
        """Keep what an agent said, and let the contact go on by it. False: that id is known, and nothing changes.

        The last one of an attempt counts (`given_ms`, then id); the others are kept. Before the attempt has ended its
        end lets the contact go on so. Who is being called again, or was since, is left alone. `never` puts the number
        on our own list at once, and a later result does not take it off.
        """

    def results(self, attempt: str) -> list[Result]:
        """Return what was said of an attempt, the last one last."""

    def result_counts(self, campaign: str, since_ms: int = 0) -> dict[str, int]:
        """Count the attempts of a campaign by the last code that was given to each, of those given since then."""


class Permissions(Protocol):
    """What the rules need to know of a number."""

    def history(self, number: Private, since_ms: int) -> list[PastAttempt]:
        """Return the attempts at a number since then, of all campaigns, the oldest first. Open and held ones count."""

    def contact_history(self, listed_in: str, contact: str, since_ms: int) -> list[PastAttempt]:
        """Return the attempts at a contact since then, at all its numbers, the oldest first."""

    def suppressed(self, number: Private) -> list[Suppression]:
        """Return on which lists a number stands."""

    def suppression_lists(self) -> list[SuppressionList]:
        """Return all lists of suppressions, with their age."""

    def suppressions(self, listed_in: str) -> Iterator[tuple[Private, int]]:
        """Give the numbers of a list with the times since when they stand there, ordered by number."""

    def suppress(
        self, listed_in: str, numbers: Mapping[Private, int], edition: int = 0, note: Note | None = None
    ) -> Added:
        """Put numbers on a list, with the times since when; those that stand there keep the earlier one.

        `edition`: what `begin_edition` gave, 0 for none. Returns how many are new and how many stood there.
        """

    def begin_edition(self, listed_in: str, *, again: bool = False) -> int:
        """Begin to load a new edition of a list; `again`: go on with the one that was begun.

        Until it is finished, its numbers count beside those that are there.
        """

    def finish_edition(self, listed_in: str, edition: int, loaded_ms: int) -> int:
        """Take the edition for the list: what was not in it goes. Returns how many went."""

    def unsuppress(self, listed_in: str, number: Private) -> bool:
        """Take a number off a list. False: it did not stand there."""

    def drop_suppressions(self, listed_in: str) -> int:
        """Forget a list with its numbers; returns how many they were. Rules that need it then forbid all calls."""

    def consents(self, number: Private) -> list[Consent]:
        """Return what was agreed to and not taken back, expired ones too, the oldest first."""

    def agree(self, consents: Sequence[tuple[Private, Consent]], note: Note | None = None) -> Added:
        """Keep consents; the same one (number, kind, time) is kept once.

        One that was taken back is as it was before: only one that was given later counts.
        """

    def withdraw(self, number: Private, now_ms: int, kind: str | None = None) -> int:
        """Take consents of one kind or of all kinds back; returns how many there were."""


class Lists(Protocol):
    """Lists of contacts and their imports."""

    def add(
        self, listed_in: str, rows: Sequence[Row], now_ms: int, job: Job | None = None, note: Note | None = None
    ) -> Added:
        """Add contacts to a list, which is made when it is not there; new ones are due at once.

        One that is there and waiting becomes as the row has it; others are left as they are. An id that came in an
        earlier line of the same run of `job` is left out. What `note` answers is written in the same transaction.
        """

    def lists(self, now_ms: int) -> list[ListStatus]:
        """Return all lists with the states of their contacts. Counts all contacts: 0.1 s for a million."""

    def remove_list(self, listed_in: str) -> int:
        """Remove a list with its contacts; attempts stay. Returns how many contacts; -1: one is open or held."""

    def restart(self, listed_in: str, now_ms: int, dispositions: Sequence[Disposition] = ()) -> int:
        """Have contacts that are done called again from the first number on; returns how many.

        `dispositions`: only those whose last attempt ended so; none: all.
        """

    def contacts(
        self, listed_in: str, state: ContactState | None = None, after: str = "", limit: int = 100
    ) -> list[ContactStatus]:
        """Return contacts of a list, ordered by id, those above `after`."""

    def contact(self, listed_in: str, contact: str) -> ContactStatus | None:
        """Return a contact, None when there is none of that id."""

    def contacts_at(self, number: Private) -> list[ContactStatus]:
        """Return the contacts of all lists that have a number."""

    def begin_job(self, job: Job) -> Job:
        """Begin an import, or go on with it: returns how far the same one has come, from the start when it was done."""

    def save_job(self, job: Job) -> None:
        """Write how far an import has come."""

    def jobs(self, limit: int = 100) -> list[Job]:
        """Return imports, the newest first."""

    def secret(self) -> bytes:
        """Return 32 bytes of this store's own, for ids that are made of numbers and must not tell them."""


class Neighbours(Protocol):
    """What campaigns and those who call people for other reasons must know of each other."""

    def locked_for_others(self, owner: str) -> list[Private]:
        """Return the numbers that are locked and that `owner` has no call of, in order.

        They are held, or another appliance dials them.
        """

    def note_calls(self, owner: str, calls: Sequence[OtherCall], mark: int) -> None:
        """Keep calls that no campaign has made as attempts that have ended, each id once; and `mark` with them."""

    def calls_mark(self, owner: str) -> int:
        """Return the `mark` that `note_calls` got last of this owner; 0: none."""


class Presences(Protocol):
    """Which appliances work here."""

    @property
    def shared(self) -> bool:
        """Whether other appliances may be in it, too."""

    def beat(self, me: Presence, now_ms: int, stood_still_at: int | None = None) -> Beat:
        """Say that the appliance `me` (name, identity, run) works here: by the answer it may go on, or may not.

        While another run has the name it may not, unless that one's count of beats is still `stood_still_at`: then
        the caller has watched it do nothing for long enough, and takes the name over. Whoever has the name with another
        identity does not know what was dialled: all open attempts of the name are then held. What others have held
        (`hold_absent`) is open again, for now there is somebody who knows what became of it.
        """

    def leave(self, me: Presence, now_ms: int) -> None:
        """Say that the run is over: the next one has the name at once."""

    def presences(self) -> list[Presence]:
        """Return all appliances that work here or did, or have open attempts, by name."""

    def hold_absent(self, seen: Presence, now_ms: int) -> list[str]:
        """Hold all open attempts of an appliance that has not beaten since it was `seen`; returns their campaigns."""


class CampaignStore(Leasing, Previewing, Results, Permissions, Lists, Neighbours, Presences, Protocol):
    """All of it, and what campaigns were told to do."""

    def set_campaign(self, campaign: str, state: CampaignState, now_ms: int, by: str = "", why: str = "") -> None:
        """Note what a campaign is to do, for all appliances that share the store."""

    def note_refusals(self, run: str, counts: Sequence[RefusalCount]) -> None:
        """Note how often the rules did not let calls be made in one run of a dialer (`run`: an id of its own).

        Counts are those of the run so far; they take the place of those that it gave before.
        """

    def refusals(self, since_ms: int = 0) -> list[RefusalCount]:
        """Return the counts of days that end after `since_ms`, of all runs together, by campaign, day and reason."""

    def campaigns(self) -> list[CampaignStatus]:
        """Return what campaigns were told; one that was never told anything is not there, and does not run."""

    def probe(self) -> None:
        """Write something small, to see whether the database takes it."""

    def close(self) -> None:
        """Close the database; what was written is safe already."""
