"""Makes routes of endpoints: lets in, reads, has it done, answers. A fault of a request never becomes one of ours."""

import re
from typing import Any

import msgspec
from litestar import Request, Response, WebSocket, route, websocket
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from edge.storage.turn import StorageError
from edge.vocabulary.api import Problem
from edge.vocabulary.wire import to_json
from edge.web.admission import Admission
from edge.web.endpoint import BASE, Endpoint, RefusedError, Visit, read_body, read_query, source_of
from edge.web.streams import Streams

JSON = "application/json"
#: What a name in a path may be.
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}", re.ASCII)


def refusal(error: RefusedError) -> Response[Any]:
    """Answer a request that can't be met."""
    return Response(to_json(error.problem), status_code=error.status, media_type=JSON, headers=error.headers)


def make_route(endpoint: Endpoint, admission: Admission) -> HTTPRouteHandler:
    """Make the route of one endpoint."""

    async def serve(request: Request[Any, Any, Any]) -> Response[Any]:
        try:
            visit = await _visit(endpoint, admission, request)
            found = await endpoint.do(visit)
        except RefusedError as error:
            return refusal(error)
        except StorageError as error:
            return Response(to_json(Problem(error=f"storage: {error}")), status_code=503, media_type=JSON)
        if isinstance(found, Response):
            return found
        return Response(to_json(found), status_code=endpoint.status, media_type=JSON)

    path = BASE + endpoint.path.replace("}", ":str}")
    return route(path, http_method=[endpoint.method], include_in_schema=False, name=endpoint.name)(serve)


async def _visit(endpoint: Endpoint, admission: Admission, request: Request[Any, Any, Any]) -> Visit:
    header = request.headers.get("authorization")
    guest = admission.admit(header, endpoint.role, source_of(request.client))
    query = read_query(endpoint.query, request.query_params.multi_items())
    body = None
    if endpoint.method != "GET":
        body = read_body(endpoint.body or _Nothing, await request.body())
    names = {name: str(value) for name, value in request.path_params.items()}
    if not all(map(NAME.fullmatch, names.values())):
        raise RefusedError(404, "no such thing: a name has letters, digits, '.', '_' and '-'")
    return Visit(guest.holder, guest.sees_numbers, names, query, body, request)


class _Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields."""


def make_socket(streams: Streams, admission: Admission) -> WebsocketRouteHandler:
    """Make the route of the WebSocket."""

    async def serve(socket: WebSocket[Any, Any, Any]) -> None:
        try:
            guest = admission.admit(socket.headers.get("authorization"), "viewer", source_of(socket.client))
            query = streams.query(socket.query_params.multi_items(), socket.headers.get("last-event-id"))
            await streams.talk(socket, query, whole=guest.sees_numbers)
        except RefusedError as error:
            await _refuse(socket, error)
        except StorageError as error:
            await _refuse(socket, RefusedError(503, f"storage: {error}"))

    return websocket(f"{BASE}/events/ws")(serve)


async def _refuse(socket: WebSocket[Any, Any, Any], error: RefusedError) -> None:
    """Answer the handshake as HTTP does (ASGI's Websocket Denial Response); a server without that says 403."""
    if "websocket.http.response" not in (socket.scope.get("extensions") or {}):
        await socket.close(code=4000 + error.status, reason=error.text[:100])
        return
    body = to_json(error.problem)
    headers = {"Content-Type": JSON, "Content-Length": str(len(body)), **error.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    send: Any = socket.send  # Litestar's types know of no denial
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": raw})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
