"""Decides for all queues of a site who is offered to whom.

Whoever waits longest comes first (see `waiting`), and gets an agent who is ready and has the skills; so somebody whom
no ready agent can serve holds up nobody behind him. What holds for every order of inputs: an agent has one caller at
the most, in all his queues together, and a caller one agent; a caller whose agent does not answer keeps his place;
each place ends by `Closed`, `Left` or `Finished`. Inputs that no longer fit change nothing.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from edge.core.deadline import Deadline
from edge.core.queues.agent import Agent
from edge.core.queues.estimate import estimate_ms, mean_handling_ms, minutes_to_say
from edge.core.queues.model import (
    Action,
    Answered,
    Closed,
    Configured,
    Elapsed,
    Finished,
    Gone,
    Held,
    Input,
    Join,
    Left,
    LineGone,
    LineReleased,
    LineSet,
    LineWanted,
    Marks,
    Missed,
    Offered,
    PresenceChanged,
    PresenceWanted,
    QueueTerms,
    Refusal,
    Restored,
    Stay,
    Taken,
    Ticket,
    Told,
    WrappedUp,
)
from edge.core.queues.roster import Roster
from edge.core.queues.waiting import Line, Waiter, waiter_of
from edge.vocabulary.ids import CallId

#: Those of whom no caller stands behind another one.
OUT_OF_LINE = frozenset({"held", "talking"})


class Floor:
    """The core: `handle` takes an input and says what is to be done; `deadline` says when to send `Elapsed`."""

    def __init__(self) -> None:
        self.roster = Roster()
        self.queues: dict[str, QueueTerms] = {}
        #: Everybody who has a place, those who talk, too.
        self.waiters: dict[Ticket, Waiter] = {}
        self._lines: dict[str, Line] = {}
        self._handled: dict[str, deque[int]] = {}
        self._arrivals = 0
        self._now_ms = 0
        self._actions: list[Action] = []
        self._touched: set[str] = set()
        self._reactions: dict[type, Callable[[Any], None]] = {
            Configured: self._configured,
            Join: self._join,
            Held: self._held,
            Taken: self._taken,
            WrappedUp: self._wrapped_up,
            Left: self._left,
            Answered: self._answered,
            Missed: self._missed,
            Finished: self._finished,
            PresenceWanted: self._presence,
            LineSet: self._line_set,
            LineGone: self._line_gone,
            Gone: self._gone,
            Elapsed: lambda _input: None,
            Restored: self._restored,
        }

    def handle(self, input: Input, now_ms: int) -> list[Action]:  # noqa: A002 - the shape of every core
        """Take one input; return what is to be done, in order."""
        self._now_ms = now_ms
        self._actions = []
        self._touched = set()
        self.roster.book(now_ms)
        self._reactions[type(input)](input)
        self.roster.rested(now_ms)
        self._time_out()
        offers = self._match()
        self._tell()
        self._actions += map(LineReleased, self.roster.take_spare_lines())
        return [*self._actions, *offers]

    @property
    def deadline(self) -> Deadline | None:
        """When to send `Elapsed`, and why."""
        found = [Deadline(at_ms, "an agent's pause") for at_ms in [self.roster.next_ms] if at_ms is not None]
        found += [
            Deadline(one.joined_ms + terms.max_wait_ms, "longest wait")
            for one in self.waiters.values()
            if one.state == "waiting" and (terms := self.queues.get(one.queue)) is not None
        ]
        return min(found, key=lambda one: one.at_ms, default=None)

    def line(self, queue: str) -> list[Waiter]:
        """List those who wait in a queue, or are being connected, the next one first."""
        return [self.waiters[ticket] for ticket in self._lines.get(queue, ())]

    def marks(self) -> Marks:
        """Give what a restart is not to forget beside the calls."""
        return Marks(
            {agent.terms.name: agent.mark() for agent in self.roster},
            {name: list(handled) for name, handled in self._handled.items() if handled},
            dict(self.roster.asked),
        )

    def mean_ms(self, queue: QueueTerms) -> float:
        """Give the mean handling time that estimates are made of."""
        talks = [
            self._now_ms - one.since_ms
            for one in self.waiters.values()
            if one.queue == queue.name and one.state == "talking"
        ]
        return mean_handling_ms(self._handled.get(queue.name, ()), talks, queue.handling_ms, queue.measured)

    # --- what happens

    def _configured(self, input: Configured) -> None:  # noqa: A002
        self.queues = {terms.name: terms for terms in input.settings.queues}
        self.roster.configure(input.settings.agents, self._now_ms)
        for name, terms in self.queues.items():
            self._handled[name] = deque(self._handled.get(name, ()), maxlen=terms.measured)
        self._lines = {}
        for waiter in self.waiters.values():
            waiter.stand(self.queues.get(waiter.queue) or QueueTerms(name=waiter.queue))
            if waiter.state not in OUT_OF_LINE:
                self._lines.setdefault(waiter.queue, Line()).add(waiter)
        for waiter in list(self.waiters.values()):
            if waiter.state == "waiting":
                self._settle_in(waiter)
            else:
                self._occupy(waiter)
        self._touched |= set(self.queues)

    def _occupy(self, waiter: Waiter) -> None:
        """Let an agent be busy with a caller whom he has from before he was known here."""
        agent = self.roster.get(waiter.agent)
        if agent is not None and agent.ticket is None:
            agent.busy("talking" if waiter.state == "talking" else "ringing", waiter.ticket, waiter.since_ms)
            agent.works_for = waiter.queue

    def _settle_in(self, waiter: Waiter) -> None:
        """Close the place of somebody whom the queue as it is now can't serve."""
        terms = self.queues.get(waiter.queue)
        if terms is None:
            self._close(waiter, "failed")
        elif not self.roster.able(terms, waiter.wants):
            self._close(waiter, "no_agents")

    def _join(self, input: Join) -> None:  # noqa: A002
        terms, kept = self.queues.get(input.queue), self.waiters.get(input.ticket)
        if kept is not None:
            if kept.state == "held" and kept.queue == input.queue and terms is not None:
                self._join_held(kept, input, terms)
            return
        if terms is None:
            self._actions.append(Closed(input.ticket, "failed"))
            return
        waiter = self._add(
            Stay(
                ticket=input.ticket,
                queue=input.queue,
                priority=input.priority,
                values=input.values,
                joined_ms=self._now_ms,
                state="waiting",
            ),
            terms,
        )
        if not self.roster.able(terms, waiter.wants):
            self._close(waiter, "no_agents")
        elif len(self._lines[terms.name]) > terms.max_waiting:
            self._close(waiter, "full")

    def _join_held(self, waiter: Waiter, input: Join, terms: QueueTerms) -> None:  # noqa: A002
        """Let somebody wait for whom an agent is kept: he gets him at once."""
        waiter.reserved, waiter.agent, waiter.state = waiter.agent, "", "waiting"
        waiter.joined_ms, waiter.priority, waiter.values = self._now_ms, input.priority, input.values
        waiter.stand(terms)
        self._lines.setdefault(waiter.queue, Line()).add(waiter)
        self._touched.add(waiter.queue)

    def _add(self, stay: Stay, terms: QueueTerms) -> Waiter:
        self._arrivals += 1
        waiter = waiter_of(stay, terms, self._arrivals)
        self.waiters[waiter.ticket] = waiter
        if waiter.state not in OUT_OF_LINE:
            self._lines.setdefault(waiter.queue, Line()).add(waiter)
        self._touched.add(waiter.queue)
        return waiter

    def _close(self, waiter: Waiter, reason: Refusal) -> None:
        self._drop(waiter)
        self._actions.append(Closed(waiter.ticket, reason))

    def _drop(self, waiter: Waiter) -> None:
        del self.waiters[waiter.ticket]
        self._out_of_line(waiter)

    def _out_of_line(self, waiter: Waiter) -> None:
        if waiter.queue in self._lines:
            self._lines[waiter.queue].remove(waiter)
        self._touched.add(waiter.queue)

    def _agent_of(self, waiter: Waiter) -> Agent | None:
        """Find the agent who is rung for a caller, or talks with him."""
        agent = self.roster.get(waiter.agent)
        return agent if agent is not None and agent.ticket == waiter.ticket else None

    def _held(self, input: Held) -> None:  # noqa: A002
        agent, terms = self.roster.get(input.agent), self.queues.get(input.queue)
        if input.ticket in self.waiters or agent is None or terms is None or not agent.available:
            return
        agent.busy("previewing", input.ticket, self._now_ms)
        stay = Stay(
            ticket=input.ticket, queue=input.queue, priority=0, values={}, joined_ms=self._now_ms, state="waiting"
        )
        self._arrivals += 1
        waiter = waiter_of(stay, terms, self._arrivals)
        waiter.state, waiter.agent, waiter.since_ms = "held", input.agent, self._now_ms
        self.waiters[waiter.ticket] = waiter

    def _taken(self, input: Taken) -> None:  # noqa: A002
        waiter = self.waiters.get(input.ticket)
        if waiter is not None and waiter.state == "held":
            waiter.state, waiter.since_ms = "ringing", self._now_ms
            agent = self._agent_of(waiter)
            if agent is not None:
                agent.busy("ringing", waiter.ticket, self._now_ms)

    def _wrapped_up(self, input: WrappedUp) -> None:  # noqa: A002
        agent = self.roster.get(input.agent)
        if agent is not None and agent.state == "wrap_up":
            agent.idle_since_ms = self._now_ms
            agent.free(self._now_ms)

    def _left(self, input: Left) -> None:  # noqa: A002
        waiter = self.waiters.get(input.ticket)
        if waiter is None:
            return
        agent = self._agent_of(waiter)
        if waiter.state == "talking":
            self._over(waiter, agent)
        elif agent is not None:
            agent.free(self._now_ms)
        self._drop(waiter)

    def _answered(self, input: Answered) -> None:  # noqa: A002
        waiter = self.waiters.get(input.ticket)
        if waiter is None or waiter.state != "ringing":
            return
        waiter.state, waiter.since_ms = "talking", self._now_ms
        agent = self._agent_of(waiter)
        if agent is not None:
            agent.busy("talking", waiter.ticket, self._now_ms)
            agent.works_for = waiter.queue
        self._out_of_line(waiter)

    def _missed(self, input: Missed) -> None:  # noqa: A002
        waiter = self.waiters.get(input.ticket)
        if waiter is None or waiter.state != "ringing":
            return
        agent = self._agent_of(waiter)
        if agent is not None and input.rests:
            agent.pause("resting", agent.terms.rest_ms, self._now_ms)
        elif agent is not None:
            agent.free(self._now_ms)
        waiter.state, waiter.agent = "waiting", ""
        self._touched.add(waiter.queue)
        self._settle_in(waiter)

    def _finished(self, input: Finished) -> None:  # noqa: A002
        waiter = self.waiters.get(input.ticket)
        if waiter is not None and waiter.state == "talking":
            self._over(waiter, self._agent_of(waiter))
            self._drop(waiter)

    def _over(self, waiter: Waiter, agent: Agent | None) -> None:
        wrap_up_ms = agent.terms.wrap_up_ms if agent is not None else 0
        if waiter.queue in self._handled:
            self._handled[waiter.queue].append(self._now_ms - waiter.since_ms + wrap_up_ms)
        if agent is not None:
            agent.talks += 1
            agent.pause("wrap_up", wrap_up_ms, self._now_ms)

    def _presence(self, input: PresenceWanted) -> None:  # noqa: A002
        agent = self.roster.get(input.agent)
        if agent is None:
            return
        if input.on_line and input.call is not None and agent.terms.nailed_up and agent.line != input.call:
            self._release(agent.line)  # he is at another phone now
            agent.line, agent.line_up = input.call, False
        self._note(agent.want(input, self._now_ms))
        if agent.lacks_line:
            self._actions.append(LineWanted(agent.at))

    def _line_set(self, input: LineSet) -> None:  # noqa: A002
        agent = self.roster.get(input.agent)
        if (
            agent is None
            or not agent.terms.nailed_up
            # His own one is given back when his talk is over.
            or (agent.presence == "away" and agent.line != input.call)
            or agent.line not in {None, input.call}
        ):
            self._release(input.call)
        else:
            self._note(agent.line_set(input.call, up=input.up, now_ms=self._now_ms))

    def _line_gone(self, input: LineGone) -> None:  # noqa: A002
        agent = self.roster.get(input.agent)
        if agent is not None and agent.line == input.call:
            self._note(agent.line_gone(self._now_ms, hung_up=input.hung_up, call=input.call))

    def _release(self, line: CallId | None) -> None:
        if line is not None:
            self._actions.append(LineReleased(line))

    def _note(self, changed: PresenceChanged | None) -> None:
        """Tell that an agent takes calls, or none; callers whom nobody is left for have no place any more."""
        if changed is None:
            return
        self._actions.append(changed)
        self._touched |= {name for name, terms in self.queues.items() if changed.agent in terms.names}
        if changed.presence == "away":
            for waiter in list(self.waiters.values()):
                if waiter.state == "waiting":
                    self._settle_in(waiter)

    def _gone(self, input: Gone) -> None:  # noqa: A002
        for ticket in [ticket for ticket in self.waiters if ticket.call == input.call]:
            self._left(Left(ticket))

    def _restored(self, input: Restored) -> None:  # noqa: A002
        """Take up what was; those who came first stand first among those of one moment, as before."""
        for name, handled in input.marks.handled_ms.items():
            if name in self._handled:
                self._handled[name].extend(handled)
        self.roster.asked = dict(input.marks.asked)
        for line in input.lines:
            agent = self.roster.get(line.agent)
            if agent is None:
                self._release(line.call)
            else:
                agent.line, agent.line_up = line.call, line.up
        marked = [(one, mark) for one in self.roster if (mark := input.marks.agents.get(one.terms.name)) is not None]
        for agent, mark in marked:  # before anybody's place is closed for want of agents
            self._note(agent.recall_presence(mark, self._now_ms))
        for stay in sorted(input.stays, key=lambda one: (one.joined_ms, one.position, one.ticket)):
            terms = self.queues.get(stay.queue)
            if terms is None and stay.state == "waiting":
                self._actions.append(Closed(stay.ticket, "failed"))
                continue
            waiter = self._add(stay, terms or QueueTerms(name=stay.queue))
            if waiter.state == "waiting":
                self._settle_in(waiter)
            else:
                self._occupy(waiter)
        for agent, mark in marked:
            agent.recall(mark, self._now_ms)

    # --- what follows

    def _time_out(self) -> None:
        """Close the places of those who have waited too long; while an agent is rung for somebody he may answer."""
        for waiter in list(self.waiters.values()):
            terms = self.queues.get(waiter.queue)
            if waiter.state == "waiting" and terms is not None and waiter.joined_ms + terms.max_wait_ms <= self._now_ms:
                self._close(waiter, "timed_out")

    def _match(self) -> list[Action]:
        """Offer agents who are ready, in the order of the callers of all queues."""
        offers: list[Action] = []
        if not any(agent.available or agent.state == "previewing" for agent in self.roster):
            return offers
        for _, ticket in sorted(pair for line in self._lines.values() for pair in line.ordered):
            waiter = self.waiters[ticket]
            terms = self.queues.get(waiter.queue)
            agent = self._agent_for(waiter, terms) if terms and waiter.state == "waiting" else None
            if terms is None or agent is None:
                continue
            agent.busy("ringing", ticket, self._now_ms)
            waiter.state, waiter.agent, waiter.since_ms = "ringing", agent.terms.name, self._now_ms
            ring_ms = min(terms.ring_timeout_ms, agent.terms.max_ring_ms or terms.ring_timeout_ms)
            line = agent.line if agent.terms.nailed_up else None
            offers.append(Offered(ticket=ticket, agent=agent.at, ring_ms=ring_ms, line=line))
        return offers

    def _agent_for(self, waiter: Waiter, terms: QueueTerms) -> Agent | None:
        """Choose the agent whom a caller gets now: the one who is kept for him, else one who is ready."""
        name, waiter.reserved = waiter.reserved, ""
        agent = self.roster.get(name) if name else None
        if agent is not None and agent.ticket == waiter.ticket:
            return agent
        return self.roster.choose(terms, waiter.wants)

    def _tell(self) -> None:
        """Tell callers whose place, or whose wait as people would say it, is another one than they know."""
        for name in self._touched:
            terms = self.queues.get(name)
            if terms is None:
                continue
            mean_ms = self.mean_ms(terms)
            agents: dict[frozenset[str], int] = {}
            for at, ticket in enumerate(self._lines.get(name, ()), 1):
                waiter = self.waiters[ticket]
                if waiter.wants not in agents:
                    able = self.roster.able(terms, waiter.wants)
                    agents[waiter.wants] = sum(agent.state != "resting" and agent.presence == "here" for agent in able)
                wait_ms = 0 if waiter.state == "ringing" else estimate_ms(at, agents[waiter.wants], mean_ms)
                now = (at, minutes_to_say(wait_ms))
                if waiter.told != now:
                    waiter.told = now
                    self._actions.append(Told(ticket=ticket, position=at, estimate_ms=wait_ms))
