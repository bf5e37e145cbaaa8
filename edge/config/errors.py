"""What a configuration can have wrong: values that say where, and a collector that keeps going."""

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct


class Place(NamedTuple):
    """A position in a file; line and column count from 1, 0 when only the file is known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ConfigError(Struct, frozen=True, order=True):
    """One fault. `file` is a path, or the option (`--sip-port`) that brought the value."""

    file: str
    line: int
    column: int
    message: str
    #: What to do about it, or empty.
    suggestion: str = ""

    def __str__(self) -> str:
        advice = f" ({self.suggestion})" if self.suggestion else ""
        return f"{Place(self.file, self.line, self.column)}: {self.message}{advice}"


class ConfigErrors(Exception):  # noqa: N818 -- it carries many
    """The configuration can't be used; `errors` has every fault that was found, in the order of the files."""

    def __init__(self, errors: list[ConfigError], warnings: list[ConfigError] | None = None) -> None:
        super().__init__(f"{len(errors)} configuration error{'s' if len(errors) != 1 else ''}")
        self.errors = errors
        self.warnings = warnings or []

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class Findings:
    """Collects errors and warnings, each once: shared defaults and aliases would otherwise repeat them."""

    def __init__(self) -> None:
        self._errors: dict[ConfigError, None] = {}
        self._warnings: dict[ConfigError, None] = {}

    def error(self, place: Place, message: str, suggestion: str = "") -> None:
        """Note a fault that makes the configuration unusable."""
        self._errors[ConfigError(*place, message, suggestion)] = None

    def follow_up(self, place: Place, message: str, suggestion: str = "") -> None:
        """Note a fault, unless there is one at this very place: then this one would only follow from it."""
        if not any((have.file, have.line, have.column) == place for have in self._errors):
            self.error(place, message, suggestion)

    def warning(self, place: Place, message: str, suggestion: str = "") -> None:
        """Note something that works but is probably not meant."""
        self._warnings[ConfigError(*place, message, suggestion)] = None

    @property
    def error_count(self) -> int:
        """How many errors there are so far."""
        return len(self._errors)

    @property
    def errors(self) -> list[ConfigError]:
        """All errors, by file and position."""
        return sorted(self._errors)

    @property
    def warnings(self) -> list[ConfigError]:
        """All warnings, by file and position."""
        return sorted(self._warnings)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice naming the nearest known word; empty when none is near."""
    by_plain = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), by_plain, n=1, cutoff=0.6)
    return f"did you mean '{by_plain[near[0]]}'?" if near else ""
