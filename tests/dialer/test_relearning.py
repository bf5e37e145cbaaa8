"""A new life of the dialer knows what the one before has measured."""

from pathlib import Path

from msgspec.structs import replace

from edge.vocabulary.commands import AgentsTold
from edge.vocabulary.dialing import Evidence
from tests.dialer.world import CAMPAIGN, House


def test_talks_are_learnt_again(tmp_path: Path) -> None:
    house = House(tmp_path, 30, queue="sales", max_channels=30)
    house.begin()
    house.engine.hear(AgentsTold({"sales": {"ready": [house.now_ms] * 25}}))
    house.turn()
    for count, attempt in enumerate(house.lasting):
        end = house.switch.end(attempt, "busy" if count % 5 == 4 else "connected", house.wall_ms)
        evidence = Evidence(outcome="completed", ended_by="callee", queue="connected", waited_ms=1500)
        talk = (
            {"answered_ms": 4000, "talked_ms": 61_500, "evidence": evidence} if end.disposition == "connected" else {}
        )
        house.engine.hear(replace(end, **talk))
    house.kill_dialer()
    pace = house.engine.campaigns[CAMPAIGN].pace
    assert pace is not None
    state = pace._state
    assert (state.answers.attempts, state.answers.answers, state.talk.seen) == (25, 20, 20)
    assert state.talk._ended[60_000 // state.talk.cell_ms] == 20
