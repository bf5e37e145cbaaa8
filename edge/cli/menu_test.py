"""`edge menu test`: the tests beside the menus, run in virtual time."""

import time
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import Struct

from edge.cli.events import failed
from edge.cli.output import BAD, FINE, complain, print_json, printable
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, UsageError, inspect_site, site_faults
from edge.config.errors import Findings, Place, did_you_mean
from edge.config.loader import Inspection
from edge.config.menu_files import TESTS_ENDING
from edge.config.menu_tests import MenuTest, read_tests
from edge.config.menus import MenuCompiler
from edge.config.site import Site
from edge.core.menus.expectations import Miss, follow
from edge.core.menus.facts import Facts
from edge.core.menus.model import Menu
from edge.core.menus.parts import Sound
from edge.core.menus.rehearsal import Line, Rehearsal, World
from edge.core.menus.ways import ways_of

#: A text that was not spoken yet: people say about 14 characters a second.
_CHARACTER_MS = 70
#: Lines shown of a call that went wrong.
_SHOWN = 40


class Result(Struct, kw_only=True):
    """What came of a test."""

    file: Path
    test: MenuTest
    miss: Miss | None
    lines: list[Line]
    seconds: float


class Tested(Struct, kw_only=True):
    """What came of the tests of a menu."""

    menu: Menu
    file: Path
    results: list[Result]
    #: Nodes that no test came to, and ways that none went.
    nodes_missed: list[str]
    ways_missed: list[tuple[str, str]]


def run_tests(
    *names: Annotated[str, Parameter(help="Menus, or files of tests; none: all of the site.")],
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
    junit: Annotated[Path | None, Parameter(help="Write the results as JUnit XML, too.")] = None,
) -> int:
    """Run the tests that stand beside menus (NAME.test.yaml), in virtual time. Exit code 1: one failed.

    The interpreter is the one that calls run on; time, targets, backends and tables are what the test says.
    """
    try:
        found = inspect_site(config, demo=demo, menus=False)
        files = _files(names, found)
        tested = [_run(file, found) for file in files]
    except (UsageError, BadSiteError) as error:
        return failed(error)
    for one in tested:
        _print(one, json=json)
    results = [result for one in tested for result in one.results]
    misses = sum(result.miss is not None for result in results)
    if junit is not None:
        try:
            junit.write_bytes(_junit(tested))
        except OSError as error:
            complain(f"{junit}: {error.strerror}")
            return BAD
    if not json:
        complain(f"{len(results)} tests: {misses} failed")
    return BAD if misses or not results else FINE


def _files(names: tuple[str, ...], found: Inspection) -> list[Path]:
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


def _run(file: Path, found: Inspection) -> Tested:
    """Run a file of tests. Raises `BadSiteError` for faults in it or in its menu."""
    findings = Findings()
    menu_file = file.with_name(file.name.removesuffix(TESTS_ENDING) + ".yaml")
    menu = MenuCompiler(found.site, findings, []).compile_file(menu_file)
    tests = read_tests(file, menu, findings) if menu is not None else []
    faults = findings.errors or site_faults(found)
    if faults or menu is None:
        raise BadSiteError(faults)
    results: list[Result] = []
    moves: set[tuple[str, str]] = set()
    for one in tests:
        began = time.perf_counter()
        facts = Facts(
            caller=one.source.caller,
            called=one.source.called,
            peer=one.source.caller,
            wall_ms=menu.zone.wall_ms(one.local),
            rows=one.rows,
            country=one.source.country or usual_country(found.site),
        )
        world = World(
            length_ms=length_ms,
            outcome_of=one.outcome_of,
            answer_of=one.answer_of,
            answered=one.answered,
            records=one.source.records,
        )
        call = Rehearsal(menu, facts, world)
        miss = follow(one.steps, call)
        moves |= call.moves
        took = time.perf_counter() - began
        results.append(Result(file=file, test=one, miss=miss, lines=call.lines, seconds=took))
    entered = {node for _, node in moves}
    ways = [(name, target) for name, node in menu.nodes.items() for target in ways_of(node)]
    return Tested(
        menu=menu,
        file=file,
        results=results,
        nodes_missed=[name for name in menu.nodes if name not in entered],
        ways_missed=[way for way in ways if way not in moves],
    )


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


# --- what is told -----------------------------------------------------------------------------------------------------


def _print(tested: Tested, *, json: bool) -> None:
    for result in tested.results:
        if json:
            place = _place(result)
            print_json(
                {
                    "file": place.file,
                    "line": place.line,
                    "menu": tested.menu.name,
                    "version": tested.menu.version,
                    "test": result.test.name,
                    "passed": result.miss is None,
                    "message": result.miss.message if result.miss else "",
                    "seconds": round(result.seconds, 6),
                }
            )
        elif result.miss is not None:
            print(printable(f"{_place(result)}: {result.test.name}: {result.miss.message}"))
            for line in shown(result.lines):
                print(printable(line))
    if json:
        missed = {"nodes_missed": tested.nodes_missed, "ways_missed": tested.ways_missed}
        print_json({"file": str(tested.file), "menu": tested.menu.name, "nodes": len(tested.menu.nodes), **missed})
        return
    misses = sum(result.miss is not None for result in tested.results)
    nodes = len(tested.menu.nodes)
    print(
        printable(
            f"{tested.menu.name}: {len(tested.results) - misses} passed, {misses} failed; "
            f"{nodes - len(tested.nodes_missed)} of {nodes} nodes"
        )
    )
    if tested.nodes_missed:
        print(printable(f"  no test comes to: {', '.join(tested.nodes_missed)}"))
    missed_ways = [
        f"{source} -> {target}" for source, target in tested.ways_missed if target not in tested.nodes_missed
    ]
    if missed_ways:
        print(printable(f"  no test goes: {', '.join(missed_ways)}"))


def _place(result: Result) -> Place:
    """Return the step that was missed, else the test."""
    return result.test.place if result.miss is None else result.test.places[result.miss.step]


def shown(lines: list[Line]) -> list[str]:
    """Show what happened in a call, the last of it."""
    return [
        f"  {line.at_ms / 1000:8.2f}s  {line.node:<20} {line.what:<9} {line.text[:100]}" for line in lines[-_SHOWN:]
    ]


def _junit(tested: list[Tested]) -> bytes:
    root = ET.Element("testsuites")
    for one in tested:
        misses = sum(result.miss is not None for result in one.results)
        suite = ET.SubElement(root, "testsuite", name=one.menu.name, tests=str(len(one.results)), failures=str(misses))
        for result in one.results:
            case = ET.SubElement(
                suite,
                "testcase",
                name=printable(result.test.name),
                classname=one.menu.name,
                file=str(result.file),
                time=f"{result.seconds:.6f}",
            )
            if result.miss is not None:
                what = ET.SubElement(case, "failure", message=printable(f"{_place(result)}: {result.miss.message}"))
                what.text = "\n".join(printable(line) for line in shown(result.lines))
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
