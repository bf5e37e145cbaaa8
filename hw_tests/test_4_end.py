"""Calls that end: at the other side, and by us. Somebody who stands by, or a far side that hangs up by itself."""

import time

import pytest

from edge.cli.hw_bench import Bench
from edge.core.lines.words import Connected, Ended, Identified, StateChanged
from hw_tests.helper import Helper

Figures = dict[str, object]


def test_the_far_hang_up_is_detected(
    bench: Bench, call: Connected, request: pytest.FixtureRequest, figures: Figures
) -> None:
    soon = request.config.getoption("far_hangs_up")
    if soon is None and not request.config.getoption("attended"):
        pytest.skip("--attended, or --far-hangs-up SECONDS")
    ended = next((one for one in bench.after(call) if isinstance(one, Ended)), None)
    if ended is None:
        if soon is None:
            Helper(request.config).please("hang up at the far side")
        place = next(at for at, (_, one) in enumerate(bench.said) if one is call)
        ended = bench.wait((soon or 60) + 20, Ended, since=place)
    figures["cause"], figures["q850"] = ended.cause, ended.q850
    assert ended.cause in {"normal", "no_carrier", "busy"}


def test_we_hang_up(quiet_line: Bench, request: pytest.FixtureRequest, figures: Figures) -> None:
    """A call of our own is over when we end it, and the line takes the next."""
    number = request.config.getoption("call")
    if not number:
        pytest.skip("--call NUMBER of somebody who answers")
    for _ in range(2):
        quiet_line.call(number)
        began = time.monotonic()
        ended = quiet_line.hang_up()
        figures["over_after_s"] = round(time.monotonic() - began, 2)
        assert ended.cause == "normal"
        time.sleep(quiet_line.profile.limits.rest_ms / 1000)


def test_the_line_is_ready_afterwards(quiet_line: Bench, identity: Identified) -> None:
    state = quiet_line.last(StateChanged)
    assert state is not None
    assert state.state == "ready"
