"""The switch process: link and clock in, transactions and commands out.

One turn of the loop is one transaction, or several turns that lead to nothing that has to wait for the disk. Commands
(but `LEAVES_EARLY`) and acknowledgements leave only when it is on disk. While the disk does not work, running calls go
on from memory and nothing is acknowledged, so that a crash in that time loses nothing: the senders still have it all.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

from edge.config.compiled import CompiledSite
from edge.config.engines import slots_of
from edge.config.queues import OWN_ENDPOINTS
from edge.core.calls.actions import Question
from edge.core.calls.inputs import Asked, Stopped
from edge.metrics.library import generate_latest
from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import monotonic_ms, wall_time
from edge.runtime.link import LinkServer, Peer
from edge.runtime.logs import logger
from edge.runtime.memory import collect_rarely
from edge.runtime.process import EXIT_CONFIG, EXIT_OK, ProcessContext, read_site
from edge.runtime.pump import Pump, Timer
from edge.storage.reader import Reader
from edge.storage.store import Store
from edge.storage.turn import SchemaError, StorageError
from edge.switch import census, standards
from edge.switch.asking import Asker
from edge.switch.exchange import Exchange
from edge.switch.figures import show
from edge.switch.hunting import LAST_TARGET
from edge.switch.ledger import Ledger, free_megabytes
from edge.switch.pending import receiver_of
from edge.switch.plan import Plan
from edge.switch.recovery import give_up, recover
from edge.switch.requests import RequestError, Requests
from edge.switch.room import RoomKeeper
from edge.switch.seats import Seats
from edge.switch.tidings import Tidings
from edge.switch.trials import META
from edge.vocabulary.commands import Command
from edge.vocabulary.ids import CallId, Incarnation
from edge.vocabulary.reports import AnyReport, EngineOverload, MediaSnapshot
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop

#: How long inputs that lead to nothing (mostly CommandDone) wait for others to share their transaction.
LAZY_MS = 40
#: How long events and calls do, when nothing waits for the disk: a transaction takes the core that span and front need
#: to bring the answer to the caller, whose ACK leads to the next one.
SOON_MS = 5
#: A peer without a snapshot is sent its commands after this time.
GREETING_MS = 500
BEAT_MS = 500
DISK_MS = 1000
PURGE_MS = 60_000


class Switch:
    """Wires the exchange to link, clock, disk and supervisor."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        self._log = logger("switch")
        self._pump = Pump("switch")
        self.metrics = SwitchMetrics()
        self._plan = Plan(read_site(context.site_path, CompiledSite))
        self._asking: Asker | None = None
        if context.site.endpoints:
            self._asker.take(context.site.endpoints)
        self._path = Path(context.site.paths.state) / "state.db"
        # These three are there as soon as the disk has shown what the last life left; see `_begin`.
        self._exchange: Exchange | None = None
        self._ledger: Ledger | None = None
        self._room: RoomKeeper | None = None
        self._server: LinkServer | None = None
        self._tidings = Tidings(self._later)
        self._timer: Timer | None = None
        self._lazy: Timer | None = None
        self._draining = False
        #: Answers that wait for the end of the turn.
        self._replies: list[Replied] = []
        self._requests = Requests(lambda: self._exchange, Reader(self._path))

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        channel = self._context.channel
        channel.on(Scrape, lambda m: channel.send(Scraped(m.id, self._scrape())))
        channel.on(Request, self._request)
        channel.on(Reload, self._reload)
        channel.on(Drain, lambda _m: self._drain())
        channel.on(Stop, lambda _m: self._stop())
        channel.attach(self._pump)
        self._pump.every(BEAT_MS, channel.beat)
        self._pump.every(DISK_MS, self._watch_disk)
        self._pump.every(PURGE_MS, self._purge)
        self._pump.after_turn(self._after_turn)
        try:
            self._begin()
            collect_rarely()
            self._pump.run()
        except SchemaError as error:
            self._log.error("state file refused", error=str(error))
            return EXIT_CONFIG
        finally:
            self._end()
        return EXIT_OK

    # --- beginning and end

    def _begin(self) -> None:
        """Take up what the store holds, then let peers in; tried again each second while the disk does not work."""
        channel = self._context.channel
        media = self._plan.site.media
        shares = [slots_of(media, engine) for engine in range(media.engines)]
        seats = Seats.shared(self._context.fds["switch_seats"][0], shares)
        exchange = Exchange(self._plan, self._context.boot_id, self.metrics, monotonic_ms, wall_time, seats)
        exchange.draining = self._draining
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            store = Store(self._path)
            self._tidings.senders = store.senders()
            exchange.trials.restore(store.meta(META))
            exchange.standards.restore(store.meta(standards.META))
            exchange.last_targets = store.meta(LAST_TARGET)
            resumed, ended = recover(store, exchange)
            store.forget_menus()
        except (StorageError, OSError) as error:
            channel.health("storage", f"state.db cannot be used: {error}")
            return
        exchange.attempts.past = Reader(self._path)
        if self._draining:
            exchange.attempts.drain()
        self._exchange = exchange
        self._ledger = ledger = Ledger(store, self.metrics, self._tidings.committed)
        self._ledger.write(exchange.take_turn())
        self._room = RoomKeeper(
            store,
            exchange,
            flush=lambda: self._write(exchange, ledger),
            health=channel.health,
            note=partial(channel.health, note=True),
            later=self._later,
        )
        self._server = LinkServer(
            self._context.fds["link_listener"][0],
            lambda process, incarnation: self._tidings.senders.get((process, incarnation), 0),
            self._on_report,
            self._on_connect,
            self._on_disconnect,
        )
        self._server.attach(self._pump)
        self._tidings.server = self._server
        if resumed:
            self._later(census.PATIENCE_MS, lambda: self._end_absent(exchange))
        self._later(census.PATIENCE_MS, lambda: seats.lapse(monotonic_ms()))
        self._watch_disk()
        self._log.info("ready", resumed=resumed, ended=ended)
        channel.ready()

    def _end_absent(self, exchange: Exchange) -> None:
        if "front" in exchange.connected:
            census.end_legs_of_absent_spans(exchange)
        else:
            # Front may have taken legs of theirs over; it says so when it comes.
            self._later(census.PATIENCE_MS, lambda: self._end_absent(exchange))

    def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._exchange is not None and self._ledger is not None:
            if self._exchange.turn:
                self._ledger.write(self._exchange.take_turn())
            self._ledger.close()

    def _stop(self) -> None:
        if self._exchange is not None:
            give_up(self._exchange)
        self._pump.stop()

    def _later(self, after_ms: int, callback: Callable[[], None]) -> None:
        self._pump.at(monotonic_ms() + after_ms, callback)

    # --- link

    def _on_report(self, peer: Peer, number: int, body: AnyReport) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        self._greet(peer)
        if number > 0:
            exchange.turn.senders[peer.process, peer.incarnation] = number
            exchange.report(peer.process, peer.incarnation, body)
            if isinstance(body, EngineOverload):
                self._show_overload()
            return
        if isinstance(body, MediaSnapshot):
            census.take_media(exchange, peer.process, body)
            self._show_overload()
        suspects = census.missing(exchange, peer, body)

        def settle() -> None:
            if peer.connected:
                census.settle(exchange, peer, body, suspects, monotonic_ms())

        self._later(census.PATIENCE_MS, settle)

    def _on_connect(self, peer: Peer) -> None:
        if self._exchange is not None:
            self._exchange.pending.again(receiver_of(peer.process, peer.incarnation))
            if peer.process == "dialer":
                self._exchange.attempts.arrived(peer.incarnation)
            self._later(GREETING_MS, lambda: self._greet(peer) if peer.connected else None)

    def _greet(self, peer: Peer) -> None:
        """From now on it is sent commands: what it holds is known."""
        if self._exchange is not None:
            self._exchange.connected.add(receiver_of(peer.process, peer.incarnation))

    def _on_disconnect(self, peer: Peer) -> None:
        if self._exchange is None or self._server is None:
            return
        receiver = receiver_of(peer.process, peer.incarnation)
        others = (receiver_of(p.process, p.incarnation) for p in self._server.peers(peer.process))
        if receiver not in others:
            self._exchange.connected.discard(receiver)

    # --- the end of each turn

    def _after_turn(self) -> None:
        exchange, ledger = self._exchange, self._ledger
        if exchange is None or ledger is None:
            self._reply()
            return
        began = perf_counter()
        exchange.fire()
        receivers = self._receivers()
        turn = exchange.turn
        if turn and receivers:
            # The caller need not wait for the disk where a kill before it loses nothing. Spans first: theirs is the
            # longer way to the caller, and media, which comes before other processes, would take our core at once.
            self._send(sorted(receivers, key=_is_no_span), exchange.pending.take_early)
            receivers = self._receivers()
        if turn and (receivers or exchange.questions or self._lazy_is_due() or (self._replies and turn.matters)):
            self._write(exchange, ledger)
            self._send(receivers, exchange.pending.take)
            self.metrics.turn_seconds.observe(perf_counter() - began)
        elif turn:
            self._write_within(SOON_MS if turn.matters else LAZY_MS)
        else:
            self._send(receivers, exchange.pending.take)
        if not exchange.turn:
            for question in exchange.take_questions():
                if question.endpoint in OWN_ENDPOINTS:
                    self._pump.post(partial(self._ask_ourselves, question))
                else:
                    self._asker.ask(question)
        # Calls first: a caller waits for what commands lead to.
        self._reply()
        self._tidings.wake_forwarders()
        if not exchange.turn and not ledger.trouble:
            self._tidings.tell_dialer(exchange.attempts)
        self._rearm()

    @property
    def _asker(self) -> Asker:
        if self._asking is None:
            self._asking = Asker(
                lambda call, asked: self._pump.post(lambda: self._answered(call, asked)),
                lambda endpoint, why: self._pump.post(lambda: self._endpoint_fails(endpoint, why)),
                self.metrics,
            )
        return self._asking

    def _receivers(self) -> list[str]:
        """Return who is connected and is to be sent something."""
        exchange = self._exchange
        return [r for r in exchange.pending.waiting() if r in exchange.connected] if exchange is not None else []

    def _write(self, exchange: Exchange, ledger: Ledger) -> None:
        if self._lazy is not None:
            self._lazy.cancel()
            self._lazy = None
        ledger.write(exchange.take_turn())
        exchange.attempts.written(ledger.trouble)
        if ledger.trouble:
            self._show_trouble()

    def _write_within(self, limit_ms: int) -> None:
        at_ms = monotonic_ms() + limit_ms
        if self._lazy is None or self._lazy.at_ms > at_ms:
            if self._lazy is not None:
                self._lazy.cancel()
            self._lazy = self._pump.at(at_ms, lambda: None)

    def _lazy_is_due(self) -> bool:
        return self._lazy is not None and not self._lazy.active

    def _send(self, receivers: list[str], take: Callable[[str], list[Command]]) -> None:
        exchange, server = self._exchange, self._server
        if exchange is None or server is None:
            return
        for receiver in receivers:
            process, _, incarnation = receiver.partition(" ")
            if incarnation:
                peer = server.peer(process, Incarnation(incarnation))
            else:
                # A successor may be here before the end of its predecessor was seen: the last to come is the one.
                peer = next(reversed(list(server.peers(process))), None)
            if peer is None:
                exchange.connected.discard(receiver)
                continue
            for command in take(receiver):
                peer.send(command)

    def _rearm(self) -> None:
        next_ms = self._exchange.next_deadline_ms if self._exchange is not None else None
        if self._timer is not None:
            if self._timer.active and self._timer.at_ms == next_ms:
                return
            self._timer.cancel()
            self._timer = None
        if next_ms is not None:
            # The work itself is done at the end of the turn that this wakes.
            self._timer = self._pump.at(next_ms, lambda: None)

    # --- disk

    def _watch_disk(self) -> None:
        if self._exchange is None or self._ledger is None:
            self._begin()
            return
        if self._ledger.trouble:
            self._ledger.probe()
        if self._room is not None and not self._ledger.trouble:
            self._ledger.attempt(self._room.look)
        self._show_trouble()

    def _show_trouble(self) -> None:
        exchange, ledger, channel = self._exchange, self._ledger, self._context.channel
        if exchange is None or ledger is None:
            return
        paths = self._plan.site.paths
        reserve = self._plan.site.recording.reserve_mb
        low = [p for p in (paths.state, paths.recordings) if _below(p, reserve)]
        full = self._room is not None and self._room.refusing
        refusing = "storage" if ledger.trouble else "disk" if low else "outbox" if full else ""
        if refusing != exchange.refusing:
            self._log.warning("new calls", taken=not refusing, reason=refusing, error=ledger.trouble)
        exchange.refusing = refusing
        channel.health("storage", f"state.db cannot be written: {ledger.trouble}" if ledger.trouble else "")
        channel.health("disk", f"less than {reserve} MB free in {', '.join(low)}" if low else "")
        if ledger.too_much:
            for call in list(exchange.calls.values()):
                exchange.feed(call, Stopped("state could not be stored"))

    def _show_overload(self) -> None:
        """Front refuses calls sooner and cheaper than we do, when every engine is too busy for them."""
        if self._exchange is not None:
            busy = self._exchange.seats.engines.all_overloaded
            self._context.channel.health("media_overload", "media has no time for new calls" if busy else "")

    def _purge(self) -> None:
        if self._exchange is None or self._ledger is None or self._server is None or self._ledger.trouble:
            return
        for peer in self._server.peers():
            # Keeps the rows of those that are here young.
            number = self._tidings.senders.get((peer.process, peer.incarnation))
            if number is not None:
                self._exchange.turn.senders.setdefault((peer.process, peer.incarnation), number)
        self._ledger.purge(self._plan.site.callbacks.keep_days)
        if self._room is not None and not self._ledger.trouble:
            self._ledger.attempt(self._room.age)

    # --- supervisor

    def _scrape(self) -> str:
        if self._exchange is not None:
            show(self._exchange)
        return generate_latest(self.metrics.registry).decode()

    def _request(self, message: Request) -> None:
        if self._exchange is not None and self._ledger is not None and self._exchange.turn.matters:
            self._write(self._exchange, self._ledger)  # the answer may be read from there
        try:
            reply = Replied(message.id, self._requests.asked(message.what, message.body, message.uid))
        except RequestError as error:
            reply = Replied(message.id, b"", str(error))
        # Who hears that a call is over may look for its end on disk at once.
        self._replies.append(reply)

    def _reply(self) -> None:
        replies, self._replies = self._replies, []
        for reply in replies:
            self._context.channel.send(reply)

    def _reload(self, message: Reload) -> None:
        """Take a new configuration for new calls. Slots and paths of the state stay until the next start."""
        self._plan = Plan(read_site(message.path, CompiledSite))
        if self._asking is not None or self._plan.site.endpoints:
            self._asker.take(self._plan.site.endpoints)
        if self._exchange is not None:
            self._exchange.plan = self._plan
            self._exchange.trials.configure(self._plan.trials)
            self._exchange.standards.configure(self._plan.standards, wall_time())
            self._exchange.queues.configure()
            self._exchange.calling.configure()

    def _ask_ourselves(self, question: Question) -> None:
        if self._exchange is not None:
            self._exchange.answered(question.call, self._exchange.presence.asked(question))

    def _endpoint_fails(self, endpoint: str, why: str) -> None:
        """Tell people that a backend is asked no more for now, or is asked again."""
        said = f"it is asked only now and then, for it fails: {why}" if why else ""
        self._context.channel.health(f"endpoint-{endpoint}", said, note=True)
        self._log.warning("a backend", endpoint=endpoint, works=not why, error=why)

    def _answered(self, call: CallId, asked: Asked) -> None:
        if self._exchange is not None:
            self._exchange.answered(call, asked)

    def _drain(self) -> None:
        self._draining = True
        if self._exchange is not None:
            self._exchange.draining = True
            self._exchange.attempts.drain()
            self._exchange.nailed.drain()


def _is_no_span(receiver: str) -> bool:
    return not receiver.startswith("span ")


def _below(path: str, reserve_mb: int) -> bool:
    free = free_megabytes(Path(path))
    return free is not None and free < reserve_mb


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code (78: the state file belongs to a newer version)."""
    return Switch(context).run()
