"""What programs and agents do about campaigns: state, lists, contacts that an agent looks at, results of talks."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from edge.vocabulary import api
from edge.web.doing import Doing
from edge.web.endpoint import Endpoint, RefusedError, Visit

#: Bytes of a list that is handed in: it has to fit a message between processes.
MAX_HANDED_IN = 60_000


class CampaignActs:
    """Endpoints of campaigns and of their agents."""

    def __init__(self, doing: Doing) -> None:
        self._doing = doing

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        return [
            Endpoint(
                "POST",
                "/campaigns/{campaign}/state",
                "operator",
                "setCampaign",
                "Start, pause or stop a campaign",
                self._campaign,
                api.Done,
                body=api.CampaignState,
                problems=(404, 409),
            ),
            _handed_in("/lists/{list}/contacts", "addContacts", "Put contacts on a list", self._contacts, api.Contacts),
            _handed_in("/do_not_call", "suppress", "Have numbers called no more", self._suppress, api.Suppressed),
            Endpoint(
                "GET",
                "/agents/{agent}/preview",
                "operator",
                "getPreview",
                "The contact that an agent looks at",
                self._preview,
                api.Preview,
                problems=(409,),
                text="The number is whole where the campaign's `preview.show_number` says so.",
            ),
            Endpoint(
                "POST",
                "/agents/{agent}/preview",
                "operator",
                "answerPreview",
                "Have the contact called, or not",
                self._answer,
                api.Done,
                body=api.PreviewAnswer,
                problems=(409,),
            ),
            Endpoint(
                "POST",
                "/agents/{agent}/result",
                "operator",
                "giveResult",
                "Say what came of an agent's last talk for a campaign",
                self._result,
                api.Done,
                body=api.Result,
                problems=(404, 409),
                once=True,
                text="During the talk or for a while after it (`result_within`). The last word counts.",
            ),
        ]

    async def _campaign(self, visit: Visit) -> api.Done:
        order: api.CampaignState = visit.body
        body = {**visit.names, **msgspec.to_builtins(order), "by": visit.holder.name}
        campaign = visit.names["campaign"]
        await self._doing.by_another(visit, "dialer", "campaign", body, campaign, f"campaign_{order.state}")
        return api.Done(campaign=campaign)

    async def _contacts(self, visit: Visit) -> api.Taken:
        return await self._take(visit, "contacts", visit.names["list"])

    async def _suppress(self, visit: Visit) -> api.Taken:
        return await self._take(visit, "suppress", "")

    async def _take(self, visit: Visit, what: str, subject: str) -> api.Taken:
        order = {**visit.names, **msgspec.to_builtins(visit.body)}
        if len(msgspec.json.encode(order)) > MAX_HANDED_IN:
            raise RefusedError(413, f"more than {MAX_HANDED_IN} bytes: hand it in in parts", "$")
        return msgspec.convert(await self._doing.by_another(visit, "dialer", what, order, subject), api.Taken)

    async def _preview(self, visit: Visit) -> Any:
        return msgspec.convert(await self._doing.ask("dialer", "preview", visit.names), api.Preview)

    async def _answer(self, visit: Visit) -> api.Done:
        order: api.PreviewAnswer = visit.body
        agent, what = visit.names["agent"], f"preview_{order.what}"
        body = {"agent": agent, "reason": order.reason, "by": visit.holder.name}
        await self._doing.by_another(visit, "dialer", what, body, agent)
        return api.Done(agent=agent)

    async def _result(self, visit: Visit) -> api.Done:
        order: api.Result = visit.body
        told: dict[str, Any] = {**visit.names, "code": order.code, "note": order.note}
        if order.at:
            told["at_ms"] = _ms(order.at)
        return api.Done(agent=(await self._doing.by_switch(visit, "agent_result", told, None))["name"])


def _handed_in(path: str, name: str, summary: str, do: Callable[[Visit], Awaitable[Any]], body: Any) -> Endpoint:
    text = "Some at a time: the same again changes nothing. What cannot be read is told, the rest is taken."
    return Endpoint("POST", path, "integrator", name, summary, do, api.Taken, body=body, problems=(409,), text=text)


def _ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RefusedError(409, "there is no such day", "$.at") from None
