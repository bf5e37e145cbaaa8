"""`[[campaigns]]` and `[dialer]` of the site file. What else has to be right with them: `campaign_checks`.

Every process reads them, so what is made of them, which needs the nodes of menus, stands in `campaign_plan`.
"""

from typing import Annotated, Literal

from msgspec import Struct, field

from edge.config.annotations import DAY_MS, Name, OptionalName, of_kind, ranging
from edge.vocabulary.dialing import Disposition


class Dialer(Struct, frozen=True, kw_only=True):
    """Where campaigns are kept: their lists, who was called when, and who must not be."""

    #: `postgresql://...` where several appliances dial one list; in the file as `${ENV}` or `file:PATH`, for it may
    #: hold a password. Empty: `campaigns.db` in the folder of the state.
    database: Annotated[str, of_kind("database", optional=True, secret=True)] = ""
    #: When the appliance is to stop, calls of campaigns that nobody has answered ring on for so long at most, and are
    #: `cancelled` then: that does not count against the contact.
    drain_ring_ms: Annotated[int, ranging(0, 180_000)] = 15_000
    #: Of appliances that share the database: one that has done nothing there for so long is gone, and its attempts
    #: that have not ended are held. When it is there again, it goes on with those that nobody has settled.
    gone_after_ms: Annotated[int, ranging(5_000, 86_400_000)] = 300_000


class RetrySource(Struct, frozen=True, kw_only=True):
    """What is done after attempts with certain dispositions."""

    #: `connected`, `abandoned`, `machine`, `fax`, `busy`, `no_answer`, `rejected`, `congestion`, `unallocated`,
    #: `changed`, `out_of_order`, `refused_by_network`, `failed`, `cancelled`, `silence`.
    on: list[Disposition]
    #: `same_number`: the number is called again; `next_number`: the contact's next number is called, if it has one;
    #: `done`: the contact is not called any more.
    step: Literal["same_number", "next_number", "done"]
    #: Not before so long after the attempt.
    after_ms: Annotated[int, ranging(0, 90 * DAY_MS)] = 3_600_000
    #: Attempts with this disposition after which the same number is not called any more, but the contact's next one.
    attempts: Annotated[int, ranging(1, 100)] = 3


class CallerIdSource(Struct, frozen=True, kw_only=True):
    """The number that is shown to some of the callees."""

    #: Beginning of the callee's number; the longest one that fits counts.
    prefix: Annotated[str, of_kind("number_prefix")]
    #: What is shown.
    number: Annotated[str, of_kind("dial_number")]


class ContactValue(Struct, frozen=True, kw_only=True):
    """What a column of the list may hold. What does not fit is not there."""

    #: How it is read out. A word is one of `values`.
    type: Literal["word", "number", "digits"] = "word"
    #: The words.
    values: list[str] = field(default_factory=list)


class PreviewSource(Struct, frozen=True, kw_only=True):
    """What agents are shown before a contact is called, and what comes of it. For `pacing = "preview"`."""

    #: An agent has so long to decide.
    timeout_ms: Annotated[int, ranging(1_000, 3_600_000)] = 60_000
    #: What happens then: `skip`: the contact comes again later; `dial`: it is called, as if he had accepted.
    on_timeout: Literal["skip", "dial"] = "skip"
    #: A contact that was skipped is not offered again before that.
    again_after_ms: Annotated[int, ranging(0, 30 * DAY_MS)] = 3_600_000
    #: Agents see the number as it is; else its last three digits.
    show_number: bool = False


class ResultSource(Struct, frozen=True, kw_only=True):
    """Something that an agent may say came of a talk."""

    #: What events, reports and `edge agents disposition` call it.
    code: Name
    #: What people read.
    text: str = ""
    #: The agent's key for it on the phone; empty: not by phone.
    key: Annotated[str, of_kind("id_digits", optional=True)] = ""
    #: What is done about the contact: `done`: nothing more; `retry`: the same number is called again; `next_number`:
    #: its next number is; `callback`: it is called again when the agent says; `never`: its number is put on our own
    #: list of those that nobody calls.
    then: Literal["done", "retry", "next_number", "callback", "never"] = "done"
    #: Not before so long after the agent has said so, of `retry`, `next_number`, and of `callback` without a time.
    after_ms: Annotated[int, ranging(0, 90 * DAY_MS)] = 86_400_000


