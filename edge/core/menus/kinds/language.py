"""The language of the call: set, or chosen by the caller."""

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.kinds.gather import Gather, GatherVisit
from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Nested, Walk, Way


class Language(Struct, frozen=True, tag="language", kw_only=True):
    """Speak another language from now on."""

    #: The language, or `${name}`. One that the menu does not have changes nothing.
    to: str = ""
    #: What the menu has.
    offered: list[str]
    #: The caller chooses: digits -> language, with the prompts and limits of a gather that has no ways of its own.
    choices: dict[str, str] = {}
    ask: Gather | None = None
    next: NodeId
    #: Where the caller goes who chose nothing; the language stays as it is.
    failed: NodeId


class LanguageVisit(Nested[Language]):
    """Over at once, or when the caller has chosen."""

    keeps_keys = True

    def __init__(self, node: Language, walk: Walk) -> None:
        super().__init__(node, walk)
        if node.ask is not None:
            # A way that has no mark is a node's name: a command's, such as the operator.
            marked = {digits: f"{_MARK}{language}" for digits, language in node.choices.items()}
            self._inner = GatherVisit(replace(node.ask, choices=marked), walk)

    def enter(self) -> Way:
        """Set it, or ask for it."""
        if self.node.ask is not None:
            return self.begin(self._inner)
        self._speak(self.walk.values.fill(self.node.to, self.walk.now_ms))
        return self.node.next

    def done(self, way: NodeId) -> Way:
        """Take what was chosen."""
        if not way.startswith(_MARK):
            return way or self.node.failed
        self._speak(way.removeprefix(_MARK))
        return self.node.next

    def _speak(self, language: str) -> None:
        # `de-at` is spoken as `de` where the menu has nothing nearer.
        parts = language.lower().split("-")
        for count in range(len(parts), 0, -1):
            tried = "-".join(parts[:count])
            if tried in self.node.offered:
                self.walk.set_language(tried)
                return


#: No node's name begins so.
_MARK = "="
