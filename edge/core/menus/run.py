"""Walks a call through a compiled menu.

Digits, in the order of the rules:

- A prompt with `barge_in` is stopped by a key press, which is the first digit of the gather.
- A gather without `barge_in` ignores what is pressed before its prompt ends.
- Type-ahead: what is pressed while a play, wait, press, listen or answered node runs is kept (at most `TYPE_AHEAD`
  digits) for the next gather. A gather with `barge_in` takes it at once and skips its prompt; one without drops it. A
  transfer, a failed round and a listen that failed drop it, too.
- The first-digit timeout starts at the end of the prompt, the inter-digit timeout at each digit.
- Hook flash is no digit: only a gather with the choice `flash` takes it, at once.
- Digits that name a choice which a longer choice extends ("1" and "12") wait for the inter-digit timeout.
- A failed round (no input, or no match) plays `no_input` or `no_match` and then the prompt again. The last one goes to
  `failed` without: that node has its own words.

All states and what happens in them stand in `TRANSITIONS`; an input without a line there changes nothing.
"""

from collections.abc import Callable
from typing import Literal

from edge.core.deadline import Deadline
from edge.core.menus.model import (
    FLASH_CHOICE,
    Answered,
    Gather,
    HangUp,
    Listen,
    Menu,
    Node,
    NodeId,
    Play,
    Press,
    Sound,
    Transfer,
    Wait,
)
from edge.core.menus.who import WhoAnswered
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    AnswerTold,
    Dial,
    Digit,
    DigitsGone,
    End,
    EnterNode,
    Flash,
    InputResult,
    MenuAction,
    MenuInput,
    PlayDone,
    PlaySounds,
    PressKeys,
    Resumed,
    SoundChanged,
    Started,
    StopSounds,
    TimeUp,
    TransferEnded,
)

#: Digits kept for the next gather.
TYPE_AHEAD = 32
#: More nodes than this in one second is a loop without a pause (or a menu of missing files): the call is ended.
MAX_NODES_A_SECOND = 100
#: Added to the time that pressing keys takes by itself, before the run goes on without `DigitsGone`.
PRESS_SLACK_MS = 5000
#: Nodes that `path` holds at the most; a caller who goes round for hours must not fill memory.
PATH_LENGTH = 500

State = Literal[
    "new", "playing", "prompting", "collecting", "transfer", "listening", "answering", "pressing", "waiting", "over"
]


def kind_of(node: Node) -> str:
    """Return the word for a node's kind, as in the source and in events."""
    return str(node.__struct_config__.tag)


