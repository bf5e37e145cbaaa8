"""Dialers that share a store, each killed before a statement that chance chooses, and the appliance that starts anew.

Run as a program: PLACE FOLDER SEED DIALERS KILLS. In FOLDER, `calls/<attempt>` is the journal of switch (it knows the
attempt, so it may have dialled it) and `phones/<number>` what a phone has seen: a line a call. `busy/<number>` is there
as long as a call rings. Prints one JSON object.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, event

from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Candidate, Lease, Outcome
from tests.storage.campaigns.filling import CAMPAIGN
from tests.support.waiting import until

NOW = 1_790_000_000_000
LISTS = ("one", "two")


class Phones:
    """Those who are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("calls", "phones", "busy"):
            (folder / name).mkdir(exist_ok=True)

    def journal(self, attempt: str) -> None:
        (self.folder / "calls" / attempt).touch()

    def knows(self, attempt: str) -> bool:
        return (self.folder / "calls" / attempt).exists()

    def others_than(self, owner: str) -> bool:
        return any(not attempt.name.startswith(owner) for attempt in (self.folder / "calls").iterdir())

    def ring(self, number: str, attempt: str) -> None:
        (self.folder / "busy" / number).mkdir()  # raises when it rings already
        with (self.folder / "phones" / number).open("a") as file:
            file.write(f"{attempt}\n")

    def hang_up(self, number: str) -> None:
        (self.folder / "busy" / number).rmdir()


def dial(store: DatabaseStore, phones: Phones, owner: str, dice: random.Random, limit: int) -> int:
    """Dial what is due; returns how many calls."""
    done = 0
    for found in store.due(LISTS, NOW, limit):
        done += _dial_one(store, phones, owner, found, f"{owner}-{dice.getrandbits(48):012x}")
    return done


def _dial_one(store: DatabaseStore, phones: Phones, owner: str, found: Candidate, attempt: str) -> int:
    contact = found.contact
    taken = Lease(
        attempt=attempt,
        campaign=CAMPAIGN,
        listed_in=contact.listed_in,
        contact=contact.id,
        number=found.number,
        owner=owner,
    )
    if store.lease(taken, NOW) is not None:
        return 0
    phones.journal(attempt)
    phones.ring(found.number.reveal(), attempt)
    store.dialling(attempt, NOW)
    phones.hang_up(found.number.reveal())
    store.end(attempt, Outcome(disposition="connected", ended_ms=NOW))
    return 1


def take_up(store: DatabaseStore, phones: Phones, owner: str) -> None:
    """What an appliance does that starts anew: what switch does not know was not dialled, all else nobody knows."""
    for attempt in store.open_attempts(owner):
        if phones.knows(attempt.id):
            store.hold(attempt.id, NOW, "killed")
        else:
            store.release(attempt.id, NOW)


def _doomed(work: Callable[[], None]) -> int:
    """Run it in a child; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    return pid


def main(place: str, folder: Path, seed: int, dialers: int, kills: int) -> dict[str, int]:
    """Let dialers be killed until there were `kills`, then let them finish."""
    where: Path | str = place if place.startswith("postgresql") else Path(place)
    phones, dice = Phones(folder), random.Random(seed)
    counts = {"killed": 0, "failed": 0}

    def life(owner: str, life_seed: int, statements: int) -> None:
        left = [statements]

        @event.listens_for(Engine, "before_cursor_execute")
        def _die(*_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        store, life_dice = DatabaseStore(where), random.Random(life_seed)
        take_up(store, phones, owner)
        while store.due(LISTS, NOW, 1):
            dial(store, phones, owner, life_dice, 4)
            if kills == 0:  # nobody dials on before somebody else has: else the first to run has no rival
                until(partial(phones.others_than, owner), 60, "a rival")

    while True:
        rest = counts["killed"] >= kills
        pids = []
        for owner in "abcdefgh"[:dialers]:
            life_seed, statements = dice.getrandbits(32), 0 if rest else dice.randrange(12, 90)
            pids.append(_doomed(partial(life, owner, life_seed, statements)))
        for pid in pids:
            status = os.waitpid(pid, 0)[1]
            counts["killed"] += os.WIFSIGNALED(status)
            counts["failed"] += os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0
        if rest:
            return counts


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))))
