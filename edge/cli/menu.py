"""`edge menu ...`: menus alone, before they are part of a site."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from edge.cli.menu_draw import draw
from edge.cli.menu_hours import hours
from edge.cli.menu_report import report
from edge.cli.menu_test import run_tests
from edge.cli.menu_trial import trial_app
from edge.cli.menu_try import try_menu
from edge.cli.menu_versions import diff, release, rollback, versions
from edge.cli.output import BAD, FINE, complain, print_json, printable
from edge.cli.site import BadSiteError, ConfigOption, DemoOption, JsonOption, UsageError, failed, usable_site
from edge.config.errors import Findings
from edge.config.menu_files import menu_files
from edge.config.menus import MenuCompiler


def register(app: App) -> None:
    """Add the commands."""
    menu = App(name="menu", help="Menus: check, draw, test and try them, ask their opening hours; their versions.")
    menu.command(check, name="check")
    menu.command(draw, name="draw")
    menu.command(run_tests, name="test")
    menu.command(try_menu, name="try")
    menu.command(hours, name="hours")
    for command in (versions, rollback, release, diff):
        menu.command(command)
    menu.command(report, name="report")
    menu.command(trial_app())
    app.command(menu)


def check(
    *files: Annotated[Path, Parameter(help="Menu files; none: those of the site.")],
    config: ConfigOption = None,
    demo: DemoOption = False,
    json: JsonOption = False,
) -> int:
    """Compile menus against a site's prompts and trunks. Exit code 1: at least one has an error."""
    try:
        found = usable_site(config, demo=demo, menus=False)
    except (UsageError, BadSiteError) as error:
        return failed(error)
    findings, checked = Findings(), list[str]()
    compiler = MenuCompiler(found.site, findings, checked)
    for file in files or menu_files(Path(found.site.paths.menus)):
        checked.append(str(file))
        compiler.compile_file(file)
    compiler.compare()
    for severity, several in (("error", findings.errors), ("warning", findings.warnings)):
        for finding in several:
            if json:
                print_json({"severity": severity, **msgspec.to_builtins(finding)})
            else:
                print(printable(f"{finding}" if severity == "error" else f"warning: {finding}"))
    if not json:
        complain(f"checked {len(checked)} menus: {len(findings.errors)} errors, {len(findings.warnings)} warnings")
    return BAD if findings.errors else FINE
