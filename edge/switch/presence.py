"""Agents who say whether they take calls: on the phone, by a menu that asks the endpoint `agents`, or by a command.

A menu asks as it asks a backend, so what is said to agents, and in which order, is the author's. What it sends:

- `agent`: the agent's number (`id`), or his name;
- `pin`: digits that a sensitive gather kept;
- `wish`: `log_in`, `log_out`, `pause`, `ready`, `disposition`, or `state`, which changes nothing;
- `reason`: of a pause; `disposition`: of that, the key or code of what came of the last talk.

What is answered: `ok`; `wrong`: number or PIN, and nobody is told which; `locked`; `no_number`: there is none to ring
him at; `logged_out`: he would have to log in first; `reason`: there is no such reason. With each but `wrong` and
`locked` come `agent_name` and `agent_state`.
"""

from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct

from edge.config.kinds import dial_number_fault, sip_uri_fault
from edge.config.queues import RESULTS_ENDPOINT, Agent
from edge.core.calls import account
from edge.core.calls.actions import Question
from edge.core.calls.inputs import Asked, Incoming
from edge.core.queues.model import PresenceWanted, PresenceWish
from edge.core.queues.pins import Pins
from edge.switch.results import ResultRequest, ResultWord
from edge.vocabulary import site_events
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

Word = Literal["ok", "wrong", "locked", "no_number", "logged_out", "reason"] | ResultWord
_WISHES = get_args(PresenceWish)


class WishRequest(Struct, frozen=True, kw_only=True):
    """What an operator wants of an agent."""

    agent: str
    wish: PresenceWish
    reason: str = ""
    #: Where he is from now on; empty: where the site says.
    target: str = ""
    trunk: str = ""


