"""Slow twin of the G.711 tables, from the segment definitions of ITU-T G.711 tables 1 and 2."""


def decode_mulaw(code: int) -> int:
    """The output value: segment s, step m, in units of the 14-bit scale, times 4."""
    inverted = 255 - code
    segment, step = inverted // 16 % 8, inverted % 16
    value = ((2 * step + 33) * 2**segment - 33) * 4
    return -value if inverted >= 128 else value


def decode_alaw(code: int) -> int:
    """The output value: segment s, step m, in units of the 13-bit scale, times 8; even bits are inverted."""
    plain = code ^ 0x55
    segment, step = plain // 16 % 8, plain % 16
    value = (2 * step + 1) if segment == 0 else (2 * step + 33) * 2 ** (segment - 1)
    return value * 8 if plain >= 128 else -value * 8


def encode_mulaw(sample: int) -> int:
    """The interval that holds the sample, found by walking the decision values (14-bit scale)."""
    value = sample >> 2
    magnitude = min(abs(value), 8158)
    segment = 0
    while segment < 7 and magnitude >= 64 * 2**segment - 33:
        segment += 1
    step = (magnitude - (32 * 2**segment - 33)) // (2 * 2**segment)
    return 255 - (segment * 16 + step + (128 if value < 0 else 0))


def encode_alaw(sample: int) -> int:
    """The interval that holds the sample (13-bit scale); negative values mirror at -1."""
    value = sample >> 3
    magnitude = -value - 1 if value < 0 else value
    segment = 0
    while segment < 7 and magnitude >= 32 * 2**segment:
        segment += 1
    step = (magnitude // 2 if segment == 0 else (magnitude - 16 * 2**segment) // 2**segment) % 16
    return (segment * 16 + step + (0 if value < 0 else 128)) ^ 0x55
