"""What leaves the outbox when it is full, step by step, against a store that does what it is told."""

import random
from typing import get_args

import pytest

from edge.core.delivery.room import SHEDDABLE, VALUE, Purge, Room, RoomPolicy, Shed, steps_of
from edge.vocabulary.events import AnyEvent

TYPES = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}
#: How something ended, and what begins it, is worth more than any room.
NEVER = ["call.*", "dialer.*", "callback.*", "trunk.*", "events.*", "recording.completed", "recording.failed"]
NEVER += ["queue.entered", "queue.connected", "queue.left", "message.*", "voicemail.*", "survey.*", "transfer.*"]


class Outbox:
    """Events of 100 bytes each, by sequence."""

    def __init__(self, policy: RoomPolicy) -> None:
        self.room = Room(policy)
        self.kinds: dict[int, str] = {}
        #: What there ever was.
        self.all: dict[int, str] = {}
        self.last = self.taken = 0
        self.purged: list[int] = []
        self.shed: list[int] = []

    def append(self, *kinds: str) -> None:
        for kind in kinds:
            self.last += 1
            self.kinds[self.last] = self.all[self.last] = kind

    @property
    def size(self) -> int:
        return 100 * len(self.kinds)

    def settle(self) -> int:
        """Do all there is to do; how many steps it took."""
        for steps in range(10_000):
            todo = self.room.next(self.size, self.taken, self.last)
            if todo is None:
                return steps
            if isinstance(todo, Purge):
                going = sorted(one for one in self.kinds if one <= todo.through)[: todo.rows]
                self.purged += going
                self.room.purged(todo, len(going))
            else:
                assert isinstance(todo, Shed)
                window = range(todo.after + 1, todo.after + todo.window + 1)
                going = [one for one in window if self.kinds.get(one) in todo.types]
                self.shed += going
                self.room.shed(todo, self.last)
            for one in going:
                del self.kinds[one]
        raise AssertionError("it never ends")


def test_every_kind_that_can_be_shed_is_one_and_no_end_is_among_them() -> None:
    assert SHEDDABLE <= TYPES
    assert sum(len(kinds) for kinds in VALUE) == len(SHEDDABLE)
    for pattern in NEVER:
        kinds = {kind for kind in TYPES if kind == pattern or kind.startswith(pattern.rstrip("*"))}
        assert kinds, pattern
        assert not kinds & SHEDDABLE, pattern


def test_without_a_quota_nothing_goes() -> None:
    outbox = Outbox(RoomPolicy(quota_bytes=0, when_full="shed"))
    outbox.append(*["dtmf.received"] * 5000)
    outbox.taken = 5000
    assert outbox.settle() == 0


def test_what_every_sink_has_goes_first() -> None:
    outbox = Outbox(RoomPolicy(quota_bytes=100_000, when_full="shed"))
    outbox.append(*["dtmf.received"] * 1200)
    outbox.taken = 700
    outbox.settle()
    assert (outbox.purged, outbox.shed) == (list(range(1, 501)), [])
    assert not outbox.room.refusing
    assert not outbox.room.shedding


def test_calls_are_refused_until_there_is_room_again() -> None:
    outbox = Outbox(RoomPolicy(quota_bytes=100_000))
    outbox.append(*["dtmf.received"] * 1001)
    outbox.settle()
    assert (outbox.room.refusing, outbox.shed, outbox.purged) == (True, [], [])
    outbox.taken = 30
    outbox.settle()
    assert outbox.size > 95_000
    assert outbox.room.refusing  # not by turns
    outbox.taken = 200
    outbox.settle()
    assert not outbox.room.refusing


def test_the_least_valuable_go_first_the_oldest_of_them_first_and_ends_never() -> None:
    outbox = Outbox(RoomPolicy(quota_bytes=100_000, when_full="shed"))
    outbox.append(*["call.started", "dtmf.received", "menu.input", "leg.quality", "call.ended"] * 200)
    outbox.append("dtmf.received")
    outbox.settle()
    assert {outbox.all[one] for one in outbox.shed} == {"dtmf.received"}
    assert outbox.room.shedding is False
    assert outbox.size <= 95_000
    outbox.append(*["menu.input", "call.ended"] * 400)
    outbox.settle()
    assert outbox.size <= 95_000 or outbox.room.refusing
    assert list(outbox.kinds.values()).count("call.ended") == 600
    outbox.append(*["call.ended"] * 1000)
    outbox.settle()
    assert outbox.room.refusing
    assert not set(outbox.kinds.values()) & SHEDDABLE
    outbox.taken = outbox.last
    outbox.settle()
    assert not outbox.room.refusing


def test_the_operators_own_order() -> None:
    steps = steps_of(["leg.*", "dtmf.received"])
    assert "leg.quality" in steps[0]
    assert steps[1] == ("dtmf.received",)
    assert steps_of([]) == VALUE
    outbox = Outbox(RoomPolicy(quota_bytes=10_000, when_full="shed", steps=steps))
    outbox.append(*["dtmf.received", "leg.quality", "menu.input"] * 40)
    outbox.settle()
    assert list(map(outbox.all.__getitem__, outbox.shed)) == ["leg.quality"] * 40


def test_another_policy_is_taken_at_once() -> None:
    outbox = Outbox(RoomPolicy(quota_bytes=10_000))
    outbox.append(*["dtmf.received"] * 200)
    outbox.settle()
    assert outbox.room.refusing
    outbox.room.configure(RoomPolicy(quota_bytes=10_000, when_full="shed"))
    outbox.settle()
    assert not outbox.room.refusing
    assert outbox.size <= 9_500


@pytest.mark.parametrize("seed", range(20))
def test_by_chance_it_ends_and_keeps_what_it_must(seed: int) -> None:
    dice = random.Random(seed)
    when_full = dice.choice(["refuse_calls", "shed"])
    outbox = Outbox(RoomPolicy(quota_bytes=50_000, when_full=when_full))  # type: ignore[arg-type]
    ends = 0
    for _ in range(60):
        kinds = dice.choices(["dtmf.received", "menu.input", "leg.ended", "call.ended"], k=dice.randrange(80))
        ends += kinds.count("call.ended")
        outbox.append(*kinds)
        outbox.taken = max(outbox.taken, dice.choice([0, outbox.last - dice.randrange(900)]))
        outbox.settle()
        room = outbox.room
        assert room.refusing or outbox.size <= 50_000
        assert {outbox.all[one] for one in outbox.shed} <= SHEDDABLE
        assert all(one <= outbox.taken for one in outbox.purged)
        assert (
            list(outbox.kinds.values()).count("call.ended")
            + [outbox.all[one] for one in outbox.purged].count("call.ended")
            == ends
        )
        if when_full == "refuse_calls":
            assert not outbox.shed
