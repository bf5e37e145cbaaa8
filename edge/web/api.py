"""The HTTP interface."""

from importlib.metadata import PackageNotFoundError, version
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
from edge.web.families import join
from edge.web.questions import NoAnswerError, Questions

#: Largest request body, bytes.
MAX_BODY = 64 * 1024


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


def _refusal(_request: Any, error: HTTPException) -> Response[dict[str, Any]]:
    return Response({"error": error.detail}, status_code=error.status_code, media_type=MediaType.JSON)


def _failure(_request: Any, error: Exception) -> Response[dict[str, Any]]:
    logger("web").error("a request failed by a bug", exc_info=error)
    return Response({"error": "internal error"}, status_code=500, media_type=MediaType.JSON)


def make_api(questions: Questions, metrics: WebMetrics) -> Litestar:
    """Make the application."""

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

    @get("/metrics", summary="Metrics of all processes", description="Prometheus text format.")
    async def all_metrics() -> Response[bytes]:
        texts: dict[str, str | None]
        try:
            texts = await questions.scrape_all()
        except NoAnswerError:
            metrics.unanswered.inc()
            texts = {"web": generate_latest(metrics.registry).decode()}
        content, invalid = join(texts)
        metrics.invalid.inc(invalid)
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    @get(
        "/campaigns",
        summary="Campaigns",
        description="What each campaign does, how far it has come, and what became of its calls; no numbers.",
        media_type=MediaType.JSON,
    )
    async def campaigns() -> Response[Any]:
        try:
            body = await questions.ask("dialer", "campaigns", b"{}")
        except NoAnswerError as error:
            metrics.unanswered.inc()
            return Response({"error": str(error)}, status_code=503)
        return Response(msgspec.json.decode(body))

    @get("/openapi.json", include_in_schema=False, media_type=MediaType.JSON)
    async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
        return request.app.openapi_schema.to_schema()

    handlers: list[ControllerRouterHandler] = [healthz, readyz, all_metrics, campaigns, openapi]
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
