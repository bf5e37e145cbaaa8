"""A call that the dialer has ordered: what is seen of it on the way, and the one event that says what became of it."""

from collections.abc import Mapping

from msgspec import Struct

from edge.core.calls.effects import Effects
from edge.core.calls.leg import Leg
from edge.core.dialer.disposition import decide
from edge.vocabulary import events
from edge.vocabulary.dialer_events import AttemptProgress
from edge.vocabulary.dialing import AttemptOrder, Evidence, HeardTone, Next
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import LegId

#: Tones that are kept as evidence; a line that goes on with tones says nothing new.
MAX_TONES = 8
_DONE = Next(step="done")
#: Ends that count although no INVITE is known to have left.
_COUNTS = frozenset({"appliance_restart", "no_route"})


class Seen(Struct):
    """What was seen of the called leg so far; moments are `now_ms`."""

    rang_ms: int | None = None
    answered_ms: int | None = None
    verdict: str = ""
    verdict_cause: str = ""
    verdict_at_ms: int | None = None
    revised: bool = False
    #: When the greeting of a person ended.
    greeted_ms: int | None = None
    #: It waits for an agent, or has.
    queued: bool = False
    queue: str = ""
    waited_ms: int | None = None
    opted_out: bool = False
    #: Of a further leg: it was begun, and how it ended.
    begun: bool = False
    end: EndReason | None = None
    ended_ms: int | None = None


