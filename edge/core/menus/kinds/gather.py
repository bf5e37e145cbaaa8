"""A prompt, and the digits that answer it.

- A prompt with `barge_in` is stopped by a key press, which is the first digit. Without it, keys are ignored until the
  prompt ends.
- Keys pressed ahead are taken at once, and the prompt is skipped; without `barge_in` they are dropped. A failed round
  drops what is left of them.
- The first-digit timeout starts at the end of the prompt, the inter-digit timeout at each digit.
- Hook flash is no digit: the choice `flash` takes it, at once.
- Digits that name a choice which a longer choice extends ("1" and "12") wait for the inter-digit timeout.
- A key of `commands` counts as one where a round begins, and where nothing that the gather takes begins with it.
- Digits that go to `next` have to pass `check` first, and are read back when `confirm` says so: the key `yes` takes
  them; every other answer fails the round.
- A failed round (no input, or no match) plays `no_input` or `no_match`, of these the one that it is its turn of, and
  then the prompt again. The last one goes to `failed` without: that node has its own words.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from edge.core.menus.kinds.checks import Check
from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Kept, Key, Visit, Walk, Way
from edge.core.menus.words import InputResult, StopSounds

#: The choice that hook flash takes.
FLASH_CHOICE = "flash"
#: Gathers that "back" goes back through.
MOST_BACK = 50
#: Before the word of a key that only ended the digits.
_FINISHED = "finished:"


class Commands(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys that mean the same in all gathers of a menu."""

    #: The prompt once more.
    again: str = ""
    #: The gather before this one.
    back: str = ""
    #: Key -> node: the main menu, the operator.
    nodes: dict[str, NodeId] = {}

    def has(self, key: str) -> bool:
        """Say whether a key is one of these."""
        return key in self.nodes or key in {self.again, self.back}


def is_left(key: str, finish_on_key: str, choices: Iterable[str], to: NodeId) -> bool:
    """Say whether a gather leaves a key to the commands where a round begins: it takes none that begins with it.

    `to`: where digits go that no choice names; "" when there is no such way.
    """
    if key == finish_on_key or (to and key.isdecimal()):
        return False
    return not any(choice.startswith(key) for choice in choices if choice != FLASH_CHOICE)


class Confirm(Struct, frozen=True, kw_only=True):
    """Have digits confirmed."""

    prompt: list[Sound]
    yes: str = "1"
    timeout_ms: int = 5000


class Gather(Struct, frozen=True, tag="gather", kw_only=True):
    """Play a prompt and collect digits.

    Complete when `max_digits` are in, `finish_on_key` is pressed, a choice matches that no longer choice could extend,
    or `inter_digit_timeout_ms` passed after the last digit.
    """

    prompt: list[Sound]
    #: The prompt of all rounds after the first; empty: the same.
    prompt_again: list[Sound] = []
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
    #: What digits that go to `next` have to be.
    check: Check | None = None
    confirm: Confirm | None = None
    #: The attribute that digits which go to `next` are kept in.
    into: str = ""
    commands: Commands | None = None
    #: Failed rounds (no input and no match together) before `failed`.
    max_failures: int = 3
    #: After the first failure, after the second...; the last one from then on.
    no_input: list[list[Sound]] = []
    no_match: list[list[Sound]] = []
    #: Where to go when `max_failures` are used up.
    failed: NodeId
    #: Digits masked everywhere; see design: personal data.
    sensitive: bool = False
    #: Name that an ask sends them by, when they are sensitive; until then they are kept.
    keep: str = ""


