"""HEP version 3 (EEP, "The Hom(m)er Encapsulation Protocol", rev. 32): a SIP message as a capture server takes it.

A packet is the octets `HEP3`, its whole length, and chunks: vendor, type, length (all with the chunk's own six octets),
content. All numbers are in network order.
"""

import ipaddress
import struct

from edge.runtime.sip_trace import Traced
from edge.vocabulary.ids import call_of

_HEAD = struct.Struct(">4sH")
_CHUNK = struct.Struct(">HHH")
#: Vendor of the chunks that the protocol itself defines.
_GENERIC = 0
_FAMILY, _PROTOCOL = 1, 2
_SOURCE4, _TARGET4, _SOURCE6, _TARGET6 = 3, 4, 5, 6
_SOURCE_PORT, _TARGET_PORT = 7, 8
_SECONDS, _MICROSECONDS = 9, 10
_PAYLOAD_TYPE, _AGENT, _PAYLOAD, _CORRELATION = 11, 12, 15, 17
#: Values of the chunks 1, 2 and 11.
_INET, _INET6 = 2, 10
_IP_PROTOCOLS = {"udp": 17, "tcp": 6, "tls": 6}
_SIP = 1
#: Longest packet that its length field and a datagram (IPv4) hold.
MAX_PACKET = 65_507


def _chunk(kind: int, content: bytes) -> bytes:
    return _CHUNK.pack(_GENERIC, kind, _CHUNK.size + len(content)) + content


def hep_packet(message: Traced, agent: int) -> bytes:
    """Return the packet for a message, as the capture agent with the id `agent` (32 bits) sends it.

    The legs of a call have the call's id for a correlation id. Raises `ValueError` when it would be longer than
    `MAX_PACKET`, or its addresses are no IP addresses.
    """
    source, target = (message.peer, message.own) if message.incoming else (message.own, message.peer)
    ends = [ipaddress.ip_address(end.host.partition("%")[0]) for end in (source, target)]
    six = any(end.version == 6 for end in ends)
    if six:
        # One family a packet.
        ends = [end if end.version == 6 else ipaddress.ip_address(f"::ffff:{end}") for end in ends]
    seconds, nanoseconds = divmod(message.at_ns, 1_000_000_000)
    chunks = [
        _chunk(_FAMILY, bytes([_INET6 if six else _INET])),
        _chunk(_PROTOCOL, bytes([_IP_PROTOCOLS[message.transport]])),
        _chunk(_SOURCE6 if six else _SOURCE4, ends[0].packed),
        _chunk(_TARGET6 if six else _TARGET4, ends[1].packed),
        _chunk(_SOURCE_PORT, struct.pack(">H", source.port)),
        _chunk(_TARGET_PORT, struct.pack(">H", target.port)),
        _chunk(_SECONDS, struct.pack(">I", seconds & 0xFFFFFFFF)),
        _chunk(_MICROSECONDS, struct.pack(">I", nanoseconds // 1000)),
        _chunk(_PAYLOAD_TYPE, bytes([_SIP])),
        _chunk(_AGENT, struct.pack(">I", agent)),
        *([_chunk(_CORRELATION, call_of(message.leg).encode())] if message.leg else []),
    ]
    length = _HEAD.size + sum(map(len, chunks)) + _CHUNK.size + len(message.data)
    if length > MAX_PACKET:
        raise ValueError(f"a packet of {length} octets")
    return b"".join([_HEAD.pack(b"HEP3", length), *chunks, _chunk(_PAYLOAD, message.data)])
