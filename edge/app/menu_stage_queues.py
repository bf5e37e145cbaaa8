"""Queues of a stage, in which a caller finds what a test says: real ones, with a crowd of real callers beside him.

- An agent who has time after a while talks with one of the crowd until the caller joins; then that one hangs up, and
  the agent wraps up for so long. He takes callers of any language of the menu, whatever his skills are: who has time is
  what the test says.
- Callers before this one speak a language of their own, and so does the only agent who could take them; he talks with
  one of them for ever. They have the highest priority, so nobody comes before them.
- Nobody is asked twice, as in virtual time: who does not answer rests.
- Estimates are made of a stated handling time; so many calls would have to be measured that none ever counts.
"""

from msgspec import Struct, field

from edge.app.menu_part import NO_PHONE, TARGET, Part, own
from edge.config.queues import Agent, Queue, QueueAgent
from edge.config.site import Route, Site
from edge.core.menus.kinds.language import Language
from edge.core.menus.kinds.queue import Queue as QueueNode
from edge.core.menus.model import HangUp, Menu, Node, Set
from edge.core.menus.rehearsed_world import QueueThere

#: What nobody's language is: that of the callers before this one, and of the agent who never has time.
ELSEWHERE = "zxx"
#: User part of the agent who never has time.
NOBODY = "nobody"
_LONG_MS = 86_400_000
#: Calls that estimates would be measured on.
_NEVER = 1_000_000_000
#: User parts that the crowd calls; the queue's name follows.
TALKING, WAITING = "talking-", "waiting-"


class StagedQueues(Struct):
    """What a stage has for the queues of one part."""

    agents: list[Agent] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    menus: list[Menu] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)


class Crowd(Struct, frozen=True):
    """Who is to be in a queue beside the caller."""

    #: What is called to talk with an agent: each once.
    talking: list[str]
    #: What is called to wait, and how often.
    waiting: str
    ahead: int

    @property
    def legs(self) -> int:
        """Legs that they have at once."""
        return 2 * len(self.talking) + self.ahead


def crowd_of(name: str, there: QueueThere) -> Crowd:
    """Say who is in a queue beside the caller."""
    if there.refuses:
        return Crowd([], "", 0)
    talking = [TALKING + name] * len(there.agents)
    if there.ahead or not there.agents:
        talking.append(WAITING + name)
    return Crowd(talking, WAITING + name, there.ahead)


def staged_queues(site: Site, part: Part) -> StagedQueues:
    """Make the queues of a part."""
    made, number = StagedQueues(), part.number
    for name, there in part.queues.items():
        if there.refuses == "failed":
            continue  # a queue that is not there
        known = next((one for one in site.queues if one.name == name), Queue(name=name, agents=[]))
        agents = [] if there.refuses == "no_agents" else _agents(site, part, known, there)
        made.agents += agents
        able = len(there.agents) or 1
        made.queues.append(
            Queue(
                name=own(name, number),
                agents=[QueueAgent(agent=agent.name) for agent in agents],
                strategy="in_order",
                match=["language"],
                max_waiting=0 if there.refuses == "full" else 10_000,
                max_wait_ms=known.max_wait_ms,
                ring_timeout_ms=known.ring_timeout_ms,
                ageing_ms=known.ageing_ms,
                handling_time_ms=max(1, there.place_ms * able),
                handling_samples=_NEVER,
                service_level_ms=known.service_level_ms,
            )
        )
        for begin, language in ((TALKING, part.menu.language), (WAITING, ELSEWHERE)):
            menu = _crowd_menu(begin + name, own(name, number), language, number)
            made.menus.append(menu)
            made.routes.append(Route(number=begin + name, menu=menu.name, trunk=part.crowd_trunk))
    return made


def _agents(site: Site, part: Part, queue: Queue, there: QueueThere) -> list[Agent]:
    """Make those who have time, and the one who never has where he is needed."""
    languages = sorted(languages_of(part.menu))
    made = []
    for at, free in enumerate(there.agents):
        known = _agent(site, free.target)
        made.append(
            Agent(
                name=own(f"{queue.name}-{at}", part.number),
                target=part.staged_target(known.target),
                trunk=part.staged_trunk(known.trunk, known.target),
                skills=languages,
                max_ring_ms=known.max_ring_ms,
                wrap_up_ms=free.after_ms,
                rest_ms=_LONG_MS,
            )
        )
    if there.ahead or not there.agents:
        skills = [ELSEWHERE] if there.agents else [ELSEWHERE, *languages]
        name = own(f"{queue.name}-{NOBODY}", part.number)
        made.append(Agent(name=name, target=f"sip:{NOBODY}@{part.nobody}", skills=skills))
    return made


def agents_of(site: Site, part: Part) -> list[Agent]:
    """List the agents of a site who have time for the caller of a part."""
    return [_agent(site, free.target) for there in part.queues.values() for free in there.agents]


def _agent(site: Site, target: str) -> Agent:
    """Find an agent by his target; who is rung where he logs in has none, and is known by his name."""
    known = next((agent for agent in site.agents if target == (agent.target or agent.name)), None)
    if known is None or not known.target:
        return Agent(name=target, target=target if TARGET.fullmatch(target) else f"sip:{target}@{NO_PHONE}")
    return known


def languages_of(menu: Menu) -> set[str]:
    """List the languages that a call of a menu may come to."""
    offered = (node.offered for node in menu.nodes.values() if isinstance(node, Language))
    return {menu.language, *(language for some in offered for language in some)}


def queues_in(menu: Menu) -> list[str]:
    """List the queues of a menu, each once."""
    return list(dict.fromkeys(node.queue for node in menu.nodes.values() if isinstance(node, QueueNode)))


def _crowd_menu(name: str, queue: str, language: str, number: int) -> Menu:
    nodes: dict[str, Node] = {
        "first": Set(values={"priority": "100"}, next="queue"),
        "queue": QueueNode(queue=queue, left="end", full="end", timed_out="end", no_agents="end", failed="end"),
        "end": HangUp(),
    }
    return Menu(name=own(name, number), version="", start="first", nodes=nodes, language=language)
