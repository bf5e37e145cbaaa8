"""A request to be called back: which number, confirmed by a key, and until when."""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.callbacks.rules import Rules
from edge.core.callbacks.window import WindowRule, window_of
from edge.core.menus.calendar import Zone
from edge.core.menus.kinds.checks import Check
from edge.core.menus.kinds.gather import Gather, GatherVisit
from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Nested, Walk, Way
from edge.core.menus.words import RequestCallback
from edge.core.routing.numbers import written

#: Numbers that a caller may type before he is sent on.
MOST_TYPED = 5


class Callback(Struct, frozen=True, tag="callback", kw_only=True):
    """Take a request to be called back, once a call."""

    #: Offers the number that the caller shows. None: it is always asked for one.
    offer: Gather | None
    #: Asks for a number. None: there is no other than the caller's own.
    ask: Gather | None
    #: Reads a typed number back.
    confirm: Gather | None
    #: Keys: take the number, type another one, no callback. An empty one is not there.
    yes: str = "1"
    other: str = "2"
    no: str = "3"
    rules: Rules
    window: WindowRule
    #: In which the window is read out.
    zone: Zone
    #: The request is kept.
    next: NodeId
    #: The caller does not want it, or has not said that he does.
    declined: NodeId
    #: There is no number, or nobody to call it.
    failed: NodeId
    #: The number may not be called.
    refused: NodeId


class CallbackVisit(Nested[Callback]):
    """Over with the request, or without. A number is dialled by us only when it was read out and then confirmed."""

    keeps_keys = False

    def __init__(self, node: Callback, walk: Walk) -> None:
        super().__init__(node, walk)
        self._country = walk.values.facts.country or node.rules.country
        self._number = ""
        self._typed = 0

    def enter(self) -> Way:
        """Offer the caller's own number, or ask for one."""
        node, walk = self.node, self.walk
        if walk.node in walk.called_back:
            return node.next
        if walk.values.facts.callbacks_full:
            return node.failed
        own = node.rules.number(walk.values.facts.peer, self._country)
        if node.offer is not None and own and node.rules.allows(own, self._country):
            return self._read_back(own, node.offer)
        return node.refused if own and node.ask is None else self._ask()

    def done(self, way: NodeId) -> Way:
        """Go on by what was pressed; a way that is none of ours is that of a key which means the same everywhere."""
        match way:
            case "=yes":
                return self._keep()
            case "=other":
                return self._ask()
            case "=no":
                return self.node.declined
            case "=none":
                return self.node.failed
            case "=typed":
                return self._take(self.walk.values.digits)
            case _:
                return way

    def _ask(self) -> Way:
        node = self.node
        self._typed += 1
        if node.ask is None or self._typed > MOST_TYPED:
            return node.failed
        check = Check(algorithm="phone", country=self._country)
        return self.begin(GatherVisit(replace(node.ask, check=check, next="=typed", failed="=none"), self.walk))

    def _take(self, digits: str) -> Way:
        node = self.node
        number = node.rules.number(digits, self._country)
        if not number or node.confirm is None:
            return node.failed
        if not node.rules.allows(number, self._country):
            return node.refused
        return self._read_back(number, node.confirm)

    def _read_back(self, number: str, gather: Gather) -> Way:
        self._number = number
        self.walk.values.callback["callback_number"] = written(number, self._country, "national")
        keys = {
            self.node.yes: "=yes",
            self.node.other: "=other" if self.node.ask is not None else "",
            self.node.no: "=no",
        }
        choices = {key: way for key, way in keys.items() if key and way}
        return self.begin(GatherVisit(replace(gather, choices=choices, failed="=no"), self.walk))

    def _keep(self) -> Way:
        node, walk = self.node, self.walk
        window = window_of(node.window, walk.values.wall_ms(walk.now_ms))
        if window is None:
            return node.failed
        begins, ends = node.zone.local(window.begins_ms), node.zone.local(window.ends_ms)
        walk.values.callback |= {
            "callback_from": f"{begins:%H:%M}",
            "callback_by": f"{ends:%H:%M}",
            "callback_date": f"{ends:%Y-%m-%d}",
        }
        walk.called_back.add(walk.node)
        request = RequestCallback(
            node=walk.node, number=self._number, begins_ms=window.begins_ms, ends_ms=window.ends_ms
        )
        walk.do(request)
        return node.next
