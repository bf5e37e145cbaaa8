"""Digest access authentication, the client's side (RFC 3261 section 22, RFC 7616, RFC 8760).

A trunk's account answers challenges of one realm only: a digest for another realm would be a sample of the password for
whoever asked. Of several challenges of that realm the strongest is answered.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from edge.core.sip.errors import SipError
from edge.core.sip.uri import TOKEN
from edge.vocabulary.private import Private

#: Challenges of one response that are looked at.
CHALLENGES_LIMIT = 8
#: Answers to challenges that one request gets: the first, and one more when the nonce was stale or another asks, too.
TRIES = 2
#: Nonces whose use is counted; a server that sees a number of an older one again says that it is stale.
_NONCES = 256

Header = Literal["WWW-Authenticate", "Proxy-Authenticate"]
#: What answers which.
ANSWER_HEADERS: dict[Header, str] = {
    "WWW-Authenticate": "Authorization",
    "Proxy-Authenticate": "Proxy-Authorization",
}
#: Hash functions by the name in a challenge, the strongest first.
_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
_STRENGTH = {name: place for place, name in enumerate(_HASHES)}

_ITEM = re.compile(
    rf"[ \t]*(?:({TOKEN})[ \t]+)?({TOKEN})[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*+)\"|({TOKEN}))[ \t]*(?:,|$)"
)


class Account(Struct, frozen=True, kw_only=True):
    """Who a trunk's provider knows us as."""

    #: User part of our address of record.
    user: str
    #: `username` in the digest.
    auth_user: str
    password: Private
    #: The one realm whose challenges are answered; empty: that of the first challenge of the trunk's own address.
    realm: str = ""


class Challenge(Struct, frozen=True, kw_only=True):
    """A digest challenge that can be answered."""

    header: Header
    realm: str
    nonce: str
    #: As it stood there; empty: none was given, which means MD5.
    algorithm: str = ""
    opaque: str | None = None
    #: `auth` is offered; without any `qop` the digest is that of RFC 2069.
    qop: bool = True
    stale: bool = False


def scan(text: str) -> str:
    """Check the text of a challenge header; raises `SipError` 400. What it means is for `read`."""
    position, found = 0, 0
    while position < len(text):
        match = _ITEM.match(text, position)
        if match is None or (not found and match[1] is None):
            raise SipError(400, "grammar", "bad challenge")
        position, found = match.end(), found + 1
    if not found:
        raise SipError(400, "grammar", "bad challenge")
    return text


def read(text: str, header: Header) -> list[Challenge]:
    """Return the challenges in a checked header value that we can answer, in their order."""
    schemes: list[tuple[str, dict[str, str]]] = []
    for match in _ITEM.finditer(text):
        scheme, name, quoted, plain = match.groups()
        if scheme is not None:
            schemes.append((scheme.lower(), {}))
        if schemes:
            schemes[-1][1].setdefault(name.lower(), plain if quoted is None else quoted)
    found = [_challenge(values, header) for scheme, values in schemes[:CHALLENGES_LIMIT] if scheme == "digest"]
    return [challenge for challenge in found if challenge is not None]


def _challenge(values: dict[str, str], header: Header) -> Challenge | None:
    algorithm = values.get("algorithm", "")
    offered = [one.strip(" \t").lower() for one in values["qop"].split(",")] if "qop" in values else None
    if _base(algorithm) not in _HASHES or (offered is not None and "auth" not in offered):
        return None
    if "realm" not in values or not values.get("nonce"):
        return None
    return Challenge(
        header=header,
        realm=values["realm"],
        nonce=values["nonce"],
        algorithm=algorithm,
        opaque=values.get("opaque"),
        qop=offered is not None,
        stale=values.get("stale", "").lower() == "true",
    )


