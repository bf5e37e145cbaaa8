"""A question to a backend over NATS: request and reply on a subject, within a deadline.

The library is asyncio's, so one thread has a loop for all endpoints. It is imported where an endpoint needs it, only.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

import msgspec
import nats
import nats.errors
from nats.aio.client import Client

from edge.config.site import Endpoint
from edge.core.calls.actions import Question
from edge.runtime.logs import logger
from edge.switch.answers import TLS_ONLY, AskError, left, read_answer
from edge.vocabulary.asks import AskAnswer

#: Between two attempts to reach a server that is away.
RECONNECT_S = 1


class _Loop:
    """The thread with the loop; made with the first endpoint, there until the process ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="asker-nats", daemon=True).start()


_loops: list[_Loop] = []
_lock = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _loops:
            _loops.append(_Loop())
        return _loops[0].loop


class NatsBackend:
    """An endpoint with `nats://` or `tls://`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loop = _loop()
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None

    def ask(self, question: Question, deadline: float, hedged: Callable[[], None]) -> AskAnswer:
        """See `Backend`."""
        del hedged  # subscribers of one queue group are asked by turns: a second question would find the same crowd
        if question.secrets:
            raise AskError(TLS_ONLY)  # the library keeps what it sends, so nothing could be overwritten
        values = {name: value.reveal() for name, value in question.values.items()}
        body = msgspec.json.encode({**question.facts, "values": values})
        asked = asyncio.run_coroutine_threadsafe(self._request(body, left(deadline)), self._loop)
        try:
            return read_answer(asked.result(left(deadline) + 0.1))
        except (nats.errors.TimeoutError, FutureTimeoutError):
            asked.cancel()
            raise TimeoutError from None
        except nats.errors.NoRespondersError:
            raise AskError("nobody answers on the subject") from None
        except (nats.errors.Error, OSError, ValueError, msgspec.MsgspecError) as error:
            raise AskError(type(error).__name__) from None

    def close(self) -> None:
        """See `Backend`."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop)

    async def _request(self, body: bytes, limit_s: float) -> bytes:
        async with asyncio.timeout(limit_s):
            if self._client is None:
                # One for all questions that come meanwhile; none of them, given up, takes it along.
                if self._connecting is None or self._connecting.done():
                    self._connecting = asyncio.get_running_loop().create_task(self._connect())
                self._client = await asyncio.shield(self._connecting)
            if not self._client.is_connected:
                raise AskError("the server is away")  # what waited for it would be asked when nobody waits any more
            answer = await self._client.request(self._endpoint.subject, body, timeout=limit_s)
            return answer.data

    async def _connect(self) -> Client:
        endpoint = self._endpoint
        options: dict[str, Any] = {}
        if endpoint.url.startswith("tls:"):
            options["tls"] = ssl.create_default_context(cafile=endpoint.ca_file or None)
        if endpoint.token_file:
            options["token"] = Path(endpoint.token_file).read_text().strip()
        return await nats.connect(
            endpoint.url,
            name="edge",
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_S,
            error_cb=_note,
            **options,
        )

    async def _leave(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        if self._client is not None:
            await self._client.close()


async def _note(error: Exception) -> None:
    logger("switch").info("an endpoint's NATS server is away", error=type(error).__name__)
