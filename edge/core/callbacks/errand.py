"""What a call of ours is for, when it calls somebody back. It is part of the call's first input, so of its journal."""

from msgspec import Struct

from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private


class Errand(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of one request."""

    callback: CallbackId
    #: The call in which it was asked for, the last time: what a survey asks about.
    about: CallId = CallId("")
    #: Who is called back, in E.164, and what he is shown.
    number: Private
    caller: Private
    #: Counts from 1.
    attempt: int
    #: An agent is rung first: the number is the call's second leg.
    agent_first: bool = False
    #: Queue and agent of the first leg; empty: he is of no queue.
    queue: str = ""
    agent: str = ""
    priority: int = 0
    #: Since the queue was asked for an agent.
    waited_ms: int = 0
    #: What the call is for is the menu itself, as that of a survey: who has gone through it was reached.
    by_menu: bool = False
