"""A call that is made is known to ring and to be answered."""

from edge.cli.hw_bench import Bench
from edge.core.lines.words import Connected, Ended, Rings

Figures = dict[str, object]


def test_the_answer_is_detected(bench: Bench, call: Connected, figures: Figures) -> None:
    rings = bench.last(Rings)
    figures["rang"] = rings is not None
    if rings is not None:
        figures["answered_after_ringing_s"] = round(bench.seconds_between(rings, call), 2)
    assert not [one for one in bench.after(call) if isinstance(one, Ended)], "the call is over already"
