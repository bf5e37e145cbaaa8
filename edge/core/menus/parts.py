"""What nodes of menus are made of, whatever their kind."""

from hashlib import blake2b
from typing import Annotated, Literal

from msgspec import Meta, Struct

#: The name of a node of the same menu. The mark lets `ways` find every place where a node names another one.
NodeId = Annotated[str, Meta(extra={"way": True})]
#: A sound whose path begins so is no file but a tone, in the notation of `indications.conf`: one cycle of it.
TONE = "tone:"
#: What a value is read out as.
Format = Literal["number", "digits", "money", "date", "time", "word"]


def menu_of(node: NodeId) -> str:
    """Name the sub-menu that a node is of; "" of the menu itself."""
    return node.rpartition("/")[0]


class Reading(Struct, frozen=True):
    """A value that is read out: written by the author, or inserted by `${name}` when it is played."""

    value: str
    format: Format
    #: ISO 4217, of `money`.
    currency: str = ""


class Sound(Struct, frozen=True, omit_defaults=True):
    """One thing to play: the file (or a tone, see `TONE`), and what the author wrote (for events and the console)."""

    path: str
    label: str
    #: Files of further languages of the menu. What is not here is the same in all languages.
    others: dict[str, str] = {}
    #: What the author wrote in further languages.
    labels: dict[str, str] = {}
    #: No file, but a value that is read out in the language of the moment.
    reading: Reading | None = None
    #: No file, but a text with values in it: its pieces, by language. The first one is what others fall back to.
    pieces: dict[str, list["Sound"]] = {}


class Announcement(Struct, frozen=True, kw_only=True):
    """Sounds that are mixed over a talk, whose voices are lowered by `duck_db` meanwhile."""

    sounds: list[Sound]
    #: Again, so long after its last beginning; 0: once, when the talk begins.
    every_ms: int = 0
    to: Literal["both", "caller", "target"] = "both"
    duck_db: int = 12


class Target(Struct, frozen=True, kw_only=True):
    """Somebody who may be dialled for the caller."""

    #: SIP URI, or a number that is dialled on `trunk`, a trunk or a group.
    target: str
    trunk: str = ""
    ring_timeout_ms: int = 22000
    #: It rings for so long from its first 180 or 183 on, whatever was left of the above; 0: as said above.
    rings_for_ms: int = 0
    #: Outcomes of this target after which nobody else is dialled.
    leave_on: list[str] = []

    @property
    def key(self) -> str:
        """Its name where it must not be known who it is: 16 hexadecimal digits."""
        return blake2b(self.target.encode(), digest_size=8).hexdigest()


class Whisper(Struct, frozen=True, kw_only=True):
    """What a target that has answered is told before the caller is connected with it."""

    sounds: list[Sound]
    #: Key by which the target takes the call; empty: it has it when all is said.
    accept: str = ""
    #: Key by which it does not want it; empty: none.
    decline: str = ""
    #: From the end of the sounds until the target counts as one that nobody was at.
    accept_timeout_ms: int = 10000


class Attribute(Struct, frozen=True, kw_only=True):
    """What a value of a call may be. Values are texts; an empty one is not set."""

    type: Literal["word", "number", "digits", "text"] = "word"
    #: The only values of a word; empty: any.
    values: list[str] = []
    least: int = 0
    most: int = 999_999_999_999
    default: str = ""
    #: It is in the call's events.
    told: bool = True

    def takes(self, value: str) -> bool:
        """Say whether `value` may be set; the empty one always."""
        if not value:
            return True
        if len(value) > LONGEST_VALUE or not value.isprintable():
            return False
        match self.type:
            case "number":
                return is_number(value) and self.least <= int(value) <= self.most
            case "digits":
                return all(char in DIALLED for char in value.removeprefix("+"))
            case "word":
                return value in self.values if self.values else is_word(value)
            case _:
                return True


#: Characters that a value may hold.
LONGEST_VALUE = 128
DIALLED = frozenset("0123456789*#")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+*#-")


def is_word(text: str) -> bool:
    """Say whether a text can be inserted in a target: it has no character that means anything in a URI."""
    return 0 < len(text) <= 64 and all(char in _WORD for char in text)


def is_number(text: str) -> bool:
    """Say whether a text is a whole number of at most 15 digits, with or without a minus."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) <= 15
