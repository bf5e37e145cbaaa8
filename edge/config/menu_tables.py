"""Tables of the site file that menus go by: opening hours, callers, mailboxes, trials, standards.

Only their shapes, which every process reads: what makes something of them, or finds fault with them, is in `calendars`,
`tables`, `mailboxes`, `trials`.
"""

from typing import Annotated

from msgspec import Struct, field

from edge.config.annotations import HIDDEN, Name, OptionalName, of_kind, ranging

Moment = Annotated[str, of_kind("moment", optional=True)]
#: 0: none.
Percent = Annotated[int, ranging(0, 100)]


class HoursSource(Struct, frozen=True, kw_only=True):
    """When something is open."""

    #: Time zone of the database (`Europe/Berlin`); empty: UTC.
    time_zone: Annotated[str, of_kind("time_zone", optional=True)] = ""
    #: Days (`mon`, `mon-fri`, `sat,sun`) -> times (`08:00-12:00, 13:00-17:00`, `22:00-02:00`) or `closed`. Days that
    #: are not named are closed.
    week: dict[str, str] = field(default_factory=dict)
    #: Country of public holidays, with or without a part of it: `DE`, `DE-BY`; empty: none. On them it is closed.
    holidays: Annotated[str, of_kind("holidays", optional=True)] = ""
    #: Dates (`2026-12-24`) -> times, or `closed`. They come before holidays and the week.
    exceptions: dict[str, str] = field(default_factory=dict)


class HoursTable(HoursSource, frozen=True, kw_only=True):
    """Opening hours that all menus can ask for."""

    #: Its name, for nodes `hours`.
    name: Name


class Table(Struct, frozen=True, kw_only=True):
    """What is known of callers, by their number. Read anew at each reload; a call keeps what it began with."""

    #: Its name, for nodes `lookup`.
    name: Name
    #: CSV (UTF-8, a line with the names of its columns first) or SQLite (a table `callers`). The column `number` is in
    #: E.164 (`+49301234567`), `blocked` is `yes` or `no`; all others are attributes.
    file: Annotated[str, of_kind("path")]
    #: The file that was made of it.
    made: Annotated[str, HIDDEN] = ""


class Mailbox(Struct, frozen=True, kw_only=True):
    """Takes messages, by the node `voicemail`."""

    #: What menus, events and commands call it.
    name: Name
    #: Where its messages lie; empty: `voicemail/<name>` in the folder of recordings.
    folder: Annotated[str, of_kind("path", optional=True)] = ""
    #: Name of a sound in the prompts folder, or `say: TEXT`, which is spoken in the first language of the menu. Empty:
    #: an ordinary sentence. A node may have its own.
    greeting: str = ""
    #: Instead of it when the transfer before found everybody busy.
    greeting_busy: str = ""
    #: Instead of it when nobody answered the transfer before.
    greeting_no_answer: str = ""
    #: Longest message.
    max_length_ms: Annotated[int, ranging(2_000, 3_600_000)] = 180_000
    #: What is shorter is none: the caller is asked again.
    min_length_ms: Annotated[int, ranging(0, 60_000)] = 1_000
    #: Silence that ends a message, and is cut off.
    silence_ms: Annotated[int, ranging(1_000, 60_000)] = 4_000
    #: Callers can listen to their message, say it again, and mark it as urgent.
    review: bool = False
    #: Days after which messages are deleted; 0: they are kept.
    keep_days: Annotated[int, ranging(0, 3_650)] = 0
    #: Messages that fit in; then it is full, and callers are told so. 0: any number.
    max_messages: Annotated[int, ranging(0, 100_000)] = 0
    #: Minutes that its messages may be long together, until it is full; 0: any.
    max_minutes: Annotated[int, ranging(0, 100_000)] = 0
    #: Who is to be told of a message, for the backend that gets `voicemail.left`: names, addresses, whatever it knows.
    notify: list[str] = field(default_factory=list)


