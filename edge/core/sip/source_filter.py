"""Programs for the kernel's socket filter (classic BPF): who may reach the SIP socket, as instructions.

A flood of strangers then ends before it takes room in the receive buffer, where honest peers' messages wait. The filter
may let in more than the trunk list names (long lists are made coarser to fit), never less: the core looks at every
source again. One stranger's datagram in `sample` passes, as evidence of who scans.
"""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

Network6 = ipaddress.IPv6Network
Network = ipaddress.IPv4Network | Network6

#: Instructions at the most. The kernel takes 4,096 (BPF_MAXINSNS), and 20 KB an option memory of a socket by default
#: (net.core.optmem_max of kernels before 6.7), in which the old program and the new one must fit at a replacement.
LIMIT = 1000
#: IPv6 networks take up to 13 instructions each, one after the other.
V6_LIMIT = 32
#: Addresses that are kept out although they are in a network that is let in, or all are.
DENIED_LIMIT = 64

# Instruction classes and modes of linux/bpf_common.h, and ancillary offsets of linux/filter.h.
_LD_WORD, _LD_BYTE = 0x20, 0x30
_AND, _RSH = 0x54, 0x74
_JUMP, _EQUAL, _AT_LEAST = 0x05, 0x15, 0x35
_RETURN = 0x06
_NETWORK_HEADER = 0xFFF00000  # SKF_NET_OFF
_RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
_ALL = 0xFFFFFFFF


class Instruction(NamedTuple):
    """One `struct sock_filter`."""

    code: int
    jt: int
    jf: int
    k: int


#: Stands for a jump to what becomes of strangers, until the program is whole.
_TO_STRANGERS = Instruction(_JUMP, 0, 0, -1)


class Program(NamedTuple):
    """A filter, and how many IPv4 ranges had to be joined to make it fit (0: it is exact)."""

    instructions: list[Instruction]
    joined: int


