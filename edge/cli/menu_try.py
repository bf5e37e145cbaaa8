"""`edge menu try`: walk through a menu at the desk, in real time: what would be heard is printed, keys are typed."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from cyclopts import Parameter

from edge.cli.menu_named import compiled_menu, rows_of
from edge.cli.menu_test import length_ms, usual_country
from edge.cli.output import FINE, USAGE, complain, console, printable
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, UsageError, failed, usable_site
from edge.config.menu_tests import USUAL, never_full
from edge.config.site import Site
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import BackendAnswer, FreeAgent, Line, QueueThere, World

KEYS: Final = "0123456789*#"
#: What comes of a transfer, by the key that is typed.
OUTCOMES: Final = {"a": "", "b": "busy", "n": "no_answer", "r": "rejected", "u": "unreachable", "v": "not_accepted"}
#: Typed while a message is recorded, it is a second of speech.
SPEAKS: Final = "s"
SPEAKS_MS: Final = 1000
HANG_UP: Final = "\x03\x04q"
_LOOK_S: Final = 0.05
#: How often a caller before this one is served in a queue.
_MOVES_MS: Final = 10_000


def try_menu(
    menu: Annotated[str, Parameter(help="Name of a menu of the site, or a menu file.")] = "",
    /,
    *,
    caller: Annotated[str, Parameter(help="Number that calls; '' hides it.")] = "+15550100",
    called: Annotated[str, Parameter(help="Number that is called.")] = "",
    at: Annotated[str | None, Parameter(help="Local time of the menu, such as 2026-12-24T17:30; none: now.")] = None,
    full: Annotated[
        list[str] | None, Parameter(negative=(), help="A mailbox that is full; may be given several times.")
    ] = None,
    audio: Annotated[bool, Parameter(negative=(), help="At the microphone and the speaker of this machine.")] = False,
    microphone: Annotated[
        str | None, Parameter(name="--input", help="With --audio: microphone, by its number or a part of its name.")
    ] = None,
    speaker: Annotated[str | None, Parameter(name="--output", help="With --audio: speaker, likewise.")] = None,
    devices: Annotated[bool, Parameter(negative=(), help="List microphones and speakers, nothing else.")] = False,
    config: ConfigOption = None,
    demo: DemoOption = False,
) -> int:
    """Walk through a menu in the terminal, on the interpreter of calls. q or Ctrl-C hangs up.

    Where the caller is recorded, s speaks for a second.
    What comes of each target that is dialled is asked (answered, busy, no answer, rejected, unreachable, its voicemail
    answered), what a backend says, too. With --audio it is a real call to an appliance of its own,
    heard and spoken at the desk.
    """
    if devices:
        from edge.cli.menu_audio import list_devices

        return list_devices()
    try:
        local = datetime.now() if at is None else datetime.fromisoformat(at)  # noqa: DTZ005 -- the menu has the zone
    except ValueError:
        complain(f"'{at}' is not a time such as {USUAL:%Y-%m-%dT%H:%M}")
        return USAGE
    try:
        if audio:
            from edge.cli.menu_audio import Sitting, try_aloud

            who = Sitting(
                caller=caller,
                called=called,
                local=local,
                full=full or [],
                microphone=microphone,
                speaker=speaker,
            )
            return try_aloud(menu, config, demo=demo, who=who)
        found = usable_site(config, demo=demo)
        compiled = compiled_menu(menu, found)
        check_full(full or [], compiled)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    rows = rows_of(caller, compiled, found)
    facts = Facts(
        caller=caller,
        called=called,
        peer=caller,
        wall_ms=compiled.zone.wall_ms(local),
        rows=rows,
        country=usual_country(found.site),
    )
    with keyboard():
        Desk(compiled, facts, found.site, full or []).run()
    return FINE


def check_full(mailboxes: Collection[str], menu: Menu) -> None:
    """Check that these can be full. Raises `UsageError`."""
    for name in mailboxes:
        fault, advice = never_full(name, menu)
        if fault:
            raise UsageError(f"{fault} ({advice})")


class Keyboard:
    """Gives what was typed, one key after the other."""

    def __init__(self) -> None:
        self._typed = ""

    def next(self) -> str:
        """Return a key, after a short while "" when there is none; the end of the input hangs up."""
        if not self._typed and select.select([sys.stdin], [], [], _LOOK_S)[0]:
            self._typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace") or HANG_UP[-1]
        key, self._typed = self._typed[:1], self._typed[1:]
        return key


class Desk:
    """One call, in real time. Time stands still while a question waits for its answer."""

    def __init__(self, menu: Menu, facts: Facts, site: Site, full: Collection[str] = ()) -> None:
        self._keys = Keyboard()
        self._shown = 0
        self._stood_s = 0.0
        self._began = time.monotonic()
        self._hung_up = False
        self._call: Rehearsal | None = None
        world = World(
            length_ms=length_ms,
            outcome_of=self._outcome,
            answer_of=self._answer,
            queue_of=partial(queue_there, site=site),
            full=full,
        )
        self._call = Rehearsal(menu, facts, world)

    def run(self) -> None:
        """Go on until the menu ends the call, or the caller does."""
        call = self._call
        while call is not None:
            call.pass_time(max(0, self._elapsed_ms() - call.now_ms))
            self._show(call)
            if call.over or self._hung_up:
                break
            key = self._keys.next()
            if key and key in HANG_UP:
                self._hung_up = True
            elif key and key in KEYS:
                call.press(key)
            elif key == SPEAKS:
                call.speak(SPEAKS_MS)
        console().print("the caller hangs up" if self._hung_up else "the call is over", style="bold")

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began - self._stood_s) * 1000)

    def _show(self, call: Rehearsal) -> None:
        for line in call.lines[self._shown :]:
            console().print(words(line), markup=False, soft_wrap=True)
        self._shown = len(call.lines)

    def _asked(self, question: str, answers: str) -> str:
        """Ask a person; "" when the caller has hung up meanwhile."""
        began = time.monotonic()
        if self._call is not None:
            self._show(self._call)
        console().print(f"          ? {question}", markup=False, style="bold")
        try:
            while True:
                key = self._keys.next().lower()
                if key and key in HANG_UP:
                    self._hung_up = True
                    return ""
                if key and key in answers:
                    return key
        finally:
            self._stood_s += time.monotonic() - began

    def _outcome(self, target: str) -> str:
        return outcome_key(target, self._asked)

    def _answer(self, endpoint: str) -> BackendAnswer:
        return answer_key(endpoint, self._asked)


def outcome_key(target: str, ask: Callable[[str, str], str]) -> str:
    """Ask what comes of a transfer; `ask` takes a question and the keys that answer it, and returns one of them."""
    question = f"{printable(target)}: [a]nswers, [b]usy, [n]o answer, [r]ejects, [u]nreachable, [v]oicemail"
    return OUTCOMES.get(ask(question, "".join(OUTCOMES)), "failed")


def answer_key(endpoint: str, ask: Callable[[str, str], str]) -> BackendAnswer:
    """Ask what a backend says."""
    key = ask(f"{printable(endpoint)}: [y] says nothing special, [f]ails, says nothing in [t]ime", "yft")
    return BackendAnswer(outcome="ok" if key == "y" else "timeout" if key == "t" else "failed")


def queue_there(name: str, site: Site) -> QueueThere:
    """Let two callers be before this one, and an agent have time when they are gone."""
    known = next((one for one in site.queues if one.name == name), None)
    targets = {agent.name: agent.target for agent in site.agents}
    first = targets.get(known.agents[0].agent, "") if known is not None and known.agents else ""
    agents = [FreeAgent(after_ms=3 * _MOVES_MS, target=first or f"an agent of {name}")]
    return QueueThere(ahead=2, moves_ms=_MOVES_MS, agents=agents)


def words(line: Line) -> str:
    """Show something that happened."""
    said = (
        f"{line.what:<9} {line.text[line.known :].strip()}"
        if line.what != "enter"
        else f"--------- {line.node} ({line.text})"
    )
    return printable(f"{line.at_ms / 1000:8.1f}s  {said}".rstrip())


@contextlib.contextmanager
def keyboard() -> Iterator[None]:
    """Have each key at once, and not shown, where there is a terminal."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    except KeyboardInterrupt:
        console().print("the caller hangs up", style="bold")
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
