"""What menus cost: a large one compiled and walked through, and simulated calls a minute of one core.

Callers are driven by a seeded chance: they press what they like, are silent, and are connected with somebody or not;
time is virtual, so what is measured is the interpreter alone. CPU time of this process counts, so other load does not.
"""

import random
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.config.errors import Findings
from edge.config.mailboxes import Mailbox
from edge.config.menus import MenuCompiler
from edge.config.site import Paths, Site
from edge.config.tables import Table
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.words import Dial as DialAction
from edge.core.menus.words import (
    Digit,
    DigitsGone,
    MenuInput,
    MessageMade,
    PlayDone,
    PlaySounds,
    PressKeys,
    RecordMessage,
    Started,
    TimeUp,
    TransferEnded,
)
from tests.config.menus import EVERYTHING, SUBMENU

SEED = 20261122
NODES = 500
WALKS = 200
CALLS = 20_000
#: 11 November 2026, a Wednesday, 09:00 UTC.
NOON_MS = 1_794_387_600_000
_DAY_MS = 24 * 3_600_000


class Walked(NamedTuple):
    """One simulated call."""

    inputs: int
    nodes: int
    virtual_ms: int


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prompt(folder / "prompts/en/welcome.wav")
        (folder / "large.yaml").write_text(large(NODES))
        times = [_compile_and_walk(folder / "large.yaml") for _ in range(1 if quick else 5)]
        emit("menu_compile_500_nodes", round(min(one[0] for one in times), 3), "s of CPU")
        emit("menu_compile_500_nodes_and_200_walks", round(min(sum(one) for one in times), 3), "s of CPU")
        (folder / "every.yaml").write_text(EVERYTHING)
        (folder / "ask.yaml").write_text(SUBMENU)
        menu = compiled(folder / "every.yaml")
    calls = 500 if quick else CALLS
    chance = random.Random(SEED)
    begun = time.process_time()
    walked = [walk(menu, chance, number) for number in range(calls)]
    seconds = time.process_time() - begun
    emit("menu_calls_a_minute", round(60 * calls / seconds), "calls/min of one core", seed=SEED)
    emit("menu_inputs_a_call", round(sum(one.inputs for one in walked) / calls, 1), "inputs")
    emit("menu_nodes_a_call", round(sum(one.nodes for one in walked) / calls, 1), "nodes")
    emit("menu_time_simulated", round(sum(one.virtual_ms for one in walked) / 3_600_000), "hours")


def _compile_and_walk(path: Path) -> tuple[float, float]:
    """Compile a menu and let `WALKS` callers walk through; seconds of CPU of both."""
    begun = time.process_time()
    menu = compiled(path)
    between = time.process_time()
    chance = random.Random(SEED)
    for number in range(WALKS):
        walk(menu, chance, number)
    return between - begun, time.process_time() - between


def compiled(path: Path) -> Menu:
    """Compile a file without a fault."""
    findings = Findings()
    folder = path.parent
    paths = Paths(state=str(folder / "state"), prompts=str(folder / "prompts"))
    site = Site(
        name="bench",
        paths=paths,
        tables=[Table(name="vip", file="vip.csv")],
        mailboxes=[Mailbox(name="desk", review=True)],
    )
    menu = MenuCompiler(site, findings, []).compile_file(path)
    if menu is None:
        raise RuntimeError(f"{path.name}: {findings.errors[0]}")
    return menu


def walk(menu: Menu, chance: random.Random, number: int) -> Walked:
    """Let one caller walk through until the call ends."""
    run, now, inputs = MenuRun(menu), 0, 0
    facts = Facts(caller=f"+4930{number:07d}", called="200", wall_ms=NOON_MS + number * 60_000)
    waiting: list[MenuInput] = [Started(False, facts)]
    while run.state != "over":
        if waiting:
            told = waiting.pop(0)
        elif chance.random() < 0.6 or run.deadline is None:
            told = Digit(chance.choice("0123456789*#"))
            now += 700
        else:
            told = TimeUp()
            now = max(now, run.deadline.at_ms)
        inputs += 1
        for action in run.handle(told, now):
            if isinstance(action, PlaySounds) and chance.random() < 0.5:
                waiting.append(PlayDone())  # the others are interrupted, where they can be
                now += 3000
            elif isinstance(action, PressKeys | RecordMessage):
                waiting.append(_ended(action, chance))
            elif isinstance(action, DialAction):
                waiting.append(TransferEnded(chance.choice(["", "busy", "no_answer"])))
                now += 20_000
        if run.state in {"playing", "beeping", "telling"} and not waiting:
            waiting.append(PlayDone())
        if now > _DAY_MS:
            raise RuntimeError(f"a call does not end, at {run.node}")
    return Walked(inputs, len(run.path), now)


def _ended(action: PressKeys | RecordMessage, chance: random.Random) -> MenuInput:
    """Tell that all keys are out, or what the caller has said."""
    if isinstance(action, PressKeys):
        return DigitsGone()
    return MessageMade(number=action.number, message="m", length_ms=chance.choice([0, 5000]), path="/m.wav")


def large(nodes: int) -> str:
    """Write a menu of so many nodes, gathers that lead to each other and to texts of all kinds of ways."""
    lines = ["version: 1", "start: n0", "limits: {nodes: 100}", "attributes: {visits: number}", "nodes:"]
    for number in range(nodes - 1):
        lines.append(f"  n{number}:")
        follows = [(number + 1) % (nodes - 1), (number * 7 + 3) % (nodes - 1)]
        match number % 4:
            case 3:
                lines += ["    when:", f"    - {{value: caller, begins: '+49{number % 10}', next: n{follows[1]}}}"]
                lines += [f"    - {{value: time, least: '09:00', next: n{follows[0]}}}", "    otherwise: end"]
            case 2:
                lines += [f"    set: {{visits: {number}}}", f"    next: n{follows[0]}"]
            case _:
                lines += ["    gather: {greet_long: welcome, no_input: welcome, max_failures: 2}"]
                lines += [f"    choices: {{1: n{follows[0]}, 2: n{follows[1]}, 3: end}}", "    failed: end"]
    return "\n".join([*lines, "  end:", "    hang_up:", ""])


def _prompt(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
