"""`edge dial report`: how campaigns kept the rules, from the attempts that were made."""

import csv
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from edge.cli.dial_explain import rules_named
from edge.cli.dial_store import site_of
from edge.cli.moments import moment_text, told_since
from edge.cli.output import BAD, FINE, complain, print_json, print_table
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    StateOption,
    UsageError,
    failed,
)
from edge.config.campaigns import Campaign
from edge.config.dialing_rules import judge_of
from edge.config.site import Site
from edge.core.callbacks.window import stamp
from edge.core.dialer.abandonment import Estimates, Window, abandoned_of, rate
from edge.core.dialer.conduct import CampaignConduct, Conduct, Made
from edge.core.dialer.reasons import REASONS, duration
from edge.core.dialer.rules import Judge
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import FILE, opened
from edge.storage.campaigns.words import Attempt, RefusalCount, read_grounds
from edge.storage.turn import StorageError

_SHARES = 1.0


def register(app: App) -> None:
    """Add the command."""
    app.command(report)


def report(
    *,
    campaign: Annotated[str | None, Parameter(help="Only this one.")] = None,
    rules: Annotated[str | None, Parameter(help="Judge by these rules, not by those of each campaign.")] = None,
    since: Annotated[str | None, Parameter(help="Attempts since a date (2026-11-01) or for so long (30d).")] = None,
    persons_among_machines: Annotated[
        float, Parameter(help="Share of calls taken for machines that persons had answered (0 to 1); has to be shown.")
    ] = 0.0,
    machines_among_live: Annotated[
        float,
        Parameter(help="Share of calls put through that machines had answered (0 to 1), where none are detected."),
    ] = 0.0,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    table: Annotated[bool, Parameter(name="--csv", negative=(), help="One table for a spreadsheet.")] = False,
    json: JsonOption = False,
) -> int:
    """Judge every attempt once more by the rules, and count abandoned calls as regulators do.

    Exit code 1: a rule was broken, or a period is above the ceiling.
    """
    try:
        if not (0 <= persons_among_machines <= _SHARES and 0 <= machines_among_live < _SHARES):
            raise UsageError("an estimate is a share, from 0 to 1")
        estimates = Estimates(persons_among_machines=persons_among_machines, machines_among_live=machines_among_live)
        site = site_of(config, demo=demo, state=state)
        begin = told_since(since, site.time_zone)
        found = _counted(site, campaign, rules, begin, estimates)
    except (UsageError, BadSiteError, StorageError) as error:
        return failed(error)
    if json:
        for one in found:
            print_json(document(one))
    elif table:
        _write_csv(found)
    else:
        for one in found:
            _print(one, site.time_zone)
        if not found:
            complain("no attempts were made in that time")
    return FINE if all(good(one) for one in found) else BAD


def good(one: CampaignConduct) -> bool:
    """Say whether a campaign kept all rules that can be judged."""
    return not one.breaches and not one.rang_short and all(one.keeps(period) for period in one.periods)


def _counted(
    site: Site, only: str | None, rules: str | None, begin_ms: int, estimates: Estimates
) -> list[CampaignConduct]:
    campaigns = {campaign.name: campaign for campaign in site.campaigns}
    if rules is not None:
        one = judge_of(rules_named(site, rules))
        judges: dict[str, Judge] = {}
    else:
        one = None
        judges = {name: judge_of(rules_named(site, campaign.rules)) for name, campaign in campaigns.items()}
    unknown: set[str] = set()

    def judge_for(name: str) -> Judge | None:
        if only is not None and name != only:
            return None
        judge = one or judges.get(name)
        if judge is None:
            unknown.add(name)
        return judge

    state = Path(site.paths.state)
    if not site.dialer.database and not (state / FILE).is_file():
        raise StorageError(f"{state / FILE} is not there; has a campaign run with this state folder?")
    store = opened(state, site.dialer.database)
    try:
        reach = max((judge.window_ms for judge in ([one] if one is not None else judges.values())), default=0)
        conduct = Conduct(judge_for, reach, begin_ms, estimates)
        for made in _made(store, campaigns):
            conduct.take(made)
        refusals = store.refusals(begin_ms)
        found = conduct.result()
        for each in found:
            each.results.update(store.result_counts(each.campaign, begin_ms))
    finally:
        store.close()
    for name in sorted(unknown):
        complain(f"the site has no campaign '{name}' any more, so nobody knows its rules: give --rules")
    return _with_refusals(found, refusals)


