"""Which menu a command is about, and what its tables say of who calls."""

import tempfile
from pathlib import Path

from msgspec.structs import replace

from edge.cli.site import BadSiteError, UsageError
from edge.config.errors import Findings, did_you_mean
from edge.config.loader import Inspection
from edge.config.menus import MenuCompiler
from edge.config.prompts import Synthesis
from edge.config.tables import make_tables
from edge.core.menus.facts import Row
from edge.core.menus.model import Menu
from edge.switch.tables import Tables


def compiled_menu(name: str, found: Inspection) -> Menu:
    """Compile the menu that was named. Raises `BadSiteError` when it has faults, `UsageError` when there is none."""
    return spoken_menu(name, found)[0]


def spoken_menu(name: str, found: Inspection) -> tuple[Menu, list[Synthesis]]:
    """Compile the menu that was named; also what has to be spoken for it. Raises as `compiled_menu`."""
    compiled = found.site.menus.get(name)
    if compiled is not None:
        return compiled, found.speeches
    file = Path(name) if name.endswith(".yaml") else Path(found.site.paths.menus) / f"{name}.yaml"
    if not name or not file.exists():
        advice = did_you_mean(name, found.site.menus) or f"menus are {', '.join(found.site.menus) or 'nowhere'}"
        raise UsageError(f"there is no menu '{name}' ({advice})")
    findings = Findings()
    compiler = MenuCompiler(found.site, findings, [])
    menu = compiler.compile_file(file)
    if menu is None:
        raise BadSiteError(findings.errors)
    return menu, compiler.speeches


def rows_of(caller: str, menu: Menu, found: Inspection) -> dict[str, Row]:
    """Ask the tables of a site as they are now, by files of our own: it may never have run, or as somebody else."""
    with tempfile.TemporaryDirectory(prefix="edge-tables-") as folder:
        made = [replace(one, made=f"{folder}/{one.name}.db") for one in found.site.tables]
        make_tables(made, Findings())
        tables = Tables(made)
        rows = tables.rows(menu, caller)
        tables.close()
    return rows
