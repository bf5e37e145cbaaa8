"""What speaks against a source, weighed; from enough of it follows a ban, for a time.

Each piece of evidence adds its weight to its source's score, which halves every two minutes. No single piece, nor two,
reach the limit: a mistake is no attack. A ban lasts ten minutes, and twice as long each further time within a day. What
a ban means is for others to say (`guard`); a trunk's own sources are never kept from bringing good calls by it.

Memory is bounded: of more sources than `SOURCES` those that were heard least recently are forgotten, so that a flood
from forged addresses can only push out what it has itself put in, or what is old; bans have a place of their own.
"""

from collections import OrderedDict

from msgspec import Struct, field

from edge.vocabulary.site_events import SecurityCause

#: Score at which a source is banned.
LIMIT = 100.0
HALF_LIFE_MS = 120_000
#: Ten failed log-ins within a minute are enough, and so are three messages of a tool that says what it is.
WEIGHTS: dict[SecurityCause, float] = {
    "scanner": 40.0,
    "stranger": 4.0,
    "malformed": 12.0,
    "unknown_number": 8.0,
    "failed_digest": 12.0,
    # A second in which it sent more than it may.
    "rate": 12.0,
    "connections": 12.0,
    "span_killed": 60.0,
}
#: What a source is remembered for longer: the second span that it ends within half a day shuts it out.
_HALF_LIVES_MS: dict[SecurityCause, int] = {"span_killed": 24 * 3_600_000}
BAN_MS = 600_000
LONGEST_BAN_MS = 24 * 3_600_000
#: A ban is forgotten so long after its end.
MEMORY_MS = 24 * 3_600_000
SOURCES = 4096
BANS = 1024


class Suspect(Struct):
    """A source and what is known of it."""

    at_ms: int
    scores: dict[SecurityCause, float] = field(default_factory=dict)
    counts: dict[SecurityCause, int] = field(default_factory=dict)


def _fade(suspect: Suspect, now_ms: int) -> None:
    """Let time pass for what is held against a source."""
    past_ms, suspect.at_ms = max(0, now_ms - suspect.at_ms), now_ms
    for kind in list(suspect.scores):
        suspect.scores[kind] *= 0.5 ** (past_ms / _HALF_LIVES_MS.get(kind, HALF_LIFE_MS))
        if suspect.scores[kind] < 1.0:
            del suspect.scores[kind], suspect.counts[kind]


class Ban(Struct, kw_only=True):
    """A source that is shut out, or was within a day."""

    source: str
    cause: SecurityCause
    evidence: dict[str, int]
    since_ms: int
    until_ms: int
    #: How often in a row.
    times: int = 1
    #: Its begin was told, so its end will be.
    told: bool = False
    #: It has ended.
    over: bool = False

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return (self.until_ms - self.since_ms) // 1000


