"""A real zygote with real workers; this test process plays the supervisor (a subreaper, as that is one)."""

import os
import random
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config.site import Site
from edge.runtime.channel import SupervisorChannel
from edge.runtime.process import ProcessContext
from edge.runtime.zygote import run
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.supervision import Beat, Exited, Fork, Forked, FromChild, Ready, Replied, Request, Stop
from edge.vocabulary.wire import pack, unpacker
from tests.support.waiting import until

LIMIT_S = 20.0


class Channel:
    """The supervisor's end of a channel."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.mine.settimeout(LIMIT_S)
        self._decode = unpacker(FromChild).decode

    def send(self, message: object, *fds: int) -> None:
        socket.send_fds(self.mine, [pack(message)], list(fds))

    def next(self, *, beats: bool = False) -> object:
        """The next message; signs of life only with `beats`."""
        while True:
            message: object = self._decode(self.mine.recv(65536))
            if beats or message != Beat():
                return message

    def close(self) -> None:
        self.mine.close()
        self.theirs.close()


def answer_requests(context: ProcessContext) -> int:
    """A worker for the tests: tells about itself when asked; exits with the code that it is asked to."""
    code: list[int] = []

    def handle(request: Request) -> None:
        if request.what == "exit":
            code.append(int(request.body))
            return
        if request.what == "fail":
            raise ValueError("as asked")
        told = {
            "random": random.random(),
            "incarnation": context.incarnation,
            "fds": len(list(Path("/proc/self/fd").iterdir())),
            "pid": os.getpid(),
            "parent": os.getppid(),
            "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
            "prepared": os.environ.get("PREPARED"),
        }
        context.channel.send(Replied(request.id, pack(told)))

    context.channel.on(Request, handle)
    context.channel.ready(7)
    while not code:
        select.select([context.channel], [], [])
        context.channel.handle_readable()
    return code[0]


def prepare(_context: ProcessContext) -> None:
    os.environ["PREPARED"] = str(os.getpid())


class Zygote:
    def __init__(self, supervisor_pid: int) -> None:
        self.channel = Channel()
        self._opened: list[Channel] = [self.channel]
        self._orders = 0
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                self.channel.mine.close()
                fd = os.dup(self.channel.theirs.fileno())
                self.channel.theirs.close()
                context = ProcessContext(
                    name="test",
                    site=Site(name="t"),
                    incarnation=Incarnation("z"),
                    channel=SupervisorChannel(fd),
                    supervisor_pid=supervisor_pid,
                )
                run(context, prepare, answer_requests)
            finally:
                os._exit(code)
        self.channel.theirs.close()
        assert self.channel.next() == Ready(0)

    def fork(self, incarnation: str = "w") -> tuple[int, Channel]:
        worker = Channel()
        self._opened.append(worker)
        self._orders += 1
        self.channel.send(Fork(self._orders, Incarnation(incarnation)), worker.theirs.fileno())
        worker.theirs.close()
        answer = self.channel.next()
        assert isinstance(answer, Forked)
        assert answer.error is None
        assert answer.id == self._orders
        assert worker.next() == Ready(7)
        return answer.pid, worker

    def close(self) -> None:
        for channel in self._opened:
            channel.close()
        wait_for(self.pid)


def ask(worker: Channel) -> dict[str, object]:
    worker.send(Request(1, "tell", b""))
    reply = worker.next()
    assert isinstance(reply, Replied)
    return unpacker(dict).decode(reply.body)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(pid: int) -> int | None:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    started = Zygote(os.getpid())
    yield started
    started.close()


def test_worker_gets_its_own_channel_incarnation_and_randomness(zygote: Zygote) -> None:
    pid_1, one = zygote.fork("span-1")
    pid_2, two = zygote.fork("span-2")
    told_1, told_2 = ask(one), ask(two)
    assert (told_1["pid"], told_2["pid"]) == (pid_1, pid_2)
    assert (told_1["incarnation"], told_2["incarnation"]) == ("span-1", "span-2")
    assert told_1["random"] != told_2["random"]
    assert told_1["prepared"] == told_2["prepared"] == str(zygote.pid)
    assert told_1["sigterm"] is True


def test_descriptors_of_earlier_workers_and_of_the_zygote_are_not_inherited(zygote: Zygote) -> None:
    counts = {ask(zygote.fork()[1])["fds"] for _ in range(4)}
    assert len(counts) == 1


@pytest.mark.parametrize(("what", "body", "status"), [("exit", b"0", 0), ("exit", b"7", 7), ("fail", b"", 70)])
def test_exit_code_is_told(zygote: Zygote, what: str, body: bytes, status: int) -> None:
    pid, worker = zygote.fork()
    worker.send(Request(2, what, body))
    assert zygote.channel.next() == Exited(pid, status)


def test_signal_death_is_told_as_a_negative_number(zygote: Zygote) -> None:
    pid, _worker = zygote.fork()
    os.kill(pid, signal.SIGKILL)
    assert zygote.channel.next() == Exited(pid, -9)


def test_worker_ends_when_its_channel_closes(zygote: Zygote) -> None:
    pid, worker = zygote.fork()
    worker.close()
    assert zygote.channel.next() == Exited(pid, 75)


def test_fork_without_descriptor_is_answered_by_an_error(zygote: Zygote) -> None:
    zygote.channel.send(Fork(9, Incarnation("w")))
    answer = zygote.channel.next()
    assert isinstance(answer, Forked)
    assert answer.pid == 0
    assert answer.error is not None
    assert "0 descriptors" in answer.error
    zygote.fork()  # and it goes on


def test_failing_fork_is_answered_by_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own refusal is not to be had: its limits of processes do not hold for root."""
    original = os.fork
    here = os.getpid()

    def refuse() -> int:
        if os.getpid() == here:
            return original()
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    zygote = Zygote(os.getpid())
    worker = Channel()
    zygote.channel.send(Fork(1, Incarnation("w")), worker.theirs.fileno())
    answer = zygote.channel.next()
    assert isinstance(answer, Forked)
    assert answer.error is not None
    assert "temporarily unavailable" in answer.error
    worker.theirs.close()
    assert worker.mine.recv(10) == b""  # the zygote did not keep the descriptor
    worker.close()
    zygote.close()