class PresenceDesk:
    """Takes what is said, and has the queues do it."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._pins = Pins()

    # --- on the phone

    def asked(self, question: Question) -> Asked:
        """Answer a menu."""
        said = {name: value.reveal() for name, value in question.values.items()}
        if question.endpoint == RESULTS_ENDPOINT:
            return self._result(question, said.get("disposition", ""))
        wish = said.get("wish", "")
        if wish not in {*_WISHES, "state", "disposition"}:
            return Asked(number=question.number, outcome="failed", error=f"there is no wish {wish[:20]!r}")
        agent = self._find(said.get("agent", ""))
        pin = question.secrets.get("pin")
        refused = self._believe(agent, pin.reveal() if pin is not None else "")
        word = self._want(agent, wish, said, question) if refused is None and agent is not None else refused or "wrong"
        if word in {"wrong", "locked", "no_number"}:
            name = agent.name if agent is not None else ""
            self._exchange.metrics.agents_refused.labels(word).inc()
            self._exchange.notice(site_events.AgentRefused(agent=name, why=word, call=question.call))
        known = self._exchange.queues.floor.roster.get(agent.name) if agent is not None else None
        told, line = {}, None
        if known is not None and word == "ok" and known.line == question.call and not known.line_up:
            line = self._exchange.nailed.terms(known.terms.name)
        if known is not None and word not in {"wrong", "locked"}:
            told = {"agent_name": known.terms.name, "agent_state": known.shown}
        return Asked(number=question.number, outcome="ok", answer=word, attributes=told, line=line)

    def _find(self, text: str) -> Agent | None:
        agents = self._exchange.plan.site.agents
        return next((one for one in agents if text and text in (one.id, one.name)), None)

    def _believe(self, agent: Agent | None, pin: str) -> Literal["wrong", "locked"] | None:
        """Return why somebody is not believed to be an agent."""
        if agent is None:
            return "wrong"
        rules = self._exchange.plan.site.presence
        verdict = self._pins.check(
            agent.name, agent.pin, pin, self._exchange.now_ms, most=rules.wrong_pins, lock_ms=rules.lock_ms
        )
        return None if verdict == "right" else verdict

    def _result(self, question: Question, said: str) -> Asked:
        """Take what an agent says on the leg that he was rung on for the talk: who he is is known."""
        call = self._exchange.calls.get(question.call)
        order = call.attempt.order if call is not None and call.attempt is not None else None
        if order is None or not order.led:
            return Asked(number=question.number, outcome="failed", error="no agent leads this call")
        word = self._exchange.results.say(ResultRequest(agent=order.agent, code=said), question.call)
        return Asked(number=question.number, outcome="ok", answer=word)

    def _want(self, agent: Agent, wish: str, said: dict[str, str], question: Question) -> Word:
        if wish == "state":
            return "ok"
        if wish == "disposition":
            request = ResultRequest(agent=agent.name, code=said.get("disposition", ""))
            return self._exchange.results.say(request, question.call)
        target, trunk = self._place(agent, question) if wish == "log_in" else ("", "")
        return self._do(
            PresenceWanted(
                agent=agent.name,
                wish=wish,  # type: ignore[arg-type]  # one of _WISHES
                reason=said.get("reason", ""),
                target=Private(target) if target else None,
                trunk=trunk,
                call=question.call,
                on_line=wish == "log_in" and agent.line == "nailed_up",
            ),
            agent,
        )

    def _do(self, wanted: PresenceWanted, agent: Agent) -> Word:
        """Have the queues do what is wanted, whoever wants it; returns why not."""
        known = self._exchange.queues.floor.roster.get(agent.name)
        if known is None:
            return "wrong"
        if wanted.wish in {"pause", "ready"} and known.presence == "away":
            return "logged_out"
        if wanted.wish == "pause" and not self._is_reason(wanted.reason):
            return "reason"
        if wanted.wish == "log_in" and wanted.target is None and not agent.target and not wanted.on_line:
            return "no_number"
        self._exchange.queues.tell(wanted)
        return "ok"

    def _is_reason(self, reason: str) -> bool:
        reasons = self._exchange.plan.site.presence.pause_reasons
        return reason in reasons if reasons else len(reason) <= 64 and reason.isprintable()

    def _place(self, agent: Agent, question: Question) -> tuple[str, str]:
        """Give where an agent without a target is: at the phone that he logs in from."""
        call = self._exchange.calls.get(question.call)
        if agent.target or call is None or not isinstance(call.begun, Incoming):
            return "", ""
        user, trunk = account.facts(call.begun, 0).peer, agent.trunk or call.begun.report.trunk
        site = self._exchange.plan.site
        address = next((one.address for one in site.trunks if one.name == trunk), "")
        if not dial_number_fault(user):
            return (user, trunk) if address or any(one.name == trunk for one in site.trunk_groups) else ("", "")
        uri = f"sip:{user}@{address}"  # a phone of a switchboard that has names
        return (uri, trunk) if user and address and not sip_uri_fault(uri) else ("", "")

    # --- by command

    def wanted(self, request: WishRequest) -> str:
        """Do what an operator wants; returns why not, empty: it is done."""
        agent = next((one for one in self._exchange.plan.site.agents if one.name == request.agent), None)
        word: Word = "wrong"
        if agent is not None:
            target = Private(request.target) if request.target else None
            trunk = request.trunk or agent.trunk
            wanted = PresenceWanted(
                agent=agent.name, wish=request.wish, reason=request.reason, target=target, trunk=trunk
            )
            word = self._do(wanted, agent)
        return self._explained(word, request)

    def _explained(self, word: Word, request: WishRequest) -> str:
        reasons = ", ".join(self._exchange.plan.site.presence.pause_reasons)
        no_reason = f"there is no reason {request.reason[:64]!r} (there are: {reasons})" if reasons else "a long reason"
        told: dict[Word, str] = {
            "wrong": f"there is no agent {request.agent[:64]!r}",
            "logged_out": f"{request.agent} is logged out",
            "reason": no_reason,
            "no_number": f"agent {request.agent} has no target: where is he?",
        }
        return told.get(word, "")
