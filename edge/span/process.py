"""The main loop of a span."""

import gc
import os
import resource
import signal
import time
from types import FrameType
from typing import get_args

from edge.core.calls.span_legs import SpanLegs
from edge.core.calls.span_words import Action, Discarded, Ending, Event, Failed, Finish, Tell, Tick
from edge.runtime.clock import monotonic_ms
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.memory import trim
from edge.runtime.prctl import forbid_new_privileges
from edge.runtime.process import ProcessContext
from edge.runtime.seccomp import confine
from edge.span import library
from edge.span.endpoint import Endpoint
from edge.span.poller import Poller
from edge.vocabulary.commands import AnyCommand, MakeCall, SpanCommand
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.supervision import Replied, Request, Scrape, Scraped, Stop
from edge.vocabulary.wire import to_json

#: Environment variable with the port of front's inner socket.
FRONT_PORT = "EDGE_FRONT_PORT"

BEAT_MS = 1000
#: Without a call for this long, the library's transactions are over (timers H and J, 32 s) and memory is given back.
IDLE_MS = 40_000
#: Time for the BYEs of a stop to be answered; the supervisor kills after 600 ms.
FAREWELL_MS = 500

#: Turns of the stack before a new call, each of a message at least; more is a flood.
READS = 1000

_SPAN_COMMANDS = get_args(SpanCommand)


def prepare(_context: ProcessContext) -> None:
    """In the zygote: the imports above, and the check that the library is the one we know."""
    library.be_quiet()
    library.check_version()


def main(context: ProcessContext) -> int:
    """Be a span until `Stop` or SIGTERM; returns the exit code."""
    forbid_new_privileges()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A collection could delete a Call in the middle of anything; see `_idle`.
    gc.disable()
    span = Span(context)
    # What a peer's message can do to the stack behind front, it can do here only.
    if not confine():
        logger("span").warning("span is not confined: no filter of system calls is known for this machine")
    return span.run()


def front_address(context: ProcessContext) -> Address | None:
    """Where outgoing INVITEs go; None when the supervisor did not say."""
    port = os.environ.get(FRONT_PORT, "")
    return Address(context.site.sip.inner_address, int(port)) if port.isdecimal() else None


