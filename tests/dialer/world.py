"""The dialer's engine over a real store, beside a switch that is played: in virtual time, and either can be killed.

The switch keeps what the real one promises: an order is one call, on its disk before it is dialled; what it refused, or
did not know when asked, is never dialled; of a former life of the dialer it takes nothing.
"""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from edge.core.callbacks.rules import Rules as NumberPlan
from edge.core.dialer.campaign import Settings
from edge.core.dialer.rules import Judge
from edge.core.dialer.ruleset import AbandonmentRule, HoursRule, RingRule, Ruleset
from edge.core.menus.calendar import UTC_ZONE, Calendar
from edge.dialer.clocks import Clocks
from edge.dialer.engine import Engine
from edge.dialer.permission import Permissions
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Row
from edge.vocabulary.commands import AgentsTold, AttemptTold, PreviewTold, ResultTold
from edge.vocabulary.dialing import (
    NO_AGENT,
    AttemptOrder,
    Contact,
    ContactNumber,
    Disposition,
    Evidence,
    Next,
    PreviewClosing,
    PreviewOffer,
)
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import DialerCampaignState, SiteEvent

WALL_MS = 1_795_000_000_000
LIST, CAMPAIGN, OWNER = "customers", "spring", "edge-1"
OPEN_ALWAYS = Calendar(week=[[(0, 1440)]] * 7)
RULES = Ruleset(
    name="test",
    title="test",
    made_of=["test"],
    numbers=NumberPlan(countries=["DE"]),
    hours=HoursRule(calendar=OPEN_ALWAYS),
    ring=RingRule(least_ms=1000),
    abandonment=AbandonmentRule(ceiling_per_mille=30, period_ms=86_400_000, connect_within_ms=2000),
)
OURS = "+493022334455"


def settings(**more: Any) -> Settings:
    return Settings(
        **{
            "name": CAMPAIGN,
            "lists": [LIST],
            "rules": "test",
            "trunk": "carrier",
            "menu": "hello",
            "caller_id": Private(OURS),
            "max_channels": 4,
            "calls_per_second": 100,
            **more,
        }
    )


def contact(index: int, numbers: int = 1, **more: Any) -> Contact:
    own = [ContactNumber(number=Private(f"+4930{22_000_000 + 10 * index + which}")) for which in range(numbers)]
    return Contact(listed_in=LIST, id=f"c{index}", numbers=own, **more)


def permissions_by(store: CampaignStore, rules: Ruleset) -> Permissions:
    judge = Judge(rules, lambda _name: UTC_ZONE, (0, WALL_MS * 2))
    return Permissions(store, judge, frozenset({OURS}))


class Switch:
    """What is on its disk, and what it would dial. `taken` is what its link has brought and it has not read."""

    def __init__(self) -> None:
        #: Agents who are ready, the one to be asked first at the front.
        self.agents: list[str] = []
        #: Agents who are kept, by preview; and how previews ended, in the order of the events.
        self.held: dict[str, str] = {}
        self.previewed: list[tuple[str, str]] = []
        #: On disk: the order and its end, None while the call lasts.
        self.calls: dict[str, AttemptTold | None] = {}
        self.orders: dict[str, AttemptOrder] = {}
        #: Times that a number was called.
        self.dialled: Counter[str] = Counter()
        self.refuses = ""

    def order(self, order: AttemptOrder) -> AttemptTold:
        if order.attempt not in self.calls:
            if self.refuses:
                return AttemptTold(attempt=order.attempt, state="refused", why=self.refuses)
            if order.agent and self.held.pop(order.attempt, "") != order.agent:
                return AttemptTold(attempt=order.attempt, state="refused", why=NO_AGENT)
            self.calls[order.attempt] = None
            self.orders[order.attempt] = order
            self.dialled[order.number.reveal()] += 1
        return self.tell(order.attempt)

    def tell(self, attempt: str) -> AttemptTold:
        if attempt not in self.calls:
            if attempt in self.held and attempt in dict(self.previewed):
                self.agents.append(self.held.pop(attempt))
            return AttemptTold(attempt=attempt, state="unknown")
        return self.calls[attempt] or AttemptTold(attempt=attempt, state="dialled")

    def offer(self, offer: PreviewOffer) -> PreviewTold:
        if offer.preview in self.held:
            return PreviewTold(preview=offer.preview, state="held")
        if offer.agent not in self.agents:
            return PreviewTold(preview=offer.preview, state="refused", why="agent")
        self.agents.remove(offer.agent)
        self.held[offer.preview] = offer.agent
        return PreviewTold(preview=offer.preview, state="held")

    def over(self, closing: PreviewClosing) -> PreviewTold:
        if closing.preview in self.held and closing.preview not in dict(self.previewed):
            self.previewed.append((closing.preview, closing.how))
            if closing.how != "accepted":
                self.agents.append(self.held.pop(closing.preview))
        return PreviewTold(preview=closing.preview, state="closed")

    def unplaced(self, attempt: str, wall_ms: int) -> AttemptTold:
        """End a call whose agent did not answer."""
        self.dialled[self.orders[attempt].number.reveal()] -= 1
        told = replace(self.end(attempt, "cancelled", wall_ms), placed=False, rang_ms=None)
        self.calls[attempt] = told
        return told

    def full(self, attempt: str, wall_ms: int) -> AttemptTold:
        """End a call for which the trunk had no room."""
        evidence = Evidence(outcome="no_room", ended_by="appliance")
        told = self.calls[attempt] = replace(self.unplaced(attempt, wall_ms), evidence=evidence)
        return told

    def end(self, attempt: str, disposition: Disposition, wall_ms: int, *, opted_out: bool = False) -> AttemptTold:
        told = AttemptTold(
            attempt=attempt,
            state="ended",
            disposition=disposition,
            evidence=Evidence(outcome="completed", ended_by="callee", opted_out=opted_out),
            next=self.orders[attempt].follows.get(disposition, Next(step="done")),
            started_ms=wall_ms - 3000,
            ended_ms=wall_ms,
            rang_ms=2000,
        )
        self.calls[attempt] = told
        return told


