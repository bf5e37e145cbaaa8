"""Calls that end: at the other side, and by us. Somebody who stands by, or a far side that hangs up by itself."""

import time

import pytest

from edge.cli.hw_bench import Bench, BenchError
from edge.core.lines.words import CallerKnown, Connected, DigitHeard, Ended, HangUp, Identified, Incoming, StateChanged
from hw_tests.helper import Helper

Figures = dict[str, object]
FAR_KEYS = "159#"


def test_keys_of_the_other_side(bench: Bench, call: Connected, helper: Helper, figures: Figures) -> None:
    """For modems that say so; else the detector hears them, as `test_keys_in_the_sound` has shown."""
    if not any(one.means == "digit" for one in bench.profile.dialogue.unsolicited):
        pytest.skip("this modem does not report keys")
    place = len(bench.said)
    helper.please(f"press {' '.join(FAR_KEYS)} at the far side")
    heard = ""
    end = time.monotonic() + 60
    while len(heard) < len(FAR_KEYS) and time.monotonic() < end:
        heard = "".join(a.digit.reveal() for _, a in bench.said[place:] if isinstance(a, DigitHeard))
        time.sleep(0.1)
    figures["heard"] = heard
    assert heard == FAR_KEYS


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


def test_a_call_that_comes_in(quiet_line: Bench, helper: Helper, figures: Figures) -> None:
    """It is told with its caller where the network has him, and refused."""
    place = len(quiet_line.said)
    helper.please("call the number of the device")
    incoming = quiet_line.wait(120, Incoming, since=place)
    if incoming.caller is None and not incoming.withheld:
        figures["caller"] = "later" if _known(quiet_line, place) else "never"
    else:
        figures["caller"] = "withheld" if incoming.withheld else "at once"
    refused = quiet_line.wait(30, Ended, since=quiet_line.tell(HangUp()))
    figures["cause"] = refused.cause


def _known(bench: Bench, place: int) -> bool:
    try:
        bench.wait(6, CallerKnown, since=place)
    except BenchError:
        return False
    return True


def test_the_line_is_ready_afterwards(quiet_line: Bench, identity: Identified) -> None:
    state = quiet_line.last(StateChanged)
    assert state is not None
    assert state.state == "ready"