def program(allowed: Iterable[Network], denied: Iterable[str] = (), sample: int = 32) -> Program | None:
    """Make the filter that passes `allowed` without `denied`, and of all others one datagram in `sample` (0: none).

    None: there are more IPv6 networks or denied addresses than a program should have.
    """
    networks = list(allowed)
    ranges = _ranges(n for n in networks if isinstance(n, ipaddress.IPv4Network))
    six = list(ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network)))
    kept_out = [ipaddress.ip_address(host.partition("%")[0]) for host in denied]
    if len(six) > V6_LIMIT or len(kept_out) > DENIED_LIMIT:
        return None
    blocked = [int(a) for a in kept_out if isinstance(a, ipaddress.IPv4Address)]
    six_blocked = [ipaddress.IPv6Network(a) for a in kept_out if isinstance(a, ipaddress.IPv6Address)]
    before = len(ranges)
    while len(instructions := _assemble(ranges, blocked, six, six_blocked, sample)) > LIMIT and len(ranges) > 1:
        ranges = _coarser(ranges, max(1, len(ranges) * 9 // 10))
    return Program(instructions, before - len(ranges))


def passes(instructions: list[Instruction], packet: bytes, dice: int = 0) -> bool:
    """Run a filter on an IP packet as the kernel does; `dice`: the random number that sampling sees."""
    at, word = 0, 0
    while True:
        code, jt, jf, k = instructions[at]
        at += 1
        if code == _RETURN:
            return k != 0
        if code in (_LD_WORD, _LD_BYTE):
            start, size = k - _NETWORK_HEADER, 4 if code == _LD_WORD else 1
            word = dice if k == _RANDOM else int.from_bytes(packet[start : start + size], "big")
        elif code == _AND:
            word &= k
        elif code == _RSH:
            word >>= k
        elif code == _JUMP:
            at += k
        else:
            at += jt if (word == k if code == _EQUAL else word >= k) else jf


# --- IPv4 as ranges ---------------------------------------------------------------------------------------------------


def _ranges(networks: Iterable[ipaddress.IPv4Network]) -> list[tuple[int, int]]:
    """Return disjoint ranges (first, last), ascending, that do not touch."""
    found: list[tuple[int, int]] = []
    for network in ipaddress.collapse_addresses(networks):
        first, last = int(network.network_address), int(network.broadcast_address)
        if found and found[-1][1] + 1 >= first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _coarser(ranges: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Join those with the smallest gaps between them until `count` are left."""
    gaps = sorted(range(1, len(ranges)), key=lambda i: ranges[i][0] - ranges[i - 1][1])
    joined = set(gaps[: len(ranges) - count])
    found = [ranges[0]]
    for index in range(1, len(ranges)):
        if index in joined:
            found[-1] = (found[-1][0], ranges[index][1])
        else:
            found.append(ranges[index])
    return found


# --- assembly ---------------------------------------------------------------------------------------------------------


def _assemble(
    ranges: list[tuple[int, int]],
    blocked: list[int],
    six: list[Network6],
    six_blocked: list[Network6],
    sample: int,
) -> list[Instruction]:
    """Write the program: by IP version, then who is kept out, then who is let in."""
    out = [Instruction(_RETURN, 0, 0, 0)]
    four = [Instruction(_LD_WORD, 0, 0, _NETWORK_HEADER + 12)]
    for address in blocked:
        four += [Instruction(_EQUAL, 0, 1, address), *out]
    boundaries = [edge for first, last in ranges for edge in (first, last + 1) if 0 < edge <= _ALL]
    four += _tree(boundaries, inside=bool(ranges) and ranges[0][0] == 0)
    sixth = [step for network in six_blocked for step in _match_v6(network, out)]
    for network in six:
        sixth += _match_v6(network, [Instruction(_RETURN, 0, 0, _ALL)])
    sixth.append(_TO_STRANGERS)
    version = [
        Instruction(_LD_BYTE, 0, 0, _NETWORK_HEADER),
        Instruction(_RSH, 0, 0, 4),
        Instruction(_EQUAL, 1, 0, 6),
        Instruction(_JUMP, 0, 0, len(sixth)),
    ]
    whole = [*version, *sixth, *four]
    end = len(whole)
    jumps = [step._replace(k=end - at - 1) if step is _TO_STRANGERS else step for at, step in enumerate(whole)]
    return [*jumps, *_stranger(sample)]


def _stranger(sample: int) -> list[Instruction]:
    """Let one of so many pass."""
    if sample == 0:
        return [Instruction(_RETURN, 0, 0, 0)]
    if sample == 1:
        return [Instruction(_RETURN, 0, 0, _ALL)]
    return [
        Instruction(_LD_WORD, 0, 0, _RANDOM),
        Instruction(_AT_LEAST, 1, 0, 2**32 // sample),
        Instruction(_RETURN, 0, 0, _ALL),
        Instruction(_RETURN, 0, 0, 0),
    ]


def _tree(boundaries: list[int], *, inside: bool) -> list[Instruction]:
    """Search the boundary below the address: at each one, being inside a range turns to outside and back."""
    if not boundaries:
        return [Instruction(_RETURN, 0, 0, _ALL)] if inside else [_TO_STRANGERS]
    middle = len(boundaries) // 2
    below = _tree(boundaries[:middle], inside=inside)
    above = _tree(boundaries[middle + 1 :], inside=inside ^ (middle % 2 == 0))
    if len(below) <= 255:
        return [Instruction(_AT_LEAST, len(below), 0, boundaries[middle]), *below, *above]
    far = Instruction(_JUMP, 0, 0, len(below))
    return [Instruction(_AT_LEAST, 0, 1, boundaries[middle]), far, *below, *above]


def _match_v6(network: Network6, then: list[Instruction]) -> list[Instruction]:
    """Compare the source with a network, 32 bits at a time; `then` when it is in it, else what follows."""
    address, mask = int(network.network_address), int(network.netmask)
    steps: list[list[Instruction]] = []
    for word in range(4):
        shift = 32 * (3 - word)
        bits = mask >> shift & _ALL
        if bits:
            load = [Instruction(_LD_WORD, 0, 0, _NETWORK_HEADER + 8 + 4 * word)]
            steps.append(load if bits == _ALL else [*load, Instruction(_AND, 0, 0, bits)])
            steps[-1].append(Instruction(_EQUAL, 0, 0, address >> shift & _ALL))
    found: list[Instruction] = list(then)
    for step in reversed(steps):
        miss = len(found)
        found = [*step[:-1], step[-1]._replace(jf=miss), *found]
    return found
