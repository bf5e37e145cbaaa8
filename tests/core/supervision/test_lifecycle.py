"""Lives and deaths in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.supervision.lifecycle import (
    ABORT_MS,
    REFUSED,
    SILENCE_MS,
    START_MS,
    Abort,
    Action,
    Beat,
    Begun,
    Ended,
    GaveUp,
    Hung,
    Kill,
    Launch,
    Lifecycle,
    Passed,
    Patience,
    Ready,
    Slowed,
    Stop,
    Want,
)
from edge.core.supervision.restart import (
    LOOP_FAILURES,
    LOOP_PAUSE_MS,
    LOOP_WINDOW_MS,
    MEDIA,
    PAUSES_MS,
    SOUND_LIFE_MS,
    RestartPolicy,
)


def running(now_ms: int = 0, **options: object) -> Lifecycle:
    life = Lifecycle(**options)  # type: ignore[arg-type]
    assert life.handle(Want(), now_ms) == [Launch()]
    assert life.handle(Ready(), now_ms) == []
    assert life.state == "running"
    return life


def pass_deadline(life: Lifecycle) -> tuple[int, list[Action]]:
    assert life.deadline is not None
    at_ms = life.deadline.at_ms
    assert life.handle(Passed(), at_ms - 1) == [], "before its time a deadline does nothing"
    return at_ms, life.handle(Passed(), at_ms)


def test_first_failure_restarts_at_once_and_repeated_ones_back_off_into_a_crash_loop() -> None:
    life = running()
    now_ms, pauses, slowed = 0, [], []
    for _ in range(8):
        actions = life.handle(Ended(-9), now_ms)
        slowed += [a for a in actions if isinstance(a, Slowed)]
        if Launch() in actions:
            pauses.append(0)
        else:
            assert life.state == "waiting"
            before_ms = now_ms
            now_ms, later = pass_deadline(life)
            assert later == [Launch()]
            pauses.append(now_ms - before_ms)
    assert pauses == [0, 100, 500, 1000, LOOP_PAUSE_MS, LOOP_PAUSE_MS, LOOP_PAUSE_MS, LOOP_PAUSE_MS]
    assert slowed == [Slowed(LOOP_PAUSE_MS)], "told once"
    assert life.crash_loop
    assert life.restarts == 8


def test_slow_failures_back_off_without_being_a_loop() -> None:
    policy = RestartPolicy()
    pauses = [policy.failed(lived_ms=9_000, now_ms=n * 16_000) for n in range(8)]
    assert pauses == [*PAUSES_MS, PAUSES_MS[-1]]


def test_a_media_engine_comes_back_at_once_again_and_again_and_a_loop_is_slowed() -> None:
    policy = RestartPolicy(MEDIA)
    pauses = [policy.failed(lived_ms=500, now_ms=n * 600) for n in range(14)]
    assert pauses[:8] == [0] * 8
    assert pauses[8:11] == [100, 200, 500]
    assert pauses[11:] == [MEDIA.loop_pause_ms] * 3
    assert policy.is_loop(14 * 600)
    assert policy.failed(lived_ms=SOUND_LIFE_MS, now_ms=10**6) == 0


def test_the_time_from_abort_to_kill_is_the_process_own() -> None:
    life = running(patience=Patience(abort_ms=100), ladder=MEDIA)
    assert life.handle(Hung(), 1000) == [Abort()]
    assert pass_deadline(life) == (1100, [Kill()])


def test_a_sound_life_forgives() -> None:
    life = running()
    life.handle(Ended(1), 0)
    assert Launch() in life.handle(Ended(1), SOUND_LIFE_MS)


def test_the_loop_is_over_when_its_failures_are_old() -> None:
    policy = RestartPolicy()
    for n in range(LOOP_FAILURES):
        policy.failed(0, n)
    assert policy.is_loop(LOOP_WINDOW_MS - 1)
    assert not policy.is_loop(LOOP_WINDOW_MS)


def test_refused_configuration_is_not_tried_again_until_wanted() -> None:
    life = running()
    assert life.handle(Ended(REFUSED), 5) == [GaveUp()]
    assert life.state == "refused"
    assert life.deadline is None
    assert life.handle(Want(), 10_000) == [Launch()]


def test_silence_aborts_then_kills_then_kills_again() -> None:
    life = running()
    life.handle(Beat(), 1000)
    at_ms, actions = pass_deadline(life)
    assert (at_ms, actions) == (1000 + SILENCE_MS, [Abort()])
    at_ms, actions = pass_deadline(life)
    assert (at_ms, actions) == (1000 + SILENCE_MS + ABORT_MS, [Kill()])
    at_ms, actions = pass_deadline(life)
    assert actions == [Kill()]
    assert life.handle(Ended(-9), at_ms) == [Launch()]


def test_beats_after_the_abort_change_nothing() -> None:
    life = running()
    life.handle(Hung(), 0)
    life.handle(Beat(), 1)
    life.handle(Ready(), 2)
    assert life.state == "aborting"
    assert pass_deadline(life)[1] == [Kill()]


def test_starting_has_more_patience_and_beats_renew_it() -> None:
    life = Lifecycle()
    life.handle(Want(), 0)
    assert life.deadline is None, "a launch may have to wait for its zygote"
    life.handle(Begun(), 0)
    assert life.deadline is not None
    life.handle(Beat(), 7000)
    assert life.state == "starting"
    assert pass_deadline(life) == (7000 + START_MS, [Abort()])


def test_a_zygote_is_never_called_silent() -> None:
    life = running(patience=Patience(start_ms=None, silence_ms=None))
    assert life.deadline is None
    assert life.handle(Passed(), 10**9) == []
    assert life.handle(Hung(), 10**9) == [Abort()]


def test_stop_kills_who_stays_and_is_not_followed_by_a_restart() -> None:
    life = running()
    life.handle(Stop(500), 100)
    assert life.state == "stopping"
    assert pass_deadline(life) == (600, [Kill()])
    assert life.handle(Ended(-9), 601) == []
    assert life.state == "stopped"


def test_stop_while_waiting_cancels_the_restart() -> None:
    life = running()
    life.handle(Ended(1), 0)
    life.handle(Ended(1), 0)
    assert life.state == "waiting"
    life.handle(Stop(500), 10)
    assert life.state == "stopped"
    assert life.deadline is None


def test_an_end_without_restart_is_final_and_its_status_may_come_late() -> None:
    life = running(restart=False)
    assert life.handle(Ended(None), 0) == []
    assert life.state == "stopped"
    life.status_known(-6)
    life.status_known(-11)
    assert life.last_status == -6


INPUTS = st.sampled_from(
    [Want(), Begun(), Ready(), Beat(), Ended(0), Ended(-9), Ended(None), Ended(REFUSED), Hung(), Passed()]
)


@given(st.lists(st.tuples(INPUTS, st.integers(0, 20_000)), max_size=60))
def test_there_is_never_more_than_one_life_and_never_a_dead_end(steps: list[tuple[object, int]]) -> None:
    life = Lifecycle()
    now_ms = 0
    processes = 0
    for event, pause_ms in steps:
        now_ms += pause_ms
        if isinstance(event, Ended) and processes == 0:
            continue
        processes -= isinstance(event, Ended)
        processes += life.handle(event, now_ms).count(Launch())  # type: ignore[arg-type]
        assert processes == life.alive
        assert life.alive or life.deadline is not None or life.state in {"stopped", "refused"}
