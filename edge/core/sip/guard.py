"""What is held against whom, and the share of each trunk.

A trunk's own sources are never shut out: what is wrong with their messages is not answered while they are banned, and
what is right goes on. Only who has ended spans by its messages brings no new calls for the time of its ban. Who tries
numbers that nobody has is told of, where its calls are answered as well; one that brings nothing else hears from front
that nobody has the number, whichever it tries, so a scan is neither a load nor worth anything.
"""

import re
from collections import OrderedDict

from msgspec import Struct

from edge.core.sip.actions import Action, Count, Tell
from edge.core.sip.dialog_index import Dialogs
from edge.core.sip.evidence import Ban, Evidence, Suspect
from edge.core.sip.rates import Bucket, Buckets
from edge.core.sip.trunks import Trunks
from edge.vocabulary.reports import Noticed
from edge.vocabulary.site_events import SecurityBanned, SecurityCause, SecuritySuspected, SecurityUnbanned

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,128}?)[ \t]*\r\n", re.IGNORECASE)
#: Messages that a call takes, and what comes beside calls (OPTIONS, REGISTER), in a second.
_PER_CALL, _BESIDE_CALLS = 5, 100
#: Names whose being over their share is remembered.
_OVER_LIMIT = 256

#: A source whose call was answered so long ago carries calls; so many sources are remembered.
CARRIES_MS = 3_600_000
_CARRIERS = 4096
#: What is suspected of a trunk's source is told again after this time.
SUSPECT_AGAIN_MS = 600_000

_EVENTS_PER_SECOND, _EVENTS_AT_ONCE = 0.1, 60


class Kept(Struct):
    """What is known of sources, for front's next life (times are CLOCK_MONOTONIC, milliseconds)."""

    suspects: dict[str, Suspect]
    bans: list[Ban]
    carries: dict[str, int]
    suspected: dict[str, int]


