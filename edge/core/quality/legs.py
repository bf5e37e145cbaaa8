"""Quality of one direction of a leg, from counted packets and measured times."""

from typing import NamedTuple

from edge.core.quality.emodel import Equipment, mean_opinion

#: Below so many packets that were sent (1 s) a share of them says nothing.
ENOUGH_PACKETS = 50
#: What a peer's playout buffer holds at least; its size is not told by RTCP.
LEAST_BUFFER_MS = 40.0

#: G.113 Appendix I: G.711 with the concealment of its Appendix I. L16 has no companding to lose by.
_G711 = Equipment(0.0, 25.1)
#: By codec and sampling rate. G.722 at 64 kbit/s: impairment 13 on the wideband scale (G.113 Appendix IV). There is no
#: recommended robustness for wideband codecs with concealment of decoded samples, which is what we do; as the
#: concealment is that of G.711, its value is taken.
EQUIPMENT: dict[tuple[str, int], Equipment] = {
    ("PCMU", 8000): _G711,
    ("PCMA", 8000): _G711,
    ("L16", 8000): _G711,
    ("L16", 16000): Equipment(0.0, 25.1, wideband=True),
    ("G722", 8000): Equipment(13.0, 25.1, wideband=True),
}


class Quality(NamedTuple):
    """One direction. None: not known, or too little was sent to tell."""

    #: Share of packets that were not heard, 0 to 1.
    loss: float | None = None
    #: Length of losses in a row against that of random loss (G.107 section 7.5); 1 is random, more is bursty.
    burst_ratio: float | None = None
    mos: float | None = None


UNKNOWN = Quality()


def burst_ratio(lost: int, gaps: int, loss: float) -> float:
    """Compare the mean run of lost packets with 1 / (1 - loss), that of random loss; at least 1."""
    if lost <= 0 or gaps <= 0:
        return 1.0
    return max(1.0, lost / gaps * (1 - min(loss, 0.99)))


def received(
    codec: tuple[str, int], *, heard: int, lost: int, late: int, gap_packets: int, gaps: int, delay_ms: float
) -> Quality:
    """Judge what we hear: `heard` packets came in time, `lost` never, `late` after their turn, so unheard, too."""
    expected = heard + lost + late
    if expected < ENOUGH_PACKETS:
        return UNKNOWN
    loss = (lost + late) / expected
    bursts = burst_ratio(gap_packets, gaps, loss)
    return Quality(loss, bursts, _mos(codec, loss, bursts, delay_ms))


def sent(codec: tuple[str, int], *, packets: int, lost: int, jitter_ms: float, delay_ms: float) -> Quality:
    """Judge what the peer hears, by its report that `lost` of `packets` did not come; `delay_ms` without its buffer.

    A report has no burst length, so loss counts as random; and its buffer is taken for twice its jitter.
    """
    if packets < ENOUGH_PACKETS:
        return UNKNOWN
    loss = min(max(lost, 0) / packets, 1.0)  # duplicates make a peer's count negative (RFC 3550 A.3)
    buffer_ms = max(2 * jitter_ms, LEAST_BUFFER_MS)
    return Quality(loss, None, _mos(codec, loss, 1.0, delay_ms + buffer_ms))


def _mos(codec: tuple[str, int], loss: float, bursts: float, delay_ms: float) -> float | None:
    equipment = EQUIPMENT.get(codec)
    if equipment is None:
        return None
    return round(mean_opinion(equipment, loss=loss, burst_ratio=bursts, delay_ms=delay_ms)[1], 2)
