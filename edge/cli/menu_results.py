"""What came of tests of menus, virtual or real: as text, JSON lines and JUnit."""

import xml.etree.ElementTree as ET
from pathlib import Path

from msgspec import Struct

from edge.cli.output import print_json, printable
from edge.config.errors import Place
from edge.config.menu_tests import MenuTest
from edge.core.menus.expectations import Miss
from edge.core.menus.model import Menu, Return, Submenu
from edge.core.menus.parts import NodeId, menu_of
from edge.core.menus.rehearsed_world import Line
from edge.core.menus.ways import ways_of

#: Lines shown of a call that went wrong.
_SHOWN = 40


class Result(Struct, kw_only=True):
    """What came of a test."""

    file: Path
    test: MenuTest
    miss: Miss | None
    lines: list[Line]
    seconds: float
    #: Why it was not run; empty: it was.
    skipped: str = ""
    #: Steps that could not be seen, of a real call to an appliance that is not ours.
    unseen: int = 0
    #: File of what was heard in a real call that went wrong.
    recording: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was run, and all went as expected."""
        return self.miss is None and not self.skipped

    @property
    def place(self) -> Place:
        """Return the step that was missed, else the test."""
        here = self.test.places
        return self.test.place if self.miss is None or not here else here[self.miss.step]


class Tested(Struct, kw_only=True):
    """What came of the tests of a menu."""

    menu: Menu
    file: Path
    results: list[Result]
    #: Nodes that no test came to, and ways that none went.
    nodes_missed: list[str]
    ways_missed: list[tuple[str, str]]
    #: Where tests went can't be seen.
    blind: bool = False

    @property
    def failed(self) -> int:
        """Number of tests that went wrong."""
        return sum(result.miss is not None for result in self.results)

    @property
    def skipped(self) -> int:
        """Number of tests that were not run."""
        return sum(bool(result.skipped) for result in self.results)


def sum_up(
    menu: Menu, file: Path, results: list[Result], moves: set[tuple[NodeId, NodeId]], *, blind: bool = False
) -> Tested:
    """Sum the tests of a menu up; `moves` are the ways that they went."""
    entered = {node for _, node in moves}
    ways = [(name, target) for name, node in menu.nodes.items() for target in ways_of(node)]
    return Tested(
        menu=menu,
        file=file,
        results=results,
        nodes_missed=[] if blind else [name for name in menu.nodes if name not in entered],
        ways_missed=[] if blind else [way for way in ways if way not in moves | _returns(menu, moves)],
        blind=blind,
    )


def _returns(menu: Menu, moves: set[tuple[NodeId, NodeId]]) -> set[tuple[NodeId, NodeId]]:
    """List moves out of a sub-menu as ways of the nodes that asked for it, for those nodes name where it leads to."""
    askers: dict[str, list[NodeId]] = {}
    for name, node in menu.nodes.items():
        if isinstance(node, Submenu):
            askers.setdefault(menu_of(node.start), []).append(name)
    left = [(menu_of(source), target) for source, target in moves if isinstance(menu.nodes.get(source), Return)]
    return {(asker, target) for inner, target in left for asker in askers.get(inner, [])}


def print_tested(one: Tested, *, json: bool) -> None:
    """Print the results of a menu's tests."""
    for result in one.results:
        if json:
            print_json(_row(one, result))
        elif result.skipped:
            print(printable(f"{result.place}: {result.test.name}: not run: {result.skipped}"))
        elif result.miss is not None:
            print(printable(f"{result.place}: {result.test.name}: {result.miss.message}"))
            for line in shown(result.lines):
                print(printable(line))
            if result.recording:
                print(printable(f"  what was heard: {result.recording}"))
    if json:
        missed = {"nodes_missed": one.nodes_missed, "ways_missed": one.ways_missed}
        print_json({"file": str(one.file), "menu": one.menu.name, "nodes": len(one.menu.nodes), **missed})
        return
    _print_sum(one)


def _row(one: Tested, result: Result) -> dict[str, object]:
    row: dict[str, object] = {
        "file": result.place.file,
        "line": result.place.line,
        "menu": one.menu.name,
        "version": one.menu.version,
        "test": result.test.name,
        "passed": result.passed,
        "message": result.miss.message if result.miss else result.skipped,
        "seconds": round(result.seconds, 6),
    }
    if result.skipped:
        row["skipped"] = True
    if result.unseen:
        row["unseen_steps"] = result.unseen
    if result.recording:
        row["recording"] = result.recording
    return row


def _print_sum(one: Tested) -> None:
    passed = sum(result.passed for result in one.results)
    nodes = len(one.menu.nodes)
    told = f"{one.menu.name}: {passed} passed, {one.failed} failed"
    told += f", {one.skipped} not run" if one.skipped else ""
    unseen = sum(result.unseen for result in one.results)
    if one.blind:
        print(printable(f"{told}; {unseen} steps cannot be seen from outside"))
        return
    print(printable(f"{told}; {nodes - len(one.nodes_missed)} of {nodes} nodes"))
    if one.nodes_missed:
        print(printable(f"  no test comes to: {', '.join(one.nodes_missed)}"))
    missed_ways = [f"{source} -> {target}" for source, target in one.ways_missed if target not in one.nodes_missed]
    if missed_ways:
        print(printable(f"  no test goes: {', '.join(missed_ways)}"))


def shown(lines: list[Line]) -> list[str]:
    """Show what happened in a call in order of time, the last of it."""
    in_order = sorted(lines, key=lambda line: line.at_ms)
    return [
        f"  {line.at_ms / 1000:8.2f}s  {line.node:<20} {line.what:<9} {line.text[line.known :].strip()[:100]}"
        for line in in_order[-_SHOWN:]
    ]


def junit(results: list[Tested]) -> bytes:
    """Write results as JUnit XML."""
    root = ET.Element("testsuites")
    for one in results:
        suite = ET.SubElement(
            root,
            "testsuite",
            name=one.menu.name,
            tests=str(len(one.results)),
            failures=str(one.failed),
            skipped=str(one.skipped),
        )
        for result in one.results:
            case = ET.SubElement(
                suite,
                "testcase",
                name=printable(result.test.name),
                classname=one.menu.name,
                file=str(result.file),
                time=f"{result.seconds:.6f}",
            )
            if result.skipped:
                ET.SubElement(case, "skipped", message=printable(result.skipped))
            if result.miss is not None:
                what = ET.SubElement(case, "failure", message=printable(f"{result.place}: {result.miss.message}"))
                heard = [f"what was heard: {result.recording}"] if result.recording else []
                what.text = "\n".join(printable(line) for line in [*shown(result.lines), *heard])
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
