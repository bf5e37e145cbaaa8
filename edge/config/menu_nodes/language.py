"""How authors set the language of a call, or have the caller choose it."""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import of_kind
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.gather import AskSettings, check_choices, gather_of
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, OptionalNodeRef, check_template, reached_by, short_form
from edge.core.menus import model
from edge.core.menus.facts import INSERT


class LanguageSettings(AskSettings, kw_only=True):
    """Short form: the language alone. The further settings are for `choices`, as those of a gather."""

    #: The language, one of `languages`, or `${name}`. Not set: the caller chooses.
    to: Annotated[str, of_kind("template", optional=True)] = ""


class LanguageNode(Struct, kw_only=True):
    """Speak another language from now on.

    A language that the menu does not have is spoken as the nearest one that it has (`de` for `de-at`); if there is
    none, nothing changes.
    """

    language: Annotated[LanguageSettings, short_form("to")]
    #: The caller chooses: digits -> language.
    choices: Annotated[dict[str, str], of_kind("digit_values")] = field(default_factory=dict)
    #: Node that follows.
    next: NodeRef
    #: Node of a caller who chose nothing; empty: as `next`, in the language that was spoken so far.
    failed: Annotated[OptionalNodeRef, reached_by("silence")] = ""


def _compile(node: LanguageNode, _located: Located, desk: Desk) -> model.Node:
    own = node.language
    return model.Language(
        to=own.to,
        offered=desk.frame.languages,
        choices=node.choices,
        ask=gather_of(own, {}, "", "", desk) if not own.to else None,
        next=desk.node(node.next),
        failed=desk.node(node.failed or node.next),
    )


def _check(node: LanguageNode, located: Located, desk: Desk) -> None:
    own, findings, place = node.language, desk.findings, place_of(located, ("language",))
    offered = desk.frame.languages
    for language in ([own.to] if own.to and not INSERT.search(own.to) else []) + list(node.choices.values()):
        if language not in offered:
            advice = did_you_mean(language, offered) or "put it in 'languages'"
            findings.error(place, f"the menu has no language '{language}'", advice)
    check_template(own.to, place, desk)
    if bool(own.to) == bool(node.choices):
        findings.error(place, "either the language or 'choices' has to be set", "such as 'language: de'")
    elif node.choices:
        check_choices(own, list(node.choices), "", "language", located, desk)


LANGUAGE = Kind(LanguageNode, _compile, _check)
