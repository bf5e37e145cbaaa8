"""A call's stay in a queue: what it tells the queues, what it is told by them, and the events of it.

A stay begins when the menu joins a queue, and ends when the caller leaves it or the talk that came of it is over. All
that the queues say comes as inputs, so a journal makes the stay again; what they are told are actions. What becomes of
the agent who is rung is seen after each input (`settle`), so nothing that brings or takes legs has to think of it.
"""

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from edge.core.calls import agent_led
from edge.core.calls.actions import QueueNews
from edge.core.calls.inputs import AgentOffered, Handed, QueueRefused, QueueTold
from edge.core.calls.stay import CallStay
from edge.core.menus.parts import Announcement, Sound
from edge.core.menus.words import AgentFound, AgentMissed, Dial, JoinQueue, LeaveQueue, PlaceTold, QueueAction
from edge.core.menus.words import QueueClosed as MenuQueueClosed
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.queue_events import QueueLeaving

if TYPE_CHECKING:
    from edge.core.calls.call import Call


class Queueing:
    """The stays of one call, one at a time."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._fx = call.fx
        #: So many of them so far.
        self.stays = 0
        self.stay: CallStay | None = None

    # --- what the menu wants

    def perform(self, action: QueueAction) -> None:
        """Carry out what the menu asks for."""
        match action:
            case JoinQueue():
                self._join(action)
            case LeaveQueue():
                self._leave(action.reason)
            case AgentMissed():
                self._missed(action.outcome)

    def _join(self, action: JoinQueue) -> None:
        stay = self.stay
        if stay is not None and stay.queue == action.queue and stay.state != "talking":
            self._stay_on(stay)
            return
        if stay is not None and stay.state == "talking":
            self._finished(stay)
        elif stay is not None:
            self._leave("left")
        self.stays += 1
        self.stay = CallStay(
            number=self.stays,
            queue=action.queue,
            priority=action.priority,
            values=action.values,
            joined_ms=self._fx.now_ms,
        )
        values = {name: Private(value) for name, value in action.values.items()}
        self.tell("join", queue=action.queue, priority=action.priority, values=values)

    def _stay_on(self, stay: CallStay) -> None:
        """Somebody else goes on in the caller's place, which is in the queue as before."""
        if stay.state == "ringing":
            self._call.dialling.stop()
            self._missed("cancelled", "released")  # it is not for the agent that he is not rung any more
        if stay.position:
            self._menu(PlaceTold(position=stay.position, estimate_ms=stay.estimate_ms))

    def _leave(self, reason: Literal["left", "callback", "timed_out"]) -> None:
        stay = self.stay
        if stay is None or stay.state == "talking":
            return
        self._over(stay, reason)

    def _missed(self, outcome: str, what: Literal["missed", "released"] = "missed") -> None:
        stay = self.stay
        if stay is None or stay.state != "ringing":
            return
        rang_ms = self._fx.now_ms - stay.since_ms
        self._fx.emit(events.QueueAgentMissed(queue=stay.queue, agent=stay.agent, outcome=outcome, ring_ms=rang_ms))
        stay.state, stay.agent, stay.leg = "waiting", "", None
        self.tell(what)

    # --- what the queues say

    def told(self, input: QueueTold) -> None:  # noqa: A002
        """Take note of place and wait."""
        stay = self._present(input.number)
        if stay is None or stay.state == "talking":
            return
        entered = stay.position == 0
        stay.position, stay.estimate_ms = input.position, input.estimate_ms
        if entered:
            self._fx.emit(
                events.QueueEntered(
                    queue=stay.queue, position=stay.position, estimate_ms=stay.estimate_ms, priority=stay.priority
                )
            )
        self._menu(PlaceTold(position=stay.position, estimate_ms=stay.estimate_ms))

    def offered(self, input: AgentOffered) -> None:  # noqa: A002
        """Have the menu ring an agent."""
        stay = self._present(input.number)
        if stay is None or stay.state != "waiting":
            return
        stay.state, stay.agent, stay.since_ms = "ringing", input.agent, self._fx.now_ms
        stay.offers += 1
        stay.line, stay.tone = input.line, input.tone
        self._fx.emit(
            events.QueueAgentOffered(
                queue=stay.queue,
                agent=stay.agent,
                waited_ms=self._fx.now_ms - stay.joined_ms,
                position=stay.position,
                offer=stay.offers,
            )
        )
        self._menu(AgentFound(target=input.target.reveal(), trunk=input.trunk, ring_timeout_ms=input.ring_timeout_ms))

    def refused(self, input: QueueRefused) -> None:  # noqa: A002
        """Go on in the menu without the queue."""
        stay = self._present(input.number)
        if stay is None or stay.state != "waiting":
            return
        self._end(stay, input.reason)
        self._menu(MenuQueueClosed(input.reason))

    def take_line(self) -> Handed | None:
        """Return the line of the agent who was just found, once; None: he has none, and is rung."""
        stay = self.stay
        if stay is None:
            return None
        handed, stay.line = stay.line, None
        return handed

    def with_tone(self, dial: Dial) -> Dial:
        """Let the agent hear on his line that a call comes, unless something else is said as the talk begins."""
        stay = self.stay
        if stay is None or stay.line is None or not stay.tone:
            return dial
        tone = Sound(stay.tone, "tone")
        if dial.whisper is not None:
            return replace(dial, whisper=replace(dial.whisper, sounds=[tone, *dial.whisper.sounds]))
        if dial.announcement is None:
            return replace(dial, announcement=Announcement(sounds=[tone], to="target", duck_db=0))
        if dial.announcement.to != "target" or dial.announcement.every_ms:
            return dial
        said = replace(dial.announcement, sounds=[tone, *dial.announcement.sounds])
        return replace(dial, announcement=said)

    # --- what follows from the call's legs

    def settle(self) -> None:
        """See what has become of the agent, after an input."""
        stay, call = self.stay, self._call
        if stay is None or stay.state == "waiting":
            return
        if stay.led:
            agent_led.settle(call, stay)
        elif stay.state == "talking":
            leg = call.legs.get(stay.leg) if stay.leg is not None else None
            if call.dialling.hunt is None or leg is None or leg.signalling == "down":
                self._finished(stay)
        elif call.dialling.hunt is None:
            self._missed("failed")
        elif call.talking and call.transfer is not None:
            self._connected(stay, call.transfer.leg.id)

    def _connected(self, stay: CallStay, leg: LegId) -> None:
        self._fx.emit(
            events.QueueConnected(
                queue=stay.queue,
                agent=stay.agent,
                leg=leg,
                waited_ms=self._fx.now_ms - stay.joined_ms,
                ring_ms=self._fx.now_ms - stay.since_ms,
                offers=stay.offers,
            )
        )
        stay.state, stay.leg, stay.since_ms = "talking", leg, self._fx.now_ms
        self.tell("answered")

    def _finished(self, stay: CallStay) -> None:
        self.tell("finished")
        if self.stay is stay:
            self.stay = None

    def over(self, reason: EndReason) -> None:
        """Tell the queues that the call ends."""
        stay = self.stay
        if stay is None:
            return
        if stay.led:
            agent_led.over(self._call, stay, reason)
        elif stay.state == "talking":
            self._finished(stay)
        else:
            self._over(stay, "hung_up" if reason.ended_by == "caller" else "ended")

    def _over(self, stay: CallStay, reason: QueueLeaving) -> None:
        self._end(stay, reason)
        self._fx.tell_queue(QueueNews(call=self._fx.call, number=stay.number, what="left"))

    def _end(self, stay: CallStay, reason: QueueLeaving) -> None:
        self._fx.emit(
            events.QueueLeft(
                queue=stay.queue,
                reason=reason,
                waited_ms=self._fx.now_ms - stay.joined_ms,
                position=stay.position,
                offers=stay.offers,
            )
        )
        self.stay = None

    def _present(self, number: int) -> CallStay | None:
        return self.stay if self.stay is not None and self.stay.number == number else None

    def tell(
        self,
        what: Literal["join", "left", "answered", "missed", "released", "finished"],
        *,
        queue: str = "",
        priority: int = 0,
        values: dict[str, Private] | None = None,
    ) -> None:
        """Tell the queues what becomes of the stay."""
        if self.stay is not None:
            news = QueueNews(
                call=self._fx.call,
                number=self.stay.number,
                what=what,
                queue=queue,
                priority=priority,
                values=values or {},
            )
            self._fx.tell_queue(news)

    def _menu(self, told: PlaceTold | AgentFound | MenuQueueClosed) -> None:
        call = self._call
        if call.run is not None and call.phase == "running":
            call.perform(call.run.handle(told, self._fx.now_ms))
