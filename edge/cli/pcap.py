"""`edge calls pcap`: one call as a capture file for Wireshark: its SIP messages, and while it lasts its RTP.

SIP comes from the appliance's memory, decrypted and with secrets blotted out, so it is written as UDP whatever carried
it. RTP is captured from the network: headers only, unless audio is asked for.
"""

import contextlib
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from cyclopts import App, Parameter

from edge.cli.control import NotRunningError
from edge.cli.daemon import run_dir
from edge.cli.output import BAD, FINE, complain
from edge.cli.show import GoneError, asked, sip_messages
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, StateOption, UsageError, failed
from edge.core.sip.source_filter import Instruction
from edge.front.kernel_filter import attach

#: libpcap's file header: nanoseconds, version 2.4, packets begin with the IP header (LINKTYPE_RAW).
_FILE: Final = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101)
_ETH_P_ALL: Final = 3
_PACKET_OUTGOING: Final = 4
_SO_TIMESTAMPNS: Final = 35
_RTP_HEADER: Final = 12
#: An RTCP packet has no audio; this holds every one of ours.
_RTCP: Final = 1024
_WHOLE: Final = 262144
#: Ports that a filter program has room for.
_MAX_PORTS: Final = 60


class Packet(NamedTuple):
    """An IP packet, perhaps cut off."""

    at_ns: int
    data: bytes
    #: As it was on the wire.
    length: int


def register(group: App) -> None:
    """Add the command."""
    group.command(pcap)


