"""The media engines under a real supervisor, without signalling: what is measured is media alone.

Supervisor, zygote, engines and web are the real ones; `bench.desk` stands for switch and gives the commands. Legs of
a stage are named by their slot; each has a peer at an address and port.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench import usage
from edge.app.composition import APPLIANCE
from edge.app.preparing import Prepared
from edge.app.running import run_prepared
from edge.config.compiled import packed
from edge.config.site import Http, Media, Paths, Recording, Sip, Site
from edge.runtime.parent import die_with_parent
from edge.vocabulary import commands as c
from edge.vocabulary.ids import LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import Address, InbandDtmf, KeyTones, RemoteMedia
from edge.vocabulary.wire import pack, to_json, unpacker
from tests.support.waiting import until

ROOT = Path(__file__).parents[1]
#: A cold compilation on a busy machine.
READY_S = 900.0
#: Commands a request; a request is one line of the control socket.
BATCH = 50


def leg_of(slot: int) -> LegId:
    """The leg in a slot."""
    return LegId(f"bench{slot}.1")


class Stage:
    """A running stage; see `stage`."""

    def __init__(self, folder: Path, media: Media, recordings: Path | None = None) -> None:
        self.folder, self.media, self.address = folder, media, media.address
        self.site = Site(
            name="bench",
            sip=Sip(address=self.address, inner_address=self.address, max_spans=1),
            media=media,
            http=Http(address=self.address),
            paths=Paths(state=str(folder / "state"), recordings=str(recordings or folder / "recordings")),
            recording=Recording(reserve_mb=0),
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "edge.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._recorded: list[int] = []
        self._takes = 0

    def start(self) -> None:
        from edge.app.prepare import sizes_of

        prepared = self.folder / "prepared"
        prepared.write_bytes(pack(Prepared(site=packed(self.site), sizes=sizes_of(self.site))))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.stage", str(prepared), str(os.getpid())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._media_runs, READY_S, f"media; see {self.log}")

    def _media_runs(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the supervisor ended: {self.log.read_text()[-2000:]}")
        try:
            rows = self.control(what="status")["processes"]
        except (OSError, ValueError):
            return False
        return all(row["state"] == "running" for row in rows if row["name"] in {"switch", "web"} | set(self.engines))

    @property
    def engines(self) -> list[str]:
        return ["media"] if self.media.engines == 1 else [f"media{k}" for k in range(self.media.engines)]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # --- asking

    def control(self, **request: Any) -> Any:
        with closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.settimeout(20)
            sock.connect(str(self.folder / "state" / "run" / "control.sock"))
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
        document = json.loads(answer)
        if not document["ok"]:
            raise ValueError(document["error"])
        return document["body"]

    def _desk(self, what: str, body: Any) -> Any:
        return self.control(what="request", process="switch", request=what, body=body)

    def do(self, commands: Iterable[Any]) -> None:
        """Send commands and wait until media has done them. Raises RuntimeError for what it could not do."""
        waiting = [json.loads(to_json(command)) for command in commands]
        for start in range(0, len(waiting), BATCH):
            self._desk("do", waiting[start : start + BATCH])
            until(lambda: self._desk("state", None)["waiting"] == 0, 60, "commands done")
        errors = self._desk("state", None)["errors"]
        if errors:
            raise RuntimeError(f"media: {errors[:3]}")

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://{self.address}:8080/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def pids(self, names: Iterable[str]) -> list[int]:
        wanted = set(names)
        return [row["pid"] for row in self.control(what="status")["processes"] if row["name"] in wanted and row["pid"]]

    def cpu_s(self) -> float:
        """CPU seconds of all processes of the appliance so far."""
        assert self.process is not None
        return sum(usage.cpu_by_name(usage.tree(self.process.pid)).values())

    # --- legs

    def port(self, slot: int) -> int:
        return self.media.first_port + 2 * slot

    def open(self, peers: dict[int, tuple[str, int]], crypto: dict[int, int] | None = None) -> None:
        """Open a leg in each slot, towards its peer."""
        inband = self.media.inband_dtmf
        self.do(
            c.OpenLeg(
                leg=leg_of(slot), slot=SlotIndex(slot), remote=_remote(*peer, (crypto or {}).get(slot, 0), inband)
            )
            for slot, peer in peers.items()
        )

    def secure(self, pairs: list[tuple[int, int]]) -> None:
        """Write keys under pairs of handles."""
        for start in range(0, len(pairs), BATCH):
            self._desk("keys", pairs[start : start + BATCH])

    def bridge(self, pairs: Iterable[tuple[int, int]]) -> None:
        self.do(c.Bridge(leg_of(one), leg_of(other)) for one, other in pairs)

    def play(self, slots: Iterable[int], file: Path) -> None:
        self.do(
            c.Play(leg=leg_of(slot), play=PlayId(f"p{slot}"), files=[str(file)], times=0, barge_in=True)
            for slot in slots
        )

    def record(self, slots: Iterable[int]) -> None:
        root = Path(self.site.paths.recordings)
        self._recorded = list(slots)
        self._takes += 1
        names = [(slot, f"{self._takes}-{slot}") for slot in self._recorded]
        self.do(c.StartRecording(leg_of(slot), RecordingId(name), str(root / f"{name}.wav")) for slot, name in names)

    def close(self, slots: Iterable[int]) -> None:
        """Close legs; what was recorded is completed first, and then thrown away."""
        recorded, self._recorded = self._recorded, []
        done = "edge_media_recordings_done_total"
        before = self.metrics()[done] if recorded else 0
        self.do(c.CloseLeg(leg_of(slot)) for slot in slots)
        if recorded:
            until(lambda: self.metrics()[done] >= before + len(recorded), 120, "recordings completed")
            shutil.rmtree(self.site.paths.recordings, ignore_errors=True)


def _remote(host: str, port: int, crypto: int, inband: InbandDtmf) -> RemoteMedia:
    return RemoteMedia(
        rtp=Address(host, port), rtcp=Address(host, port + 1), codec="PCMU", payload_type=0, telephone_event=101,
        ptime_ms=20, direction="sendrecv", crypto=crypto, key_tones=KeyTones(inband=inband),
    )  # fmt: skip


@contextmanager
def stage(folder: Path, media: Media, recordings: Path | None = None) -> Iterator[Stage]:
    """Run a stage in `folder`."""
    made = Stage(folder, media, recordings)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def rest(seconds: float) -> None:
    """Wait: what is measured goes on by itself."""
    time.sleep(seconds)


def main() -> int:
    """Be the supervisor of the stage whose `Prepared` lies in the file named."""
    die_with_parent(int(sys.argv[2]))
    prepared = unpacker(Prepared).decode(Path(sys.argv[1]).read_bytes())
    idle = {name: getattr(APPLIANCE, name)._replace(module="bench.idle") for name in ("front", "span", "forwarder")}
    desk = APPLIANCE.switch._replace(module="bench.desk", fds=("link_listener", "key_table"))
    site = msgspec.structs.replace(prepared.site, source="")
    return run_prepared(msgspec.structs.replace(prepared, site=site), None, APPLIANCE._replace(**idle, switch=desk))


if __name__ == "__main__":
    sys.exit(main())
