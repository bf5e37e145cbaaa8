"""What menus cost: a large one compiled and its tests run, and simulated calls a minute of one core.

Callers are driven by a seeded chance: they press what they like, are silent, and are connected with somebody or not;
time is virtual, so what is measured is the interpreter alone. CPU time of this process counts, so other load does not.

Others walk through all menus that are shipped, in a world that answers with anything: whether they come out again is
no matter of cost, but takes more walks than tests have time for.
"""

import contextlib
import io
import random
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.cli import main
from edge.config.errors import Findings
from edge.config.menus import MenuCompiler
from edge.config.site import Paths
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.run import MenuRun
from edge.core.menus.words import Dial as DialAction
from edge.core.menus.words import (
    Digit,
    DigitsGone,
    JoinQueue,
    MenuInput,
    MessageMade,
    PlayDone,
    PlaySounds,
    PressKeys,
    QueueClosed,
    RecordMessage,
    Started,
    TimeUp,
    TransferEnded,
)
from tests.config.menus import EVERYTHING, SUBMENU, site_of_everything
from tests.core.menus.chance import Caller, facts_of
from tests.support.shipped import shipped_menus

SEED = 20261122
NODES = 500
#: Tests of the large menu, as `edge menu test` runs them, and what each caller presses.
TESTS = 200
PRESSES = 8
CALLS = 20_000
WALKS = 100_000
#: 11 November 2026, a Wednesday, 09:00 UTC.
NOON_MS = 1_794_387_600_000
_DAY_MS = 24 * 3_600_000


class Walked(NamedTuple):
    """One simulated call."""

    inputs: int
    nodes: int
    virtual_ms: int


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = large_site(folder / "large")
        rounds = 1 if quick else 5
        compiling = min(_cpu(lambda: compiled(site.parent / "menus/large.yaml", site.parent)) for _ in range(rounds))
        emit("menu_compile_500_nodes", round(compiling, 3), "s of CPU")
        tested = min(_cpu(lambda: _test(site)) for _ in range(rounds))
        emit("menu_compile_500_nodes_and_200_tests", round(tested, 3), "s of CPU", seed=SEED)
        (folder / "every.yaml").write_text(EVERYTHING)
        (folder / "ask.yaml").write_text(SUBMENU)
        every = compiled(folder / "every.yaml", folder)
        shipped = {"every": every, **shipped_menus(folder / "state")}
    _simulate(emit, every, 500 if quick else CALLS)
    _walk_shipped(emit, shipped, 50 if quick else WALKS)


def _cpu(work: Callable[[], object]) -> float:
    """Measure seconds of CPU."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _test(site: Path) -> None:
    """Run the tests of a site as its command does."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["menu", "test", "--config", str(site)])
    if code or f"{TESTS} passed" not in said.getvalue():
        raise RuntimeError(said.getvalue()[:2000])


def _simulate(emit: Callable[..., None], menu: Menu, calls: int) -> None:
    chance = random.Random(SEED)
    begun = time.process_time()
    walked = [walk(menu, chance, number) for number in range(calls)]
    seconds = time.process_time() - begun
    emit("menu_calls_a_minute", round(60 * calls / seconds), "calls/min of one core", seed=SEED)
    emit("menu_inputs_a_call", round(sum(one.inputs for one in walked) / calls, 1), "inputs")
    emit("menu_nodes_a_call", round(sum(one.nodes for one in walked) / calls, 1), "nodes")
    emit("menu_time_simulated", round(sum(one.virtual_ms for one in walked) / 3_600_000), "hours")


