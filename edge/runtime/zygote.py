"""A process that has everything imported and compiled, and forks workers of it within milliseconds.

Single-threaded by necessity: fork copies one thread, and locks that another one held would stay locked for ever. It
sleeps until the supervisor says `Fork`, a worker ends, or it is time for a sign of life.
"""

import array
import contextlib
import dataclasses
import gc
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from edge.runtime.channel import SupervisorChannel
from edge.runtime.logs import logger
from edge.runtime.memory import lock_memory, trim, unmap_clean_files
from edge.runtime.packets import MAX_MESSAGE
from edge.runtime.parent import die_with_parent, outlive_zygote
from edge.runtime.process import ProcessContext, be_prompt
from edge.runtime.pump import EXIT_BUG
from edge.vocabulary.supervision import Exited, Fork, Forked, Stop, ToChild
from edge.vocabulary.wire import unpacker

_MAX_DESCRIPTORS = 8
#: How often it gives a sign of life: who is stopped or hangs must be found before its fork is needed.
BEAT_MS = 1000
_HANDLED = (signal.SIGCHLD, signal.SIGTERM)

Prepare = Callable[[ProcessContext], None]
Work = Callable[[ProcessContext], int]


def run(context: ProcessContext, prepare: Prepare, work: Work) -> NoReturn:
    """Prepare, then fork a worker that does `work` for each `Fork`, until `Stop`, SIGTERM or the supervisor's end.

    Exits with 0 then. RuntimeError when `prepare` left threads behind.
    """
    die_with_parent(context.supervisor_pid)
    gc.disable()  # nearly all that is made from here on stays; looking through it again and again takes a tenth of it
    prepare(context)
    if threading.active_count() > 1 or len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"{context.name}: preparing left threads behind; forking them is unsafe")
    trim()
    unmap_clean_files()
    if context.prompt:
        be_prompt()
        lock_memory(present=True)  # what its workers share with it must be there, too
    # Frozen objects are never touched by a collection, so their pages stay shared with every worker.
    gc.freeze()
    gc.enable()
    _Zygote(context, work).run()
    # Not by return: taking a compiler's modules apart lasts longer than a supervisor waits.
    os._exit(0)


class _Zygote:
    def __init__(self, context: ProcessContext, work: Work) -> None:
        self._context = context
        self._work = work
        self._pid = os.getpid()
        self._log = logger(context.name)
        self._decode: Callable[[bytes], ToChild] = unpacker(ToChild).decode  # type: ignore[arg-type]  # a union is a type to msgspec
        # Its own view of the channel's socket: SupervisorChannel has no use for descriptors that come along.
        self._inbox = socket.socket(fileno=os.dup(context.channel.fileno()))
        self._wake, self._waker = socket.socketpair()
        self._running = True

    def run(self) -> None:
        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would not wake us; default, neither
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        self._context.channel.ready()
        while self._running:
            self._sleep()
            self._reap()
            self._receive()

    def _stop(self) -> None:
        self._running = False

    def _sleep(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._inbox, select.POLLIN | (select.POLLOUT if self._context.channel.wants_write else 0))
        poll.poll(BEAT_MS)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        self._context.channel.beat()
        self._context.channel.flush()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # none left
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._context.channel.send(Exited(pid, os.waitstatus_to_exitcode(status)))

    def _receive(self) -> None:
        while self._running:
            try:
                packet, ancillary, _flags, _ = self._inbox.recvmsg(
                    MAX_MESSAGE,
                    socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4),
                    socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC,
                )
            except BlockingIOError:
                return
            except ConnectionResetError:
                packet, ancillary = b"", []
            descriptors = _descriptors(ancillary)
            try:
                if not packet:
                    self._stop()  # the supervisor closed its end
                else:
                    self._handle(packet, descriptors)
            finally:
                for fd in descriptors:
                    os.close(fd)

    def _handle(self, packet: bytes, descriptors: list[int]) -> None:
        try:
            message = self._decode(packet)
        except msgspec.DecodeError as error:
            self._log.error("message not understood", error=str(error))
            return
        if isinstance(message, Stop):
            self._stop()
        elif isinstance(message, Fork):
            self._context.channel.send(self._fork(message, descriptors))

    def _fork(self, order: Fork, descriptors: list[int]) -> Forked:
        if len(descriptors) != 1:
            return Forked(order.id, 0, f"Fork came with {len(descriptors)} descriptors, not with one")
        try:
            # Blocked until the worker has put its own handlers in place: a SIGTERM that comes in between must
            # end it, and not set a flag of the zygote's copy.
            signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
            pid = os.fork()
            if pid == 0:
                self._become_worker(order, descriptors[0])
        except OSError as error:
            return Forked(order.id, 0, f"fork: {error}")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return Forked(order.id, pid)

    def _become_worker(self, order: Fork, fd: int) -> None:
        """All of a worker's life. Never returns: below are the zygote's frames, which are not the worker's."""
        code = EXIT_BUG
        try:
            self._leave_zygote()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            outlive_zygote(self._pid, self._context.supervisor_pid)
            context = dataclasses.replace(
                self._context,
                name=order.name or self._context.name,
                index=order.index,
                incarnation=order.incarnation,
                standby=order.standby,
                channel=SupervisorChannel(os.dup(fd)),
            )
            os.close(fd)
            code = self._work(context)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:
            with contextlib.suppress(Exception):
                self._log.exception("worker failed", incarnation=order.incarnation)
        finally:
            os._exit(code)

    def _leave_zygote(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        for sock in (self._inbox, self._wake, self._waker):
            sock.close()
        # The channel object is kept alive by frames below us and would close its number once more at some time. With
        # /dev/null on that number, the zygote's channel is closed here and a second closing hits nothing of ours.
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, self._context.channel.fileno(), inheritable=False)
        os.close(null)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found.tolist()
