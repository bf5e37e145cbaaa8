"""`edge dial lists` and `edge dial contacts`: who is on lists, and how far each one is."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

from cyclopts import App, Parameter
from msgspec import to_builtins

from edge.cli.daemon import Where
from edge.cli.dial_store import place_of
from edge.cli.moments import now_ms
from edge.cli.output import BAD, FINE, complain, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    LimitOption,
    StateOption,
    UsageError,
    failed,
)
from edge.core.dialer.lines import number_of
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Attempt, ContactState, ContactStatus
from edge.storage.turn import StorageError
from edge.vocabulary.dialing import Disposition
from edge.vocabulary.private import Private

ListArgument = Annotated[str, Parameter(help="Name of the list.")]
CountryOption = Annotated[str, Parameter(help="Country of numbers without + (ISO 3166-1, as DE).")]


def register(app: App) -> None:
    """Add the commands."""
    lists = App(name="lists", help="Lists of contacts.")
    lists.command(list_lists, name="list")
    lists.command(jobs)
    lists.command(restart)
    lists.command(remove)
    app.command(lists)
    contacts = App(name="contacts", help="Contacts of lists.")
    contacts.command(list_contacts, name="list")
    contacts.command(show)
    app.command(contacts)


def with_store(where: Where, work: Callable[[CampaignStore], int], *, writes: bool = False) -> int:
    """Do something with the store, and tell what went wrong; returns the exit code. Reading makes no file."""
    config, demo, state = where
    try:
        place = place_of(config, demo=demo, state=state)
        if not writes and not place.is_there:
            raise StorageError(f"there are no lists in {place.state} yet; edge dial import begins one")
        with closing(place.open()) as store:
            return work(store)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)


def with_number(
    where: Where, text: str, country: str, work: Callable[[CampaignStore, Private], int], *, writes: bool = False
) -> int:
    """Do something with the store about a number of the command line; as `with_store`."""
    try:
        number = number_of(text, country.upper())
    except ValueError as error:
        complain(f"'{text}' {error}")
        return BAD
    return with_store(where, lambda store: work(store, number), writes=writes)


def at(milliseconds: int | None) -> str:
    """Show a time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds") if milliseconds else ""


