"""Crypto suites of SRTP as SDP names them (RFC 4568, RFC 6188, RFC 7714)."""

from typing import Literal

SrtpPolicy = Literal["off", "optional", "required"]

#: Octets of master key and master salt together, by suite; the best suite first. Pairs of 80 and 32 bits differ in the
#: tag of RTP packets only, so the short one of a longer key still comes after the long one of a shorter.
SUITES: dict[str, int] = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
