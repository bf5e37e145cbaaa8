"""What agents say came of their talks for campaigns: which talk it is about, whether it is still time, and the event.

The dialer lets the contact go on as was said. What it has not kept yet is a note in the store beside the event, and is
told again whenever the dialer comes; so a result survives a kill of either, and is followed once (it has an id).
"""

import secrets
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from edge.config.campaigns import Campaign, ResultSource
from edge.vocabulary import events
from edge.vocabulary.commands import ResultTold
from edge.vocabulary.dialing import ResultStep
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import DialerResult
from edge.vocabulary.wire import json_reader, to_json

if TYPE_CHECKING:
    from edge.core.calls.call import Call
    from edge.switch.exchange import Exchange

#: `none`: there is no talk to say anything about; `late`; `unknown`: there is no such result.
ResultWord = Literal["ok", "none", "late", "unknown"]
#: Word and text.
Fault = tuple[ResultWord, str]
#: Name of the note.
NOTE = "results"
#: What an agent may write.
LONGEST_NOTE = 1000
#: Results that wait for a dialer that never comes are no reason to fill the disk; the events have them.
MOST_PENDING = 10_000
#: A contact may be called again that far ahead, milliseconds.
LATEST_MS = 366 * 86_400_000
_STEPS: dict[str, ResultStep] = {
    "done": "done",
    "retry": "same_number",
    "callback": "same_number",
    "next_number": "next_number",
    "never": "never",
}


class Talk(Struct, frozen=True, omit_defaults=True):
    """The last talk of an agent for a campaign."""

    attempt: str
    campaign: str
    queue: str
    #: When it ended, milliseconds since 1970; 0: they talk.
    ended_ms: int = 0
    #: Results given so far.
    given: int = 0


class Note(Struct):
    """What is remembered: the last talk by agent, and what the dialer has not kept yet, by id."""

    talks: dict[str, Talk] = field(default_factory=dict)
    pending: dict[str, ResultTold] = field(default_factory=dict)


class ResultRequest(Struct, frozen=True, kw_only=True):
    """What an agent, or somebody for him, says came of his last talk."""

    agent: str
    code: str
    note: str = ""
    #: Milliseconds since 1970: when to call again, of a `callback`.
    at_ms: int | None = None


_note = json_reader(Note)