def pcap(
    call: Annotated[str, Parameter(help="Id of the call.")],
    file: Annotated[Path, Parameter(help="File to write.")],
    /,
    *,
    seconds: Annotated[
        float, Parameter(help="Capture the RTP of its legs for so long; needs the right to (root).")
    ] = 0.0,
    audio: Annotated[bool, Parameter(negative=(), help="Whole RTP packets: the file can then be listened to.")] = False,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Write a call's SIP messages, and its RTP from now on, to a capture file that only you can read."""
    try:
        folder = run_dir(config, demo=demo, state=state)
        packets = _rtp(folder, call, seconds, audio=audio) if seconds > 0 else []
        try:
            messages = sip_messages(folder, call)
        except GoneError:
            if not packets:
                raise
            messages = []
        packets += [packet_of(one) for one in messages]
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(pcap_of(packets))
    except (UsageError, BadSiteError) as error:
        return failed(error)
    except (NotRunningError, GoneError, OSError) as error:
        complain(error)
        return BAD
    print(f"{file}: {len(messages)} SIP messages, {len(packets) - len(messages)} RTP and RTCP packets")
    return FINE


def pcap_of(packets: Iterable[Packet]) -> bytes:
    """Return a capture file of `packets`, in the order of time."""
    parts = [_FILE]
    for one in sorted(packets, key=lambda packet: packet.at_ns):
        parts.append(struct.pack("<IIII", *divmod(one.at_ns, 10**9), len(one.data), max(one.length, len(one.data))))
        parts.append(one.data)
    return b"".join(parts)


def packet_of(message: dict[str, Any]) -> Packet:
    """Return a SIP message (as `SipMessage`) as an UDP packet."""
    at = datetime.fromisoformat(message["at"])
    at_ns = int(at.timestamp()) * 10**9 + at.microsecond * 1000
    ends = (_end(message["peer"]), _end(message["own"]))
    source, target = ends if message["direction"] == "in" else ends[::-1]
    body = message["text"].encode()
    udp = struct.pack(">HHHH", source[1], target[1], min(8 + len(body), 65535), 0) + body
    if source[0].version != target[0].version:
        source = (ipaddress.ip_address("::" if target[0].version == 6 else "0.0.0.0"), source[1])  # noqa: S104
    if source[0].version == 6:
        head = struct.pack(">IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP, 64)
    else:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    data = head + source[0].packed + target[0].packed + udp
    return Packet(at_ns, data, len(data))


def _end(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    host, _, port = text.rpartition(":")
    return ipaddress.ip_address(host.strip("[]")), int(port)


# --- RTP ------------------------------------------------------------------------------------------------------------


def _rtp(folder: Path, call: str, seconds: float, *, audio: bool) -> list[Packet]:
    """Capture what the call's legs send and get. Raises `NotRunningError`, `GoneError`, `OSError`."""
    found = asked(folder, call, "switch", "call", {"id": call})
    if found["state"] != "open":
        raise GoneError(f"{call}: the call has ended; without --seconds its SIP messages are written")
    if audio and found["sensitive"]:
        raise GoneError(f"{call}: its menu asks for something that nobody may overhear; leave --audio out")
    addresses = [leg["rtp"] for leg in found["legs"] if leg["rtp"]]
    ports = [int(address.rpartition(":")[2]) + more for address in addresses for more in (0, 1)]
    if not ports:
        raise GoneError(f"{call}: none of its legs has media now")
    return capture(ports[:_MAX_PORTS], seconds, audio=audio)


def capture(ports: list[int], seconds: float, *, audio: bool) -> list[Packet]:
    """Capture UDP packets from and to `ports` (RTP on even ones, RTCP on odd ones); Ctrl-C ends it early."""
    packets: list[Packet] = []
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    except PermissionError:
        raise PermissionError(
            "capturing RTP needs root or CAP_NET_RAW; without --seconds, SIP is written alone"
        ) from None
    with sock:
        if fault := attach(sock, filter_of(ports, audio=audio)):
            raise OSError(f"the kernel takes no filter: {fault}")
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        until = time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            while (left := until - time.monotonic()) > 0:
                sock.settimeout(left)
                try:
                    data, ancillary, _, source = sock.recvmsg(_WHOLE, 64)
                except TimeoutError:
                    break
                # On the loopback interface each packet is seen as it leaves and as it arrives.
                if source[0] == "lo" and source[2] == _PACKET_OUTGOING:
                    continue
                stamp = next((bytes(value) for level, kind, value in ancillary if kind == _SO_TIMESTAMPNS), b"")
                at = struct.unpack("qq", stamp) if len(stamp) == 16 else divmod(time.time_ns(), 10**9)
                packets.append(Packet(at[0] * 10**9 + at[1], data, _length(data)))
    return packets


def _length(data: bytes) -> int:
    (length,) = struct.unpack_from(">H", data, 4 if data[0] >> 4 == 6 else 2)
    return int(length) + (40 if data[0] >> 4 == 6 else 0)


_LOAD_BYTE, _LOAD_HALF, _LOAD_HALF_INDEXED, _HEADER_LENGTH = 0x30, 0x28, 0x48, 0xB1
_AND, _EQUAL, _ANY_OF, _JUMP, _RETURN = 0x54, 0x15, 0x45, 0x05, 0x06


def filter_of(ports: list[int], *, audio: bool) -> list[Instruction]:
    """Return a program that lets UDP from or to `ports` through and cuts RTP off behind its header."""
    no = Instruction(_RETURN, 0, 0, 0)
    only_udp = [Instruction(_EQUAL, 1, 0, socket.IPPROTO_UDP), no]
    four = [
        *(Instruction(_LOAD_BYTE, 0, 0, 9), *only_udp),
        # Only a first fragment has ports.
        *(Instruction(_LOAD_HALF, 0, 0, 6), Instruction(_ANY_OF, 0, 1, 0x1FFF), no),
        Instruction(_HEADER_LENGTH, 0, 0, 0),
        *_ports(_LOAD_HALF_INDEXED, 0, ports, 20, audio=audio),
    ]
    six = [Instruction(_LOAD_BYTE, 0, 0, 6), *only_udp, *_ports(_LOAD_HALF, 40, ports, 40, audio=audio)]
    version = [Instruction(_LOAD_BYTE, 0, 0, 0), Instruction(_AND, 0, 0, 0xF0), Instruction(_EQUAL, 0, 1, 0x60)]
    return [*version, Instruction(_JUMP, 0, 0, len(four)), *four, *six]


def _ports(load: int, at: int, ports: list[int], header: int, *, audio: bool) -> list[Instruction]:
    found: list[Instruction] = []
    for offset in (at, at + 2):
        found.append(Instruction(load, 0, 0, offset))
        for port in ports:
            keep = _WHOLE if audio else header + 8 + (_RTCP if port % 2 else _RTP_HEADER)
            found += [Instruction(_EQUAL, 0, 1, port), Instruction(_RETURN, 0, 0, keep)]
    return [*found, Instruction(_RETURN, 0, 0, 0)]