def _base(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS") or "MD5"


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the challenge with the strongest hash; of equal ones the first (RFC 8760 section 2.4)."""
    return min(challenges, key=lambda one: _STRENGTH[_base(one.algorithm)], default=None)


class Use(Struct, frozen=True):
    """What one answer is made for: a method and its Request-URI, with how often the nonce was used by now."""

    method: str
    uri: str
    count: int
    cnonce: str


def credentials(challenge: Challenge, account: Account, use: Use) -> str:
    """Write the value that answers a challenge (RFC 7616 section 3.4)."""
    hash_name = _HASHES[_base(challenge.algorithm)]

    def hashed(*parts: str) -> str:
        return hashlib.new(hash_name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret = hashed(account.auth_user, challenge.realm, account.password.reveal())
    if challenge.algorithm.upper().endswith("-SESS"):
        secret = hashed(secret, challenge.nonce, use.cnonce)
    request = hashed(use.method, use.uri)
    number = f"{use.count:08x}"
    if challenge.qop:
        response = hashed(secret, challenge.nonce, number, use.cnonce, "auth", request)
    else:
        response = hashed(secret, challenge.nonce, request)
    values = [
        f'username="{account.auth_user}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{use.uri}"',
        f'response="{response}"',
    ]
    if challenge.algorithm:
        values.append(f"algorithm={challenge.algorithm}")
    if challenge.qop or challenge.algorithm.upper().endswith("-SESS"):
        values.append(f'cnonce="{use.cnonce}"')
    if challenge.opaque is not None:
        values.append(f'opaque="{challenge.opaque}"')
    if challenge.qop:
        values += ["qop=auth", f"nc={number}"]
    return "Digest " + ", ".join(values)


#: What came of a challenge; a closed list, safe as a metric label.
Verdict = Literal["answered", "rejected", "foreign_realm", "unusable", "no_account"]


class Authenticator:
    """Answers challenges in the name of trunks. `seed` is random and unguessable: cnonces are made from it."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0
        self._realms: dict[str, str] = {}
        self._used: OrderedDict[tuple[str, str], int] = OrderedDict()

    def forget(self, trunk: str) -> None:
        """Unlearn the realm of a trunk whose settings changed."""
        self._realms.pop(trunk, None)

    def realm(self, trunk: str, account: Account) -> str:
        """Return the realm whose challenges are answered; empty: not known yet."""
        return account.realm or self._realms.get(trunk, "")

    def choose(
        self, trunk: str, account: Account, extras: dict[str, str], before: list[Challenge], *, own_address: bool
    ) -> tuple[Verdict, list[Challenge]]:
        """Choose what is to be answered of a 401 or 407, with the headers `extras`.

        `before`: what was answered for this request already. `own_address`: the response came from where requests of
        the trunk are sent to, so a realm may be learned from it.
        """
        offered = [found for header in ANSWER_HEADERS for found in read(extras.get(header, ""), header)]
        if not offered:
            return "unusable", []
        realm = self.realm(trunk, account)
        if not realm and own_address:
            realm = self._realms[trunk] = offered[0].realm
        ours = [one for one in offered if one.realm == realm]
        if not ours:
            return "foreign_realm", []
        chosen = {one.header: one for one in before}
        news = False
        for header in ANSWER_HEADERS:
            best = strongest(one for one in ours if one.header == header)
            if best is None:
                continue
            news = news or header not in chosen or best.stale
            chosen[header] = best
        # Asked again for what was given, and not for the nonce's age: the password is wrong. More tries lock accounts.
        return ("answered", list(chosen.values())) if news else ("rejected", [])

    def headers(
        self, trunk: str, account: Account, challenges: Iterable[Challenge], of: tuple[str, str]
    ) -> dict[str, str]:
        """Return the header fields that answer these challenges for one request, of a method and a Request-URI."""
        method, uri = of
        found = {}
        for challenge in challenges:
            key = (trunk, challenge.nonce)
            self._used[key] = self._used.pop(key, 0) + 1
            if len(self._used) > _NONCES:
                self._used.popitem(last=False)
            self._made += 1
            cnonce = hashlib.blake2s(f"{self._seed}\0{self._made}".encode(), digest_size=8).hexdigest()
            use = Use(method, uri, self._used[key], cnonce)
            found[ANSWER_HEADERS[challenge.header]] = credentials(challenge, account, use)
        return found
