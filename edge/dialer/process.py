"""The process: the loop has the supervisor's channel and the link, a thread has the store and decides."""

import queue
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from edge.config.campaign_plan import settings_of
from edge.config.site import Site
from edge.core.dialer.campaign import Settings
from edge.dialer.clocks import Clocks
from edge.dialer.desk import Desk
from edge.dialer.engine import Engine
from edge.dialer.lists import ContactsRequest, SuppressRequest
from edge.dialer.neighbours import Neighbours
from edge.dialer.presence import Presence
from edge.dialer.rulebook import permissions_for
from edge.metrics.dialer import DialerMetrics
from edge.metrics.library import generate_latest
from edge.runtime.clock import monotonic_ms
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.process import EXIT_CONFIG, EXIT_OK, ProcessContext, read_site
from edge.runtime.pump import EXIT_BUG, Pump
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Presence as Seen
from edge.storage.reader import Reader
from edge.storage.store import IDENTITY
from edge.storage.turn import SchemaError, StorageError
from edge.vocabulary.commands import AgentsTold, AnyCommand, AttemptTold, PreviewTold, ResultTold
from edge.vocabulary.dialing import AttemptOrder, Disposition, PreviewClosing, PreviewOffer
from edge.vocabulary.ids import CommandId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import (
    AnyReport,
    AttemptAsked,
    AttemptsQueried,
    Noticed,
    NumbersLocked,
    PreviewAsked,
    PreviewOver,
    ResultsTaken,
)
from edge.vocabulary.site_events import SiteEvent
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop
from edge.vocabulary.wire import json_reader, to_json

BEAT_MS = 500
#: How often the engine looks what is due, and after a store that did not work.
TICK_S = 0.1
RETRY_S = 1.0
#: What is kept of why a contact was skipped.
LONGEST_REASON = 200
#: How long a stop waits for a transaction in progress.
STOP_S = 2.0
#: How long the first start waits for switch to make its file.
SWITCH_S = 10.0
#: A store that does not answer for so long is told of; and in the end the process begins anew, for a server that stands
#: still may never answer.
SLOW_S, STUCK_S = 4.0, 60.0


class StateRequest(Struct, frozen=True, kw_only=True):
    """Tell a campaign what to do."""

    campaign: str
    state: Literal["running", "paused", "stopped"]
    by: str = ""
    why: str = ""


class SettleRequest(Struct, frozen=True, kw_only=True):
    """Say what became of an attempt that is held."""

    attempt: str
    disposition: Disposition
    by: str = ""


class PreviewRequest(Struct, frozen=True, kw_only=True):
    """Say what an agent wants of the contact that he looks at."""

    agent: str
    reason: str = ""
    by: str = ""


_preview = json_reader(PreviewRequest)
_state = json_reader(StateRequest)
_settle = json_reader(SettleRequest)
_HANDED_IN: dict[str, tuple[Callable[[bytes], Any], Callable[[Desk, Any], Any]]] = {
    "contacts": (json_reader(ContactsRequest).decode, Desk.add_contacts),
    "suppress": (json_reader(SuppressRequest).decode, Desk.suppress),
}
Job = Callable[[Engine], None]


