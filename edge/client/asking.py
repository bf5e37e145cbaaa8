"""What the synchronous and the asynchronous client share: requests, answers, errors, and when to send again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import httpx
import msgspec

from edge.vocabulary import api

T = TypeVar("T")

#: A request is sent again so often when it could not be answered (no connection, 429, 502, 503, 504).
TRIES: Final = 5
#: Pause before the second try, seconds; each further one is twice as long, or what the server says.
PAUSE_S: Final = 0.5
#: Statuses after which the same may be asked again.
AGAIN: Final = frozenset({429, 502, 503, 504})
#: A heartbeat comes every 15 s: a stream that is silent for longer is gone.
SILENCE_S: Final = 40.0


class ApiError(Exception):
    """The API said no: `status` (HTTP), a text, and where in the request the fault is, if it is there."""

    def __init__(self, status: int, text: str, path: str = "") -> None:
        super().__init__(f"{status}: {text}" + (f" ({path})" if path else ""))
        self.status, self.text, self.path = status, text, path


@dataclass(frozen=True, kw_only=True)
class Request(Generic[T]):
    """One request, and how its answer is read."""

    method: str
    #: Below `/api/v1`.
    path: str
    #: Type of the answer's JSON, and what of it is given.
    kind: Any
    pick: Callable[[Any], T]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    content: bytes | None = None
    timeout_s: float | None = None

    def arguments(self) -> dict[str, Any]:
        """Give what httpx takes."""
        more = {} if self.timeout_s is None else {"timeout": self.timeout_s}
        content = {} if self.content is None else {"content": self.content}
        return {"params": given(self.query), "headers": dict(self.headers), **content, **more}

    def read(self, answer: httpx.Response) -> T:
        """Read the answer. Raises `ApiError`."""
        if answer.is_error:
            raise error_of(answer)
        return self.pick(msgspec.json.decode(answer.content, type=self.kind))


class Patience:
    """When one request is sent again."""

    def __init__(self) -> None:
        self._left = TRIES - 1
        self._pause_s = PAUSE_S

    def pause_s(self, answer: httpx.Response | None) -> float | None:
        """Say after how many seconds; None: the answer counts, or (None) that there was none."""
        if (answer is not None and answer.status_code not in AGAIN) or not self._left:
            return None
        self._left -= 1
        wanted = float(answer.headers.get("retry-after", 0)) if answer is not None else 0.0
        pause_s = max(self._pause_s, wanted)
        self._pause_s = 2 * pause_s
        return pause_s


class Following:
    """Where a stream of events is, from connection to connection."""

    def __init__(self, after: int, call: str | None, types: str | None) -> None:
        self.after = after
        self._chosen = {"call": call, "type": types}
        self._failed = 0
        self._sequence = 0

    @property
    def query(self) -> dict[str, Any]:
        """What is asked for now."""
        return given({"after": self.after, **self._chosen})

    def line(self, line: str) -> api.NumberedEvent | None:
        """Take a line of the stream; an event when it is complete."""
        name, _, value = line.partition(": ")
        if name == "id":
            self._sequence = int(value)
        elif name == "data":
            self.after, self._failed = self._sequence, 0
            return api.NumberedEvent(sequence=self._sequence, event=msgspec.json.decode(value))
        return None

    def pause_s(self, *, failed: bool) -> float:
        """Say after how many seconds it is connected again."""
        self._failed += failed
        return min(PAUSE_S * float(2**self._failed), 10.0)


def is_stream(answer: httpx.Response) -> bool:
    """Whether events follow; False: an error does, whose body has to be read. Raises `httpx.TransportError`."""
    if answer.status_code in AGAIN:
        raise httpx.RemoteProtocolError(f"{answer.status_code}")
    return answer.status_code == httpx.codes.OK


def given(query: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given."""
    return {name: value for name, value in query.items() if value is not None}


def error_of(answer: httpx.Response) -> ApiError:
    """Read what the API says is wrong."""
    try:
        problem = msgspec.json.decode(answer.content, type=api.Problem)
    except msgspec.MsgspecError:
        return ApiError(answer.status_code, answer.reason_phrase)
    return ApiError(answer.status_code, problem.error, problem.path if isinstance(problem.path, str) else "")
