"""`edge dial dnc` and `edge dial consent`: who must not be called, and who agreed to be."""

import csv
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from msgspec import to_builtins

from edge.cli.dial_import import FileArgument, Source, run_import
from edge.cli.dial_lists import CountryOption, at, with_number, with_store
from edge.cli.dial_store import place_of
from edge.cli.moments import now_ms
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, StateOption, UsageError, failed
from edge.config.kinds import name_fault
from edge.config.trials import moment_ms
from edge.core.dialer.lines import Reading
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import OWN
from edge.storage.imports.run import Consents, SuppressionsOf
from edge.vocabulary.dialing import Consent
from edge.vocabulary.private import Private

NumberArgument = Annotated[str, Parameter(help="A telephone number.")]
_DEFAULTS = Source()


def register(app: App) -> None:
    """Add the commands."""
    dnc = App(name="dnc", help="Numbers that must not be called.")
    dnc.command(import_dnc, name="import")
    dnc.command(export)
    dnc.command(add)
    dnc.command(remove)
    dnc.command(check)
    dnc.command(list_dnc, name="list")
    dnc.command(drop)
    app.command(dnc)
    consent = App(name="consent", help="What people have agreed to.")
    consent.command(import_consents, name="import")
    consent.command(add_consent, name="add")
    consent.command(check_consent, name="check")
    consent.command(withdraw)
    app.command(consent)


