"""`edge menu test`: the tests beside the menus, run in virtual time, or as real calls."""

import time
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import Struct

from edge.cli.menu_candidates import Candidates
from edge.cli.menu_results import Result, Tested, junit, print_tested, sum_up
from edge.cli.output import BAD, FINE, USAGE, complain
from edge.cli.site import (
    BadSiteError,
    ConfigOption,
    DemoOption,
    JsonOption,
    UsageError,
    failed,
    inspect_site,
    site_faults,
)
from edge.config.errors import Findings, did_you_mean
from edge.config.loader import Inspection
from edge.config.menu_files import TESTS_ENDING
from edge.config.menu_tests import MenuTest, read_tests
from edge.config.menus import MenuCompiler
from edge.config.site import Site
from edge.core.menus.expectations import follow
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.parts import Sound
from edge.core.menus.rehearsal import Rehearsal
from edge.core.menus.rehearsed_world import World

#: A text that was not spoken yet: people say about 14 characters a second.
_CHARACTER_MS = 70


class Calling(Struct, frozen=True, kw_only=True):
    """How tests are run as calls."""

    #: SIP URI that is called; None: an appliance of its own.
    to: str | None
    #: Calls at once.
    jobs: int
    #: Where what was heard in calls that went wrong is kept; None: in a folder of its own.
    heard: Path | None
    #: Tests whose steps wait for more seconds are not run.
    longest_s: int


def run_tests(
    *names: Annotated[str, Parameter(help="Menus, or files of tests; none: all of the site.")],
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
    junit_file: Annotated[Path | None, Parameter(name="--junit", help="Write the results as JUnit XML, too.")] = None,
    call: Annotated[bool, Parameter(negative=(), help="Run them as real calls, in real time.")] = False,
    to: Annotated[
        str | None, Parameter(help="With --call: SIP URI to call, in place of an appliance of its own.")
    ] = None,
    jobs: Annotated[int, Parameter(help="With --call: calls at once.")] = 4,
    heard: Annotated[
        Path | None, Parameter(help="With --call: folder for what was heard in calls that went wrong.")
    ] = None,
    longest: Annotated[
        int, Parameter(help="With --call: tests whose steps wait for more seconds than this are not run.")
    ] = 300,
) -> int:
    """Run the tests that stand beside menus (NAME.test.yaml), in virtual time. Exit code 1: one failed.

    The interpreter is the one that calls run on; time, targets, backends and tables are what the test says. With
    --call each test is a call by SIP, and prompts are recognised by what is heard.
    """
    if (to is not None and not call) or not 1 <= jobs <= 50:
        complain("--to needs --call, and --jobs is from 1 to 50")
        return USAGE
    try:
        calling = Calling(to=to, jobs=jobs, heard=heard, longest_s=longest)
        results = _called(names, config, demo, calling) if call else _virtual(names, config, demo)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    for one in results:
        print_tested(one, json=json)
    run = sum(len(one.results) - one.skipped for one in results)
    misses = sum(one.failed for one in results)
    if junit_file is not None:
        try:
            junit_file.write_bytes(junit(results))
        except OSError as error:
            complain(f"{junit_file}: {error.strerror}")
            return BAD
    if not json:
        complain(f"{run} tests: {misses} failed")
    return BAD if misses or not run else FINE


def _virtual(names: tuple[str, ...], config: Path | None, demo: bool) -> list[Tested]:
    found = inspect_site(config, demo=demo, menus=False, spare_secrets=True)
    return [_run(file, found) for file in test_files(names, found)]


def _called(names: tuple[str, ...], config: Path | None, demo: bool, calling: Calling) -> list[Tested]:
    from edge.cli.menu_call import call_all

    return call_all(names, config, calling, demo=demo)


def test_files(names: tuple[str, ...], found: Inspection) -> list[Path]:
    """Find files of tests. Raises `UsageError` when there are none."""
    folder = Path(found.site.paths.menus)
    if not names:
        files = sorted(folder.glob(f"*{TESTS_ENDING}"))
        if not files:
            raise UsageError(f"there are no tests ({folder}/*{TESTS_ENDING})")
        return files
    files = [Path(name) if name.endswith(TESTS_ENDING) else folder / f"{name}{TESTS_ENDING}" for name in names]
    for name, file in zip(names, files, strict=True):
        if not file.is_file():
            known = [other.name.removesuffix(TESTS_ENDING) for other in folder.glob(f"*{TESTS_ENDING}")]
            advice = did_you_mean(name, known)
            raise UsageError(f"there are no tests of '{name}' ({advice or file})")
    return files


def compiled_tests(
    file: Path, found: Inspection, state: Path | None = None
) -> tuple[Menu, list[MenuTest], MenuCompiler]:
    """Compile the menu that a file of tests stands beside, and read it. Raises `BadSiteError` for faults in them.

    `state` is the folder in which versions of menus are kept; None: that of the site.
    """
    findings = Findings()
    menu_file = file.with_name(file.name.removesuffix(TESTS_ENDING) + ".yaml")
    compiler = MenuCompiler(found.site, findings, [])
    menu = compiler.compile_file(menu_file)
    tests = []
    if menu is not None:
        candidates = Candidates(menu, found.site, compiler, state or Path(found.site.paths.state))
        tests = read_tests(file, menu, findings, candidates.of)
    faults = findings.errors or site_faults(found)
    if faults or menu is None:
        raise BadSiteError(faults)
    return menu, tests, compiler


def _run(file: Path, found: Inspection) -> Tested:
    """Run a file of tests in virtual time. Raises `BadSiteError` for faults in it or in its menu."""
    menu, tests, _ = compiled_tests(file, found)
    results: list[Result] = []
    moves: set[tuple[str, str]] = set()
    for one in tests:
        began = time.perf_counter()
        facts = Facts(
            caller=one.source.caller,
            called=one.source.called,
            peer=one.source.caller,
            wall_ms=one.menu.zone.wall_ms(one.local),
            rows=one.rows,
            country=one.source.country or usual_country(found.site),
        )
        world = World(
            length_ms=length_ms,
            outcome_of=one.outcome_of,
            answer_of=one.answer_of,
            queue_of=partial(one.queue_of, site=found.site),
            answered=one.answered,
            records=one.source.records,
            full=one.source.full,
        )
        call = Rehearsal(one.menu, facts, world)
        miss = follow(one.steps, call)
        moves |= call.moves if one.menu is menu else set()
        took = time.perf_counter() - began
        results.append(Result(file=file, test=one, miss=miss, lines=call.lines, seconds=took))
    return sum_up(menu, file, results, moves)


def usual_country(site: Site) -> str:
    """Return the country of calls that do not say by which trunk they come."""
    return next((trunk.country for trunk in site.trunks if trunk.country), "")


def length_ms(sound: Sound) -> int:
    """Return how long a sound is heard."""
    return _file_ms(sound.path) or _CHARACTER_MS * max(1, len(sound.label))


@cache
def _file_ms(path: str) -> int:
    import soundfile

    try:
        about = soundfile.info(path)
    except (OSError, RuntimeError):  # a text that was not spoken yet
        return 0
    return round(1000 * about.frames / about.samplerate)