class Results:
    """Takes results, and tells the dialer of them."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._known = Note()
        #: Not told the present dialer yet.
        self._untold: list[str] = []

    def open(self, note: str | None) -> None:
        """Take up what a former life knew."""
        try:
            self._known = _note.decode(note) if note else Note()
        except msgspec.MsgspecError:
            self._known = Note()
        self._untold = list(self._known.pending)

    # --- talks

    def observe(self, call: "Call", event: events.AnyEvent) -> None:
        """Take an event of a call."""
        if call.attempt is None:
            return
        if isinstance(event, events.QueueConnected):
            order = call.attempt.order
            self._known.talks[event.agent] = Talk(call.id, order.campaign, event.queue)
            self._changed()
        elif isinstance(event, events.DialerAttemptEnded):
            for agent, talk in self._known.talks.items():
                if talk.attempt == call.id and not talk.ended_ms:
                    self._known.talks[agent] = replace(talk, ended_ms=self._wall_ms)
                    self._changed()
                    if talk.given:
                        self._end_wrap_up(agent, talk)

    def due(self, agent: str) -> dict[str, Any] | None:
        """Return what an agent may say something about now, for people; None: nothing."""
        talk = self._known.talks.get(agent)
        campaign = self._campaign(talk)
        if talk is None or campaign is None or self._is_late(talk, campaign):
            return None
        codes = {one.code: one.text or one.code for one in campaign.results}
        return {"attempt": talk.attempt, "campaign": talk.campaign, "given": talk.given, "codes": codes}

    # --- results

    def say(self, request: ResultRequest, call: CallId) -> ResultWord:
        """Take a result that is said on the phone; the code may be the key of one."""
        fault = self.give(request, call)
        return "ok" if fault is None else fault[0]

    def give(self, request: ResultRequest, call: CallId | None = None) -> Fault | None:
        """Take a result; returns what is wrong with it. The code may be the key of one."""
        talk = self._known.talks.get(request.agent)
        campaign = self._campaign(talk)
        if talk is None or campaign is None:
            return "none", f"agent {request.agent[:64]!r} has talked for no campaign of which results are asked"
        if self._is_late(talk, campaign):
            return "late", "it is too late: the talk is over for longer than result_within"
        one = _of(campaign, request.code)
        if one is None:
            known = ", ".join(each.code for each in campaign.results)
            return "unknown", f"there is no result {request.code[:64]!r} (there are: {known})"
        fault = self._fault(request, one)
        if fault is None:
            self._take(request, talk, one, call)
            if talk.ended_ms:
                self._end_wrap_up(request.agent, talk)
        return fault

    def _fault(self, request: ResultRequest, one: ResultSource) -> Fault | None:
        if len(request.note) > LONGEST_NOTE:
            return "unknown", f"a note has at most {LONGEST_NOTE} characters"
        if request.at_ms is not None and one.then != "callback":
            return "unknown", f"the result '{one.code}' takes no time"
        if request.at_ms is not None and not 0 < request.at_ms - self._wall_ms <= LATEST_MS:
            return "unknown", "the time to call again is in the past, or more than a year ahead"
        return None

    def _take(self, request: ResultRequest, talk: Talk, one: ResultSource, call: CallId | None) -> None:
        now_ms, step = self._wall_ms, _STEPS[one.then]
        due_ms = None
        if step in {"same_number", "next_number"}:
            due_ms = request.at_ms if request.at_ms is not None else now_ms + one.after_ms
        told = ResultTold(
            id=f"r{secrets.token_hex(10)}",
            attempt=talk.attempt,
            campaign=talk.campaign,
            agent=request.agent,
            code=one.code,
            step=step,
            due_ms=due_ms,
            note=Private(request.note),
            given_ms=now_ms,
        )
        self._known.talks[request.agent] = replace(talk, given=talk.given + 1)
        self._known.pending[told.id] = told
        while len(self._known.pending) > MOST_PENDING:
            del self._known.pending[next(iter(self._known.pending))]
        self._untold.append(told.id)
        self._exchange.notice(
            DialerResult(
                result=told.id,
                attempt=told.attempt,
                campaign=told.campaign,
                queue=talk.queue,
                agent=told.agent,
                code=told.code,
                text=one.text,
                step=step,
                due_ms=due_ms,
                note=told.note or None,
                ordinal=talk.given + 1,
                after_ms=max(0, now_ms - talk.ended_ms) if talk.ended_ms else 0,
                call=call,
            )
        )
        self._changed()

    def _end_wrap_up(self, agent: str, talk: Talk) -> None:
        campaign = self._campaign(talk)
        if campaign is not None and campaign.result_ends_wrap_up:
            self._exchange.queues.wrapped_up(agent)

    def _campaign(self, talk: Talk | None) -> Campaign | None:
        if talk is None:
            return None
        campaigns = self._exchange.plan.site.campaigns
        return next((one for one in campaigns if one.name == talk.campaign and one.results), None)

    def _is_late(self, talk: Talk, campaign: Campaign) -> bool:
        return bool(talk.ended_ms) and self._wall_ms - talk.ended_ms > campaign.result_within_ms

    # --- the dialer

    def arrived(self) -> None:
        """Tell the dialer that has just come all that none has kept."""
        self._untold = list(self._known.pending)

    def taken(self, ids: list[str]) -> None:
        """Take note of what the dialer has kept."""
        for id_ in ids:
            self._known.pending.pop(id_, None)
        self._changed()

    def take_news(self) -> list[ResultTold]:
        """Return what the dialer is to be told, when all that led to it is on disk."""
        untold, self._untold = self._untold, []
        return [self._known.pending[id_] for id_ in untold if id_ in self._known.pending]

    def _changed(self) -> None:
        self._exchange.turn.meta[NOTE] = to_json(self._known).decode()

    @property
    def _wall_ms(self) -> int:
        return round(self._exchange.wall.timestamp() * 1000)


def _of(campaign: Campaign, said: str) -> ResultSource | None:
    return next((one for one in campaign.results if said and said in {one.code, one.key}), None)
