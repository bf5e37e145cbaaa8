"""A real span, forked by a real zygote; this process plays supervisor and switch. Phones speak to the span directly."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, TypeVar, cast

from edge.runtime.link_server import LinkServer, Peer
from edge.runtime.pump import Pump
from edge.vocabulary.commands import AnyCommand, Command
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.reports import AnyReport, CommandDone
from edge.vocabulary.supervision import Beat, Exited, Fork, Forked, FromChild, Ready, Replied, Request
from edge.vocabulary.wire import pack, unpacker
from tests.support.waiting import until

T = TypeVar("T")
LIMIT_S = 20.0

_ZYGOTE = """
import sys
from edge.span import process
from edge.config.site import Sip, Site
from edge.runtime.channel import SupervisorChannel
from edge.runtime.process import ProcessContext
from edge.runtime.zygote import run
from edge.vocabulary.ids import Incarnation
fd, address, link, supervisor = sys.argv[1:]
context = ProcessContext(
    name="span", site=Site(name="test", sip=Sip(inner_address=address)), incarnation=Incarnation("zygote"),
    channel=SupervisorChannel(int(fd)), link_path=link, supervisor_pid=int(supervisor),
)
run(context, process.prepare, process.main)
"""


class Channel:
    """The supervisor's end of a channel."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.mine.settimeout(LIMIT_S)
        self.beats = 0
        self._decode = unpacker(cast(Any, FromChild)).decode

    def send(self, message: object, *fds: int) -> None:
        socket.send_fds(self.mine, [pack(message)], list(fds))

    def next(self, kind: type[T]) -> T:
        """The next message of `kind`; only beats may come in between."""
        while True:
            message = self._decode(self.mine.recv(65536))
            if isinstance(message, kind):
                return message
            assert isinstance(message, Beat), message
            self.beats += 1


class Switch:
    """Switch's end of the link: keeps reports, commits each at once."""

    def __init__(self, path: Path) -> None:
        self.reports: list[tuple[Incarnation, AnyReport]] = []
        self.connects: list[Incarnation] = []
        self.committed: dict[Incarnation, int] = {}
        self.commands = 0
        self._path = path
        self._bound = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._bound.bind(str(path))
        self._bound.listen(16)
        self.start()

    def start(self) -> None:
        self.pump = Pump("switch")
        self.server = LinkServer(
            os.dup(self._bound.fileno()),
            lambda _process, incarnation: self.committed.get(incarnation, 0),
            self._reported,
            lambda peer: self.connects.append(peer.incarnation),
            lambda _: None,
        )
        self.server.attach(self.pump)
        self._thread = threading.Thread(target=self.pump.run, name="switch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all connections, like a switch that died; the listener stays."""
        self.pump.post(self.server.close)
        self.pump.post(self.pump.stop)
        self._thread.join(LIMIT_S)
        self.pump.close()

    def close(self) -> None:
        self.stop()
        self._bound.close()
        self._path.unlink()

    def _reported(self, peer: Peer, number: int, report: AnyReport) -> None:
        self.reports.append((peer.incarnation, report))
        if number:
            self.committed[peer.incarnation] = number
            peer.acknowledge(number)

    def order(self, incarnation: Incarnation, command: AnyCommand, id_: str = "") -> CommandId:
        """Send a command as soon as the span is connected; returns its id."""
        self.commands += 1
        command_id = CommandId(id_ or f"c:{self.commands}:1")
        until(lambda: self.server.peer("span", incarnation), LIMIT_S, "the span's link")
        self.pump.post(lambda: self._send(incarnation, Command(command_id, command)))
        return command_id

    def _send(self, incarnation: Incarnation, command: Command) -> None:
        peer = self.server.peer("span", incarnation)
        assert peer is not None
        assert peer.send(command)

    def do(self, incarnation: Incarnation, command: AnyCommand) -> None:
        """Send a command and wait until it was done without an error."""
        assert self.result(self.order(incarnation, command)) is None

    def result(self, command_id: CommandId) -> str | None:
        """Wait for CommandDone; its error."""
        return self.wait(CommandDone, lambda done: done.id == command_id).error

    def all(self, kind: type[T], leg: LegId | None = None) -> list[T]:
        """Reports of a kind (about a leg), in order."""
        return [r for _, r in list(self.reports) if isinstance(r, kind) and leg in {None, getattr(r, "leg", None)}]

    def wait(self, kind: type[T], fits: Any = lambda _: True) -> T:
        """Wait for the first report of a kind that fits."""
        found = until(
            lambda: next(iter([r for r in self.all(kind) if fits(r)]), None), LIMIT_S, f"{kind.__name__} from the span"
        )
        assert found is not None
        return found


class Span:
    def __init__(self, incarnation: Incarnation, channel: Channel, address: str, pid: int, port: int) -> None:
        self.incarnation = incarnation
        self.channel = channel
        self.address = address
        self.pid = pid
        self.port = port

    def uri(self, leg: str) -> str:
        return f"sip:{leg}@{self.address}:{self.port}"

    def status(self) -> dict[str, Any]:
        self.channel.send(Request(1, "status", b""))
        answer: dict[str, Any] = json.loads(self.channel.next(Replied).body)
        return answer


class Rig:
    """Zygote, spans and switch; a context manager."""

    def __init__(self, address: str, folder: Path, front_port: int = 0) -> None:
        self.address = address
        self.switch = Switch(folder / "link")
        self.channel = Channel()
        self.spans: list[Span] = []
        environment = {k: v for k, v in os.environ.items() if k != "EDGE_FRONT_PORT"}
        if front_port:
            environment["EDGE_FRONT_PORT"] = str(front_port)
        fd = self.channel.theirs.fileno()
        self.zygote = subprocess.Popen(
            [sys.executable, "-c", _ZYGOTE, str(fd), address, str(folder / "link"), str(os.getpid())],
            pass_fds=[fd],
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        self.channel.theirs.close()
        assert self.channel.next(Ready) == Ready(0)

    def fork(self) -> Span:
        channel = Channel()
        incarnation = Incarnation(f"span-{len(self.spans) + 1}")
        self.channel.send(Fork(len(self.spans), incarnation), channel.theirs.fileno())
        channel.theirs.close()
        forked = self.channel.next(Forked)
        assert forked.error is None
        span = Span(incarnation, channel, self.address, forked.pid, channel.next(Ready).port)
        self.spans.append(span)
        until(lambda: incarnation in self.switch.connects, LIMIT_S, "the span's link")
        return span

    def exited(self) -> Exited:
        return self.channel.next(Exited)

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        for span in self.spans:
            span.channel.mine.close()
        self.channel.mine.close()
        self.zygote.wait(LIMIT_S)
        self.switch.close()
