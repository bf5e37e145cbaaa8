"""A throw-away appliance for test calls: its site, and the process that runs it.

It is a whole appliance with a temporary state folder and an address of its own: a test call uses the very code that
carries customers' calls, and touches nothing of a daemon on the same machine.

`python -m edge.app.caller FILE` runs the appliance whose `Prepared` lies in FILE; it ends with the process that started
it.
"""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from edge.app.prepare import sizes_of
from edge.app.preparing import Prepared, module_environment
from edge.app.running import run_prepared
from edge.config.compiled import packed
from edge.config.site import Http, Limits, Media, Paths, Recording, Sip, Site
from edge.config.trunk_settings import Trunk
from edge.runtime.parent import die_with_parent
from edge.vocabulary.wire import pack, unpacker

#: Legs beside those of the calls: a slot is not used again for a second after a call.
SPARE_SLOTS = 4
#: RTP ports must lie below the kernel's ephemeral ports.
LAST_PORT = 32768


class UnreachableError(Exception):
    """There is no way to the address; the text says why."""


class Way(NamedTuple):
    """Where test calls go, and where they come from."""

    #: Address of the far end.
    target: str
    #: Our own; for a loopback target a loopback address that nobody uses.
    local: str


def way_to(host: str) -> Way:
    """Find the way to `host`, a name or an IPv4 address. Raises UnreachableError."""
    try:
        target = str(socket.getaddrinfo(host, 5060, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 5060))
            local = str(probe.getsockname()[0])
    except OSError as error:
        raise UnreachableError(f"{host}: {error.strerror or error}") from None
    return Way(target, free_loopback() if local.startswith("127.") else local)


def free_loopback() -> str:
    """Find a loopback address that nobody uses at this moment. Raises UnreachableError."""
    for _ in range(100):
        address = f"127.{secrets.randbelow(60) + 192}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, 5060))
            except OSError:
                continue
            return address
    raise UnreachableError("no free loopback address")


def free_sip_port(address: str) -> int:
    """Find a port of `address` that is free for UDP and TCP at this moment."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])


def free_rtp_port(slots: int) -> int:
    """Choose a first RTP port with room for so many slots, below the kernel's ephemeral ports."""
    return 16384 + 2 * secrets.randbelow((LAST_PORT - 16384) // 2 - slots)


def caller_site(way: Way, folder: Path, calls: int) -> Site:
    """Make the site of a caller of `calls` calls at once; everything it writes lies below `folder`."""
    slots = calls + SPARE_SLOTS
    return Site(
        name="test-caller",
        sip=Sip(
            address=way.local,
            port=free_sip_port(way.local),
            inner_address="127.0.0.1",
            max_spans=calls // 4 + 2,
        ),
        media=Media(first_port=free_rtp_port(slots), slots=slots, prompt_memory_mb=1),
        http=Http(address="127.0.0.1", port=0),
        paths=Paths(
            state=str(folder / "state"),
            run=str(folder / "run"),
            recordings=str(folder / "recordings"),
            menus=str(folder),
            prompts=str(folder),
        ),
        recording=Recording(enabled=True, reserve_mb=16),
        limits=Limits(max_call_seconds=600, drain_seconds=5),
        trunks=[Trunk(name="callee", sources=[way.target])],
        source="edge call",
    )


def start(site: Site, folder: Path) -> subprocess.Popen[bytes]:
    """Run `site` in a process of its own; its log is `folder`/caller.log."""
    file = folder / "caller.msgpack"
    file.write_bytes(pack(Prepared(site=packed(site), sizes=sizes_of(site))))
    with (folder / "caller.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "edge.app.caller", str(file)],
            env={**module_environment(), "EDGE_CALLER_PARENT": str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )


def main() -> int:
    """See the module."""
    die_with_parent(int(os.environ.pop("EDGE_CALLER_PARENT")))
    prepared = unpacker(Prepared).decode(Path(sys.argv[1]).read_bytes())
    return run_prepared(prepared, None)


if __name__ == "__main__":
    sys.exit(main())
