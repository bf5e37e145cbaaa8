"""The menus of a campaign with a queue."""

from hashlib import blake2b

from msgspec.structs import replace

from edge.config.campaign_plan import QUEUE_MENU
from edge.config.campaigns import Campaign
from edge.core.menus.kinds.answered import Answered
from edge.core.menus.kinds.do_not_call import DoNotCall
from edge.core.menus.kinds.gather import Gather
from edge.core.menus.kinds.hang_up import HangUp
from edge.core.menus.kinds.play import Play
from edge.core.menus.kinds.queue import Queue
from edge.core.menus.kinds.transfer import Transfer
from edge.core.menus.model import Menu, Node
from edge.core.menus.parts import Announcement, Sound, Target
from edge.vocabulary.wire import pack

#: The node of a compiled whisper that has its sounds.
WHISPER = "whisper"
#: A message is heard so long after it was asked for, at the most.
BEGINS_MS = 100
#: Who has heard the message may still press a key for so long.
THINKS_MS = 3000
#: Name of the menu of an agent who is rung first.
AGENT_MENU = "preview/"
#: Until it rings; what rings, rings as long as the campaign says.
POST_DIAL_MS = 5000


def queue_menu(campaign: Campaign, whisper: Menu | None = None) -> Menu:
    """Give the menu of a campaign with a queue: a person waits for an agent, everybody else is hung up on.

    With `on_machine = "menu"` nobody listens for who it is first: whoever answers waits for an agent, sooner.
    Who is not served hears the campaign's message, and that begins within `abandoned_after` of the end of his greeting.
    Without a message he waits as long as the queue lets him (`max_wait`). `whisper` is what the agent is told: over
    the talk, for who has answered must not wait for it.
    """
    told = whisper.nodes.get(WHISPER) if whisper is not None else None
    message, looks = campaign.abandoned_message, campaign.on_machine == "hang_up"
    nodes: dict[str, Node] = {
        "answered": Answered(
            human="agent", machine="over", fax="over", unknown="agent", no_beep="over", wait_for="verdict"
        ),
        "agent": Queue(
            queue=campaign.queue,
            give_up_ms=max(1, campaign.abandoned_after_ms - BEGINS_MS) if message else 0,
            left="alone",
            full="alone",
            timed_out="alone",
            no_agents="alone",
            failed="alone",
            announcement=Announcement(sounds=told.sounds, to="target") if isinstance(told, Play) else None,
        ),
        "alone": _message(campaign) if message else HangUp("no agent in time"),
        "stop": DoNotCall(next="over", failed="over"),
        "over": HangUp(""),
    }
    if not looks:
        del nodes["answered"]
    if not message or not campaign.opt_out_key:
        del nodes["stop"]
    name = QUEUE_MENU + campaign.name
    version = blake2b(pack(nodes), digest_size=6).hexdigest()
    menu = Menu(name=name, version=version, start="answered" if looks else "agent", nodes=nodes)
    if whisper is None:
        return menu
    return replace(menu, language=whisper.language, attributes=whisper.attributes, words=whisper.words)


def _message(campaign: Campaign) -> Node:
    """Give what is played to who is not served; a key ends it, and him being called."""
    sounds = [Sound(campaign.abandoned_message, "message")]
    if not campaign.opt_out_key:
        return Play(sounds=sounds, next="over")
    return Gather(
        prompt=sounds,
        choices={campaign.opt_out_key: "stop"},
        first_digit_timeout_ms=THINKS_MS,
        max_failures=1,
        failed="over",
    )


def agent_menu(campaign: str, trunk: str, ring_ms: int, ringing: list[Sound], result_menu: Menu | None = None) -> Menu:
    """Give the menu of an agent who has accepted a contact, and answered: it is rung and connected with him.

    When the talk is over, and there is a `result_menu`, he goes through that.
    """
    number = Target(
        target="${callback_number}", trunk=trunk, ring_timeout_ms=ring_ms + POST_DIAL_MS, rings_for_ms=ring_ms
    )
    # No author can call a node so.
    own: dict[str, Node] = {
        "(call)": Transfer(
            targets=[number],
            ringing=ringing,
            failed="(over)",
            after=result_menu.start if result_menu is not None else "",
        ),
        "(over)": HangUp("not reached"),
    }
    if result_menu is None:
        version = blake2b(pack(own), digest_size=6).hexdigest()
        return Menu(name=AGENT_MENU + campaign, version=version, start="(call)", nodes=own)
    nodes = {**result_menu.nodes, **own}
    version = blake2b(pack(nodes), digest_size=6).hexdigest()
    return replace(result_menu, name=AGENT_MENU + campaign, version=version, start="(call)", nodes=nodes)
