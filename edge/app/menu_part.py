"""One call of a test, what it reaches on the stage, and how that is named there."""

import re
from typing import Literal

from msgspec import Struct, field

from edge.core.menus.facts import Row
from edge.core.menus.model import Menu
from edge.core.menus.rehearsed_world import QueueThere
from edge.core.routing.trials import Arm
from edge.vocabulary.media import Address

#: A SIP URI in the text of a menu.
TARGET = re.compile(r"(?P<scheme>sips?):(?:(?P<user>[^@\s]*)@)?(?P<rest>[^@\s]+)")


#: Where agents are called who have no phone until they log in.
NO_PHONE = "no-phone.invalid"
#: Why no call comes through to a target that is none of its own doing.
Refused = Literal["no_room", "trunk_down"]


class Apart(Struct, frozen=True, kw_only=True):
    """A trunk that one target has for itself, since no call comes through by it."""

    #: `no_room`: it has one channel, and somebody has it. `trunk_down`: nobody answers there.
    why: Refused
    at: Address


class Part(Struct, kw_only=True):
    """One call of a test, and what it reaches."""

    menu: Menu
    #: Of the caller in E.164, empty: hidden; and what tables say of it.
    caller: str
    rows: dict[str, Row]
    #: The time that it begins at, milliseconds since 1970.
    wall_ms: int
    #: Country of the numbers of the trunk that the caller comes from.
    country: str = ""
    #: What the caller finds in the queues of the menu, by name.
    queues: dict[str, QueueThere] = field(default_factory=dict)
    #: The trial that it is part of, and the side of it whose menu this is; empty: none.
    trial: str = ""
    arm: Arm = "candidate"
    #: `False`: nothing can be recorded.
    records: bool = True
    #: Mailboxes that are full.
    full: list[str] = field(default_factory=list)
    #: Its number among those of the stage.
    number: int = 0
    #: Name of the trunk that the caller comes from, and the caller's address.
    trunk: str = ""
    host: str = ""
    #: Where it is called, of a call that the appliance makes; None: it calls.
    at: Address | None = None
    #: The same of those who are in its queues beside the caller.
    crowd_trunk: str = ""
    crowd_host: str = ""
    #: Who talks with them for ever.
    nobody: Address = Address("", 0)
    #: What targets are written with behind their user part -> where they are called instead.
    places: dict[str, Address] = field(default_factory=dict)
    #: Trunks that are dialled through -> where those calls go instead.
    trunks: dict[str, Address] = field(default_factory=dict)
    #: Targets that are called by a trunk of their own.
    apart: dict[str, Apart] = field(default_factory=dict)
    #: Which targets these are to be, and why.
    refused: dict[str, Refused] = field(default_factory=dict)
    endpoints: list[str] = field(default_factory=list)

    def target(self, dialled: str, trunk: str) -> str:
        """Return a target as the menu's author wrote it, of one that was dialled on the stage."""
        if trunk:
            return dialled
        found = TARGET.fullmatch(dialled)
        if not found:
            return dialled
        alone = next((one for one, apart in self.apart.items() if str(apart.at) == found["rest"]), None)
        if alone is not None:
            return alone
        written = next((one for one, at in self.places.items() if str(at) == found["rest"]), None)
        if written is None:
            return dialled
        scheme, _, rest = written.partition(":")
        if rest == NO_PHONE:
            return found["user"] or dialled
        return f"{scheme}:{found['user']}@{rest}" if found["user"] else f"{scheme}:{rest}"

    def staged_target(self, written: str) -> str:
        """Return where the stage has a target; anything else as it is."""
        found = TARGET.fullmatch(written)
        if found is None:
            return written
        alone = self.apart.get(written)
        at = alone.at if alone is not None else self.places.get(f"{found['scheme']}:{found['rest']}")
        if at is None:
            return written
        return f"sip:{found['user']}@{at}" if found["user"] else f"sip:{at}"

    def staged_trunk(self, written: str, target: str) -> str:
        """Return the trunk by which the stage has a target dialled; empty: none."""
        if written and target in self.apart:
            return self._apart_trunk(target)
        return own(written, self.number)

    @property
    def apart_trunks(self) -> dict[str, Apart]:
        """The trunks that targets have for themselves, by name."""
        return {self._apart_trunk(target): apart for target, apart in self.apart.items()}

    def _apart_trunk(self, target: str) -> str:
        return own(f"apart-{list(self.apart).index(target)}", self.number)


def own(name: str, number: int) -> str:
    """Name what the part of a number has of something; nothing has no name."""
    return f"{name}-{number}" if name else ""


def written(staged: str) -> str:
    """Return the name of something as the site has it."""
    return staged.rpartition("-")[0]
