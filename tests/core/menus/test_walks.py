"""Random callers: every menu ends, whatever is pressed, kept silent or hung up on, and a replay decides the same."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import edge
from edge.config.errors import Findings
from edge.config.loader import inspect
from edge.config.mailboxes import Mailbox
from edge.config.menus import MenuCompiler
from edge.config.site import Paths, Site
from edge.config.tables import Table
from edge.core.menus.facts import Facts, Row
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.withheld import Withheld
from edge.core.menus.words import (
    AskBackend,
    BackendSaid,
    Dial,
    Digit,
    DigitsGone,
    Flash,
    MenuAction,
    MenuInput,
    MessageMade,
    PlayDone,
    PlaySounds,
    PressKeys,
    RecordMessage,
    Resumed,
    SoundChanged,
    Started,
    TimeUp,
    TransferEnded,
)
from edge.vocabulary.private import Private
from tests.config.menus import EVERYTHING, SUBMENU

#: A day, within which every call has to end by itself.
DAY_MS = 24 * 3_600_000


def compiled(path: Path, folder: Path) -> Menu:
    findings = Findings()
    paths = Paths(state=str(folder / "state"), prompts=str(path.parent.parent / "prompts"))
    site = Site(
        name="x",
        paths=paths,
        tables=[Table(name="vip", file="vip.csv")],
        mailboxes=[Mailbox(name="desk", review=True)],
    )
    menu = MenuCompiler(site, findings, []).compile_file(path)
    assert menu is not None, findings.errors
    return menu


@pytest.fixture(scope="module")
def menus(tmp_path_factory: pytest.TempPathFactory) -> list[Menu]:
    """All menus that are shipped, and one with every kind of node."""
    folder = tmp_path_factory.mktemp("menus")
    (folder / "every.yaml").write_text(EVERYTHING)
    (folder / "ask.yaml").write_text(SUBMENU)
    sites = sorted(Path(edge.__file__).parent.glob("app/**/site.toml"))
    shipped = [inspect(path, {"paths.state": str(folder / "state")}).site.menus.values() for path in sites]
    assert all(shipped)
    return [compiled(folder / "every.yaml", folder), *(menu for menus in shipped for menu in menus)]


def shown(actions: list[MenuAction]) -> list[MenuAction]:
    """Without the digits that only the live run has."""
    return [replace(one, secrets={}) if isinstance(one, AskBackend) else one for one in actions]


class Caller:
    """Drives a run by chance, and a twin that is told what the journal would hold."""

    def __init__(self, menu: Menu, chance: st.DataObject | None) -> None:
        self.live, self.kept = Withheld(), Withheld()
        self.run, self.twin = MenuRun(menu, self.live), MenuRun(menu, self.kept)
        self.now = 0
        self.chance = chance
        #: What the appliance would tell next by itself.
        self.coming: list[MenuInput] = []

    def give(self, one: MenuInput) -> None:
        secret = self.run.sensitive
        self.live.live()
        actions = self.run.handle(one, self.now)
        self.kept.replay(self.live.notes)
        journalled = Digit("") if isinstance(one, Digit) and secret else one
        assert shown(self.twin.handle(journalled, self.now)) == shown(actions)
        assert (self.run.node, self.run.state, self.run.deadline) == (
            self.twin.node,
            self.twin.state,
            self.twin.deadline,
        )
        for action in actions:
            if isinstance(action, PlaySounds):
                assert action.sounds
                assert all(sound.path for sound in action.sounds)
                self.coming = [PlayDone()]
            elif isinstance(action, PressKeys):
                self.coming = [DigitsGone()]
            elif isinstance(action, Dial):
                assert self.chance is not None
                outcome = self.chance.draw(st.sampled_from(["", "busy", "no_answer", "failed"]))
                self.coming = [TransferEnded(outcome)]
            elif isinstance(action, RecordMessage):
                assert self.chance is not None
                length = self.chance.draw(st.sampled_from([0, 500, 5000]))
                error = self.chance.draw(st.sampled_from(["", "", "the disk is full"]))
                made = MessageMade(number=action.number, message="m", length_ms=length, path="/m.wav", error=error)
                self.coming = [made]
            elif isinstance(action, AskBackend):
                assert self.chance is not None
                said = self.chance.draw(st.sampled_from(["approved", "declined", "nonsense", "failed", "nothing"]))
                outcome = said if said == "failed" else "ok"
                answer = BackendSaid(number=action.number, outcome=outcome, answer=said)
                self.coming = [] if said == "nothing" else [answer]

    def step(self, what: str) -> None:
        """Do one thing that a caller does, or let time pass until something happens by itself."""
        if what in "0123456789*#":
            self.now += 200
            self.give(Digit(what))
        elif what == "flash":
            self.give(Flash())
        elif what == "crash":
            self.give(Resumed())
        elif what == "sound":
            assert self.chance is not None
            self.give(SoundChanged(self.chance.draw(st.booleans())))
        else:
            self.wait()

    def wait(self) -> None:
        if self.coming:
            self.now += 1500
            self.give(self.coming.pop(0))
        elif (deadline := self.run.deadline) is not None:
            self.now = max(self.now, deadline.at_ms)
            self.give(TimeUp())
        else:
            assert self.run.state == "over", f"nothing would ever happen at {self.run.node}"


STEPS = st.sampled_from([*"0123456789*#", "flash", "crash", "sound", "wait", "wait", "wait"])
FACTS = st.builds(
    Facts,
    caller=st.sampled_from(["", "+4930123456", "100"]),
    called=st.sampled_from(["200", "+49309"]),
    peer=st.sampled_from(["", "+4930123456"]),
    wall_ms=st.integers(1_704_067_200_000, 2_208_988_800_000),  # 2024 to 2039
    rows=st.sampled_from([{}, {"vip": Row()}, {"vip": Row(True, {"customer_type": Private("vip")})}]),
)


@settings(max_examples=150, deadline=None)
@given(st.data(), FACTS, st.lists(STEPS, max_size=60), st.booleans())
def test_every_menu_ends(menus: list[Menu], data: st.DataObject, facts: Facts, steps: list[str], ours: bool) -> None:
    menu = data.draw(st.sampled_from(menus))
    caller = Caller(menu, data)
    caller.give(Started(ours, facts))
    for step in steps:
        if caller.run.state != "over":
            caller.step(step)
    # From here on the caller says nothing more. It hears prompts, its time runs out, and the call ends.
    for _ in range(3 * menu.limits.nodes):
        if caller.run.state == "over":
            break
        caller.wait()
    assert caller.run.state == "over"
    assert caller.now < DAY_MS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(menu), type=Menu) == menu


@pytest.mark.parametrize(("caller", "node"), [("+4930123456", "secret"), ("100", "account")])
def test_what_was_withheld_decides_the_same_when_replayed(menus: list[Menu], caller: str, node: str) -> None:
    """A key pressed while it is not known which gather it is for is withheld, also from one that is not sensitive."""
    walk = Caller(menus[0], None)
    walk.give(Started(False, Facts(caller=caller)))
    while walk.run.node != "main":
        walk.wait()
    for step in ("1", "2", "4", "wait"):
        walk.step(step)
    assert walk.run.node == node
    for step in ("2", "wait", "wait", "1", "crash", "wait", "wait", "2"):
        walk.step(step)
    assert walk.run.attributes.get("account", "") == ""


def test_a_caller_who_presses_for_ever_is_ended_by_the_limits(menus: list[Menu]) -> None:
    for menu in menus:
        run = MenuRun(menu)
        now = 0
        run.handle(Started(), now)
        for press in range(200_000):
            if run.state == "over":
                break
            now += 400
            deadline = run.deadline
            if run.state in {"transfer", "pressing"}:
                run.handle(TransferEnded("busy") if run.state == "transfer" else DigitsGone(), now)
            elif deadline is not None and deadline.at_ms <= now:
                run.handle(TimeUp(), now)
            else:
                run.handle(Digit("0123456789*#"[press * 7 % 12]), now)
        assert run.state == "over"
