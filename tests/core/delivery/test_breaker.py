"""When a backend is asked no more, and when it is again."""

import random

from edge.core.delivery.breaker import Breaker


def test_it_opens_after_failures_in_a_row_and_one_probe_decides() -> None:
    breaker = Breaker(3, 1000)
    for answered in (False, False, True, False, False):
        assert breaker.admits(0)
        breaker.came(answered, 0)
    assert breaker.state == "closed", "an answer between them began the count anew"
    breaker.came(False, 100)
    assert not breaker.admits(1099)
    assert breaker.admits(1100)
    assert not breaker.admits(1100), "one probe"
    breaker.came(False, 1500)
    assert not breaker.admits(2499)
    assert breaker.admits(2500)
    breaker.came(True, 2600)
    assert breaker.state == "closed"
    breaker.came(False, 2700)
    assert breaker.admits(2700), "the count began anew"


def test_what_was_asked_before_it_opened_counts_when_it_is_answered() -> None:
    breaker = Breaker(1, 1000)
    assert breaker.admits(0)
    assert breaker.admits(0)
    breaker.came(False, 10)
    assert not breaker.admits(20)
    breaker.came(False, 500)
    assert breaker.admits(1010), "a failure while it is open lengthens nothing"
    breaker.came(True, 1011)
    assert breaker.state == "closed"


def test_settings_change_and_zero_never_opens() -> None:
    breaker = Breaker(0, 1000)
    for _ in range(100):
        breaker.came(False, 0)
    assert breaker.admits(0)
    breaker.take(5, 1000)
    breaker.came(False, 0)
    assert not breaker.admits(0)
    breaker.take(0, 1000)
    assert breaker.admits(0)


def test_by_chance_it_never_stays_open_without_a_probe() -> None:
    dice = random.Random(7)
    for _ in range(300):
        breaker, now_ms, under_way = Breaker(dice.randint(1, 4), 1000), 0, 0
        for _ in range(200):
            now_ms += dice.randint(0, 400)
            if dice.random() < 0.5 and breaker.admits(now_ms):
                under_way += 1
            elif under_way:
                under_way -= 1
                breaker.came(dice.random() < 0.4, now_ms)
        if breaker.state == "probing":
            assert under_way
        elif breaker.state == "open":
            assert breaker.admits(now_ms + 1000)
