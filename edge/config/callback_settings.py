"""`[callbacks]` of the site: what can be set. What else has to be right with it: `callbacks`."""

from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config.annotations import DAY_MS, Name, OptionalName, of_kind, ranging


class Callbacks(Struct, frozen=True, kw_only=True):
    """Requests to be called back: which numbers may be, and which calls become one by themselves.

    They are kept (`edge callbacks list`) until somebody was reached, the caller was served in another call, the window
    is over, or an operator has closed them. With `dial` the appliance calls by itself; without it nobody is called.
    """

    #: Country in which numbers are read on calls of trunks without `country`.
    country: Annotated[str, of_kind("country", optional=True)] = ""
    #: Countries whose numbers may be called, beside that of the call's trunk. Numbers of premium rate or shared cost,
    #: and those whose kind is not known, may never be.
    countries: list[Annotated[str, of_kind("country")]] = field(default_factory=list)
    #: Beginnings of numbers (E.164) that may be called in further countries.
    allowed: list[Annotated[str, of_kind("number_prefix")]] = field(default_factory=list)
    #: Beginnings of numbers that may not be called. Where an allowed one is longer, that one counts.
    forbidden: list[Annotated[str, of_kind("number_prefix")]] = field(default_factory=list)
    #: One of `[[hours]]`, in which callbacks are made where a menu says nothing else; empty: at any time.
    hours: OptionalName = ""
    #: Opening time that may pass until a call is late, where a menu says nothing else.
    within_ms: Annotated[int, ranging(60_000, 2_592_000_000)] = 14_400_000
    #: A caller who hangs up while he waits, in a queue or while it rings, is to be called back (`reason`: `lost`), if
    #: the number that he shows may be called.
    lost: bool = False
    #: If he has waited for so long.
    lost_after_ms: Annotated[int, ranging(0, DAY_MS)] = 10_000
    #: In these menus; empty: in all.
    lost_menus: list[Name] = field(default_factory=list)
    #: At these nodes; empty: at all.
    lost_nodes: list[str] = field(default_factory=list)
    #: Open requests at the most; then no more are taken.
    max_open: Annotated[int, ranging(1, 1_000_000)] = 1_000
    #: Days after which a request that is closed forgets its number, its attributes and the target; 0: never. Events and
    #: calls are not changed by it.
    keep_days: Annotated[int, ranging(0, 3_650)] = 90
    #: Call those who are to be called back, each in the window of his request. Needs `queue`, `target` or `menu`.
    dial: bool = False
    #: `caller_first`: who is to be called back is rung, hears `announcement`, and waits in the queue (or the target is
    #: rung). `agent_first`: an agent of the queue, or the target, is rung, and when he has answered, the caller.
    order: Literal["caller_first", "agent_first"] = "caller_first"
    #: One of `[[queues]]`: whose agents talk with who is called back, unless he was lost in another queue: then its.
    queue: OptionalName = ""
    #: In the place of a queue: SIP URI, or a number that is dialled on `trunk`.
    target: str = ""
    #: With `caller_first`: the menu that who answers gets, in the place of `announcement` and `queue`. Surveys have
    #: their own.
    menu: OptionalName = ""
    #: Sound file that who is called back hears when he has answered; empty: none.
    announcement: Annotated[str, of_kind("path", optional=True)] = ""
    #: Trunk, or group of trunks, to dial on; empty: the trunk that the caller came by.
    trunk: OptionalName = ""
    #: Number that is shown; empty: the one that the caller had dialled.
    caller: Annotated[str, of_kind("sip_user", optional=True)] = ""
    #: How long it rings, from the 180 or 183 on; from the INVITE, where there is none. Between `ring_min` and
    #: `ring_max`, and as far from both as the way there and back may take.
    ring_ms: Annotated[int, ranging(1_000, 120_000)] = 22_500
    #: A callback that nobody answered is in standard when it rang for more than this...
    ring_min_ms: Annotated[int, ranging(0, 120_000)] = 20_000
    #: ...and for less than this.
    ring_max_ms: Annotated[int, ranging(1_000, 180_000)] = 25_000
    #: Calls to a number at the most, until it is closed as not reached.
    attempts: Annotated[int, ranging(1, 20)] = 3
    #: From the end of a call to the next one to the same number.
    gap_ms: Annotated[int, ranging(1_000, DAY_MS)] = 900_000
    #: Callbacks at a time.
    at_once: Annotated[int, ranging(1, 1_000)] = 2
    #: Priority of callbacks in the queue.
    priority: Annotated[int, ranging(0, 100)] = 50
