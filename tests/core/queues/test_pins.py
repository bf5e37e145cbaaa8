"""PINs of agents: what is believed, and for how long nothing is."""

from edge.core.queues.pins import Pins


def check(pins, given, now_ms=0, pin="4711"):
    return pins.check("anna", pin, given, now_ms, most=3, lock_ms=1000)


def test_the_third_wrong_one_locks_also_the_right_one_out():
    pins = Pins()
    assert [check(pins, "1"), check(pins, "2"), check(pins, "3"), check(pins, "4711")] == ["wrong"] * 3 + ["locked"]
    assert check(pins, "4711", 999) == "locked"
    assert check(pins, "4711", 1000) == "right"


def test_after_a_lock_one_has_all_tries_again():
    pins = Pins()
    for _ in range(3):
        check(pins, "1")
    assert [check(pins, "1", 2000), check(pins, "1", 2000), check(pins, "4711", 2000)] == ["wrong", "wrong", "right"]


def test_no_pin_is_never_right():
    assert check(Pins(), "", pin="") == "wrong"
    assert check(Pins(), "é") == "wrong"
