"""`edge hw`: devices that lines are made of, at the bench and at the site."""

from cyclopts import App

from edge.cli.hw_board import board
from edge.cli.hw_calibrate import calibrate
from edge.cli.hw_list import list_devices
from edge.cli.hw_monitor import monitor
from edge.cli.hw_probe import probe
from edge.cli.hw_relay import relay


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="hw", help="Modems, sound cards, relays: find, ask, watch, calibrate, switch; the board itself.")
    group.command(list_devices, name="list")
    group.command(probe)
    group.command(monitor)
    group.command(calibrate)
    group.command(relay)
    group.command(board)
    app.command(group)