class Worker(threading.Thread):
    """The engine's thread. `jobs` are done in order, with a tick between them; each once, or again if the store failed.

    `fatal` is called when it ends by a fault of ours, or since the store belongs to a newer release.
    """

    def __init__(
        self, make: Callable[[], Engine], trouble: Callable[[str], None], fatal: Callable[[int], None]
    ) -> None:
        super().__init__(name="dialer", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._make = make
        self._trouble = trouble
        self._fatal = fatal
        self._log = logger("dialer")
        #: When the job began that is being done; 0: none is.
        self.busy_since_s = 0.0

    def run(self) -> None:
        """Work until `None` is given."""
        try:
            self._work()
        except SchemaError as error:
            self._log.error("campaigns' store refused", error=str(error))
            self._fatal(EXIT_CONFIG)
        except Exception:
            self._log.exception("the process ends by an error")
            self._fatal(EXIT_BUG)

    def _work(self) -> None:
        engine: Engine | None = None
        tick_at = 0.0
        while True:
            job = self._next(tick_at)
            if job is None:
                return
            pause_s = TICK_S
            try:
                if engine is None:
                    engine = self._make()
                self.busy_since_s = time.monotonic()
                job(engine)
                self._trouble("")
            except StorageError as error:
                self._trouble(str(error)[:200] or "error")
                pause_s = RETRY_S
            self.busy_since_s = 0.0
            if job is Engine.tick or pause_s == RETRY_S:
                tick_at = time.monotonic() + pause_s

    def _next(self, tick_at: float) -> Job | None:
        """Wait for a job, or for the next tick: that has its turn however many jobs there are."""
        left_s = tick_at - time.monotonic()
        if left_s <= 0:
            return Engine.tick
        try:
            return self.jobs.get(timeout=left_s)
        except queue.Empty:
            return Engine.tick


class Dialer:
    """The process on its pump. Is the engine's `Port`: what the engine's thread sends is posted to the loop."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        self._log = logger("dialer")
        self._pump = Pump("dialer")
        self._metrics = DialerMetrics()
        self._site = context.site
        self._exit = EXIT_OK
        self._ready = False
        #: What is wrong with the store as the worker sees it, and as it was told last.
        self._trouble = self._told = ""
        self._link = LinkClient(
            context.link_path, "dialer", context.incarnation, self._command, lambda _legs: None, lambda: None
        )
        self._worker = Worker(self._engine, self._troubled, self._fail)

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        channel = self._context.channel
        channel.on(Scrape, lambda m: channel.send(Scraped(m.id, generate_latest(self._metrics.registry).decode())))
        channel.on(Request, self._request)
        channel.on(Reload, self._reload)
        channel.on(Drain, lambda _m: self._worker.jobs.put(Engine.drain))
        channel.on(Stop, lambda _m: self._pump.stop())
        channel.attach(self._pump)
        self._pump.every(BEAT_MS, self._beat)
        self._link.on_change(self._changed)
        self._worker.start()
        self._pump.run()
        self._worker.jobs.put(leave)
        self._worker.jobs.put(None)
        self._worker.join(STOP_S)
        self._link.close()
        return self._exit

    # --- the engine

    def _engine(self) -> Engine:
        """Make the engine; called on its thread, again and again until the store can be opened."""
        site = self._site
        store = opened(Path(site.paths.state), site.dialer.database)
        clocks = Clocks(monotonic_ms, lambda: time.time_ns() // 1_000_000, lambda: f"d{secrets.token_hex(12)}")
        engine = Engine(store, site.name, self, clocks, self._metrics, permissions_for(site))
        try:
            engine.configure(settings(site))
            past = Reader(Path(site.paths.state) / "state.db")
            engine.neighbours = Neighbours(store, site.name, past, self._tell_locked)
            me = Seen(name=site.name, identity=identity_of(past), run=self._context.boot_id)
            engine.presence = engine.desk.presence = Presence(
                store,
                me,
                clocks,
                site.dialer.gone_after_ms,
                self.health,
                engine.take_up,
                lambda campaign: count_held(self._metrics, engine, campaign),
            )
        except StorageError:
            store.close()
            raise
        self._pump.post(self._begin)
        return engine

    def _begin(self) -> None:
        if not self._ready:
            self._ready = True
            self._link.attach(self._pump)
            self._context.channel.ready()
            self._log.info("ready", campaigns=len(self._site.campaigns))

    def _troubled(self, text: str) -> None:
        if text and text != self._trouble:
            self._metrics.storage_errors.inc()
            if not self._ready:
                # It waits for its store, and that is a state to be told, not a failed start.
                self._pump.post(self._context.channel.ready)
        if text != self._trouble:
            self._trouble = text
            self._pump.post(self._tell_storage)

    def _beat(self) -> None:
        self._context.channel.beat()
        self._tell_storage()
        if self._busy_s() > STUCK_S:
            self._log.error("the campaigns' store does not answer: the process begins anew")
            self._exit = EXIT_BUG
            self._pump.stop()

    def _busy_s(self) -> float:
        since_s = self._worker.busy_since_s
        return time.monotonic() - since_s if since_s else 0.0

    def _tell_storage(self) -> None:
        text = "it does not answer" if self._busy_s() > SLOW_S else self._trouble
        if text != self._told:
            self._told = text
            self.health("campaigns-storage", f"campaigns' store cannot be used: {text}" if text else "")
            self._log.warning("campaigns' store", works=not text, error=text)

    def _fail(self, code: int) -> None:
        def end() -> None:
            self._exit = code
            self._pump.stop()

        self._pump.post(end)

    # --- the engine's port

    @property
    def connected(self) -> bool:
        """See `Port`."""
        return self._link.connected

    def order(self, order: AttemptOrder) -> None:
        """See `Port`."""
        self._report(AttemptAsked(order))

    def offer(self, offer: PreviewOffer) -> None:
        """See `Port`."""
        self._report(PreviewAsked(offer))

    def over(self, closing: PreviewClosing) -> None:
        """See `Port`."""
        self._report(PreviewOver(closing))

    def taken(self, results: list[str]) -> None:
        """See `Port`."""
        self._report(ResultsTaken(results))

    def query(self, attempts: list[str]) -> None:
        """See `Port`."""
        self._report(AttemptsQueried(attempts))

    def notice(self, event: SiteEvent) -> None:
        """See `Port`."""
        self._report(Noticed(event))

    def health(self, condition: str, text: str) -> None:
        """See `Port`."""
        self._pump.post(lambda: self._context.channel.health(condition, text, note=True))

    def _tell_locked(self, numbers: list[Private]) -> None:
        self._report(NumbersLocked(numbers))

    def _report(self, body: AnyReport) -> None:
        self._pump.post(lambda: self._link.report(body))

    # --- link and supervisor

    def _command(self, _id: CommandId, command: AnyCommand) -> None:
        if isinstance(command, AttemptTold | AgentsTold | PreviewTold | ResultTold):
            self._worker.jobs.put(lambda engine: engine.hear(command))

    def _changed(self, connected: bool) -> None:
        if connected:
            self._worker.jobs.put(Engine.connected)

    def _reload(self, message: Reload) -> None:
        site = self._site = read_site(message.path)

        def reload(engine: Engine) -> None:
            if engine.presence is not None:
                engine.presence.gone_after_ms = site.dialer.gone_after_ms
            engine.reload(settings(site), permissions_for(site))

        self._worker.jobs.put(reload)

    def _request(self, message: Request) -> None:
        def answer(engine: Engine) -> None:
            try:
                reply = Replied(message.id, to_json(_answer(engine, message.what, message.body)))
            except (LookupError, msgspec.MsgspecError) as error:
                reply = Replied(message.id, b"", str(error))
            except StorageError as error:
                reply = Replied(message.id, b"", f"storage: {error}")
            self._pump.post(lambda: self._context.channel.send(reply))

        self._worker.jobs.put(answer)


def _answer(engine: Engine, what: str, body: bytes) -> Any:
    if what == "campaigns":
        return engine.desk.describe()
    if what == "campaign":
        request = _state.decode(body)
        if request.campaign not in engine.campaigns:
            raise LookupError(f"there is no campaign '{request.campaign[:64]}'")
        engine.set_state(request.campaign, request.state, request.by, request.why)
        return {"campaign": request.campaign, "state": request.state}
    if what == "attempts":
        return engine.desk.under_way()
    if what == "held":
        return engine.desk.held()
    if what == "settle":
        wanted = _settle.decode(body)
        if wanted.disposition == "held" or not engine.desk.settle(wanted.attempt, wanted.disposition, wanted.by):
            raise LookupError("no such attempt is held" if wanted.disposition != "held" else "that is what it is")
        return {"attempt": wanted.attempt, "disposition": wanted.disposition}
    if what in _HANDED_IN:
        read, take = _HANDED_IN[what]
        return take(engine.desk, read(body))
    if what in {"preview", "preview_accept", "preview_skip", "preview_reject"}:
        return _of_preview(engine, what, _preview.decode(body))
    raise LookupError(f"unknown request {what[:40]!r}")


def identity_of(past: Reader) -> str:
    """Give the identity of what switch remembers. Raises StorageError when switch has not made its file in time."""
    until_s = time.monotonic() + SWITCH_S
    while not (found := past.meta(IDENTITY).get("")):
        if time.monotonic() > until_s:
            raise StorageError("switch has not made its store yet")
        time.sleep(TICK_S)
    return found


def leave(engine: Engine) -> None:
    """Say that this run is over."""
    if engine.presence is not None:
        engine.presence.leave()


def count_held(metrics: DialerMetrics, engine: Engine, campaign: str) -> None:
    """Count an attempt of another appliance that was held; only campaigns of this site have figures here."""
    if campaign in engine.campaigns:
        metrics.ended.labels(campaign, "held").inc()


def _of_preview(engine: Engine, what: str, request: PreviewRequest) -> dict[str, Any]:
    previews, reason = engine.previews, request.reason[:LONGEST_REASON]
    if what == "preview":
        return previews.show(request.agent)
    if what == "preview_accept":
        return {"accepted": previews.accept(request.agent, request.by or request.agent)}
    if what == "preview_skip":
        return {"skipped": previews.skip(request.agent, request.by or request.agent, reason)}
    return {"rejected": previews.reject(request.agent, request.by or request.agent, reason)}


def settings(site: Site) -> dict[str, Settings]:
    """Give the campaigns of a site as the engine takes them."""
    return {one.name: settings_of(one, site.calendars.get(one.hours)) for one in site.campaigns}


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code (78: the store belongs to a newer version)."""
    return Dialer(context).run()