class Campaign(Struct, frozen=True, kw_only=True):
    """Contacts of lists that are called, as fast as there is somebody to talk with them, and never against the rules.

    A campaign begins when somebody starts it (`edge dial start`), and stays so over restarts.
    """

    #: What commands, events and metrics call it.
    name: Name
    #: The lists of contacts, as `edge dial import` names them.
    lists: list[Name]
    #: Rules that every call must pass: a pack such as `us-ftc`, or the site's own.
    rules: Name
    #: Trunk, or group of trunks, that calls leave by.
    trunk: Name
    #: Menu that who answers talks with: a message, a survey, anything. Without agents, else `queue`.
    menu: OptionalName = ""
    #: Queue whose agents talk with who answers.
    queue: OptionalName = ""
    #: Number that is shown.
    caller_id: Annotated[str, of_kind("dial_number")]
    #: Said to the agent as the talk begins, over the callee's first words, who does not hear it: a text, in which
    #: `${name}` stands for a value of the contact. With `queue`. Empty: nothing.
    whisper: Annotated[str, of_kind("speech", optional=True, of_calls=True)] = ""
    #: Language of the agents, and so of `whisper`.
    language: Annotated[str, of_kind("language")] = "en"
    #: Columns of the list that `whisper` may name: name -> what it may be. They are in no event.
    contact_values: Annotated[dict[str, ContactValue], of_kind("attributes")] = field(default_factory=dict)
    #: Other numbers that are shown to numbers with certain beginnings.
    caller_ids: list[CallerIdSource] = field(default_factory=list)
    #: How many are called: `preview`: each contact is shown to an agent first, who is rung before it is called;
    #: `progressive`: one for each agent who is ready; `power`: `ratio_percent` of that;
    #: `predictive`: as many as will find an agent. Without a queue all of `max_channels` are used.
    pacing: Literal["preview", "progressive", "power", "predictive"] = "progressive"
    #: How agents look at contacts, with `pacing = "preview"`.
    preview: PreviewSource = field(default_factory=PreviewSource)
    #: What agents may say came of their talks.
    results: list[ResultSource] = field(default_factory=list)
    #: Menu that the agent's phone gets when a talk is over that he was rung for first (`preview`): it may ask him what
    #: came of it, and tell the endpoint `results`.
    result_menu: OptionalName = ""
    #: They may say it while they talk, and for so long after it.
    result_within_ms: Annotated[int, ranging(1_000, 86_400_000)] = 600_000
    #: The agent's wrap-up is over when he has said it.
    result_ends_wrap_up: bool = True
    #: Calls for each agent who is ready, of `power`: 150 are three calls for two agents.
    ratio_percent: Annotated[int, ranging(100, 1_000)] = 100
    #: Of those who answer, so many may at the most find no agent in time, per mille; the rules may say less.
    abandoned_most_permille: Annotated[int, ranging(0, 1_000)] = 30
    #: One of `[[hours]]`, in which it dials; empty: whenever the rules let it.
    hours: OptionalName = ""
    #: Calls at the same time.
    max_channels: Annotated[int, ranging(1, 8_000)] = 10
    #: New calls a second.
    calls_per_second: Annotated[int, ranging(1, 1_000)] = 5
    #: How long a callee's phone may ring. Rules have a least time.
    ring_timeout_ms: Annotated[int, ranging(1_000, 180_000)] = 25_000
    #: What is done as soon as a machine has answered. `menu`: it gets the menu, which may ask who it is (`answered`);
    #: with a queue whoever answers waits for an agent at once, where else the verdict comes first.
    on_machine: Literal["hang_up", "menu"] = "hang_up"
    #: Somebody who has answered and waits longer than this for an agent was abandoned.
    abandoned_after_ms: Annotated[int, ranging(500, 60_000)] = 2_000
    #: Sound file for who finds no agent in time: who called, and where to call. Rules may demand it. Empty: none.
    abandoned_message: Annotated[str, of_kind("path", optional=True)] = ""
    #: Key for who hears that message and does not want to be called any more: his number goes on our own list, and he
    #: is hung up on. The message has to name it. Empty: none.
    opt_out_key: Annotated[str, of_kind("digits", optional=True)] = ""
    #: What is done by disposition; those that are not named here have the defaults.
    retries: list[RetrySource] = field(default_factory=list)
    #: Attempts for one contact, whatever becomes of them.
    max_attempts: Annotated[int, ranging(1, 100)] = 8
