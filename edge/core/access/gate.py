"""The gate of the API: which token it is, whether its role will do, and whether it comes too often.

A token is 256 random bits, so one round of SHA-256 is all that its hash takes: there is nothing to be guessed, other
than with passwords. Wrong tokens are counted for each source; from `FAILURES` a minute on they get 429. A right one is
always let in: behind a proxy all come from one source, and none may lock the others out.
"""

import hashlib
import hmac
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.core.sip.rates import Bucket, Buckets
from edge.vocabulary.access import Role, allows

#: Wrong tokens of one source a minute that get 401; those above get 429.
FAILURES: Final = 20
#: What tokens begin with, so that they are found in files where they do not belong.
PREFIX: Final = "edge_"
#: Longest header that is looked at.
MAX_PRESENTED: Final = 512


class Holder(NamedTuple):
    """A token of the site."""

    name: str
    hash: str
    role: Role
    rate: int
    burst: int


class Refusal(NamedTuple):
    """Why somebody is not let in: an HTTP status (RFC 9110), a text, and after how many seconds to come again."""

    status: int
    text: str
    retry_after_s: int = 0
    #: `none`, `wrong`, `role`, `rate`, `failures`: for metrics.
    why: str = ""


def hash_of(token: str) -> str:
    """Return what the site file has of a token."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def bearer_of(header: str | None) -> str:
    """Return the token of an `Authorization` header (RFC 6750 section 2.1), empty without one."""
    if header is None or len(header) > MAX_PRESENTED:
        return ""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Gate:
    """Lets in or refuses; the clock is the caller's."""

    def __init__(self) -> None:
        self._holders: list[Holder] = []
        self._rates: dict[str, Bucket] = {}
        self._failures = Buckets(FAILURES / 60, burst=FAILURES)

    def configure(self, holders: Iterable[Holder]) -> None:
        """Take the tokens that hold from now on; what a token that stays has used up stays used up."""
        new = list(holders)
        before = {holder.name: holder for holder in self._holders}
        self._rates = {
            one.name: self._rates[one.name]
            if one.name in before and before[one.name] == one
            else Bucket(one.rate, burst=one.burst)
            for one in new
        }
        self._holders = new

    def find(self, presented: str) -> Holder | None:
        """Return whose token it is; the time does not tell how much of it is right, or whose."""
        given = hash_of(presented).encode()
        found = None
        for holder in self._holders:
            if hmac.compare_digest(given, holder.hash.encode()):
                found = holder
        return found

    def admit(self, header: str | None, least: Role, source: str, now_ms: int) -> Holder | Refusal:
        """Decide on a request from `source` with this `Authorization` header that takes at least this role."""
        presented = bearer_of(header)
        if not presented:
            return Refusal(401, "a token is needed: Authorization: Bearer TOKEN", why="none")
        holder = self.find(presented)
        if holder is None:
            if not self._failures.take(source, now_ms):
                return Refusal(429, "too many wrong tokens from here", math.ceil(60 / FAILURES), "failures")
            return Refusal(401, "no such token", why="wrong")
        if not self._rates[holder.name].take(now_ms):
            return Refusal(429, f"more than {holder.rate} requests a second", math.ceil(1 / holder.rate), "rate")
        if not allows(holder.role, least):
            return Refusal(403, f"this takes the role '{least}', and the token has '{holder.role}'", why="role")
        return holder
