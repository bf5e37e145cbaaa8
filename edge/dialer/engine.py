"""The dialer's work, on a thread of its own: the store may be slow, and supervisor and switch must not wait for it.

For each contact in this order: the rules say yes; one transaction leases contact and number; switch is asked to make
the call, whose id is the attempt's; switch tells what becomes of it; the attempt is closed. What dies between two of
these leaves an attempt that switch knows, or does not: then it was never dialled and never will be, and is given back.
"""

from collections.abc import Mapping
from typing import cast

from edge.core.dialer.campaign import CampaignState, Settings
from edge.dialer.clocks import Clocks
from edge.dialer.desk import Desk
from edge.dialer.ending import outcome_of, position_of
from edge.dialer.neighbours import Neighbours
from edge.dialer.opting_out import opt_out
from edge.dialer.orders import order_of
from edge.dialer.pacing import Pace
from edge.dialer.permission import Permissions, PermissionsFor
from edge.dialer.port import Port
from edge.dialer.presence import Presence
from edge.dialer.previews import Previews
from edge.dialer.refusals import Refusals
from edge.dialer.results import Results
from edge.dialer.running import BACK_OFF_MS, Running
from edge.dialer.under import AttemptAt, Under
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Attempt, Candidate, Lease
from edge.vocabulary.commands import AgentsTold, AttemptTold, PreviewTold, ResultTold
from edge.vocabulary.dialing import BUSY_NUMBER, NO_AGENT
from edge.vocabulary.site_events import DialerCampaignState

#: How often what each campaign was told is read again.
LOOK_MS = 500
#: How often switch is asked for attempts that have had no news for that long.
QUERY_MS = 10_000
#: A contact who has a call with us is looked at again then.
TALKING_MS = 60_000
#: Candidates that are read at once, so that refused ones do not keep others from their turn.
AHEAD = 20
#: Attempts named in one question.
PAGE = 200