class Guard:
    """Evidence about all sources, and what all trunks have sent."""

    def __init__(self, trunks: Trunks, dialogs: Dialogs, calls_per_second: int) -> None:
        self._trunks = trunks
        self._dialogs = dialogs
        self._evidence = Evidence()
        self._shares = Buckets(_PER_CALL * calls_per_second + _BESIDE_CALLS)
        self._telling = Bucket(_EVENTS_PER_SECOND, _EVENTS_AT_ONCE)
        #: Trunk (or source) -> second in which it was over its share.
        self._over: dict[str, int] = {}
        #: Source -> when a call of its own was answered last, and when it was told of last.
        self._carries: OrderedDict[str, int] = OrderedDict()
        self._suspected: dict[str, int] = {}
        #: Answered calls so far.
        self._answered = 0

    # --- from life to life

    @property
    def changes(self) -> int:
        """Grows whenever `kept` returns something else."""
        return self._evidence.changes + self._answered

    def kept(self) -> Kept:
        """Return what a successor needs."""
        suspects, bans = self._evidence.kept()
        return Kept(suspects, bans, dict(self._carries), dict(self._suspected))

    def restore(self, kept: Kept) -> None:
        """Take over what an earlier life has kept."""
        self._evidence.restore(kept.suspects, kept.bans)
        self._carries.update(kept.carries)
        self._suspected.update(kept.suspected)

    # --- evidence

    def hold(self, source: str, kind: SecurityCause, now_ms: int) -> list[Action]:
        """Hold something against a source; what is to be counted and told, a ban with it."""
        found: list[Action] = [Count("evidence", kind)]
        ban = self._evidence.note(source, kind, now_ms)
        if ban is not None:
            found.append(Count("banned", ban.cause))
            # Forged addresses must not fill the disk with events; metrics and `edge bans` know of every ban.
            ban.told = self._telling.take(now_ms)
            if ban.told:
                found.append(Tell(Noticed(self._event(ban))))
        return found

    def unknown_number(self, source: str, now_ms: int) -> list[Action]:
        """Note that a call went to a number that nobody has; what is to be counted and told."""
        name = self._trunk_name(source)
        found: list[Action] = [Count("unknown_number", name)] if name else []
        if not self._carries_calls(source, now_ms):
            return found + self.hold(source, "unknown_number", now_ms)
        found.append(Count("evidence", "unknown_number"))
        suspicion = self._evidence.note(source, "unknown_number", now_ms, shuts_out=False)
        told = self._suspected.get(source)
        if suspicion is None or (told is not None and now_ms < told + SUSPECT_AGAIN_MS):
            return found
        if len(self._suspected) >= _OVER_LIMIT:
            self._suspected.clear()
        self._suspected[source] = now_ms
        event = SecuritySuspected(source=source, trunk=name, cause=suspicion.cause, evidence=dict(suspicion.evidence))
        return [*found, Tell(Noticed(event))] if self._telling.take(now_ms) else found

    def _carries_calls(self, source: str, now_ms: int) -> bool:
        at_ms = self._carries.get(source)
        return at_ms is not None and now_ms < at_ms + CARRIES_MS

    def _event(self, ban: Ban) -> SecurityBanned:
        return SecurityBanned(
            source=ban.source,
            trunk=self._trunk_name(ban.source),
            cause=ban.cause,
            evidence=ban.evidence,
            seconds=ban.seconds,
            times=ban.times,
        )

    def good(self, source: str, now_ms: int) -> None:
        """Note that a call of `source` was answered."""
        self._evidence.good(source, now_ms)
        self._answered += 1
        self._carries[source] = now_ms
        self._carries.move_to_end(source)
        if len(self._carries) > _CARRIERS:
            self._carries.popitem(last=False)

    def banned(self, source: str, now_ms: int) -> Ban | None:
        """Return the ban of a source."""
        return self._evidence.banned(source, now_ms)

    def may_call(self, source: str, now_ms: int) -> bool:
        """Whether a trunk's source may bring new calls."""
        ban = self.banned(source, now_ms)
        return ban is None or ban.cause != "span_killed"

    def scans(self, source: str, now_ms: int) -> bool:
        """Whether a trunk's source only tries which numbers there are."""
        ban = self.banned(source, now_ms)
        return ban is not None and ban.cause == "unknown_number"

    def routes_changed(self, now_ms: int) -> list[Action]:
        """Forget whose numbers nobody had: somebody may have them now."""
        return self._ended(self._evidence.forgive("unknown_number", now_ms), "cleared")

    def bans(self, now_ms: int) -> list[Ban]:
        """Return the bans that last, the newest first."""
        return self._evidence.bans(now_ms)

    def clear(self, source: str, now_ms: int) -> list[Action]:
        """End the ban of `source`, all of them when it is empty."""
        return self._ended(self._evidence.clear(source, now_ms), "cleared")

    def sweep(self, now_ms: int) -> list[Action]:
        """Tell of bans that have ended."""
        return self._ended(self._evidence.sweep(now_ms), "expired")

    def _ended(self, bans: list[Ban], how: str) -> list[Action]:
        return [
            Tell(Noticed(SecurityUnbanned(source=ban.source, trunk=self._trunk_name(ban.source), by=how)))
            for ban in bans
            if ban.told
        ]

    def _trunk_name(self, source: str) -> str:
        trunk = self._trunks.of_host(source)
        return trunk.name if trunk is not None else ""

    @property
    def version(self) -> int:
        """Grows whenever somebody is banned, or is not any more."""
        return self._evidence.version

    def kept_out(self, limit: int, now_ms: int) -> list[str]:
        """Return banned strangers, at most `limit`, the newest first: nothing of theirs need reach us."""
        found = [
            ban.source
            for ban in self.bans(now_ms)
            if self._trunks.of_host(ban.source) is None and not self._dialogs.is_direct(ban.source)
        ]
        return found[:limit]

    # --- shares

    def admits(self, data: bytes, source: str, now_ms: int) -> bool:
        """Whether a message of a known source is read: it is within its trunk's share, or of a call that is there."""
        # Responses count by themselves: a flood of requests in a trunk's name must not hide answers to our own.
        name = self._share_of(source)
        if self._shares.take(f"{name} responses" if data.startswith(b"SIP/") else name, now_ms):
            return True
        found = _CALL_ID.search(data, 0, 4096)
        return found is not None and self._dialogs.has_call(found[1].decode(errors="replace"))

    def over(self, source: str, now_ms: int) -> list[Action]:
        """Note that a message was not read; what is to be counted and told."""
        found: list[Action] = [Count("dropped", "rate")]
        name, second = self._share_of(source), now_ms // 1000
        if self._over.get(name) != second:
            if len(self._over) >= _OVER_LIMIT:
                self._over.clear()
            self._over[name] = second
            found += self.hold(source, "rate", now_ms)
        return found

    def suffers(self, name: str, now_ms: int) -> bool:
        """Whether there is too much to do because of others: they are over their shares, and this trunk is not."""
        recent = {over for over, second in self._over.items() if second >= now_ms // 1000 - 1}
        return bool(recent) and name not in recent

    def _share_of(self, source: str) -> str:
        trunk = self._trunks.of_host(source)
        return trunk.name if trunk is not None else source
