"""Until when a certificate is valid (X.509, RFC 5280 section 4.1.2.5), read from its DER form.

Python's `ssl` shows that of verified peers only, neither our own nor that of a trunk whose certificate is not verified.
"""

from datetime import UTC, datetime

_SEQUENCE = 0x30
_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18


class NoCertificateError(ValueError):
    """The octets are no certificate."""


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, begin and end of the content of the DER element at `at`."""
    if at + 2 > len(data):
        raise NoCertificateError("it ends too early")
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[at : at + octets], "big")
        at += octets
    if at + length > len(data):
        raise NoCertificateError("it ends too early")
    return tag, at, at + length


def _inside(data: bytes, at: int, wanted: int) -> tuple[int, int]:
    tag, begin, end = _element(data, at)
    if tag != wanted:
        raise NoCertificateError(f"tag {tag:#x} where {wanted:#x} should be")
    return begin, end


def not_after(der: bytes) -> datetime:
    """Return the end of a certificate's validity, UTC. Raises `NoCertificateError`."""
    at, _ = _inside(der, 0, _SEQUENCE)
    at, _ = _inside(der, at, _SEQUENCE)  # tbsCertificate
    if at < len(der) and der[at] == _VERSION:
        at = _element(der, at)[2]
    for _ in ("serialNumber", "signature", "issuer"):
        at = _element(der, at)[2]
    at, _ = _inside(der, at, _SEQUENCE)  # validity
    tag, begin, end = _element(der, _element(der, at)[2])
    text = der[begin:end].decode("ascii", "replace")
    try:
        if tag == _UTC_TIME:
            # Two digits of the year: 50 and above are of the last century.
            text = ("19" if text[:2] >= "50" else "20") + text
        elif tag != _GENERALIZED_TIME:
            raise NoCertificateError("no time of its end")
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise NoCertificateError("no time of its end") from error
