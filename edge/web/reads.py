"""What can be read by the API: from `state.db`, and from the processes that know it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from msgspec import Meta, Struct

from edge.storage.reader import Reader, StoredEvent
from edge.vocabulary.access import Role
from edge.vocabulary.api import (
    MOMENT,
    Agents,
    Callbacks,
    CallDetail,
    Calls,
    Campaigns,
    Events,
    Me,
    NumberedEvent,
    Queues,
    Recordings,
    Replays,
    Sinks,
    SipMessages,
    SurveyReport,
    Surveys,
    Trials,
    Trunks,
)
from edge.web import shown
from edge.web.doing import Doing
from edge.web.endpoint import Endpoint, NoParameters, RefusedError, Visit
from edge.web.outbox import Outbox
from edge.web.requests import sip_messages

Limit = Annotated[int, Meta(ge=1, le=1000)]
Name = Annotated[str, Meta(pattern=r"\A[\w.\-]{1,128}\Z")]
Place = Annotated[int, Meta(ge=0, le=2**53)]
#: A type of events, or a group of them.
EventType = Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}(\.([a-z_]{1,32}|\*))\Z", examples=["call.ended", "call.*"])]


class CallsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls."""

    #: `open`: those in progress; `parked`: of these the ones that wait at a `park` node for an order.
    state: Literal["open", "parked", "all"] = "all"
    limit: Limit = 100
    #: The next page: those that began before this call.
    before: Name | None = None


class EventsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    #: Those above this place of the outbox.
    after: Place = 0
    call: Name | None = None
    type: list[EventType] = []
    limit: Limit = 100


class NewestQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which recordings."""

    limit: Limit = 100
    #: The next page: what `last` said.
    before: Place | None = None
    call: Name | None = None


class CallbacksQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests to be called back."""

    state: Literal["open", "all"] = "open"
    limit: Limit = 100


class SurveysQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which surveys, and what they are divided by."""

    #: Those since then, a date and time with its offset; empty: all.
    since: Annotated[str, Meta(pattern=MOMENT)] = ""
    by: Literal["menu", "node", "target", "reason_code"] = "menu"


class Reads:
    """The reading endpoints."""

    def __init__(self, doing: Doing, outbox: Outbox, trace_fd: int) -> None:
        self._doing = doing
        self._outbox = outbox
        self._trace_fd = trace_fd

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        listed = self._listed
        return [
            _read("/me", "whoAmI", "Whose token this is", self._me, Me),
            _read(
                "/status",
                "getStatus",
                "State of the appliance",
                self._status,
                dict[str, Any],
                role="operator",
                text="As `edge status --json` has it.",
            ),
            _read("/calls", "listCalls", "Calls, the newest first", self._calls, Calls, CallsQuery),
            _read("/calls/{id}", "getCall", "A call", self._call, CallDetail, problems=(404,)),
            _read(
                "/calls/{id}/sip",
                "getCallSip",
                "SIP messages of a call",
                self._sip,
                SipMessages,
                role="integrator",
                text="Without keys, credentials and digits.",
            ),
            _read("/events", "listEvents", "Events in the order of the outbox", self._events, Events, EventsQuery),
            _read(
                "/callbacks", "listCallbacks", "Who is to be called back", self._callbacks, Callbacks, CallbacksQuery
            ),
            _read(
                "/recordings",
                "listRecordings",
                "Finished recordings and messages, the newest first",
                self._recordings,
                Recordings,
                NewestQuery,
            ),
            listed("front", Trunks, "Trunks"),
            listed("switch", Queues, "Queues"),
            listed("switch", Agents, "Agents"),
            listed("forwarder", Sinks, "Sinks"),
            listed("forwarder", Replays, "Events that are sent again"),
            listed("switch", Trials, "Trials"),
            listed("dialer", Campaigns, "Campaigns", "No numbers. A site without campaigns answers 503."),
            _read(
                "/surveys",
                "listSurveys",
                "What callers said in surveys",
                self._surveys,
                Surveys,
                SurveysQuery,
                text="As `edge survey report --json` has it, of the events that the outbox still holds.",
            ),
        ]

    async def _ask(self, process: str, what: str) -> Any:
        return await self._doing.ask(process, what, {}, cannot=503)

    def _listed(self, process: str, kind: Any, summary: str, text: str = "") -> Endpoint:
        """Give the endpoint of a list that a process has under the name of the answer's field."""
        (field,) = kind.__struct_fields__

        async def answer(_visit: Visit) -> Any:
            return {field: await self._ask(process, field)}

        return _read(f"/{field}", f"list{field.capitalize()}", summary, answer, kind, text=text)

    async def _me(self, visit: Visit) -> Me:
        return Me(name=visit.holder.name, role=visit.holder.role, sees_numbers=visit.sees_numbers)

    async def _status(self, _visit: Visit) -> Any:
        return await self._ask("supervisor", "status")

    async def _calls(self, visit: Visit) -> Calls:
        query: CallsQuery = visit.query
        among = None
        if query.state == "parked":
            among = [one["id"] for one in await self._ask("switch", "calls") if one["doing"] == "parked"]
        rows = await self._outbox.read(
            lambda reader: reader.calls(query.state != "all", query.limit, query.before or "", among)
        )
        return Calls(calls=[shown.call_summary(row, whole=visit.sees_numbers) for row in rows])

    async def _call(self, visit: Visit) -> CallDetail:
        id_ = visit.names["id"]

        def look(reader: Reader) -> tuple[Any, Any]:
            return reader.call(id_), reader.events_of(id_)

        row, events = await self._outbox.read(look)
        if row is None:
            raise RefusedError(404, "no such call")
        summary = shown.call_summary(row, whole=visit.sees_numbers)
        live = {}
        if row.state == "open":
            live = {one["id"]: one for one in await self._ask("switch", "calls")}.get(id_, {})
        path = [msgspec.json.decode(one.body)["data"]["node"] for one in events if one.type == "menu.node_entered"]
        return CallDetail(
            **msgspec.structs.asdict(summary),
            phase=live.get("phase", ""),
            node=live.get("node", ""),
            doing=live.get("doing", ""),
            path=path,
            legs=[shown.leg_shown(leg) for leg in live.get("legs", [])],
            events=len(events),
        )

    async def _sip(self, visit: Visit) -> SipMessages:
        return SipMessages(messages=msgspec.to_builtins(sip_messages(self._trace_fd, visit.names["id"])))

    async def _events(self, visit: Visit) -> Response[bytes]:
        query: EventsQuery = visit.query

        def look(reader: Reader) -> tuple[int, Any]:
            tip = reader.last_sequence()
            return tip, reader.events_after(query.after, query.limit, query.type, query.call or "")

        tip, found = await self._outbox.read(look)
        last = found[-1].sequence if len(found) == query.limit else max(tip, query.after, *(e.sequence for e in found))
        page = Events(
            events=[
                NumberedEvent(
                    sequence=one.sequence,
                    event=msgspec.Raw(shown.event_json(one.body, whole=visit.sees_numbers)),  # type: ignore[arg-type]
                )
                for one in found
            ],
            last=last,
        )
        return Response(msgspec.json.encode(page), media_type="application/json")

    async def _callbacks(self, visit: Visit) -> Callbacks:
        query: CallbacksQuery = visit.query
        rows = await self._outbox.read(lambda reader: reader.callbacks(query.state == "open", query.limit))
        return Callbacks(callbacks=[shown.callback_shown(row, whole=visit.sees_numbers) for row in rows])

    async def _recordings(self, visit: Visit) -> Recordings:
        query: NewestQuery = visit.query
        before = query.before if query.before is not None else 2**53
        found = await self._outbox.read(
            lambda reader: reader.events_before(before, query.limit, list(shown.FILES), query.call or "")
        )
        last = found[-1].sequence if len(found) == query.limit else None
        return Recordings(recordings=[shown.recording_shown(one) for one in found], last=last)

    async def _surveys(self, visit: Visit) -> Surveys:
        # Most sites have no surveys, and the classes of their events take memory.
        from edge.core.indicators.surveys import SurveyTally, document
        from edge.storage.surveys import SURVEY_EVENTS, read_survey

        query: SurveysQuery = visit.query
        begin_ms = time_ms(query.since)
        tally, at = SurveyTally(query.by), 0
        # A page at a time: streams and others read in between.
        while page := await self._outbox.read(partial(_survey_page, at, SURVEY_EVENTS)):
            at = page[-1].sequence
            for event in page:
                if time_ms(event.time) >= begin_ms:
                    tally.take(read_survey(event))
        private = query.by in {"target", "reason_code"}
        return Surveys(
            surveys=[
                msgspec.convert(
                    {"of": shown.number(key, whole=visit.sees_numbers or not private), **document(one)}, SurveyReport
                )
                for key, one in sorted(tally.found.items())
            ]
        )


def _read(  # noqa: PLR0917 - the columns of a table
    path: str,
    name: str,
    summary: str,
    do: Callable[[Visit], Awaitable[Any]],
    answer: Any,
    query: type[Struct] = NoParameters,
    *,
    role: Role = "viewer",
    problems: tuple[int, ...] = (),
    text: str = "",
) -> Endpoint:
    return Endpoint("GET", path, role, name, summary, do, answer, query, problems=problems, text=text)


def _survey_page(after: int, types: Sequence[str], reader: Reader) -> list[StoredEvent]:
    return reader.events_after(after, 200, types)


def time_ms(text: str) -> int:
    """Read RFC 3339; milliseconds since 1970, 0 of an empty text. Raises `RefusedError` for a day that there is not."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except (ValueError, OverflowError):
        raise RefusedError(400, "there is no such day", "since") from None
