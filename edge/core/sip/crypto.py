"""Security descriptions in SDP (RFC 4568): reading a peer's, choosing one, and writing ours.

Which streams are encrypted is the trunk's policy. `required` is RTP/SAVP both ways and nothing else. `optional` is
opportunistic (RFC 8643): we offer RTP/AVP with a=crypto, and take what is offered, RTP/SAVP or RTP/AVP with a=crypto or
plain; a call that is encrypted never becomes plain again. `off` knows RTP/AVP only.

Our own keys never come here: a description names them by handle, in as many octets as the key will have, and they are
put in when the message leaves (`edge.front.keys`). The peer's go out at once in a `KeepKeys`.
"""

import base64
import binascii
import re
from hashlib import blake2s

from msgspec import Struct

from edge.core.sip.uri import TOKEN
from edge.vocabulary.crypto import SUITES, SrtpPolicy
from edge.vocabulary.private import Private

SECURE, PLAIN = "RTP/SAVP", "RTP/AVP"
#: Lines that a description may have; nobody has use for more (security by bounds: each costs a decoding).
CRYPTO_LIMIT = 8

_CRYPTO = re.compile(rf"([0-9]{{1,9}})[ \t]+({TOKEN})[ \t]+(\S+)((?:[ \t]+\S+)*)[ \t]*", re.IGNORECASE)
#: One key (section 6.1), without an MKI: key and salt in base64, then perhaps a lifetime.
_INLINE = re.compile(r"inline:([A-Za-z0-9+/]{1,128}={0,2})(?:\|(?:2\^)?[0-9]{1,20})?", re.IGNORECASE)
#: Session parameters that ask for nothing we would have to do (section 6.3.6: a window hint; 6.3.1: KDR 0).
_HARMLESS = re.compile(r"WSH=[0-9]{1,6}|KDR=0|-\S+", re.IGNORECASE)
#: Where our key will stand: its handle, filled up to the key's length with a character that base64 does not have.
PLACEHOLDER = re.compile(rb"(a=crypto:[0-9]+ ([A-Z0-9_]+) inline:)keys-([0-9a-f]{16})\.+")


class PeerCrypto(Struct, frozen=True, kw_only=True):
    """An a=crypto line of a peer that we could use."""

    tag: int
    suite: str
    #: Master key and salt, base64 as it came.
    key: Private

    @property
    def print(self) -> str:
        """Fingerprint, by which a later description is seen to have the same key: half a hash of a random value."""
        return blake2s(f"{self.suite} {self.key.reveal()}".encode(), digest_size=8).hexdigest()


class Secured(Struct, frozen=True, kw_only=True):
    """Keys that were negotiated, without the keys."""

    handle: int
    tag: int
    suite: str
    #: Of the peer's line.
    print: str
    #: As the m= line has it.
    profile: str


def _key_fits(suite: str, text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == SUITES[suite]
    except binascii.Error:
        return False


def read_crypto(attributes: list[str]) -> tuple[PeerCrypto, ...] | None:
    """Read the usable a=crypto lines of a section's attributes; None: there are too many of them.

    Not used are lines that are not well formed, of an unknown suite, with more than one key or an MKI, or that want
    what we do not do: parts not encrypted or not authenticated, forward error correction, keys derived again, and any
    parameter that we do not know (section 6.3.7), unless its name begins with `-`.
    """
    lines = [value[7:].strip() for value in attributes if value[:7].lower() == "crypto:"]
    if len(lines) > CRYPTO_LIMIT:
        return None
    found = []
    for line in lines:
        match = _CRYPTO.fullmatch(line)
        inline = _INLINE.fullmatch(match[3]) if match is not None else None
        if match is None or inline is None:
            continue
        suite = match[2].upper()
        if (
            suite in SUITES
            and all(_HARMLESS.fullmatch(parameter) for parameter in match[4].split())
            and _key_fits(suite, inline[1])
        ):
            found.append(PeerCrypto(tag=int(match[1]), suite=suite, key=Private(inline[1])))
    return tuple(found)


def choose_crypto(offered: tuple[PeerCrypto, ...]) -> PeerCrypto | None:
    """Return the line of the best suite; of two alike the first."""
    return min(offered, key=lambda line: list(SUITES).index(line.suite), default=None)


def usable_crypto(profile: str, attributes: list[str], policy: SrtpPolicy) -> tuple[PeerCrypto, ...] | None:
    """Return what of a stream of `profile` may be used under `policy`; None: the stream may not be used at all."""
    wanted = profile.upper()
    if wanted == PLAIN:
        if policy == "required":
            return None
        return read_crypto(attributes) if policy == "optional" else ()
    if wanted == SECURE and policy != "off":
        return read_crypto(attributes) or None
    return None


def _line(tag: int, suite: str, handle: int) -> str:
    octets = (SUITES[suite] + 2) // 3 * 4
    return f"crypto:{tag} {suite} inline:" + f"keys-{handle:016x}".ljust(octets, ".")


def offer_lines(handle: int) -> tuple[str, ...]:
    """Attributes that offer every suite, the best first, with keys of a seed."""
    return tuple(_line(tag, suite, handle) for tag, suite in enumerate(SUITES, 1))


def offered_suite(tag: int) -> str:
    """Return the suite that `offer_lines` has under a tag; empty: none."""
    return list(SUITES)[tag - 1] if 0 < tag <= len(SUITES) else ""


def own_line(secured: Secured) -> tuple[str, ...]:
    """Attribute that states the key we send with."""
    return (_line(secured.tag, secured.suite, secured.handle),)
