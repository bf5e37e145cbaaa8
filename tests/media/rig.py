"""A real media worker, forked by a real zygote; the test is in the supervisor's and in switch's place."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import soundfile

from edge.config.site import Media, Paths, Recording, Site
from edge.media.state import MediaState, map_media_state, state_size
from edge.runtime.key_table import key_table_size
from edge.runtime.link_server import LinkServer, Peer
from edge.runtime.pump import Pump
from edge.vocabulary.commands import AnyCommand, CloseLeg, Command, OpenLeg, Play, StartRecording
from edge.vocabulary.ids import CommandId, Incarnation, LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import Address, CodecName, Direction, RemoteMedia
from edge.vocabulary.reports import AnyReport, CommandDone, LegMediaEnded
from edge.vocabulary.supervision import Beat, Exited, Fork, Forked, FromChild, Health, Ready, Scrape, Scraped, TakeOver
from edge.vocabulary.wire import pack, unpacker
from tests.support import tones
from tests.support.rtp_stream import RtpStream
from tests.support.waiting import until

T = TypeVar("T")
LIMIT_S = 30.0
#: With a cold cache everything is compiled first.
COMPILE_LIMIT_S = 240.0
SLOTS = 8

_ZYGOTE = """
import os, sys
from pathlib import Path
from edge import media
from edge.config.site import Site
from edge.runtime.channel import SupervisorChannel
from edge.runtime.process import ProcessContext
from edge.runtime.zygote import run
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.wire import unpacker
folder, channel, memory, keys, *rtp = sys.argv[1:]
context = ProcessContext(
    name="media", site=unpacker(Site).decode(Path(folder, "site").read_bytes()), incarnation=Incarnation("zygote"),
    channel=SupervisorChannel(int(channel)),
    fds={"media_state": [int(memory)], "key_table": [int(keys)], "rtp": [int(fd) for fd in rtp]},
    link_path=folder + "/link", supervisor_pid=os.getppid(),
)
sys.exit(run(context, media.prepare, media.main))
"""


class Channel:
    """The supervisor's end of a channel."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.mine.setblocking(False)
        self.heard: list[Any] = []
        self.beats = 0
        self.conditions: dict[str, str] = {}
        self._decode = unpacker(cast(Any, FromChild)).decode

    def send(self, message: object, *fds: int) -> None:
        socket.send_fds(self.mine, [pack(message)], list(fds))

    def listen(self) -> None:
        while True:
            try:
                packet = self.mine.recv(1 << 20)
            except (BlockingIOError, ConnectionResetError):
                return
            if not packet:
                return
            message = self._decode(packet)
            if isinstance(message, Beat):
                self.beats += 1
            elif isinstance(message, Health):
                self.conditions[message.condition] = message.text
            else:
                self.heard.append(message)

    def next(self, kind: type[T], limit_s: float = LIMIT_S) -> T:
        def taken() -> T | None:
            self.listen()
            for message in self.heard:
                if isinstance(message, kind):
                    self.heard.remove(message)
                    return message
            return None

        found = until(taken, limit_s, kind.__name__)
        assert found is not None
        return found


class Switch:
    """Switch's end of the link: keeps reports, commits each at once."""

    def __init__(self, path: Path) -> None:
        self.reports: list[AnyReport] = []
        self.committed: dict[Incarnation, int] = {}
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
            lambda _: None,
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

    def _reported(self, peer: Peer, number: int, report: AnyReport) -> None:
        self.reports.append(report)
        if number:
            self.committed[peer.incarnation] = number
            peer.acknowledge(number)

    def peer(self, incarnation: Incarnation) -> Peer:
        found = until(lambda: self.server.peer("media", incarnation), LIMIT_S, "media's link")
        assert found is not None
        return found


class Appliance:
    """What a supervisor holds for media, and one zygote; workers come and go."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.site = Site(
            name="test",
            media=Media(address=address, slots=SLOTS, prompt_memory_mb=1, silence_timeout_ms=1000),
            paths=Paths(recordings=str(folder / "recordings")),
            recording=Recording(reserve_mb=1),
        )
        (folder / "site").write_bytes(pack(self.site))
        self.memory = os.memfd_create("media_state", os.MFD_CLOEXEC)
        self.sockets = [_udp(address, self.site.media.first_port + n) for n in range(2 * SLOTS)]
        self.channel = Channel()
        self.key_memory = os.memfd_create("key_table", os.MFD_CLOEXEC)
        os.ftruncate(self.key_memory, key_table_size(self.site))
        fds = [self.channel.theirs.fileno(), self.memory, self.key_memory, *(s.fileno() for s in self.sockets)]
        os.ftruncate(self.memory, state_size(self.site))
        self.log = (folder / "media.log").open("wb")
        self.zygote = subprocess.Popen(
            [sys.executable, "-c", _ZYGOTE, str(folder), *map(str, fds)],
            pass_fds=fds,
            stderr=self.log,
            cwd=Path(__file__).parents[2],
        )
        self.channel.theirs.close()
        self.channel.next(Ready, COMPILE_LIMIT_S)
        self._forks = itertools.count(1)

    def clear(self) -> None:
        """Zero the shared memory, as at a start of the supervisor."""
        os.ftruncate(self.memory, 0)
        os.ftruncate(self.memory, state_size(self.site))

    def fork(self, *, standby: bool = False) -> "Worker":
        number = next(self._forks)
        incarnation = Incarnation(f"media-{number}")
        channel = Channel()
        self.channel.send(Fork(number, incarnation, standby=standby), channel.theirs.fileno())
        channel.theirs.close()
        forked = self.channel.next(Forked)
        assert forked.error is None
        return Worker(incarnation, forked.pid, channel)

    def kill(self, worker: "Worker") -> None:
        os.kill(worker.pid, signal.SIGKILL)
        assert self.exited(worker) == -signal.SIGKILL

    def exited(self, worker: "Worker") -> int:
        """Wait for a worker's end; its status."""
        while True:
            exited = self.channel.next(Exited)
            if exited.pid == worker.pid:
                worker.channel.mine.close()
                return exited.status

    def close(self) -> None:
        self.channel.mine.close()
        self.zygote.wait(LIMIT_S)
        for sock in self.sockets:
            sock.close()
        os.close(self.memory)
        os.close(self.key_memory)
        self.log.close()


