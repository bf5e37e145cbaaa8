"""Personal data (numbers, digits) that redacts itself wherever it is formatted."""

from typing import final


@final
class Private:
    """A text that must not reach logs. `reveal()` is the only way to the value, so uses can be found by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give out the text itself."""
        return self._value

    def __repr__(self) -> str:
        return "<private>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Private) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)
