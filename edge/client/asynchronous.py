"""The same for programs on asyncio: many calls at once, none of which waits for another one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from edge.client.asking import SILENCE_S, Following, Patience, Request, error_of, is_stream
from edge.client.operations import AsyncSender, Operations
from edge.vocabulary import api

T = TypeVar("T")


class AsyncClient(Operations, AsyncSender):
    """Methods are those of `Operations`, awaited, and what takes more than one request."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0, verify: bool | str = True) -> None:
        """Take what `Client` does."""
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            verify=verify,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[T]) -> T:
        """Send a request, again where it could not be answered, and read the answer."""
        patience = Patience()
        while True:
            try:
                answer = await self._http.request(request.method, request.path, **request.arguments())
            except httpx.TransportError:
                pause_s = patience.pause_s(None)
                if pause_s is None:
                    raise
            else:
                pause_s = patience.pause_s(answer)
                if pause_s is None:
                    return request.read(answer)
            await asyncio.sleep(pause_s)

    async def save_recording(self, recording: str, path: Path) -> None:
        """Write a recording to a file, WAV."""
        async with self._http.stream("GET", f"/recordings/{recording}") as answer:
            if answer.status_code != httpx.codes.OK:
                await answer.aread()
                raise error_of(answer)
            with await asyncio.to_thread(path.open, "wb") as file:
                async for piece in answer.aiter_bytes():
                    await asyncio.to_thread(file.write, piece)

    async def stream(
        self, *, after: int | None = None, call: str | None = None, types: Sequence[str] = ()
    ) -> AsyncIterator[api.NumberedEvent]:
        """Give events as `Client.stream` does."""
        # No event is of this type: the answer is where the outbox ends.
        begin = (await self.events(types=["no.event"], limit=1)).last if after is None else after
        following = Following(begin, call, ",".join(types) or None)
        while True:
            failed = False
            try:
                async with self._http.stream(
                    "GET", "/events/stream", params=following.query, timeout=SILENCE_S
                ) as answer:
                    if not is_stream(answer):
                        await answer.aread()
                        raise error_of(answer)
                    async for line in answer.aiter_lines():
                        event = following.line(line)
                        if event is not None:
                            yield event
            except httpx.TransportError:
                failed = True
            await asyncio.sleep(following.pause_s(failed=failed))

    async def wait(self, begun: api.Begun, *, limit_s: float = 60.0, every_s: float = 0.25) -> api.Operation:
        """Wait until it is done or has failed. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_s
        while (found := await self.operation(begun.operation)).state == "running":
            if loop.time() >= until:
                raise TimeoutError(f"{begun.operation} goes on after {limit_s:g} s")
            await asyncio.sleep(every_s)
        return found