def _with_refusals(found: list[CampaignConduct], refusals: list[RefusalCount]) -> list[CampaignConduct]:
    by_name = {campaign.campaign: campaign for campaign in found}
    for one in refusals:
        if one.campaign in by_name:
            by_name[one.campaign].refused[one.reason] += one.calls
    return found


def _made(store: CampaignStore, campaigns: dict[str, Campaign]) -> Iterator[Made]:
    """Give every attempt; those before the time that is reported, too, for windows and periods begin there."""

    @lru_cache(maxsize=65536)
    def zone_of(listed_in: str, contact: str) -> str:
        status = store.contact(listed_in, contact)
        return status.contact.zone if status is not None else ""

    for attempt in store.attempts(0, states=("leased", "dialling", "ended", "held")):
        campaign = campaigns.get(attempt.campaign)
        yield made_of(attempt, campaign, zone_of(attempt.listed_in, attempt.contact))


def made_of(attempt: Attempt, campaign: Campaign | None, zone: str) -> Made:
    """Take an attempt as it is stored for one that is judged."""
    queue = campaign is not None and bool(campaign.queue)
    return Made(
        attempt=attempt.id,
        campaign=attempt.campaign,
        number=attempt.number,
        contact=(attempt.listed_in, attempt.contact),
        contact_zone=zone,
        started_ms=attempt.dialled_ms if attempt.dialled_ms is not None else attempt.leased_ms,
        ended_ms=attempt.ended_ms,
        disposition=attempt.disposition or ("held" if attempt.state == "held" else None),
        rang_ms=attempt.rang_ms,
        given_up=attempt.evidence.get("ended_by", "appliance") == "appliance",
        kind="agent" if campaign is None or queue else "agentless",
        agent_waiting=campaign is not None and queue and campaign.pacing in {"preview", "progressive"},
        opted_out=attempt.evidence.get("opted_out") is True,
        grounds=read_grounds(attempt.evidence),
    )


# --- what is said -----------------------------------------------------------------------------------------------------


def _share(window: Window, one: CampaignConduct) -> str:
    return f"{100 * rate(window.tally, one.estimates):.2f} %"


def _print(one: CampaignConduct, time_zone: str) -> None:
    rules = one.rules
    print(f"{one.campaign}: {one.attempts} attempts, judged by '{rules.name}' ({' + '.join(rules.made_of)})")
    for override in rules.overrides:
        print(f"  less strict than the pack: [{override.rule}] at {override.place}: {override.reason}")
    ceiling = f"{rules.abandonment.ceiling_per_mille / 10:g} %"
    rows = [("period", *_period(window, one, time_zone)) for window in one.periods]
    if one.worst is not None:
        rows.append(("worst from any moment", *_period(one.worst, one, time_zone)))
    columns = ("abandoned calls", "from", "to", "live answers", "abandoned", "share", "unclear", f"at most {ceiling}")
    print_table(columns, rows, right=("live answers", "abandoned", "share", "unclear"))
    breaches = [(reason, REASONS[reason], count) for reason, count in sorted(one.breaches.items())]
    if one.rang_short:
        breaches.append(("ring", "given up before it had rung long enough", one.rang_short))  # type: ignore[arg-type]
    if breaches:
        print_table(("broken rule", "", "attempts"), breaches, right=("attempts",))
    else:
        print("no attempt broke a rule that can be judged afterwards")
    print_table(("list asked", "oldest when somebody was called", "at most"), _lists(one))
    consents = [(kind, count, one.proven[kind]) for kind, count in sorted(one.consents.items())]
    print_table(("agreed to", "attempts", "with a proof"), consents, right=("attempts", "with a proof"))
    if one.groundless:
        print(f"{one.groundless} attempts are of a release that did not keep what lists and consents said")
    print_table(("hour of the callee", "attempts"), _hours(one), right=("attempts",))
    if one.refused:
        print_table(("not called, for", "calls"), sorted(one.refused.items()), right=("calls",))
    print(f"{one.opted_out} of those who were called asked not to be called any more")
    spread = sorted(one.per_number.items())
    print_table(("attempts per number", "numbers"), spread, right=("attempts per number", "numbers"))
    print_table(("disposition", "attempts"), sorted(one.dispositions.items()), right=("attempts",))
    if one.results:
        print_table(("agents said", "talks"), sorted(one.results.items()), right=("talks",))
    print()


def _period(window: Window, one: CampaignConduct, time_zone: str) -> tuple[object, ...]:
    return (
        moment_text(window.begin_ms, time_zone),
        moment_text(window.end_ms, time_zone),
        window.tally.live,
        f"{abandoned_of(window.tally, one.estimates):g}",
        _share(window, one),
        window.tally.unclear,
        "yes" if one.keeps(window) else "NO",
    )


