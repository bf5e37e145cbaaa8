"""`edge dial explain`: would a number be called, and what says each rule."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter
from msgspec import Struct
from msgspec.structs import replace

from edge.cli.dial_store import site_of
from edge.cli.moments import moment_text, now_ms
from edge.cli.output import BAD, FINE, complain, print_json, print_table
from edge.cli.site import (
    DEFAULT_FILE,
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
)
from edge.config.campaigns import Campaign
from edge.config.dialing_rules import Rulebooks, judge_of
from edge.config.errors import Findings, did_you_mean
from edge.config.site import Site
from edge.config.trials import moment_ms
from edge.core.dialer.reasons import Check, text_of
from edge.core.dialer.rules import History, Judge, Request
from edge.core.dialer.ruleset import CampaignKind, Ruleset
from edge.core.routing.numbers import e164, whole
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.knowledge import UNKNOWN, history_of, list_ages
from edge.storage.campaigns.store import FILE, opened
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.vocabulary.private import Private

Kind = Literal["agent", "agentless"]


class _Wanted(Struct, frozen=True, kw_only=True):
    """The options."""

    rules: str | None
    at: str | None
    kind: CampaignKind | None
    caller_id: str | None


class _Asked(Struct, frozen=True, kw_only=True):
    """All that a number is judged by."""

    judge: Judge
    request: Request
    history: History
    at_ms: int
    #: What is not known, and why.
    notes: list[str]


def register(app: App) -> None:
    """Add the command."""
    app.command(explain)


def explain(
    number: Annotated[str, Parameter(help="In E.164 (+49301234567), or as in the country of the rules.")],
    /,
    *,
    campaign: Annotated[str | None, Parameter(help="Would this campaign call it?")] = None,
    rules: Annotated[str | None, Parameter(help="Rules to judge by: a pack such as us-ftc, or the site's own.")] = None,
    at: Annotated[str | None, Parameter(help="At another time than now: 2026-12-01T09:30+01:00.")] = None,
    kind: Annotated[Kind | None, Parameter(help="Who talks to the callee; a campaign's own if it is given.")] = None,
    caller_id: Annotated[str | None, Parameter(help="The number that is shown; a campaign's own if given.")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Say whether a number would be called now, what each rule has to say, and when it would be. Calls nobody.

    Exit code 1: it would not be called.
    """
    try:
        site = _site(config, demo=demo, state=state, needed=campaign is not None)
        wanted = _Wanted(rules=rules, at=at, kind=kind, caller_id=caller_id)
        asked = _asked(number, site, _campaign(site, campaign), wanted)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    verdict = asked.judge.judge(asked.request, asked.history, asked.at_ms)
    checks = asked.judge.examine(asked.request, asked.history, asked.at_ms)
    if json:
        print_json(_document(asked, checks, allowed=verdict.allowed, next_ms=verdict.next_ms))
    else:
        _print(asked, checks, allowed=verdict.allowed, next_ms=verdict.next_ms)
    return FINE if verdict.allowed else BAD


# --- what is asked ----------------------------------------------------------------------------------------------------


def _site(config: Path | None, *, demo: bool, state: Path | None, needed: bool) -> Site:
    """Read the site. Packs can be asked about where there is none."""
    if config is None and not demo and not needed and not DEFAULT_FILE.exists():
        site = Site(name="none")
        return site if state is None else _with_state(site, state)
    return site_of(config, demo=demo, state=state)


def _with_state(site: Site, state: Path) -> Site:
    return replace(site, paths=replace(site.paths, state=str(state)))


def _campaign(site: Site, name: str | None) -> Campaign | None:
    found = {campaign.name: campaign for campaign in site.campaigns}
    if name is not None and name not in found:
        raise UsageError(f"there is no campaign '{name}' {did_you_mean(name, found)}".rstrip())
    return found[name] if name is not None else None


def rules_named(site: Site, name: str) -> Ruleset:
    """Read rules; raises `UsageError` when there are none of that name, and `BadSiteError` when they have faults."""
    findings = Findings()
    books = Rulebooks(Path(site.paths.dialing_rules), findings, [])
    if name not in books.names():
        known = did_you_mean(name, books.names()) or "known: " + ", ".join(books.names())
        raise UsageError(f"there are no rules '{name}' ({known})")
    pack = books.get(name)
    if pack is None:
        raise BadSiteError(findings.errors)
    return pack.rules


def _asked(number: str, site: Site, campaign: Campaign | None, wanted: _Wanted) -> _Asked:
    name = wanted.rules or (campaign.rules if campaign is not None else "")
    if not name:
        raise UsageError("give --campaign or --rules")
    judge = judge_of(rules_named(site, name))
    at_ms = _moment(wanted.at, site.time_zone)
    private = Private(_e164(number, judge.rules))
    notes: list[str] = []
    zone, history = _known(site, campaign, private, at_ms - judge.looks_back_ms, notes)
    if wanted.at is None:  # at another time it is another matter
        history = replace(history, talking=_talks(site, private.reveal(), notes))
    shown = wanted.caller_id or _shown(campaign, private)
    request = Request(
        number=private,
        campaign=wanted.kind or ("agent" if campaign is None or campaign.queue else "agentless"),
        caller_id=Private(shown) if shown else None,
        own_numbers=_own_numbers(site, campaign, wanted.caller_id),
        contact_zone=zone,
        agent_waiting=campaign is not None and bool(campaign.queue) and campaign.pacing in {"preview", "progressive"},
    )
    return _Asked(judge=judge, request=request, history=history, at_ms=at_ms, notes=notes)


