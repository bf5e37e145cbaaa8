"""The soak: its judgement, and a minute of it."""

from typing import Any

import pytest

from bench.soak import Samples, run


def test_a_leak_is_told_from_noise() -> None:
    samples = Samples()
    for at in range(0, 600, 10):
        samples.add("handles", "leaks", at, 50 + at / 10)
        samples.add("handles", "breathes", at, 50 + at % 20)
        samples.add("handles", "warms up", at, min(50, 10 + at))
    risen, mean = samples.rise("handles", "leaks", 600)
    assert (round(risen), round(mean)) == (19, 100)
    assert abs(samples.rise("handles", "breathes", 600)[0]) < 5
    assert samples.rise("handles", "warms up", 600) == (0.0, 50.0)


@pytest.mark.system
@pytest.mark.alone
def test_a_minute_of_many_calls_leaves_nothing_behind() -> None:
    found: dict[str, tuple[Any, str]] = {}

    def emit(name: str, value: Any, unit: str, **_: Any) -> None:
        found[name] = (value, unit)

    run(emit, minutes=0.8)
    assert found["soak_calls"][0] > 300
    # A minute is too short for memory: pages of tables are touched for the first time. Threads have no such excuse.
    growing = [name for name, (_, unit) in found.items() if unit.endswith("IT GROWS") and "threads" in name]
    assert not growing, found
    nothing = {name: value for name, (value, _) in found.items() if name.startswith(("soak_failed", "soak_left_"))}
    assert set(nothing.values()) == {0}, found
    assert len(nothing) == 4
