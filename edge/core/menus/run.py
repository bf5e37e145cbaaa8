"""Walks a call through a compiled menu.

What a call does at a node stands in the module of its kind (`kinds`). Here is what holds for all: one node at a time,
entered by name; the nodes after it that take no time are entered with it; keys pressed ahead (at most `TYPE_AHEAD`)
wait for the next gather; a way without a pause ends the call.
"""

from typing import Any

from edge.core.deadline import Deadline
from edge.core.menus.model import VISITS, Menu, NodeId, kind_of
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.ways import secret_ahead
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    Digit,
    EnterNode,
    Flash,
    MenuAction,
    MenuInput,
    PlayDone,
    Resumed,
    Started,
    TakenOver,
    TimeUp,
)

#: More nodes than this in one second is a loop without a pause (or a menu of missing files): the call is ended.
MAX_NODES_A_SECOND = 100
#: Nodes that `path` holds at the most; a caller who goes round for hours must not fill memory.
PATH_LENGTH = 500


class MenuRun:
    """One call's walk through `menu`. Never raises on any order of inputs."""

    def __init__(self, menu: Menu, withheld: Withheld | None = None) -> None:
        self.menu = menu
        #: The first `PATH_LENGTH` nodes in the order they were entered, repeats included.
        self.path: list[NodeId] = []
        self._walk = Walk(withheld if withheld is not None else Withheld())
        self._visit: Visit[Any] | None = None
        self._secret_at: dict[NodeId, bool] = {}
        self._second_began = 0
        self._entered_in_second = 0

    @property
    def state(self) -> str:
        """`new`, `over`, or what the call does at its node."""
        if self._walk.over:
            return "over"
        return "new" if self._visit is None else self._visit.state

    @property
    def node(self) -> NodeId:
        """The node that the call is at; empty before the first one."""
        return self._walk.node

    @property
    def deadline(self) -> Deadline | None:
        """When to send `TimeUp`, and why."""
        return self._walk.deadline

    @property
    def sensitive(self) -> bool:
        """Whether a digit pressed now may end up in a sensitive gather, and so must not be written down."""
        known = self._secret_at.get(self.node)
        if known is None:
            known = self._secret_at[self.node] = secret_ahead(self.menu, self.node)
        return known

    def handle(self, input: MenuInput, now_ms: int) -> list[MenuAction]:  # noqa: A002 - the shape of every core
        """Take one input; return what is to be done, in order."""
        walk = self._walk
        walk.begin(input, now_ms)
        if walk.over:
            return []
        if self._visit is not None and isinstance(input, TakenOver):
            walk.ahead.clear()
            self._goto(walk.node)
        elif self._visit is not None:
            self._goto(self._take(self._visit, input))
        elif isinstance(input, Started):
            self._goto(self.menu.start)
        return walk.actions

    def _take(self, visit: Visit[Any], input: MenuInput) -> Way:  # noqa: A002
        match input:
            case Digit():
                return visit.key(input.digit)
            case TimeUp():
                if self._walk.deadline is None:
                    return None
                self._walk.deadline = None
                return visit.time_up()
            case PlayDone():
                return visit.played()
            case Flash():
                return visit.flash()
            case Resumed():
                self._walk.ahead = [digit for digit in self._walk.ahead if digit]
                return visit.resumed()
            case _:
                return visit.told(input)

    def _goto(self, following: Way) -> None:
        """Enter a node, and the ones after it that take no time; None: stay."""
        walk = self._walk
        while following is not None:
            walk.deadline = None
            node = self.menu.nodes.get(following)
            if node is None or self._too_fast(walk.now_ms):
                walk.end("menu loop" if node is not None else "no such node", fault=True)
                return
            walk.node = following
            if len(self.path) < PATH_LENGTH:
                self.path.append(following)
            walk.do(EnterNode(following, kind_of(node)))
            self._visit = VISITS[type(node)](node, walk)
            following = self._visit.enter()

    def _too_fast(self, now_ms: int) -> bool:
        if now_ms - self._second_began >= 1000:
            self._second_began, self._entered_in_second = now_ms, 0
        self._entered_in_second += 1
        return self._entered_in_second > MAX_NODES_A_SECOND
