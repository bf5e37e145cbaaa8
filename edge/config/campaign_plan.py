"""What the core and switch take of a campaign: its settings, and the menu of one with a queue."""

from hashlib import blake2b

from edge.config.campaigns import Campaign
from edge.core.dialer.campaign import DEFAULT_RETRIES, Retry, Settings
from edge.core.menus.calendar import Calendar
from edge.core.menus.kinds.answered import Answered
from edge.core.menus.kinds.hang_up import HangUp
from edge.core.menus.kinds.play import Play
from edge.core.menus.kinds.queue import Queue
from edge.core.menus.model import Menu, Node
from edge.core.menus.parts import Sound
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack

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


def queue_menu(campaign: Campaign) -> Menu:
    """Give the menu of a campaign with a queue: a person waits for an agent, everybody else is hung up on.

    With `on_machine = "menu"` nobody listens for who it is first: whoever answers waits for an agent, sooner.
    Who is not served hears the campaign's message. The longest wait is that of the queue (`max_wait`).
    """
    message, looks = campaign.abandoned_message, campaign.on_machine == "hang_up"
    nodes: dict[str, Node] = {
        "answered": Answered(
            human="agent", machine="over", fax="over", unknown="agent", no_beep="over", wait_for="verdict"
        ),
        "agent": Queue(
            queue=campaign.queue,
            left="alone",
            full="alone",
            timed_out="alone",
            no_agents="alone",
            failed="alone",
        ),
        "alone": Play(sounds=[Sound(message, "message")], next="over") if message else HangUp("no agent in time"),
        "over": HangUp(""),
    }
    if not looks:
        del nodes["answered"]
    name = QUEUE_MENU + campaign.name
    version = blake2b(pack(nodes), digest_size=6).hexdigest()
    return Menu(name=name, version=version, start="answered" if looks else "agent", nodes=nodes)
