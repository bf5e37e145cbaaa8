"""The rules of each campaign: that they are there, and that what the campaign says can keep them."""

from pathlib import Path

from edge.config.campaigns import Campaign
from edge.config.dialing_rules import Rulebooks
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.shape import duration_text
from edge.config.site import Site
from edge.core.dialer.numbers import facts_of
from edge.core.dialer.ruleset import Ruleset


def campaign_rules(site: Site, root: Located, findings: Findings, checked: list[str]) -> dict[str, Ruleset]:
    """Read the rules that campaigns name, and every file of the site's own."""
    books = Rulebooks(Path(site.paths.dialing_rules), findings, checked)
    books.check_own()
    found: dict[str, Ruleset] = {}
    for index, campaign in enumerate(site.campaigns):
        pack = books.get(campaign.rules) if campaign.rules else None
        if pack is not None:
            found[campaign.rules] = pack.rules
            _check_campaign(campaign, index, pack.rules, root, findings)
        elif campaign.rules and campaign.rules not in books.names():
            findings.follow_up(
                place_of(root, ("campaigns", index, "rules")),
                f"there are no rules '{campaign.rules}'",
                did_you_mean(campaign.rules, books.names()) or "known: " + ", ".join(books.names()),
            )
    return found


def _check_campaign(campaign: Campaign, index: int, rules: Ruleset, root: Located, findings: Findings) -> None:
    at = ("campaigns", index)
    least = rules.ring.least_ms
    if campaign.ring_timeout_ms < least:
        findings.follow_up(
            place_of(root, (*at, "ring_timeout")),
            f"'{rules.name}' lets it ring for {duration_text(least)} at the least",
            rules.ring.source,
        )
    abandonment = rules.abandonment
    if campaign.queue and campaign.abandoned_after_ms > abandonment.connect_within_ms:
        findings.follow_up(
            place_of(root, (*at, "abandoned_after")),
            f"after {duration_text(abandonment.connect_within_ms)} somebody was abandoned, says '{rules.name}'",
            abandonment.source,
        )
    if campaign.abandoned_most_permille > abandonment.ceiling_per_mille:
        findings.warning(
            place_of(root, (*at, "abandoned_most_permille")),
            f"'{rules.name}' allows {abandonment.ceiling_per_mille} of 1,000, and that counts",
        )
    if campaign.queue and abandonment.message and not campaign.abandoned_message:
        findings.follow_up(
            place_of(root, (*at, "name")),
            f"'{rules.name}' asks for a message to who finds no agent in time",
            f"set abandoned_message ({abandonment.source})",
        )
    shown = [("caller_id", campaign.caller_id), *(("caller_ids", one.number) for one in campaign.caller_ids)]
    for key, number in shown:
        if number and facts_of(number) is None:
            findings.follow_up(
                place_of(root, (*at, key)),
                "the number that is shown is not in E.164, so every call would be refused",
                "with + and country code",
            )
