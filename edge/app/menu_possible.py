"""What no stage can be made to do, whatever a test says of it."""

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from edge.app.menu_scene import STATUSES
from edge.core.menus.model import Dial, Menu, Transfer
from edge.core.menus.model import Queue as QueueNode
from edge.core.menus.rehearsed_world import QueueThere

#: Callers who can stand before the one of a test.
AHEAD_MOST = 30


class Reach(Struct, frozen=True):
    """One way by which a menu dials a target."""

    target: str
    trunk: str
    #: The caller is sent there by REFER.
    refers: bool
    #: The target is asked whether it takes the call.
    asks: bool


def reaches(menu: Menu) -> Iterator[Reach]:
    """List the ways by which a menu dials targets as they are written."""
    for node in menu.nodes.values():
        transfer = node.transfer if isinstance(node, Dial) else node
        if not isinstance(transfer, Transfer):
            continue
        refers = transfer.by == "refer"
        asks = transfer.whisper is not None and bool(transfer.whisper.accept)
        if isinstance(node, Dial):
            yield from (Reach(target, transfer.trunk, refers, asks) for target in node.extensions.values())
        else:
            yield from (Reach(one.target, one.trunk, refers, asks) for one in transfer.all_targets)


def impossible(menu: Menu, outcomes: Mapping[str, str], queues: Mapping[str, QueueThere]) -> str:
    """Say what cannot be staged of the outcomes of targets and of what is found in queues; empty: all can."""
    for target, outcome in outcomes.items():
        if outcome not in {*STATUSES, "no_answer", "answered"}:
            found = [one for one in reaches(menu) if one.target == target and not one.refers]
            reason = _why_not(menu, outcome, found, [agent.target for one in queues.values() for agent in one.agents])
            if reason:
                return f"{target}: {reason}"
    crowded = [name for name, there in queues.items() if there.ahead > AHEAD_MOST and not there.refuses]
    return f"{crowded[0]}: more than {AHEAD_MOST} callers before this one" if crowded else ""


def _why_not(menu: Menu, outcome: str, found: list[Reach], agents: Collection[str]) -> str:
    if outcome == "not_accepted":
        asked = any(one.asks for one in found) or any(
            isinstance(node, QueueNode) and node.whisper is not None and node.whisper.accept and agents
            for node in menu.nodes.values()
        )
        return "" if asked else "nobody is asked there whether he takes the call"
    if not found:
        return "how it is called is known in the call only"
    if outcome == "trunk_down" and not all(one.trunk for one in found):
        return "it is not called by a trunk that could be down"
    return ""
