"""A compiled menu: what the loader makes of a YAML file and what the interpreter walks through.

Every name in it has been resolved: a node's `next` is the id of a node of the same menu, a sound is an absolute path.
"""

from typing import Literal

from msgspec import Struct

NodeId = str
#: A sound whose path begins so is no file but a tone, in the notation of `indications.conf`: one cycle of it.
TONE = "tone:"
AnswerWait = Literal["verdict", "greeting", "beep"]


class Sound(Struct, frozen=True):
    """One thing to play: the file (or a tone, see `TONE`), and what the author wrote (for events and the console)."""

    path: str
    label: str


class Play(Struct, frozen=True, tag="play", kw_only=True):
    """Play sounds, then go on. `say` in the source is compiled to a synthesised sound."""

    sounds: list[Sound]
    barge_in: bool = False
    next: NodeId


#: The choice that hook flash takes.
FLASH_CHOICE = "flash"


class Gather(Struct, frozen=True, tag="gather", kw_only=True):
    """Play a prompt and collect digits.

    Complete when `max_digits` are in, `finish_on_key` is pressed, a choice matches that no longer choice could extend,
    or `inter_digit_timeout_ms` passed after the last digit.
    """

    prompt: list[Sound]
    barge_in: bool = True
    min_digits: int = 1
    max_digits: int = 1
    finish_on_key: str = ""
    first_digit_timeout_ms: int = 5000
    inter_digit_timeout_ms: int = 2000
    #: Digits, or `flash` -> next node. Empty: any digits of the right length go to `next`.
    choices: dict[str, NodeId] = {}
    #: Where complete digits go that no choice names; empty with choices: no match.
    next: NodeId = ""
    #: Failed rounds (no input and no match together) before `failed`.
    max_failures: int = 3
    no_input: list[Sound] = []
    no_match: list[Sound] = []
    #: Where to go when `max_failures` are used up.
    failed: NodeId
    #: Digits masked everywhere; see design: personal data.
    sensitive: bool = False


class Announcement(Struct, frozen=True, kw_only=True):
    """Sounds that are mixed over a talk, whose voices are lowered by `duck_db` meanwhile."""

    sounds: list[Sound]
    #: Again, so long after its last beginning; 0: once, when the talk begins.
    every_ms: int = 0
    to: Literal["both", "caller", "target"] = "both"
    duck_db: int = 12


class Transfer(Struct, frozen=True, tag="transfer", kw_only=True):
    """Dial a second leg and bridge it with the caller. Ends the menu when the bridged call ends."""

    #: SIP URI, or a number dialled on `trunk`.
    target: str
    trunk: str = ""
    #: `refer`: the caller is asked to go there by itself (REFER), and the call ends when it has.
    by: Literal["bridge", "refer"] = "bridge"
    ring_timeout_ms: int = 22000
    #: Played to the caller, for ever, while the target rings (early media of the target replaces it).
    ringing: list[Sound] = []
    #: Said while the two talk.
    announcement: Announcement | None = None
    #: By outcome (`busy`, `no_answer`, ...); anything else goes to `failed`.
    on_outcome: dict[str, NodeId] = {}
    failed: NodeId
    #: Where the caller goes when the target hangs up; empty: the call ends.
    after: NodeId = ""


class Listen(Struct, frozen=True, tag="listen", kw_only=True):
    """Wait until the far end becomes loud (`for_sound`) or quiet; for test calls."""

    for_sound: bool = True
    timeout_ms: int = 10000
    next: NodeId
    failed: NodeId


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


class Press(Struct, frozen=True, tag="press", kw_only=True):
    """Send digits to the far end; for test calls and for dialling through another menu."""

    digits: str
    duration_ms: int = 100
    gap_ms: int = 100
    next: NodeId


class Wait(Struct, frozen=True, tag="wait", kw_only=True):
    """Stay silent for a time."""

    milliseconds: int
    next: NodeId


class HangUp(Struct, frozen=True, tag="hang_up"):
    """End the call."""

    text: str = ""


Node = Play | Gather | Transfer | Listen | Answered | Press | Wait | HangUp


class Menu(Struct, frozen=True, kw_only=True):
    """A compiled menu file."""

    name: str
    #: Content hash of source and sounds: which version a call runs on.
    version: str
    start: NodeId
    nodes: dict[NodeId, Node]
    language: str = "en"
