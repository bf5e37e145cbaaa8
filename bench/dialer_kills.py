"""A campaign through kills of random processes: nobody is called twice, nothing is left open, nobody is lost.

The callees count who calls them, by number and Call-ID, so what is counted is what left the machine. The campaign calls
no number again, whatever became of it, so a second call to one would be a mistake.

Contacts come onto the list as the campaign goes on, so many a kill, so that it is still running at the last one; a kill
that is not followed by another life of the process, or comes when the campaign does not run, ends the measurement. Many
are made in a state that lasts milliseconds or seconds and is seen before: see `STATES`.
"""

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from edge.cli import main
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Attempt
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.callees import Callees
from tests.support.campaigns import attempts, done, fill, number, town_site
from tests.support.waiting import until

SEED = 20261122
#: Whom it hits, by how often.
VICTIMS = {"dialer": 8, "switch": 8, "front": 3, "media": 2, "span": 2, "forwarder": 1, "web": 1}
#: In which state of a call, by how often, and who is hit then if not anybody. `asked`: the attempt is leased, and the
#: order lies in the socket of a switch that stands still; `dialled`: switch has the call, and front stands still, so
#: its INVITE has not left; `ringing` and `talking`: at the callee. `random`: at any time, after a moment of chance.
STATES = {"random": 5, "asked": 2, "dialled": 2, "ringing": 3, "talking": 2}
HIT_THEN = {
    "asked": {"dialer": 1, "switch": 1},
    "dialled": {"dialer": 2, "switch": 2, "front": 1, "span": 1},
}
STANDS_STILL = {"asked": "switch", "dialled": "front"}
#: How long such a state is waited for, in seconds; below the 5 s after which the supervisor ends who stands still.
STATE_S = 3.0
#: What callees do, see `callees.KINDS`.
KINDS = (0, 0, 0, 4, 4, 1, 6)
CAMPAIGN = "second"
#: Seconds before a random kill, at the most.
MOMENT_S = 0.5
#: Calls that the kills may be ahead of the campaign.
LAG = 16
FAR_MS = 4_000_000_000_000


class Figures(Struct):
    """What became of it."""

    kills: Counter[str]
    states: Counter[str]
    contacts: int
    called: int = 0
    called_twice: int = 0
    open: int = 0
    lost: int = 0
    untold: int = 0
    told_twice: int = 0
    #: Why each held attempt is held.
    held: Counter[str] = Counter()
    #: Numbers that rang although their attempt was given back as not dialled.
    released_and_called: int = 0
    seconds: float = 0.0


def measure(emit: Callable[..., None], *, quick: bool) -> None:
    """Measure it."""
    kills, contacts = (30, 60) if quick else (1000, 2000)
    found = run(kills, contacts)
    more = {"kills": found.kills.total(), "contacts": found.contacts, "seed": SEED}
    emit("dialer_kills", found.kills.total(), "kills", **more, seconds=round(found.seconds))
    for name, count in found.kills.most_common():
        emit(f"dialer_kills_of_{name}", count, "kills", **more)
    for state, count in sorted(found.states.items()):
        emit(f"dialer_kills_while_{state}", count, "kills", **more)
    emit("dialer_kills_numbers_called", found.called, "numbers", **more)
    emit("dialer_kills_numbers_called_twice", found.called_twice, "numbers", **more)
    emit("dialer_kills_numbers_called_and_given_back", found.released_and_called, "numbers", **more)
    emit("dialer_kills_attempts_left_open", found.open, "attempts", **more)
    emit("dialer_kills_contacts_lost", found.lost, "contacts", **more)
    emit("dialer_kills_ends_untold", found.untold, "attempts", **more)
    emit("dialer_kills_ends_told_twice", found.told_twice, "attempts", **more)
    emit("dialer_kills_attempts_held", found.held.total(), "attempts", **more)


def run(kills: int, contacts: int, seed: int = SEED) -> Figures:
    """Kill so many processes while so many contacts are called."""
    with (
        tempfile.TemporaryDirectory() as folder,
        address() as at,
        address() as town_at,
        address() as agent_at,
        Callees(town_at) as town,
    ):
        edge = Appliance(at, Path(folder))
        town_site(edge, town_at, agent_at)
        edge.state.mkdir(parents=True)
        store = opened(edge.state)
        try:
            return Run(edge, town, store, contacts, random.Random(seed)).run(kills)
        finally:
            edge.stop()
            store.close()