def test_one_that_has_nothing_to_do_gives_signs_of_life(zygote: Zygote) -> None:
    assert [zygote.channel.next(beats=True) for _ in range(2)] == [Beat(), Beat()]


def test_garbage_is_survived(zygote: Zygote) -> None:
    zygote.channel.mine.send(b"\x00garbage")
    zygote.channel.mine.send(pack({"type": "Unknown"}))
    zygote.fork()


@pytest.mark.parametrize("how", ["stop", "close", "sigterm"])
def test_zygote_ends_in_order(how: str) -> None:
    zygote = Zygote(os.getpid())
    if how == "stop":
        zygote.channel.send(Stop())
    elif how == "close":
        zygote.channel.mine.close()
    else:
        os.kill(zygote.pid, signal.SIGTERM)
    assert wait_for(zygote.pid) == 0


def test_death_of_the_zygote_costs_no_worker() -> None:
    """Run in a process of its own, since the subreaper attribute of this one would be left behind."""
    assert _in_a_process(_zygote_dies) == 0


def _zygote_dies() -> None:
    from edge.runtime.prctl import become_subreaper

    become_subreaper()
    zygote = Zygote(os.getpid())
    pid, worker = zygote.fork()
    os.kill(zygote.pid, signal.SIGKILL)
    wait_for(zygote.pid)
    until(lambda: ask(worker)["parent"] == os.getpid(), LIMIT_S)
    successor = Zygote(os.getpid())
    successor.fork()
    assert ask(worker)["pid"] == pid
    worker.send(Request(2, "exit", b"5"))
    assert wait_for(pid) == 5  # reaped by its new parent
    successor.close()


def test_death_of_the_supervisor_ends_zygote_and_workers() -> None:
    read_end, write_end = os.pipe()

    def supervise() -> None:
        from edge.runtime.prctl import become_subreaper

        become_subreaper()
        zygote = Zygote(os.getpid())
        one, _ = zygote.fork()
        os.kill(zygote.pid, 0)
        os.write(write_end, f"{zygote.pid} {one}".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    assert _in_a_process(supervise) == -9
    pids = [int(p) for p in os.read(read_end, 100).split()]
    assert len(pids) == 2
    for pid in pids:
        until(lambda pid=pid: gone(pid), LIMIT_S, f"end of {pid}")


def test_death_of_the_supervisor_is_noticed_without_the_channel() -> None:
    """The rule is the kernel's parent-death signal: it also ends a worker that does not look at its channel."""
    read_end, write_end = os.pipe()

    def supervise() -> None:
        from edge.runtime import parent, prctl

        prctl.become_subreaper()
        zygote_pid = os.fork()
        if zygote_pid == 0:
            supervisor, me = os.getppid(), os.getpid()
            parent.die_with_parent(supervisor)
            if os.fork() == 0:
                parent.outlive_zygote(me, supervisor)
                os.write(write_end, f"{me} {os.getpid()}".encode())
            while True:
                signal.pause()
        while True:
            signal.pause()

    supervisor = os.fork()
    if supervisor == 0:
        supervise()
    pids = [int(p) for p in os.read(read_end, 100).split()]
    os.kill(supervisor, signal.SIGKILL)
    wait_for(supervisor)
    for pid in pids:
        until(lambda pid=pid: gone(pid), LIMIT_S, f"end of {pid}")


def test_threads_left_by_prepare_are_refused() -> None:
    code = (
        "import os, socket, threading\n"
        "from edge.config.site import Site\n"
        "from edge.runtime.channel import SupervisorChannel\n"
        "from edge.runtime.process import ProcessContext\n"
        "from edge.runtime.zygote import run\n"
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "c = ProcessContext(name='t', site=Site(name='t'), incarnation='z', channel=SupervisorChannel(b.detach()),\n"
        "                   supervisor_pid=os.getppid())\n"
        "end = threading.Event()\n"
        "def leave(_): threading.Thread(target=end.wait, daemon=True).start()\n"
        "run(c, leave, lambda _: 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 1
    assert "left threads behind" in done.stderr


def _in_a_process(work: Callable[[], None]) -> int | None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            if sys.exc_info()[0]:
                traceback.print_exc()
            os._exit(code)
    return wait_for(pid)
