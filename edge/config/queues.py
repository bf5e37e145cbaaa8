"""Agents and queues as the site file has them. What else has to be right with them: `queue_checks`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from edge.config.annotations import Name, of_kind, ranging
from edge.core.queues import model
from edge.core.queues.model import Match, Strategy
from edge.vocabulary.private import Private

#: Endpoint of menus where agents say whether they take calls: no backend, but the appliance itself.
AGENTS_ENDPOINT = "agents"
#: Endpoint of menus where an agent says on his own leg what came of the talk that is over.
RESULTS_ENDPOINT = "results"
#: Those that the appliance itself answers.
OWN_ENDPOINTS = (AGENTS_ENDPOINT, RESULTS_ENDPOINT)
#: Agents of a queue are short forms of members: the name alone.
_BY_NAME = Meta(extra={"short": "agent"})


class Agent(Struct, frozen=True, kw_only=True):
    """Somebody who takes calls of queues. He is rung for one caller at a time, in however many queues he is."""

    #: What queues and events call him.
    name: Name
    #: SIP URI, or a number that is dialled on `trunk`. Empty: who `signs_in` is rung at the phone that he does it from.
    target: str = ""
    #: Trunk, or group of trunks, to dial through.
    trunk: str = ""
    #: What he can: values of the calls' `skill`, `language` and `customer_type`, whichever of them his queues match.
    #: None: he takes every call.
    skills: list[str] = field(default_factory=list)
    #: How long he is rung at the most, beside the `ring_timeout` of the queue; 0: as long as that.
    max_ring_ms: Annotated[int, ranging(0, 600_000)] = 0
    #: He is not rung for so long after a talk.
    wrap_up_ms: Annotated[int, ranging(0, 3_600_000)] = 0
    #: He is not rung for so long after he has not answered, whatever the reason.
    rest_ms: Annotated[int, ranging(1_000, 86_400_000)] = 60_000
    #: He takes calls once he has logged in, by phone (`id`, `pin`) or by `edge agents login`, until he logs out. Else
    #: he does from the start. Restarts change nothing of it.
    signs_in: bool = False
    #: `on_demand`: he is rung for each call. `nailed_up`: one leg of his stays up over all calls, which are bridged to
    #: it at once. He logs in: by phone, and that call is the leg once its menu is over; or by `edge agents login`, and
    #: is called. Who hangs up on it has logged out.
    line: Literal["on_demand", "nailed_up"] = "on_demand"
    #: Digits that he is known by on the phone.
    id: Annotated[str, of_kind("id_digits", optional=True)] = ""
    #: Digits that he proves it with, in the file as `${ENV}` or `file:PATH`. Empty: not by phone.
    pin: Annotated[str, of_kind("pin", optional=True, secret=True)] = ""


class Presence(Struct, frozen=True, kw_only=True):
    """What agents say of themselves on the phone, in a menu that asks the endpoint `agents`."""

    #: Reasons of pauses; empty: any word.
    pause_reasons: list[Name] = field(default_factory=list)
    #: So many wrong PINs in a row, and an agent is not believed on the phone for `lock`.
    wrong_pins: Annotated[int, ranging(1, 100)] = 5
    #: How long he is not believed then.
    lock_ms: Annotated[int, ranging(1_000, 86_400_000)] = 900_000
    #: Sound file that agents whose leg stays up (`nailed_up`) hear between calls, again and again. Empty: silence.
    line_music: Annotated[str, of_kind("path", optional=True)] = ""
    #: Tone that they hear as a call comes, over its first words, in the notation of `indications.conf`; empty: none.
    line_tone: str = "440/200"


class QueueAgent(Struct, frozen=True, kw_only=True):
    """An agent of a queue. Short form: his name alone."""

    #: One of `[[agents]]`.
    agent: Name
    #: Those of a higher tier are rung when nobody of a lower one is ready.
    tier: Annotated[int, ranging(1, 100)] = 1


class Queue(Struct, frozen=True, kw_only=True):
    """Callers who wait for one of several agents; menus send them here by a node `queue`.

    Who waits longest comes first. A call with an attribute `priority` comes before those who have not waited
    `ageing` longer for each point of it, so nobody is overtaken for ever.
    """

    #: What menus, events and metrics call it.
    name: Name
    #: Who takes its calls.
    agents: list[Annotated[QueueAgent, _BY_NAME]]
    #: Who of those who are ready, in the lowest tier that has one: `longest_idle`: who has not talked for the longest;
    #: `round_robin`: who comes after the one asked last; `in_order`: the first of the list.
    strategy: Strategy = "longest_idle"
    #: Attributes of a call that its agent must have among his skills, where they are set.
    match: list[Match] = field(default_factory=lambda: ["skill"])
    #: More callers than this do not wait.
    max_waiting: Annotated[int, ranging(1, 10_000)] = 100
    #: Nobody waits longer.
    max_wait_ms: Annotated[int, ranging(1_000, 86_400_000)] = 3_600_000
    #: How long an agent is rung.
    ring_timeout_ms: Annotated[int, ranging(1_000, 600_000)] = 20_000
    #: What a point of priority is worth in waiting; 0: who has more always comes first.
    ageing_ms: Annotated[int, ranging(0, 3_600_000)] = 30_000
    #: Handling time of a call (talk and `wrap_up`) that estimates are made of until enough were measured.
    handling_time_ms: Annotated[int, ranging(1_000, 86_400_000)] = 180_000
    #: How many of the last calls it is measured on.
    handling_samples: Annotated[int, ranging(1, 1_000)] = 20
    #: Calls that are connected within it count as answered in time.
    service_level_ms: Annotated[int, ranging(1_000, 3_600_000)] = 20_000


def floor_settings(agents: list[Agent], queues: list[Queue]) -> model.Settings:
    """Give agents and queues as the core takes them."""
    return model.Settings(
        agents=[
            model.AgentTerms(
                name=one.name,
                target=Private(one.target),
                trunk=one.trunk,
                skills=frozenset(one.skills),
                max_ring_ms=one.max_ring_ms,
                wrap_up_ms=one.wrap_up_ms,
                rest_ms=one.rest_ms,
                signs_in=one.signs_in,
                nailed_up=one.line == "nailed_up",
            )
            for one in agents
        ],
        queues=[
            model.QueueTerms(
                name=one.name,
                members=[model.Member(agent=member.agent, tier=member.tier) for member in one.agents],
                strategy=one.strategy,
                match=one.match,
                max_waiting=one.max_waiting,
                max_wait_ms=one.max_wait_ms,
                ring_timeout_ms=one.ring_timeout_ms,
                ageing_ms=one.ageing_ms,
                handling_ms=one.handling_time_ms,
                measured=one.handling_samples,
                service_level_ms=one.service_level_ms,
            )
            for one in queues
        ],
    )
