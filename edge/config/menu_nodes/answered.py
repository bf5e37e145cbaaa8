"""How authors ask who answered a call that we made."""

from typing import Annotated, Literal

from msgspec import Struct

from edge.config.annotations import lasting
from edge.config.located import Located, find, place_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef, short_form
from edge.core.menus import model


class AnsweredSettings(Struct, kw_only=True):
    """Short form: nothing, or what a machine is waited for."""

    #: Of a machine: go on as soon as it is one (`verdict`), when its greeting is over, or when its beep is.
    wait_for: Literal["verdict", "greeting", "beep"] = "verdict"
    #: Longest wait for the verdict; then it is `unknown`.
    timeout: Annotated[int, lasting(1000, 120_000)] = 15000
    #: Longest wait for the end of a machine's greeting.
    greeting_timeout: Annotated[int, lasting(1000, 600_000)] = 60000
    #: Longest wait for the beep when the greeting is over.
    beep_timeout: Annotated[int, lasting(100, 60_000)] = 5000


class AnsweredNode(Struct, kw_only=True):
    """Go on by who answered a call that we made. On calls that came in it is `unknown`, at once."""

    answered: Annotated[AnsweredSettings, short_form("wait_for")]
    #: Node when somebody answered.
    human: NodeRef
    #: Node when a machine did.
    machine: NodeRef
    #: Node when a fax terminal did; empty: as `machine`.
    fax: OptionalNodeRef = ""
    #: Node when it is not known; empty: as `human`, since to hang up on one is the costly error.
    unknown: OptionalNodeRef = ""
    #: Node when the end of a machine's greeting, or its beep, did not come in time; empty: as `machine`.
    no_beep: OptionalNodeRef = ""


def _check(node: AnsweredNode, located: Located, desk: Desk) -> None:
    """Check that what is waited for has a use."""
    settings, findings = node.answered, desk.findings
    if settings.wait_for != "verdict":
        if settings.wait_for == "greeting" and find(located, ("answered", "beep_timeout")):
            place = place_of(located, ("answered", "beep_timeout"), key=True)
            findings.error(place, "no beep is waited for", "wait_for: beep")
        return
    if node.no_beep:
        findings.error(place_of(located, ("no_beep",), key=True), "no beep is waited for", "wait_for: beep")
    for name in ("greeting_timeout", "beep_timeout"):
        if find(located, ("answered", name)):
            place = place_of(located, ("answered", name), key=True)
            findings.error(place, "nothing is waited for but the verdict", "wait_for: beep")


def _compile(node: AnsweredNode, _located: Located, desk: Desk) -> model.Node:
    return model.Answered(
        wait_for=node.answered.wait_for,
        timeout_ms=node.answered.timeout,
        greeting_timeout_ms=node.answered.greeting_timeout,
        beep_timeout_ms=node.answered.beep_timeout,
        human=desk.node(node.human),
        machine=desk.node(node.machine),
        fax=desk.node(node.fax or node.machine),
        unknown=desk.node(node.unknown or node.human),
        no_beep=desk.node(node.no_beep or node.machine),
    )


ANSWERED = Kind(AnsweredNode, _compile, _check)