class Worker:
    def __init__(self, incarnation: Incarnation, pid: int, channel: Channel) -> None:
        self.incarnation, self.pid, self.channel = incarnation, pid, channel


class Rig:
    """One worker with its switch; `phone` makes peers."""

    def __init__(self, appliance: Appliance, folder: Path) -> None:
        appliance.clear()
        link = appliance.folder / "link"
        link.unlink(missing_ok=True)
        self.appliance, self.folder = appliance, folder
        self.switch = Switch(link)
        self.shared: MediaState = map_media_state(appliance.memory, appliance.site)
        self.worker = appliance.fork()
        self.worker.channel.next(Ready)
        self._commands = itertools.count(1)
        self._phones: list[RtpStream] = []

    # --- switch

    def send(self, command: AnyCommand, id_: str = "") -> CommandId:
        command_id = CommandId(id_ or f"c:{next(self._commands)}:1")
        peer = self.switch.peer(self.worker.incarnation)
        self.switch.pump.post(lambda: peer.send(Command(command_id, command)) and None)
        return command_id

    def result(self, command_id: CommandId) -> str | None:
        return self.wait(CommandDone, lambda done: done.id == command_id).error

    def do(self, command: AnyCommand, id_: str = "") -> None:
        assert self.result(self.send(command, id_)) is None

    def error(self, command: AnyCommand) -> str:
        return self.result(self.send(command)) or ""

    def all(self, kind: type[T], leg: str | None = None) -> list[T]:
        return [r for r in list(self.switch.reports) if isinstance(r, kind) and leg in {None, getattr(r, "leg", None)}]

    def wait(self, kind: type[T], fits: Any = lambda _: True) -> T:
        found = until(lambda: next(iter([r for r in self.all(kind) if fits(r)]), None), LIMIT_S, kind.__name__)
        assert found is not None
        return found

    # --- legs

    def phone(self, tone_hz: float = 0.0) -> RtpStream:
        made = RtpStream(self.appliance.address, tone_hz)
        self._phones.append(made)
        return made

    def slot_address(self, slot: int, rtcp: int = 0) -> tuple[str, int]:
        return (self.appliance.address, self.appliance.site.media.first_port + 2 * slot + rtcp)

    def remote(
        self, phone: RtpStream, codec: CodecName = "PCMU", direction: Direction = "sendrecv", event: int | None = 101
    ) -> RemoteMedia:
        return RemoteMedia(
            rtp=Address(self.appliance.address, phone.port),
            rtcp=Address(self.appliance.address, phone.port + 1),
            codec=codec,
            payload_type=0 if codec == "PCMU" else 8,
            telephone_event=event,
            ptime_ms=20,
            direction=direction,
        )

    def leg(self, slot: int, phone: RtpStream, **facts: Any) -> LegId:
        """Open a leg in `slot` for a phone that starts to talk."""
        leg = LegId(f"call{slot}.1")
        remote = self.remote(phone, **facts)
        self.do(OpenLeg(leg=leg, slot=SlotIndex(slot), remote=remote))
        phone.payload_type = remote.payload_type
        phone.remote = self.slot_address(slot)
        phone.sending = True
        return leg

    def close_leg(self, leg: LegId) -> LegMediaEnded:
        self.do(CloseLeg(leg))
        return self.wait(LegMediaEnded, lambda r: r.leg == leg)

    def play(self, leg: LegId, *files: str, name: str = "p", times: int = 1, barge_in: bool = False) -> PlayId:
        play = PlayId(name)
        self.do(Play(leg=leg, play=play, files=list(files), times=times, barge_in=barge_in))
        return play

    def record(self, leg: LegId, name: str) -> StartRecording:
        path = Path(self.appliance.site.paths.recordings, "2026", name).with_suffix(".wav")
        command = StartRecording(leg, RecordingId(name), str(path))
        self.do(command)
        return command

    def tone_file(self, name: str, hz: float, seconds: float = 1.0, rate: int = 8000) -> str:
        path = self.folder / name
        samples = tones.sine(hz * 8000 / rate, int(seconds * rate))
        soundfile.write(path, samples.astype(np.float64) / 32768, rate)
        return str(path)

    # --- supervisor

    def crash(self) -> None:
        """Kill the worker and fork the next one."""
        self.appliance.kill(self.worker)
        self.next_worker()

    def next_worker(self) -> None:
        self.worker = self.appliance.fork()
        self.worker.channel.next(Ready)

    def take_over(self, standby: "Worker") -> None:
        """Have a standby go on as the worker."""
        standby.channel.send(TakeOver())
        self.worker = standby
        self.worker.channel.next(Ready)

    def metrics(self) -> dict[str, float]:
        self.worker.channel.send(Scrape(7))
        text = self.worker.channel.next(Scraped).text
        return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}

    def close(self) -> None:
        for phone in self._phones:
            phone.close()
        self.appliance.kill(self.worker)
        self.switch.close()


@contextmanager
def running(appliance: Appliance, folder: Path) -> Iterator[Rig]:
    rig = Rig(appliance, folder)
    try:
        yield rig
    finally:
        rig.close()


def _udp(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock
