"""Walks a call through a compiled menu.

What a call does at a node stands in the module of its kind (`kinds`). Here is what holds for all: one node at a time,
entered by name; the nodes after it that take no time are entered with it; keys pressed ahead (at most `TYPE_AHEAD`)
wait for the next gather; a way without a pause ends the call.
"""

from typing import Any

from msgspec import Struct

from edge.core.deadline import Deadline
from edge.core.menus.facts import Values
from edge.core.menus.kinds.ask import Ask
from edge.core.menus.model import VISITS, Menu, Node, NodeId, Record, kind_of
from edge.core.menus.parts import menu_of
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.ways import secret_ahead
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    Digit,
    EnterNode,
    Flash,
    InputResult,
    MenuAction,
    MenuInput,
    OrderOver,
    PlayDone,
    Resumed,
    Started,
    StopSounds,
    TakenOver,
    TimeUp,
    TransferTaken,
)

#: More nodes than this in one second is a loop without a pause (or a menu of missing files): the call is ended.
MAX_NODES_A_SECOND = 100
#: Nodes that `path` holds at the most; a caller who goes round for hours must not fill memory.
PATH_LENGTH = 500
#: Where a call is while it does what somebody else than its menu wants; no author can write that name.
ORDERED: NodeId = "@order"
#: A way that begins so leads from there back to where the call was; the rest is what came of it.
BACK = "@>"
#: Time in which somebody else talks with the caller is not the menu's; that in a queue, or parked, has its own limit.
UNTIMED = frozenset({"transfer", "queueing", "parked"})
#: What a call does that cannot be interrupted to have it hear something: why not.
_BUSY = {
    "transfer": "the caller talks with somebody, or is being connected",
    "queueing": "the caller waits in a queue",
    "pressing": "digits are being sent",
}


class _Ordered(Struct):
    """What somebody wants done now."""

    operation: str
    node: Node
    #: Where the call goes on then.
    back: NodeId
    #: It is told what came of it.
    told: bool = False


class MenuRun:
    """One call's walk through `menu`. Never raises on any order of inputs."""

    def __init__(self, menu: Menu, withheld: Withheld | None = None) -> None:
        self.menu = menu
        #: The first `PATH_LENGTH` nodes in the order they were entered, repeats included.
        self.path: list[NodeId] = []
        self._walk = Walk(
            withheld if withheld is not None else Withheld(),
            Values(menu.attributes, menu.language, menu.zone),
            menu.words,
        )
        self._visit: Visit[Any] | None = None
        self._ordered: _Ordered | None = None
        self._secret_at: dict[NodeId, bool] = {}
        self._entered = 0
        #: When the time of the menu is over; None: it has not begun, or does not run.
        self._ends_ms: int | None = None
        self._left_ms = menu.limits.time_ms
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
    def attributes(self) -> dict[str, str]:
        """What was set, or has a default, by its name, as far as it may be told."""
        return self._walk.values.told

    @property
    def language(self) -> str:
        """The language that is spoken."""
        return self._walk.values.language

    @property
    def deadline(self) -> Deadline | None:
        """When to send `TimeUp`, and why."""
        own = self._walk.deadline
        ends = None if self._walk.over else self._ends_ms
        return own if ends is None or (own is not None and own.at_ms <= ends) else Deadline(ends, "menu's time")

    @property
    def waits_for(self) -> int:
        """Number of the question that the call waits for the answer to; 0: it waits for none."""
        return self._walk.asked if self.state == "asking" else 0

    @property
    def sensitive(self) -> bool:
        """Whether a digit pressed now may end up in a sensitive gather, and so must not be written down.

        Also while digits of one are kept for an ask: what is said meanwhile is about them.
        """
        if self._walk.kept:
            return True
        # What is played by order keeps keys for what comes then; whatever else is ordered takes them itself.
        at = self.node
        if self._ordered is not None and VISITS[type(self._ordered.node)].keeps_keys:
            at = self._ordered.back
        known = self._secret_at.get(at)
        if known is None:
            known = self._secret_at[at] = secret_ahead(self.menu, at)
        return known

    @property
    def refuses_order(self) -> str:
        """Say why nothing can be ordered now that the caller is to hear and to answer; "" when it can."""
        if self._walk.over or self._visit is None:
            return "the call is in no menu"
        if self.sensitive:
            return "the caller is asked for something that is nobody else's business"
        if isinstance(self._visit.node, Record):
            return "the caller leaves a message"
        return _BUSY.get(self.state, "")

    def order(self, operation: str, node: Node, now_ms: int) -> list[MenuAction]:
        """Leave the node of the moment and be at `node`; its ways back (`BACK`) lead to that one, which begins anew."""
        walk = self._walk
        walk.take_up(now_ms)
        if walk.over or self._visit is None:
            walk.do(OrderOver(operation, "not_running"))
            return walk.actions
        back = walk.node
        if self._ordered is not None:
            back = self._ordered.back
            self._tell(self._ordered, "replaced")
        walk.do(StopSounds())
        walk.ahead.clear()
        self._ordered = _Ordered(operation, node, back)
        self._goto(ORDERED)
        self._keep_time()
        return self._without_rounds()

    def _tell(self, ordered: _Ordered, result: str) -> None:
        if not ordered.told:
            ordered.told = True
            rounds = [one for one in self._walk.actions if isinstance(one, InputResult) and one.node == ORDERED]
            digits = next((one.digits for one in reversed(rounds) if one.result == "matched"), "")
            self._walk.do(OrderOver(ordered.operation, result, digits))

    def _go_back(self, result: str) -> Way:
        """End what was ordered; returns where the call goes on."""
        ordered, self._ordered = self._ordered, None
        if ordered is None:
            return None
        self._tell(ordered, result)
        if not VISITS[type(ordered.node)].keeps_keys:
            self._walk.ahead.clear()
        return ordered.back

    def _without_rounds(self) -> list[MenuAction]:
        """Leave out what a gather by order tells of its rounds: it is no node of the menu."""
        self._walk.actions = [
            one for one in self._walk.actions if not (isinstance(one, InputResult) and one.node == ORDERED)
        ]
        return self._walk.actions

    def handle(self, input: MenuInput, now_ms: int) -> list[MenuAction]:  # noqa: A002 - the shape of every core
        """Take one input; return what is to be done, in order."""
        walk, ordered = self._walk, self._ordered
        walk.begin(input, now_ms)
        if walk.over:
            return []
        if self._visit is None:
            if isinstance(input, Started):
                self._goto(self.menu.start)
        elif isinstance(input, TakenOver):
            walk.ahead.clear()
            self._goto(walk.node)
        elif isinstance(input, TimeUp) and self._time_is_over():
            walk.end("menu took too long")
        else:
            self._goto(self._take(self._visit, input))
        if isinstance(input, TransferTaken) and self._ordered is not None:
            self._tell(self._ordered, "connected")
        self._keep_time()
        return self._without_rounds() if self._ordered is not None or ordered is not None else walk.actions

    def _time_is_over(self) -> bool:
        return self._ends_ms is not None and self._walk.now_ms >= self._ends_ms

    def _keep_time(self) -> None:
        """Let the menu's time run, except while it is not the menu that the caller is with."""
        now_ms = self._walk.now_ms
        if self.state in UNTIMED:
            if self._ends_ms is not None:
                self._left_ms, self._ends_ms = self._ends_ms - now_ms, None
        elif self._ends_ms is None and self._visit is not None:
            self._ends_ms = now_ms + self._left_ms

    def _take(self, visit: Visit[Any], input: MenuInput) -> Way:  # noqa: A002
        match input:
            case Digit():
                self._walk.key_is_secret = self.sensitive
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
                self._walk.ahead = [key for key in self._walk.ahead if not key.secret]
                return self._walk.go_back_for_kept() or visit.resumed()
            case _:
                return visit.told(input)

    def _goto(self, following: Way) -> None:
        """Enter a node, and the ones after it that take no time; None: stay."""
        walk = self._walk
        while following is not None:
            walk.deadline = None
            if following.startswith(BACK):
                following = self._go_back(following.removeprefix(BACK))
                continue
            node = self._node(following)
            fault = "no such node" if node is None else self._too_many(walk.now_ms)
            if fault or node is None:
                walk.end(fault, fault=True)
                return
            walk.node = following
            if following == ORDERED:
                self._visit = VISITS[type(node)](node, walk)
                following = self._visit.enter()
                continue
            if not (VISITS[type(node)].keeps_keys or isinstance(node, Ask) or getattr(node, "sensitive", False)):
                walk.kept.clear()  # it asks for something else, or connects: what was kept is not wanted any more
            # Whoever leaves a sub-menu otherwise than by its end (to the operator, back) does not come back to it.
            while walk.callers and menu_of(following) != menu_of(walk.callers[-1].start):
                walk.callers.pop()
            if len(self.path) < PATH_LENGTH:
                self.path.append(following)
            walk.do(EnterNode(following, kind_of(node)))
            self._visit = VISITS[type(node)](node, walk)
            following = self._visit.enter()

    def _node(self, name: NodeId) -> Node | None:
        if name == ORDERED:
            return self._ordered.node if self._ordered is not None else None
        return self.menu.nodes.get(name)

    def _too_many(self, now_ms: int) -> str:
        """Say why no further node may be entered, "" when one may."""
        if now_ms - self._second_began >= 1000:
            self._second_began, self._entered_in_second = now_ms, 0
        self._entered_in_second += 1
        self._entered += 1
        if self._entered_in_second > MAX_NODES_A_SECOND:
            return "menu loop"
        return "too many nodes" if self._entered > self.menu.limits.nodes else ""
