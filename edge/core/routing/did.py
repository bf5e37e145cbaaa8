"""Which menu answers a call: by the number that was called (DID) and the trunk it came from."""

from collections.abc import Iterable
from typing import Protocol


def covers(pattern: str, names: Iterable[str]) -> bool:
    """Whether a number has `pattern`, whose `*` at the end stands for any rest; `names`: its forms, "": not known."""
    plain = pattern.removesuffix("*")
    known = [name for name in names if name]
    return any(name.startswith(plain) if pattern.endswith("*") else name == plain for name in known)


class RouteLike(Protocol):
    """A line of the routing table, as the site file has it."""

    @property
    def number(self) -> str:
        """User part of the Request-URI; `*` at the end stands for any rest."""

    @property
    def menu(self) -> str:
        """Name of the menu."""

    @property
    def trunk(self) -> str:
        """Trunk that it is for; empty: any."""


class DidTable:
    """The routes in their order; the first that fits is taken."""

    def __init__(self, routes: "list[RouteLike]") -> None:
        self._routes = [(r.number.removesuffix("*"), r.number.endswith("*"), r.trunk, r.menu) for r in routes]

    def menu_for(self, called: str, called_e164: str, trunk: str) -> str | None:
        """Return the menu's name, None when no route fits (the call gets 404).

        `called` is the number as it came, `called_e164` the same with + and country code; empty: not known.
        """
        for number, any_rest, only_trunk, menu in self._routes:
            if only_trunk and only_trunk != trunk:
                continue
            names = (called, called_e164) if called_e164 else (called,)
            if any(name.startswith(number) if any_rest else name == number for name in names):
                return menu
        return None
