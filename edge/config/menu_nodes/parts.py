"""What sources of nodes are made of, whatever their kind, and the shape of a kind.

A field that names a node says in its annotation how a call gets there (`by`): `none`, by itself; `silence`, by a caller
who does nothing; `act`, by something that a person did. The compiler finds ways round and round by that.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, Protocol

from msgspec import Meta, Struct

from edge.config.errors import Findings, Place
from edge.config.located import Located
from edge.config.site import Site
from edge.core.menus import model


class SoundSource(Struct, frozen=True, kw_only=True):
    """A sound as written: a file's name or a text to be spoken."""

    file: str = ""
    say: str = ""
    language: str = ""
    place: Place


class SpokenSource(Struct, kw_only=True):
    """A text among sounds."""

    #: Spoken by the embedded synthesiser.
    say: Annotated[str, Meta(extra={"kind": "speech"})]
    #: Language of the text; empty: the menu's.
    language: Annotated[str, Meta(extra={"kind": "language", "optional": True})] = ""


def of_kind(kind: str, **more: Any) -> Any:
    """Annotate a text with its kind."""
    return Meta(extra={"kind": kind, **more})


def lasting(least: int, most: int) -> Any:
    """Annotate milliseconds that are written as a duration."""
    return Meta(extra={"kind": "duration", "least": least, "most": most})


def ranging(least: int, most: int) -> Any:
    """Annotate a number with its range."""
    return Meta(extra={"least": least, "most": most})


def short_form(name: str) -> Any:
    """Annotate settings with the field that a value which is no table stands for."""
    return Meta(extra={"short": name})


def reached_by(how: str) -> Any:
    """Annotate a node's name with how a call gets there."""
    return Meta(extra={"by": how})


NodeRef = Annotated[str, of_kind("node")]
#: No other node: what happens then is told by the setting.
OptionalNodeRef = Annotated[str, of_kind("node", optional=True)]
Sounds = Annotated[list[SoundSource], of_kind("sounds")]
Digits = Annotated[str, of_kind("digits")]
Language = Annotated[str, of_kind("language")]
OptionalLanguage = Annotated[str, of_kind("language", optional=True)]


class Desk(Protocol):
    """What the modules of kinds have of the compiler of a file."""

    @property
    def site(self) -> Site:
        """The site that the menu is for."""
        ...

    @property
    def findings(self) -> Findings:
        """Where faults go."""
        ...

    def sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        """Find files, have texts spoken; what is not there is a finding."""
        ...

    def made_of(self, what: str) -> None:
        """Let the menu's version depend on something that its file does not say."""
        ...


class Kind(NamedTuple):
    """A kind of node. `source` is its type; its module's functions take the typed source and where it stands."""

    source: type[Struct]
    compile: Callable[[Any, Located, Desk], model.Node]
    #: Notes what types can't show.
    check: Callable[[Any, Located, Desk], None] = lambda _node, _located, _desk: None
