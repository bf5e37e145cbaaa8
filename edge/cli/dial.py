"""`edge dial`: campaigns, their lists, and the rules that they keep. Each `dial_*` module adds its commands."""

import importlib

from cyclopts import App

#: Modules with a `register(app)`, in the order of the help page.
PARTS = (
    "dial_campaigns",
    "dial_preview",
    "dial_import",
    "dial_lists",
    "dial_permissions",
    "dial_explain",
    "dial_report",
    "dial_simulate",
)


def register(app: App) -> None:
    """Add the commands."""
    dial = App(name="dial", help="Campaigns: calling lists of people, within the rules.")
    for name in PARTS:
        importlib.import_module(f"edge.cli.{name}").register(dial)
    app.command(dial)
