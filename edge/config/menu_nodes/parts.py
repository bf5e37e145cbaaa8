"""What sources of nodes are made of, whatever their kind, and the shape of a kind.

A field that names a node says in its annotation how a call gets there (`by`): `none`, by itself; `silence`, by a caller
who does nothing; `act`, by something that a person did. The compiler finds ways round and round by that.
"""

from collections.abc import Callable, Container, Iterable
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from msgspec import Meta, Struct

from edge.config.annotations import of_kind
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.kinds import language_fault
from edge.config.located import Located
from edge.core.menus import model
from edge.core.menus.calendar import UTC_ZONE
from edge.core.menus.facts import GIVEN, INSERT, KNOWN_ATTRIBUTES

#: What may be read out among sounds.
FORMATS = frozenset({"number", "digits", "money", "date", "time"})


class SoundSource(Struct, frozen=True, kw_only=True):
    """A sound as written: a file's name or a text to be spoken."""

    file: str = ""
    #: By language; under "" a text of the menu's first one. `${name}` in it is read out.
    say: dict[str, str] = {}
    #: A value that is read out.
    reading: model.Reading | None = None
    language: str = ""
    place: Place


class SpokenSource(Struct, kw_only=True):
    """A text among sounds."""

    #: Spoken by the embedded synthesiser. Texts by language where the menu has several.
    say: Annotated[dict[str, str], of_kind("texts_by_language")]
    #: Language of a text alone; empty: the menu's first one.
    language: Annotated[str, of_kind("language", optional=True)] = ""


class ReadSource(Struct, kw_only=True):
    """A value among sounds, read out by the rules of the language. One of them is set; `${name}` stands for a value."""

    #: A whole number.
    number: Annotated[str, of_kind("template", optional=True)] = ""
    #: Digits, one by one.
    digits: Annotated[str, of_kind("template", optional=True)] = ""
    #: An amount: `12` or `12.50`.
    money: Annotated[str, of_kind("template", optional=True)] = ""
    #: Of `money`.
    currency: Literal["EUR", "USD", "GBP", "CHF", "CNY", "RUB"] = "EUR"
    #: A day: `2026-12-24`.
    date: Annotated[str, of_kind("template", optional=True)] = ""
    #: A time of the day: `17:05`.
    time: Annotated[str, of_kind("template", optional=True)] = ""


def short_form(name: str, table: Callable[[Container[str]], bool] | None = None) -> Any:
    """Annotate settings with the field that a value stands for which is no table, or one that `table` is true for."""
    return Meta(extra={"short": name} if table is None else {"short": name, "short_table": table})


def a_sound(table: Container[str]) -> bool:
    """Say whether a table is a sound, and no settings."""
    return any(word in table for word in ("say", *FORMATS))


def texts(table: Iterable[str]) -> bool:
    """Say whether a table has texts by language, and no settings."""
    return not any(language_fault(word) or word in {"text", "language", "barge_in"} for word in table)


def reached_by(how: str) -> Any:
    """Annotate a node's name with how a call gets there."""
    return Meta(extra={"by": how})


NodeRef = Annotated[str, of_kind("node")]
#: No other node: what happens then is told by the setting.
OptionalNodeRef = Annotated[str, of_kind("node", optional=True)]
Sounds = Annotated[list[SoundSource], of_kind("sounds")]
#: Sounds, or a list of lists of them: what is said the first time, the second time...
Ladder = Annotated[list[list[SoundSource]], of_kind("ladder")]
#: A text in which `${name}` may stand for a value of the call.
Template = Annotated[str, of_kind("template")]
#: The name of an attribute.
OptionalAttribute = Annotated[str, of_kind("attribute", optional=True)]
Digits = Annotated[str, of_kind("digits")]
Language = Annotated[str, of_kind("language")]
OptionalLanguage = Annotated[str, of_kind("language", optional=True)]


class Frame(Struct, kw_only=True):
    """What a file says beside its nodes."""

    #: What the call begins in, and whatever else it can be spoken in.
    languages: list[str] = []
    attributes: dict[str, model.Attribute] = {}
    calendars: dict[str, model.Calendar] = {}
    commands: model.Commands | None = None
    #: Names of digits that sensitive gathers keep for an ask.
    kept: set[str] = set()
    #: In which `time`, `date` and `weekday` are told.
    zone: model.Zone = UTC_ZONE

    def values(self) -> set[str]:
        """Name every value that can be asked for."""
        return {*GIVEN, *KNOWN_ATTRIBUTES, *self.attributes}

    def attribute(self, name: str) -> model.Attribute | None:
        """Find what a value may be; None of those that are given."""
        return self.attributes.get(name) or KNOWN_ATTRIBUTES.get(name)


class Desk(Protocol):
    """What the modules of kinds have of the compiler of a file."""

    @property
    def site(self) -> CompiledSite:
        """The site that the menu is for."""
        ...

    @property
    def findings(self) -> Findings:
        """Where faults go."""
        ...

    def sounds(self, sounds: list[SoundSource]) -> list[model.Sound]:
        """Find files, have texts spoken; what is not there is a finding."""
        ...

    def ladder(self, ladder: list[list[SoundSource]]) -> list[list[model.Sound]]:
        """Do the same for each rung."""
        ...

    @property
    def frame(self) -> Frame:
        """What the file says beside its nodes."""
        ...

    def node(self, name: str) -> str:
        """Name a node of the file as it is named in the compiled menu."""
        ...

    def submenu(self, name: str, place: Place) -> str:
        """Add another menu's nodes to the compiled menu; returns the first one's name, "" when there is none."""
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


def check_template(text: str, place: Place, desk: Desk) -> None:
    """Note inserted values that there are none of."""
    known = desk.frame.values()
    for name in INSERT.findall(text):
        if name not in known:
            desk.findings.error(place, f"there is no value '{name}'", did_you_mean(name, known) or "see 'attributes'")
    if "${" in INSERT.sub("", text):
        desk.findings.error(place, "'${' begins a value: ${name}, in small letters, digits and '_'")


def hold_music(desk: Desk) -> list[model.Sound]:
    """Give the site's music for who waits; the menu's version depends on it."""
    path = desk.site.media.hold_music
    if not path:
        return []
    desk.made_of(path)
    return [model.Sound(path, "hold music")]
