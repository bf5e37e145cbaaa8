"""Direct dial: the caller types an extension and is connected with it."""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.kinds.gather import Gather, GatherVisit
from edge.core.menus.kinds.transfer import Transfer, TransferVisit
from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Nested, Walk, Way


class Dial(Struct, frozen=True, tag="dial", kw_only=True):
    """Collect an extension, and connect the caller with its target."""

    #: Prompts, limits and ways of the gather: its `choices` are those beside the extensions.
    ask: Gather
    #: Extension -> SIP URI, or number on the transfer's trunk.
    extensions: dict[str, str]
    #: How it is dialled, and where the call goes then; its target is the extension's.
    transfer: Transfer


class DialVisit(Nested[Dial]):
    """First the digits, then the talk."""

    keeps_keys = False

    def __init__(self, node: Dial, walk: Walk) -> None:
        super().__init__(node, walk)
        # Extensions are choices whose way is the extension itself, marked so that no node's name is taken for one.
        marked = {extension: f"{_MARK}{extension}" for extension in node.extensions}
        self._inner = GatherVisit(replace(node.ask, choices={**node.ask.choices, **marked}), walk)

    def enter(self) -> Way:
        """Ask for the extension."""
        return self.begin(self._inner)

    def done(self, way: NodeId) -> Way:
        """Dial the extension, or go on."""
        if not way.startswith(_MARK):
            return way
        target = self.node.extensions[way.removeprefix(_MARK)]
        return self.begin(TransferVisit(replace(self.node.transfer, target=target), self.walk))


#: No node's name begins so.
_MARK = "="
