"""One stay of a call at a node, and what all nodes of a call share.

A kind of node is a module of `kinds`: its compiled form (a frozen Struct, tagged with its word) and its `Visit`. The
run makes a visit when a call enters a node, and drops it when the call goes on. A visit hears of everything by its
methods; each returns the node to go to, or None to stay. What it wants done, it tells `Walk`.
"""

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from msgspec.structs import replace

from edge.core.deadline import Deadline
from edge.core.menus.facts import Values
from edge.core.menus.parts import Announcement, NodeId, Reading, Sound
from edge.core.menus.reading import read_out
from edge.core.menus.who import WhoAnswered
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    AnswerTold,
    AttributesSet,
    End,
    MenuAction,
    MenuInput,
    PlaySounds,
    SoundChanged,
    Started,
    TransferEnded,
)

#: Digits kept for the next gather.
TYPE_AHEAD = 32

N = TypeVar("N")
#: The node to go to; None: stay.
Way = NodeId | None


class Key(NamedTuple):
    """A key that was pressed before anything asked for it."""

    #: Empty: its value is withheld, and this is a replay.
    digit: str
    #: Its value is not written down, so nothing may show it.
    secret: bool = False


class Kept(NamedTuple):
    """Digits of a sensitive gather that an ask is to send."""

    node: NodeId
    digits: str


class Walk:
    """What all nodes of a call share. Nodes read it, ask for actions, and set the one deadline."""

    def __init__(self, withheld: Withheld, values: Values, words: dict[str, dict[str, str]]) -> None:
        self.now_ms = 0
        #: Files of the words that values are read out with, by language.
        self._words = words
        self.values = values
        #: Name of the node that the call is at.
        self.node: NodeId = ""
        self.withheld = withheld
        #: When the node wants `time_up`, and why.
        self.deadline: Deadline | None = None
        self.ahead: list[Key] = []
        #: By the name that the gather gives them. In a replay they are placeholders.
        self.kept: dict[str, Kept] = {}
        #: Questions so far.
        self.asked = 0
        #: Messages so far.
        self.messages = 0
        #: What came of the last transfer: `busy`, `no_answer`...; empty: there was none, or they talked.
        self.outcome = ""
        #: Nodes at which the caller has asked to be called back.
        self.called_back: set[NodeId] = set()
        #: The key that is being told is withheld from the journal.
        self.key_is_secret = False
        #: Gathers that the caller came through, the last one at the end: what "back" goes back to.
        self.came_through: list[NodeId] = []
        #: Nodes (`kinds.submenu.Submenu`) that asked for a menu which is not over yet; the innermost one last.
        self.callers: list[Any] = []
        #: The far end is loud. None: nothing was heard yet, so neither loud nor known to be quiet.
        self.loud: bool | None = None
        self.who = WhoAnswered()
        self.over = False
        self.actions: list[MenuAction] = []

    def begin(self, input: MenuInput, now_ms: int) -> None:  # noqa: A002
        """Take note of an input, before the node hears of it."""
        self.now_ms = now_ms
        self.actions = []
        if isinstance(input, Started):
            self.who.detected = input.detects_answer
            self.values.begin(input.facts, now_ms)
            language = input.facts.language
            if language and (language in self._words or not self._words):  # else nothing could be read out
                self.values.language = language
        elif isinstance(input, SoundChanged):
            self.loud = input.on
        elif isinstance(input, AnswerTold):
            self.who.note(input.what, now_ms - input.over_ms)
        elif isinstance(input, TransferEnded):
            self.outcome = input.outcome

    def take_up(self, now_ms: int) -> None:
        """Begin to do what no input says, but somebody else."""
        self.now_ms = now_ms
        self.actions = []

    def do(self, action: MenuAction) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def play(self, sounds: list[Sound], barge_in: bool) -> bool:
        """Play sounds one after the other; `played` comes when they are over. False: there is nothing to play."""
        heard = self.heard(sounds)
        if heard:
            self.actions.append(PlaySounds(heard, barge_in))
        return bool(heard)

    def heard(self, sounds: list[Sound]) -> list[Sound]:
        """Give the sounds as they are heard now: in the language of the call, with values read out."""
        language, heard = self.values.language, list[Sound]()
        for sound in sounds:
            if sound.reading is not None:
                heard += self._read(sound.reading, language)
            elif sound.pieces:
                heard += self.heard(sound.pieces.get(language) or next(iter(sound.pieces.values())))
            elif sound.others:
                path = sound.others.get(language, sound.path)
                heard.append(Sound(path, sound.labels.get(language, sound.label)))
            else:
                heard.append(sound)
        return heard

    def announced(self, said: Announcement | None) -> Announcement | None:
        """Give an announcement as it is heard now; None: nothing of it is."""
        sounds = self.heard(said.sounds) if said is not None else []
        return replace(said, sounds=sounds) if said is not None and sounds else None

    def _read(self, reading: Reading, language: str) -> list[Sound]:
        value = self.values.fill(reading.value, self.now_ms)
        words = self._words.get(language, {})
        said = read_out(language, reading.format, value, reading.currency)
        return [Sound(words[word], word) for word in said if word in words]

    def set_values(self, values: dict[str, str]) -> None:
        """Set attributes, and tell of those that changed."""
        changed = self.values.set(values, self.now_ms)
        if changed:
            self.do(AttributesSet(self.node, changed))

    def set_language(self, language: str) -> None:
        """Speak another language from now on."""
        if language != self.values.language:
            self.values.language = language
            self.do(AttributesSet(self.node, {"language": language}))

    def wait(self, ms: int, why: str) -> None:
        """Have `time_up` sent `ms` from now, and not at any other time."""
        self.deadline = Deadline(self.now_ms + ms, why)

    def keep(self, digit: str) -> None:
        """Keep a key for the next gather."""
        if len(self.ahead) < TYPE_AHEAD:
            self.ahead.append(Key(digit, self.key_is_secret))

    def go_back_for_kept(self) -> Way:
        """Forget kept digits, which are lost; returns the first of the gathers that they came from, None without."""
        first = next(iter(self.kept.values()), None)
        self.kept.clear()
        return first.node if first is not None else None

    def end(self, text: str, *, fault: bool = False) -> None:
        """End the menu: the call is hung up."""
        self.over = True
        self.deadline = None
        self.actions.append(End(text, fault))


