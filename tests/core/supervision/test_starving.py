"""A process that gets no processor, and one that hangs."""

from edge.core.supervision.starving import MOST, Share, StarveWatch


def had(waited_ms: int = 1000, ran_ms: int = 10, *, ready: bool = False) -> Share:
    return Share(ran_ms, waited_ms, ready)


def watch() -> StarveWatch:
    made = StarveWatch()
    made.seen(had(), 0)
    return made


def test_who_waited_for_a_processor_is_excused_and_who_slept_is_not() -> None:
    assert watch().excuses(had(1000 + 2000), 4000, 4000)
    assert not watch().excuses(had(1000 + 1999), 4000, 4000)


def test_who_got_none_at_all_is_excused_and_who_ran_all_the_time_is_not() -> None:
    assert watch().excuses(had(ready=True), 4000, 4000), "its wait is not over, so it is not counted"
    assert not watch().excuses(had(ran_ms=10 + 2001, ready=True), 4000, 4000)


def test_what_was_waited_before_the_silence_is_no_excuse() -> None:
    one = watch()
    one.seen(had(9000), 5000)
    one.seen(had(9000), 7000)
    assert not one.excuses(had(9000), 4000, 9500)


def test_a_look_within_the_silence_hides_nothing_of_it() -> None:
    one = watch()
    one.seen(had(4800), 3900)
    assert one.excuses(had(4900), 4000, 4100)


def test_a_loop_that_never_ends_is_ended_on_a_busy_machine_too() -> None:
    one = watch()
    judged = [one.excuses(had(1000 + 3600 * n, 400 * n, ready=True), 4000, 4000 * n) for n in range(1, MOST + 2)]
    assert judged == [True] * MOST + [False]


def test_each_sign_of_life_begins_the_count_anew() -> None:
    one = watch()
    for n in range(1, 3 * MOST):
        assert one.excuses(had(1000 + 3600 * n), 4000, 4000 * n)
        one.heard()


def test_a_machine_that_does_not_count_excuses_nobody() -> None:
    one = StarveWatch()
    one.seen(had(0, 0), 0)
    assert not one.excuses(had(0, 0), 4000, 4000)
    one.begin()
    assert not one.excuses(had(5000), 4000, 8000), "another life, which nobody has looked at"
