"""One connection to an appliance's API, typed.

What is ordered has a key of its own, so a request that was lost on its way, or whose answer was, is sent again and done
once.
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from edge.vocabulary import api

T = TypeVar("T")

#: A request is sent again so often when it could not be answered (no connection, 429, 502, 503, 504).
TRIES: Final = 5
#: Pause before the second try, seconds; each further one is twice as long, or what the server says.
PAUSE_S: Final = 0.5
_AGAIN: Final = frozenset({429, 502, 503, 504})


class ApiError(Exception):
    """The API said no: `status` (HTTP), a text, and where in the request the fault is, if it is there."""

    def __init__(self, status: int, text: str, path: str = "") -> None:
        super().__init__(f"{status}: {text}" + (f" ({path})" if path else ""))
        self.status, self.text, self.path = status, text, path


class Client:
    """Methods are operations of `/openapi.json`. All raise `ApiError`, and `httpx.TransportError` without an answer."""

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

    # --- reading

    def me(self) -> api.Me:
        """Whose token this is."""
        return self._get("/me", api.Me)

    def status(self) -> dict[str, Any]:
        """State of the appliance."""
        return self._get("/status", dict[str, Any])

    def calls(self, *, state: str = "all", limit: int = 100, before: str | None = None) -> list[api.CallSummary]:
        """List calls, the newest first; `before`: those that began before this one."""
        return self._get("/calls", api.Calls, state=state, limit=limit, before=before).calls

    def call(self, call: str) -> api.CallDetail:
        """Give a call with its legs."""
        return self._get(f"/calls/{call}", api.CallDetail)

    def events(
        self, *, after: int = 0, call: str | None = None, types: Sequence[str] = (), limit: int = 100
    ) -> api.Events:
        """Give a page of events in the order of the outbox."""
        return self._get("/events", api.Events, after=after, call=call, type=",".join(types) or None, limit=limit)

    def recordings(self, *, call: str | None = None, before: int | None = None, limit: int = 100) -> api.Recordings:
        """Finished recordings and messages, the newest first."""
        return self._get("/recordings", api.Recordings, call=call, before=before, limit=limit)

    def save_recording(self, recording: str, path: Path) -> None:
        """Write a recording to a file, WAV."""
        with self._http.stream("GET", f"/recordings/{recording}") as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise _error(answer)
            with path.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)

    def trunks(self) -> list[dict[str, Any]]:
        """Tell what is known of each trunk."""
        return self._get("/trunks", api.Trunks).trunks

    def queues(self) -> list[dict[str, Any]]:
        """Queues: who waits, who is served."""
        return self._get("/queues", api.Queues).queues

    def agents(self) -> list[dict[str, Any]]:
        """Agents: what each does."""
        return self._get("/agents", api.Agents).agents

    def campaigns(self) -> list[dict[str, Any]]:
        """Campaigns: how far each is."""
        return self._get("/campaigns", api.Campaigns).campaigns

    def callbacks(self, *, state: str = "open", limit: int = 100) -> list[api.CallbackShown]:
        """Who is to be called back."""
        return self._get("/callbacks", api.Callbacks, state=state, limit=limit).callbacks

    def stream(
        self, *, after: int | None = None, call: str | None = None, types: Sequence[str] = ()
    ) -> Iterator[api.NumberedEvent]:
        """Give events as they happen, for ever; a lost connection is made again, and nothing is missed or given twice.

        `after`: from that place of the outbox on; without it, those that come from now on.
        """
        at, failed = self._tip() if after is None else after, 0
        while True:
            try:
                for one in self._stream(at, call, types):
                    at, failed = one.sequence, 0
                    yield one
            except httpx.TransportError:
                failed += 1
            time.sleep(min(PAUSE_S * 2**failed, 10.0))

    def _tip(self) -> int:
        # No event is of this type: the answer is where the outbox ends.
        return self.events(types=["no.event"], limit=1).last

    def _stream(self, after: int, call: str | None, types: Sequence[str]) -> Iterator[api.NumberedEvent]:
        asked = _given({"after": after, "call": call, "type": ",".join(types) or None})
        # A heartbeat comes every 15 s: whoever is silent for longer is gone.
        with self._http.stream("GET", "/events/stream", params=asked, timeout=40.0) as answer:
            if answer.status_code in _AGAIN:
                raise httpx.RemoteProtocolError(f"{answer.status_code}")
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise _error(answer)
            sequence = 0
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    sequence = int(value)
                elif name == "data":
                    yield api.NumberedEvent(sequence=sequence, event=msgspec.json.decode(value))

    # --- acting

    def originate(self, order: api.Originate, *, key: str | None = None) -> api.Begun:
        """Make a call; `operation` tells whether it is answered."""
        return self._post("/calls", api.Begun, order, key)

    def hang_up(self, call: str, *, key: str | None = None) -> api.Done:
        """End a call."""
        return self._post(f"/calls/{call}/hang_up", api.Done, None, key)

    def play(self, call: str, order: api.Play, *, key: str | None = None) -> api.Begun:
        """Play sounds to the caller."""
        return self._post(f"/calls/{call}/play", api.Begun, order, key)

    def gather(self, call: str, order: api.Gather, *, key: str | None = None) -> api.Begun:
        """Ask the caller a question."""
        return self._post(f"/calls/{call}/gather", api.Begun, order, key)

    def press(self, call: str, order: api.Press, *, key: str | None = None) -> api.Begun:
        """Send digits to the far end."""
        return self._post(f"/calls/{call}/press", api.Begun, order, key)

    def transfer(self, call: str, order: api.Transfer, *, key: str | None = None) -> api.Begun:
        """Connect the caller with somebody."""
        return self._post(f"/calls/{call}/transfer", api.Begun, order, key)

    def queue(self, call: str, order: api.ToQueue, *, key: str | None = None) -> api.Begun:
        """Have the caller wait in a queue."""
        return self._post(f"/calls/{call}/queue", api.Begun, order, key)

    def record(self, call: str, *, on: bool, key: str | None = None) -> api.Done:
        """Record a call from now on, or no more."""
        return self._post(f"/calls/{call}/record", api.Done, api.Record(on=on), key)

    def announce(self, call: str, order: api.Announce, *, key: str | None = None) -> api.Done:
        """Mix a sound over a talk."""
        return self._post(f"/calls/{call}/announce", api.Done, order, key)

    def invite(self, call: str, order: api.Invite, *, key: str | None = None) -> api.Begun:
        """Ask one more into a talk."""
        return self._post(f"/calls/{call}/legs", api.Begun, order, key)

    def set_mode(self, call: str, leg: str, order: api.Mode, *, key: str | None = None) -> api.Done:
        """Change how a further leg takes part."""
        return self._post(f"/calls/{call}/legs/{leg}/mode", api.Done, order, key)

    def set_sound(self, call: str, leg: str, order: api.Sound, *, key: str | None = None) -> api.Done:
        """Mute a leg, or change its levels."""
        return self._post(f"/calls/{call}/legs/{leg}/sound", api.Done, order, key)

    def hold(self, call: str, leg: str, *, on: bool, key: str | None = None) -> api.Done:
        """Put a leg on hold, or resume it."""
        return self._post(f"/calls/{call}/legs/{leg}/hold", api.Done, api.Hold(on=on), key)

    def drop(self, call: str, leg: str, *, key: str | None = None) -> api.Done:
        """End a leg that is not the first one."""
        return self._post(f"/calls/{call}/legs/{leg}/drop", api.Done, None, key)

    def set_agent(self, agent: str, order: api.AgentWish, *, key: str | None = None) -> api.Done:
        """Log an agent in or out, or let him pause."""
        return self._post(f"/agents/{agent}/state", api.Done, order, key)

    def preview(self, agent: str) -> api.Preview:
        """Give the contact that an agent looks at."""
        return self._get(f"/agents/{agent}/preview", api.Preview)

    def answer_preview(self, agent: str, order: api.PreviewAnswer) -> api.Done:
        """Have the contact called that an agent looks at, or not."""
        return self._post(f"/agents/{agent}/preview", api.Done, order, "")

    def give_result(self, agent: str, order: api.Result, *, key: str | None = None) -> api.Done:
        """Say what came of an agent's last talk for a campaign."""
        return self._post(f"/agents/{agent}/result", api.Done, order, key)

    def set_campaign(self, campaign: str, order: api.CampaignState) -> api.Done:
        """Start, pause or stop a campaign."""
        return self._post(f"/campaigns/{campaign}/state", api.Done, order, "")

    def add_contacts(self, listed_in: str, order: api.Contacts) -> api.Taken:
        """Put contacts on a list; the same again changes nothing."""
        return self._post(f"/lists/{listed_in}/contacts", api.Taken, order, "")

    def suppress(self, order: api.Suppressed) -> api.Taken:
        """Have numbers called no more by any campaign."""
        return self._post("/do_not_call", api.Taken, order, "")

    def replay(self, order: api.Replay) -> api.Replayed:
        """Send events to a sink again."""
        return self._post("/replays", api.Replayed, order, "")

    def reload(self) -> api.Reloaded:
        """Load the configuration anew."""
        return self._post("/reload", api.Reloaded, None, "", timeout_s=150.0)

    def operation(self, operation: str) -> api.Operation:
        """How something goes on that takes its time."""
        return self._get(f"/operations/{operation}", api.Operation)

    def wait(self, begun: api.Begun, *, limit_s: float = 60.0, every_s: float = 0.25) -> api.Operation:
        """Wait until it is done or has failed. Raises TimeoutError."""
        until = time.monotonic() + limit_s
        while (found := self.operation(begun.operation)).state == "running":
            if time.monotonic() >= until:
                raise TimeoutError(f"{begun.operation} goes on after {limit_s:g} s")
            time.sleep(every_s)
        return found

    # --- asking

    def _get(self, path: str, kind: type[T], **query: Any) -> T:
        return _read(self._send("GET", path, params=_given(query)), kind)

    def _post(
        self, path: str, kind: type[T], order: api.Order | None, key: str | None, timeout_s: float | None = None
    ) -> T:
        headers = {"Content-Type": "application/json"}
        if key != "":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        content = msgspec.json.encode(order) if order is not None else b"{}"
        more = {} if timeout_s is None else {"timeout": timeout_s}
        return _read(self._send("POST", path, content=content, headers=headers, **more), kind)

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        pause_s = PAUSE_S
        for left in range(TRIES - 1, -1, -1):
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError:
                if not left:
                    raise
            else:
                if answer.status_code not in _AGAIN or not left:
                    return answer
                pause_s = max(pause_s, float(answer.headers.get("retry-after", 0)))
            time.sleep(pause_s)
            pause_s *= 2
        raise AssertionError  # the last try returns or raises


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _read(answer: httpx.Response, kind: type[T]) -> T:
    if answer.is_error:
        raise _error(answer)
    return msgspec.json.decode(answer.content, type=kind)


def _error(answer: httpx.Response) -> ApiError:
    try:
        problem = msgspec.json.decode(answer.content, type=api.Problem)
    except msgspec.MsgspecError:
        return ApiError(answer.status_code, answer.reason_phrase)
    return ApiError(answer.status_code, problem.error, problem.path if isinstance(problem.path, str) else "")
