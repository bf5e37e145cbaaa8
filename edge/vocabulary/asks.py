"""What a backend is asked by a menu, and what it says: JSON both ways, the same over every transport."""

from msgspec import Struct, field


class AskQuestion(Struct, frozen=True, kw_only=True):
    """What is asked. More fields may come; a backend ignores those that it does not know."""

    #: Of the question: the same when it is asked twice (see `hedge_ms`), so who acts on it acts once.
    id: str
    call: str
    menu: str
    menu_version: str
    #: The node that asks.
    node: str
    #: What the node sends, by name.
    values: dict[str, str]


class AskAnswer(Struct, frozen=True):
    """What a backend says, with status 200 where there is one. Fields that are not known change nothing."""

    #: The word that the node may have a way for: a letter or digit, then letters, digits, `_` and `-`, 64 at the most.
    result: str = "ok"
    #: Sets attributes of the call: 32 at the most, of 256 characters.
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)
