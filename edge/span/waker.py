"""Wakes the library's event loop when something else than SIP has come.

`libHandleEvents` sleeps on the library's own sockets only. A thread that makes no call into the library sleeps on the
other descriptors and sends an empty keep-alive (CRLFCRLF, which the library throws away) to the span's SIP port.
Woken this way the loop may sleep for a second; polled instead it would cost a hundred times the idle time.
"""

import contextlib
import select
import signal
import socket
import threading

from edge.vocabulary.media import Address

_KEEP_ALIVE = b"\r\n\r\n"


class Waker:
    """Watches descriptors, one wake-up each until `rearm`; signals of this process wake, too."""

    def __init__(self, target: Address) -> None:
        self._epoll = select.epoll()
        self._armed: set[int] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((target.host, 0))
        self._socket.connect((target.host, target.port))
        # Any thread may take a signal, the library's too; only this way the main thread's sleep ends for it.
        self._signals, writer = socket.socketpair()
        self._signals.setblocking(False)
        writer.setblocking(False)
        self._writer = writer
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._epoll.register(self._signals, select.EPOLLIN | select.EPOLLET)
        #: Set by the thread, cleared by the owner before it looks at the descriptors.
        self.fired = False
        threading.Thread(target=self._run, name="waker", daemon=True).start()

    def rearm(self, fd: int, *, writable: bool = False) -> None:
        """Wake once when `fd` is readable (or has room, with `writable`). Closed descriptors leave by themselves."""
        if fd < 0:
            return
        mask = select.EPOLLIN | select.EPOLLONESHOT | (select.EPOLLOUT if writable else 0)
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def _run(self) -> None:
        while True:
            self._epoll.poll()
            self.fired = True
            with contextlib.suppress(BlockingIOError):
                self._signals.recv(4096)
            try:
                self._socket.send(_KEEP_ALIVE)
            except OSError:
                continue  # the loop wakes within a second anyway
