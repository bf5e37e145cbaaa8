"""How authors write prompts that are answered by digits."""

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config import kinds
from edge.config.annotations import lasting, of_kind, ranging
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Digits,
    Kind,
    Ladder,
    NodeRef,
    OptionalAttribute,
    OptionalNodeRef,
    Sounds,
    a_sound,
    reached_by,
    short_form,
)
from edge.core.menus import model


class ConfirmSettings(Struct, kw_only=True):
    """Short form: the sounds alone."""

    #: Reads the digits back (`${digits}`) and says which key takes them.
    prompt: Sounds
    #: The key that takes them; any other fails the round.
    yes: Digits = "1"
    #: How long the answer may take.
    timeout: Annotated[int, lasting(500, 60_000)] = 5000


class AskSettings(Struct, kw_only=True):
    """Prompts and limits of whatever asks for digits."""

    #: The prompt, played in each round.
    greet_long: Sounds = field(default_factory=list)
    #: The prompt of every round after the first; empty: `greet_long` again.
    greet_short: Sounds = field(default_factory=list)
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
    #: Played after a round without digits. A list of lists: after the first one, the second one...
    no_input: Ladder = field(default_factory=list)
    #: Played after digits that nothing matches. A list of lists, as `no_input`.
    no_match: Ladder = field(default_factory=list)


class GatherSettings(AskSettings, kw_only=True):
    """Short form: the prompt (`greet_long`) alone."""

    #: Regular expression for all the digits: digits, `.`, `[...]`, `\|`, `?`, `*`, `+`, `{n}`, and groups that are not
    #: repeated. It is for digits that go to `next`, as all checks are.
    pattern: Annotated[str, of_kind("pattern", optional=True)] = ""
    #: `luhn`: payment cards and many customer numbers. `mod97`: ISO 7064, such as the digits of an IBAN. `ean`: goods.
    #: `date`: a day that exists, typed as `date_order` says.
    check: Literal["none", "luhn", "mod97", "ean", "date"] = "none"
    #: How a date is typed.
    date_order: Literal["ddmmyyyy", "mmddyyyy", "yyyymmdd", "ddmmyy", "mmddyy", "yymmdd", "ddmm", "mmdd"] = "ddmmyyyy"
    #: Smallest number that is taken.
    min_value: Annotated[int, ranging(0, 999_999_999_999)] | None = None
    #: Largest number that is taken.
    max_value: Annotated[int, ranging(0, 999_999_999_999)] | None = None
    #: The digits are read back, and taken by `yes` only. Short form: the sounds alone.
    confirm: Annotated[ConfirmSettings | None, short_form("prompt", a_sound)] = None
    #: The attribute that digits which go to `next` are kept in.
    into: OptionalAttribute = ""
    #: The digits are masked in events, logs and the journal, and kept nowhere; the recording is silent meanwhile.
    sensitive: bool = False
    #: Name by which an `ask` sends digits that are sensitive and go to `next`. They are in memory only, until then, or
    #: until a node asks for something else that is not sensitive, or connects the caller.
    keep: OptionalAttribute = ""


class GatherNode(Struct, kw_only=True):
    """Play a prompt and collect digits.

    A round is complete with `max_digits`, by `finish_on_key`, by a choice that no longer choice could extend, or
    `inter_digit_timeout` after the last digit.
    """

    gather: Annotated[GatherSettings, short_form("greet_long", a_sound)]
    #: Digits -> node. Put digits such as "01" and "*" in quotes. `flash` is hook flash, which no other node takes.
    choices: Annotated[dict[str, NodeRef], of_kind("choices"), reached_by("act")] = field(default_factory=dict)
    #: Node for digits that no choice names; needed when there are no choices.
    next: Annotated[OptionalNodeRef, reached_by("act")] = ""
    #: Node after `max_failures`.
    failed: Annotated[NodeRef, reached_by("silence")]


def _check(node: GatherNode, located: Located, desk: Desk) -> None:
    if not node.choices and not node.next:
        desk.findings.error(located.key_place, "the gather has neither 'choices' nor 'next'")
    _check_free(node, located, desk)
    check_choices(node.gather, list(node.choices), node.next, "gather", located, desk)


def _check_free(node: GatherNode, located: Located, desk: Desk) -> None:
    """Check what is asked of digits that go to `next`."""
    own, findings = node.gather, desk.findings

    def place(*path: str) -> Place:
        return place_of(located, ("gather", *path), key=True)

    for name in ("pattern", "check", "min_value", "max_value", "confirm", "into", "keep"):
        if getattr(own, name) not in ("", "none", None) and not node.next:
            findings.error(place(name), f"'{name}' is for digits that go to 'next'", "choices need no check")
    _check_limits(own, place, findings)
    if own.sensitive:
        for name in ("into", "confirm"):
            if getattr(own, name):
                findings.error(place(name), f"'{name}' would give away digits that are sensitive")
    if own.keep and not own.sensitive:
        findings.error(place("keep"), "'keep' is for digits that are sensitive", "'into' keeps others in an attribute")
    if own.keep and own.keep in desk.frame.values():
        findings.error(place("keep"), f"'{own.keep}' is a value of every call, or an attribute", "take another name")
    if own.into and desk.frame.attribute(own.into) is None:
        advice = did_you_mean(own.into, desk.frame.values()) or "declare it in 'attributes'"
        findings.error(place("into"), f"there is no attribute '{own.into}'", advice)


