"""The supervisor's end of a child's channel."""

import os
import socket
from collections.abc import Callable
from typing import Any, cast

import msgspec

from edge.runtime.channel import MAX_WHOLE, Joiner, split
from edge.runtime.packets import PacketSocket, PeerFaultError, QueueOverflowError
from edge.runtime.pump import Pump
from edge.vocabulary.supervision import Fork, FromChild, ToChild
from edge.vocabulary.wire import pack, unpacker

_decode: Callable[[bytes], FromChild] = unpacker(cast(Any, FromChild)).decode


class ChildChannel:
    """Typed messages to and from one child. `on_fault` is called once when it breaks the protocol or does not read."""

    def __init__(
        self,
        packets: PacketSocket,
        pump: Pump,
        on_message: Callable[[FromChild], None],
        on_end: Callable[[], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._packets = packets
        self._pump = pump
        self._on_message = on_message
        self._on_end = on_end
        self._on_fault = on_fault
        self._joiner = Joiner()
        pump.watch(packets.fileno(), self._read)

    @property
    def open(self) -> bool:
        """Whether the child may still read."""
        return self._packets.fileno() >= 0 and not self._packets.ended

    def send(self, message: ToChild) -> bool:
        """Send or queue; False when the child is gone or was cut off for not reading."""
        if not self.open:
            return False
        try:
            for packet in split(pack(message)):
                self._packets.send(packet)
        except QueueOverflowError:
            self._fault("it does not read its channel")
            return False
        self._rearm()
        return True

    def send_fork(self, order: Fork, fd: int) -> bool:
        """Send a zygote its order with the worker's end of a channel; False when it can't be sent now."""
        return self.open and self._packets.try_send_with(pack(order), [fd])

    def part(self) -> socket.socket | None:
        """Close, but keep the connection: return it, for another owner. None while something waits to be sent."""
        if not self.open or self._packets.wants_write:
            return None
        end = socket.socket(fileno=os.dup(self._packets.fileno()))
        self.close()
        return end

    def close(self) -> None:
        """Close; the child takes it as the end of the supervisor."""
        fd = self._packets.fileno()
        if fd >= 0:
            self._pump.unwatch(fd)
            self._pump.unwatch_writable(fd)
            self._packets.close()

    def drain(self) -> None:
        """Take what the child said before it ended."""
        while self._packets.fileno() >= 0 and not self._packets.ended:
            if not self._take():
                return

    def _read(self) -> None:
        self._take()
        if self._packets.ended and self._packets.fileno() >= 0:
            self.close()
            self._on_end()

    def _take(self) -> bool:
        try:
            packets = self._packets.receive()
            for packet in packets:
                whole = self._joiner.feed(packet)
                if whole is not None:
                    self._on_message(_decode(whole))
        except (msgspec.DecodeError, PeerFaultError, ValueError) as error:
            self._fault(f"it breaks the protocol: {error}")
            return False
        return bool(packets)

    def _fault(self, text: str) -> None:
        self.close()
        self._on_fault(text)

    def _flush(self) -> None:
        self._packets.flush()
        self._rearm()

    def _rearm(self) -> None:
        if self._packets.wants_write:
            self._pump.watch_writable(self._packets.fileno(), self._flush)
        else:
            self._pump.unwatch_writable(self._packets.fileno())


#: What may wait for a child that is slow to read.
MAX_WAITING = 2 * MAX_WHOLE
