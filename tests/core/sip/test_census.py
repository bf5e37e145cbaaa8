"""Nothing of a call is left when it is over, whatever its parties did: all tables are as empty as at the start.

`python -m tests.core.sip.test_census COUNT SEED` runs longer.
"""

import sys
from collections import Counter, deque
from typing import Any

import msgspec
import pytest

from edge.core.sip.transactions import Repeater
from tests.core.sip.flows import Flows
from tests.core.sip.world import World

#: What is remembered of sources, trunks and the last hour on purpose; each has a limit of its own, tested elsewhere.
REMEMBERED = ("._evidence.", "._shares.", "._over", "._carries", "._suspected", ".traffic.", ".reachability.")
#: The last challenges of each trunk and that its password was refused; calls of the last second, dropped with the next.
REMEMBERED += (".authenticator.", ".spans._arrivals", ".trunks._starts", ".trunks._known", ".spans.spans[].starts")


def parts(thing: Any) -> dict[str, Any]:
    """What an object of ours is made of, by name."""
    if isinstance(thing, msgspec.Struct):
        return {name: getattr(thing, name) for name in thing.__struct_fields__}
    ours = type(thing).__module__.startswith("edge.")
    return dict(vars(thing)) if ours and hasattr(thing, "__dict__") else {}


def census(thing: Any, path: str = "", seen: set[int] | None = None) -> Counter[str]:
    """Count what the containers reachable from an object of ours hold, by path; items of one container together."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return Counter()
    seen.add(id(thing))
    found: Counter[str] = Counter()
    if isinstance(thing, dict | list | set | frozenset | tuple | deque):
        if not isinstance(thing, tuple):
            found[path] = len(thing)
        for item in thing.values() if isinstance(thing, dict) else thing:
            found.update(census(item, f"{path}[]", seen))
    for name, value in parts(thing).items():
        found.update(census(value, f"{path}.{name}", seen))
    return found


def left_over(world: World, before: Counter[str]) -> dict[str, int]:
    """What is there that was not at the start."""
    now = census(world.door)
    return {
        path: size for path, size in now.items() if size > before[path] and not any(name in path for name in REMEMBERED)
    }


def run(count: int, seed: int) -> tuple[dict[str, int], Flows]:
    """Let `count` calls happen and end; what is left 32 s after the last word of the last one."""
    flows = Flows(seed)
    before = census(flows.world.door)
    flows.run(count)
    flows.finish()
    # A 200 without its ACK has 32 s, then the BYE has, then the tombstone.
    flows.world.wait(100_000)
    assert set(flows.ends.values()) <= {1}, "an end is told once"
    assert flows.adopted <= set(flows.ends), "who is told that front has a leg is told its end"
    return left_over(flows.world, before), flows


def test_all_tables_are_empty_after_two_thousand_calls_by_chance() -> None:
    left, flows = run(2000, seed=1)
    assert left == {}
    assert flows.world.door.figures()["dialogs"] == flows.world.door.figures()["tombstones"] == 0
    for name in ("set up", "peer 3xx", "peer 4xx", "peer 6xx", "asked BYE", "asked CANCEL", "asked ACK", "asked INFO",
                 "mutated", "span_deaths", "restarts"):  # fmt: skip
        assert flows.figures[name] > 50, flows.figures


def test_a_leak_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repeater, "stop_all", lambda *_: None)
    left, _ = run(30, seed=1)
    assert "._relay.repeats._running" in left


if __name__ == "__main__":
    left, flows = run(int(sys.argv[1]), int(sys.argv[2]))
    print(left, dict(flows.figures))
