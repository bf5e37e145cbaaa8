"""How authors write prompts that are answered by digits."""

from typing import Annotated

from msgspec import Struct, field

from edge.config import kinds
from edge.config.errors import Findings, Place
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    NodeRef,
    OptionalNodeRef,
    Sounds,
    lasting,
    of_kind,
    ranging,
    reached_by,
    short_form,
)
from edge.core.menus import model


class GatherSettings(Struct, kw_only=True):
    """Short form: the prompt (`greet_long`) alone."""

    #: The prompt, played in each round.
    greet_long: Sounds = field(default_factory=list)
    #: A key press stops the prompt.
    barge_in: bool = True
    #: Fewer digits are no match.
    min_digits: Annotated[int, ranging(1, 64)] = 1
    #: The round is complete with that many.
    max_digits: Annotated[int, ranging(1, 64)] = 1
    #: A key that completes the round and is not part of the digits; empty: none.
    finish_on_key: Annotated[str, of_kind("digits", optional=True)] = ""
    #: From the end of the prompt to the first digit.
    first_digit_timeout: Annotated[int, lasting(100, 600_000)] = 5000
    #: From one digit to the next.
    inter_digit_timeout: Annotated[int, lasting(100, 60_000)] = 2000
    #: Failed rounds, no input and no match together, before `failed`.
    max_failures: Annotated[int, ranging(1, 100)] = 3
    #: Played after a round without digits.
    no_input: Sounds = field(default_factory=list)
    #: Played after digits that nothing matches.
    no_match: Sounds = field(default_factory=list)
    #: The digits are masked in events, logs and the journal.
    sensitive: bool = False


class GatherNode(Struct, kw_only=True):
    """Play a prompt and collect digits.

    A round is complete with `max_digits`, by `finish_on_key`, by a choice that no longer choice could extend, or
    `inter_digit_timeout` after the last digit.
    """

    gather: Annotated[GatherSettings, short_form("greet_long")]
    #: Digits -> node. Put digits such as "01" and "*" in quotes. `flash` is hook flash, which no other node takes.
    choices: Annotated[dict[str, NodeRef], of_kind("choices"), reached_by("act")] = field(default_factory=dict)
    #: Node for digits that no choice names; needed when there are no choices.
    next: Annotated[OptionalNodeRef, reached_by("act")] = ""
    #: Node after `max_failures`.
    failed: Annotated[NodeRef, reached_by("silence")]


def _check(node: GatherNode, located: Located, desk: Desk) -> None:
    """Check that each choice can be dialled and that the limits fit each other."""
    settings, findings = node.gather, desk.findings
    here = located.key_place
    if not node.choices and not node.next:
        findings.error(here, "the gather has neither 'choices' nor 'next'")
    if settings.min_digits > settings.max_digits:
        place = place_of(located, ("gather", "min_digits"))
        findings.error(place, f"min_digits {settings.min_digits} is more than max_digits {settings.max_digits}")
    if len(settings.finish_on_key) > 1:
        findings.error(place_of(located, ("gather", "finish_on_key")), "finish_on_key is one key")
    for digits in node.choices:
        if digits == model.FLASH_CHOICE:
            continue
        place = place_of(located, ("choices", digits), key=True)
        fault = kinds.digits_fault(digits)
        if fault:
            findings.error(place, f"choice '{digits}': {fault}", "put '#' and '*' in quotes" if not digits else "")
        elif len(digits) > settings.max_digits:
            findings.error(
                place,
                f"choice '{digits}' is longer than max_digits {settings.max_digits}",
                f"max_digits: {len(digits)}",
            )
        elif len(digits) < settings.min_digits:
            findings.error(place, f"choice '{digits}' is shorter than min_digits {settings.min_digits}")
        elif settings.finish_on_key and settings.finish_on_key in digits:
            findings.error(place, f"choice '{digits}' contains finish_on_key '{settings.finish_on_key}'")
        else:
            _check_prefix(node, digits, place, findings)


def _check_prefix(node: GatherNode, digits: str, place: Place, findings: Findings) -> None:
    longer = next((other for other in node.choices if other != digits and other.startswith(digits)), "")
    if longer:
        findings.warning(
            place,
            f"choice '{digits}' is only taken after inter_digit_timeout ({node.gather.inter_digit_timeout} ms), "
            f"because '{longer}' begins with it",
        )
    elif node.next and len(digits) < node.gather.max_digits:
        findings.warning(place, f"digits that begin with '{digits}' never get to 'next', choice '{digits}' takes them")


def _compile(node: GatherNode, _located: Located, desk: Desk) -> model.Node:
    own = node.gather
    return model.Gather(
        prompt=desk.sounds(own.greet_long),
        barge_in=own.barge_in,
        min_digits=own.min_digits,
        max_digits=own.max_digits,
        finish_on_key=own.finish_on_key,
        first_digit_timeout_ms=own.first_digit_timeout,
        inter_digit_timeout_ms=own.inter_digit_timeout,
        choices=node.choices,
        next=node.next,
        max_failures=own.max_failures,
        no_input=desk.sounds(own.no_input),
        no_match=desk.sounds(own.no_match),
        failed=node.failed,
        sensitive=own.sensitive,
    )


GATHER = Kind(GatherNode, _compile, _check)
