"""What the core takes of a campaign; the menu of one with a queue is `campaign_menu`'s, for the dialer walks none."""

from edge.config.campaigns import Campaign
from edge.core.dialer.campaign import DEFAULT_RETRIES, PreviewTerms, Retry, Settings
from edge.core.menus.calendar import Calendar
from edge.vocabulary.private import Private

#: Name of the menu that a campaign with a queue has.
QUEUE_MENU = "campaign/"


def settings_of(campaign: Campaign, calendar: Calendar | None) -> Settings:
    """Give a campaign as the core takes it; `calendar` is the one that `hours` names."""
    retries = dict(DEFAULT_RETRIES)
    for one in campaign.retries:
        retry = Retry(step=one.step, after_ms=one.after_ms, attempts=one.attempts)
        retries |= dict.fromkeys(one.on, retry)
    return Settings(
        name=campaign.name,
        lists=list(campaign.lists),
        rules=campaign.rules,
        trunk=campaign.trunk,
        menu=campaign.menu or QUEUE_MENU + campaign.name,
        queue=campaign.queue,
        caller_id=Private(campaign.caller_id),
        caller_ids={one.prefix: Private(one.number) for one in campaign.caller_ids},
        pacing=campaign.pacing,
        preview=PreviewTerms(
            timeout_ms=campaign.preview.timeout_ms,
            on_timeout=campaign.preview.on_timeout,
            again_after_ms=campaign.preview.again_after_ms,
            show_number=campaign.preview.show_number,
        ),
        results=[one.code for one in campaign.results],
        ratio=campaign.ratio_percent / 100,
        abandoned_most=campaign.abandoned_most_permille / 1000,
        calendar=calendar,
        max_channels=campaign.max_channels,
        calls_per_second=campaign.calls_per_second,
        ring_timeout_ms=campaign.ring_timeout_ms,
        hang_up_on=["machine", "fax"] if campaign.on_machine == "hang_up" else ["fax"],
        abandoned_after_ms=campaign.abandoned_after_ms,
        retries=retries,
        max_attempts=campaign.max_attempts,
    )
