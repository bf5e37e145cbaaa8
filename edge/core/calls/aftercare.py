"""What a call leaves behind for others to do: requests to be called back, and what callers say in surveys.

A caller who hangs up while he waits for somebody is lost; he may be called back without having asked. What he waited
for is seen from where his menu is, after each input, so whatever brings callers to wait need not think of it.
"""

from typing import TYPE_CHECKING, Any

from edge.core.callbacks.window import stamp
from edge.core.calls import account
from edge.core.calls.actions import Emit
from edge.core.calls.inputs import Originate
from edge.core.menus.model import kind_of
from edge.core.menus.words import (
    Aftercare as Wanted,
)
from edge.core.menus.words import (
    RequestCallback,
    RequestSurvey,
    Suppress,
    SurveyAnswered,
    SurveyAsked,
    SurveyBegun,
    SurveyOver,
)
from edge.vocabulary import events
from edge.vocabulary.endings import EndReason
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.menu_events import CallbackReason
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.core.calls.call import Call

#: Ends of a call that are ours: the caller did not want to go.
OUR_FAULT = frozenset({"appliance_restart", "span_lost", "media_lost"})


class Aftercare:
    """Of one call."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._survey: _OpenSurvey | None = None
        #: Somebody has answered a question.
        self.surveyed = False
        #: Asked for by a node: called back, and a survey afterwards.
        self._asked = False
        self._later: RequestSurvey | None = None
        #: Who was dialled, by the leg.
        self._targets: dict[LegId, Private] = {}
        #: Whom the caller talked with last.
        self._target: Private | None = None
        self._leg: LegId | None = None
        #: How long the caller has waited, but for what he waits now, and since when he does.
        self._waited_ms = 0
        self._since_ms: int | None = None
        self._closed = False

    def perform(self, wanted: Wanted) -> None:
        """Carry out what the menu asks for."""
        match wanted:
            case RequestCallback():
                self._asked = True
                self._request(
                    "asked",
                    Private(wanted.number),
                    wanted.node,
                    not_before=stamp(wanted.begins_ms),
                    latest=stamp(wanted.ends_ms),
                )
            case RequestSurvey():
                self._later = wanted
            case Suppress() if self._call.attempt is not None:
                self._call.attempt.suppress(wanted.node)
            case SurveyBegun():
                self._break_off()
                self._survey = _OpenSurvey(wanted.node)
            case SurveyAsked() if self._survey is not None:
                self._survey.asked.append(wanted.question)
            case SurveyAnswered() if self._survey is not None:
                self._answer(self._survey, wanted)
            case SurveyOver() if self._survey is not None:
                self._end(self._survey, complete=wanted.complete)
            case _:
                return

    def settle(self) -> None:
        """Follow who talks and who waits, after each input of a call that runs."""
        call = self._call
        for action in call.fx.take():
            if isinstance(action, Emit) and isinstance(action.event, events.LegStarted):
                self._targets[action.event.leg] = action.event.target
        other = call.talks_with(call.first) if call.talking else None
        if other is not None:
            self._leg, self._target = other.id, self._targets.get(other.id, Private(""))
        now_ms = call.fx.now_ms
        if self._waits():
            self._since_ms = self._since_ms if self._since_ms is not None else now_ms
        elif self._since_ms is not None:
            self._waited_ms += now_ms - self._since_ms
            self._since_ms = None

    @property
    def talked(self) -> bool:
        """Whether the first leg has talked with anybody."""
        return self._leg is not None

    @property
    def waited(self) -> bool:
        """Whether it has waited for somebody."""
        return self._since_ms is not None or self._waited_ms > 0

    def close(self, reason: EndReason) -> None:
        """Tell what can still be told, for the call ends."""
        if self._closed:
            return
        self._closed = True
        self._break_off()
        self._note_lost(reason)
        if self._later is not None and self._leg is not None:
            number = self._number()
            if number:
                more = {"runs": self._later.menu, "target": self._target}
                self._request("survey", Private(number), self._later.node, **more)

    # --- callbacks

    def _waits(self) -> bool:
        call, run = self._call, self._call.run
        if run is None or call.talking or run.node not in run.menu.nodes:
            return False
        if run.state == "transfer":
            return call.dialling.hunt is not None  # else he was sent elsewhere
        return kind_of(run.menu.nodes[run.node]) == "queue"

    def _note_lost(self, reason: EndReason) -> None:
        terms = self._call.begun.terms.callbacks if self._call.begun is not None else None
        run = self._call.run
        if terms is None or terms.lost_after_ms is None or self._since_ms is None or run is None:
            return
        if self._asked or self._leg is not None or terms.full:
            return  # he will be called anyway, or has been served
        if reason.ended_by != "caller" and reason.outcome not in OUR_FAULT:
            return
        waited_ms = self._waited_ms + self._call.fx.now_ms - self._since_ms
        number = self._number()
        here = not terms.lost_nodes or run.node in terms.lost_nodes
        if number and here and waited_ms >= terms.lost_after_ms:
            self._request("lost", Private(number), run.node, waited_ms=waited_ms)

    def _number(self) -> str:
        """Return the number that the far end shows, if it may be called, else ""."""
        begun = self._call.begun
        terms = begun.terms.callbacks if begun is not None else None
        if begun is None or terms is None:
            return ""
        number = terms.rules.number(account.facts(begun, 0).peer, begun.terms.country)
        return number if number and terms.rules.allows(number, begun.terms.country) else ""

    def _request(self, reason: CallbackReason, number: Private, node: str, **more: Any) -> None:
        run = self._call.run
        if run is None:
            return
        self._call.fx.emit(
            events.CallbackRequested(
                number=number,
                reason=reason,
                node=node,
                menu=run.menu.name,
                menu_version=run.menu.version,
                attributes=self._attributes(),
                language=run.language,
                **more,
            )
        )

    def _attributes(self) -> dict[str, Private]:
        run = self._call.run
        return {name: Private(value) for name, value in run.attributes.items()} if run is not None else {}

    # --- surveys

    def _answer(self, survey: "_OpenSurvey", given: SurveyAnswered) -> None:
        survey.answered.append(given.question)
        self.surveyed = True
        self._call.fx.emit(
            events.SurveyAnswered(
                **self._fields(survey),
                question=given.question,
                value=given.value,
                least=given.least,
                most=given.most,
                reverse=given.reverse,
                label=given.label,
                message=given.message,
            )
        )

    def _break_off(self) -> None:
        if self._survey is not None:
            self._end(self._survey, complete=False)

    def _end(self, survey: "_OpenSurvey", *, complete: bool) -> None:
        self._survey = None
        self._call.fx.emit(
            events.SurveyCompleted(
                **self._fields(survey), complete=complete, asked=survey.asked, answered=survey.answered
            )
        )

    def _fields(self, survey: "_OpenSurvey") -> dict[str, Any]:
        run, begun = self._call.run, self._call.begun
        return {
            "about": begun.errand.about if isinstance(begun, Originate) and begun.errand is not None else CallId(""),
            "trial": begun.terms.trial if begun is not None else "",
            "arm": begun.terms.arm if begun is not None else "",
            "node": survey.node,
            "menu": run.menu.name if run is not None else "",
            "menu_version": run.menu.version if run is not None else "",
            "target": self._target,
            "leg": self._leg,
            "attributes": self._attributes(),
            "language": run.language if run is not None else "",
        }


class _OpenSurvey:
    """A survey that is being asked: the names of its questions."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.asked: list[str] = []
        self.answered: list[str] = []
