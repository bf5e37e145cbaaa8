"""Who answered a call that we made."""

from typing import Literal

from msgspec import Struct

from edge.core.menus.parts import NodeId
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import AnswerTold, MenuInput

AnswerWait = Literal["verdict", "greeting", "beep"]


class Answered(Struct, frozen=True, tag="answered", kw_only=True):
    """Wait until it is known who answered a call that we made, and for a machine's beep if that is wanted.

    Everywhere else (a call that came in) it is `unknown` at once.
    """

    #: What a machine is waited for: that it is one, the end of its greeting, or its beep.
    wait_for: AnswerWait = "verdict"
    #: Without a verdict by then: `unknown`.
    timeout_ms: int = 15000
    #: From the verdict on.
    greeting_timeout_ms: int = 60000
    #: From the end of the greeting on.
    beep_timeout_ms: int = 5000
    human: NodeId
    machine: NodeId
    fax: NodeId
    unknown: NodeId
    #: A machine whose greeting or beep was waited for in vain.
    no_beep: NodeId


class AnsweredVisit(Visit[Answered]):
    """Over when it is known, or when the time is."""

    state = "answering"

    def enter(self) -> Way:
        """Look at what is known."""
        way = self.walk.who.way(self.node, self.walk.now_ms, self.walk.deadline)
        if isinstance(way, str):
            return way
        self.walk.deadline = way
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Look again."""
        return self.enter() if isinstance(input, AnswerTold) else None

    def time_up(self) -> Way:
        """Go on without."""
        return self.walk.who.in_vain(self.node)
