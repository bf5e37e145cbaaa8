"""Menus within menus: one asks for another, which comes back with a result.

The compiler puts the nodes of both into one menu, those of the inner one under its name, so a call stays on the version
of both that it began with.
"""

from msgspec import Struct

from edge.core.menus.parts import NodeId, menu_of
from edge.core.menus.visit import Visit, Way

#: Sub-menus within each other; the compiler refuses those that ask for themselves, so no call gets there.
DEEPEST = 16


class Submenu(Struct, frozen=True, tag="menu", kw_only=True):
    """Walk through another menu, then go on by its result."""

    #: Its first node.
    start: NodeId
    #: Result -> node.
    results: dict[str, NodeId] = {}
    #: Where every other result goes.
    next: NodeId


class Return(Struct, frozen=True, tag="give_back"):
    """Go back to the menu that asked for this one; a call that began here ends."""

    result: str = ""


class SubmenuVisit(Visit[Submenu]):
    """Over at once: the call is at the other menu's nodes then."""

    def enter(self) -> Way:
        """Go there."""
        if len(self.walk.callers) >= DEEPEST:
            self.walk.end("menus too deep", fault=True)
            return None
        self.walk.callers.append(self.node)
        return self.node.start


class ReturnVisit(Visit[Return]):
    """Over at once."""

    def enter(self) -> Way:
        """Go back."""
        self.walk.values.result = self.node.result
        if not self.walk.callers:
            self.walk.end(self.node.result)
            return None
        asked: Submenu = self.walk.callers.pop()
        left = menu_of(asked.start)
        self.walk.came_through = [name for name in self.walk.came_through if menu_of(name) != left]
        return asked.results.get(self.node.result, asked.next)
