"""Commands that pages show, and that messages advise, are there, with those options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App, CycloptsError

from edge.cli import build
from tests.docs.pages import PAGES, ROOT

SOURCES = [
    path
    for folder in ("edge", "dsp", "firmware_profiles", "dialing_rules", "hw_tests", "packaging", "systemd")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".toml", ".yaml", ".service", ".timer", ".conf"}
]
BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
IN_BLOCK = re.compile(r"\s*(?:\$ )?(?:sudo )?(?:[\w/.]*/)?edge (.*)")
#: A word of prose: `edge trunk list|show` names two commands, `edge menu ...` a group.
IN_PROSE = re.compile(r"`(?:sudo )?(?:[\w/.]*/)?edge ([^`]+)`")


def shown(page: Path) -> Iterator[str]:
    """Commands in the code of a page, without comment, pipe and redirection."""
    for block in BLOCK.findall(page.read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if found := IN_BLOCK.match(line):
                yield re.split(r"\s+#|\s+[|>&;]+\s", found[1])[0]


def named(path: Path) -> Iterator[str]:
    """Commands in running text; where there is a choice, each."""
    for text in IN_PROSE.findall(BLOCK.sub("", path.read_text("utf-8"))):
        words = [word for word in text.split() if word != "..."]
        choices = next((word.split("|") for word in words if re.fullmatch(r"[a-z_]+(\|[a-z_]+)+", word)), [""])
        for choice in choices:
            yield " ".join(choice if choice and choice in word.split("|") else word for word in words)


def fault(app: App, command: str) -> str:
    """Say what is wrong with a command whose arguments need not be whole; empty: nothing."""
    _, apps, rest = app.parse_commands(shlex.split(command))
    last = apps[-1]
    if last.default_command is None:
        return f"no such command: {rest[0]}" if rest and not rest[0].startswith("-") else ""
    names = {name for argument in last.assemble_argument_collection() for name in argument.names}
    options = {word.partition("=")[0] for word in rest if word.startswith("--")}
    return ", ".join(sorted(f"no such option: {one}" for one in options - names - {"--help", "--version"}))


@pytest.fixture(scope="module")
def app() -> App:
    return build()


def test_the_commands_of_examples_can_be_given_as_they_stand(app: App) -> None:
    count, faults = 0, []
    for page in PAGES:
        for command in shown(page):
            count += 1
            try:
                app.parse_args(shlex.split(command), exit_on_error=False, print_error=False)
            except CycloptsError as error:
                faults.append(f"{page.relative_to(ROOT)}: edge {command}: {error}")
    assert faults == []
    assert count > 50


def test_the_commands_that_texts_name_are_there(app: App) -> None:
    found = [(path, command) for path in [*PAGES, *SOURCES] for command in named(path)]
    told = [
        f"{path.relative_to(ROOT)}: edge {command}: {wrong}"
        for path, command in found
        if (wrong := fault(app, command))
    ]
    assert told == []
    assert len(found) > 300


@pytest.mark.parametrize("command", ["trunk lst", "nonsense", "check --demmo", "calls show X --median"])
def test_what_is_not_there_is_noticed(app: App, command: str) -> None:
    assert fault(app, command)
