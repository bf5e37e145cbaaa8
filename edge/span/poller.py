"""Where a span sleeps: on the library's SIP socket, on its own channel and link, and on signals, all in one thread."""

import contextlib
import select
import signal
import socket


class Poller:
    """An epoll set. `sip_fd` is the library's socket, which only the library reads."""

    def __init__(self, sip_fd: int) -> None:
        self._epoll = select.epoll()
        self._sip_fd = sip_fd
        self._epoll.register(sip_fd, select.EPOLLIN)
        # Python goes back to sleep when a signal's handler has run; what the handler asked for is seen by this.
        self._signals, writer = socket.socketpair()
        self._signals.setblocking(False)
        writer.setblocking(False)
        self._writer = writer
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._epoll.register(self._signals, select.EPOLLIN)

    def watch(self, fd: int, *, writable: bool) -> None:
        """Wake when `fd` is readable (or has room, with `writable`). Closed descriptors leave by themselves."""
        if fd < 0:
            return
        mask = select.EPOLLIN | (select.EPOLLOUT if writable else 0)
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def wait(self, timeout_ms: int) -> tuple[bool, bool]:
        """Sleep until something comes, at most `timeout_ms`; tell whether SIP has come, and whether others have."""
        ready = [fd for fd, _ in self._epoll.poll(timeout_ms / 1000)]
        sip = self._sip_fd in ready
        if self._signals.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._signals.recv(4096)
        return sip, len(ready) > sip

    @property
    def sip_waits(self) -> bool:
        """Whether SIP has come that the library has not read."""
        return any(fd == self._sip_fd for fd, _ in self._epoll.poll(0))
