"""A prompt, and the digits that answer it.

- A prompt with `barge_in` is stopped by a key press, which is the first digit. Without it, keys are ignored until the
  prompt ends.
- Keys pressed ahead are taken at once, and the prompt is skipped; without `barge_in` they are dropped. A failed round
  drops what is left of them.
- The first-digit timeout starts at the end of the prompt, the inter-digit timeout at each digit.
- Hook flash is no digit: the choice `flash` takes it, at once.
- Digits that name a choice which a longer choice extends ("1" and "12") wait for the inter-digit timeout.
- A failed round (no input, or no match) plays `no_input` or `no_match` and then the prompt again. The last one goes to
  `failed` without: that node has its own words.
"""

from msgspec import Struct

from edge.core.menus.parts import NodeId, Sound
from edge.core.menus.visit import Visit, Walk, Way
from edge.core.menus.words import InputResult, StopSounds

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


class GatherVisit(Visit[Gather]):
    """Rounds of prompt and digits."""

    keeps_keys = False
    state = "prompting"

    def __init__(self, node: Gather, walk: Walk) -> None:
        super().__init__(node, walk)
        self._digits = ""
        self._failures = 0

    def enter(self) -> Way:
        """Take what was pressed ahead, or play the prompt."""
        if not self.node.barge_in:
            self.walk.ahead.clear()
        if not self.walk.ahead:
            self._prompt(self.node.prompt)
            return None
        self.state = "collecting"
        following: Way = None
        while self.walk.ahead and following is None and self.state == "collecting":
            following = self._collect(self.walk.ahead.pop(0))
        return following

    def key(self, digit: str) -> Way:
        """Take a digit."""
        if self.state == "prompting":
            if not self.node.barge_in:
                return None
            self.walk.do(StopSounds())
            self.state = "collecting"
        return self._collect(digit)

    def flash(self) -> Way:
        """Take the choice `flash`, where there is one, whatever was dialled before."""
        if FLASH_CHOICE not in self.node.choices or (self.state == "prompting" and not self.node.barge_in):
            return None
        if self.state == "prompting":
            self.walk.do(StopSounds())
        self._digits = ""
        return self._complete(f"next:{self.node.choices[FLASH_CHOICE]}")

    def played(self) -> Way:
        """Wait for the first digit."""
        if self.state == "prompting":
            self._await_first()
        return None

    def time_up(self) -> Way:
        """End the round with the digits that there are."""
        if not self._digits:
            return self._fail("no_input", "")
        return self._complete(self.walk.withheld.decide(self.node.sensitive, lambda: self._verdict(self._digits)))

    def resumed(self) -> Way:
        """Withheld digits are lost with the process that held them: such a gather starts again at its prompt."""
        if self.node.sensitive:
            self._prompt(self.node.prompt)
        return None

    def _prompt(self, sounds: list[Sound]) -> None:
        self._digits = ""
        if sounds:
            self.state = "prompting"
            self.walk.deadline = None
            self.walk.play(sounds, self.node.barge_in)
        else:
            self._await_first()

    def _await_first(self) -> None:
        self.state = "collecting"
        self.walk.wait(self.node.first_digit_timeout_ms, "first digit")

    def _collect(self, digit: str) -> Way:
        word = self.walk.withheld.decide(self.node.sensitive, lambda: self._judge(digit))
        if word == "more":
            # A replayed digit has no value; a placeholder keeps the count, and nothing is decided by it.
            self._digits += digit or "?"
            self.walk.wait(self.node.inter_digit_timeout_ms, "inter-digit")
            return None
        if digit != self.node.finish_on_key or not digit:
            self._digits += digit or "?"
        return self._complete(word)

    def _judge(self, digit: str) -> str:
        """Tell what a digit does: `more`, `no_match`, or `next:<node>`."""
        node, digits = self.node, self._digits + digit
        if digit == node.finish_on_key and digits not in node.choices:
            return self._verdict(self._digits)
        if digits in node.choices and not any(c != digits and c.startswith(digits) for c in node.choices):
            return self._verdict(digits)
        return self._verdict(digits) if len(digits) >= node.max_digits else "more"

    def _verdict(self, digits: str) -> str:
        if digits in self.node.choices:
            return f"next:{self.node.choices[digits]}"
        if self.node.next and len(digits) >= self.node.min_digits:
            return f"next:{self.node.next}"
        return "no_match"

    def _complete(self, word: str) -> Way:
        shown = "*" * len(self._digits) if self.node.sensitive else self._digits
        if word.startswith("next:"):
            self.walk.do(InputResult(self.walk.node, "matched", shown))
            self._digits = ""
            return word.removeprefix("next:")
        return self._fail("no_match", shown)

    def _fail(self, result: str, shown: str) -> Way:
        self.walk.do(InputResult(self.walk.node, result, shown))
        self._failures += 1
        self.walk.deadline = None
        self.walk.ahead.clear()
        if self._failures >= self.node.max_failures:
            self._digits = ""
            return self.node.failed
        again = self.node.no_input if result == "no_input" else self.node.no_match
        self._prompt([*again, *self.node.prompt])
        return None
