"""Questions that a call's menu asks backends, and what came of them."""

from edge.core.calls.actions import Question
from edge.core.calls.effects import Effects
from edge.core.calls.inputs import Asked
from edge.core.menus.kinds.ask import Ask
from edge.core.menus.run import MenuRun
from edge.core.menus.words import AskBackend, BackendSaid
from edge.vocabulary import events
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private


class Questions:
    """Those that have no answer yet."""

    def __init__(self, call: CallId, effects: Effects) -> None:
        self._call = call
        self._fx = effects
        #: Node, endpoint and the node as it is compiled, by the number.
        self._open: dict[int, tuple[str, str, Ask | None]] = {}

    def ask(self, action: AskBackend, run: MenuRun | None) -> None:
        """Have it asked."""
        menu = run.menu if run is not None else None
        asking = menu.nodes.get(action.node) if menu is not None else None
        self._open[action.number] = (action.node, action.endpoint, asking if isinstance(asking, Ask) else None)
        self._fx.ask(
            Question(
                call=self._call,
                number=action.number,
                endpoint=action.endpoint,
                timeout_ms=action.timeout_ms,
                facts={
                    "id": f"{self._call}:{action.number}",
                    "call": self._call,
                    "menu": menu.name if menu is not None else "",
                    "menu_version": menu.version if menu is not None else "",
                    "node": action.node,
                },
                values={name: Private(value) for name, value in action.values.items()},
                secrets={name: Private(value) for name, value in action.secrets.items()},
            )
        )

    def answered(self, asked: Asked, waiting: int) -> BackendSaid | None:
        """Tell what came of it; `waiting`: the question that the menu waits for. None: it waits for another one."""
        node, endpoint, asking = self._open.pop(asked.number, ("", "", None))
        if not node:
            return None
        late = asked.number != waiting
        self._fx.emit(
            events.MenuAsked(
                node=node,
                endpoint=endpoint,
                outcome=asked.outcome,
                answer=asked.answer,
                after_ms=asked.after_ms,
                late=late,
                error=asked.error,
                next=asking.way(asked.outcome, asked.answer) if asking is not None and not late else "",
            )
        )
        if late:
            return None
        return BackendSaid(number=asked.number, outcome=asked.outcome, answer=asked.answer, attributes=asked.attributes)
