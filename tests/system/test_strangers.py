"""Strangers on the media ports: nothing comes out to them, nothing of theirs is heard, and nobody loses by them."""

from collections.abc import Iterator

import pytest

from bench import strangers
from bench.strangers import PHASES, Stage, attack, stage
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.alone]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("strangers"), rate=500, seconds=0.6) as made:
        yield made
        made.edge.check_histories()


@pytest.mark.parametrize("phase", PHASES)
def test_a_stranger_gets_nothing_and_does_nothing(at: Stage, phase: str) -> None:
    figures = attack(at, phase)
    assert figures.unhurt, figures


def test_the_attack_is_seen_where_it_succeeds(at: Stage) -> None:
    """The same figures on a call whose own peer sends what the stranger sends: they must tell."""
    call = at.caller.call(at.edge.uri).wait_answered()
    until(lambda: call.audio.hears(440), 20, "welcome")
    call.audio.tone_hz = strangers.TONE_HZ
    call.audio.press("1")
    until(lambda: call.audio.hears(550), 20, "one")
    before = len(at.edge.events())
    call.bye()
    call.wait_ended()
    until(lambda: at.edge.status()["calls"] == 0, 30, "calls over")
    figures = strangers.Figures("talking", sent=1)
    strangers.judge([call], at.edge.events()[before:], figures)
    assert figures.heard > 0
    assert not figures.unhurt
