"""How a call begins: with an INVITE that is taken or refused, or with a leg that we dial."""

from typing import TYPE_CHECKING

from edge.core.calls import account, agent_led
from edge.core.calls.attempt import Attempt
from edge.core.calls.elapsing import ACK_MS, OPEN_MS, SETUP
from edge.core.calls.inputs import Incoming, Originate
from edge.core.calls.line import Line
from edge.vocabulary.commands import ReserveSpan
from edge.vocabulary.endings import EndReason, Outcome

if TYPE_CHECKING:
    from edge.core.calls.call import Call

#: What outcome a refusal before the answer has.
REFUSALS: dict[int, Outcome] = {404: "no_route", 488: "media_lost", 503: "no_room"}


def incoming(call: "Call", input: Incoming) -> None:  # noqa: A002
    """Begin with an INVITE: open media, or refuse."""
    report = input.report
    leg = call.begin(input, "offered")
    leg.span, leg.address = report.span, report.source
    call.fx.emit(account.started_incoming(input))
    if input.refuse or input.seat is None or call.run is None:
        code = input.refuse or 503
        call.finish(EndReason(outcome=REFUSALS.get(code, "failed"), ended_by="appliance", sip_code=code))
        return
    leg.ring_ms = input.terms.answer_after_ms.get(report.trunk, 0)
    call.fx.set(SETUP, (ACK_MS if input.engine_up else OPEN_MS) + leg.ring_ms)
    leg.take_seat(input.seat, report.remote)
    if input.engine_up:
        # The engine connects the sockets and empties them while the 200 is on its way through span and front: what
        # strangers sent before is not heard, and the caller's first packet comes a round trip later.
        leg.answer()


def outgoing(call: "Call", input: Originate) -> None:  # noqa: A002
    """Begin by reserving a span for the first leg."""
    leg = call.begin(input, "reserving")
    call.fx.emit(account.started_outgoing(input))
    if input.attempt is not None:
        call.attempt = Attempt(input.attempt, leg.id, call.fx, input.terms.wall_ms)
    if input.line is not None:
        call.line = Line(call, input.line)
    lead = agent_led.lead_of(input)
    if lead is not None:
        agent_led.begin(call, lead, {name: value.reveal() for name, value in input.attributes.items()})
    call.fx.front(
        ReserveSpan(leg=leg.id, target=input.target, trunk=input.trunk, caller=input.caller, identity=input.identity)
    )
    call.fx.set(SETUP, OPEN_MS)
