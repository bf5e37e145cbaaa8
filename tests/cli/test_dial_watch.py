"""What `edge dial status --watch` says beside its bars."""

from collections import deque
from typing import Any

import pytest

from edge.cli import dial_campaigns

CAMPAIGN: dict[str, Any] = {
    "name": "spring",
    "pacing": "predictive",
    "open": 5,
    "ringing": 2,
    "talking": 3,
    "outcomes": {},
}


def test_rates_are_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    before: dict[str, deque[tuple[float, int]]] = {}
    said = ""
    for look in range(101):
        monkeypatch.setattr(dial_campaigns.time, "monotonic", lambda look=look: look * 0.5)
        # Two a second at first, then none.
        outcomes = {"busy": min(look, 50), "connected": min(look, 50) // 2, "abandoned": int(look > 40)}
        said = dial_campaigns._figures({**CAMPAIGN, "outcomes": outcomes}, before)
        if look == 30:
            assert said == "5 calls (2 ring, 3 talk), 180 ended/min, answered 33 %, abandoned 0.0 %"
    assert said == "5 calls (2 ring, 3 talk), 0 ended/min, answered 34 %, abandoned 3.8 %"


def test_nothing_has_ended_yet() -> None:
    assert dial_campaigns._figures({**CAMPAIGN, "pacing": "channels"}, {}).endswith("0 ended/min, answered -")
