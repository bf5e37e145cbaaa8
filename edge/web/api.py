"""The HTTP interface."""

import asyncio
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler

from edge.metrics.library import CONTENT_TYPE_LATEST, generate_latest
from edge.metrics.web import WebMetrics
from edge.runtime.logs import logger
from edge.web.acts import Acts
from edge.web.admission import Admission
from edge.web.campaign_acts import CampaignActs
from edge.web.described import document
from edge.web.doing import Doing
from edge.web.downloads import Downloads
from edge.web.endpoint import Endpoint, RefusedError, source_of
from edge.web.families import join
from edge.web.outbox import Outbox
from edge.web.questions import NoAnswerError, Questions
from edge.web.reads import Reads
from edge.web.routes import make_route, make_socket, refusal
from edge.web.speech import Speech
from edge.web.streams import Streams

#: Largest request body, bytes.
MAX_BODY = 64 * 1024


@dataclass
class Parts:
    """What the application is made of."""

    questions: Questions
    outbox: Outbox
    admission: Admission
    metrics: WebMetrics
    #: Set when the process ends: streams end then.
    stop: asyncio.Event
    #: The ring of SIP messages.
    trace_fd: int
    #: Folders that recordings and messages are in; nothing outside of them is given out.
    recordings: list[Path]
    speech: Speech
    #: Nobody beyond this machine can come, other than by a proxy.
    on_loopback: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether calls are taken, and if not, why."""

    ready: bool
    #: What is wrong now.
    conditions: list[str]


def read_status(body: bytes) -> Readiness:
    """Read the supervisor's status. Only `ready: true` means ready, whatever else it holds; never raises."""
    try:
        status = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Readiness(False, ["the supervisor's status can't be read"])
    if not isinstance(status, dict):
        return Readiness(False, ["the supervisor's status can't be read"])
    told = status.get("conditions")
    conditions = [_condition(one) for one in told] if isinstance(told, list) else []
    return Readiness(status.get("ready") is True, conditions)


def _condition(told: Any) -> str:
    """Read one condition: a text, or a table with process, condition and text."""
    if isinstance(told, dict):
        told = ": ".join(str(told[key]) for key in ("process", "condition", "text") if told.get(key))
    return str(told)[:500]


def _release() -> str:
    try:
        return version("edge-appliance")
    except PackageNotFoundError:
        return "0"


def _refusal(_request: Any, error: HTTPException) -> Response[Any]:
    return refusal(RefusedError(error.status_code, error.detail, headers=error.headers))


def _failure(_request: Any, error: Exception) -> Response[Any]:
    logger("web").error("a request failed by a bug", exc_info=error)
    return refusal(RefusedError(500, "internal error"))


def endpoints_of(parts: Parts, streams: Streams) -> list[Endpoint]:
    """List what takes a token."""
    doing = Doing(parts.questions)
    return [
        *Reads(doing, parts.outbox, parts.trace_fd).endpoints(),
        *streams.endpoints(),
        *Downloads(parts.outbox, parts.recordings).endpoints(),
        *Acts(doing, parts.outbox, parts.speech).endpoints(),
        *CampaignActs(doing).endpoints(),
    ]


def make_api(parts: Parts) -> Litestar:
    """Make the application."""
    streams = Streams(parts.outbox, parts.metrics, parts.stop)
    endpoints = endpoints_of(parts, streams)

    @get("/openapi.json", include_in_schema=False, media_type=MediaType.JSON)
    async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
        return document(request.app.openapi_schema.to_schema(), endpoints)

    handlers: list[ControllerRouterHandler] = [
        *_open_routes(parts),
        openapi,
        *(make_route(one, parts.admission) for one in endpoints),
        make_socket(streams, parts.admission),
    ]
    return Litestar(
        route_handlers=handlers,
        request_max_body_size=MAX_BODY,
        exception_handlers={HTTPException: _refusal, Exception: _failure},
        openapi_config=OpenAPIConfig(
            title="Telephony edge appliance",
            version=_release(),
            # A document at the root would make Litestar answer every unknown path with a page of its own.
            path="/openapi",
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,
        debug=False,
    )


def _open_routes(parts: Parts) -> list[ControllerRouterHandler]:
    """Make what takes no token: health for everybody, and on loopback metrics, which say nothing of anybody."""
    questions, metrics = parts.questions, parts.metrics

    @get("/healthz", media_type=MediaType.TEXT, summary="Liveness", description="200 while this process lives.")
    async def healthz() -> str:
        return "ok\n"

    @get(
        "/readyz",
        summary="Readiness",
        description="200 when calls are taken, else 503 with the reasons.",
        media_type=MediaType.JSON,
    )
    async def readyz() -> Response[Readiness]:
        try:
            found = read_status(await questions.ask("supervisor", "status"))
        except NoAnswerError as error:
            metrics.unanswered.inc()
            found = Readiness(False, [str(error)])
        return Response(found, status_code=200 if found.ready else 503)

    @get(
        "/metrics",
        summary="Metrics of all processes",
        description="Prometheus text format. Beyond loopback it takes a token of any role.",
    )
    async def all_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not parts.on_loopback:
            try:
                parts.admission.admit(request.headers.get("authorization"), "viewer", source_of(request.client))
            except RefusedError as error:
                return refusal(error)
        texts: dict[str, str | None]
        try:
            texts = await questions.scrape_all()
        except NoAnswerError:
            metrics.unanswered.inc()
            texts = {"web": generate_latest(metrics.registry).decode()}
        content, invalid = join(texts)
        metrics.invalid.inc(invalid)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return [healthz, readyz, all_metrics]
