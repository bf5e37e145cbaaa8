"""Tests beside menus: `NAME.test.yaml` says what callers of the menu NAME do, and what is to happen then."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Struct, field, structs

from edge.config.annotations import OptionalName, lasting, of_kind, ranging
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, place_of
from edge.config.queues import Agent, Queue
from edge.config.shape import Shaper
from edge.config.site import Site
from edge.config.sources import read_yaml
from edge.core.menus.expectations import Step
from edge.core.menus.facts import Row
from edge.core.menus.model import Menu, Voicemail
from edge.core.menus.rehearsed_world import RING_OUT_MS, BackendAnswer, FreeAgent, QueueThere, WhoAnswers
from edge.core.routing.trials import Arm
from edge.vocabulary.private import Private

#: When calls come whose test does not say when: a Monday that is no holiday in most places.
USUAL = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

#: When somebody has time for a caller whose test does not say so.
USUAL_WAIT_MS = 10_000

Outcome = Literal[
    "busy",
    "no_answer",
    "not_accepted",
    "rejected",
    "not_found",
    "unreachable",
    "no_room",
    "trunk_down",
    "failed",
    "answered",
]


class StepSource(Struct, kw_only=True):
    """One thing that the caller does (`press`, `wait`, `speak`), or that is to happen; exactly one of them."""

    #: Keys, pressed one after the other.
    press: Annotated[str, of_kind("digits", optional=True)] = ""
    #: Time in which the caller does nothing.
    wait: Annotated[int, lasting(1, 86_400_000)] = 0
    #: So long the caller speaks, as soon as something is recorded.
    speak: Annotated[int, lasting(1, 86_400_000)] = 0
    #: A part of what is said, or the name of a sound. Of a text, its first 80 characters count.
    hear: str = ""
    #: The node that is entered.
    at: str = ""
    #: How a gather's round ends.
    input: Literal["matched", "no_input", "no_match", ""] = ""
    #: Attributes (and `language`) as they are now.
    set: dict[str, str] = field(default_factory=dict)
    #: A target that is dialled; each of several is dialled by itself.
    transfer: str = ""
    #: A part of what a target is told before it is connected.
    whisper: str = ""
    #: The endpoint that is asked.
    ask: str = ""
    #: What comes of what the caller has said: it is `kept`, kept as `urgent`, or deleted, since it is `too_short` or to
    #: be said `again`.
    message: Literal["kept", "urgent", "too_short", "again", "full", ""] = ""
    #: The number (E.164) that is to be called back.
    callback: str = ""
    #: An answer to a survey, `NAME=4`, or its end, `complete` or `broken off`; with `by: callback` `afterwards MENU`.
    survey: str = ""
    #: The list of those who are not to be called, on which the number goes.
    do_not_call: Literal["own", ""] = ""
    #: The queue that is joined.
    queue: str = ""
    #: The menu ends the call.
    end: bool = False


class AnswerSource(Struct, kw_only=True):
    """What a backend says when it is asked."""

    #: `failed`: it can't be reached; `timeout`: it says nothing in time.
    outcome: Literal["ok", "failed", "timeout"] = "ok"
    #: The word that the menu goes on by.
    answer: str = ""
    #: Attributes that it sets.
    attributes: dict[str, str] = field(default_factory=dict)


class RowSource(Struct, kw_only=True):
    """What a table says of the caller."""

    #: The caller is blocked.
    blocked: bool = False
    #: Attributes of the caller.
    attributes: dict[str, str] = field(default_factory=dict)


class QueueSource(Struct, kw_only=True):
    """What the caller finds in a queue. What comes of ringing an agent is said by `targets`."""

    #: Agent -> when he has time for the caller, counted from joining. None: nobody ever has.
    free: dict[str, Annotated[int, lasting(0, 86_400_000)]] = field(default_factory=dict)
    #: Callers before this one.
    ahead: Annotated[int, ranging(0, 10_000)] = 0
    #: How often one of them is gone; 0s: they stay.
    moves: Annotated[int, lasting(0, 86_400_000)] = 0
    #: What is estimated for each place.
    estimate: Annotated[int, lasting(0, 86_400_000)] = 60_000
    #: Why the caller is not taken in.
    refuses: Literal["", "full", "no_agents", "failed"] = ""


class TestSource(Struct, kw_only=True):
    """One call."""

    __test__ = False

    #: What is tested, for people.
    name: str
    #: Number of the caller; empty: it is hidden.
    caller: str = "+15550100"
    #: Number that is called.
    called: str = ""
    #: Country of the trunk that the call comes by; empty: that of the site's first trunk that has one.
    country: Annotated[str, of_kind("country", optional=True)] = ""
    #: Local time of the menu: `2026-12-24T17:30`.
    time: str = ""
    #: Trial of the site by which the call comes, whoever it is from: it is on the menu of its `arm`.
    trial: OptionalName = ""
    #: With `trial`: `candidate`: the menu that is tried, in its version. `control`: this one.
    arm: Arm = "candidate"
    #: Target -> what comes of dialling it; all others answer, take the call, and hang up after a while.
    targets: dict[str, Outcome] = field(default_factory=dict)
    #: Endpoint -> what it says; all others can't be reached.
    backends: dict[str, AnswerSource] = field(default_factory=dict)
    #: Queue -> what the caller finds there; in all others an agent has time after ten seconds.
    queues: dict[str, QueueSource] = field(default_factory=dict)
    #: Table -> what it says of the caller, who is in no other.
    tables: dict[str, RowSource] = field(default_factory=dict)
    #: `false`: nothing can be recorded, since the disk is full.
    records: bool = True
    #: Mailboxes that are full.
    full: list[str] = field(default_factory=list)
    #: Who answered, of a call that we make to `caller`. A `machine` beeps after its greeting. `unknown` says nothing.
    answered: Literal["human", "machine", "machine_without_beep", "fax", "unknown", ""] = ""
    #: What happens, in order.
    steps: list[StepSource]


class TestsSource(Struct, kw_only=True):
    """A file of tests."""

    __test__ = False

    #: Version of the language.
    version: Literal[1]
    #: Calls.
    tests: list[TestSource]


class MenuTest(Struct, kw_only=True):
    """A test that can be run."""

    name: str
    place: Place
    source: TestSource
    steps: list[Step]
    places: list[Place]
    #: The local time of the call, without a zone.
    local: datetime
    #: The one that the call is on: that of the file, or the one that is on trial.
    menu: Menu

    @property
    def rows(self) -> dict[str, Row]:
        """What tables say of the caller."""
        return {
            name: Row(one.blocked, {key: Private(value) for key, value in one.attributes.items()})
            for name, one in self.source.tables.items()
        }

    def outcome_of(self, target: str) -> str:
        """Return what comes of a transfer, "" when it is answered."""
        how = self.source.targets.get(target, "answered")
        return "" if how == "answered" else how

    @property
    def refused(self) -> dict[str, Literal["no_room", "trunk_down"]]:
        """Targets that no call comes through to for what is on our side, and why."""
        return {target: how for target, how in self.source.targets.items() if how in ("no_room", "trunk_down")}

    def answer_of(self, endpoint: str) -> BackendAnswer:
        """Return what a backend says."""
        one = self.source.backends.get(endpoint)
        if one is None:
            return BackendAnswer(outcome="failed")
        return BackendAnswer(outcome=one.outcome, answer=one.answer, attributes=one.attributes)

    def queue_of(self, name: str, site: Site) -> QueueThere:
        """Return what the caller finds in a queue of a site."""
        known = next((one for one in site.queues if one.name == name), None)
        agents = {agent.name: agent for agent in site.agents}
        first = known.agents[0].agent if known is not None and known.agents else ""
        one = self.source.queues.get(name) or QueueSource(free={first: USUAL_WAIT_MS} if first else {})
        return QueueThere(
            refuses=one.refuses,
            ahead=one.ahead,
            moves_ms=one.moves,
            place_ms=one.estimate,
            agents=[_free(name, after_ms, agents.get(name), known) for name, after_ms in one.free.items()],
            max_wait_ms=known.max_wait_ms if known is not None else QueueThere().max_wait_ms,
        )

    @property
    def answered(self) -> WhoAnswers | None:
        """Who answered, None when nobody tells."""
        return self.source.answered or None


def _free(name: str, after_ms: int, agent: Agent | None, queue: Queue | None) -> FreeAgent:
    ring_ms = queue.ring_timeout_ms if queue is not None else RING_OUT_MS
    if agent is None:
        return FreeAgent(after_ms=after_ms, target=name, ring_ms=ring_ms)
    return FreeAgent(after_ms=after_ms, target=agent.target or name, ring_ms=min(ring_ms, agent.max_ring_ms or ring_ms))


def read_tests(
    path: Path, menu: Menu, findings: Findings, candidate: Callable[[str], Menu | str] = lambda _trial: "no trials"
) -> list[MenuTest]:
    """Read a file of tests of a menu; faults become findings.

    `candidate` gives what a trial tries in place of the menu, or says why it does not.
    """
    root, _ = read_yaml(path, findings)
    if root is None:
        return []
    source = Shaper(findings, path.parent).shape(TestsSource, root)
    found = []
    for number, one in enumerate(source.tests):
        tried: Menu | str = candidate(one.trial) if one.trial else menu
        if isinstance(tried, str):
            findings.error(place_of(root, ("tests", number, "trial")), tried)
            tried = menu
        found.append(_test(number, one, root, menu if one.arm == "control" else tried, findings))
    return found


def _test(number: int, source: TestSource, root: Located, menu: Menu, findings: Findings) -> MenuTest:
    local = USUAL.replace(tzinfo=None)
    if source.time:
        try:
            local = datetime.fromisoformat(source.time).replace(tzinfo=None)
        except ValueError:
            place = place_of(root, ("tests", number, "time"))
            findings.error(place, f"'{source.time}' is not a time such as 2026-12-24T17:30")
    places = [place_of(root, ("tests", number, "steps", index)) for index in range(len(source.steps))]
    steps = [_step(one, place, menu, findings) for one, place in zip(source.steps, places, strict=True)]
    for index, name in enumerate(source.full):
        fault, advice = never_full(name, menu)
        if fault:
            findings.error(place_of(root, ("tests", number, "full", index)), fault, advice)
    here = place_of(root, ("tests", number))
    return MenuTest(name=source.name, place=here, source=source, steps=steps, places=places, local=local, menu=menu)


def never_full(mailbox: str, menu: Menu) -> tuple[str, str]:
    """Say why a mailbox can't be full in a menu, with an advice; empty texts: it can."""
    limited = {one.mailbox for one in menu.nodes.values() if isinstance(one, Voicemail) and one.room is not None}
    if mailbox in limited:
        return "", ""
    advice = did_you_mean(mailbox, limited) or "set max_messages or max_minutes of [[mailboxes]]"
    return f"menu '{menu.name}' takes messages for no mailbox '{mailbox[:60]}' with limits", advice


def _step(source: StepSource, place: Place, menu: Menu, findings: Findings) -> Step:
    said = [name for name, value in structs.asdict(source).items() if value]
    if len(said) != 1:
        known = ", ".join(source.__struct_fields__)
        what = f"a step is one thing, not {len(said)}"
        findings.error(place, f"{what}: {', '.join(said)}" if said else what, f"one of {known}")
    if source.at and source.at not in menu.nodes:
        findings.error(place, f"menu '{menu.name}' has no node '{source.at}'")
    values = structs.asdict(source)
    return Step(wait_ms=values.pop("wait"), speak_ms=values.pop("speak"), **values)
