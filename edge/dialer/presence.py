"""This appliance among those that share its store: only one may have its name, and one that is gone is noticed.

How long a count has stood still is seen by our own clock; nobody's clocks are compared.
"""

from collections.abc import Callable

from msgspec import Struct

from edge.dialer.clocks import Clocks
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Presence as Seen

#: How often it is said, and looked, who is there.
BEAT_MS = 1000
#: Whoever has our name and does nothing for so long was killed. Longer than a statement may take.
TAKE_OVER_MS = 15_000
CONDITION = "campaigns-name"


class _Watched(Struct):
    """Since when a count of beats stands still."""

    beats: int
    since_ms: int
    told: bool = False


class Absent(Struct, frozen=True):
    """An appliance that is gone, for people."""

    name: str
    seen_ms: int
    #: For how long we have seen nothing of it.
    away_ms: int


class Presence:
    """`look` is called all the time. While it answers False the attempts of our name are not ours."""

    def __init__(  # noqa: PLR0917 - each is needed
        self,
        store: CampaignStore,
        me: Seen,
        clocks: Clocks,
        gone_after_ms: int,
        health: Callable[[str, str], None],
        take_up: Callable[[], None],
        held: Callable[[str], None],
    ) -> None:
        """`take_up`: there are attempts of ours that nobody looks after. `held`: one of a campaign was held."""
        self._store, self._me, self._clocks = store, me, clocks
        self.gone_after_ms = gone_after_ms
        self._health, self._take_up, self._held = health, take_up, held
        self._here = False
        self._beaten_ms: int | None = None
        self._watched: dict[str, _Watched] = {}
        self.absent: list[Absent] = []

    def look(self) -> bool:
        """Tell whether the name is ours. Says that we are there, and holds what those have left who are not.

        Raises StorageError.
        """
        now_ms = self._clocks.now_ms()
        if self._here and not self._store.shared:
            return True  # nobody else can open it
        if self._beaten_ms is not None and now_ms - self._beaten_ms < BEAT_MS:
            return self._here
        self._beat(now_ms)
        self._beaten_ms = now_ms
        if self._here and self._store.shared:
            self._watch(now_ms)
        return self._here

    def leave(self) -> None:
        """Say that we stop."""
        if self._here:
            self._here = False
            self._store.leave(self._me, self._clocks.wall_ms())

    def _beat(self, now_ms: int) -> None:
        before = self._watched.get(self._me.name)
        # A store that nobody shares can only have been left by a run of ours that is over.
        patience_ms = min(TAKE_OVER_MS, self.gone_after_ms) if self._store.shared else 0
        still = before is not None and now_ms - before.since_ms >= patience_ms
        beat = self._store.beat(self._me, self._clocks.wall_ms(), before.beats if before and still else None)
        if beat.in_use is not None:
            self._here = False
            self._note(beat.in_use, now_ms)
            if self._store.shared:
                self._health(CONDITION, f"another appliance calls itself {self._me.name}, or did until a moment ago")
            else:
                self._beat(now_ms)
            return
        if not self._here:
            self._health(CONDITION, "")
        if not self._here or beat.taken_back:
            self._here = True
            self._take_up()

    def _watch(self, now_ms: int) -> None:
        self.absent = []
        for seen in self._store.presences():
            if seen.name == self._me.name:
                continue
            watched = self._note(seen, now_ms)
            away_ms = now_ms - watched.since_ms
            if (seen.run or seen.open) and away_ms >= self.gone_after_ms:
                self.absent.append(Absent(seen.name, seen.seen_ms, away_ms))
                for campaign in self._store.hold_absent(seen, self._clocks.wall_ms()) if seen.open else ():
                    self._held(campaign)

    def _note(self, seen: Seen, now_ms: int) -> _Watched:
        watched = self._watched.get(seen.name)
        if watched is None or watched.beats != seen.beats:
            watched = self._watched[seen.name] = _Watched(seen.beats, now_ms)
        return watched