class Span:
    """Ties endpoint, core, link and channel together; all in the main thread."""

    def __init__(self, context: ProcessContext) -> None:
        self._log = logger("span").bind(span=context.incarnation)
        self._channel = context.channel
        self._core = SpanLegs()
        self._endpoint = Endpoint(context.site.sip.inner_address, front_address(context))
        self._link = LinkClient(
            context.link_path, "span", context.incarnation, self._command, self._discard, self._core.snapshot
        )
        self._poller = Poller(self._endpoint.fd)
        self._over_ms: int | None = None
        self._next_beat_ms = 0
        self._idle_since_ms: int | None = None
        #: Calls were up since memory was given back.
        self._used = False
        self._stop_asked = False
        self._channel.on(Stop, lambda _: self._stop())
        self._channel.on(Scrape, lambda scrape: self._channel.send(Scraped(scrape.id, "")))
        self._channel.on(Request, self._request)
        signal.signal(signal.SIGTERM, self._terminated)

    def run(self) -> int:
        """Serve until told to stop and all legs are gone, or `FAREWELL_MS` after."""
        self._channel.ready(self._endpoint.address.port)
        self._log.info("listening", address=str(self._endpoint.address))
        while not self._over(monotonic_ms()):
            self._look(monotonic_ms())
            sip, others = self._poller.wait(self._timeout_ms(monotonic_ms()))
            legs = len(self._core)
            if sip or self._endpoint.timer_ms == 0:
                self._endpoint.handle()
            self._drain_events(monotonic_ms())
            if others:
                self._channel.handle_readable()
            # What switch says to an INVITE has mostly come while the stack took it in.
            if others or len(self._core) > legs:
                self._link.handle_readable()
                self._drain_events(monotonic_ms())  # a Stop may have ended the last leg, and this loop
        self._link.flush()
        self._log.info("ending", legs=len(self._core), faults={**self._core.faults, **self._endpoint.faults})
        return 0

    def _over(self, now_ms: int) -> bool:
        return self._over_ms is not None and (now_ms >= self._over_ms or len(self._endpoint) == 0)

    # --- one round ---

    def _look(self, now_ms: int) -> None:
        """Everything but SIP: link, channel, deadlines."""
        if self._link.next_attempt_ms is not None and now_ms >= self._link.next_attempt_ms:
            self._link.connect()
        self._poller.watch(self._channel.fileno(), writable=self._channel.wants_write)
        self._poller.watch(self._link.fileno(), writable=self._link.wants_write)
        if self._stop_asked:
            self._stop()
        if now_ms >= self._next_beat_ms:
            self._next_beat_ms = now_ms + BEAT_MS
            self._channel.beat()
            self._idle(now_ms)
        deadline = self._core.deadline
        if deadline is not None and now_ms >= deadline.at_ms:
            self._handle(Tick(), now_ms)

    def _timeout_ms(self, now_ms: int) -> int:
        if self._endpoint.events or self._over(now_ms):
            return 0
        due = [self._next_beat_ms]
        if self._core.deadline is not None:
            due.append(self._core.deadline.at_ms)
        if self._link.next_attempt_ms is not None:
            due.append(self._link.next_attempt_ms)
        if self._over_ms is not None:
            due.append(self._over_ms)
        timer_ms = self._endpoint.timer_ms
        if timer_ms is not None:
            due.append(now_ms + timer_ms)
        return max(0, min(due) - now_ms)

    def _idle(self, now_ms: int) -> None:
        if len(self._endpoint) > 0:
            self._idle_since_ms = None
            self._used = True
        elif self._idle_since_ms is None:
            self._idle_since_ms = now_ms
        elif self._used and now_ms - self._idle_since_ms > IDLE_MS:
            self._used = False
            trim()

    # --- events in, actions out ---

    def _drain_events(self, now_ms: int) -> None:
        while self._endpoint.events:
            self._handle(self._endpoint.events.popleft(), now_ms)

    def _handle(self, event: Event, now_ms: int) -> None:
        self._perform(self._core.handle(event, now_ms), now_ms)

    def _command(self, id_: CommandId, command: AnyCommand) -> None:
        if not isinstance(command, _SPAN_COMMANDS):
            self._link.done(id_, f"a span knows no {type(command).__name__}")
            return
        if isinstance(command, MakeCall):
            self._read_up()
        now_ms = monotonic_ms()
        # What the stack has seen before comes first: a command must meet the leg as it is now.
        self._drain_events(now_ms)
        self._perform(self._core.command(id_, command, now_ms), now_ms)
        self._drain_events(now_ms)

    def _read_up(self) -> None:
        """Let the stack read what has come: the end of the call whose slot front gives to the next one is in it."""
        for _ in range(READS):
            if not self._poller.sip_waits:
                return
            self._endpoint.handle()

    def _discard(self, legs: list[LegId]) -> None:
        self._log.warning("switch does not know these legs", legs=legs)
        self._handle(Discarded(legs), monotonic_ms())

    def _perform(self, actions: list[Action], now_ms: int) -> None:
        error: str | None = None
        for action in actions:
            match action:
                case Tell(report=report):
                    self._link.report(report)
                case Finish(id=id_, error=known):
                    self._link.done(id_, known or error)
                    error = None
                case _:
                    error = self._endpoint.perform(action)
                    if error is not None:
                        self._log.warning("action failed", action=type(action).__name__, leg=action.leg, error=error)
                        self._perform(self._core.handle(Failed(action.leg, error), now_ms), now_ms)

    # --- supervisor ---

    def _stop(self) -> None:
        if self._over_ms is None:
            now_ms = monotonic_ms()
            self._over_ms = now_ms + FAREWELL_MS
            self._handle(Ending(), now_ms)

    def _terminated(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_asked = True  # no more: this may be running inside one of the library's callbacks

    def _request(self, request: Request) -> None:
        if request.what != "status":
            self._channel.send(Replied(request.id, b"", f"unknown request {request.what[:40]!r}"))
            return
        told = {
            "legs": self._core.snapshot().legs,
            "faults": {**self._core.faults, **self._endpoint.faults},
            "link": self._link.connected,
            "kept_reports": self._link.kept,
            "cpu_s": round(time.process_time(), 3),
        }
        self._channel.send(Replied(request.id, to_json(told)))
