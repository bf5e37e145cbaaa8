"""No number is dialled twice, whoever dials, and whoever is killed while he does."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from edge.storage.campaigns.database_store import DatabaseStore
from edge.vocabulary.dialing import Contact, ContactNumber
from tests.storage.campaigns.dialers import LISTS, NOW
from tests.storage.campaigns.filling import CAMPAIGN, number, rows

#: Each number stands on both lists, under two ids.
NUMBERS = 24


def fill(store: DatabaseStore) -> None:
    for name in LISTS:
        contacts = [
            Contact(listed_in=name, id=f"{name}{index}", numbers=[ContactNumber(number=number(index))])
            for index in range(NUMBERS)
        ]
        store.add(name, rows(contacts), NOW)
    store.set_campaign(CAMPAIGN, "running", NOW)


def run(place: Path | str, folder: Path, seed: int, *, dialers: int, kills: int) -> dict[str, int]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.storage.campaigns.dialers", str(place), str(folder)]
    done = subprocess.run(
        [*command, str(seed), str(dialers), str(kills)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_several_dialers_with_one_list_call_each_contact_once(
    store: DatabaseStore, place: Path | str, tmp_path: Path, seed: int
) -> None:
    fill(store)
    assert run(place, tmp_path / "world", seed, dialers=3, kills=0) == {"killed": 0, "failed": 0}
    attempts = list(store.attempts())
    assert Counter(one.state for one in attempts) == {"ended": 2 * NUMBERS}
    assert len({(one.listed_in, one.contact) for one in attempts}) == 2 * NUMBERS
    assert len({one.owner for one in attempts}) > 1, "nobody shared"


def test_killed_dialers_lose_nothing_and_dial_nothing_twice(
    store: DatabaseStore, place: Path | str, tmp_path: Path, seed: int
) -> None:
    fill(store)
    counts = run(place, tmp_path / "world", seed, dialers=2, kills=14)
    assert counts["killed"] >= 14
    assert counts["failed"] == 0
    states = {one.id: one for one in store.attempts()}
    assert {one.state for one in states.values()} <= {"ended", "held", "released"}
    rung = [line for file in (tmp_path / "world/phones").iterdir() for line in file.read_text().split()]
    assert len(rung) == len(set(rung))
    # Who rang has an attempt that counts; whose attempt was given back did not ring.
    assert {states[one].state for one in rung} <= {"ended", "held"}
    calls = Counter((one.listed_in, one.contact) for one in states.values() if one.state != "released")
    assert set(calls.values()) == {1}
    # None is lost: each contact was called, or waits only for somebody who says what became of its number.
    held = {one.number for one in states.values() if one.state == "held"}
    assert held
    for name in LISTS:
        left = [one for one in store.contacts(name, limit=1000) if one.state not in ("done", "held")]
        assert {one.contact.numbers[0].number for one in left} <= held
        assert {one.state for one in left} <= {"waiting"}
