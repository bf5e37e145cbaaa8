"""One connection to an appliance's API, typed, for programs that wait for each answer.

What is ordered has a key of its own, so a request that was lost on its way, or whose answer was, is sent again and done
once.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from edge.client.asking import SILENCE_S, Following, Patience, Request, error_of, is_stream
from edge.client.operations import Operations, Sender
from edge.vocabulary import api

T = TypeVar("T")


class Client(Operations, Sender):
    """Methods are those of `Operations`, and what takes more than one request."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0, verify: bool | str = True) -> None:
        """Take `url`, where HTTP is served; `verify` as httpx takes it: say the path of a CA bundle."""
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            verify=verify,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request[T]) -> T:
        """Send a request, again where it could not be answered, and read the answer."""
        patience = Patience()
        while True:
            answer = None
            try:
                answer = self._http.request(request.method, request.path, **request.arguments())
            except httpx.TransportError:
                pause_s = patience.pause_s(None)
                if pause_s is None:
                    raise
            else:
                pause_s = patience.pause_s(answer)
                if pause_s is None:
                    return request.read(answer)
            time.sleep(pause_s)

    def save_recording(self, recording: str, path: Path) -> None:
        """Write a recording to a file, WAV."""
        with self._http.stream("GET", f"/recordings/{recording}") as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise error_of(answer)
            with path.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)

    def stream(
        self, *, after: int | None = None, call: str | None = None, types: Sequence[str] = ()
    ) -> Iterator[api.NumberedEvent]:
        """Give events as they happen, for ever; a lost connection is made again, and nothing is missed or given twice.

        `after`: from that place of the outbox on; without it, those that come from now on.
        """
        # No event is of this type: the answer is where the outbox ends.
        begin = self.events(types=["no.event"], limit=1).last if after is None else after
        following = Following(begin, call, ",".join(types) or None)
        while True:
            failed = False
            try:
                with self._http.stream("GET", "/events/stream", params=following.query, timeout=SILENCE_S) as answer:
                    if not is_stream(answer):
                        answer.read()
                        raise error_of(answer)
                    for line in answer.iter_lines():
                        event = following.line(line)
                        if event is not None:
                            yield event
            except httpx.TransportError:
                failed = True
            time.sleep(following.pause_s(failed=failed))

    def wait(self, begun: api.Begun, *, limit_s: float = 60.0, every_s: float = 0.25) -> api.Operation:
        """Wait until it is done or has failed. Raises TimeoutError."""
        until = time.monotonic() + limit_s
        while (found := self.operation(begun.operation)).state == "running":
            if time.monotonic() >= until:
                raise TimeoutError(f"{begun.operation} goes on after {limit_s:g} s")
            time.sleep(every_s)
        return found
