"""What a call is told that is an agent's line: a leg that stays up from call to call (nailed up)."""

from msgspec import Struct

from edge.vocabulary.ids import CallId


class LineTerms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose line a call is, and what is heard on it."""

    agent: str
    #: Sound file, or a tone (`tone:...`), that is played again and again between calls; empty: silence.
    music: str = ""


class LineTaken(Struct, frozen=True, tag=True):
    """The leg talks in another call from now on, until `LineReturned`."""

    by: CallId


class LineReturned(Struct, frozen=True, tag=True):
    """The talk is over: the agent waits for the next one."""


class LineGivenUp(Struct, frozen=True, tag=True):
    """The line is not wanted any more: the agent has logged out, or the site does not have it so."""

    why: str
