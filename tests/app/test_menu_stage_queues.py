"""Queues of a stage: with the crowd that is made for them, the floor does what the test's words say."""

import random

import pytest

from edge.app.menu_part import Part
from edge.app.menu_stage import places_of
from edge.app.menu_stage_queues import ELSEWHERE, TALKING, WAITING, agents_of, crowd_of, queues_in, staged_queues
from edge.config.queues import Agent, Queue, QueueAgent, floor_settings
from edge.config.site import Site
from edge.core.menus.kinds.queue import Queue as QueueNode
from edge.core.menus.model import HangUp, Language, Menu
from edge.core.menus.rehearsed_world import FreeAgent, QueueThere
from edge.core.queues import model as m
from edge.core.queues.floor import Floor
from edge.vocabulary.ids import CallId
from edge.vocabulary.media import Address

WAYS = dict.fromkeys(("left", "full", "timed_out", "no_agents", "failed"), "end")
SITE = Site(
    name="x",
    agents=[
        Agent(name="ann", target="sip:ann@192.0.2.3", skills=["papers"]),
        Agent(name="cem", signs_in=True, id="12", pin="3456"),
        Agent(name="bob", target="700", trunk="office", max_ring_ms=7000),
    ],
    queues=[Queue(name="help", agents=[QueueAgent(agent="ann")], max_wait_ms=90_000, ring_timeout_ms=12_000)],
)
TARGETS = ["sip:ann@192.0.2.3", "700"]
CALLER = m.Ticket(CallId("caller"), 1)


def part_of(there: QueueThere) -> Part:
    nodes = {
        "speak": Language(offered=["de", "cmn"], next="wait", failed="wait"),
        "wait": QueueNode(queue="help", **WAYS),
        "end": HangUp(),
    }
    menu = Menu(name="main", version="", start="wait", nodes=nodes, language="de")
    part = Part(menu=menu, caller="", rows={}, wall_ms=0, queues={"help": there}, number=3, crowd_trunk="crowd-3")
    part.places, part.nobody = {"sip:192.0.2.3": Address("127.9.9.9", 5070)}, Address("127.9.9.9", 5071)
    return part


class Stay:
    """A floor with the queues of a part, its crowd, and then its caller."""

    def __init__(self, there: QueueThere, language: str = "cmn", priority: int = 0) -> None:
        self.floor = Floor()
        self.told: list[m.Action] = []
        self.now_ms = 1000
        made = staged_queues(SITE, part_of(there))
        self.do(m.Configured(floor_settings(made.agents, made.queues)))
        crowd = crowd_of("help", there)
        languages = [ELSEWHERE if one.startswith(WAITING) else "de" for one in crowd.talking]
        self.talking = [m.Ticket(CallId(f"talking{n}"), 1) for n in range(len(languages))]
        self.ahead = [m.Ticket(CallId(f"ahead{n}"), 1) for n in range(crowd.ahead)]
        for ticket, spoken in zip(self.talking, languages, strict=True):
            self.join(ticket, spoken, 100)
            assert any(isinstance(one, m.Offered) and one.ticket == ticket for one in self.told)
            self.do(m.Answered(ticket))
        for ticket in self.ahead:
            self.join(ticket, ELSEWHERE, 100)
        self.now_ms += 5000
        self.told.clear()
        self.joined_ms = self.now_ms
        self.join(CALLER, language, priority)
        # Those who talk with agents who will have time hang up once he is in.
        for ticket, spoken in zip(self.talking, languages, strict=True):
            if spoken != ELSEWHERE:
                self.do(m.Left(ticket))

    def do(self, one: m.Input) -> None:
        self.told += self.floor.handle(one, self.now_ms)

    def join(self, ticket: m.Ticket, language: str, priority: int) -> None:
        values = {"language": language, "skill": "anything"}
        self.do(m.Join(ticket=ticket, queue="help-3", priority=priority, values=values))

    def pass_to(self, since_ms: int) -> None:
        while (deadline := self.floor.deadline) is not None and deadline.at_ms <= self.joined_ms + since_ms:
            self.now_ms = max(self.now_ms, deadline.at_ms)
            self.do(m.Elapsed())
        self.now_ms = self.joined_ms + since_ms

    def of_caller(self) -> list[m.Action]:
        found = [one for one in self.told if one.ticket == CALLER]
        self.told.clear()
        return found


