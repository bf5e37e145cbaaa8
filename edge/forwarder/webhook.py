"""One HTTP attempt: a signed POST of a CloudEvents document (Standard Webhooks; CloudEvents HTTP binding 1.0, 3.2)."""

import asyncio
import ssl
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import httpx
from standardwebhooks import Webhook

from edge.config.site import Sink
from edge.core.delivery.answers import result_of, retry_after_ms
from edge.core.delivery.model import Result
from edge.runtime.clock import wall_time

#: What is read of an answer's body; the rest is cut off with the connection.
MAX_ANSWER = 64 * 1024


class Answer(NamedTuple):
    """How an attempt ended."""

    result: Result
    #: None: there was no HTTP answer.
    status: int | None
    retry_after_ms: int | None
    #: For the log; never holds URL or body.
    error: str


class BadSecretError(ValueError):
    """The secret is no Standard Webhooks secret."""


def signers(secret: str) -> list[Webhook]:
    """One signer for each secret in `secret`, separated by space: two while one takes over from the other."""
    try:
        made = [Webhook(one) for one in secret.split()]
    except Exception as error:  # the library has several kinds, none of them ours
        raise BadSecretError("the secret is not base64 after `whsec_`") from error
    if not made:
        raise BadSecretError("the secret is empty")
    return made


def _agent() -> str:
    try:
        return f"edge-appliance/{version('edge-appliance')}"
    except PackageNotFoundError:
        return "edge-appliance"


class WebhookSink:
    """The HTTP side of a sink, with connections of its own. Raises BadSecretError."""

    def __init__(self, sink: Sink, connections: int) -> None:
        self._url = sink.url
        self._timeout_s = sink.timeout_ms / 1000
        self._signers = signers(sink.secret)
        self._client = httpx.AsyncClient(
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30
            ),
            timeout=httpx.Timeout(self._timeout_s),
            follow_redirects=False,
            # A proxy or netrc in the environment of a daemon is an accident; a signed event goes where the file says.
            trust_env=False,
            verify=ssl.create_default_context(),
            headers={"User-Agent": _agent(), "Accept-Encoding": "identity", "Accept": "*/*"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def post(self, event_id: str, body: bytes) -> Answer:
        """Send `body` once. Never raises for what the network or the receiver does."""
        status: int | None = None
        wish: int | None = None
        failure = Answer("unreachable", None, None, "")
        try:
            async with asyncio.timeout(self._timeout_s):
                request = self._client.build_request(
                    "POST", self._url, content=body, headers=self._headers(event_id, body)
                )
                response = await self._client.send(request, stream=True)
                try:
                    status = response.status_code
                    wish = retry_after_ms(response.headers.get("retry-after"), wall_time())
                    await _drain(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as error:
            failure = Answer("timed_out", None, None, type(error).__name__)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            failure = Answer("unreachable", None, None, f"{type(error).__name__}: {error}"[:200])
        if status is None:
            return failure
        # The status is the answer, whatever became of the body behind it.
        result = result_of(status)
        return Answer(result, status, None if result == "accepted" else wish, "")

    def _headers(self, event_id: str, body: bytes) -> dict[str, str]:
        now = wall_time()
        text = body.decode()
        return {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(one.sign(event_id, now, text) for one in self._signers),
        }


async def _drain(response: httpx.Response) -> None:
    """Read a short body to its end, so that the connection can be used again; leave a long one."""
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_ANSWER:
            return
