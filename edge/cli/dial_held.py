"""`edge dial held`: attempts of which nobody knows what became, until somebody says it."""

from typing import Annotated

from cyclopts import App, Parameter
from msgspec import to_builtins

from edge.cli.dial_lists import at, with_store
from edge.cli.moments import now_ms
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption
from edge.config.kinds import duration_ms
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Outcome
from edge.vocabulary.dialing import Disposition

_DAY_MS = 86_400_000
_LONGEST_MS = 366 * _DAY_MS


def register(app: App) -> None:
    """Add the commands."""
    held = App(name="held", help="Attempts of which nobody knows what became.")
    held.command(list_held, name="list")
    held.command(resolve)
    app.command(held)


def list_held(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List attempts that are held, the oldest first. Their numbers are called by no campaign."""

    def work(store: CampaignStore) -> int:
        found = store.held_attempts()
        if json:
            for one in found:
                print_json(to_builtins(one, enc_hook=lambda private: private.reveal()))
            return FINE
        columns = ("attempt", "campaign", "list", "id", "number", "leased", "dialled", "by", "why")
        rows = [
            (
                *(one.id, one.campaign, one.listed_in, one.contact, one.number.reveal()),
                *(at(one.leased_ms), at(one.dialled_ms), one.owner, one.evidence.get("held", "")),
            )
            for one in found
        ]
        print_table(columns, rows)
        return FINE

    return with_store((config, demo, state), work)


def resolve(
    attempt: Annotated[str, Parameter(help="Id of the attempt.")],
    /,
    *,
    disposition: Annotated[Disposition, Parameter(name="--as", help="What became of it.")],
    again: Annotated[
        str | None, Parameter(help="Call the contact again after so long (2h, 1d); else it is done.")
    ] = None,
    why: Annotated[str, Parameter(help="How you know; kept as evidence.")] = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Say what became of an attempt that is held, and unlock its number. Exit code 1: it is not held."""
    wait_ms = _wait_ms(again)
    if wait_ms is None or disposition == "held":
        complain("--as held changes nothing" if disposition == "held" else f"'{again}' is no time such as 2h or 1d")
        return USAGE

    def work(store: CampaignStore) -> int:
        found = store.attempt(attempt)
        if found is None or found.state != "held":
            complain(f"{attempt} is not held" if found is not None else f"there is no attempt '{attempt}'")
            return BAD
        contact = store.contact(found.listed_in, found.contact)
        now = now_ms()
        outcome = Outcome(
            disposition=disposition,
            ended_ms=now,
            evidence={**found.evidence, "said": why or "by hand"},
            next_due_ms=now + wait_ms if again is not None else None,
            next_position=contact.position if contact is not None else 0,
        )
        if not store.end(attempt, outcome):
            complain(f"{attempt} has ended meanwhile")
            return BAD
        print(f"{attempt}: {disposition}; {f'called again after {again}' if again else 'its contact is done'}")
        return FINE

    return with_store((config, demo, state), work)


def _wait_ms(given: str | None) -> int | None:
    """Read how long to wait: 0 without one, None for what is none."""
    if given is None:
        return 0
    days = given.removesuffix("d")
    found = int(days) * _DAY_MS if days != given and days.isdecimal() and days.isascii() else duration_ms(given)
    return found if found is not None and found <= _LONGEST_MS else None