@pytest.mark.parametrize("seed", range(30))
def test_the_caller_finds_what_the_test_says(seed: int) -> None:
    dice = random.Random(seed)
    targets = dice.sample(TARGETS, dice.randrange(3))
    free = [FreeAgent(after_ms=dice.randrange(60_000), target=target) for target in targets]
    there = QueueThere(ahead=dice.randrange(6), place_ms=dice.randrange(1000, 300_000), agents=free)
    stay = Stay(there, dice.choice(["de", "cmn"]), dice.choice([0, 50, 100]))
    [told] = [one for one in stay.of_caller() if isinstance(one, m.Told)][:1]
    assert told.position == there.ahead + 1
    assert told.estimate_ms == pytest.approx((there.ahead + 1) * there.place_ms, abs=1)
    for gone, ticket in enumerate(stay.ahead, 1):
        stay.do(m.Left(ticket))
        last = [one for one in stay.of_caller() if isinstance(one, m.Told)][-1]
        assert last.position == there.ahead + 1 - gone
        assert last.estimate_ms == pytest.approx(last.position * there.place_ms, abs=1)
    order = sorted(free, key=lambda one: one.after_ms)
    for one in order:
        stay.pass_to(one.after_ms - 1)
        if one is order[0] or one.after_ms > order[order.index(one) - 1].after_ms:
            assert not any(isinstance(found, m.Offered) for found in stay.of_caller())
        stay.pass_to(one.after_ms)
        [offered] = [found for found in stay.of_caller() if isinstance(found, m.Offered)]
        wanted = "sip:ann@127.9.9.9:5070" if one.target == TARGETS[0] else "700"
        assert (offered.agent.target.reveal(), offered.ring_ms) == (wanted, 7000 if wanted == "700" else 12_000)
        stay.do(m.Missed(CALLER))
    # Nobody is asked twice, and who never has time is never asked.
    stay.pass_to(89_999)
    assert not any(isinstance(found, m.Offered | m.Closed) for found in stay.of_caller())
    stay.pass_to(90_000)
    assert stay.of_caller() == [m.Closed(CALLER, "timed_out")]


@pytest.mark.parametrize("why", ["full", "no_agents", "failed"])
def test_who_is_refused_is_refused_for_that_reason(why: str) -> None:
    stay = Stay(QueueThere(refuses=why, ahead=4, agents=[FreeAgent(after_ms=0, target="700")]))
    assert not stay.talking
    assert not stay.ahead
    assert stay.of_caller() == [m.Closed(CALLER, why)]


def test_an_agent_without_a_phone_of_his_own_is_rung_by_his_name() -> None:
    part = part_of(QueueThere(agents=[FreeAgent(after_ms=0, target="cem")]))
    [agent] = agents_of(SITE, part)
    [place] = places_of(part.menu, [agent.target])
    part.places[place] = Address("127.9.9.9", 5072)
    staged = staged_queues(SITE, part).agents[0]
    assert staged.target == "sip:cem@127.9.9.9:5072"
    assert not staged.signs_in
    assert part.target(staged.target, "") == "cem"


def test_the_crowd_comes_by_routes_of_its_own() -> None:
    part = part_of(QueueThere(ahead=2, agents=[FreeAgent(after_ms=0, target="700")]))
    assert queues_in(part.menu) == ["help"]
    assert [one.name for one in agents_of(SITE, part)] == ["bob"]
    made = staged_queues(SITE, part)
    assert [(one.number, one.trunk) for one in made.routes] == [
        (f"{TALKING}help", "crowd-3"),
        (f"{WAITING}help", "crowd-3"),
    ]
    languages = {menu.name: menu.language for menu in made.menus}
    assert [languages[one.menu] for one in made.routes] == ["de", ELSEWHERE]
    assert all(node.queue == "help-3" for menu in made.menus for node in menu.nodes.values() if hasattr(node, "queue"))
    crowd = crowd_of("help", part.queues["help"])
    assert (crowd.talking, crowd.ahead, crowd.legs) == ([f"{TALKING}help", f"{WAITING}help"], 2, 6)
