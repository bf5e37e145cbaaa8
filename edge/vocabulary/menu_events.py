"""Events of menus: nodes, orders of the API between them, callbacks and surveys that they lead to."""

from typing import Literal

from msgspec import Struct

from edge.vocabulary.ids import CallbackId, CallId, LegId
from edge.vocabulary.private import Private

#: Why somebody is to be called back.
CallbackReason = Literal["asked", "lost", "survey"]


class MenuEntered(Struct, frozen=True, tag="menu.node_entered", kw_only=True):
    """The call reached a node of its menu."""

    menu: str
    menu_version: str
    node: str
    kind: str


class OrderStarted(Struct, frozen=True, tag="order.started", kw_only=True):
    """The API has the call do something; its menu waits meanwhile. `order.ended` follows, or `call.ended`."""

    #: What `order.ended` and `GET /api/v1/operations/` call it.
    operation: str
    #: `play`, `say`, `gather`, `press`, `transfer`, `queue`, `bridge`.
    act: str
    #: The node that is left for it, and begins anew afterwards.
    node: str
    #: Of `say`: what is spoken, and how many characters the text has, which is told nowhere.
    language: str = ""
    characters: int = 0


class OrderEnded(Struct, frozen=True, tag="order.ended", kw_only=True):
    """What the API wanted done is done, or will not be."""

    operation: str
    #: `played`, `sent`; `matched`, `failed` of what was asked; `connected`, or why not (`busy`, `no_answer`,
    #: `full`...); `replaced`: another order came; `refused`, `not_running`: the call had other things to do.
    result: str
    #: What was pressed, where that was asked for.
    digits: Private | None = None


class AttributesSet(Struct, frozen=True, tag="menu.attributes_set", kw_only=True):
    """A menu has set values of its call; of `call.ended` they are all there."""

    node: str
    #: Those that changed, by their name; the language that is spoken from now on is `language`.
    attributes: dict[str, Private]


class MenuAsked(Struct, frozen=True, tag="menu.asked", kw_only=True):
    """What came of a question that a menu asked a backend."""

    node: str
    endpoint: str
    #: `failed`, `timeout`: the menu went on by its own default.
    outcome: Literal["ok", "failed", "timeout"]
    #: The backend's word; empty without an answer.
    answer: str = ""
    #: From the question to its end.
    after_ms: int
    #: True: it came when the menu had gone on without it, and changed nothing.
    late: bool = False
    #: Why there is no answer.
    error: str = ""
    #: The node that the call went on to: without an answer the default that stands in the menu. Empty when `late`.
    next: str = ""


class MenuInput(Struct, frozen=True, tag="menu.input", kw_only=True):
    """A gather ended a round: `matched`, `no_input` or `no_match`; or a key was a `command` of the menu."""

    node: str
    result: str
    #: Masked (as many `*`) when the node is sensitive.
    digits: Private


class CallbackRequested(Struct, frozen=True, tag="callback.requested", kw_only=True):
    """Somebody is to be called back: the request is kept, with a state, in the same transaction as this event.

    There is one open request a number (and one for a survey): a further one renews it, and `renewed` says so.
    """

    #: The request; that of an earlier call where it is renewed.
    callback: CallbackId = CallbackId("")
    #: Whom to call, in E.164.
    number: Private
    #: `asked`: at a node `callback`; `lost`: the caller hung up while he waited, or we lost the call; `survey`: for the
    #: menu `runs`, which asks how it was.
    reason: CallbackReason
    #: Where it was asked for, or where the caller waited.
    node: str
    menu: str
    menu_version: str
    #: The window, RFC 3339: not before, and late after.
    not_before: str = ""
    latest: str = ""
    #: Menu that the call is for; empty: for somebody to talk with.
    runs: str = ""
    #: With `lost`: how long the caller had waited.
    waited_ms: int = 0
    #: With `survey`: who the caller had talked with last, as it was dialled.
    target: Private | None = None
    #: What the menu had set by then, and defaults, by name: skill, priority, reason code...
    attributes: dict[str, Private] = {}
    language: str = ""
    #: True: it was open already. Its time of asking stays, all else is new.
    renewed: bool = False
    #: How often it was asked for, this time included.
    times: int = 1


class CallbackSuperseded(Struct, frozen=True, tag="callback.superseded", kw_only=True):
    """Who was to be called back talks with somebody now, in a call of his own or for another reason: it is closed."""

    callback: CallbackId
    #: Since the request.
    after_ms: int


class SurveyFields(Struct, frozen=True, kw_only=True):
    """What all that is told of a survey has."""

    node: str
    menu: str
    menu_version: str
    #: Who the caller had talked with last, as it was dialled, and on which leg; null: with nobody.
    target: Private | None = None
    leg: LegId | None = None
    #: The earlier call that it is about, in which it was asked for; empty: this one.
    about: CallId = CallId("")
    #: Attributes of the call, `reason_code` among them.
    attributes: dict[str, Private] = {}
    language: str = ""
    #: As of `call.started`.
    trial: str = ""
    arm: str = ""


class SurveyAnswered(SurveyFields, frozen=True, tag="survey.answered", kw_only=True):
    """A question of a survey was answered."""

    question: str
    #: As it was pressed, and the scale that it is on; null: the answer was said.
    value: int | None = None
    least: int = 0
    most: int = 0
    #: True: `least` is the best.
    reverse: bool = False
    #: What the author calls the value.
    label: str = ""
    #: What was said, as the `message` of `message.recorded`; empty: the answer was pressed.
    message: str = ""


class SurveyCompleted(SurveyFields, frozen=True, tag="survey.completed", kw_only=True):
    """A survey is over; once for each that was begun."""

    #: Every question was asked. False: the caller hung up, or left it by a key.
    complete: bool
    #: Names of the questions that were asked, and of those that were answered.
    asked: list[str]
    answered: list[str]


class PromptMissing(Struct, frozen=True, tag="prompt.missing", kw_only=True):
    """A sound file could not be read; the call went on without it."""

    node: str
    file: str
    #: The author's file that `file` is a copy of, kept with the menu's version; empty: `file` itself, or a spoken text.
    source: str = ""
