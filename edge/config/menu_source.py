"""The menu language, version 1, as authors write it: types and `#:` comments make checks, JSON Schema and manual.

A node has one key that names its kind. What the node does stands under that key; where the call goes then stands beside
it (`next`, `failed`, `choices`...). Words are those of FreeSWITCH's menus, VoiceXML and jambonz where these have one.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from edge.config.errors import Place

VERSION = 1


class SoundSource(Struct, frozen=True, kw_only=True):
    """A sound as written: a file's name or a text to be spoken."""

    file: str = ""
    say: str = ""
    language: str = ""
    place: Place


def _kind(kind: str, **more: Any) -> Any:
    return Meta(extra={"kind": kind, **more})


def _duration(least: int, most: int) -> Any:
    return Meta(extra={"kind": "duration", "least": least, "most": most})


class SpokenSource(Struct, kw_only=True):
    """A text among sounds."""

    #: Spoken by the embedded synthesiser.
    say: Annotated[str, Meta(extra={"kind": "speech"})]
    #: Language of the text; empty: the menu's.
    language: Annotated[str, Meta(extra={"kind": "language", "optional": True})] = ""


NodeRef = Annotated[str, _kind("node")]
#: No other node: what happens then is told by the setting.
OptionalNodeRef = Annotated[str, _kind("node", optional=True)]
Sounds = Annotated[list[SoundSource], _kind("sounds")]
Digits = Annotated[str, _kind("digits")]
Language = Annotated[str, _kind("language")]


def _short(name: str) -> Any:
    return Meta(extra={"short": name})


class PlaySettings(Struct, kw_only=True):
    """Short form: the sounds alone."""

    #: Played one after the other.
    sounds: Sounds
    #: A key press stops the sounds and goes on; the key is kept for the next gather.
    barge_in: bool = False


class PlayNode(Struct, kw_only=True):
    """Play sounds, then go on."""

    play: Annotated[PlaySettings, _short("sounds")]
    #: Node that follows.
    next: NodeRef


class SaySettings(Struct, kw_only=True):
    """Short form: the text alone."""

    #: Spoken by the embedded synthesiser.
    text: Annotated[str, _kind("speech")]
    #: Language of the text; empty: the menu's.
    language: Annotated[str, _kind("language", optional=True)] = ""
    #: A key press stops the text and goes on; the key is kept for the next gather.
    barge_in: bool = False


class SayNode(Struct, kw_only=True):
    """Speak a text, then go on."""

    say: Annotated[SaySettings, _short("text")]
    #: Node that follows.
    next: NodeRef


class GatherSettings(Struct, kw_only=True):
    """Short form: the prompt (`greet_long`) alone."""

    #: The prompt, played in each round.
    greet_long: Sounds = field(default_factory=list)
    #: A key press stops the prompt.
    barge_in: bool = True
    #: Fewer digits are no match.
    min_digits: Annotated[int, Meta(extra={"least": 1, "most": 64})] = 1
    #: The round is complete with that many.
    max_digits: Annotated[int, Meta(extra={"least": 1, "most": 64})] = 1
    #: A key that completes the round and is not part of the digits; empty: none.
    finish_on_key: Annotated[str, _kind("digits", optional=True)] = ""
    #: From the end of the prompt to the first digit.
    first_digit_timeout: Annotated[int, _duration(100, 600_000)] = 5000
    #: From one digit to the next.
    inter_digit_timeout: Annotated[int, _duration(100, 60_000)] = 2000
    #: Failed rounds, no input and no match together, before `failed`.
    max_failures: Annotated[int, Meta(extra={"least": 1, "most": 100})] = 3
    #: Played after a round without digits.
    no_input: Sounds = field(default_factory=list)
    #: Played after digits that nothing matches.
    no_match: Sounds = field(default_factory=list)
    #: The digits are masked in events, logs and the journal.
    sensitive: bool = False


class GatherNode(Struct, kw_only=True):
    """Play a prompt and collect digits.

    A round is complete with `max_digits`, by `finish_on_key`, by a choice that no longer choice could extend, or
    `inter_digit_timeout` after the last digit.
    """

    gather: Annotated[GatherSettings, _short("greet_long")]
    #: Digits -> node. Put digits such as "01" and "*" in quotes. `flash` is hook flash, which no other node takes.
    choices: Annotated[dict[str, NodeRef], _kind("choices")] = field(default_factory=dict)
    #: Node for digits that no choice names; needed when there are no choices.
    next: OptionalNodeRef = ""
    #: Node after `max_failures`.
    failed: NodeRef


class AnnouncementSettings(Struct, kw_only=True):
    """Mixed over a talk, whose voices are lowered meanwhile."""

    #: Played one after the other over the talk, from its beginning on.
    sounds: Sounds
    #: Again, so long after its last beginning; not set: once.
    every: Annotated[int, _duration(1000, 3_600_000)] = 0
    #: Who hears it: everybody who talks, the caller only, or whom the caller talks with.
    to: Literal["both", "caller", "target"] = "both"
    #: By how much the voices are lowered under it, dB; 0: not at all.
    duck_db: Annotated[int, Meta(extra={"least": 0, "most": 60})] = 12


class TransferSettings(Struct, kw_only=True):
    """Short form: the target (`to`) alone."""

    #: SIP URI, or a number that is dialled on `trunk`.
    to: str
    #: Trunk to dial through.
    trunk: str = ""
    #: `bridge`: we dial it and connect the two. `refer`: the caller's side is asked to call it itself (REFER), which
    #: uses no channels of ours; the call ends when it says that it has, else the menu goes on as after any failure.
    by: Literal["bridge", "refer"] = "bridge"
    #: How long the target may ring.
    ring_timeout: Annotated[int, _duration(1000, 600_000)] = 22000
    #: Played again and again while the target rings, unless the target sends audio of its own. Nothing: the ringing
    #: tone of the trunk's country, or of `[media] ringing_tone`.
    ringing: Sounds = field(default_factory=list)
    #: Said while the two talk, such as that the call is recorded. Short form: the sounds alone.
    announcement: Annotated[AnnouncementSettings | None, _short("sounds")] = None


