"""Random callers: every menu ends, whatever is pressed, kept silent or hung up on, and a replay decides the same."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.errors import Findings
from edge.config.menus import MenuCompiler
from edge.config.site import Paths
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.words import Digit, DigitsGone, QueueClosed, Started, TimeUp, TransferEnded
from tests.config.menus import EVERYTHING, SUBMENU, site_of_everything
from tests.core.menus.chance import KEYS, Caller, facts_of
from tests.support.shipped import shipped_menus

#: Walks of one run of the tests; `edge bench menus` makes a hundred thousand.
WALKS = 300


def compiled(path: Path, folder: Path) -> Menu:
    findings = Findings()
    paths = Paths(state=str(folder / "state"), prompts=str(path.parent.parent / "prompts"), menus=str(path.parent))
    site = site_of_everything(paths)
    menu = MenuCompiler(site, findings, []).compile_file(path)
    assert menu is not None, findings.errors
    return menu


@pytest.fixture(scope="module")
def menus(tmp_path_factory: pytest.TempPathFactory) -> list[Menu]:
    """All menus that are shipped, and one with every kind of node."""
    folder = tmp_path_factory.mktemp("menus")
    (folder / "every.yaml").write_text(EVERYTHING)
    (folder / "ask.yaml").write_text(SUBMENU)
    return [compiled(folder / "every.yaml", folder), *shipped_menus(folder / "state").values()]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.randoms(use_true_random=False), st.integers(0, 60), st.booleans())
def test_every_menu_ends(menus: list[Menu], data: st.DataObject, chance: Random, steps: int, ours: bool) -> None:
    menu = data.draw(st.sampled_from(menus))
    caller = Caller(menu, chance)
    caller.begin(facts_of(menu, chance), ours=ours)
    caller.walk(steps)


def test_many_callers_come_through_what_is_shipped(menus: list[Menu], seed: int) -> None:
    chance = Random(seed)
    entered: dict[str, set[str]] = {}
    for number in range(WALKS):
        menu = menus[number % len(menus)]
        caller = Caller(menu, chance)
        caller.begin(facts_of(menu, chance), ours=chance.random() < 0.2)
        caller.walk(chance.randrange(80))
        entered.setdefault(menu.name, set()).update(caller.entered)
    assert all(len(nodes) > 3 for nodes in entered.values()), entered


def test_a_menu_is_the_same_when_it_was_stored(menus: list[Menu]) -> None:
    for menu in menus:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(menu), type=Menu) == menu


@pytest.mark.parametrize(("caller", "node"), [("+4930123456", "secret"), ("100", "account")])
def test_what_was_withheld_decides_the_same_when_replayed(menus: list[Menu], caller: str, node: str) -> None:
    """A key pressed while it is not known which gather it is for is withheld, also from one that is not sensitive."""
    walk = Caller(menus[0], Random(1))
    walk.begin(Facts(caller=caller))
    while walk.run.node != "main":
        walk.wait()
    quickly(walk, "1", "2", "4", "wait")
    assert walk.run.node == node
    quickly(walk, "2", "wait", "wait", "1", "crash", "wait", "wait", "2")
    assert walk.run.attributes.get("account", "") == ""


def quickly(walk: Caller, *steps: str) -> None:
    """Press keys before anything happens that takes time."""
    for step in steps:
        if step in KEYS:
            walk.now += 200
            walk.give(Digit(step))
        else:
            walk.step(step)


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
            if run.state == "queueing":
                run.handle(QueueClosed("timed_out"), now)
            elif run.state in {"transfer", "pressing"}:
                run.handle(TransferEnded("busy") if run.state == "transfer" else DigitsGone(), now)
            elif deadline is not None and deadline.at_ms <= now:
                run.handle(TimeUp(), now)
            else:
                run.handle(Digit("0123456789*#"[press * 7 % 12]), now)
        assert run.state == "over"
