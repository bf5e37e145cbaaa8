"""A campaign through kills of random processes: nobody is called twice, nothing is left open, nobody is lost.

The callees count who calls them, by number and Call-ID, so what is counted is what left the machine. The campaign calls
no number again, whatever became of it, so a second call to one would be a mistake.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from edge.cli import main
from edge.storage.campaigns.store import opened
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.callees import Callees
from tests.support.waiting import until
from tests.system.test_campaign import attempts, done, fill, number, town_site

SEED = 20261122
#: Whom it hits, by how often.
VICTIMS = {"dialer": 4, "switch": 4, "front": 2, "media": 1}
#: What callees do, see `callees.KINDS`.
KINDS = (0, 0, 0, 4, 4, 1, 6)
CAMPAIGN = "second"
#: Milliseconds between the return of a process and the next kill, at the most.
PAUSE_MS = 1500


class Figures(Struct):
    """What became of it."""

    kills: Counter[str]
    contacts: int
    called: int = 0
    called_twice: int = 0
    open: int = 0
    held: int = 0
    lost: int = 0
    untold: int = 0
    seconds: float = 0.0


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    kills, contacts = (30, 120) if quick else (1000, 2000)
    found = run(kills, contacts)
    more = {"kills": found.kills.total(), "contacts": found.contacts, "seed": SEED}
    emit("dialer_kills", found.kills.total(), "kills", **dict(found.kills))
    emit("dialer_kills_numbers_called_twice", found.called_twice, "numbers", **more)
    emit("dialer_kills_attempts_left_open", found.open, "attempts", **more)
    emit("dialer_kills_contacts_lost", found.lost, "contacts", **more)
    emit("dialer_kills_ends_untold", found.untold, "attempts", **more)
    emit("dialer_kills_attempts_held", found.held, "attempts", **more)
    emit("dialer_kills_numbers_called", found.called, "numbers", **more)


def run(kills: int, contacts: int, seed: int = SEED) -> Figures:
    """Kill so many processes while so many contacts are called, or until all were."""
    figures = Figures(Counter(), contacts)
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as at,
        address() as town_at,
        address() as agent_at,
        Callees(town_at) as town,
    ):
        edge = Appliance(at, Path(folder))
        town_site(edge, town_at, agent_at)
        # As slow as it has to be for the list to last.
        edge.site.write_text(edge.site.read_text().replace("calls_per_second = 20", "calls_per_second = 1"))
        edge.state.mkdir(parents=True)
        store = opened(edge.state)
        fill(store, CAMPAIGN, [[number(of, KINDS[of % len(KINDS)])] for of in range(contacts)])
        edge.start()
        began = time.monotonic()
        try:
            main(["dial", "start", CAMPAIGN, "--config", str(edge.site)])
            _kill(edge, kills, figures, random.Random(seed))
            until(lambda: done(edge, CAMPAIGN), contacts * 5 + 120, "the campaign is done")
            figures.seconds = time.monotonic() - began
            _count(figures, edge, town, list(store.attempts(campaign=CAMPAIGN)))
        finally:
            edge.stop()
            store.close()
    return figures


def _kill(edge: Appliance, kills: int, figures: Figures, dice: random.Random) -> None:
    for count in range(kills):
        if done(edge, CAMPAIGN):
            return
        name = dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        time.sleep(dice.uniform(0, PAUSE_MS) / 1000)
        pid = edge.pid(name)
        os.kill(pid, signal.SIGKILL)
        edge.wait_restarted(name, pid)
        figures.kills[name] += 1
        if count % 50 == 49:
            sys.stderr.write(f"{count + 1} kills\n")


def _count(figures: Figures, edge: Appliance, town: Callees, made: list) -> None:  # type: ignore[type-arg]
    states = Counter(one.state for one in made)
    closed = {one.number.reveal() for one in made if one.state in {"ended", "held"}}
    wanted = {number(of, KINDS[of % len(KINDS)]) for of in range(figures.contacts)}
    told = {one["attempt"] for one in attempts(edge, CAMPAIGN)}
    figures.called = len(town.invited)
    figures.called_twice = sum(count > 1 for count in town.invited.values())
    figures.open = states["leased"] + states["dialling"]
    figures.held = states["held"]
    figures.lost = len(wanted - closed)
    figures.untold = sum(one.state == "ended" and one.id not in told for one in made)