def list_lists(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List all lists with what their contacts are doing."""

    def work(store: CampaignStore) -> int:
        found = store.lists(now_ms())
        if json:
            for one in found:
                print_json({"contacts": one.contacts, **to_builtins(one)})
            return FINE
        columns = ("list", "contacts", "due", "waiting", "open", "held", "done", "changed")
        rows = [
            (one.name, one.contacts, one.due, one.waiting, one.open, one.held, one.done, at(one.changed_ms))
            for one in found
        ]
        print_table(columns, rows, right=columns[1:-1])
        return FINE

    return with_store((config, demo, state), work)


def jobs(
    *,
    limit: LimitOption = 20,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """List imports, the newest first, with how far they came."""

    def work(store: CampaignStore) -> int:
        found = store.jobs(limit or 1_000_000)
        if json:
            for one in found:
                print_json(to_builtins(one))
            return FINE
        columns = ("begun", "finished", "into", "file", "lines", "new", "changed", "same", "kept", "refused")
        rows = [
            (
                at(one.started_ms),
                at(one.finished_ms) or "no",
                one.target,
                one.file,
                *(one.lines, one.new, one.changed, one.same, one.kept, one.refused),
            )
            for one in found
        ]
        print_table(columns, rows, right=columns[4:])
        return FINE

    return with_store((config, demo, state), work)


def restart(
    name: ListArgument,
    /,
    *,
    on: Annotated[
        tuple[str, ...], Parameter(negative=(), help="Only those whose last attempt ended so: no_answer, busy, ...")
    ] = (),
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Have the contacts of a list that are done called again. The rules know what was dialled, all the same."""
    known: tuple[Disposition, ...] = get_args(Disposition)
    wanted = [one for one in known if one in on]
    unknown = sorted(set(on) - set(known))
    if unknown:
        complain(f"there is no disposition '{unknown[0]}'; there are {', '.join(known)}")
        return BAD

    def work(store: CampaignStore) -> int:
        if not _there(store, name):
            return BAD
        print(f"{store.restart(name, now_ms(), wanted)} contacts of {name} wait again")
        return FINE

    return with_store((config, demo, state), work)


def remove(
    name: ListArgument, /, *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None
) -> int:
    """Remove a list with its contacts. What was dialled stays known. Exit code 1: a call is under way, or held."""

    def work(store: CampaignStore) -> int:
        if not _there(store, name):
            return BAD
        count = store.remove_list(name)
        if count < 0:
            complain(f"contacts of '{name}' are being called, or held; pause its campaign, and say what became of them")
            return BAD
        print(f"{name} removed, {count} contacts")
        return FINE

    return with_store((config, demo, state), work)


def list_contacts(
    name: ListArgument,
    /,
    *,
    which: Annotated[ContactState | None, Parameter(name="--in", help="Only those in this state.")] = None,
    after: Annotated[str, Parameter(help="Only ids above this one.")] = "",
    limit: Annotated[int, Parameter(help="At most so many.")] = 100,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """List contacts of a list, ordered by id."""

    def work(store: CampaignStore) -> int:
        if not _there(store, name):
            return BAD
        _print_contacts(store.contacts(name, which, after, max(1, limit)), json=json)
        return FINE

    return with_store((config, demo, state), work)


def show(
    number: Annotated[str, Parameter(help="A telephone number.")],
    /,
    *,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show the contacts that have a number, and every attempt at it. Exit code 1: nothing is known of it."""

    def work(store: CampaignStore, found: Private) -> int:
        contacts = store.contacts_at(found)
        past = [store.attempt(one.attempt) for one in store.history(found, 0)]
        attempts = [one for one in past if one is not None]
        if not contacts and not attempts:
            complain("nothing is known of this number")
            return BAD
        _print_contacts(contacts, json=json)
        _print_attempts(attempts, json=json)
        return FINE

    return with_number((config, demo, state), number, country, work)


def _there(store: CampaignStore, name: str) -> bool:
    names = [one.name for one in store.lists(now_ms())]
    if name not in names:
        complain(f"there is no list '{name}'; there are {', '.join(names) or 'none'}")
    return name in names


def _print_contacts(found: list[ContactStatus], *, json: bool) -> None:
    if json:
        for one in found:
            print_json({"kind": "contact", **_document(one)})
        return
    columns = ("list", "id", "state", "attempts", "next", "priority", "zone", "last", "numbers")
    rows = [
        (
            one.contact.listed_in,
            one.contact.id,
            one.state,
            one.attempts,
            at(one.due_ms) if one.state == "waiting" else "",
            one.contact.priority,
            one.contact.zone,
            one.disposition or "",
            " ".join(number.number.reveal() for number in one.contact.numbers),
        )
        for one in found
    ]
    print_table(columns, rows, right=("attempts", "priority"))


def _print_attempts(found: list[Attempt], *, json: bool) -> None:
    if json:
        for one in found:
            print_json({"kind": "attempt", **_plain(one)})
        return
    columns = ("attempt", "campaign", "list", "id", "leased", "dialled", "ended", "state", "disposition")
    rows = [
        (
            *(one.id, one.campaign, one.listed_in, one.contact),
            *(at(one.leased_ms), at(one.dialled_ms), at(one.ended_ms)),
            *(one.state, one.disposition or ""),
        )
        for one in found
    ]
    if rows:
        print_table(columns, rows)


def _plain(value: Any) -> Any:
    """Make what is stored plain, numbers too: this is for whoever may read the store."""
    return to_builtins(value, enc_hook=lambda private: private.reveal())


def _document(one: ContactStatus) -> dict[str, Any]:
    found: dict[str, Any] = _plain(one)
    return {**found.pop("contact"), **found}
