"""HEP version 3, octet by octet as the protocol's document has it."""

import struct
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from edge.runtime.hep import MAX_PACKET, hep_packet
from edge.runtime.sip_trace import Traced
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

SIP = b"OPTIONS sip:x SIP/2.0\r\n\r\n"
MESSAGE = Traced(
    LegId("c1.2"),
    1_795_000_000_123_456_789,
    True,
    "udp",
    Address("192.0.2.1", 5061),
    Address("198.51.100.2", 5060),
    SIP,
)


def test_a_message_over_ipv4() -> None:
    chunks = (
        "0000 0001 0007 02"  # IP family: AF_INET
        "0000 0002 0007 11"  # IP protocol: UDP
        "0000 0003 000a c0000201"  # from 192.0.2.1
        "0000 0004 000a c6336402"  # to 198.51.100.2
        "0000 0007 0008 13c5"  # port 5061
        "0000 0008 0008 13c4"  # port 5060
        "0000 0009 000a 6afd86c0"  # seconds
        "0000 000a 000a 0001e240"  # microseconds
        "0000 000b 0007 01"  # it is SIP
        "0000 000c 000a 000007d1"  # capture agent 2001
        "0000 0011 0008 6331"  # correlation id: the call, c1
        f"0000 000f {6 + len(SIP):04x} {SIP.hex()}"
    )
    content = bytes.fromhex(chunks.replace(" ", ""))
    assert hep_packet(MESSAGE, 2001) == b"HEP3" + struct.pack(">H", 6 + len(content)) + content


def chunks_of(packet: bytes) -> dict[int, bytes]:
    """Read a packet back: content by type."""
    assert packet[:4] == b"HEP3"
    assert int.from_bytes(packet[4:6], "big") == len(packet)
    found, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack_from(">HHH", packet, at)
        assert vendor == 0
        found[kind] = packet[at + 6 : at + length]
        at += length
    assert at == len(packet)
    return found


@pytest.mark.parametrize(
    ("peer", "own"),
    [("2001:db8::1", "2001:db8::2"), ("192.0.2.1", "2001:db8::2"), ("fe80::1%eth0", "2001:db8::2")],
)
def test_a_message_over_ipv6_that_we_send(peer: str, own: str) -> None:
    sent = replace(MESSAGE, incoming=False, transport="tls", peer=Address(peer, 5061), own=Address(own, 5062))
    found = chunks_of(hep_packet(sent, 0xFFFFFFFF))
    assert set(found) == {1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 15, 17}
    assert (found[1], found[2], found[12]) == (b"\x0a", b"\x06", b"\xff\xff\xff\xff")
    assert found[5] == ip_address(own).packed
    target = ip_address(peer.partition("%")[0])
    assert found[6] == (target.packed if target.version == 6 else ip_address(f"::ffff:{peer}").packed)
    assert (found[7], found[8], found[15]) == (b"\x13\xc6", b"\x13\xc5", SIP)


def test_a_message_of_no_call_has_no_correlation_id() -> None:
    assert 17 not in chunks_of(hep_packet(replace(MESSAGE, leg=LegId("")), 1))


def test_what_no_datagram_can_carry() -> None:
    most = MAX_PACKET - len(hep_packet(replace(MESSAGE, data=b""), 1))
    assert len(hep_packet(replace(MESSAGE, data=b"x" * most), 1)) == MAX_PACKET
    with pytest.raises(ValueError, match="65508 octets"):
        hep_packet(replace(MESSAGE, data=b"x" * (most + 1)), 1)