def _check_limits(own: GatherSettings, place: Callable[..., Place], findings: Findings) -> None:
    if own.check == "date" and not own.min_digits <= len(own.date_order) <= own.max_digits:
        findings.error(place("check"), f"a date as {own.date_order} has {len(own.date_order)} digits", "set max_digits")
    if own.min_value is not None and own.max_value is not None and own.min_value > own.max_value:
        findings.error(place("min_value"), f"min_value {own.min_value} is more than max_value {own.max_value}")
    if own.confirm is not None and len(own.confirm.yes) != 1:
        findings.error(place("confirm", "yes"), "'yes' is one key")


def check_choices(  # noqa: PLR0917
    settings: AskSettings,
    choices: list[str],
    to: str,
    kind: str,
    located: Located,
    desk: Desk,
) -> None:
    """Check that each choice can be dialled and that the limits fit each other; `kind`: where the settings stand."""
    findings = desk.findings
    if settings.min_digits > settings.max_digits:
        place = place_of(located, (kind, "min_digits"))
        findings.error(place, f"min_digits {settings.min_digits} is more than max_digits {settings.max_digits}")
    if len(settings.finish_on_key) > 1:
        findings.error(place_of(located, (kind, "finish_on_key")), "finish_on_key is one key")
    for digits in choices:
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
            _check_prefix(settings, digits, choices, to, place, findings)


def _check_prefix(  # noqa: PLR0917
    settings: AskSettings, digits: str, choices: list[str], to: str, place: Place, findings: Findings
) -> None:
    longer = next((other for other in choices if other != digits and other.startswith(digits)), "")
    if longer:
        findings.warning(
            place,
            f"choice '{digits}' is only taken after inter_digit_timeout ({settings.inter_digit_timeout} ms), "
            f"because '{longer}' begins with it",
        )
    elif to and len(digits) < settings.max_digits:
        findings.warning(place, f"digits that begin with '{digits}' never get to 'next', choice '{digits}' takes them")


def _compile(node: GatherNode, _located: Located, desk: Desk) -> model.Node:
    choices = {digits: desk.node(target) for digits, target in node.choices.items()}
    return gather_of(node.gather, choices, desk.node(node.next), desk.node(node.failed), desk)


def gather_of(own: AskSettings, choices: dict[str, str], to: str, failed: str, desk: Desk) -> model.Gather:
    """Compile the settings of a gather, with the ways that its node gives it."""
    free = own if isinstance(own, GatherSettings) else None
    return model.Gather(
        prompt=desk.sounds(own.greet_long),
        prompt_again=desk.sounds(own.greet_short),
        barge_in=own.barge_in,
        min_digits=own.min_digits,
        max_digits=own.max_digits,
        finish_on_key=own.finish_on_key,
        first_digit_timeout_ms=own.first_digit_timeout,
        inter_digit_timeout_ms=own.inter_digit_timeout,
        choices=choices,
        next=to,
        check=_check_of(free) if free else None,
        confirm=_confirm_of(free.confirm, desk) if free else None,
        into=free.into if free else "",
        commands=_commands_left(own, choices, to, desk),
        max_failures=own.max_failures,
        no_input=desk.ladder(own.no_input),
        no_match=desk.ladder(own.no_match),
        failed=failed,
        sensitive=free is not None and free.sensitive,
        keep=free.keep if free else "",
    )


def _commands_left(own: AskSettings, choices: dict[str, str], to: str, desk: Desk) -> model.Commands | None:
    """Leave out the keys that the gather takes itself: they lead nowhere else, so no drawing may show that they do."""
    commands = desk.frame.commands
    if commands is None:
        return None
    nodes = {key: node for key, node in commands.nodes.items() if model.is_left(key, own.finish_on_key, choices, to)}
    return model.Commands(again=commands.again, back=commands.back, nodes=nodes)


def _check_of(own: GatherSettings) -> model.Check | None:
    check = model.Check(
        algorithm="" if own.check == "none" else own.check,
        order=own.date_order,
        pattern=own.pattern,
        least=own.min_value,
        most=own.max_value,
    )
    return None if check == model.Check(order=own.date_order) else check


def _confirm_of(own: ConfirmSettings | None, desk: Desk) -> model.Confirm | None:
    return model.Confirm(prompt=desk.sounds(own.prompt), yes=own.yes, timeout_ms=own.timeout) if own else None


GATHER = Kind(GatherNode, _compile, _check)
