"""All processes of the appliance: made of a composition, started, told of each other, and what they say routed."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.app.campaigners import Campaigners
from edge.app.children import Process, Starter
from edge.app.composition import Composition
from edge.app.engines import EngineWatch
from edge.app.line_keepers import LineKeepers
from edge.app.relay import Relay, Silence
from edge.app.spans import SpanPool
from edge.app.standbys import Standbys
from edge.app.starters import Executed, ForkedBy, Recipe, Surroundings
from edge.config.engines import engine_names
from edge.config.site import Site
from edge.core.supervision.lifecycle import Lifecycle, Patience
from edge.core.supervision.restart import MEDIA
from edge.core.supervision.stall import LOOK_MS, StallWatch
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.supervision import (
    AllScraped,
    Answered,
    Ask,
    Drain,
    Exited,
    Forked,
    FromChild,
    Replied,
    RetireSpan,
    ScrapeAll,
    Scraped,
    ToChild,
    WantSpans,
)

_log = logger("supervisor")

#: A zygote compiles before it is ready.
ZYGOTE = Patience(start_ms=None)
#: Those that calls do not pass through are started when calls are let in, or so long after the others.
BESIDE_MS = 5000
#: Conversations wait for its successor.
ENGINE = Patience(abort_ms=100)


class Fleet:
    """Owns every `Process`; is their `Owner`."""

    def __init__(self, site: Site, composition: Composition, around: Surroundings, pump: Pump) -> None:
        self._pump = pump
        self._around = around
        self.relay = Relay(pump)
        self.stall = StallWatch(monotonic_ms())
        self._lives: dict[str, int] = {}
        self.media_zygote = self._zygote("media", composition.media)
        self.span_zygote = self._zygote("span", composition.span)
        self.media_forks = ForkedBy(self.media_zygote, around, pump)
        self.span_forks = ForkedBy(self.span_zygote, around, pump)
        self.standbys = Standbys(self.media_forks, pump)
        self.media = [self._engine(index, name) for index, name in enumerate(engine_names(site.media))]
        self.switch = self._executed("switch", composition.switch)
        self.front = self._executed("front", composition.front)
        self.forwarder = self._executed("forwarder", composition.forwarder)
        self.web = self._executed("web", composition.web)
        self.spans = SpanPool(
            pump,
            self.span_forks,
            boot_id=around.boot_id,
            limit=site.sip.max_spans,
            tell_front=self._tell_front,
            stall=self.stall,
        )
        #: Those that have metrics and answer requests.
        self.long_lived = {p.name: p for p in (self.front, *self.media, self.switch, self.forwarder, self.web)}
        self.campaigners = Campaigners(
            self.long_lived,
            self.relay,
            pump,
            lambda: self._executed("dialer", composition.dialer),
            wanted=bool(site.campaigns),
        )
        self.lines = LineKeepers(
            self.long_lived, lambda name: self._executed(name, composition.line), [line.name for line in site.lines]
        )
        self._forks = {self.media_zygote.name: self.media_forks, self.span_zygote.name: self.span_forks}
        #: Set by `drain`: who is restarted meanwhile must be told, too.
        self.draining = False
        #: Set when the appliance stops: who was not started yet is not any more.
        self.leaving = False
        self._beside_began = False
        #: Called when any state or condition changed.
        self.on_change: Callable[[], None] = lambda: None
        #: Called when front began a new life and knows nothing.
        self.on_front: Callable[[], None] = lambda: None
        #: Answers what is asked of the supervisor itself: (what, body, answer(body, error)).
        self.on_ask: Callable[[str, bytes, Callable[[bytes, str | None], None]], None] = _unanswered
        self.own_metrics: Callable[[], str] = lambda: ""
        self.spans.on_change = self._changed

    @property
    def dialer(self) -> Process | None:
        """None: the site has no campaigns."""
        return self.campaigners.process

    # --- making

    def _process(self, name: str, starter: Starter, patience: Patience | None = None) -> Process:
        process = Process(name, self._pump, self, starter, Lifecycle(patience), self.stall)
        process.next_incarnation = lambda: self._next_life(name)
        return process

    def _engine(self, index: int, name: str) -> Process:
        lifecycle = Lifecycle(ENGINE, ladder=MEDIA)
        process = Process(name, self._pump, self, self.standbys, lifecycle, self.stall)
        process.next_incarnation = lambda: self._next_life(name)
        process.index = index
        standby = self._process(f"{name}-standby", self.media_forks)
        standby.next_incarnation = process.next_incarnation
        self.standbys.add(process, standby)
        return process

    def _executed(self, name: str, recipe: Recipe) -> Process:
        return self._process(name, Executed(name, recipe, self._around))

    def _zygote(self, worker: str, recipe: Recipe) -> Process:
        return self._process(f"{worker}-zygote", Executed(worker, recipe, self._around), ZYGOTE)

    def _next_life(self, name: str) -> Incarnation:
        self._lives[name] = self._lives.get(name, 0) + 1
        return Incarnation(f"{name}-{self._around.boot_id[:8]}-{self._lives[name]}")

    @property
    def processes(self) -> list[Process]:
        """All but the spans, in the order in which people read them."""
        return [*self.long_lived.values(), *self.standbys.all, self.media_zygote, self.span_zygote]

    # --- starting

    def start(self) -> None:
        """Start what calls pass through, but switch and media's workers. Zygotes first: they have the longest way.

        Nobody else takes time of the cores until calls are let in.
        """
        self._pump.every(LOOK_MS, lambda: self.stall.seen(monotonic_ms()))
        EngineWatch(self.media, self._around.sockets.fds["media_state"], self._pump)
        for process in (self.media_zygote, self.span_zygote, self.front):
            process.want()
        self.spans.fill()
        self._pump.at(monotonic_ms() + BESIDE_MS, self.start_beside)

    def start_calls(self) -> None:
        """Start those that touch the recordings of a former run, once these are repaired."""
        self.switch.want()
        for engine in self.media:
            engine.want()
        self.lines.start()

    def start_beside(self) -> None:
        """Start those that calls do not pass through, unless that was done or nobody is to be started any more."""
        if self._beside_began or self.leaving:
            return
        self._beside_began = True
        for process in (self.forwarder, self.web):
            process.want()
        self.campaigners.start()

    def want_refused(self) -> None:
        """Try again those that refused the former configuration."""
        for process in self.processes:
            if process.lifecycle.state == "refused":
                process.want()

    def drain(self) -> None:
        """Tell those who let calls in to take no new ones. Spans are not told: they'd end theirs."""
        self.draining = True
        for process in (self.front, self.switch, self.dialer):
            if process is not None:
                process.send(Drain())

    def tell_all(
        self, message: ToChild, *, only: frozenset[str] | None = None, but: frozenset[str] = frozenset()
    ) -> None:
        """Tell all long-lived processes and spans, or `only` those of these names."""
        for process in [*self.long_lived.values(), *self.standbys.all, *self.spans.all()]:
            if process.name not in but and (only is None or process.name in only):
                process.send(message)

    def _tell_front(self, message: ToChild) -> None:
        # One that is starting gets the whole list when it is ready; news before that would be out of order.
        if self.front.running:
            self.front.send(message)

    # --- as the owner of each process

    def process_ready(self, process: Process, port: int) -> None:  # noqa: ARG002 - only spans have a port
        """See `Owner`."""
        forks = self._forks.get(process.name)
        if forks is not None:
            forks.serve()
        if process in self.media:
            self.standbys.ready(process)
        if self.draining and process in {self.front, self.switch, self.dialer}:
            process.send(Drain())
        if process is self.front:
            process.send(self.spans.list_for_front())
            self.on_front()

    def process_lost(self, process: Process) -> None:
        """See `Owner`."""
        self.relay.lost(process)
        forks = self._forks.get(process.name)
        if forks is not None:
            # Later: the orders that come back must not find a zygote that still looks alive.
            self._pump.at(0, forks.zygote_lost)

    def process_changed(self, process: Process) -> None:  # noqa: ARG002 - whoever it was, all is looked at anew
        """See `Owner`."""
        self._changed()

    def _changed(self) -> None:
        self.campaigners.ended()
        self.on_change()

    def process_said(self, process: Process, message: FromChild) -> None:
        """See `Owner`."""
        match message:
            case Replied():
                self.relay.replied(process, message)
            case Scraped():
                self.relay.scraped(process, message)
            case WantSpans(count) if process is self.front:
                self.spans.want(count)
            case RetireSpan(span) if process is self.front:
                self.spans.retire(span)
            case ScrapeAll(number) if process is self.web:
                self._scrape_all(number)
            case Ask() if process is self.web:
                self._ask(message)
            case Forked() if process.name in self._forks:
                self._forks[process.name].forked(message)
            case Exited() if process.name in self._forks:
                self._forks[process.name].exited(message)
            case _:
                process.hung(f"it may not say {type(message).__name__}")

    def _scrape_all(self, number: int) -> None:
        def answer(texts: dict[str, str | None]) -> None:
            self.web.send(AllScraped(number, {**texts, "supervisor": self.own_metrics()}))

        self.relay.scrape_all(dict(self.long_lived), answer)

    def _ask(self, ask: Ask) -> None:
        def answer(body: bytes, error: str | None) -> None:
            # A plain text: no message carries a class of ours.
            said = None if error is None else str(error)
            self.web.send(Answered(ask.id, body, said, is_silence=isinstance(error, Silence)))

        self.ask(ask.process, ask.what, ask.body, answer)

    def ask(
        self,
        name: str,
        what: str,
        body: bytes,
        answer: Callable[[bytes, str | None], None],
        *,
        uid: int | None = None,
    ) -> None:
        """Have `name` (a long-lived process, or "supervisor") answer a request, of user `uid` where one gave it."""
        if name == "supervisor":
            self.on_ask(what, body, answer)
        elif name in self.long_lived:
            self.relay.request(self.long_lived[name], what, body, answer, uid=uid)
        else:
            answer(b"", Silence(f"no process {name[:40]!r}; there are: supervisor, {', '.join(self.long_lived)}"))

    def accept_calls(self, calls: bool) -> None:
        """Tell front whether new calls are welcome."""

        def answer(_body: bytes, error: str | None) -> None:
            if error is not None:
                _log.warning("front did not take the order about new calls", calls=calls, error=error)

        if self.front.lifecycle.alive:
            self.relay.request(self.front, "accept", msgspec.json.encode({"calls": calls}), answer)


def _unanswered(_what: str, _body: bytes, answer: Callable[[bytes, str | None], None]) -> None:
    answer(b"", "the supervisor is starting")


def child_environment(state_dir: str, inner_port: int) -> dict[str, str]:
    """Return what children find in their environment beside our own."""
    added = {"EDGE_FRONT_PORT": str(inner_port), "OPENBLAS_NUM_THREADS": "1"}
    found = importlib.util.find_spec("dsp")  # found, not imported
    package = Path(found.origin).parent if found is not None and found.origin else Path("/")
    if "CACHE_DIRECTORY" not in os.environ and not os.access(package, os.W_OK):
        # An installed package is read-only for the daemon's user. What was not compiled for this processor as it was
        # installed has a place that there is in any case; compiling at each start would cost a minute.
        added["CACHE_DIRECTORY"] = str(Path(state_dir) / "cache")
    return added
