"""What the API can be asked, each endpoint once: what a method of the clients takes, sends and gives.

Functions are named as the clients' methods, which `operations` makes of them. All that do something take a `key`: under
the same one it is done once within 24 hours. Without it each call has one of its own.
"""

import uuid
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from edge.client.asking import Request
from edge.vocabulary import api

T = TypeVar("T")


def _q(name: str) -> str:
    return quote(name, safe="")


def _itself(answer: Any) -> Any:
    return answer


def _get(path: str, kind: type[T], **query: Any) -> Request[T]:
    return Request(method="GET", path=path, kind=kind, pick=_itself, query=query, headers={})


def _of(path: str, kind: Any, *, pick: str, **query: Any) -> Request[Any]:
    """Give one field of the answer."""
    return Request(method="GET", path=path, kind=kind, pick=attrgetter(pick), query=query, headers={})


def _post(
    path: str, kind: type[T], order: api.Order | None, key: str | None, timeout_s: float | None = None
) -> Request[T]:
    headers = {"Content-Type": "application/json"}
    if key != "":
        headers["Idempotency-Key"] = key or uuid.uuid4().hex
    content = msgspec.json.encode(order) if order is not None else b"{}"
    return Request(
        method="POST",
        path=path,
        kind=kind,
        pick=_itself,
        query={},
        headers=headers,
        content=content,
        timeout_s=timeout_s,
    )


# --- reading


def me() -> Request[api.Me]:
    """Whose token this is."""
    return _get("/me", api.Me)


def status() -> Request[dict[str, Any]]:
    """State of the appliance."""
    return _get("/status", dict[str, Any])


def calls(*, state: str = "all", limit: int = 100, before: str | None = None) -> Request[list[api.CallSummary]]:
    """List calls, the newest first; `before`: those that began before this one."""
    return _of("/calls", api.Calls, state=state, limit=limit, before=before, pick="calls")


def call(call: str) -> Request[api.CallDetail]:
    """Give a call with its legs."""
    return _get(f"/calls/{_q(call)}", api.CallDetail)


def events(
    *, after: int = 0, call: str | None = None, types: Sequence[str] = (), limit: int = 100
) -> Request[api.Events]:
    """Give a page of events in the order of the outbox."""
    return _get("/events", api.Events, after=after, call=call, type=",".join(types) or None, limit=limit)


def recordings(*, call: str | None = None, before: int | None = None, limit: int = 100) -> Request[api.Recordings]:
    """Finished recordings and messages, the newest first."""
    return _get("/recordings", api.Recordings, call=call, before=before, limit=limit)


def trunks() -> Request[list[dict[str, Any]]]:
    """Tell what is known of each trunk."""
    return _of("/trunks", api.Trunks, pick="trunks")


def queues() -> Request[list[dict[str, Any]]]:
    """Queues: who waits, who is served."""
    return _of("/queues", api.Queues, pick="queues")


def agents() -> Request[list[dict[str, Any]]]:
    """Agents: what each does."""
    return _of("/agents", api.Agents, pick="agents")


def campaigns() -> Request[list[dict[str, Any]]]:
    """Campaigns: how far each is."""
    return _of("/campaigns", api.Campaigns, pick="campaigns")


def callbacks(*, state: str = "open", limit: int = 100) -> Request[list[api.CallbackShown]]:
    """Who is to be called back."""
    return _of("/callbacks", api.Callbacks, state=state, limit=limit, pick="callbacks")


def sip(call: str) -> Request[list[dict[str, Any]]]:
    """Give the SIP messages of a call, as long as they are remembered."""
    return _of(f"/calls/{_q(call)}/sip", api.SipMessages, pick="messages")


def sinks() -> Request[list[dict[str, Any]]]:
    """Receivers of events: how far each is."""
    return _of("/sinks", api.Sinks, pick="sinks")


def replays() -> Request[list[dict[str, Any]]]:
    """Tell what is or was sent again."""
    return _of("/replays", api.Replays, pick="replays")


def trials() -> Request[list[dict[str, Any]]]:
    """Menus on trial."""
    return _of("/trials", api.Trials, pick="trials")


def surveys(*, since: str = "", by: str = "menu") -> Request[list[api.SurveyReport]]:
    """Tell what callers said in surveys; `by` menu, node, target or reason_code."""
    return _of("/surveys", api.Surveys, pick="surveys", since=since or None, by=by)


# --- acting


def order_callback(callback: str, order: api.CallbackOrder, *, key: str | None = None) -> Request[api.Done]:
    """Close a request to be called back, call it now, or hold it."""
    return _post(f"/callbacks/{_q(callback)}", api.Done, order, key)


def set_trial(trial: str, order: api.TrialOrder, *, key: str | None = None) -> Request[api.Done]:
    """Start or stop a trial."""
    return _post(f"/trials/{_q(trial)}", api.Done, order, key)


def originate(order: api.Originate, *, key: str | None = None) -> Request[api.Begun]:
    """Make a call; `operation` tells whether it is answered."""
    return _post("/calls", api.Begun, order, key)


def hang_up(call: str, *, key: str | None = None) -> Request[api.Done]:
    """End a call."""
    return _post(f"/calls/{_q(call)}/hang_up", api.Done, None, key)


