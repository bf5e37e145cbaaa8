"""The queues beside the calls: what calls tell goes to the floor, and what that decides goes to calls as their inputs.

All that calls and floor tell each other happens within one input of one of them, so it is in one turn: on disk
together, or not at all. After a restart the floor is made anew from the calls that were rebuilt; what they do not know
(pauses of agents, measured times, whose turn it was) is a note in the store, written with the turn that changed it.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from msgspec import Struct

from edge.core.calls.actions import LineNews, QueueNews
from edge.core.calls.inputs import AgentOffered, QueueRefused, QueueTold
from edge.core.queues import model as m
from edge.core.queues.floor import Floor
from edge.vocabulary import events, site_events
from edge.vocabulary.ids import CallId
from edge.vocabulary.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge.core.calls.call import Call
    from edge.switch.exchange import Exchange

#: Of the note in the store.
NOTE = "queues"


class Note(Struct, frozen=True):
    """What is remembered beside the calls, and of which run of the machine its times are."""

    boot: str
    marks: m.Marks


_note = msgspec.json.Decoder(Note)
_KINDS: dict[str, type] = {"left": m.Left, "answered": m.Answered, "missed": m.Missed, "finished": m.Finished}


class Queues:
    """All queues of the site."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.floor = Floor()
        self._news: deque[m.Input] = deque()
        self._busy = False
        #: False until the calls of a former life are here: nobody is offered to anybody before that.
        self._open = False
        #: Calls that have been in a queue.
        self._calls: set[CallId] = set()
        self._noted = m.Marks()
        self.next_ms: int | None = None
        self._names: set[str] = set()
        self.configure()

    # --- beginning

    def configure(self) -> None:
        """Take the queues of the exchange's plan."""
        settings = self._exchange.plan.queues
        names, metrics = {terms.name for terms in settings.queues}, self._exchange.metrics
        for name in self._names - names:
            metrics.forgotten_queue(name)
        for name in names - self._names:
            metrics.known_queue(name)
        self._names = names
        self._news.append(m.Configured(settings))
        self.settle()

    def open(self, calls: "Iterable[Call]" = (), note: str | None = None) -> None:
        """Begin, with the stays of calls that were rebuilt, and the note of a former life."""
        stays = [_stay(call) for call in calls if call.queueing.stay is not None]
        self._calls |= {stay.ticket.call for stay in stays}
        # What calls told as they were taken up stands in their stays already.
        self._news = deque(one for one in self._news if isinstance(one, m.Configured))
        lines = self._exchange.nailed.open(self._exchange.calls.values())
        self._news.append(m.Restored(stays, self._remembered(note), lines))
        self._open = True
        self.settle()

    def _remembered(self, note: str | None) -> m.Marks:
        try:
            known = _note.decode(note) if note else None
        except msgspec.MsgspecError:
            known = None
        if known is None:
            return m.Marks()
        if known.boot == self._exchange.boot:
            return known.marks
        agents = {
            name: m.AgentMark(presence=mark.presence, reason=mark.reason, target=mark.target, trunk=mark.trunk)
            for name, mark in known.marks.agents.items()
            if mark.presence or mark.target
        }
        return m.Marks(agents, known.marks.handled_ms, known.marks.asked)

    # --- what calls tell

    def note(self, news: QueueNews | LineNews) -> None:
        """Take what a call tells; `settle` acts on it."""
        if isinstance(news, LineNews):
            self._news.append(self._exchange.nailed.heard(news))
            return
        ticket = m.Ticket(news.call, news.number)
        if news.what == "join":
            self._calls.add(news.call)
            values = {name: value.reveal() for name, value in news.values.items()}
            self._news.append(m.Join(ticket=ticket, queue=news.queue, priority=news.priority, values=values))
        elif news.what == "released":
            self._news.append(m.Missed(ticket, rests=False))
        else:
            self._news.append(_KINDS[news.what](ticket))

    def join(self, ticket: m.Ticket, queue: str, priority: int, values: dict[str, str]) -> None:
        """Ask for an agent for a call that is made when he is there."""
        self._calls.add(ticket.call)
        self._news.append(m.Join(ticket=ticket, queue=queue, priority=priority, values=values))
        self.settle()

    def leave(self, ticket: m.Ticket) -> None:
        """Ask for none any more."""
        self._calls.discard(ticket.call)
        self._news.append(m.Left(ticket))
        self.settle()

    def hold(self, ticket: m.Ticket, queue: str, agent: str) -> bool:
        """Keep an agent for a call that may be made; whether he was there for it."""
        self._news.append(m.Held(ticket=ticket, queue=queue, agent=agent))
        self.settle()
        return self.holds(ticket)

    def holds(self, ticket: m.Ticket) -> bool:
        """Whether an agent is kept for a call that may be made."""
        waiter = self.floor.waiters.get(ticket)
        return waiter is not None and waiter.state == "held"

    def take(self, ticket: m.Ticket, *, rings: bool) -> None:
        """Make that call: its stay begins with the agent being rung, or he waits until it joins."""
        self._calls.add(ticket.call)
        if rings:
            self._news.append(m.Taken(ticket))
            self.settle()

    def wrapped_up(self, agent: str) -> None:
        """End an agent's wrap-up."""
        self._news.append(m.WrappedUp(agent))
        self.settle()

    def gone(self, call: CallId) -> None:
        """Take note that a call is over."""
        if call in self._calls:
            self._calls.discard(call)
            self._news.append(m.Gone(call))

    def fire(self, now_ms: int) -> None:
        """Act when the deadline has passed."""
        if self.next_ms is not None and self.next_ms <= now_ms:
            self._news.append(m.Elapsed())
            self.settle()

    def settle(self) -> None:
        """Decide by what was told, and tell calls what is decided, until nothing more follows."""
        if self._busy or not self._open:
            return
        self._busy = True
        try:
            while self._news:
                news = self._news.popleft()
                self._exchange.nailed.before(news)
                for action in self.floor.handle(news, self._exchange.now_ms):
                    self._carry_out(action)
                self._exchange.nailed.after(news)
        finally:
            self._busy = False
        deadline = self.floor.deadline
        self.next_ms = deadline.at_ms if deadline is not None else None
        marks = self.floor.marks()
        if marks != self._noted:
            self._noted = marks
            self._exchange.turn.meta[NOTE] = to_json(Note(self._exchange.boot, marks)).decode()

    def tell(self, news: m.PresenceWanted | m.LineGone) -> None:
        """Let an agent take calls, or not."""
        self._news.append(news)
        self.settle()

    def _carry_out(self, action: m.Action) -> None:
        if isinstance(action, m.PresenceChanged):
            self._exchange.previews.presence(action)
            self._exchange.notice(
                site_events.AgentPresence(
                    agent=action.agent,
                    presence=action.presence,
                    reason=action.reason,
                    before=action.before,
                    lasted_ms=action.lasted_ms,
                    call=action.call,
                )
            )
            return
        if isinstance(action, m.LineWanted):
            self._exchange.nailed.dial(action.agent, self._news.append)
            return
        if isinstance(action, m.LineReleased):
            self._exchange.nailed.release(action.call)
            return
        call = self._exchange.calls.get(action.ticket.call)
        if call is None and self._exchange.calling.carry_out(action):
            return
        if call is None:
            self._news.append(m.Gone(action.ticket.call))
        elif isinstance(action, m.Told):
            told = QueueTold(number=action.ticket.number, position=action.position, estimate_ms=action.estimate_ms)
            self._exchange.feed(call, told)
        elif isinstance(action, m.Offered):
            line = self._exchange.nailed.lend(action, call)
            offered = AgentOffered(
                number=action.ticket.number,
                agent=action.agent.name,
                target=action.agent.target,
                trunk=action.agent.trunk,
                ring_timeout_ms=action.ring_ms,
                line=line,
                tone=self._exchange.plan.line_tone if line is not None else "",
            )
            self._exchange.feed(call, offered)
        else:
            self._exchange.feed(call, QueueRefused(action.ticket.number, action.reason))

    # --- what people see

    def observe(self, event: events.AnyEvent) -> None:
        """Count what was told of queues; those that the site does not have any more are not counted."""
        name = getattr(event, "queue", "")
        if name not in self._names:
            return
        metrics = self._exchange.metrics
        if isinstance(event, events.QueueEntered):
            metrics.queue_entered.labels(name).inc()
        elif isinstance(event, events.QueueAgentOffered):
            metrics.queue_offers.labels(name).inc()
        elif isinstance(event, events.QueueAgentMissed):
            metrics.queue_missed.labels(name).inc()
        elif isinstance(event, events.QueueLeft):
            metrics.queue_calls.labels(name, event.reason).inc()
        elif isinstance(event, events.QueueConnected):
            metrics.queue_calls.labels(name, "connected").inc()
            if event.waited_ms <= self.floor.queues[name].service_level_ms:
                metrics.queue_in_time.labels(name).inc()

    def show(self) -> None:
        """Bring the gauges up to date."""
        metrics = self._exchange.metrics
        self.floor.roster.book(self._exchange.now_ms)
        for state, ms in self.floor.roster.take_spent().items():
            metrics.agent_seconds.labels(state).inc(ms / 1000)
        for (queue, state), ms in self.floor.roster.take_handled().items():
            if queue in self._names:
                metrics.queue_handling.labels(queue, state).inc(ms / 1000)
        for one in self.figures():
            metrics.queue_waiting.labels(one["name"]).set(one["waiting"])
            metrics.queue_longest.labels(one["name"]).set(one["longest_s"])
            for state, count in one["agents"].items():
                metrics.queue_agents.labels(one["name"], state).set(count)

    def figures(self) -> list[dict[str, Any]]:
        """Return of each queue how many wait, for how long the first of them has, and what its agents are doing."""
        now_ms, found = self._exchange.now_ms, []
        for terms in self.floor.queues.values():
            line = self.floor.line(terms.name)
            states = dict.fromkeys(get_args(m.AgentState), 0)
            for member in terms.members:
                agent = self.floor.roster.get(member.agent)
                if agent is not None:
                    states[agent.shown] += 1
            longest_s = max((max(0, now_ms - waiter.joined_ms) // 1000 for waiter in line), default=0)
            found.append({"name": terms.name, "waiting": len(line), "longest_s": longest_s, "agents": states})
        return found

    def describe_agents(self) -> list[dict[str, Any]]:
        """Return all agents for people: what each does, for how long, and how his time went. No numbers."""
        now_ms = self._exchange.now_ms
        self.floor.roster.book(now_ms)
        return [
            {
                "name": agent.terms.name,
                "state": agent.shown,
                "reason": agent.reason,
                "for_s": max(0, now_ms - agent.shown_since_ms) // 1000,
                "queues": [terms.name for terms in self.floor.queues.values() if agent.terms.name in terms.names],
                "call": agent.ticket.call if agent.ticket is not None else "",
                "elsewhere": agent.place is not None,
                "line": ("up" if agent.line_up else "calling")
                if agent.line
                else "down"
                if agent.terms.nailed_up
                else "",
                "line_call": agent.line or "",
                "talks": agent.talks,
                "talk_s": _seconds(agent.mean_ms("talking")),
                "wrap_up_s": _seconds(agent.mean_ms("wrap_up")),
                "handling_s": _seconds(agent.handling_ms),
                "paused_s": {reason: ms // 1000 for reason, ms in agent.paused.items()},
                "occupancy": None if agent.occupancy is None else round(agent.occupancy, 3),
                "result_due": self._exchange.results.due(agent.terms.name),
                "spent_s": {state: ms // 1000 for state, ms in agent.spent.items()},
            }
            for agent in self.floor.roster
        ]

    def describe(self) -> list[dict[str, Any]]:
        """Return all queues for people: who waits, who is served, what agents do. No numbers."""
        return [self._describe(terms) for terms in self.floor.queues.values()]

    def _describe(self, terms: m.QueueTerms) -> dict[str, Any]:
        now_ms = self._exchange.now_ms
        agents = [
            {
                "name": agent.terms.name,
                "tier": member.tier,
                "state": agent.shown,
                "for_s": max(0, now_ms - agent.shown_since_ms) // 1000,
                "call": agent.ticket.call if agent.ticket is not None else "",
                "skills": sorted(agent.terms.skills),
            }
            for member in terms.members
            if (agent := self.floor.roster.get(member.agent)) is not None
        ]
        callers = [
            {
                "call": waiter.ticket.call,
                "position": at,
                "state": waiter.state,
                "waited_s": max(0, now_ms - waiter.joined_ms) // 1000,
                "estimate_min": waiter.told[1],
                "priority": waiter.priority,
                "wants": sorted(waiter.wants),
                "agent": waiter.agent,
            }
            for at, waiter in enumerate(self.floor.line(terms.name), 1)
        ]
        return {
            "name": terms.name,
            "strategy": terms.strategy,
            "callers": callers,
            "agents": agents,
            "handling_s": round(self.floor.mean_ms(terms) / 1000),
            "max_waiting": terms.max_waiting,
            "service_level_s": terms.service_level_ms // 1000,
        }


def _seconds(ms: float | None) -> int | None:
    return None if ms is None else round(ms / 1000)


def _stay(call: "Call") -> m.Stay:
    """Give the stay of a call that was rebuilt."""
    stay = call.queueing.stay
    if stay is None:
        raise LookupError("the call is in no queue")
    return m.Stay(
        ticket=m.Ticket(call.id, stay.number),
        queue=stay.queue,
        priority=stay.priority,
        values=stay.values,
        joined_ms=stay.joined_ms,
        state=stay.state,
        agent=stay.agent,
        since_ms=stay.since_ms,
        position=stay.position,
    )
