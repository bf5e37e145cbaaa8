"""Calls back under chance: phones do what they like, callers ring by themselves, and switch is killed at any moment."""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from edge.storage.turn import CallbackRow
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import CommandId, LegId
from tests.switch.callback_house import CallingHouse

CALLERS = ("030123456", "030999999", "030888888")
STEPS = 80
SEED = int(os.environ.get("EDGE_TEST_SEED", "20261122"))


class ChanceHouse(CallingHouse):
    """Reports that are not on disk come again after a kill; commands that were carried out are not, again."""

    def __init__(self, folder: Path, dice: random.Random, **callbacks) -> None:
        self.dice = dice
        self.unacknowledged: list[tuple[str, r.AnyReport]] = []
        self.done: set[CommandId] = set()
        #: Phones: `dialled`, `ringing`, `up`; those that are not here are on the hook.
        self.phones: dict[LegId, str] = {}
        self.invited: Counter[LegId] = Counter()
        self.calls = 0
        super().__init__(folder, **callbacks)

    def report(self, process: str, body: r.AnyReport) -> None:
        self.unacknowledged.append((process, body))
        super().report(process, body)

    def commit(self) -> None:
        super().commit()
        self.unacknowledged = []

    def kill(self) -> None:
        again, self.unacknowledged = self.unacknowledged, []
        self.store.close()
        self.restart()
        for process, body in again:
            self.report(process, body)
        self.obey()

    def _obey(self, process: str, command: c.Command) -> None:
        body = command.body
        if command.id in self.done:
            self.report(process, r.CommandDone(command.id))
            return
        self.done.add(command.id)
        if isinstance(body, c.MakeCall):
            self.invited[body.leg] += 1
            self.phones[body.leg] = "dialled"
            self.check_numbers()
        elif isinstance(body, c.HangUp | c.Reject):
            self.phones.pop(body.leg, None)
        super()._obey(process, command)

    def check_numbers(self) -> None:
        """Nobody's phone rings for two callbacks at once."""
        numbers = Counter()
        for call in self.exchange.calls.values():
            errand = getattr(call.begun, "errand", None)
            if errand is not None and self.phones.get(LegId(f"{call.id}.{2 if errand.agent_first else 1}")):
                numbers[errand.number.reveal()] += 1
        assert all(count == 1 for count in numbers.values()), numbers

    # --- what may happen

    def somebody_rings(self) -> None:
        self.calls += 1
        name = f"c{self.calls}"
        self.report("front", self.came(name, self.dice.choice(CALLERS)))
        self.report("span", r.LegAnswered(LegId(f"{name}.1")))
        self.phones[LegId(f"{name}.1")] = "up"

    def a_phone_does_something(self) -> None:
        if not self.phones:
            return
        leg = self.dice.choice(sorted(self.phones))
        match self.phones[leg], self.dice.randrange(4):
            case "up", _:
                del self.phones[leg]
                super().hang_up(leg)
            case "dialled", 0 | 1:
                self.phones[leg] = "ringing"
                self.ring(leg, self.dice.choice((180, 183)))
            case _, 2:
                self.phones[leg] = "up"
                self.answer(leg)
            case _, 3:
                del self.phones[leg]
                self.refuse(leg, "busy", 486)
            case _:
                pass

    def one_step(self) -> None:
        match self.dice.randrange(12):
            case 0 | 1:
                self.somebody_rings()
            case 2 | 3 | 4 | 5:
                self.a_phone_does_something()
            case 6:
                self.kill()
            case 7:
                self.run(self.dice.choice((1, 5, 30)))
            case 8:
                self.run(self.dice.choice((60, 300)))
            case 9:
                self.obey()
            case 10:
                # The kill comes between the decision and the disk.
                self.pass_time(seconds=self.dice.randrange(100))
                self.exchange.fire()
                self.kill()
            case _:
                self.obey()

    def all_rows(self) -> list[CallbackRow]:
        return [CallbackRow(*row) for row in self.rows()]


@pytest.mark.parametrize("order", ["caller_first", "agent_first"])
@pytest.mark.parametrize("number", range(2))
def test_nobody_is_called_twice_and_each_attempt_has_one_end(tmp_path: Path, order: str, number: int) -> None:
    seed = SEED + number
    print("seed", seed)
    house = ChanceHouse(tmp_path, random.Random(seed), order=order, gap_ms=60_000, attempts=3, within_ms=900_000)
    house.lose("c0")
    for _ in range(STEPS):
        house.one_step()
    # Everybody hangs up, and the windows pass.
    for leg in sorted(house.phones):
        house.phones.pop(leg, None)
        house.hang_up(leg)
    house.run(1800)
    assert set(house.invited.values()) <= {1}, "an INVITE a leg"
    started = [one["data"] for one in house.told("callback.attempt_started")]
    ended = [one["data"] for one in house.told("callback.attempt_ended")]
    assert started, "the one who was lost first"
    assert Counter(one["call"] for one in started) == Counter(one["call"] for one in ended)
    assert set(Counter(one["call"] for one in started).values()) == {1}
    left = Counter(one["callback"] for one in ended if one["left"] and one["disposition"] != "cancelled")
    renewed = Counter(one["data"]["callback"] for one in house.told("callback.requested"))
    assert all(count <= 3 * renewed[id_] for id_, count in left.items())
    assert {row.state for row in house.all_rows()} <= {"closed", "held"}
    assert all(row.attempts <= 3 for row in house.all_rows())
    # What is told of each request agrees with its row.
    closed = Counter(one["data"]["callback"] for one in house.told("callback.closed"))
    closed += Counter(one["data"]["callback"] for one in house.told("callback.superseded"))
    assert closed == Counter(row.id for row in house.all_rows() if row.state == "closed")
    assert house.exchange.calling._tickets == {}
    assert house.exchange.calls == {}