class Engine:
    """All campaigns of the site over an open store. Every method may raise StorageError; the shell calls again."""

    def __init__(  # noqa: PLR0917 - each is needed
        self,
        store: CampaignStore,
        owner: str,
        port: Port,
        clocks: Clocks,
        metrics: DialerMetrics,
        permissions: PermissionsFor,
    ) -> None:
        self._store = store
        self._owner = owner
        self._port = port
        self._clocks = clocks
        self._metrics = metrics
        self._permissions_for = permissions
        self.campaigns: dict[str, Running] = {}
        #: Attempts that have not been closed, by id.
        self.open: dict[str, Under] = {}
        #: Agents of queues by state, as switch told it last.
        self.agents: dict[str, dict[str, list[int]]] = {}
        #: Names of those who may be shown a contact, by queue.
        self._ready: dict[str, list[str]] = {}
        #: What was told and could not be written yet.
        self._unwritten: dict[str, AttemptTold] = {}
        #: Campaigns with attempts that were closed, given back or settled since the last look.
        self._moved: set[str] = set()
        self._refusals = Refusals(clocks.mint(), metrics)
        self._looked_ms: int | None = None
        self._draining = False
        #: Who else calls people; None: nobody.
        self.neighbours: Neighbours | None = None
        #: Who else works on the store; None: nobody can.
        self.presence: Presence | None = None
        #: Answers people.
        self.desk = Desk(store, clocks, self.campaigns, self.open, self._moved)
        self.previews = Previews(store, owner, port, clocks, metrics, self.campaigns, self.open, self._allowed)
        self.desk.shown = self.previews.count
        self.results = Results(store, port, self.campaigns, metrics)

    # --- beginning

    def configure(self, settings: Mapping[str, Settings]) -> None:
        """Take the campaigns of a configuration."""
        for name in self.campaigns.keys() - settings.keys():
            del self.campaigns[name]
            self._metrics.forgotten_campaign(name)
        for name, own in settings.items():
            if name not in self.campaigns:
                self.campaigns[name] = Running(own)
                self._metrics.known_campaign(name, own.results)
            running = self.campaigns[name]
            changed = running.pace is None or running.settings != own
            running.settings = own
            running.permissions = self._permissions_for(self._store, own)
            if changed:
                running.pace = None
        self._looked_ms = None
        self._make_paces()

    def _make_paces(self) -> None:
        """Learn what is not learnt yet. Last, for it reads: if the store fails, it is done at the next look."""
        for running in self.campaigns.values():
            if running.pace is None:
                running.pace = self._pace_of(running)

    def _pace_of(self, running: Running) -> Pace | None:
        settings, permissions = running.settings, running.permissions
        if permissions is None or not settings.queue:
            return None
        pace = Pace(settings, permissions.abandonment)
        # The ceiling holds over all of a period, so what a former life has done of it counts.
        since_ms = self._clocks.wall_ms() - permissions.abandonment.period_ms
        pace.learn(self._store.attempts(since_ms, settings.name, ["ended"]))
        return pace

    def reload(self, settings: Mapping[str, Settings], permissions: PermissionsFor) -> None:
        """Take the campaigns and rules of a new configuration. Calls in progress keep theirs."""
        self._permissions_for = permissions
        self.configure(settings)

    def drain(self) -> None:
        """Begin no more calls: the appliance is about to stop."""
        self._draining = self.previews.draining = True

    def take_up(self) -> None:
        """Take the attempts that a former life has left; switch is asked for them when it is there."""
        now_ms = self._clocks.now_ms()
        for attempt in self._store.open_attempts(self._owner):
            self.open.setdefault(attempt.id, Under(attempt.campaign, now_ms)).asked_ms = now_ms - QUERY_MS
        self.previews.take_up()

    def connected(self) -> None:
        """Ask switch, which has just come, for all that is open. What was ordered before is ahead of it."""
        self.agents, self._ready = {}, {}
        if self.neighbours is not None:
            self.neighbours.forget()
        self.previews.connected()
        self._ask(list(self.open))

    def _ask(self, attempts: list[str]) -> None:
        now_ms = self._clocks.now_ms()
        for attempt in attempts:
            self.open[attempt].asked_ms = now_ms
        for at in range(0, len(attempts), PAGE):
            self._port.query(attempts[at : at + PAGE])

    # --- what switch tells

    def hear(self, told: AttemptTold | AgentsTold | PreviewTold | ResultTold) -> None:
        """Take news; what could not be written is kept, and written later, or told again."""
        if isinstance(told, AgentsTold):
            for running in self.campaigns.values():
                running.saw_agents(self.agents, told.queues, self._clocks.now_ms())
            self.agents, self._ready = told.queues, told.ready
        elif isinstance(told, PreviewTold):
            self.previews.hear(told)
        elif isinstance(told, ResultTold):
            self.results.hear(told)
        else:
            self._unwritten[told.attempt] = told
            self._write(told)

    def write_rest(self) -> None:
        """Write what could not be written before."""
        for told in list(self._unwritten.values()):
            self._write(told)
        self.results.keep()

    def _write(self, told: AttemptTold) -> None:
        under = self.open.get(told.attempt)
        if under is not None:
            under.asked_ms = self._clocks.now_ms()
            self._close_or_note(told, under)
        self._unwritten.pop(told.attempt, None)

    def _close_or_note(self, told: AttemptTold, under: Under) -> None:
        wall_ms, running = self._clocks.wall_ms(), self.campaigns.get(under.campaign)
        if told.state == "unknown" or told.state == "refused":  # noqa: PLR1714 - what is left is an `AttemptAt`
            self._give_back(told, under)
        elif told.state != "ended":
            if under.state == "leased":
                self._store.dialling(told.attempt, wall_ms)
            if running is not None and told.state != "dialled":
                running.got_through(under)
            self._goes_on(under, told, wall_ms)
        elif told.disposition in {None, "held"}:
            opt_out(self._store, told)
            self._store.hold(told.attempt, wall_ms, "nobody knows what became of the call")
            self._closed(told.attempt, under, "held")
        elif not told.placed:
            # The contact was not called: it is as if it had not been taken.
            self._store.release(told.attempt, wall_ms)
            self._released(told.attempt, under)
            if running is not None and not running.settings.previews:  # there it was the agent who did not answer
                running.hold_back(self._clocks.now_ms(), told.evidence.outcome if told.evidence is not None else "")
        else:
            opted_out = opt_out(self._store, told)  # before the number is free again
            self._store.end(told.attempt, outcome_of(self._store, told))
            if running is not None:
                running.got_through(under)
                running.freed()
                self._count_end(told, under.campaign, opted_out=opted_out)
            pace = self._pace(under)
            if pace is not None and told.disposition is not None:
                pace.ended(under, told.disposition, self._clocks.now_ms(), wall_ms)
            self._closed(told.attempt, under, told.disposition or "held")

    def _count_end(self, told: AttemptTold, campaign: str, *, opted_out: bool) -> None:
        if opted_out:
            self._metrics.suppressed.labels(campaign).inc()
        if told.rang_ms is not None:
            self._metrics.ring_seconds.labels(campaign).observe(told.rang_ms / 1000)
        if told.evidence is not None and told.evidence.queue == "connected":
            self._metrics.talk.labels(campaign).inc(told.talked_ms / 1000)

    def _goes_on(self, under: Under, told: AttemptTold, wall_ms: int) -> None:
        if under.state != told.state:
            under.state, under.since_ms = cast(AttemptAt, told.state), self._clocks.now_ms()
        pace = self._pace(under)
        if pace is not None:
            pace.went_on(under, self._clocks.now_ms(), wall_ms, abandoned=told.abandoned)

    def _pace(self, under: Under) -> Pace | None:
        running = self.campaigns.get(under.campaign)
        return running.pace if running is not None else None

    def _give_back(self, told: AttemptTold, under: Under) -> None:
        """Give back what was not dialled, says switch; if the store says that it was, switch has lost what it knew."""
        stored = self._store.attempt(told.attempt)
        if stored is not None and stored.state == "dialling":
            self._store.hold(told.attempt, self._clocks.wall_ms(), "switch does not know the call any more")
            self._closed(told.attempt, under, "held")
            return
        self._store.release(told.attempt, self._clocks.wall_ms())
        self._released(told.attempt, under)
        running = self.campaigns.get(under.campaign)
        if running is not None and told.why == BUSY_NUMBER:
            self._later(running, stored)
        elif running is not None and told.state == "refused" and told.why != NO_AGENT:
            running.block("refused", self._clocks.now_ms() + BACK_OFF_MS, told.why)

    def _released(self, attempt: str, under: Under) -> None:
        self.open.pop(attempt, None)
        self._moved.add(under.campaign)
        if under.campaign in self.campaigns:
            self._metrics.released.labels(under.campaign).inc()

    def _later(self, running: Running, stored: Attempt | None) -> None:
        """Let a contact wait who has a call with us now."""
        if stored is not None:
            wall_ms = self._clocks.wall_ms()
            self._refusals.add(running, ["talking"], wall_ms)
            self._store.postpone(
                stored.listed_in, stored.contact, wall_ms + TALKING_MS, position_of(self._store, stored)
            )

    def _closed(self, attempt: str, under: Under, disposition: str) -> None:
        self.open.pop(attempt, None)
        self._moved.add(under.campaign)
        if under.campaign in self.campaigns:
            self._metrics.ended.labels(under.campaign, disposition).inc()

    # --- the beat

    def tick(self) -> None:
        """Do all that is due: look what campaigns were told, ask for what is silent, and dial."""
        self.write_rest()
        now_ms = self._clocks.now_ms()
        if self.presence is not None and not self.presence.look():
            for name, running in self.campaigns.items():
                running.block("name", now_ms + BACK_OFF_MS, "another appliance has the name of this one")
                self._metrics.show(name, running.state, running.blocked)
            return
        if self._looked_ms is None or now_ms - self._looked_ms >= LOOK_MS:
            self._look()
            self._looked_ms = now_ms
        if self._port.connected:
            silent = [id_ for id_, under in self.open.items() if now_ms - under.asked_ms >= QUERY_MS]
            if silent:
                self._ask(silent)
        self.previews.tick()
        for running in self.campaigns.values():
            self._dial(running)
            self._metrics.open.labels(running.settings.name).set(self._open_of(running.settings.name))
            self._metrics.show(running.settings.name, running.state, running.blocked)

    def _look(self) -> None:
        told = {one.name: one for one in self._store.campaigns()}
        self._make_paces()
        for name, running in self.campaigns.items():
            status = told.get(name)
            running.state = status.state if status is not None else "stopped"
            if running.permissions is not None:
                running.permissions.refresh()
            if running.state == "done" and name in self._moved:
                self._reopen(running)
            if running.state == "running":  # also while nobody is there to talk with whoever would be called
                self._look_for_the_end(running)
        self._moved.clear()
        if self.neighbours is not None:
            self.neighbours.read()
            if self._port.connected:
                self.neighbours.look()
        self.previews.look()
        self._refusals.write(self._store)

    def _open_of(self, campaign: str) -> int:
        return sum(under.campaign == campaign for under in self.open.values())

    def _dial(self, running: Running) -> None:
        settings, now_ms = running.settings, self._clocks.now_ms()
        if running.state != "running" or self._draining or running.waits(now_ms):
            return
        why = self._hindrance(running)
        running.blocked, running.why = why, ""
        if why:
            return
        if settings.previews:
            self.previews.offer(running, self._ready.get(settings.queue, []))
            return
        name = settings.name
        mine = [one for one in self.open.values() if one.campaign == name]
        count = running.room(mine, self.agents, now_ms, self._clocks.wall_ms())
        if count > 0:
            running.throttle.take(self._begin(running, count))

    def _hindrance(self, running: Running) -> str:
        if not self._port.connected:
            return "switch"
        if running.permissions is None:
            return "rules"
        return "" if running.settings.dials_at(self._clocks.wall_ms()) else "schedule"

    def _begin(self, running: Running, count: int) -> int:
        """Begin up to `count` calls; returns how many."""
        settings, begun = running.settings, 0
        candidates = self._store.due(settings.lists, self._clocks.wall_ms(), count + AHEAD)
        if not candidates:
            self._look_for_the_end(running)
        elif self.neighbours is not None:
            self.neighbours.read()  # now, for a callback may have ended since the last look
        for candidate in candidates:
            if begun == count or running.blocked:
                break
            if self._allowed(running, candidate) and self._order(running, candidate):
                begun += 1
        return begun

    def _allowed(self, running: Running, candidate: Candidate) -> bool:
        permissions: Permissions | None = running.permissions
        if permissions is None:
            return False
        refused = permissions.ask(running.settings, candidate, self._clocks.wall_ms())
        if refused is None:
            return True
        self._refusals.add(running, refused.reasons, self._clocks.wall_ms())
        if refused.general:
            running.block("lists", self._clocks.now_ms() + BACK_OFF_MS, ", ".join(refused.reasons))
            return False
        contact, position = candidate.contact, candidate.position
        if refused.again_ms is None and position + 1 < len(contact.numbers):
            self._store.postpone(contact.listed_in, contact.id, self._clocks.wall_ms(), position + 1)
        else:
            self._store.postpone(contact.listed_in, contact.id, refused.again_ms, position)
        return False

    def _order(self, running: Running, candidate: Candidate) -> bool:
        """Lease the number, and have it called. False: somebody else has it."""
        settings, contact = running.settings, candidate.contact
        attempt = self._clocks.mint()
        lease = Lease(
            attempt=attempt,
            campaign=settings.name,
            listed_in=contact.listed_in,
            contact=contact.id,
            number=candidate.number,
            owner=self._owner,
        )
        # From here on it is ours, whatever comes: if the answer is lost the attempt is found at the next look.
        self.open[attempt] = Under(settings.name, self._clocks.now_ms())
        refusal = self._store.lease(lease, self._clocks.wall_ms())
        if refusal is not None:
            del self.open[attempt]
            return False
        if not self._still_allowed(running, candidate, attempt):
            return False
        self._metrics.attempts.labels(settings.name).inc()
        self._port.order(order_of(self._store, settings, candidate, attempt))
        return True

    def _still_allowed(self, running: Running, candidate: Candidate, attempt: str) -> bool:
        """Ask the rules again, now that nobody else can call the number. What they forbid is given back.

        Before the lease another appliance may have called it, so that it was called as often as it may be.
        """
        permissions: Permissions | None = running.permissions
        wall_ms = self._clocks.wall_ms()
        if permissions is not None and permissions.ask(running.settings, candidate, wall_ms, attempt) is None:
            return True
        self._store.release(attempt, wall_ms)
        del self.open[attempt]
        return False

    def _look_for_the_end(self, running: Running) -> None:
        """Look whether the campaign is done: nobody waits and nothing is open."""
        settings = running.settings
        if self._open_of(settings.name) or self._store.next_due_ms(settings.lists) is not None:
            return
        if any(one.open for one in self._store.lists(self._clocks.wall_ms()) if one.name in settings.lists):
            return  # of another appliance
        self.set_state(settings.name, "done", "", "nobody is left to be called")

    def _reopen(self, running: Running) -> None:
        """Go on with a campaign that was done but for a held attempt, if that has led to another call."""
        if self._store.next_due_ms(running.settings.lists) is not None:
            self.set_state(running.settings.name, "running", "", "somebody is to be called again")

    # --- what people ask

    def set_state(self, campaign: str, state: CampaignState, by: str, why: str) -> None:
        """Start, pause or stop a campaign. Calls in progress go on."""
        running = self.campaigns[campaign]
        self._store.set_campaign(campaign, state, self._clocks.wall_ms(), by, why)
        running.state = state
        running.resume()
        waiting = sum(
            one.waiting for one in self._store.lists(self._clocks.wall_ms()) if one.name in running.settings.lists
        )
        self._port.notice(DialerCampaignState(campaign=campaign, state=state, by=by, why=why, waiting=waiting))
