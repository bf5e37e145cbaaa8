"""Which packets belong to the stream: source validation, sequence numbers, loss (RFC 3550 appendix A.1, A.3, A.8)."""

from typing import Any

from dsp.jit import kernel

NONE = 0
PROBATION = 1
VALID = 2

MAX_DROPOUT = 3000
MAX_MISORDER = 100
MIN_SEQUENTIAL = 2
_NO_SEQ = 1 << 16

REFUSE = 0
ACCEPT = 1
#: Accepted, and it is the first of a new source or of a restarted one: what was known of its timing is void.
ACCEPT_NEW = 2
#: Has been accepted before; counts as received in RTCP (RFC 3550 A.3), and is of no further use.
REPEATED = 3

#: Sequence numbers of which it is known whether they came: the newest and those before it, one bit each.
_MEMORY = 62
_ALL = (1 << _MEMORY) - 1


@kernel
def _start(leg: Any, ssrc: int, sequence: int) -> None:
    leg.rx_ssrc = ssrc
    leg.rx_base_seq = sequence
    leg.rx_max_seq = sequence
    leg.rx_bad_seq = _NO_SEQ
    leg.rx_cycles = 0
    leg.rx_received = 0
    leg.rx_repeated = 0
    leg.rx_received_prior = 0
    leg.rx_expected_prior = 0
    leg.rx_seen = 1
    leg.rx_step = 0
    leg.rx_jitter_q4 = 0
    leg.rx_transit = -1


@kernel
def expected(leg: Any) -> int:
    """Packets that the present source has sent, by its sequence numbers."""
    if leg.rx_state != VALID:
        return 0
    return leg.rx_cycles + leg.rx_max_seq - leg.rx_base_seq + 1


@kernel
def lost(leg: Any) -> int:
    """Packets lost since the leg was opened; a duplicate does not make up for a lost one (RTCP's figure lets it)."""
    return leg.rx_lost_before + max(expected(leg) - leg.rx_received + leg.rx_repeated, 0)


@kernel
def restart(leg: Any) -> None:
    """Forget the source: the next one has to prove itself. Its losses stay counted."""
    leg.rx_lost_before = lost(leg)
    leg.rx_state = NONE


@kernel
def _candidate(leg: Any, ssrc: int, sequence: int) -> int:
    """Judge a packet of a source that is not (yet) valid: two in sequence make it so."""
    if leg.rx_other_ssrc == ssrc and leg.rx_probation > 0 and sequence == (leg.rx_other_seq + 1) & 0xFFFF:
        leg.rx_probation += 1
    else:
        leg.rx_probation = 1
    leg.rx_other_ssrc = ssrc
    leg.rx_other_seq = sequence
    if leg.rx_probation < MIN_SEQUENTIAL:
        if leg.rx_state == NONE:
            leg.rx_state = PROBATION
        return REFUSE
    leg.rx_lost_before = lost(leg)
    _start(leg, ssrc, sequence)
    leg.rx_probation = 0
    leg.rx_state = VALID
    leg.rx_received = 1
    return ACCEPT_NEW


@kernel
def is_present(leg: Any, ssrc: int) -> bool:
    """Whether `ssrc` is the source that has proved itself."""
    return leg.rx_state == VALID and ssrc == leg.rx_ssrc


@kernel
def _from_behind(leg: Any, age: int) -> int:
    """Judge a packet that is `age` behind the highest sequence number (0: it has that number)."""
    leg.rx_step = -age
    if age < _MEMORY:
        if (leg.rx_seen >> age) & 1:
            leg.rx_repeated += 1
            return REPEATED
        leg.rx_seen |= 1 << age
    return ACCEPT


@kernel
def admit(leg: Any, ssrc: int, sequence: int) -> int:
    """Judge a packet by SSRC and sequence number: REFUSE, ACCEPT, ACCEPT_NEW or REPEATED.

    `rx_step` then says how far the sequence number is ahead of the highest one before (1: none is missing).
    """
    if not is_present(leg, ssrc):
        return _candidate(leg, ssrc, sequence)
    verdict = ACCEPT
    delta = (sequence - leg.rx_max_seq) & 0xFFFF
    if 0 < delta < MAX_DROPOUT:
        if sequence < leg.rx_max_seq:
            leg.rx_cycles += 1 << 16
        leg.rx_max_seq = sequence
        leg.rx_step = delta
        leg.rx_seen = ((leg.rx_seen << delta) & _ALL | 1) if delta < _MEMORY else 1
    elif 0 < delta <= (1 << 16) - MAX_MISORDER:
        # A large jump: two packets in a row say that the other side restarted without telling.
        if sequence != leg.rx_bad_seq:
            leg.rx_bad_seq = (sequence + 1) & 0xFFFF
            return REFUSE
        leg.rx_lost_before = lost(leg)
        _start(leg, ssrc, sequence)
        leg.rx_received = 1
        return ACCEPT_NEW
    else:
        verdict = _from_behind(leg, (leg.rx_max_seq - sequence) & 0xFFFF)
    leg.rx_received += 1
    leg.rx_probation = 0
    return verdict


@kernel
def note_transit(leg: Any, timestamp: int, arrival: int) -> None:
    """Interarrival jitter (RFC 3550 A.8); `arrival` in samples."""
    transit = (arrival - timestamp) & 0xFFFFFFFF
    if leg.rx_transit >= 0:
        difference = (transit - leg.rx_transit) & 0xFFFFFFFF
        if difference >= 0x80000000:
            difference = 0x100000000 - difference
        leg.rx_jitter_q4 += difference - ((leg.rx_jitter_q4 + 8) >> 4)
    leg.rx_transit = transit
