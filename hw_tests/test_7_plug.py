"""The plug is pulled, and put in again. Last, for what hangs on the same hub may go with it."""

from edge.cli.hw_bench import Bench
from edge.core.lines.words import Identified, StateChanged
from hw_tests.helper import Helper

LIMIT_S = 120.0


def test_unplugged_and_back(bench: Bench, identity: Identified, helper: Helper, figures: dict[str, object]) -> None:
    place = len(bench.said)
    helper.please("pull the plug of the device")
    gone = bench.wait(LIMIT_S, StateChanged, since=place, fits=lambda one: one.state == "absent")
    figures["told"] = gone.text
    place = len(bench.said)
    helper.please("plug it in again")
    back = bench.wait(LIMIT_S, StateChanged, since=place, fits=lambda one: one.state == "ready")
    figures["ready_after_s"] = round(bench.seconds_between(gone, back), 1)
