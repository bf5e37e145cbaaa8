"""How authors let callers dial extensions."""

from typing import Annotated

from msgspec import Struct, field
from msgspec.structs import replace

from edge.config import kinds
from edge.config.annotations import lasting, of_kind
from edge.config.located import Located, place_of
from edge.config.menu_nodes.gather import AskSettings, check_choices, gather_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef, reached_by
from edge.config.menu_nodes.transfer import check_outcomes, ringing_tone
from edge.config.targets import dialled_through
from edge.core.menus import model


class DialSettings(AskSettings, kw_only=True):
    """Prompts and limits are as those of a gather."""

    #: Extension -> SIP URI, or a number that is dialled on `trunk`.
    extensions: Annotated[dict[str, str], of_kind("digit_values")]
    #: Trunk to dial numbers through.
    trunk: str = ""
    #: How long the target may ring.
    ring_timeout: Annotated[int, lasting(1000, 600_000)] = 22000


class DialNode(Struct, kw_only=True):
    """Play a prompt, collect an extension, and connect the caller with it.

    `max_digits` is that of the longest extension, where it is not set.
    """

    dial: DialSettings
    #: Digits -> node, beside the extensions.
    choices: Annotated[dict[str, NodeRef], of_kind("choices"), reached_by("act")] = field(default_factory=dict)
    #: Outcome of the transfer (busy, no_answer, rejected, unreachable...) -> node.
    on_outcome: Annotated[dict[str, NodeRef], of_kind("outcomes"), reached_by("act")] = field(default_factory=dict)
    #: Node for every other failure of the transfer, and for callers who dialled no extension.
    failed: Annotated[NodeRef, reached_by("silence")]
    #: Node after the target has hung up; empty: the call ends.
    after: Annotated[OptionalNodeRef, reached_by("act")] = ""


def _settings(node: DialNode) -> DialSettings:
    longest = max(map(len, [*node.dial.extensions, *node.choices]), default=1)
    return replace(node.dial, max_digits=max(longest, node.dial.max_digits))


def _compile(node: DialNode, _located: Located, desk: Desk) -> model.Node:
    own = _settings(node)
    choices = {digits: desk.node(target) for digits, target in node.choices.items()}
    failed = desk.node(node.failed)
    transfer = model.Transfer(
        target="",
        trunk=own.trunk,
        ring_timeout_ms=own.ring_timeout,
        ringing=ringing_tone(next(iter(own.extensions.values()), ""), own.trunk, desk),
        on_outcome={outcome: desk.node(target) for outcome, target in node.on_outcome.items()},
        failed=failed,
        after=desk.node(node.after),
    )
    return model.Dial(ask=gather_of(own, choices, "", failed, desk), extensions=own.extensions, transfer=transfer)


def _check(node: DialNode, located: Located, desk: Desk) -> None:
    own, findings = _settings(node), desk.findings
    if not own.extensions:
        findings.follow_up(place_of(located, ("dial",)), "there is no extension", "extensions: {101: sip:...}")
    check_choices(own, list(node.choices), "", "dial", located, desk)
    names = dialled_through(desk.site)
    if own.trunk and own.trunk not in names:
        findings.error(place_of(located, ("dial", "trunk")), f"there is no trunk '{own.trunk}'")
    for extension, target in own.extensions.items():
        place = place_of(located, ("dial", "extensions", extension))
        is_uri = ":" in target or "@" in target
        fault = kinds.digits_fault(extension) or (
            kinds.sip_uri_fault(target) if is_uri else kinds.dial_number_fault(target)
        )
        if fault:
            findings.error(place, f"extension '{extension}': {fault}")
        elif not is_uri and not own.trunk:
            findings.error(place, f"the number '{target}' needs a trunk to be dialled on", "set 'trunk'")
        if extension in node.choices:
            findings.error(place, f"'{extension}' is a choice, too")
        shorter = next((choice for choice in node.choices if choice != extension and extension.startswith(choice)), "")
        if shorter:
            findings.warning(
                place,
                f"choice '{shorter}' is only taken after inter_digit_timeout ({own.inter_digit_timeout} ms), because "
                f"extension '{extension}' begins with it",
            )
    check_outcomes(node.on_outcome, located, desk)


DIAL = Kind(DialNode, _compile, _check)
