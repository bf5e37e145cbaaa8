"""A question to a backend, with a deadline and a way on without an answer."""

from msgspec import Struct

from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.words import AskBackend, BackendSaid, MenuInput, StopSounds

#: Whoever asks knows the deadline, too, and tells when it is over; this is for when it can't.
GRACE_MS = 250


class Ask(Struct, frozen=True, tag="ask", kw_only=True):
    """Send values to an endpoint and go on by what it says."""

    endpoint: str
    #: Names of values, and of digits that sensitive gathers keep for it.
    send: list[str] = []
    timeout_ms: int = 5000
    #: Played once, meanwhile.
    sounds: list[Sound] = []
    #: Word of the answer -> node; every other answer goes to `next`, without one to `failed`.
    answers: dict[str, NodeId] = {}
    next: NodeId = ""
    failed: NodeId
    timeout: NodeId

    def way(self, outcome: str, answer: str) -> NodeId:
        """Return where the call goes by what came of the question; without an answer, that is the default."""
        if outcome == "ok":
            return self.answers.get(answer) or self.next or self.failed
        return self.timeout if outcome == "timeout" else self.failed


class AskVisit(Visit[Ask]):
    """Over with the answer, or without one in time."""

    keeps_keys = False
    state = "asking"

    def __init__(self, node: Ask, walk: Walk) -> None:
        super().__init__(node, walk)
        self._number = 0
        self._playing = False

    def enter(self) -> Way:
        """Ask."""
        self.walk.ahead.clear()
        self._ask()
        self._playing = self.walk.play(self.node.sounds, False)
        return None

    def played(self) -> Way:
        """Be silent."""
        self._playing = False
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Take the answer to the question that was asked last."""
        if not isinstance(input, BackendSaid) or input.number != self._number:
            return None
        if input.outcome == "ok":
            # What a backend says is no template: a `${` in it stays what it is, and fits no attribute.
            self.walk.set_values({name: value for name, value in input.attributes.items() if "${" not in value})
        return self._over(self.node.way(input.outcome, input.answer))

    def time_up(self) -> Way:
        """Go on without an answer."""
        return self._over(self.node.timeout)

    def resumed(self) -> Way:
        """Ask anew: nobody knows what became of the question."""
        self._ask()
        return None

    def _ask(self) -> None:
        walk = self.walk
        walk.asked += 1
        self._number = walk.asked
        secrets = {name: walk.kept[name].digits for name in self.node.send if name in walk.kept}
        values = {name: walk.values.get(name, walk.now_ms) for name in self.node.send if name not in walk.kept}
        walk.do(AskBackend(self._number, walk.node, self.node.endpoint, self.node.timeout_ms, values, secrets))
        walk.wait(self.node.timeout_ms + GRACE_MS, "answer of a backend")

    def _over(self, way: NodeId) -> Way:
        self.walk.kept.clear()  # they leave once
        if self._playing:
            self.walk.do(StopSounds())
        return way