def _moment(given: str | None, time_zone: str) -> int:
    try:
        return moment_ms(given, time_zone) if given is not None else now_ms()
    except (ValueError, OverflowError):
        raise UsageError(f"'{given}' is no time such as 2026-12-01T09:30+01:00") from None


def _e164(number: str, rules: Ruleset) -> str:
    plain = "".join(char for char in number if char not in " -()/.")
    country = rules.numbers.countries[0] if rules.numbers.countries else ""
    return e164(plain, country) or plain


def _shown(campaign: Campaign | None, number: Private) -> str:
    if campaign is None:
        return ""
    fits = [one for one in campaign.caller_ids if number.reveal().startswith(one.prefix)]
    return max(fits, key=lambda one: len(one.prefix)).number if fits else campaign.caller_id


def _own_numbers(site: Site, campaign: Campaign | None, caller_id: str | None) -> frozenset[str]:
    own = {number for one in site.campaigns for number in (one.caller_id, *(more.number for more in one.caller_ids))}
    # Without a campaign nothing says what is ours, so who asks is believed.
    return frozenset(own | ({caller_id} if caller_id and campaign is None else set()))


def _known(
    site: Site, campaign: Campaign | None, number: Private, since_ms: int, notes: list[str]
) -> tuple[str, History]:
    """Read what the campaigns' store has: the zone of the contact and the history."""
    state = Path(site.paths.state)
    if not site.dialer.database and not (state / FILE).is_file():
        notes.append(f"{state / FILE} is not there, so nothing is known of earlier calls, lists and consents")
        return "", UNKNOWN
    store = opened(state, site.dialer.database)
    try:
        return _from(store, campaign, number, since_ms)
    except StorageError as error:
        notes.append(f"the campaigns' store cannot be read: {error}")
        return "", UNKNOWN
    finally:
        store.close()


def _talks(site: Site, number: str, notes: list[str]) -> bool:
    """Whether a number has a call with the appliance, or is called back, as far as that is on disk."""
    reader = Reader(Path(site.paths.state) / "state.db")
    countries = {one.name: one.country for one in site.trunks}
    try:
        with_us = [
            (one.called if one.direction == "outgoing" else one.caller, one.trunk) for one in reader.calls(True, 0)
        ]
        called_back = {one.number for one in reader.callbacks() if one.state in {"calling", "held"}}
    except StorageError as error:
        notes.append(f"calls in progress cannot be read: {error}")
        return False
    finally:
        reader.close()
    known = {whole(peer, countries.get(trunk) or site.callbacks.country) for peer, trunk in with_us}
    return number in known | called_back


def _from(store: CampaignStore, campaign: Campaign | None, number: Private, since_ms: int) -> tuple[str, History]:
    contacts = [
        one.contact for one in store.contacts_at(number) if campaign is None or one.contact.listed_in in campaign.lists
    ]
    keys = [(contact.listed_in, contact.id) for contact in contacts]
    zones = [contact.zone for contact in contacts if contact.zone]
    return zones[0] if zones else "", history_of(store, number, keys, since_ms, list_ages(store))


# --- what is said -----------------------------------------------------------------------------------------------------


def _local(at_ms: int, zones: Sequence[str]) -> str:
    """Write a moment by the clock of the callee; of several zones by the first one's."""
    if not zones:
        return moment_text(at_ms, "")
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zones[0])):%a %Y-%m-%d %H:%M} {zones[0]}"


def _print(asked: _Asked, checks: list[Check], *, allowed: bool, next_ms: int | None) -> None:
    zones = asked.judge.zones(asked.request)
    rows = [
        (
            "no" if check.reason else "yes",
            check.rule.replace("_", " "),
            text_of(check),
            _local(check.next_ms, zones) if check.next_ms is not None else "",
            check.source,
        )
        for check in checks
    ]
    print_table(("", "rule", "figures", "allows it from", "source"), rows)
    when = _local(asked.at_ms, zones)
    rules = asked.judge.rules
    if allowed:
        print(f"{asked.request.number.reveal()} may be called at {when} by '{rules.name}'")
    else:
        later = (
            f"; next allowed {_local(next_ms, zones)}" if next_ms is not None else "; waiting alone will not change it"
        )
        print(f"{asked.request.number.reveal()} is not called at {when} by '{rules.name}'{later}")
    for override in rules.overrides:
        complain(f"less strict than the pack by {override.place}: [{override.rule}], {override.reason}")
    for note in asked.notes:
        complain(note)


def _document(asked: _Asked, checks: list[Check], *, allowed: bool, next_ms: int | None) -> dict[str, Any]:
    facts = asked.judge.facts(asked.request)
    zones = asked.judge.zones(asked.request)
    rules = asked.judge.rules
    return {
        "number": asked.request.number.reveal(),
        "rules": rules.name,
        "campaign": asked.request.campaign,
        "at": _iso(asked.at_ms),
        "allowed": allowed,
        "next": _iso(next_ms),
        "country": facts.country if facts is not None else "",
        "line": facts.line if facts is not None else "",
        "zones": zones,
        "zones_from": facts.zones_from if facts is not None else "",
        "checks": [
            {
                "rule": check.rule,
                "allowed": check.reason is None,
                "reason": check.reason,
                "text": text_of(check),
                "next": _iso(check.next_ms),
                "source": check.source,
            }
            for check in checks
        ],
        "overrides": [{"rule": one.rule, "reason": one.reason, "place": one.place} for one in rules.overrides],
        "notes": asked.notes,
    }


def _iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo("UTC")).isoformat(timespec="seconds").replace("+00:00", "Z")
