"""Unix SOCK_SEQPACKET as the link and the supervisor channel use it: non-blocking, bounded, whole messages."""

import mmap
import socket
from collections import deque

#: Largest message, bytes. Far below SO_SNDBUF, so that a message always fits into an empty socket.
MAX_MESSAGE = 64 * 1024
#: Messages taken in one go, so that one busy peer can't starve the others.
MESSAGES_PER_TURN = 64


class MessageTooBigError(ValueError):
    """Our own message exceeds `MAX_MESSAGE`: a bug of the sender."""


class QueueOverflowError(Exception):
    """The peer does not read: what waits for it exceeds the bound."""


class PeerFaultError(Exception):
    """The peer sent a message that exceeds `MAX_MESSAGE`."""


class PacketSocket:
    """A connected socket with a bounded queue of what the kernel did not take yet."""

    def __init__(self, sock: socket.socket, max_waiting_bytes: int = 4 * 1024 * 1024) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._max_waiting_bytes = max_waiting_bytes
        # Mapped, because a bytearray would be memory from its first to its last byte; messages are small.
        self._buffer = mmap.mmap(-1, MAX_MESSAGE + 1, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        #: The peer closed, or the connection broke. Set by `receive` and `send`.
        self.ended = False

    def fileno(self) -> int:
        """Return the descriptor; -1 after `close`."""
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """Whether something waits for room: call `flush` when the descriptor is writable."""
        return bool(self._waiting) and not self.ended

    def try_send(self, message: bytes) -> bool:
        """Send now, or return False when there is no room (or no peer any more: see `ended`)."""
        if len(message) > MAX_MESSAGE:
            raise MessageTooBigError(f"message of {len(message)} bytes; the limit is {MAX_MESSAGE}")
        if self._waiting or self.ended:
            return False
        return self._write(message)

    def send(self, message: bytes) -> None:
        """Send or queue. Raises QueueOverflowError at the bound; does nothing when the peer is gone."""
        if self.try_send(message) or self.ended:
            return
        if self._waiting_bytes + len(message) > self._max_waiting_bytes:
            raise QueueOverflowError(f"{len(self._waiting)} messages wait")
        self._waiting.append(message)
        self._waiting_bytes += len(message)

    def try_send_with(self, message: bytes, fds: list[int]) -> bool:
        """Send now, with descriptors (SCM_RIGHTS); False when there is no room or no peer."""
        if self._waiting or self.ended:
            return False
        try:
            socket.send_fds(self._sock, [message], fds)
        except BlockingIOError:
            return False
        except OSError:
            self.ended = True
            return False
        return True

    def _write(self, message: bytes) -> bool:
        try:
            self._sock.send(message)
        except BlockingIOError:
            return False
        except OSError:
            # EPIPE and ECONNRESET: what the peer sent before it went is still to be read; `receive` says so.
            self.ended = True
            return False
        return True

    def flush(self) -> None:
        """Send what waits as far as there is room."""
        while self._waiting and not self.ended and self._write(self._waiting[0]):
            self._waiting_bytes -= len(self._waiting.popleft())

    def receive(self, limit: int = MESSAGES_PER_TURN) -> list[bytes]:
        """Up to `limit` messages that wait. Sets `ended` when the peer is gone; PeerFaultError on a message too big."""
        messages: list[bytes] = []
        resets = 0
        while len(messages) < limit:
            try:
                size = self._sock.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                # A peer that closed with unread data makes one ECONNRESET, in front of what it sent us before.
                resets += 1
                if resets > 1:
                    self.ended = True
                    break
                continue
            if size == 0:
                self.ended = True
                break
            if size > MAX_MESSAGE:
                raise PeerFaultError("message too big")
            messages.append(self._buffer[:size])
        return messages

    def close(self) -> None:
        """Close; what waits is lost."""
        self.ended = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._sock.close()


def open_connection(path: str) -> PacketSocket | None:
    """Connect to the listener at `path`; None when nobody listens or its backlog is full. Never blocks."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return PacketSocket(sock)
