"""Sinks that want the events of some calls only: by trunk, menu or campaign of the call.

What a call belongs to is read once, when its first event is: so all of its events go to a sink or none does.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from edge.config.sink_settings import SinkSettings
from edge.storage.reader import Belongs

#: Calls that are remembered: more than there are at once, and little memory.
REMEMBERED = 4096


class Calls(Protocol):
    """Where it is written what a call belongs to. Raises StorageError."""

    def belongs(self, call: str) -> Belongs | None:
        """Return it; None: there is no such call."""


class Wanted(NamedTuple):
    """What a sink wants; empty: anything."""

    trunks: Sequence[str] = ()
    menus: Sequence[str] = ()
    campaigns: Sequence[str] = ()

    @classmethod
    def of(cls, settings: SinkSettings) -> "Wanted":
        """Read it from the settings of a sink."""
        return cls(settings.trunks, settings.menus, settings.campaigns)


class Belonging(Struct):
    """Judges calls for one sink."""

    wanted: Wanted
    calls: Calls
    known: OrderedDict[str, bool]

    @classmethod
    def made(cls, wanted: Wanted, calls: Calls) -> "Belonging | None":
        """Make one; None: the sink wants every call."""
        return cls(wanted, calls, OrderedDict()) if any(wanted) else None

    def wants(self, call: str | None) -> bool:
        """Whether the events of a call are wanted; those of no call are not."""
        if call is None:
            return False
        known = self.known.get(call)
        if known is None:
            known = self.known[call] = self._judge(self.calls.belongs(call))
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        else:
            self.known.move_to_end(call)
        return known

    def _judge(self, found: Belongs | None) -> bool:
        if found is None:
            return False
        pairs = zip(self.wanted, (found.trunk, found.menu, found.campaign), strict=True)
        return all(not names or name in names for names, name in pairs)
