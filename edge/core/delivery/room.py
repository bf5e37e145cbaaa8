"""How the outbox is kept within its bounds: what goes when, and when new calls do not come in.

What is old goes when every sink has it. When the outbox is full, what every sink has goes at once; then it is as the
operator says: no new calls, or the least valuable kinds of events go before their sinks had them. What says how a call,
an attempt of a campaign or a recording ended is never among these.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

#: What can be shed, the least valuable first. What is in none of them never is.
VALUE: tuple[tuple[str, ...], ...] = (
    # Moments of a call that its later events sum up.
    (
        "dtmf.received",
        "dtmf.flash",
        "tone.detected",
        "tone.ended",
        "answer.revised",
        "answer.greeting_ended",
        "leg.ringing",
        "leg.sound_changed",
        "leg.audio_stopped",
        "leg.audio_resumed",
        "leg.adopted",
        "recording.muted",
        "recording.unmuted",
    ),
    # The way through menus; `call.ended` has the nodes.
    ("menu.node_entered", "menu.input", "menu.attributes_set", "menu.asked", "prompt.missing"),
    # What legs did.
    (
        "leg.started",
        "leg.answered",
        "leg.ended",
        "leg.quality",
        "leg.moved",
        "leg.failed_over",
        "leg.held",
        "leg.resumed",
        "leg.hold_failed",
        "bridge.started",
        "bridge.ended",
        "conference.joined",
        "conference.mode_changed",
        "conference.left",
        "hunt.started",
        "whisper.started",
        "queue.agent_offered",
        "queue.agent_missed",
        "recording.started",
        "security.suspected",
    ),
)
SHEDDABLE = frozenset(kind for kinds in VALUE for kind in kinds)
#: It is full until it holds so many percent of the quota: calls are not refused and taken by turns.
ENOUGH_PERCENT = 95
#: Rows of one step, and sequences that one step of shedding looks at: either holds the loop up for some milliseconds.
PURGE_ROWS = 500
SHED_WINDOW = 2000


class RoomPolicy(Struct, frozen=True, kw_only=True):
    """What the operator wants."""

    #: 0: there is none.
    quota_bytes: int
    when_full: Literal["refuse_calls", "shed"] = "refuse_calls"
    #: Types that may be shed, by steps, the least valuable first.
    steps: Sequence[Sequence[str]] = VALUE


class Purge(Struct, frozen=True):
    """Delete the oldest events up to sequence `through`, at most `rows`; answer with `purged`."""

    through: int
    rows: int = PURGE_ROWS


class Shed(Struct, frozen=True):
    """Delete the events of `types` among the `window` sequences above `after`; answer with `shed`."""

    step: int
    after: int
    types: tuple[str, ...]
    window: int = SHED_WINDOW


def steps_of(wanted: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Read types and groups (`leg.*`) in the order in which they are to be shed; without any, ours."""
    steps = tuple(
        tuple(kind for kind in sorted(SHEDDABLE) if kind == one or (one.endswith("*") and kind.startswith(one[:-1])))
        for one in wanted
    )
    return steps or VALUE


class Room:
    """Decides; whoever has the store does what it says, step by step, until it says None."""

    def __init__(self, policy: RoomPolicy) -> None:
        self._policy = policy
        self._tight = False
        #: Nothing up to here is left that could be purged.
        self._purged_to = -1
        #: How far each step of shedding has come.
        self._shed_to = [0] * len(policy.steps)
        #: Whether events are shed, and whether new calls are refused, since there is nothing to shed (any more).
        self.shedding = False
        self.refusing = False

    def configure(self, policy: RoomPolicy) -> None:
        """Go on with another policy."""
        if policy != self._policy:
            self._policy = policy
            self._tight = self.shedding = self.refusing = False
            self._shed_to = [0] * len(policy.steps)

    def next(self, size: int, taken: int, last: int) -> Purge | Shed | None:
        """Say what to do now.

        `size`: bytes of the outbox; `taken`: every sink has what is up to this sequence; `last`: its last sequence.
        """
        quota = self._policy.quota_bytes
        self._tight = quota > 0 and (size > quota or (self._tight and size * 100 > quota * ENOUGH_PERCENT))
        if not self._tight:
            self.shedding = self.refusing = False
            return None
        if taken > self._purged_to:
            return Purge(taken)
        if self._policy.when_full == "shed":
            for step, types in enumerate(self._policy.steps):
                after = max(self._shed_to[step], taken)
                if after < last:
                    self.shedding = True
                    return Shed(step, after, tuple(types))
        self.refusing |= size > quota
        return None

    def purged(self, purge: Purge, rows: int) -> None:
        """Take note of how many rows went."""
        if rows < purge.rows:
            self._purged_to = purge.through

    def shed(self, shed: Shed, last: int) -> None:
        """Take note that it was done, with `last` the last sequence that there was."""
        self._shed_to[shed.step] = min(shed.after + shed.window, last)
