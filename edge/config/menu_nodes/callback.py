"""How authors let callers ask to be called back."""

from typing import Annotated, Literal

import msgspec
from msgspec import Struct, field

from edge.config.annotations import lasting, of_kind, ranging
from edge.config.callbacks import rules_of
from edge.config.errors import did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.gather import AskSettings, gather_of
from edge.config.menu_nodes.parts import Desk, Digits, Kind, NodeRef, OptionalNodeRef, Sounds, reached_by
from edge.core.callbacks.window import WindowRule
from edge.core.menus import model

#: Digits that a number may be dialled by, abroad with its prefix.
_LONGEST = 20


class CallbackSettings(AskSettings, kw_only=True):
    """`min_digits`, `max_digits` and `finish_on_key` are those of a number that is typed."""

    #: Offers the number that the caller shows, `${callback_number}`, and says the keys. Nothing: a number is always
    #: asked for.
    greet_long: Sounds = field(default_factory=list)
    #: Asks for a number: of callers whose own is hidden or may not be called, and of those who want another one.
    #: Nothing: callers are called at their own number, or not at all.
    ask_number: Sounds = field(default_factory=list)
    #: Reads a typed number back, `${callback_number}`, and says the keys.
    confirm: Sounds = field(default_factory=list)
    #: The key that takes the number.
    yes: Digits = "1"
    #: The key for another number.
    other: Digits = "2"
    #: The key of who wants no callback, as callers do who press nothing; empty: none.
    no: Annotated[str, of_kind("digits", optional=True)] = "3"
    #: Opening hours (of this file or the site) in which callbacks are made; empty: those of `[callbacks]`, if any.
    hours: Annotated[str, of_kind("name", optional=True)] = ""
    #: `next_opening`: not before it is closed and opens again.
    when: Literal["as_soon_as_possible", "next_opening"] = "as_soon_as_possible"
    #: Opening time that may pass until the call is late; not set: as in `[callbacks]`.
    within: Annotated[int, lasting(60_000, 2_592_000_000)] | None = None
    #: No later than this time of the day that the window begins on; who asks later, is called on the next one. Needs
    #: `hours`.
    latest: Annotated[str, of_kind("time_of_day", optional=True)] = ""
    #: Fewer digits are no number.
    min_digits: Annotated[int, ranging(1, 64)] = 4
    #: A number is complete with that many.
    max_digits: Annotated[int, ranging(1, 64)] = _LONGEST
    #: A key that completes a number.
    finish_on_key: Annotated[str, of_kind("digits", optional=True)] = "#"
    #: From one digit to the next.
    inter_digit_timeout: Annotated[int, lasting(100, 60_000)] = 4000


class CallbackNode(Struct, kw_only=True):
    """Take a request to be called back: at the number that the caller shows, or at one that he types and confirms.

    Once a call: a caller who comes here again has asked already, and goes on to `next`. Which numbers may be called at
    all is said in `[callbacks]` of the site.
    """

    callback: CallbackSettings
    #: Node when the request is kept: `${callback_number}`, `${callback_from}`, `${callback_by}`, `${callback_date}`.
    next: Annotated[NodeRef, reached_by("act")]
    #: Node of callers who do not want it, or press nothing.
    declined: Annotated[NodeRef, reached_by("silence")]
    #: Node without a number: it is hidden, what was typed is none, or as many requests are open as the site takes.
    failed: Annotated[NodeRef, reached_by("silence")]
    #: Node when the number may not be called; empty: as `failed`.
    refused: Annotated[OptionalNodeRef, reached_by("act")] = ""


def _check(node: CallbackNode, located: Located, desk: Desk) -> None:
    own, findings = node.callback, desk.findings
    place = place_of(located, ("callback",), key=True)
    if not own.greet_long and not own.ask_number:
        findings.error(place, "the callback neither offers a number nor asks for one", "set 'greet_long'")
    if own.ask_number and not own.confirm:
        findings.error(place, "a number that was typed has to be read back", "confirm: {say: ...}")
    keys = [key for key in (own.yes, own.other, own.no) if key]
    if any(len(key) != 1 for key in keys) or len(set(keys)) != len(keys):
        findings.error(place, "'yes', 'other' and 'no' are one key each, and different ones")
    hours, known = own.hours or desk.site.callbacks.hours, desk.frame.calendars
    if own.hours and own.hours not in known:
        advice = did_you_mean(own.hours, known) or "define them in 'hours'"
        findings.error(place_of(located, ("callback", "hours")), f"there are no opening hours '{own.hours}'", advice)
    for name, is_set in (("latest", own.latest), ("when", own.when == "next_opening")):
        if is_set and not hours:
            findings.error(
                place_of(located, ("callback", name)), f"'{name}' needs to know when it is open", "set 'hours'"
            )
    site = desk.site
    if own.ask_number and not site.callbacks.country and any(not trunk.country for trunk in site.trunks):
        lacking = next(trunk.name for trunk in site.trunks if not trunk.country)
        what = f"numbers cannot be read on calls of trunk '{lacking}', which has no country: nobody is called back"
        findings.warning(place, what, "set 'country' of the trunk, or of [callbacks]")


def _compile(node: CallbackNode, _located: Located, desk: Desk) -> model.Node:
    own, site = node.callback, desk.site
    calendar = desk.frame.calendars.get(own.hours or site.callbacks.hours)
    asked = msgspec.structs.replace(own, greet_long=own.ask_number, greet_short=[])
    read_back = msgspec.structs.replace(own, greet_long=own.confirm, greet_short=[], max_digits=1, min_digits=1)
    offered = msgspec.structs.replace(own, max_digits=1, min_digits=1)
    hour, _, minute = own.latest.partition(":")
    made = model.Callback(
        offer=gather_of(offered, {}, "", "", desk) if own.greet_long else None,
        ask=gather_of(asked, {}, "", "", desk) if own.ask_number else None,
        confirm=gather_of(read_back, {}, "", "", desk) if own.ask_number else None,
        yes=own.yes,
        other=own.other,
        no=own.no,
        rules=rules_of(site),
        window=WindowRule(
            calendar=calendar,
            within_ms=own.within or site.callbacks.within_ms,
            latest=int(hour) * 60 + int(minute) if own.latest else -1,
            next_opening=own.when == "next_opening",
        ),
        zone=calendar.zone if calendar is not None else desk.frame.zone,
        next=desk.node(node.next),
        declined=desk.node(node.declined),
        failed=desk.node(node.failed),
        refused=desk.node(node.refused or node.failed),
    )
    desk.made_of(msgspec.json.encode((made.rules, made.window, made.zone)).decode())
    return made


CALLBACK = Kind(CallbackNode, _compile, _check)
