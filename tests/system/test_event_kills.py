"""The kills of `edge bench event_kills`, few of them: no event lost, no gap, one end a call, whatever dies."""

import pytest

from bench import event_kills

pytestmark = pytest.mark.system

KILLS = 20


def test_no_kill_loses_an_event(seed: int) -> None:
    found = event_kills.run(KILLS, seed)
    told = f"seed {seed}: {found}"
    assert found.kills.total() == KILLS, told
    assert found.answered, told
    assert not found.findings, told
    assert (found.lost_calls, found.lost, found.foreign, found.disordered, found.forged) == (0, 0, 0, 0, 0), told
