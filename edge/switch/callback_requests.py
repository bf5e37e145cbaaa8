"""What people may ask of requests to be called back: close, call now, hold, release."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from edge.core.callbacks.window import stamp
from edge.storage.turn import CallbackRow
from edge.vocabulary.ids import CallbackId
from edge.vocabulary.site_events import CallbackHeld, CallbackReleased
from edge.vocabulary.wire import json_reader

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: Who is to be called now is called within this time, if his window is over.
NOW_MS = 3_600_000


class CallbackRequest(Struct, frozen=True):
    """Name a request to be called back, and say why."""

    id: str
    why: Annotated[str, Meta(max_length=200)] = ""


class CallbackError(Exception):
    """It can't be done; the text says why."""


_request = json_reader(CallbackRequest)


def handlers(exchange: Callable[[], "Exchange"]) -> dict[str, Callable[[bytes], dict[str, str]]]:
    """Give what is done about each request, by its name. They raise `CallbackError`."""

    def handler(what: Callable[["Exchange", CallbackRow, str], Any]) -> Callable[[bytes], dict[str, str]]:
        def handle(body: bytes) -> dict[str, str]:
            asked = _request.decode(body)
            row = exchange().callbacks.row(CallbackId(asked.id))
            if row is None:
                raise CallbackError("no such callback is open")
            what(exchange(), row, asked.why)
            exchange().calling.settle()
            return {"callback": row.id}

        return handle

    return {
        "close_callback": handler(_close),
        "call_callback": handler(_call),
        "hold_callback": handler(_hold),
        "release_callback": handler(_release),
    }


def _close(exchange: "Exchange", row: CallbackRow, why: str) -> None:
    exchange.callbacks.close_by_hand(exchange, CallbackId(row.id), why, exchange.wall)


def _call(exchange: "Exchange", row: CallbackRow, _why: str) -> None:
    """Have it called now, whatever the hours, its gap and its window. What may never be called still is not."""
    if not exchange.plan.site.callbacks.dial:
        raise CallbackError("the site calls nobody back ([callbacks] dial)")
    if row.state != "open":
        raise CallbackError("it is held: release it first" if row.state == "held" else "it is being called")
    now = exchange.wall
    now_ms = round(now.astimezone(UTC).timestamp() * 1000)
    ends_ms = round(datetime.fromisoformat(row.latest).timestamp() * 1000)
    most = exchange.calling.policy.attempts - 1
    changed = row._replace(
        urgent=1,
        next="",
        not_before=min(row.not_before, stamp(now_ms)),
        latest=row.latest if ends_ms > now_ms + NOW_MS else stamp(now_ms + NOW_MS),
        attempts=min(row.attempts, most),
    )
    exchange.callbacks.change(exchange, changed)
    exchange.calling.changed()


def _hold(exchange: "Exchange", row: CallbackRow, why: str) -> None:
    if row.state != "open":
        raise CallbackError("it is held" if row.state == "held" else "it is being called")
    exchange.callbacks.change(exchange, row._replace(state="held", held_why=why or "by a person"))
    exchange.notice(CallbackHeld(callback=CallbackId(row.id), why=why))
    exchange.calling.changed()


def _release(exchange: "Exchange", row: CallbackRow, why: str) -> None:
    if row.state != "held":
        raise CallbackError("it is not held")
    exchange.callbacks.change(exchange, row._replace(state="open", held_why="", next=""))
    exchange.notice(CallbackReleased(callback=CallbackId(row.id), why=why))
    exchange.calling.changed()
