"""What can be done by the API. Switch does it, once under each `Idempotency-Key`, and tells of it by `api.acted`."""

from typing import Any, Literal

import msgspec

from edge.storage.reader import Reader
from edge.vocabulary import api
from edge.vocabulary.access import Role
from edge.web.doing import Doing
from edge.web.endpoint import Endpoint, RefusedError, Visit
from edge.web.outbox import Outbox
from edge.web.shown import number
from edge.web.speech import Speech

#: Results of orders that were carried out.
GOOD = frozenset({"played", "sent", "matched", "connected"})
#: A reload may have to have texts spoken.
RELOAD_S = 120.0


class Acts:
    """The acting endpoints."""

    def __init__(self, doing: Doing, outbox: Outbox, speech: Speech) -> None:
        self._doing = doing
        self._outbox = outbox
        self._speech = speech

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        begin, act = self._begin, self._act
        return [
            begin("/calls", "integrator", "originate", "Make a call", api.Originate),
            act("/calls/{id}/hang_up", "operator", "hang_up", "End a call"),
            begin("/calls/{id}/legs", "operator", "invite", "Ask one more into a talk", api.Invite),
            act("/calls/{id}/legs/{leg}/mode", "operator", "mode", "Change how a further leg takes part", api.Mode),
            act("/calls/{id}/legs/{leg}/sound", "operator", "sound", "Mute a leg, or change its levels", api.Sound),
            act("/calls/{id}/legs/{leg}/hold", "operator", "hold", "Put a leg on hold, or resume it", api.Hold),
            act("/calls/{id}/legs/{leg}/drop", "operator", "drop", "End a leg that is not the first one"),
            act("/calls/{id}/announce", "operator", "say_over", "Mix a sound over a talk", api.Announce),
            begin("/calls/{id}/play", "operator", "play", "Play sounds to the caller", api.Play),
            self._beginning("/calls/{id}/say", "operator", "say", "Speak a text to the caller", self._say, api.Say),
            begin("/calls/{id}/gather", "operator", "gather", "Ask the caller a question", api.Gather),
            begin("/calls/{id}/press", "operator", "press", "Send digits to the far end", api.Press),
            begin("/calls/{id}/transfer", "operator", "transfer", "Connect the caller with somebody", api.Transfer),
            begin("/calls/{id}/queue", "operator", "queue", "Have the caller wait in a queue", api.ToQueue),
            begin("/calls/{id}/bridge", "operator", "bridge", "Have two callers talk with each other", api.Bridge),
            act("/calls/{id}/record", "operator", "record", "Record from now on, or no more", api.Record),
            self._endpoint(
                "/agents/{agent}/state", "operator", "setAgent", "Log in or out, pause", self._agent, api.AgentWish
            ),
            self._endpoint(
                "/callbacks/{id}", "operator", "orderCallback", "Close, call, hold", self._callback, api.CallbackOrder
            ),
            self._endpoint(
                "/trials/{name}", "operator", "setTrial", "Start or stop a trial", self._trial, api.TrialOrder
            ),
            Endpoint(
                "POST",
                "/replays",
                "integrator",
                "replay",
                "Send events to a sink again",
                self._replay,
                api.Replayed,
                body=api.Replay,
                problems=(409,),
                text="Same ids, same bytes, in order per call, beside what is new. It survives restarts.",
            ),
            Endpoint(
                "POST",
                "/reload",
                "admin",
                "reload",
                "Load the configuration anew",
                self._reload,
                api.Reloaded,
                problems=(409,),
                text="Answered when it is in force, or with its faults.",
            ),
            Endpoint(
                "GET",
                "/operations/{id}",
                "viewer",
                "getOperation",
                "How something goes on that takes its time",
                self._operation,
                api.Operation,
                problems=(404,),
            ),
        ]

    def _endpoint(  # noqa: PLR0917 - the columns of a table
        self, path: str, role: Role, name: str, summary: str, do: Any, body: Any, *, once: bool = True
    ) -> Endpoint:
        return Endpoint("POST", path, role, name, summary, do, api.Done, body=body, problems=(404, 409), once=once)

    def _act(self, path: str, role: Role, what: str, summary: str, body: Any = None) -> Endpoint:
        async def do(visit: Visit) -> Any:
            return msgspec.convert(await self._doing.by_switch(visit, what, visit.names, visit.body), api.Done)

        return self._endpoint(path, role, _camel(what), summary, do, body)

    def _begin(self, path: str, role: Role, what: str, summary: str, body: Any) -> Endpoint:
        async def do(visit: Visit) -> api.Begun:
            found = await self._doing.by_switch(visit, what, visit.names, visit.body)
            return _begun(found)

        return self._beginning(path, role, what, summary, do, body)

    def _beginning(  # noqa: PLR0917 - the columns of a table
        self, path: str, role: Role, what: str, summary: str, do: Any, body: Any
    ) -> Endpoint:
        name, problems = _camel(what), (404, 409)
        return Endpoint(
            "POST", path, role, name, summary, do, api.Begun, body=body, status=202, problems=problems, once=True
        )

    async def _say(self, visit: Visit) -> api.Begun:
        order: api.Say = visit.body
        row = await self._outbox.read(lambda reader: reader.call(visit.names["id"]))
        there = row is not None and row.state == "open"
        speech = await self._speech.spoken(order.text, order.language, wanted=there)
        wanted = {
            "speech": speech,
            "language": order.language,
            "characters": len(order.text),
            "barge_in": order.barge_in,
        }
        return _begun(await self._doing.by_switch(visit, "say", visit.names, wanted))

    async def _agent(self, visit: Visit) -> api.Done:
        found = await self._doing.by_switch(visit, "agent_wish", visit.names, visit.body)
        return api.Done(agent=found["name"])

    async def _callback(self, visit: Visit) -> api.Done:
        order: api.CallbackOrder = visit.body
        found = await self._doing.by_switch(visit, f"{order.what}_callback", {**visit.names, "why": order.why}, None)
        return api.Done(callback=found["callback"])

    async def _trial(self, visit: Visit) -> api.Done:
        what = "trial_start" if visit.body.run else "trial_stop"
        return api.Done(trial=(await self._doing.by_switch(visit, what, visit.names, None))["trial"])

    # --- by others

    async def _replay(self, visit: Visit) -> api.Replayed:
        order: api.Replay = visit.body
        if not (order.call or order.since or order.until):
            raise RefusedError(409, "which events? Give call, since or until")
        chosen = {"call": order.call, "types": order.types, "since": order.since, "until": order.until}
        asked = {"sink": order.sink, "chosen": chosen, "dry_run": order.dry_run}
        if order.dry_run:
            found = await self._doing.ask("forwarder", "replay", asked)
        else:
            found = await self._doing.by_another(visit, "forwarder", "replay", asked, order.sink)
        return msgspec.convert(found, api.Replayed)

    async def _reload(self, visit: Visit) -> api.Reloaded:
        found = await self._doing.ask("supervisor", "reload", {}, RELOAD_S)
        error = "" if found["ok"] else "; ".join([found["error"], *found.get("errors", [])])
        await self._doing.note(visit, "reload", "", error)
        if error:
            raise RefusedError(409, error)
        return msgspec.convert(found["body"], api.Reloaded)

    # --- what takes its time

    async def _operation(self, visit: Visit) -> api.Operation:
        id_ = visit.names["id"]
        found = await self._outbox.read(lambda reader: operation_of(reader, id_))
        if found is None:
            raise RefusedError(404, "no such operation")
        return msgspec.structs.replace(found, digits=number(found.digits, whole=visit.sees_numbers))


