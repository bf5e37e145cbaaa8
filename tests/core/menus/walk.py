"""A run of a menu with its clock, for tests in virtual time."""

from edge.core.menus.facts import Facts
from edge.core.menus.model import HangUp, Menu, Sound
from edge.core.menus.run import MenuRun
from edge.core.menus.words import AttributesSet, Digit, End, EnterNode, InputResult, PlaySounds, Started, TimeUp

HELLO, PROMPT, HUH, WRONG = (Sound(f"/{name}.wav", name) for name in ("hello", "prompt", "huh", "wrong"))


class Walk:
    """A run with its clock."""

    def __init__(self, nodes, start="a", detects=False, facts=None, **menu):
        nodes = {"bye": HangUp("bye"), "won": HangUp("won"), "lost": HangUp("lost"), **nodes}
        self.run = MenuRun(Menu(name="m", version="1", start=start, nodes=nodes, **menu))
        self.now = 1000
        self.actions = []
        self.give(Started(detects, facts or Facts()))

    def give(self, *inputs):
        self.actions = [action for one in inputs for action in self.run.handle(one, self.now)]
        return self.actions

    def press(self, digits):
        return self.give(*(Digit(d) for d in digits))

    def wait(self, ms):
        """Let time pass; fires the deadline when it comes."""
        until = self.now + ms
        self.actions = []
        while self.run.deadline is not None and self.run.deadline.at_ms <= until:
            self.now = self.run.deadline.at_ms
            self.actions += self.run.handle(TimeUp(), self.now)
        self.now = until
        return self.actions

    @property
    def waits(self):
        """What the node waits for; the time of the whole menu always runs."""
        deadline = self.run.deadline
        return None if deadline is None or deadline.reason == "menu's time" else deadline

    def results(self):
        return [(a.result, a.digits) for a in self.actions if isinstance(a, InputResult)]

    def entered(self):
        return [a.node for a in self.actions if isinstance(a, EnterNode)]

    def heard(self):
        """Labels of what was begun to be played last."""
        plays = [a for a in self.actions if isinstance(a, PlaySounds)]
        return [sound.label for sound in plays[-1].sounds] if plays else []

    def set_to(self):
        return [a.values for a in self.actions if isinstance(a, AttributesSet)]

    @property
    def ended(self):
        ends = [a.text for a in self.actions if isinstance(a, End)]
        return ends[0] if ends else None