class StopIf(Struct, frozen=True, kw_only=True):
    """Guard rails of a trial: it stops by itself when the candidate is surely worse by more than this."""

    #: Percentage points by which the candidate's abandonment may be higher. Left out: it is not looked at.
    abandonment_worse_by: Percent | None = None
    #: Percentage points by which the candidate's containment may be lower. Left out: it is not looked at.
    containment_worse_by: Percent | None = None
    #: How sure it has to be, percent. It is looked at after every call; a trial whose candidate is not worse by that
    #: much stops with a chance of at most 100 minus this, however long it runs.
    confidence: Annotated[int, ranging(50, 99)] = 95
    #: Calls that both sides must have had before.
    after_calls: Annotated[int, ranging(20, 1_000_000)] = 50


class TrialSource(Struct, frozen=True, kw_only=True):
    """A menu on trial: some calls of a menu get another one, and the indicators of the two are compared.

    One of `share`, `hours`, `callers` and `table` says which calls get the candidate. It is decided once, when the call
    comes in; `edge menu trial report NAME` compares.
    """

    #: What events, metrics and commands call it.
    name: Name
    #: The menu that routes name.
    menu: Name
    #: The menu that is tried in its place.
    candidate: Name
    #: Begin of a version of the candidate that is kept (`edge menu versions`); then it may be the menu itself, tried in
    #: a former version. Empty: what its file says.
    version: OptionalName = ""
    #: Percent of callers who get the candidate, by a hash of their number: the same caller always hears the same. Who
    #: hides the number is drawn for each call.
    share: Annotated[int, ranging(0, 99)] = 0
    #: Opening hours of `[[hours]]`: while they are open, all calls get the candidate.
    hours: OptionalName = ""
    #: Callers who get it: numbers in E.164 where the trunk has a country, else as they come; `*` at the end stands for
    #: any rest.
    callers: list[Annotated[str, of_kind("route_number")]] = field(default_factory=list)
    #: Table of `[[tables]]`: callers whose `attribute` there has the `value` get it.
    table: OptionalName = ""
    #: With `table`.
    attribute: Annotated[str, of_kind("attribute", optional=True)] = ""
    #: With `table`.
    value: str = ""
    #: Calls before it are not part of the trial: a date or a time (`2026-12-01`, `2026-12-01T08:00+01:00`;
    #: without an offset in the site's `time_zone`).
    starts: Moment = ""
    #: Nor are calls from then on.
    until: Moment = ""
    #: When it stops by itself.
    stop_if: StopIf = field(default_factory=StopIf)


class NodeStandard(Struct, frozen=True, kw_only=True):
    """What is expected of a node; shares in percent, 0: nothing."""

    #: Its name.
    node: str
    #: Of the calls that come to it, these may be abandoned there.
    abandonment_most: Percent = 0
    #: Of a gather's rounds, so many may be without a key in time.
    no_input_most: Percent = 0
    #: Of a gather's rounds, so many may be with keys that nothing is meant by.
    no_match_most: Percent = 0


class Standard(Struct, frozen=True, kw_only=True):
    """What is expected of a menu: reports show it beside what was measured. Shares in percent, 0: nothing."""

    #: Name of the menu.
    menu: Name
    #: Nodes where a caller has what it called for: whoever has been at one counts as served (contained), also when
    #: hanging up there.
    served_at: list[str] = field(default_factory=list)
    #: Share of calls that the menu serves alone.
    containment_least: Percent = 0
    #: Share of calls whose caller gives up.
    abandonment_most: Percent = 0
    #: Share of transferred calls that were transferred wrongly.
    misroutes_most: Percent = 0
    #: Share of calls whose caller calls again.
    repeats_most: Percent = 0
    #: Mean time in the menu.
    time_in_menu_most_ms: Annotated[int, ranging(0, 86_400_000)] = 0
    #: Metrics (`edge_switch_standard_*`) are of the calls that ended within this time.
    window_ms: Annotated[int, ranging(3_600_000, 2_592_000_000)] = 86_400_000
    #: What is expected of single nodes.
    nodes: list[NodeStandard] = field(default_factory=list)