def _begun(found: dict[str, Any]) -> api.Begun:
    operation = found.get("operation") or found.get("leg") or found["call"]
    return msgspec.convert({**found, "operation": operation}, api.Begun)


def operation_of(reader: Reader, id_: str) -> api.Operation | None:
    """Follow an operation by the events of its call: the call, or a leg that is asked in; None: there is none.

    Ids: that of the call, that of the leg (`<call>.<n>`), or that of an order (`<call>-op<n>`).
    """
    call = id_.partition("-op")[0].partition(".")[0]
    if reader.call(call) is None:
        return None
    if "-op" in id_:
        return _order(reader, call, id_)
    begun = id_ == call
    for event in reader.events_of(call):
        data = msgspec.json.decode(event.body)["data"]
        if id_ == call and event.type == "call.answered":
            return api.Operation(id=id_, call=call, state="done", result="answered")
        if id_ != call and data.get("leg") == id_:
            begun = True
            if event.type == "leg.answered":
                return api.Operation(id=id_, call=call, state="done", result="answered")
            if event.type == "leg.ended":
                return api.Operation(id=id_, call=call, state="failed", result=data["end"]["outcome"])
        if begun and event.type == "call.ended":
            return api.Operation(id=id_, call=call, state="failed", result=data["end"]["outcome"])
    return api.Operation(id=id_, call=call, state="running") if begun else None


def _order(reader: Reader, call: str, id_: str) -> api.Operation | None:
    begun = False
    for event in reader.events_of(call):
        data = msgspec.json.decode(event.body)["data"]
        if event.type == "order.started" and data["operation"] == id_:
            begun = True
        elif event.type == "order.ended" and data["operation"] == id_:
            state: Literal["done", "failed"] = "done" if data["result"] in GOOD else "failed"
            digits = data.get("digits") or ""
            return api.Operation(id=id_, call=call, state=state, result=data["result"], digits=digits)
        elif begun and event.type == "call.ended":
            return api.Operation(id=id_, call=call, state="failed", result="ended")
    return api.Operation(id=id_, call=call, state="running") if begun else None


def _camel(what: str) -> str:
    first, *rest = what.split("_")
    return first + "".join(word.capitalize() for word in rest)
