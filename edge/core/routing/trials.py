"""Which calls of a menu get the one that is on trial in its place.

Decided once, when the call is routed, by what is known of it then, so that the same call always gets the same answer
and, with a share, the same caller, too.
"""

from hashlib import blake2b
from typing import Literal

from msgspec import Struct

from edge.core.menus.calendar import Calendar
from edge.core.routing.did import covers

#: `control`: the menu that the route names. `candidate`: the one on trial.
Arm = Literal["control", "candidate"]
ARMS: tuple[Arm, Arm] = ("control", "candidate")


class Assigned(Struct, frozen=True):
    """The trial that a call is part of, and its side of it."""

    trial: str
    arm: Arm


class Asker(Struct, frozen=True, kw_only=True):
    """What a trial may go by."""

    #: Id of the call.
    call: str
    #: Number of the caller, in E.164 where that is known; empty: it hides it.
    number: str
    #: When the call began, milliseconds since 1970.
    wall_ms: int
    #: What the trial's table says of the caller, by attribute; empty: it is not in it.
    attributes: dict[str, str] = {}


class Guards(Struct, frozen=True, kw_only=True):
    """When a trial stops by itself; shares are between 0 and 1."""

    #: By how much the candidate may be worse; None: it is not looked at.
    abandonment: float | None = None
    containment: float | None = None
    #: How sure it has to be, 0 to 1, over all looks together.
    confidence: float = 0.95
    #: Calls that each side must have had.
    after_calls: int = 50


class Trial(Struct, frozen=True, kw_only=True):
    """A trial, as calls need it. One of `share`, `hours`, `callers` and `attribute` says who gets the candidate."""

    name: str
    menu: str
    candidate: str
    #: Begin of the candidate's version; empty: the present one.
    version: str = ""
    #: Percent of callers, 1 to 99; 0: not by share.
    share: int = 0
    hours: Calendar | None = None
    #: Numbers; `*` at the end stands for any rest.
    callers: list[str] = []
    #: Name of the table, of its attribute and the value of that.
    table: str = ""
    attribute: str = ""
    value: str = ""
    #: Milliseconds since 1970; 0: no bound. `until_ms` is not in it.
    from_ms: int = 0
    until_ms: int = 0
    guards: Guards = Guards()

    @property
    def what(self) -> str:
        """Tell what is compared: another answer makes it another trial, even under the same name."""
        return f"{self.menu} > {self.candidate}{'@' if self.version else ''}{self.version}"

    def runs_at(self, wall_ms: int) -> bool:
        """Whether a call that begins then is part of it."""
        return self.from_ms <= wall_ms and (not self.until_ms or wall_ms < self.until_ms)


def arm_of(trial: Trial, asker: Asker) -> Arm:
    """Decide which menu a call gets."""
    if trial.hours is not None:
        chosen = trial.hours.state(asker.wall_ms) == "open"
    elif trial.callers:
        chosen = any(covers(pattern, [asker.number]) for pattern in trial.callers)
    elif trial.attribute:
        chosen = asker.attributes.get(trial.attribute, "") == trial.value
    else:
        chosen = position(trial.name, asker.number or asker.call) < trial.share / 100
    return "candidate" if chosen else "control"


def position(trial: str, who: str) -> float:
    """Place a caller between 0 and 1, by hash: evenly, always the same, and in each trial elsewhere."""
    digest = blake2b(f"{trial}\0{who}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