def play(call: str, order: api.Play, *, key: str | None = None) -> Request[api.Begun]:
    """Play sounds to the caller."""
    return _post(f"/calls/{_q(call)}/play", api.Begun, order, key)


def say(call: str, order: api.Say, *, key: str | None = None) -> Request[api.Begun]:
    """Speak a text to the caller."""
    return _post(f"/calls/{_q(call)}/say", api.Begun, order, key)


def bridge(call: str, order: api.Bridge, *, key: str | None = None) -> Request[api.Begun]:
    """Have the caller talk with that of another call."""
    return _post(f"/calls/{_q(call)}/bridge", api.Begun, order, key)


def gather(call: str, order: api.Gather, *, key: str | None = None) -> Request[api.Begun]:
    """Ask the caller a question."""
    return _post(f"/calls/{_q(call)}/gather", api.Begun, order, key)


def press(call: str, order: api.Press, *, key: str | None = None) -> Request[api.Begun]:
    """Send digits to the far end."""
    return _post(f"/calls/{_q(call)}/press", api.Begun, order, key)


def transfer(call: str, order: api.Transfer, *, key: str | None = None) -> Request[api.Begun]:
    """Connect the caller with somebody."""
    return _post(f"/calls/{_q(call)}/transfer", api.Begun, order, key)


def queue(call: str, order: api.ToQueue, *, key: str | None = None) -> Request[api.Begun]:
    """Have the caller wait in a queue."""
    return _post(f"/calls/{_q(call)}/queue", api.Begun, order, key)


def record(call: str, *, on: bool, key: str | None = None) -> Request[api.Done]:
    """Record a call from now on, or no more."""
    return _post(f"/calls/{_q(call)}/record", api.Done, api.Record(on=on), key)


def announce(call: str, order: api.Announce, *, key: str | None = None) -> Request[api.Done]:
    """Mix a sound over a talk."""
    return _post(f"/calls/{_q(call)}/announce", api.Done, order, key)


def invite(call: str, order: api.Invite, *, key: str | None = None) -> Request[api.Begun]:
    """Ask one more into a talk."""
    return _post(f"/calls/{_q(call)}/legs", api.Begun, order, key)


def set_mode(call: str, leg: str, order: api.Mode, *, key: str | None = None) -> Request[api.Done]:
    """Change how a further leg takes part."""
    return _post(f"/calls/{_q(call)}/legs/{_q(leg)}/mode", api.Done, order, key)


def set_sound(call: str, leg: str, order: api.Sound, *, key: str | None = None) -> Request[api.Done]:
    """Mute a leg, or change its levels."""
    return _post(f"/calls/{_q(call)}/legs/{_q(leg)}/sound", api.Done, order, key)


def hold(call: str, leg: str, *, on: bool, key: str | None = None) -> Request[api.Done]:
    """Put a leg on hold, or resume it."""
    return _post(f"/calls/{_q(call)}/legs/{_q(leg)}/hold", api.Done, api.Hold(on=on), key)


def drop(call: str, leg: str, *, key: str | None = None) -> Request[api.Done]:
    """End a leg that is not the first one."""
    return _post(f"/calls/{_q(call)}/legs/{_q(leg)}/drop", api.Done, None, key)


def set_agent(agent: str, order: api.AgentWish, *, key: str | None = None) -> Request[api.Done]:
    """Log an agent in or out, or let him pause."""
    return _post(f"/agents/{_q(agent)}/state", api.Done, order, key)


def preview(agent: str) -> Request[api.Preview]:
    """Give the contact that an agent looks at."""
    return _get(f"/agents/{_q(agent)}/preview", api.Preview)


def answer_preview(agent: str, order: api.PreviewAnswer) -> Request[api.Done]:
    """Have the contact called that an agent looks at, or not."""
    return _post(f"/agents/{_q(agent)}/preview", api.Done, order, "")


def give_result(agent: str, order: api.Result, *, key: str | None = None) -> Request[api.Done]:
    """Say what came of an agent's last talk for a campaign."""
    return _post(f"/agents/{_q(agent)}/result", api.Done, order, key)


def set_campaign(campaign: str, order: api.CampaignState) -> Request[api.Done]:
    """Start, pause or stop a campaign."""
    return _post(f"/campaigns/{_q(campaign)}/state", api.Done, order, "")


def add_contacts(listed_in: str, order: api.Contacts) -> Request[api.Taken]:
    """Put contacts on a list; the same again changes nothing."""
    return _post(f"/lists/{_q(listed_in)}/contacts", api.Taken, order, "")


def suppress(order: api.Suppressed) -> Request[api.Taken]:
    """Have numbers called no more by any campaign."""
    return _post("/do_not_call", api.Taken, order, "")


def replay(order: api.Replay) -> Request[api.Replayed]:
    """Send events to a sink again."""
    return _post("/replays", api.Replayed, order, "")


def reload() -> Request[api.Reloaded]:
    """Load the configuration anew."""
    return _post("/reload", api.Reloaded, None, "", timeout_s=150.0)


def operation(operation: str) -> Request[api.Operation]:
    """How something goes on that takes its time."""
    return _get(f"/operations/{_q(operation)}", api.Operation)