class Evidence:
    """All suspects and bans."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[str, Suspect] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        #: Grows whenever the set of those who are banned changes, and whenever anything does.
        self.version = 0
        self.changes = 0

    def kept(self) -> tuple[dict[str, Suspect], list[Ban]]:
        """Return all that a successor needs, those that were heard least recently first."""
        return dict(self._suspects), list(self._bans.values())

    def restore(self, suspects: dict[str, Suspect], bans: list[Ban]) -> None:
        """Take over what an earlier life has kept."""
        self._suspects.update(suspects)
        self._bans.update((ban.source, ban) for ban in bans)
        self.version += bool(bans)

    def __len__(self) -> int:
        return len(self._suspects)

    def note(
        self, source: str, kind: SecurityCause, now_ms: int, times: int = 1, *, shuts_out: bool = True
    ) -> Ban | None:
        """Take a piece of evidence (`times`: that many alike); the ban, when it makes one.

        Without `shuts_out` the ban is not in force: it only says what it would have been made of.
        """
        self.changes += 1
        suspect = self._suspects.get(source)
        if suspect is None:
            while len(self._suspects) >= SOURCES:
                self._suspects.popitem(last=False)
            suspect = self._suspects[source] = Suspect(now_ms)
        else:
            self._suspects.move_to_end(source)
        _fade(suspect, now_ms)
        suspect.scores[kind] = min(2 * LIMIT, suspect.scores.get(kind, 0.0) + WEIGHTS[kind] * times)
        suspect.counts[kind] = suspect.counts.get(kind, 0) + times
        if sum(suspect.scores.values()) < LIMIT or self.banned(source, now_ms) is not None:
            return None
        del self._suspects[source]
        ban = self._made(source, suspect, now_ms)
        if shuts_out:
            self._enforce(ban)
        return ban

    def good(self, source: str, now_ms: int) -> None:
        """Note that a call of `source` was answered: it weighs against a number that nobody has."""
        suspect = self._suspects.get(source)
        if suspect is not None and "unknown_number" in suspect.scores:
            self.changes += 1
            _fade(suspect, now_ms)
            left = suspect.scores.get("unknown_number", 0.0) - WEIGHTS["unknown_number"]
            if left > 0:
                suspect.scores["unknown_number"] = left
            else:
                suspect.scores.pop("unknown_number", None)
                suspect.counts.pop("unknown_number", None)

    def _made(self, source: str, suspect: Suspect, now_ms: int) -> Ban:
        before = self._bans.get(source)
        times = before.times + 1 if before is not None else 1
        lasting = min(LONGEST_BAN_MS, BAN_MS << min(times - 1, 16))
        cause = max(suspect.scores, key=lambda kind: suspect.scores[kind])
        if "span_killed" in suspect.scores:
            cause = "span_killed"
        return Ban(
            source=source,
            cause=cause,
            evidence={str(kind): count for kind, count in suspect.counts.items()},
            since_ms=now_ms,
            until_ms=now_ms + lasting,
            times=times,
        )

    def _enforce(self, ban: Ban) -> None:
        self._bans.pop(ban.source, None)
        while len(self._bans) >= BANS:
            self._bans.popitem(last=False)
        self._bans[ban.source] = ban
        self.version += 1

    def banned(self, source: str, now_ms: int) -> Ban | None:
        """Return the ban that shuts `source` out now."""
        ban = self._bans.get(source)
        return ban if ban is not None and now_ms < ban.until_ms and not ban.over else None

    def bans(self, now_ms: int) -> list[Ban]:
        """Return those that last, the newest first."""
        return [ban for ban in reversed(self._bans.values()) if now_ms < ban.until_ms and not ban.over]

    def clear(self, source: str, now_ms: int) -> list[Ban]:
        """End the ban of `source`, of all when it is empty; what is known against them is forgotten, too."""
        self.changes += 1
        if source:
            self._suspects.pop(source, None)
        else:
            self._suspects.clear()
        ended = [ban for ban in self.bans(now_ms) if source in ("", ban.source)]
        for ban in ended:
            del self._bans[ban.source]
        self.version += bool(ended)
        return ended

    def forgive(self, kind: SecurityCause, now_ms: int) -> list[Ban]:
        """End the bans that `kind` is the cause of, and forget what there is of it against anybody."""
        self.changes += 1
        for suspect in self._suspects.values():
            suspect.scores.pop(kind, None)
            suspect.counts.pop(kind, None)
        return [ended for ban in self.bans(now_ms) if ban.cause == kind for ended in self.clear(ban.source, now_ms)]

    def sweep(self, now_ms: int) -> list[Ban]:
        """Return the bans that have ended since the last call; forget what is older than a day."""
        ended = []
        for ban in list(self._bans.values()):
            if now_ms >= ban.until_ms and not ban.over:
                ban.over = True
                self.changes += 1
                ended.append(ban)
            elif now_ms >= ban.until_ms + MEMORY_MS:
                del self._bans[ban.source]
        self.version += bool(ended)
        return ended
