"""Debian's rtpengine relaying in user space, as a peer to measure beside; spoken to by its ng protocol.

ng: a datagram of a cookie, a space and a bencoded dictionary; the answer has the same shape.
"""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.waiting import until

NG_PORT = 2223
FIRST_PORT, LAST_PORT = 20_000, 29_998


def there() -> bool:
    """Whether it is installed."""
    return shutil.which("rtpengine") is not None


def encode(value: Any) -> bytes:
    """Bencode."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        return b"%d:%s" % (len(value.encode()), value.encode())
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """A bencoded value at `at`, and where it ends."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in {b"l", b"d"}:
        items: list[Any] = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = decode(data, at)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2], strict=True))), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end].decode(), end


def _sdp(host: str, port: int) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )


class Rtpengine:
    """A running one on `address`."""

    def __init__(self, address: str, process: subprocess.Popen[bytes]) -> None:
        self.address, self.pid = address, process.pid
        self._ng = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ng.bind((address, 0))
        self._ng.settimeout(2)
        self._cookie = 0

    def ask(self, **command: Any) -> dict[str, Any]:
        """One command. Raises OSError when it does not answer, RuntimeError when it refuses."""
        self._cookie += 1
        cookie = b"c%d" % self._cookie
        self._ng.sendto(cookie + b" " + encode(command), (self.address, NG_PORT))
        while True:
            head, _, body = self._ng.recv(65536).partition(b" ")
            if head == cookie:
                break
        answer: dict[str, Any] = decode(body)[0]
        if answer.get("result") in {"error", None}:
            raise RuntimeError(f"rtpengine: {answer}")
        return answer

    def answers(self) -> bool:
        try:
            return self.ask(command="ping").get("result") == "pong"
        except OSError:
            return False

    def call(self, name: str, one: tuple[str, int], other: tuple[str, int]) -> tuple[tuple[str, int], tuple[str, int]]:
        """Connect two peers; where `one` and where `other` has to send."""
        common = {"call-id": name, "from-tag": "a", "ICE": "remove"}
        offered = self.ask(command="offer", sdp=_sdp(*one), **common)
        answered = self.ask(command="answer", sdp=_sdp(*other), **common, **{"to-tag": "b"})
        return (self.address, _port(answered["sdp"])), (self.address, _port(offered["sdp"]))

    def close(self) -> None:
        self._ng.close()


def _port(sdp: str) -> int:
    found = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"rtpengine's SDP has no audio: {sdp!r}")
    return int(found[1])


@contextmanager
def rtpengine(address: str, folder: Path, core: int) -> Iterator[Rtpengine]:
    """Run it on `address`, kept to `core`; without its kernel module, so that user space is measured."""
    command = [
        "taskset", "-c", str(core), "rtpengine", "--config-file=none", f"--interface={address}",
        f"--listen-ng={address}:{NG_PORT}", "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
        f"--port-min={FIRST_PORT}", f"--port-max={LAST_PORT}", "--num-threads=1",
        f"--pidfile={folder / 'rtpengine.pid'}",
    ]  # fmt: skip
    with (folder / "rtpengine.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    engine = Rtpengine(address, process)
    try:
        until(engine.answers, 20, f"rtpengine; see {log.name}")
        yield engine
    finally:
        engine.close()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