class Run:
    """One run. Raises AssertionError when it is no measurement: a kill that did not land, a campaign that stands."""

    def __init__(
        self, edge: Appliance, town: Callees, store: CampaignStore, contacts: int, dice: random.Random
    ) -> None:
        self._edge, self._town, self._store = edge, town, store
        self._contacts, self._dice = contacts, dice
        self._filled = 0
        self._figures = Figures(Counter(), Counter(), contacts)

    def run(self, kills: int) -> Figures:
        """Kill, let the campaign end, and count."""
        figures = self._figures
        # The last contact is called when the kills are over: so long the campaign is not done.
        last = self._contacts - 1
        fill(self._store, CAMPAIGN, [[_number(last)]], last)
        assert self._store.postpone(CAMPAIGN, f"c{last}", FAR_MS, 0)
        self._edge.start(program="tests.support.unpunished")
        assert main(["dial", "start", CAMPAIGN, "--config", str(self._edge.site)]) == 0
        began = time.monotonic()
        for count in range(kills):
            until(lambda count=count: self._closed() >= count * last / kills - LAG, 90, "calls", every_s=0.05)  # type: ignore[misc]
            self._kill(round((count + 1) * last / kills))
            if count % 50 == 49:
                seconds = time.monotonic() - began
                sys.stderr.write(f"{count + 1} kills, {self._closed()} closed, {seconds:.0f} s, {self._town.most()}\n")
        self._fill(last)
        assert self._store.postpone(CAMPAIGN, f"c{last}", 0, 0)
        until(lambda: done(self._edge, CAMPAIGN), 120, "the campaign is done", every_s=0.1)
        figures.seconds = time.monotonic() - began
        self._count(list(self._store.attempts(campaign=CAMPAIGN)))
        return figures

    def _fill(self, until_count: int) -> None:
        until_count = min(until_count, self._contacts - 1)
        if until_count > self._filled:
            fill(self._store, CAMPAIGN, [[_number(of)] for of in range(self._filled, until_count)], self._filled)
            self._filled = until_count

    def _closed(self) -> int:
        return sum(self._store.outcomes(CAMPAIGN).values())

    # --- killing

    def _kill(self, contacts: int) -> None:
        """Make one kill; so many contacts are on the list then."""
        state = _chosen(self._dice, STATES)
        name = _chosen(self._dice, HIT_THEN.get(state, VICTIMS))
        pids = self._pids()
        with self._in_state(state, pids, contacts) as seen:
            status = next(one for one in self._store.campaigns() if one.name == CAMPAIGN)
            assert status.state == "running", status
            pid = self._dice.choice(pids["span"]) if name == "span" else pids[name][0]
            os.kill(pid, signal.SIGKILL)
        until(lambda: self._replaced(name, pid), 60, f"{name} is there again", every_s=0.02)
        self._figures.kills[name] += 1
        self._figures.states[seen] += 1

    @contextlib.contextmanager
    def _in_state(self, state: str, pids: dict[str, list[int]], contacts: int) -> Iterator[str]:
        """Give the state that is seen: the one that is wanted, or `random` when it does not come."""
        still = pids[STANDS_STILL[state]][0] if state in STANDS_STILL else 0
        if still:
            os.kill(still, signal.SIGSTOP)
        try:
            self._fill(contacts)  # now, so that there is somebody to be called
            if state == "random":
                time.sleep(self._dice.uniform(0, MOMENT_S))
            yield state if self._comes(state) else "random"
        finally:
            if still:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(still, signal.SIGCONT)

    def _comes(self, state: str) -> bool:
        limit = time.monotonic() + STATE_S
        while not self._is(state):
            if time.monotonic() > limit:
                return False
            time.sleep(0.01)
        return True

    def _is(self, state: str) -> bool:
        match state:
            case "asked":
                return any(one.state == "leased" for one in self._store.open_attempts())
            case "dialled":
                dialling = [one.number.reveal() for one in self._store.open_attempts() if one.state == "dialling"]
                return any(one not in self._town.invited for one in dialling)
            case "ringing":
                return bool(self._town.ringing)
            case "talking":
                return bool(self._town.talking)
            case _:
                return True

    def _pids(self) -> dict[str, list[int]]:
        """Process ids by name, when all of them run; the one that stands by is not asked for."""

        def found() -> dict[str, list[int]]:
            status = self._status()
            pids = {one["name"]: [int(one["pid"])] for one in status["processes"] if one["state"] == "running"}
            pids["span"] = [int(one["pid"]) for one in status["spans"] if one["pid"]]
            return pids if all(pids.get(name) for name in VICTIMS) else {}

        return until(found, 60, "all processes run", every_s=0.05)

    def _replaced(self, name: str, pid: int) -> bool:
        status = self._status()
        rows = status["spans"] if name == "span" else status["processes"]
        mine = [one for one in rows if name in {"span", one.get("name")}]
        if name == "span":
            return all(one["pid"] != pid for one in mine)
        return any(one["pid"] not in {None, 0, pid} and one["state"] == "running" for one in mine)

    def _status(self) -> dict[str, Any]:
        return self._edge.status()

    # --- counting

    def _count(self, made: list[Attempt]) -> None:
        figures, invited = self._figures, self._town.invited
        states = Counter(one.state for one in made)
        closed = {one.number.reveal() for one in made if one.state in {"ended", "held"}}
        told = Counter(one["attempt"] for one in attempts(self._edge, CAMPAIGN))
        figures.called = len(invited)
        figures.called_twice = sum(count > 1 for count in invited.values())
        figures.open = states["leased"] + states["dialling"]
        figures.lost = len({_number(of) for of in range(self._contacts)} - closed)
        figures.untold = sum(one.state == "ended" and one.id not in told for one in made)
        figures.told_twice = sum(count > 1 for count in told.values())
        figures.released_and_called = len(invited.keys() - closed)
        figures.held = Counter(str(one.evidence.get("held")) for one in made if one.state == "held")
        for one in made:
            if one.state == "held":
                sys.stderr.write(f"held: {one.id} {one.evidence} called {invited[one.number.reveal()]} times\n")
        self._edge.check_histories()


def _number(of: int) -> str:
    return number(of, KINDS[of % len(KINDS)])


def _chosen(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]