class MenuRun:
    """One call's walk through `menu`. Never raises on any order of inputs."""

    def __init__(self, menu: Menu, withheld: Withheld | None = None) -> None:
        self.menu = menu
        self.state: State = "new"
        self.node: NodeId = ""
        #: The first `PATH_LENGTH` nodes in the order they were entered, repeats included.
        self.path: list[NodeId] = []
        self._withheld = withheld if withheld is not None else Withheld()
        self._deadline: Deadline | None = None
        self._digits = ""
        self._ahead: list[str] = []
        self._failures = 0
        #: None: nothing was heard yet, so neither loud nor known to be quiet.
        self._loud: bool | None = None
        self._who = WhoAnswered()
        self._second_began = 0
        self._entered_in_second = 0

    @property
    def deadline(self) -> Deadline | None:
        """When to send `TimeUp`, and why."""
        return self._deadline

    @property
    def sensitive(self) -> bool:
        """Whether a digit pressed now may end up in a sensitive gather, and so must not be written down."""
        # What is pressed ahead belongs to the next gather, so the nodes that lead to it hide digits, too.
        seen: set[NodeId] = set()
        ahead = [self.node]
        while ahead:
            name = ahead.pop()
            node = self.menu.nodes.get(name)
            if isinstance(node, Gather) and node.sensitive:
                return True
            if isinstance(node, Play | Wait | Press | Listen) and name not in seen:
                ahead.append(node.next)
            elif isinstance(node, Answered) and name not in seen:
                ahead += [node.human, node.machine, node.fax, node.unknown, node.no_beep]
            seen.add(name)
        return False

    def handle(self, input: MenuInput, now_ms: int) -> list[MenuAction]:  # noqa: A002 - the shape of every core
        """Take one input; return what is to be done, in order."""
        actions: list[MenuAction] = []
        if isinstance(input, SoundChanged):
            self._loud = input.on
        elif isinstance(input, AnswerTold):
            self._who.note(input.what)
        transition = TRANSITIONS.get((self.state, type(input)))
        if transition is not None:
            transition(self, input, now_ms, actions)
        return actions

    # --- entering nodes ---------------------------------------------------------------------------------------------

    def _start(self, input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:  # noqa: A002
        self._who.detected = isinstance(input, Started) and input.detects_answer
        self._goto(self.menu.start, now_ms, actions)

    def _goto(self, name: NodeId, now_ms: int, actions: list[MenuAction]) -> None:
        """Enter a node, and the ones after it that take no time."""
        following: NodeId | None = name
        while following is not None:
            self._deadline = None
            node = self.menu.nodes.get(following)
            if node is None or self._too_fast(now_ms):
                self._finish(actions, "menu loop" if node is not None else "no such node", fault=True)
                return
            self.node = following
            if len(self.path) < PATH_LENGTH:
                self.path.append(following)
            actions.append(EnterNode(following, kind_of(node)))
            following = self._enter(node, now_ms, actions)

    def _too_fast(self, now_ms: int) -> bool:
        if now_ms - self._second_began >= 1000:
            self._second_began, self._entered_in_second = now_ms, 0
        self._entered_in_second += 1
        return self._entered_in_second > MAX_NODES_A_SECOND

    def _enter(self, node: Node, now_ms: int, actions: list[MenuAction]) -> NodeId | None:
        """Begin a node; returns the next one when it is already done."""
        match node:
            case Play():
                return self._enter_play(node, actions)
            case Gather():
                self._digits, self._failures = "", 0
                return self._enter_gather(node, now_ms, actions)
            case Transfer():
                self.state = "transfer"
                self._ahead.clear()
                actions.append(
                    Dial(
                        target=node.target,
                        trunk=node.trunk,
                        ring_timeout_ms=node.ring_timeout_ms,
                        ringing=node.ringing,
                        announcement=node.announcement,
                        by=node.by,
                    )
                )
            case Listen():
                if self._loud is node.for_sound:
                    return node.next
                self.state = "listening"
                self._deadline = Deadline(now_ms + node.timeout_ms, "listen")
            case Answered():
                self.state = "answering"
                return self._way(node, now_ms)
            case Press():
                self.state = "pressing"
                time_ms = len(node.digits) * (node.duration_ms + node.gap_ms)
                self._deadline = Deadline(now_ms + time_ms + PRESS_SLACK_MS, "press")
                actions.append(PressKeys(node.digits, node.duration_ms, node.gap_ms))
            case Wait():
                self.state = "waiting"
                self._deadline = Deadline(now_ms + node.milliseconds, "wait")
            case HangUp():
                self._finish(actions, node.text)
        return None

    def _way(self, node: Answered, now_ms: int) -> NodeId | None:
        way = self._who.way(node, now_ms, self._deadline)
        if isinstance(way, str):
            return way
        self._deadline = way
        return None

    def _enter_play(self, node: Play, actions: list[MenuAction]) -> NodeId | None:
        if not node.sounds:
            return node.next
        self.state = "playing"
        actions.append(PlaySounds(node.sounds, node.barge_in))
        return None

    def _enter_gather(self, node: Gather, now_ms: int, actions: list[MenuAction]) -> NodeId | None:
        if not node.barge_in:
            self._ahead.clear()
        if not self._ahead:
            self._prompt(node, node.prompt, now_ms, actions)
            return None
        self.state = "collecting"
        following: NodeId | None = None
        while self._ahead and following is None and self.state == "collecting":
            following = self._collect(node, self._ahead.pop(0), now_ms, actions)
        return following

    def _finish(self, actions: list[MenuAction], text: str, fault: bool = False) -> None:
        self.state = "over"
        self._deadline = None
        actions.append(End(text, fault))

    # --- gather -----------------------------------------------------------------------------------------------------

    def _gather(self) -> Gather:
        node = self.menu.nodes[self.node]
        assert isinstance(node, Gather)  # noqa: S101 - the state says so; anything else is our own mistake
        return node

    def _prompt(self, node: Gather, sounds: list[Sound], now_ms: int, actions: list[MenuAction]) -> None:
        self._digits = ""
        if sounds:
            self.state = "prompting"
            self._deadline = None
            actions.append(PlaySounds(sounds, node.barge_in))
        else:
            self._await_first(node, now_ms)

    def _await_first(self, node: Gather, now_ms: int) -> None:
        self.state = "collecting"
        self._deadline = Deadline(now_ms + node.first_digit_timeout_ms, "first digit")

    def _collect(self, node: Gather, digit: str, now_ms: int, actions: list[MenuAction]) -> NodeId | None:
        """Take a digit; returns the next node when the gather is complete by it."""
        word = self._withheld.decide(node.sensitive, lambda: self._judge(node, digit))
        if word == "more":
            # A replayed digit has no value; a placeholder keeps the count, and nothing is decided by it.
            self._digits += digit or "?"
            self._deadline = Deadline(now_ms + node.inter_digit_timeout_ms, "inter-digit")
            return None
        if digit != node.finish_on_key or not digit:
            self._digits += digit or "?"
        return self._complete(node, word, now_ms, actions)

    def _judge(self, node: Gather, digit: str) -> str:
        """Tell what a digit does: `more`, `no_match`, or `next:<node>`."""
        digits = self._digits + digit
        if digit == node.finish_on_key and digits not in node.choices:
            return self._verdict(node, self._digits)
        if digits in node.choices and not any(c != digits and c.startswith(digits) for c in node.choices):
            return self._verdict(node, digits)
        return self._verdict(node, digits) if len(digits) >= node.max_digits else "more"

    @staticmethod
    def _verdict(node: Gather, digits: str) -> str:
        if digits in node.choices:
            return f"next:{node.choices[digits]}"
        if node.next and len(digits) >= node.min_digits:
            return f"next:{node.next}"
        return "no_match"

    def _complete(self, node: Gather, word: str, now_ms: int, actions: list[MenuAction]) -> NodeId | None:
        shown = "*" * len(self._digits) if node.sensitive else self._digits
        if word.startswith("next:"):
            actions.append(InputResult(self.node, "matched", shown))
            self._digits = ""
            return word.removeprefix("next:")
        return self._fail(node, "no_match", shown, now_ms, actions)

    def _fail(self, node: Gather, result: str, shown: str, now_ms: int, actions: list[MenuAction]) -> NodeId | None:
        actions.append(InputResult(self.node, result, shown))
        self._failures += 1
        self._deadline = None
        self._ahead.clear()
        if self._failures >= node.max_failures:
            self._digits = ""
            return node.failed
        again = node.no_input if result == "no_input" else node.no_match
        self._prompt(node, [*again, *node.prompt], now_ms, actions)
        return None

    # --- transitions ------------------------------------------------------------------------------------------------

    def _follow(self, following: NodeId | None, now_ms: int, actions: list[MenuAction]) -> None:
        if following is not None:
            self._goto(following, now_ms, actions)

    def _played(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        assert isinstance(node, Play)  # noqa: S101
        self._goto(node.next, now_ms, actions)

    def _prompted(self, _input: MenuInput, now_ms: int, _actions: list[MenuAction]) -> None:
        self._await_first(self._gather(), now_ms)

    def _key_in_play(self, input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:  # noqa: A002
        self._keep(input, now_ms, actions)
        node = self.menu.nodes[self.node]
        if isinstance(node, Play) and node.barge_in:
            actions.append(StopSounds())
            self._goto(node.next, now_ms, actions)

    def _keep(self, input: MenuInput, _now_ms: int, _actions: list[MenuAction]) -> None:  # noqa: A002
        if isinstance(input, Digit) and len(self._ahead) < TYPE_AHEAD:
            self._ahead.append(input.digit)

    def _key_in_prompt(self, input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:  # noqa: A002
        if self._gather().barge_in:
            actions.append(StopSounds())
            self.state = "collecting"
            self._key(input, now_ms, actions)

    def _key(self, input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:  # noqa: A002
        if isinstance(input, Digit):
            self._follow(self._collect(self._gather(), input.digit, now_ms, actions), now_ms, actions)

    def _flash(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        """Take the choice `flash`, where there is one, whatever was dialled before."""
        node = self._gather()
        if FLASH_CHOICE not in node.choices or (self.state == "prompting" and not node.barge_in):
            return
        if self.state == "prompting":
            actions.append(StopSounds())
        self._digits = ""
        self._follow(self._complete(node, f"next:{node.choices[FLASH_CHOICE]}", now_ms, actions), now_ms, actions)

    def _collect_time_up(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self._gather()
        self._deadline = None
        if not self._digits:
            self._follow(self._fail(node, "no_input", "", now_ms, actions), now_ms, actions)
            return
        word = self._withheld.decide(node.sensitive, lambda: self._verdict(node, self._digits))
        self._follow(self._complete(node, word, now_ms, actions), now_ms, actions)

    def _resume(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        """Withheld digits are lost with the process that held them: such a gather starts again at its prompt."""
        self._ahead = [digit for digit in self._ahead if digit]
        node = self.menu.nodes.get(self.node)
        if isinstance(node, Gather) and node.sensitive:
            self._prompt(node, node.prompt, now_ms, actions)

    def _transferred(self, input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:  # noqa: A002
        node = self.menu.nodes[self.node]
        if not isinstance(node, Transfer) or not isinstance(input, TransferEnded):
            return
        if input.outcome:
            self._goto(node.on_outcome.get(input.outcome, node.failed), now_ms, actions)
        elif node.after:
            self._goto(node.after, now_ms, actions)
        else:
            self._finish(actions, "")

    def _sound(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        if isinstance(node, Listen) and self._loud is node.for_sound:
            self._goto(node.next, now_ms, actions)

    def _told_who(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        if isinstance(node, Answered):
            self._follow(self._way(node, now_ms), now_ms, actions)

    def _who_time_up(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        if isinstance(node, Answered):
            self._goto(self._who.in_vain(node), now_ms, actions)

    def _listen_time_up(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        if isinstance(node, Listen):
            self._ahead.clear()
            self._goto(node.failed, now_ms, actions)

    def _next(self, _input: MenuInput, now_ms: int, actions: list[MenuAction]) -> None:
        node = self.menu.nodes[self.node]
        if isinstance(node, Press | Wait):
            self._goto(node.next, now_ms, actions)


Transition = Callable[[MenuRun, MenuInput, int, list[MenuAction]], None]

#: (state, input) -> what happens. The pages' state diagram is drawn from this table.
TRANSITIONS: dict[tuple[State, type], Transition] = {
    ("new", Started): MenuRun._start,  # noqa: SLF001
    ("playing", PlayDone): MenuRun._played,  # noqa: SLF001
    ("playing", Digit): MenuRun._key_in_play,  # noqa: SLF001
    ("playing", Resumed): MenuRun._resume,  # noqa: SLF001
    ("prompting", PlayDone): MenuRun._prompted,  # noqa: SLF001
    ("prompting", Digit): MenuRun._key_in_prompt,  # noqa: SLF001
    ("prompting", Flash): MenuRun._flash,  # noqa: SLF001
    ("prompting", Resumed): MenuRun._resume,  # noqa: SLF001
    ("collecting", Digit): MenuRun._key,  # noqa: SLF001
    ("collecting", Flash): MenuRun._flash,  # noqa: SLF001
    ("collecting", TimeUp): MenuRun._collect_time_up,  # noqa: SLF001
    ("collecting", Resumed): MenuRun._resume,  # noqa: SLF001
    ("transfer", TransferEnded): MenuRun._transferred,  # noqa: SLF001
    ("listening", SoundChanged): MenuRun._sound,  # noqa: SLF001
    ("listening", TimeUp): MenuRun._listen_time_up,  # noqa: SLF001
    ("listening", Digit): MenuRun._keep,  # noqa: SLF001
    ("listening", Resumed): MenuRun._resume,  # noqa: SLF001
    ("answering", AnswerTold): MenuRun._told_who,  # noqa: SLF001
    ("answering", TimeUp): MenuRun._who_time_up,  # noqa: SLF001
    ("answering", Digit): MenuRun._keep,  # noqa: SLF001
    ("answering", Resumed): MenuRun._resume,  # noqa: SLF001
    ("pressing", DigitsGone): MenuRun._next,  # noqa: SLF001
    ("pressing", TimeUp): MenuRun._next,  # noqa: SLF001
    ("pressing", Digit): MenuRun._keep,  # noqa: SLF001
    ("pressing", Resumed): MenuRun._resume,  # noqa: SLF001
    ("waiting", TimeUp): MenuRun._next,  # noqa: SLF001
    ("waiting", Digit): MenuRun._keep,  # noqa: SLF001
    ("waiting", Resumed): MenuRun._resume,  # noqa: SLF001
}
