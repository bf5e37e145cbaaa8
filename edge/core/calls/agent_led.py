"""A stay in a queue whose agent is the call's first leg: when he answers, somebody is called for him.

The queue has found him before the call began (`Lead`), so the stay begins with him being rung. From his answer on he
is busy, whether the other one is reached or not; that they talk is told when they do.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from edge.core.calls.inputs import Originate
from edge.core.calls.stay import CallStay
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason

if TYPE_CHECKING:
    from edge.core.calls.call import Call


class Lead(Struct, frozen=True):
    """Who leads a call, and from which queue."""

    queue: str
    agent: str
    priority: int = 0
    #: Since the queue was asked for an agent.
    waited_ms: int = 0


def lead_of(begun: Originate) -> Lead | None:
    """Tell whether an agent of a queue is the first leg: of a callback, or of a contact that he has accepted."""
    errand, order = begun.errand, begun.attempt
    if errand is not None and errand.queue:
        return Lead(errand.queue, errand.agent, errand.priority, errand.waited_ms)
    return Lead(order.queue, order.agent) if order is not None and order.led else None


def begin(call: "Call", lead: Lead, values: dict[str, str]) -> None:
    """Begin the stay, as the first leg is about to be rung."""
    now_ms = call.fx.now_ms
    call.queueing.stay = CallStay(
        number=1,
        queue=lead.queue,
        priority=lead.priority,
        values=values,
        joined_ms=now_ms - lead.waited_ms,
        state="ringing",
        since_ms=now_ms,
        agent=lead.agent,
        leg=call.first.id,
        position=1,
        offers=1,
        led=True,
    )
    call.fx.emit(events.QueueEntered(queue=lead.queue, position=1, estimate_ms=0, priority=lead.priority))
    call.fx.emit(
        events.QueueAgentOffered(queue=lead.queue, agent=lead.agent, waited_ms=lead.waited_ms, position=1, offer=1)
    )


def settle(call: "Call", stay: CallStay) -> None:
    """Follow the agent, after an input of a call that runs: he has answered."""
    now_ms = call.fx.now_ms
    if stay.state == "ringing":
        stay.rang_ms, stay.state, stay.since_ms = now_ms - stay.since_ms, "talking", now_ms
        call.queueing.tell("answered")
    if not stay.connected and call.talking:
        stay.connected = True
        call.fx.emit(
            events.QueueConnected(
                queue=stay.queue,
                agent=stay.agent,
                leg=call.first.id,
                waited_ms=now_ms - stay.joined_ms,
                ring_ms=stay.rang_ms,
                offers=1,
            )
        )


def over(call: "Call", stay: CallStay, reason: EndReason) -> None:
    """Tell the queue that the call ends; who did not answer is not rung again for a while."""
    now_ms = call.fx.now_ms
    if stay.state == "ringing":
        call.fx.emit(
            events.QueueAgentMissed(
                queue=stay.queue, agent=stay.agent, outcome=reason.outcome, ring_ms=now_ms - stay.since_ms
            )
        )
        call.queueing.tell("released" if reason.outcome == "stopped" else "missed")
        call.queueing.tell("left")
    else:
        call.queueing.tell("finished")
    if not stay.connected:
        left = events.QueueLeft(
            queue=stay.queue, reason="ended", waited_ms=now_ms - stay.joined_ms, position=1, offers=1
        )
        call.fx.emit(left)
    call.queueing.stay = None