def _lists(one: CampaignConduct) -> list[tuple[str, str, str]]:
    oldest = {name: duration(age_ms) for name, age_ms in one.list_ages.items()}
    return [
        (rule.listed_in, oldest.get(rule.listed_in, "not known"), duration(rule.max_age_ms)) for rule in one.rules.lists
    ]


def _hours(one: CampaignConduct) -> list[tuple[str, int]]:
    return [(f"{hour:02}:00" if hour >= 0 else "several zones", count) for hour, count in sorted(one.hours.items())]


def document(one: CampaignConduct) -> dict[str, Any]:
    """Put what a campaign did in one JSON object."""
    rules = one.rules
    return {
        "campaign": one.campaign,
        "rules": rules.name,
        "made_of": rules.made_of,
        "overrides": [{"rule": each.rule, "reason": each.reason, "place": each.place} for each in rules.overrides],
        "attempts": one.attempts,
        "good": good(one),
        "ceiling": rules.abandonment.ceiling_per_mille / 1000,
        "estimates": {
            "persons_among_machines": one.estimates.persons_among_machines,
            "machines_among_live": one.estimates.machines_among_live,
        },
        "periods": [_window(window, one) for window in one.periods],
        "worst": _window(one.worst, one) if one.worst is not None else None,
        "breaches": [
            {"reason": reason, "text": REASONS[reason], "attempts": count, "examples": one.examples[reason]}
            for reason, count in sorted(one.breaches.items())
        ],
        "rang_short": one.rang_short,
        "lists": [
            {"list": rule.listed_in, "oldest_ms": one.list_ages.get(rule.listed_in), "most_ms": rule.max_age_ms}
            for rule in one.rules.lists
        ],
        "consents": {
            kind: {"attempts": count, "proven": one.proven[kind]} for kind, count in sorted(one.consents.items())
        },
        "groundless": one.groundless,
        "opted_out": one.opted_out,
        "refused": dict(sorted(one.refused.items())),
        "hours": dict(_hours(one)),
        "attempts_per_number": {str(times): numbers for times, numbers in sorted(one.per_number.items())},
        "dispositions": dict(sorted(one.dispositions.items())),
        "results": dict(sorted(one.results.items())),
        "not_judged": ["own_list", *(["list", "consent"] if one.groundless else []), "caller_id"],
    }


def _window(window: Window, one: CampaignConduct) -> dict[str, Any]:
    return {
        "begin": stamp(window.begin_ms),
        "end": stamp(window.end_ms),
        "live": window.tally.live,
        "abandoned": round(abandoned_of(window.tally, one.estimates), 3),
        "machines": window.tally.machines,
        "unclear": window.tally.unclear,
        "share": round(rate(window.tally, one.estimates), 6),
        "keeps": one.keeps(window),
    }


def _write_csv(found: list[CampaignConduct]) -> None:
    """Write one table: campaign, what, of which, value. Nothing in it comes from outside but names of the site."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("campaign", "figure", "of", "value"))
    for one in found:
        for window in one.periods:
            at = stamp(window.begin_ms)
            writer.writerow((one.campaign, "live answers", at, window.tally.live))
            writer.writerow((one.campaign, "abandoned", at, round(abandoned_of(window.tally, one.estimates), 3)))
            writer.writerow((one.campaign, "abandoned share", at, round(rate(window.tally, one.estimates), 6)))
        for reason, count in sorted(one.breaches.items()):
            writer.writerow((one.campaign, "broken rule", reason, count))
        writer.writerow((one.campaign, "rang too short", "", one.rang_short))
        ages = sorted(one.list_ages.items())
        writer.writerows((one.campaign, "greatest age of list, s", name, age_ms // 1000) for name, age_ms in ages)
        writer.writerows((one.campaign, "agreed to", kind, count) for kind, count in sorted(one.consents.items()))
        writer.writerows((one.campaign, "agreed to, proven", kind, count) for kind, count in sorted(one.proven.items()))
        writer.writerow((one.campaign, "nobody kept what it was made on", "", one.groundless))
        writer.writerow((one.campaign, "asked not to be called any more", "", one.opted_out))
        writer.writerows((one.campaign, "attempts in the hour", hour, count) for hour, count in _hours(one))
        for times, numbers in sorted(one.per_number.items()):
            writer.writerow((one.campaign, "numbers with attempts", times, numbers))
        writer.writerows((one.campaign, "not called", reason, count) for reason, count in sorted(one.refused.items()))
        for disposition, count in sorted(one.dispositions.items()):
            writer.writerow((one.campaign, "disposition", disposition, count))
