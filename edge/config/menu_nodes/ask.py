"""How authors ask a backend."""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef, Sounds, short_form
from edge.config.queues import AGENTS_ENDPOINT, OWN_ENDPOINTS, RESULTS_ENDPOINT
from edge.core.menus import model


class AskNodeSettings(Struct, kw_only=True):
    """Short form: the endpoint alone."""

    #: One of the site's `[[endpoints]]`; or `agents`, where the appliance itself takes what an agent says of himself.
    endpoint: Annotated[str, of_kind("name")]
    #: Values of the call that are sent, and digits that sensitive gathers `keep` for it.
    send: list[str] = field(default_factory=list)
    #: Longest wait for the answer.
    timeout: Annotated[int, lasting(100, 60_000)] = 5000
    #: Played once, while the caller waits.
    sounds: Sounds = field(default_factory=list)


class AskNode(Struct, kw_only=True):
    """Ask a backend and go on by its answer, which may set attributes, too.

    Digits that sensitive gathers keep for it leave here, over TLS, and are gone.
    """

    ask: Annotated[AskNodeSettings, short_form("endpoint")]
    #: Word of the answer (`result`) -> node.
    answers: Annotated[dict[str, NodeRef], of_kind("results")] = field(default_factory=dict)
    #: Node for every other answer; empty: as `failed`.
    next: OptionalNodeRef = ""
    #: Node without an answer: there is no connection, a wrong certificate, an error.
    failed: NodeRef
    #: Node without an answer in time; empty: as `failed`.
    timed_out: OptionalNodeRef = ""


def _check(node: AskNode, located: Located, desk: Desk) -> None:
    findings, own = desk.findings, node.ask
    endpoints = [*(one.name for one in desk.site.endpoints), *OWN_ENDPOINTS]
    if own.endpoint and own.endpoint not in endpoints:
        advice = did_you_mean(own.endpoint, endpoints) or "put it in the site file: [[endpoints]]"
        findings.error(place_of(located, ("ask", "endpoint")), f"there is no endpoint '{own.endpoint}'", advice)
    if not node.answers and not node.next:
        findings.error(located.key_place, "the ask has neither 'answers' nor 'next'")
    known = desk.frame.values() | desk.frame.kept
    for at, name in enumerate(own.send):
        place = place_of(located, ("ask", "send", at))
        if name not in known:
            findings.error(place, f"there is no value '{name}'", did_you_mean(name, known) or "see 'attributes'")
        elif name in desk.frame.kept and not _url(desk, own.endpoint).startswith("https://"):
            findings.error(place, f"'{name}' is sensitive, and the endpoint is not https://", "set its url")
    if own.endpoint == AGENTS_ENDPOINT:
        _check_agents(own.send, located, desk)
    if own.endpoint == RESULTS_ENDPOINT and "disposition" not in own.send:
        place = place_of(located, ("ask", "send"))
        findings.error(place, f"the endpoint '{RESULTS_ENDPOINT}' has to be sent 'disposition'")


def _check_agents(send: list[str], located: Located, desk: Desk) -> None:
    """Check what the appliance itself is told about an agent: a PIN must not stand in a journal."""
    place = place_of(located, ("ask", "send"))
    for name in ("agent", "wish", "pin"):
        if name not in send:
            desk.findings.error(place, f"the endpoint '{AGENTS_ENDPOINT}' has to be sent '{name}'")
    if "pin" in send and "pin" not in desk.frame.kept:
        advice = "gather it with 'sensitive: true' and 'keep: pin'"
        desk.findings.error(place, "'pin' would be written to the journal", advice)


def _url(desk: Desk, endpoint: str) -> str:
    return next((one.url for one in desk.site.endpoints if one.name == endpoint), "https://")  # else it is reported


def _compile(node: AskNode, _located: Located, desk: Desk) -> model.Node:
    return model.Ask(
        endpoint=node.ask.endpoint,
        send=list(dict.fromkeys(node.ask.send)),
        timeout_ms=node.ask.timeout,
        sounds=desk.sounds(node.ask.sounds),
        answers={word: desk.node(name) for word, name in node.answers.items()},
        next=desk.node(node.next),
        failed=desk.node(node.failed),
        timeout=desk.node(node.timed_out or node.failed),
    )


ASK = Kind(AskNode, _compile, _check)
