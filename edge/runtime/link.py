"""The link between switch and the other processes; ARCHITECTURE.md, "The link", describes the protocol.

What the two ends promise together, across lost connections and restarts of either side: reports arrive in order, at
least once at switch and exactly once at one life of it; a command is handed out at most once in one life of its
receiver. What can't be kept (switch is away for too long) is counted, logged and followed by a new snapshot.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import msgspec

from edge.runtime.clock import monotonic_ms
from edge.runtime.link_server import LinkServer, Peer
from edge.runtime.logs import logger
from edge.runtime.packets import MAX_MESSAGE, MessageTooBigError, PacketSocket, PeerFaultError, open_connection
from edge.runtime.pump import Pump, Timer
from edge.vocabulary.commands import UNREMEMBERED, Acknowledge, AnyCommand, Command, FromSwitch, Welcome
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.reports import LINK_VERSION, AnyReport, CommandDone, Hello, Report
from edge.vocabulary.wire import pack, unpacker

__all__ = ["LinkClient", "LinkServer", "Peer"]

#: Pause before the first attempt to connect again, doubled up to the longest.
FIRST_PAUSE_MS = 10
LONGEST_PAUSE_MS = 1000
#: A switch of another version won't change soon.
VERSION_PAUSE_MS = 5000
#: Command ids remembered.
MAX_REMEMBERED = 10_000

# Made at the import: what a zygote has, each of its workers need not have for itself (0.6 MB).
_decode: Callable[[bytes], FromSwitch] = unpacker(cast(Any, FromSwitch)).decode


class LinkClient:
    """A process's end. With a pump `attach` is enough; others call `connect`, `handle_readable` and `flush`."""

    def __init__(  # noqa: PLR0917 - each is needed, and the order is that of a call's life
        self,
        path: str,
        process: str,
        incarnation: Incarnation,
        on_command: Callable[[CommandId, AnyCommand], None],
        on_discard: Callable[[list[LegId]], None],
        snapshot: Callable[[], AnyReport | None],
        max_kept: int = 20000,
    ) -> None:
        self._path = path
        self._process = process
        self._incarnation = incarnation
        self._on_command = on_command
        self._on_discard = on_discard
        self._snapshot = snapshot
        self._max_kept = max_kept
        self._log = logger(process)
        self._packets: PacketSocket | None = None
        self._pump: Pump | None = None
        self._timer: Timer | None = None
        self._pause_ms = FIRST_PAUSE_MS
        # Reports not acknowledged yet, by number (from 1, no gaps); those below `_next` were sent on this connection.
        self._kept: dict[int, bytes] = {}
        # What is done when switch has committed a report, by its number.
        self._then: dict[int, Callable[[], None]] = {}
        self._first = 1
        self._last = 0
        self._next = 1
        # Command ids that were handed out; the value is known once `done` was called.
        self._results: OrderedDict[CommandId, tuple[str | None] | None] = OrderedDict()
        self._on_change: list[Callable[[bool], None]] = []
        #: Switch has said Welcome on the present connection.
        self.connected = False
        #: When `connected` changed last (CLOCK_MONOTONIC, milliseconds).
        self.changed_ms = monotonic_ms()
        #: For owners without a pump: when to call `connect` (CLOCK_MONOTONIC, milliseconds); None while connected.
        self.next_attempt_ms: int | None = self.changed_ms
        #: Faults, for metrics: reports dropped because too many were kept; messages or versions we don't understand.
        self.overflowed = 0
        self.faults = 0

    # --- life of the connection

    def fileno(self) -> int:
        """Return the descriptor to watch for reading; -1 while not connected."""
        return -1 if self._packets is None else self._packets.fileno()

    def attach(self, pump: Pump) -> None:
        """Connect now and for ever by `pump`."""
        self._pump = pump
        self.connect()

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call back with `connected` each time it changes."""
        self._on_change.append(callback)

    def connect(self) -> bool:
        """Try to connect and greet. False: try again at `next_attempt_ms` (a pump does it by itself)."""
        if self._packets is not None:
            return True
        packets = open_connection(self._path)
        if packets is None:
            self._retry_later(self._pause_ms)
            return False
        self._packets = packets
        self.next_attempt_ms = None
        hello = Hello(process=self._process, version=LINK_VERSION, incarnation=self._incarnation)
        packets.send(pack(hello))
        if self._pump is not None:
            self._pump.watch(packets.fileno(), self.handle_readable)
        return True

    def _retry_later(self, pause_ms: int) -> None:
        self.next_attempt_ms = monotonic_ms() + pause_ms
        self._pause_ms = min(LONGEST_PAUSE_MS, self._pause_ms * 2)
        if self._pump is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._pump.at(self.next_attempt_ms, self._connect_again)

    def _connect_again(self) -> None:
        self.connect()

    def close(self) -> None:
        """Disconnect for good; kept reports are lost with the process anyway."""
        if self._timer is not None:
            self._timer.cancel()
        self._drop()
        self.next_attempt_ms = None

    def _drop(self) -> None:
        if self._packets is None:
            return
        if self._pump is not None:
            self._pump.unwatch(self._packets.fileno())
            self._pump.unwatch_writable(self._packets.fileno())
        self._packets.close()
        self._packets = None
        self._set_connected(False)

    def _lose(self, pause_ms: int | None = None) -> None:
        self._drop()
        self._retry_later(self._pause_ms if pause_ms is None else pause_ms)

    def _set_connected(self, connected: bool) -> None:
        if self.connected == connected:
            return
        self.connected = connected
        self.changed_ms = monotonic_ms()
        for callback in self._on_change:
            callback(connected)

    # --- receiving

    def handle_readable(self) -> None:
        """Read and handle what waits; reconnects later when the connection ended."""
        packets = self._packets
        if packets is None:
            return
        try:
            for message in packets.receive():
                self._handle(_decode(message))
                if self._packets is not packets:
                    return
        except (msgspec.DecodeError, PeerFaultError) as error:
            self.faults += 1
            self._log.error("link: message from switch not understood", error=str(error))
            self._lose(VERSION_PAUSE_MS)
            return
        if packets.ended:
            self._log.info("link: switch is gone")
            self._lose()
            return
        self.flush()

    def _handle(self, message: FromSwitch) -> None:
        if isinstance(message, Command):
            self._command(message)
        elif isinstance(message, Acknowledge):
            self._acknowledged(message.number)
        elif isinstance(message, Welcome):
            self._welcome(message)
        else:
            self._on_discard(message.legs)

    def _welcome(self, message: Welcome) -> None:
        if message.version != LINK_VERSION:
            self.faults += 1
            self._log.error("link: switch speaks another version", ours=LINK_VERSION, theirs=message.version)
            self._lose(VERSION_PAUSE_MS)
            return
        self._acknowledged(message.committed)
        self._next = self._first
        self._pause_ms = FIRST_PAUSE_MS
        # The snapshot is taken now: it holds all that the reports behind it led to, and switch judges it so.
        snapshot = self._snapshot()
        if snapshot is not None and self._packets is not None:
            self._packets.send(_report(0, snapshot))
        self._set_connected(True)
        self.flush()

    def _acknowledged(self, number: int) -> None:
        if number > self._last:
            self.faults += 1
            self._log.error("link: switch acknowledges what was not sent", number=number, last=self._last)
            return
        while self._first <= number:
            self._kept.pop(self._first, None)
            then = self._then.pop(self._first, None)
            self._first += 1
            if then is not None:
                then()
        self._next = max(self._next, self._first)

    def _command(self, command: Command) -> None:
        if isinstance(command.body, UNREMEMBERED):
            # They are not acknowledged and not remembered: they'd push real commands out of the memory.
            self._on_command(command.id, command.body)
            return
        if command.id in self._results:
            self._results.move_to_end(command.id)
            result = self._results[command.id]
            if result is not None:  # else it is being done, and `done` will tell
                self.report(CommandDone(command.id, result[0]))
            return
        self._remember(command.id, None)
        self._on_command(command.id, command.body)

    def _remember(self, command: CommandId, result: tuple[str | None] | None) -> None:
        self._results[command] = result
        self._results.move_to_end(command)
        if len(self._results) > MAX_REMEMBERED:
            self._results.popitem(last=False)

    # --- sending

    def report(self, body: AnyReport, then: Callable[[], None] | None = None) -> None:
        """Tell switch, now or after a reconnect; kept until it has committed. A body above 64 KiB raises.

        `then` is called when it has; never, when the report is lost by an overflow.
        """
        data = _report(self._last + 1, body)
        self._last += 1
        if then is not None:
            self._then[self._last] = then
        self._kept[self._last] = data
        if len(self._kept) > self._max_kept:
            self._overflow()
        self.flush()

    def done(self, id: CommandId, error: str | None = None) -> None:  # noqa: A002 - as in the messages
        """Report that command `id` was carried out, or failed; the answer is remembered for repeats of it."""
        self._remember(id, (error,))
        self.report(CommandDone(id, error))

    @property
    def kept(self) -> int:
        """Reports that switch has not acknowledged yet."""
        return len(self._kept)

    def _overflow(self) -> None:
        if self.overflowed == 0 or self.connected:
            self._log.error("link: reports overflow, the oldest are lost", kept=len(self._kept))
        self.overflowed += 1
        del self._kept[self._first]
        self._then.pop(self._first, None)
        self._first += 1
        self._next = max(self._next, self._first)
        if self.connected:
            # Switch reads too slowly. A new connection begins with a snapshot, which shows what the lost reports said.
            self._lose()

    def flush(self) -> None:
        """Send kept reports as far as there is room (owners without a pump: when writable and `wants_write`)."""
        packets = self._packets
        if packets is None:
            return
        packets.flush()
        while self.connected and self._next <= self._last and packets.try_send(self._kept[self._next]):
            self._next += 1
        if self._pump is not None and packets.fileno() >= 0:
            if self.wants_write:
                self._pump.watch_writable(packets.fileno(), self.flush)
            else:
                self._pump.unwatch_writable(packets.fileno())

    @property
    def wants_write(self) -> bool:
        """Whether something waits for room in the socket."""
        packets = self._packets
        if packets is None or packets.ended:
            return False
        return packets.wants_write or (self.connected and self._next <= self._last)


def _report(number: int, body: AnyReport) -> bytes:
    data = pack(Report(number, body))
    if len(data) > MAX_MESSAGE:
        raise MessageTooBigError(f"{type(body).__name__} of {len(data)} bytes; the limit is {MAX_MESSAGE}")
    return data