def import_dnc(
    file: FileArgument,
    /,
    *,
    into: Annotated[str, Parameter(name="--list", help="The list; own: ours, to which the numbers are added.")] = OWN,
    date: Annotated[str | None, Parameter(help="As of when the file is (2026-11-01); now when not given.")] = None,
    smaller: Annotated[
        bool, Parameter(negative=(), help="It may have less than half the numbers of the edition before.")
    ] = False,
    source: Source = _DEFAULTS,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Import numbers that must not be called: number, since, country.

    A list of others gets a new edition: what is not in the file goes once all of it is there. With refused lines, or
    much less than before, the numbers of both editions count, and the list does not get younger. Exit code 1: so it is.
    """
    fault = name_fault(into)
    if fault:
        complain(fault)
        return USAGE
    try:
        place = place_of(config, demo=demo, state=state)
        loaded_ms = _moment(date, place.time_zone)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    edition = None if into == OWN else loaded_ms
    reading = Reading(country=source.country.upper(), now_ms=loaded_ms)
    where = (config, demo, state)
    return run_import(
        where, file, source, reading, lambda store: SuppressionsOf(store, into, edition, smaller=smaller), json=json
    )


def export(
    *,
    name: Annotated[str, Parameter(name="--list", help="The list.")] = OWN,
    out: Annotated[Path | None, Parameter(name=("--output", "-o"), help="File; else it is printed.")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Write a list as CSV: number, since. What is written can be imported."""

    def work(store: CampaignStore) -> int:
        try:
            with out.open("x", encoding="utf-8", newline="") if out is not None else _Stdout() as file:
                if out is not None:
                    out.chmod(0o600)
                writer = csv.writer(file)
                writer.writerow(("number", "since"))
                for number, since_ms in store.suppressions(name):
                    writer.writerow((number.reveal(), at(since_ms)))
        except OSError as error:
            complain(f"{out}: {error.strerror}")
            return BAD
        return FINE

    return with_store((config, demo, state), work)


class _Stdout:
    """Standard output, which stays open."""

    def __enter__(self) -> "_Stdout":
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def write(self, text: str) -> None:
        sys.stdout.write(text)


def add(
    number: NumberArgument,
    /,
    *,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Put a number on our own list: it is not called any more, from now on."""

    def work(store: CampaignStore, found: Private) -> int:
        new = store.suppress(OWN, {found: now_ms()}).new
        print("is not called any more" if new else "stood there already")
        return FINE

    return with_number((config, demo, state), number, country, work, writes=True)


def remove(
    number: NumberArgument,
    /,
    *,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Take a number off our own list. Exit code 1: it does not stand there."""

    def work(store: CampaignStore, found: Private) -> int:
        if not store.unsuppress(OWN, found):
            complain("it is not on our own list")
            return BAD
        others = ", ".join(one.listed_in for one in store.suppressed(found))
        print(f"may be called again as far as our own list goes{f'; it stands on {others}' if others else ''}")
        return FINE

    return with_number((config, demo, state), number, country, work)


def check(
    number: NumberArgument,
    /,
    *,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Say on which lists a number stands. Exit code 1: it stands on one."""

    def work(store: CampaignStore, found: Private) -> int:
        stands = store.suppressed(found)
        if json:
            for one in stands:
                print_json(to_builtins(one))
        elif stands:
            print_table(("list", "since"), [(one.listed_in, at(one.since_ms)) for one in stands])
        else:
            print("stands on no list")
        return BAD if stands else FINE

    return with_number((config, demo, state), number, country, work)


def list_dnc(
    *, config: ConfigOption = None, demo: DemoOption = False, state: StateOption = None, json: JsonOption = False
) -> int:
    """List the lists, with how old they are."""

    def work(store: CampaignStore) -> int:
        found = store.suppression_lists()
        if json:
            for one in found:
                print_json(to_builtins(one))
            return FINE
        now = now_ms()
        rows = [
            (
                one.name,
                one.numbers,
                at(one.loaded_ms) if one.name != OWN else "",
                "" if one.name == OWN else _age(now, one.loaded_ms),
            )
            for one in found
        ]
        print_table(("list", "numbers", "as of", "age"), rows, right=("numbers", "age"))
        return FINE

    return with_store((config, demo, state), work)


def drop(
    name: Annotated[str, Parameter(help="Name of the list.")],
    /,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Forget a list with its numbers. Rules that need it forbid all calls then. Exit code 1: it is not there."""
    if name == OWN:
        complain("our own list is not dropped; take numbers off it one by one")
        return BAD

    def work(store: CampaignStore) -> int:
        if name not in [one.name for one in store.suppression_lists()]:
            complain(f"there is no list '{name}'")
            return BAD
        print(f"{name} dropped, {store.drop_suppressions(name)} numbers")
        return FINE

    return with_store((config, demo, state), work)


def import_consents(
    file: FileArgument,
    /,
    *,
    kind: Annotated[str, Parameter(help="Of consents in a file that does not say it: prior_express_written.")] = "",
    source: Source = _DEFAULTS,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Import consents: number, kind, given, expires, evidence, country. Exit code 1: lines were refused."""
    reading = Reading(country=source.country.upper(), kind=kind)
    return run_import((config, demo, state), file, source, reading, Consents, json=json)


def add_consent(
    number: NumberArgument,
    /,
    *,
    kind: Annotated[str, Parameter(help="As the rules name it: prior_express_written.")],
    given: Annotated[str | None, Parameter(help="When; now when not given.")] = None,
    expires: Annotated[str | None, Parameter(help="Until when; until it is taken back when not given.")] = None,
    evidence: Annotated[str, Parameter(help="Where the proof is.")] = "",
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Note that somebody agreed to be called."""
    try:
        zone = place_of(config, demo=demo, state=state).time_zone
        given_ms = _moment(given, zone)
        expires_ms = _moment(expires, zone) if expires is not None else 0
    except (UsageError, BadSiteError) as error:
        return failed(error)
    one = Consent(kind=kind, given_ms=given_ms, expires_ms=expires_ms, evidence=evidence)

    def work(store: CampaignStore, found: Private) -> int:
        store.agree([(found, one)])
        print(f"{kind}: noted")
        return FINE

    return with_number((config, demo, state), number, country, work, writes=True)


def check_consent(
    number: NumberArgument,
    /,
    *,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Show what somebody agreed to and has not taken back. Exit code 1: nothing."""

    def work(store: CampaignStore, found: Private) -> int:
        consents = store.consents(found)
        if json:
            for one in consents:
                print_json(to_builtins(one))
        elif consents:
            now = now_ms()
            rows = [(one.kind, at(one.given_ms), _expiry(one, now), one.evidence) for one in consents]
            print_table(("kind", "given", "expires", "evidence"), rows)
        else:
            print("agreed to nothing")
        return FINE if consents else BAD

    return with_number((config, demo, state), number, country, work)


def withdraw(
    number: NumberArgument,
    /,
    *,
    kind: Annotated[str | None, Parameter(help="Only this kind.")] = None,
    country: CountryOption = "",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Note that somebody takes back what he agreed to. Exit code 1: he had not."""

    def work(store: CampaignStore, found: Private) -> int:
        count = store.withdraw(found, now_ms(), kind)
        print(f"{count} taken back")
        return FINE if count else BAD

    return with_number((config, demo, state), number, country, work)


def _moment(given: str | None, time_zone: str) -> int:
    try:
        found = moment_ms(given, time_zone) if given is not None else now_ms()
    except (ValueError, OverflowError):
        found = 0
    if found <= 0:
        raise UsageError(f"'{given}' is no date such as 2026-11-01")
    return found


def _age(now: int, loaded_ms: int) -> str:
    return f"{max(0, now - loaded_ms) // 86_400_000}d" if loaded_ms else "never loaded whole"


def _expiry(one: Consent, now: int) -> str:
    expired = " (expired)" if 0 < one.expires_ms <= now else ""
    return f"{at(one.expires_ms)}{expired}"
