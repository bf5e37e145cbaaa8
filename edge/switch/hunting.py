"""What calls that look for somebody want to know of each other."""

from collections.abc import Iterable

from edge.core.calls.actions import AskHunt
from edge.core.calls.call import Call
from edge.core.calls.inputs import HuntTold

#: Before the name of a list of targets, where switch remembers who took its last call.
LAST_TARGET = "last target of "


def what_others_know(calls: Iterable[Call], last_targets: dict[str, str], asking: Call, asked: AskHunt) -> HuntTold:
    """Answer a hunt: who took the last call, and which targets `calls` dial already, or talk with."""
    others = (other for other in calls if other is not asking) if asked.keys else ()
    reached = {key for other in others for key in other.dialling.reached}
    last = last_targets.get(asked.name, "") if asked.name else ""
    return HuntTold(last=last, busy=[key for key in asked.keys if key in reached])
