"""What operators and other processes may ask switch: a JSON document in, a JSON document out."""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from edge.core.calls.call import Call
from edge.core.calls.inputs import Originate, Stopped
from edge.core.menus.model import Menu
from edge.runtime.clock import wall_time
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.switch.exchange import Exchange
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from edge.vocabulary.wire import json_reader, to_json


class RequestError(Exception):
    """The request can't be met; the text says why."""


class OriginateRequest(Struct, frozen=True, kw_only=True):
    """Make a call. `menu` is the name of a menu of the site, or a compiled menu."""

    target: str
    menu: str | Menu
    trunk: str = ""
    caller: str = "edge"
    ring_timeout_ms: int = 60000


class CallRequest(Struct, frozen=True):
    """Name a call."""

    id: str


_originate = json_reader(OriginateRequest)
_call = json_reader(CallRequest)


class Requests:
    """The requests by name. Numbers are shown: the control socket's mode is the permission."""

    def __init__(self, exchange: Callable[[], Exchange | None], reader: Reader) -> None:
        self._exchange_now = exchange
        self._reader = reader
        self._known: dict[str, Callable[[bytes], Any]] = {
            "calls": self._list,
            "originate": self._make,
            "call": self._one,
            "hang_up": self._hang_up,
        }

    def answer(self, what: str, body: bytes) -> bytes:
        """Return the reply. Raises `RequestError`."""
        handler = self._known.get(what)
        if handler is None:
            raise RequestError(f"unknown request {what[:40]!r}")
        try:
            return to_json(handler(body))
        except msgspec.MsgspecError as error:
            raise RequestError(f"{what}: {error}") from error
        except StorageError as error:
            raise RequestError(f"storage: {error}") from error

    @property
    def _exchange(self) -> Exchange:
        exchange = self._exchange_now()
        if exchange is None:
            raise RequestError("storage does not work yet")
        return exchange

    def _list(self, _body: bytes) -> list[dict[str, Any]]:
        return [describe(self._exchange, call) for call in self._exchange.calls.values() if call.begun is not None]

    def _make(self, body: bytes) -> dict[str, str]:
        request = _originate.decode(body)
        exchange = self._exchange
        menu = request.menu if isinstance(request.menu, Menu) else exchange.plan.site.menus.get(request.menu)
        if menu is None:
            raise RequestError(f"no menu {str(request.menu)[:60]!r}")
        if exchange.refuses or exchange.draining:
            raise RequestError(f"no new calls: {exchange.refuses or 'draining'}")
        id_ = CallId(f"o{secrets.token_hex(10)}")
        begin = Originate(
            target=Private(request.target),
            trunk=request.trunk,
            caller=Private(request.caller),
            terms=exchange.plan.terms(menu, wall_time()),
            ring_timeout_ms=request.ring_timeout_ms,
        )
        exchange.originate(id_, begin, menu)
        return {"call": id_}

    def _one(self, body: bytes) -> dict[str, Any]:
        id_ = CallId(_call.decode(body).id)
        call = self._exchange.calls.get(id_)
        row = self._reader.call(id_)
        if call is None and row is None:
            raise RequestError("no such call")
        found: dict[str, Any] = describe(self._exchange, call) if call is not None else {}
        if row is not None:
            found = {**row._asdict(), "recordings": msgspec.Raw(row.recordings.encode()), **found}
        end = call.end if call is not None else None
        events = [msgspec.Raw(event.body) for event in self._reader.events_of(id_)]
        last = msgspec.json.decode(events[-1]) if events else {}
        ended = last.get("type") == "call.ended"
        found["end"] = last["data"]["end"] if ended else end
        found["state"] = "ended" if ended else "open"
        found["events"] = events
        return found

    def _hang_up(self, body: bytes) -> dict[str, str]:
        call = self._exchange.calls.get(CallId(_call.decode(body).id))
        if call is None:
            raise RequestError("no such call")
        self._exchange.feed(call, Stopped("by request"))
        return {"call": call.id}


def describe(exchange: Exchange, call: Call) -> dict[str, Any]:
    """Return a live call for people."""
    row = exchange.rows[call.id]
    return {
        "id": call.id,
        "state": "open",
        "phase": call.phase,
        "direction": row.direction,
        "trunk": row.trunk,
        "caller": row.caller,
        "called": row.called,
        "started": row.started,
        "answered": row.answered,
        "menu": row.menu,
        "node": call.run.node if call.run is not None else "",
        "deadline": call.deadline.reason if call.deadline is not None else "",
        "legs": [
            {
                "id": leg.id,
                "span": leg.span,
                "signalling": leg.signalling,
                "media": leg.media,
                "slot": leg.seat.slot if leg.seat is not None else None,
            }
            for leg in call.legs.values()
        ],
    }