class House:
    """Engine, store and switch. The link is a list in each direction, which a kill of either side empties."""

    def __init__(self, folder: Path, contacts: int = 0, **more: Any) -> None:
        self.folder = folder
        self.settings = settings(**more)
        self.now_ms = 1_000_000
        self.switch = Switch()
        self.store = DatabaseStore(folder / "campaigns.db")
        if contacts:
            self.add([contact(index) for index in range(contacts)])
        self.lives = itertools.count(1)
        self._ids = itertools.count(1)
        self.start()

    @property
    def wall_ms(self) -> int:
        return WALL_MS + self.now_ms

    def add(self, contacts: list[Contact]) -> None:
        rows = [Row(contact=one, line=line) for line, one in enumerate(contacts, 1)]
        self.store.add(LIST, rows, self.wall_ms)

    # --- lives

    def start(self) -> None:
        self.up = True
        self.to_switch: list[AttemptOrder | PreviewOffer | PreviewClosing | list[str]] = []
        self.to_dialer: list[AttemptTold | PreviewTold | ResultTold] = []
        self.kept: list[str] = []
        self.noticed: list[SiteEvent] = []
        self.metrics = DialerMetrics()
        clocks = Clocks(lambda: self.now_ms, lambda: self.wall_ms, lambda: f"d{next(self._ids):024x}")
        self.engine = Engine(self.store, OWNER, self, clocks, self.metrics, self.permissions)
        self.engine.configure({CAMPAIGN: self.settings})
        self.engine.take_up()
        self.engine.connected()

    def permissions(self, store: CampaignStore, _settings: Settings) -> Permissions | None:
        return permissions_by(store, RULES)

    def kill_dialer(self) -> None:
        """All that is in the socket is lost: switch takes nothing of a former life."""
        self.store.close()
        self.store = DatabaseStore(self.folder / "campaigns.db")
        self.start()

    def kill_switch(self) -> None:
        """What it had read and not written is lost, which its sender keeps and brings again."""
        self.to_dialer = []
        self.engine.connected()

    # --- the engine's port

    @property
    def connected(self) -> bool:
        return self.up

    def order(self, order: AttemptOrder) -> None:
        self.to_switch.append(order)

    def query(self, attempts: list[str]) -> None:
        self.to_switch.append(list(attempts))

    def offer(self, offer: PreviewOffer) -> None:
        self.to_switch.append(offer)

    def over(self, closing: PreviewClosing) -> None:
        self.to_switch.append(closing)

    def taken(self, results: list[str]) -> None:
        self.kept += results

    def notice(self, event: SiteEvent) -> None:
        self.noticed.append(event)

    def health(self, condition: str, text: str) -> None:
        raise AssertionError((condition, text))

    # --- time

    def switch_reads(self) -> None:
        messages, self.to_switch = self.to_switch, []
        for message in messages:
            if isinstance(message, AttemptOrder):
                self.to_dialer.append(self.switch.order(message))
            elif isinstance(message, PreviewOffer):
                self.to_dialer.append(self.switch.offer(message))
            elif isinstance(message, PreviewClosing):
                self.to_dialer.append(self.switch.over(message))
            else:
                self.to_dialer += [self.switch.tell(attempt) for attempt in message]

    def dialer_reads(self) -> None:
        messages, self.to_dialer = self.to_dialer, []
        for told in messages:
            self.engine.hear(told)

    def turn(self, ms: int = 100) -> None:
        """Let everybody work."""
        self.now_ms += ms
        if self.settings.previews:
            self.engine.hear(AgentsTold({}, {self.settings.queue: list(self.switch.agents)}))
        self.engine.tick()
        self.switch_reads()
        self.dialer_reads()

    def begin(self) -> None:
        self.engine.set_state(CAMPAIGN, "running", "test", "")

    def hang_up(self, attempt: str, disposition: Disposition = "connected", *, opted_out: bool = False) -> None:
        self.to_dialer.append(self.switch.end(attempt, disposition, self.wall_ms, opted_out=opted_out))

    def is_full(self, *attempts: str) -> None:
        """Have the trunk no room for calls that switch has begun."""
        self.to_dialer += [self.switch.full(attempt, self.wall_ms) for attempt in attempts]

    def rings(self, attempt: str) -> None:
        """Let it ring."""
        self.to_dialer.append(AttemptTold(attempt=attempt, state="ringing"))

    @property
    def lasting(self) -> list[str]:
        """Calls that switch has."""
        return [attempt for attempt, end in self.switch.calls.items() if end is None]

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.noticed if isinstance(one, DialerCampaignState)]
