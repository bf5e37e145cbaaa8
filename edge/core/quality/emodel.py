"""The E-model: a rating R of a connection, and the mean opinion score it stands for (ITU-T G.107, 06/2015).

Narrowband is computed in full, with the recommendation's default values for what a packet network cannot know (levels,
loudness ratings, room noise, echo loss). Wideband is the model of G.107.1 with its default values, in which only delay
and equipment (codec and loss) impair: R goes up to 129 and is mapped to an opinion by R / 1.29 (G.107.1).
"""

import math
from typing import NamedTuple

#: Highest rating of a wideband connection: G.107.1 section 7.1, default noise and loudness.
WIDEBAND_R0 = 129.0


class Equipment(NamedTuple):
    """What a codec costs (G.113 Appendix I and IV): its impairment without loss, and its robustness against loss."""

    impairment: float
    robustness: float
    wideband: bool = False


class Line(NamedTuple):
    """Transmission parameters that a packet network does not change; default values of G.107."""

    send_loudness: float = 8.0
    receive_loudness: float = 2.0
    sidetone: float = 15.0
    d_send: float = 3.0
    d_receive: float = 3.0
    talker_echo_loss: float = 65.0
    weighted_echo_path_loss: float = 110.0
    quantisation_units: float = 1.0
    circuit_noise: float = -70.0
    noise_floor: float = -64.0
    room_noise_send: float = 35.0
    room_noise_receive: float = 35.0
    advantage: float = 0.0


DEFAULT = Line()


def _decibels(*levels: float) -> float:
    """Sum of powers given in dB."""
    return 10 * math.log10(sum(math.pow(10, level / 10) for level in levels))


def noise(line: Line = DEFAULT) -> float:
    """Sum of all noise at the receive side, No in dBm0p (section 7.2)."""
    overall = line.send_loudness + line.receive_loudness
    at_sender = (
        line.room_noise_send
        - line.send_loudness
        - line.d_send
        - 100
        + 0.004 * (line.room_noise_send - overall - line.d_send - 14) ** 2
    )
    listener_sidetone = line.sidetone + line.d_receive
    effective = line.room_noise_receive + 10 * math.log10(1 + 10 ** ((10 - listener_sidetone) / 10))
    at_receiver = line.receive_loudness - 121 + effective + 0.008 * (effective - 35) ** 2
    return _decibels(line.circuit_noise, at_sender, at_receiver, line.noise_floor + line.receive_loudness)


def basic_rating(line: Line = DEFAULT) -> float:
    """Rating of signal to noise alone, Ro (section 7.2)."""
    return 15 - 1.5 * (line.send_loudness + noise(line))


def simultaneous(line: Line = DEFAULT, echo_delay_ms: float = 0.0) -> float:
    """Impairment by loudness, sidetone and quantisation, Is (section 7.3)."""
    overall = line.send_loudness + line.receive_loudness
    x = overall + 0.2 * (64 + noise(line) - line.receive_loudness)
    loud = 20 * (math.pow(1 + (x / 8) ** 8, 1 / 8) - x / 8)
    echo = math.exp(-echo_delay_ms / 4) * 10 ** (-line.talker_echo_loss / 10)
    sidetone = -10 * math.log10(10 ** (-line.sidetone / 10) + echo)
    talker = (
        12 * math.pow(1 + ((sidetone - 13) / 6) ** 8, 1 / 8)
        - 28 * math.pow(1 + ((sidetone + 1) / 19.4) ** 35, 1 / 35)
        - 13 * math.pow(1 + ((sidetone - 3) / 33) ** 13, 1 / 13)
        + 29
    )
    q = 37 - 15 * math.log10(line.quantisation_units)
    g = 1.07 + 0.258 * q + 0.0602 * q * q
    y = (basic_rating(line) - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return loud + talker + 15 * math.log10(1 + math.pow(10, y) + math.pow(10, z))


def _talker_echo(line: Line, delay_ms: float) -> float:
    echo = line.talker_echo_loss - 40 * math.log10((1 + delay_ms / 10) / (1 + delay_ms / 150))
    echo += 6 * math.exp(-0.3 * delay_ms**2)
    rating = 80 + 2.5 * (echo - 14)
    quiet = -1.5 * (noise(line) - line.receive_loudness)
    half = (quiet - rating) / 2
    return (half + math.sqrt(half * half + 100) - 1) * (1 - math.exp(-delay_ms))


def _listener_echo(line: Line, round_trip_ms: float) -> float:
    rating = 10.5 * (line.weighted_echo_path_loss + 7) * math.pow(round_trip_ms + 1, -0.25)
    half = (basic_rating(line) - rating) / 2
    return half + math.sqrt(half * half + 169)


def long_delay(delay_ms: float) -> float:
    """Impairment by delay that is too long even without echo, Idd (section 7.4); `delay_ms` one way."""
    if delay_ms <= 100:
        return 0.0
    x = math.log10(delay_ms / 100) / math.log10(2)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def delay(delay_ms: float, line: Line = DEFAULT) -> float:
    """Impairment by delay and echo, Id (section 7.4); `delay_ms` one way, both ways alike."""
    return _talker_echo(line, delay_ms) + _listener_echo(line, 2 * delay_ms) + long_delay(delay_ms)


def equipment(codec: Equipment, loss: float, burst_ratio: float = 1.0) -> float:
    """Impairment by codec and lost packets, Ie-eff (section 7.5); `loss` 0 to 1, `burst_ratio` 1 for random loss."""
    percent = 100 * loss
    return codec.impairment + (95 - codec.impairment) * percent / (percent / burst_ratio + codec.robustness)


def rating(
    codec: Equipment, *, loss: float = 0.0, burst_ratio: float = 1.0, delay_ms: float = 0.0, line: Line = DEFAULT
) -> float:
    """Transmission rating R; narrowband at most 100, wideband at most 129 (not bounded below)."""
    if codec.wideband:
        return WIDEBAND_R0 - long_delay(delay_ms) - equipment(codec, loss, burst_ratio)
    return (
        basic_rating(line)
        - simultaneous(line, delay_ms)
        - delay(delay_ms, line)
        - equipment(codec, loss, burst_ratio)
        + line.advantage
    )


def opinion(r: float) -> float:
    """Mean opinion score of conversational quality, 1 to 4.5, of a narrowband rating (Annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    # Below R = 6.5 the cubic falls under 1, the worst opinion there is.
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mean_opinion(
    codec: Equipment, *, loss: float = 0.0, burst_ratio: float = 1.0, delay_ms: float = 0.0
) -> tuple[float, float]:
    """Rating and mean opinion score of a connection; wideband opinions are on the scale of wideband listeners."""
    r = rating(codec, loss=loss, burst_ratio=burst_ratio, delay_ms=delay_ms)
    return r, opinion(r / 1.29 if codec.wideband else r)