class TransferNode(Struct, kw_only=True):
    """Dial a second leg and connect it with the caller."""

    transfer: Annotated[TransferSettings, _short("to")]
    #: Outcome (busy, no_answer, rejected, unreachable...) -> node.
    on_outcome: Annotated[dict[str, NodeRef], _kind("outcomes")] = field(default_factory=dict)
    #: Node for every other failure.
    failed: NodeRef
    #: Node after the target has hung up; empty: the call ends.
    after: OptionalNodeRef = ""


class ListenSettings(Struct, kw_only=True):
    """Short form: `sound` or `silence`."""

    #: Wait until the far end becomes loud, or until it becomes quiet.
    wait_for: Literal["sound", "silence"] = "sound"
    #: Longest wait.
    timeout: Annotated[int, _duration(100, 3_600_000)] = 10000


class ListenNode(Struct, kw_only=True):
    """Wait for sound or silence of the far end; for test calls."""

    listen: Annotated[ListenSettings, _short("wait_for")]
    #: Node when it was heard.
    next: NodeRef
    #: Node when the time is over.
    failed: NodeRef


class AnsweredSettings(Struct, kw_only=True):
    """Short form: nothing, or what a machine is waited for."""

    #: Of a machine: go on as soon as it is one (`verdict`), when its greeting is over, or when its beep is.
    wait_for: Literal["verdict", "greeting", "beep"] = "verdict"
    #: Longest wait for the verdict; then it is `unknown`.
    timeout: Annotated[int, _duration(1000, 120_000)] = 15000
    #: Longest wait for the end of a machine's greeting.
    greeting_timeout: Annotated[int, _duration(1000, 600_000)] = 60000
    #: Longest wait for the beep when the greeting is over.
    beep_timeout: Annotated[int, _duration(100, 60_000)] = 5000


class AnsweredNode(Struct, kw_only=True):
    """Go on by who answered a call that we made. On calls that came in it is `unknown`, at once."""

    answered: Annotated[AnsweredSettings, _short("wait_for")]
    #: Node when somebody answered.
    human: NodeRef
    #: Node when a machine did.
    machine: NodeRef
    #: Node when a fax terminal did; empty: as `machine`.
    fax: OptionalNodeRef = ""
    #: Node when it is not known; empty: as `human`, since to hang up on one is the costly error.
    unknown: OptionalNodeRef = ""
    #: Node when the end of a machine's greeting, or its beep, did not come in time; empty: as `machine`.
    no_beep: OptionalNodeRef = ""


class PressSettings(Struct, kw_only=True):
    """Short form: the digits alone."""

    #: Digits that are sent.
    digits: Digits
    #: Length of a digit.
    duration: Annotated[int, _duration(40, 5000)] = 100
    #: Pause after a digit.
    gap: Annotated[int, _duration(40, 5000)] = 100


class PressNode(Struct, kw_only=True):
    """Send digits to the far end."""

    press: Annotated[PressSettings, _short("digits")]
    #: Node that follows.
    next: NodeRef


class WaitNode(Struct, kw_only=True):
    """Stay silent."""

    #: How long.
    wait: Annotated[int, _duration(20, 3_600_000)]
    #: Node that follows.
    next: NodeRef


class HangUpSettings(Struct, kw_only=True):
    """Short form: nothing, or the reason alone."""

    #: Text of the reason, for the events.
    reason: Annotated[str, _kind("reason")] = ""


class HangUpNode(Struct, kw_only=True):
    """End the call."""

    hang_up: Annotated[HangUpSettings, _short("reason")]


Node = PlayNode | SayNode | GatherNode | TransferNode | ListenNode | AnsweredNode | PressNode | WaitNode | HangUpNode

NODE_KINDS: dict[str, type[Node]] = {
    "play": PlayNode,
    "say": SayNode,
    "gather": GatherNode,
    "transfer": TransferNode,
    "listen": ListenNode,
    "answered": AnsweredNode,
    "press": PressNode,
    "wait": WaitNode,
    "hang_up": HangUpNode,
}


class Defaults(Struct, kw_only=True):
    """Settings of all nodes of a kind that do not say otherwise."""

    #: For all gather nodes.
    gather: GatherSettings | None = None
    #: For all transfer nodes; all settings but `to`.
    transfer: "TransferDefaults | None" = None


class TransferDefaults(Struct, kw_only=True):
    """What transfers can have in common."""

    #: Trunk to dial through.
    trunk: str = ""
    #: How long the target may ring.
    ring_timeout: Annotated[int, _duration(1000, 600_000)] = 22000
    #: Played again and again while the target rings. Nothing: the ringing tone of a country.
    ringing: Sounds = field(default_factory=list)
    #: Said while the two talk.
    announcement: Annotated[AnnouncementSettings | None, _short("sounds")] = None


class MenuSource(Struct, kw_only=True):
    """A menu file."""

    #: Version of the language.
    version: Literal[1]
    #: Title for people.
    title: str = ""
    #: Language of prompts and texts (`en`, `de`, `cmn`...).
    language: Language = "en"
    #: First node.
    start: NodeRef
    #: Settings of all nodes of a kind.
    defaults: Defaults = field(default_factory=Defaults)
    #: Nodes by name; each is one of `NODE_KINDS`, told by the key that it has.
    nodes: Annotated[dict[str, Any], _kind("nodes")]