def _walk_shipped(emit: Callable[..., None], menus: dict[str, Menu], walks: int) -> None:
    """Let callers do anything in all menus; a walk that fails is told with its seed, which alone repeats it."""
    names = sorted(menus)
    entered: dict[str, set[str]] = {name: set() for name in names}
    failed: list[str] = []
    for number in range(walks):
        name, chance = names[number % len(names)], random.Random(SEED + number)
        caller = Caller(menus[name], chance)
        try:
            caller.begin(facts_of(menus[name], chance), ours=chance.random() < 0.2)
            caller.walk(chance.randrange(80))
        except Exception as error:  # whatever it is, it is a fault of the menu's run
            failed.append(f"{name}, seed {SEED + number}: {type(error).__name__} {str(error)[:200]}")
        entered[name] |= caller.entered
    nodes = sum(len(menu.nodes) for menu in menus.values())
    emit("menu_walks", walks, "walks", menus=len(names), seed=SEED)
    emit("menu_walks_failed", len(failed), "walks", failed=failed[:10])
    emit("menu_walks_nodes_reached", round(100 * sum(map(len, entered.values())) / nodes, 1), "%")


def compiled(path: Path, folder: Path) -> Menu:
    """Compile a file, whose prompts are below `folder`, without a fault."""
    findings = Findings()
    paths = Paths(state=str(folder / "state"), prompts=str(folder / "prompts"), menus=str(path.parent))
    site = site_of_everything(paths)
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
            elif isinstance(action, PressKeys | RecordMessage | JoinQueue):
                waiting.append(_ended(action, chance))
            elif isinstance(action, DialAction):
                waiting.append(TransferEnded(chance.choice(["", "busy", "no_answer"])))
                now += 20_000
        if run.state in {"playing", "beeping", "telling"} and not waiting:
            waiting.append(PlayDone())
        if now > _DAY_MS:
            raise RuntimeError(f"a call does not end, at {run.node}")
    return Walked(inputs, len(run.path), now)


def _ended(action: PressKeys | RecordMessage | JoinQueue, chance: random.Random) -> MenuInput:
    """Tell that all keys are out, what the caller has said, or that nobody in the queue had time."""
    if isinstance(action, PressKeys):
        return DigitsGone()
    if isinstance(action, JoinQueue):
        return QueueClosed("timed_out")
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


def large_site(folder: Path) -> Path:
    """Write a site with the large menu and its tests; returns its site file."""
    (folder / "menus").mkdir(parents=True)
    _prompt(folder / "prompts/en/welcome.wav")
    (folder / "menus/large.yaml").write_text(large(NODES))
    (folder / "menus/large.test.yaml").write_text(tests_of_large(NODES, TESTS))
    site = folder / "site.toml"
    site.write_text(
        'name = "large"\n[paths]\nstate = "state"\nrecordings = "state/recordings"\nmenus = "menus"\n'
        'prompts = "prompts"\n[[trunks]]\nname = "here"\nsources = ["127.0.0.0/8"]\n'
        '[[routes]]\nnumber = "*"\nmenu = "large"\n'
    )
    return site


def tests_of_large(nodes: int, tests: int) -> str:
    """Write tests of the large menu: callers who press what chance wants, each node on the way looked for."""
    chance = random.Random(SEED)
    lines = ["version: 1", "tests:"]
    for number in range(tests):
        begins = chance.randrange(10)
        lines += [f"  - name: Caller {number}", f'    caller: "+49{begins}1234567"', "    steps:"]
        at, presses, visits = 0, 0, ""
        while presses <= PRESSES:
            lines.append(f"      - at: n{at}")
            follows = [(at + 1) % (nodes - 1), (at * 7 + 3) % (nodes - 1)]
            match at % 4:
                case 3:
                    at = follows[at % 10 == begins]
                case 2:
                    visits, at = str(at), follows[0]
                case _:
                    key = chance.randrange(2) if presses < PRESSES else 2
                    if visits:
                        lines.append(f'      - set: {{visits: "{visits}"}}')
                    lines += ["      - hear: welcome", f"      - press: {key + 1}"]
                    at, presses = follows[min(key, 1)], presses + 1
        lines.append("      - end: true")
    return "\n".join([*lines, ""])


def _prompt(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
