"""100s wait until they are needed."""

from edge.front.trying import HELD_LIMIT, HOLD_MS, Trying
from edge.runtime.pump import Pump

VIA = b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK%s\r\n"


def response(status: int, branch: bytes = b"one") -> bytes:
    return b"SIP/2.0 %d Text\r\n" % status + VIA % branch + b"Call-ID: a@b\r\n\r\n"


class World:
    def __init__(self) -> None:
        self.now_ms = 1000
        self.pump = Pump("test", lambda: self.now_ms)
        self.taken: list[tuple[bytes, int]] = []
        self.overtaken = 0
        self.trying: Trying[int] = Trying(
            self.pump, lambda data, port: self.taken.append((data, port)), self._overtaken
        )

    def _take(self, data: bytes, port: int) -> None:
        self.taken.append((data, port))

    def _overtaken(self) -> None:
        self.overtaken += 1

    def later(self) -> None:
        """Let all timers fire."""
        self.now_ms += 10**9
        self.pump.at(0, self.pump.stop)
        self.pump.run()


def test_a_100_is_handled_later_when_nothing_follows_it() -> None:
    world = World()
    assert world.trying.holds(response(100), 5070)
    assert world.taken == []
    world.later()
    assert world.taken == [(response(100), 5070)]
    assert world.overtaken == 0


def test_what_follows_makes_it_needless() -> None:
    world = World()
    assert world.trying.holds(response(100), 5070)
    assert not world.trying.holds(response(200), 5070)
    assert world.overtaken == 1
    world.later()
    assert world.taken == []


def test_another_transaction_or_span_does_not() -> None:
    world = World()
    world.trying.holds(response(100), 5070)
    assert not world.trying.holds(response(200, b"two"), 5070)
    assert not world.trying.holds(response(200), 5071)
    assert not world.trying.holds(b"BYE sip:a@b SIP/2.0\r\n" + VIA % b"one" + b"\r\n", 5070)
    assert world.overtaken == 0
    world.later()
    assert world.taken == [(response(100), 5070)]


def test_one_timer_for_all_and_a_new_one_afterwards() -> None:
    world = World()
    for number in range(3):
        assert world.trying.holds(response(100, b"%d" % number), 5070)
    world.later()
    assert len(world.taken) == 3
    assert world.trying.holds(response(100, b"next"), 5070)
    world.later()
    assert len(world.taken) == 4


def test_no_more_than_the_limit_wait() -> None:
    world = World()
    assert all(world.trying.holds(response(100, b"%d" % number), 5070) for number in range(HELD_LIMIT))
    assert not world.trying.holds(response(100, b"one more"), 5070)


def test_broken_ones_do_no_harm() -> None:
    world = World()
    broken = (b"SIP/2.0 100 ", b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 200 \r\n\r\n", b"SIP/2.0 ", b"", b"\r\n")
    assert [world.trying.holds(data, 5070) for data in broken] == [True, True, False, False, False, False]
    world.later()
    assert {data for data, _ in world.taken} <= set(broken[:2])


def test_it_waits_less_than_a_peer_may_wait_for_it() -> None:
    assert HOLD_MS < 200