class GatherVisit(Visit[Gather]):
    """Rounds of prompt and digits."""

    keeps_keys = False
    state = "prompting"

    def __init__(self, node: Gather, walk: Walk) -> None:
        super().__init__(node, walk)
        self._digits = ""
        self._failures = 0
        #: Of this round: a digit is withheld from the journal.
        self._secret = node.sensitive
        #: The digits are read back, and the next key answers that.
        self._confirming = False

    # --- what happens

    def enter(self) -> Way:
        """Take what was pressed ahead, or play the prompt."""
        self._came()
        if not self.node.barge_in:
            self.walk.ahead.clear()
        if not self.walk.ahead:
            self._prompt(self.node.prompt)
            return None
        self._await_first()
        following: Way = None
        while self.walk.ahead and following is None and self.state == "collecting":
            following = self._take(self.walk.ahead.pop(0))
        return following

    def key(self, digit: str) -> Way:
        """Take a digit."""
        if self.state == "prompting":
            if not self.node.barge_in:
                return None
            self.walk.do(StopSounds())
            self.state = "collecting"
        return self._take(Key(digit, self.walk.key_is_secret))

    def flash(self) -> Way:
        """Take the choice `flash`, where there is one, whatever was dialled before."""
        if FLASH_CHOICE not in self.node.choices or (self.state == "prompting" and not self.node.barge_in):
            return None
        if self.state == "prompting":
            self.walk.do(StopSounds())
        self._digits = ""
        return self._complete(f"to:{self.node.choices[FLASH_CHOICE]}")

    def played(self) -> Way:
        """Wait for the first digit."""
        if self.state == "prompting":
            self._await_first()
        return None

    def time_up(self) -> Way:
        """End the round with the digits that there are."""
        if self._confirming or not self._digits:
            return self._fail("no_input", "")
        return self._complete(self._decide(lambda: self._verdict(self._digits)))

    def resumed(self) -> Way:
        """Withheld digits are lost with the process that held them: such a gather starts again at its prompt."""
        if self._secret:
            self._prompt(self.node.prompt)
        return None

    # --- rounds

    def _came(self) -> None:
        """Remember the gather, so that "back" finds it."""
        through = self.walk.came_through
        if self.walk.node in through:
            del through[through.index(self.walk.node) :]
        through.append(self.walk.node)
        del through[:-MOST_BACK]

    def _prompt(self, sounds: list[Sound]) -> None:
        self._digits, self._secret, self._confirming = "", self.node.sensitive, False
        self._play(sounds)

    def _play(self, sounds: list[Sound]) -> None:
        self.walk.deadline = None
        if self.walk.play(sounds, self.node.barge_in):
            self.state = "prompting"
        else:
            self._await_first()

    def _await_first(self) -> None:
        self.state = "collecting"
        confirm = self.node.confirm if self._confirming else None
        self.walk.wait(confirm.timeout_ms if confirm else self.node.first_digit_timeout_ms, "first digit")

    def _take(self, key: Key) -> Way:
        """Take a digit; returns the next node when the gather is complete by it."""
        digit, node = key.digit, self.node
        self._secret = self._secret or key.secret
        if self._confirming and node.confirm is not None:
            yes = node.confirm.yes
            return self._complete(self._decide(lambda: "confirmed" if digit == yes else "no_match"))
        word = self._decide(lambda: self._judge(digit))
        if word.startswith("command:"):
            return self._command(word.removeprefix("command:"))
        if word == "more":
            # A replayed digit has no value; a placeholder keeps the count, and nothing is decided by it.
            self._digits += digit or "?"
            self.walk.wait(node.inter_digit_timeout_ms, "inter-digit")
            return None
        if not word.startswith(_FINISHED):
            self._digits += digit or "?"
        return self._complete(word.removeprefix(_FINISHED))

    def _decide(self, decision: Callable[[], str]) -> str:
        return self.walk.withheld.decide(self._secret, decision)

    def _judge(self, digit: str) -> str:
        """Tell what a digit does: `more`, `no_match`, `command:<key>`, `to:<node of a choice>` or `taken`.

        Such a word may stand in the journal, so it says nothing of what was dialled before. It says when the key was
        none of the digits, for they are counted in a replay, too.
        """
        node, digits = self.node, self._digits + digit
        if not self._digits and node.commands is not None and self._is_command(digit, node.commands):
            return f"command:{digit}"
        if digit == node.finish_on_key and digits not in node.choices:
            return _FINISHED + self._verdict(self._digits)
        if digits in node.choices and not any(c != digits and c.startswith(digits) for c in node.choices):
            return self._verdict(digits)
        return self._verdict(digits) if len(digits) >= node.max_digits else "more"

    def _is_command(self, key: str, commands: Commands) -> bool:
        """Say whether a key is a command: what the gather itself takes comes before."""
        node = self.node
        return commands.has(key) and is_left(key, node.finish_on_key, node.choices, node.next)

    def _verdict(self, digits: str) -> str:
        if digits in self.node.choices:
            return f"to:{self.node.choices[digits]}"
        fits = self.node.next and len(digits) >= self.node.min_digits
        return "taken" if fits and (self.node.check is None or self.node.check.fits(digits)) else "no_match"

    def _complete(self, word: str) -> Way:
        if word == "no_match":
            return self._fail("no_match", self._shown())
        if word == "taken" and self.node.confirm is not None:
            return self._read_back(self.node.confirm)
        self.walk.do(InputResult(self.walk.node, "matched", self._shown()))
        self.walk.values.digits = "" if self._secret else self._digits
        if word.startswith("to:"):
            return word.removeprefix("to:")
        if self.node.keep:
            self.walk.kept[self.node.keep] = Kept(self.walk.node, self._digits)
            self._digits = ""
        elif self.node.into and not self._secret:
            self.walk.set_values({self.node.into: self._digits})
        return self.node.next

    def _shown(self) -> str:
        return "*" * len(self._digits) if self._secret else self._digits

    def _read_back(self, confirm: Confirm) -> Way:
        self._confirming = True
        self.walk.values.digits = "" if self._secret else self._digits
        self.walk.ahead.clear()
        self._play(confirm.prompt)
        return None

    def _fail(self, result: str, shown: str) -> Way:
        node = self.node
        self.walk.do(InputResult(self.walk.node, result, shown))
        self._failures += 1
        self.walk.deadline = None
        self.walk.ahead.clear()
        if self._failures >= node.max_failures:
            return node.failed
        ladder = node.no_input if result == "no_input" else node.no_match
        said = ladder[min(self._failures, len(ladder)) - 1] if ladder and not self._confirming else []
        self._prompt([*said, *(node.prompt_again or node.prompt)])
        return None

    def _command(self, key: str) -> Way:
        commands = self.node.commands
        if commands is None:
            return None
        self.walk.do(InputResult(self.walk.node, "command", key))
        if key in commands.nodes:
            return commands.nodes[key]
        through = self.walk.came_through
        if key == commands.back and len(through) > 1:
            through.pop()
            return through[-1]
        self._prompt(self.node.prompt)
        return None
