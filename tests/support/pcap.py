"""Datagrams as a capture file, and what Wireshark's dissectors (tshark) say of them."""

import ipaddress
import json
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

_LINKTYPE_RAW = 101
_UDP = 17


class Datagram(NamedTuple):
    """What went over the wire, IPv4."""

    at_s: float
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes


def write(path: Path, datagrams: Iterable[Datagram]) -> None:
    """Write a capture file (libpcap format, raw IP)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))
        for at_s, source, target, data in datagrams:
            udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0) + data
            hosts = [ipaddress.IPv4Address(host).packed for host, _ in (source, target)]
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, _UDP, 0, *hosts)
            packet = head + udp
            seconds, fraction = divmod(round(at_s * 1_000_000), 1_000_000)
            file.write(struct.pack("<IIII", seconds, fraction, len(packet), len(packet)) + packet)


def dissect(path: Path, *decode_as: str, fields: tuple[str, ...]) -> list[dict[str, list[str]]]:
    """Return `fields` of each packet by tshark, `decode_as` for instance `udp.port==5004,rtp`."""
    options = [option for rule in decode_as for option in ("-d", rule)]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *options, "-T", "json", *[o for f in fields for o in ("-e", f)]],
        capture_output=True,
        check=True,
        timeout=120,
    )
    packets: list[dict[str, Any]] = json.loads(done.stdout)
    return [packet["_source"].get("layers", {}) for packet in packets]