class Visit(Generic[N]):
    """A call at a node. Kinds override what concerns them; what they leave alone changes nothing."""

    #: Keys pressed meanwhile are for the next gather. Of a node that takes no time, too: keys go on through it.
    keeps_keys: ClassVar[bool] = True
    #: What the call does, for people and tests.
    state: str = "passing"

    def __init__(self, node: N, walk: Walk) -> None:
        self.node = node
        self.walk = walk

    def enter(self) -> Way:
        """Begin; returns the next node when the node takes no time."""
        raise NotImplementedError

    def key(self, digit: str) -> Way:
        """Take a key; an empty `digit` is one whose value is withheld."""
        if self.keeps_keys:
            self.walk.keep(digit)
        return None

    def flash(self) -> Way:
        """Take hook flash."""
        return None

    def played(self) -> Way:
        """Take the end of the sounds."""
        return None

    def time_up(self) -> Way:
        """Take the end of the deadline; whoever stays sets another one."""
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002, ARG002
        """Take any other input: what was heard, who answered, what came of something that was asked for."""
        return None

    def resumed(self) -> Way:
        """Go on after switch was restarted. Keys whose value is withheld are lost, and no longer in `walk.ahead`."""
        return None


class Nested(Visit[N]):
    """A visit that has other visits do its parts, one after the other: what it hears goes to the one of the moment."""

    _inner: Visit[Any]

    @property
    def state(self) -> str:  # type: ignore[override]
        """What the inner visit does."""
        return self._inner.state

    def begin(self, inner: Visit[Any]) -> Way:
        """Go on with another visit."""
        self._inner = inner
        return self._on(inner.enter())

    def done(self, way: NodeId) -> Way:
        """Take the way that the inner visit gives: the name of a node, or of what comes next here (`begin` it)."""
        raise NotImplementedError

    def _on(self, way: Way) -> Way:
        return self.done(way) if way is not None else None

    def key(self, digit: str) -> Way:
        """Hand it on."""
        return self._on(self._inner.key(digit))

    def flash(self) -> Way:
        """Hand it on."""
        return self._on(self._inner.flash())

    def played(self) -> Way:
        """Hand it on."""
        return self._on(self._inner.played())

    def time_up(self) -> Way:
        """Hand it on."""
        return self._on(self._inner.time_up())

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Hand it on."""
        return self._on(self._inner.told(input))

    def resumed(self) -> Way:
        """Hand it on."""
        return self._on(self._inner.resumed())