class Attempt:
    """What is seen of the leg that is called: the call's first one, or a further one where an agent is rung first.

    Hears every event of its call (`saw`); after each input the call asks it whether to hang up (`wish`).
    """

    def __init__(self, order: AttemptOrder, leg: LegId, fx: Effects, wall_ms: int) -> None:
        self.order = order
        #: The agent is the first leg.
        self._led = order.led
        self._leg: LegId | None = None if self._led else leg
        self._fx = fx
        self._began_ms = fx.now_ms
        self._wall_ms = wall_ms
        self._seen = Seen()
        self._tones: list[HeardTone] = []
        self.wish: EndReason | None = None
        fx.hears = self.saw
        fx.emit(
            events.DialerAttemptStarted(
                attempt=order.attempt,
                campaign=order.campaign,
                listed_in=order.listed_in,
                contact=order.contact,
                number=order.number,
                label=order.label,
                trunk=order.trunk,
                caller=order.caller,
                ordinal=order.ordinal,
            )
        )

    @property
    def state(self) -> AttemptProgress:
        """How far it has come."""
        seen = self._seen
        if seen.queue == "connected":
            return "connected"
        if seen.queue:
            return "missed"
        if seen.queued:
            return "waiting"
        if seen.answered_ms is not None:
            return "answered"
        return "ringing" if seen.rang_ms is not None else "dialled"

    @property
    def abandoned(self) -> bool:
        """Whether, as far as is known, nobody was there in time for the person who has answered."""
        seen, most_ms = self._seen, self.order.abandoned_after_ms
        late = (seen.waited_ms or 0) > most_ms
        return late if seen.queue in {"connected", "hung_up"} else bool(seen.queue)

    def saw(self, event: events.AnyEvent) -> None:
        """Take an event of the call."""
        seen, now_ms = self._seen, self._fx.now_ms
        match event:
            case events.LegRang(leg=self._leg):
                seen.rang_ms = now_ms if seen.rang_ms is None else seen.rang_ms
            case events.CallAnswered() if not self._led:
                seen.answered_ms = now_ms
            case events.ToneDetected(leg=self._leg):
                self._tone(event)
            case events.AnswerDetected(leg=self._leg) | events.AnswerRevised(leg=self._leg):
                self._told_who(event)
            case events.QueueEntered() | events.QueueConnected() | events.QueueLeft():
                self._queue(event)
            case _ if self._led:
                self._saw_further(event)
            case _:
                pass

    def _told_who(self, event: events.AnswerDetected | events.AnswerRevised) -> None:
        seen = self._seen
        seen.verdict, seen.verdict_cause = event.verdict, event.cause
        if isinstance(event, events.AnswerRevised):
            seen.revised = True
        else:
            seen.verdict_at_ms = event.at_ms
            if event.speech_ms:
                seen.greeted_ms = self._fx.now_ms - max(0, event.at_ms - event.end_ms)
        # Once an agent talks he says himself when it is over.
        if seen.queue != "connected" or not seen.revised:
            self._hang_up_on(event.verdict)

    def _saw_further(self, event: events.AnyEvent) -> None:
        """Take an event of a call whose first leg is the agent."""
        seen, now_ms = self._seen, self._fx.now_ms
        match event:
            case events.LegStarted() if not seen.begun:
                self._leg, seen.begun = event.leg, True
            case events.LegAnswered(leg=self._leg):
                seen.answered_ms = now_ms
            case events.LegEnded(leg=self._leg):
                seen.end, seen.ended_ms = event.end, now_ms
            case _:
                pass

    def _queue(self, event: events.QueueEntered | events.QueueConnected | events.QueueLeft) -> None:
        seen = self._seen
        if isinstance(event, events.QueueEntered):
            seen.queued = not self._led
        elif isinstance(event, events.QueueConnected):
            # Who was called for an agent at the phone did not wait for one.
            seen.queue, seen.waited_ms = "connected", 0 if self._led else self._waited(event.waited_ms)
        elif seen.queue != "connected" and not self._led:
            seen.queue, seen.waited_ms = event.reason, self._waited(event.waited_ms)

    def suppress(self, node: str) -> None:
        """Take note that the callee does not want to be called any more; once a call."""
        if self._seen.opted_out:
            return
        self._seen.opted_out = True
        order = self.order
        self._fx.emit(
            events.DialerSuppressed(
                attempt=order.attempt,
                campaign=order.campaign,
                listed_in=order.listed_in,
                contact=order.contact,
                number=order.number,
                node=node,
            )
        )

    def _waited(self, queued_ms: int) -> int:
        """Give how long a person waited: from the end of his greeting on, where that is known."""
        greeted_ms = self._seen.greeted_ms
        return queued_ms if greeted_ms is None else max(0, self._fx.now_ms - greeted_ms)

    def _tone(self, event: events.ToneDetected) -> None:
        if len(self._tones) < MAX_TONES:
            early = self._seen.answered_ms is None
            self._tones.append(
                HeardTone(label=event.label, meaning=event.meaning or "", early=early, at_ms=event.at_ms)
            )

    def _hang_up_on(self, verdict: str) -> None:
        if verdict in self.order.hang_up_on:
            self.wish = EndReason(outcome="completed", ended_by="appliance", text=f"a {verdict} has answered")

    def close(self, end: EndReason, ended_ms: int, legs: Mapping[LegId, Leg]) -> None:
        """Tell what became of it; the call's last event follows."""
        order, seen = self.order, self._seen
        if seen.end is not None and seen.ended_ms is not None:
            end, ended_ms = seen.end, seen.ended_ms
        placed = self._is_placed(end, legs)
        evidence = Evidence(
            outcome=end.outcome,
            ended_by=end.ended_by,
            sip_code=end.sip_code,
            q850_cause=end.q850_cause,
            q850_mapped=end.q850_mapped,
            rang=seen.rang_ms is not None,
            answered=seen.answered_ms is not None,
            tones=self._tones,
            verdict=seen.verdict,
            verdict_cause=seen.verdict_cause,
            verdict_at_ms=seen.verdict_at_ms,
            revised=seen.revised,
            queue=seen.queue,
            waited_ms=seen.waited_ms,
            opted_out=seen.opted_out,
        )
        disposition, evidence = decide(evidence, order.abandoned_after_ms)
        if not placed:
            disposition = "cancelled"  # whatever became of the agent's leg or of ours, the contact was not called
        rang_until_ms = seen.answered_ms if seen.answered_ms is not None else ended_ms
        self._fx.emit(
            events.DialerAttemptEnded(
                attempt=order.attempt,
                campaign=order.campaign,
                listed_in=order.listed_in,
                contact=order.contact,
                number=order.number,
                label=order.label,
                disposition=disposition,
                evidence=evidence,
                started_ms=self._wall_ms,
                ended_ms=self._wall_ms + max(0, ended_ms - self._began_ms),
                rang_ms=max(0, rang_until_ms - seen.rang_ms) if seen.rang_ms is not None else None,
                answered_ms=max(0, seen.answered_ms - self._began_ms) if seen.answered_ms is not None else None,
                talked_ms=max(0, ended_ms - seen.answered_ms) if seen.answered_ms is not None else 0,
                # Whoever does not want to be called is not called on another number of his, either.
                next=_DONE if seen.opted_out else order.follows.get(disposition, _DONE),
                placed=placed,
            )
        )

    def _is_placed(self, end: EndReason, legs: Mapping[LegId, Leg]) -> bool:
        """Whether it counts: the number was called, or nobody can say that it was not, or it can't ever be."""
        if self._leg is None:
            return False
        leg = legs.get(self._leg)  # one that talked may have been given to another call
        return leg is None or leg.trace.left_ms is not None or end.outcome in _COUNTS
