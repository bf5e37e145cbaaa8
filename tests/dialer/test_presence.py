"""Two appliances at one store, in virtual time: a name is one's, and what one that is gone has left is held."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge.dialer.clocks import Clocks
from edge.dialer.engine import Engine
from edge.dialer.presence import TAKE_OVER_MS, Presence
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Candidate, Lease, Outcome, Row
from edge.storage.campaigns.words import Presence as Seen
from tests.dialer.world import CAMPAIGN, LIST, House, Switch, contact

GONE_MS = 60_000


class SharedStore(DatabaseStore):
    """As PostgreSQL: others may be in it."""

    @property
    def shared(self) -> bool:
        return True


class Sharing(House):
    """An appliance that may have neighbours. `run` is that of its supervisor."""

    store_of: type[DatabaseStore] = SharedStore

    def __init__(self, folder: Path, name: str, run: str = "1", contacts: int = 0, identity: str = "") -> None:
        self.name, self.run, self.identity = name, run, identity or name
        self.told: dict[str, str] = {}
        super().__init__(folder, contacts)

    def start(self) -> None:
        self.store.close()
        self.store = self.store_of(self.folder / "campaigns.db")
        self.up = True
        self.to_switch, self.to_dialer, self.noticed = [], [], []
        self.metrics = DialerMetrics()
        mint = lambda: f"d{self.name}{self.run}{next(self._ids):016x}"  # noqa: E731
        clocks = Clocks(lambda: self.now_ms, lambda: self.wall_ms, mint)
        self.engine = Engine(self.store, self.name, self, clocks, self.metrics, self.permissions)
        self.engine.configure({CAMPAIGN: self.settings})
        me = Seen(name=self.name, identity=self.identity, run=self.run)
        self.engine.presence = self.engine.desk.presence = Presence(
            self.store, me, clocks, GONE_MS, self.health, self.engine.take_up, lambda _campaign: None
        )
        self.engine.connected()

    def health(self, condition: str, text: str) -> None:
        self.told[condition] = text

    def turns(self, ms: int, *others: House) -> None:
        for _ in range(ms // 500):
            for one in (self, *others):
                one.turn(500)

    def why(self) -> list[str]:
        return [one["why"] for one in self.engine.desk.held()]


def test_what_an_appliance_that_is_gone_has_left_is_held_and_it_goes_on_with_it(tmp_path: Path) -> None:
    anna, bert = Sharing(tmp_path, "anna", contacts=20), Sharing(tmp_path, "bert")
    anna.turn()
    anna.begin()
    anna.turns(1500)
    rings, ends = anna.lasting[:2]
    left = len(anna.lasting)
    bert.turns(GONE_MS - 2000)
    assert bert.why() == []
    assert bert.engine.desk.describe()[0]["absent"] == []
    bert.turns(4000)
    assert len(bert.why()) == left
    assert [one["appliance"] for one in bert.engine.desk.describe()[0]["absent"]] == ["anna"]
    assert bert.told.get("campaigns-name") in {None, ""}
    assert not bert.switch.dialled.keys() & anna.switch.dialled.keys()
    # Its network was gone, and it was there all the time: calls have ended meanwhile, others go on.
    anna.now_ms = bert.now_ms
    anna.hang_up(ends)
    anna.turns(2000, bert)
    assert bert.why() == []
    stored = {id_: bert.store.attempt(id_) for id_ in (rings, ends)}
    assert stored[ends].state == "ended"  # type: ignore[union-attr]
    assert stored[rings].state == "dialling"  # type: ignore[union-attr]
    anna.hang_up(rings)
    anna.turns(1000, bert)
    assert bert.store.attempt(rings).state == "ended"  # type: ignore[union-attr]
    assert bert.engine.desk.describe()[0]["absent"] == []


def test_two_of_one_name_do_not_take_each_other_s_attempts(tmp_path: Path) -> None:
    """As when a machine is copied with its disk: the second must not ask its own switch for the calls of the first."""
    first = Sharing(tmp_path, "anna", contacts=20)
    first.turn()
    first.begin()
    second = Sharing(tmp_path, "anna", run="2")
    first.turns(TAKE_OVER_MS * 3, second)
    assert first.lasting
    assert not second.switch.dialled
    assert second.told["campaigns-name"].startswith("another appliance calls itself anna")
    assert second.engine.desk.describe()[0]["blocked"] == "name"
    assert first.engine.desk.describe()[0]["blocked"] == ""
    assert all(one.state == "dialling" for one in first.store.open_attempts())


def test_the_next_run_after_a_kill_waits_until_the_last_one_is_surely_gone(tmp_path: Path) -> None:
    killed = Sharing(tmp_path, "anna", contacts=8)
    killed.turn()
    killed.begin()
    killed.turns(1500)
    begun = set(killed.lasting)
    again = Sharing(tmp_path, "anna", run="2")
    again.now_ms = killed.now_ms
    again.switch = killed.switch  # it has its disk
    again.turns(TAKE_OVER_MS - 1000)
    assert set(again.lasting) == begun
    again.turns(2000)
    assert again.told["campaigns-name"] == ""
    for attempt in begun:
        again.hang_up(attempt)
    again.turns(2000)
    assert set(again.lasting) - begun
    assert max(again.switch.dialled.values()) == 1
    again.engine.presence.leave()  # type: ignore[union-attr]
    third = Sharing(tmp_path, "anna", run="3")
    third.turn()
    assert third.told["campaigns-name"] == ""


def test_who_has_lost_the_disk_of_its_switch_dials_nobody_again(tmp_path: Path) -> None:
    old = Sharing(tmp_path, "anna", contacts=6)
    old.turn()
    old.begin()
    # Its orders are read by switch and dialled, and nothing of that is told before both are gone.
    old.now_ms += 100
    old.engine.tick()
    old.switch_reads()
    called = old.switch.dialled
    anew = Sharing(tmp_path, "anna", run="2", identity="a new disk")
    anew.now_ms = old.now_ms
    anew.switch = Switch()
    anew.turns(TAKE_OVER_MS + 2000)
    for attempt in list(anew.lasting):
        anew.hang_up(attempt)
    anew.turns(5000)
    assert called
    assert not called.keys() & anew.switch.dialled.keys()
    assert anew.why() == ["its appliance has lost what it knew"] * len(called)


def test_a_campaign_that_was_done_but_for_what_is_held_goes_on_when_that_leads_to_a_call(tmp_path: Path) -> None:
    anna, bert = Sharing(tmp_path, "anna", contacts=2), Sharing(tmp_path, "bert")
    anna.turn()
    anna.begin()
    anna.now_ms += 500
    anna.engine.tick()  # leased and ordered, and its switch never gets it
    anna.to_switch.clear()
    bert.turns(GONE_MS + 4000)
    assert bert.store.campaigns()[0].state == "done"
    first, second = bert.store.held_attempts()
    assert bert.engine.desk.settle(first.id, "busy", "somebody")
    bert.turns(1000)
    assert bert.store.campaigns()[0].state == "running"  # busy is called again later
    anna.now_ms = bert.now_ms
    anna.turns(12_000, bert)
    stored = bert.store.attempt(second.id)
    assert stored is not None
    assert stored.state == "released"
    assert (anna.switch.dialled + bert.switch.dialled)[second.number.reveal()] == 1


def test_nobody_is_called_by_a_campaign_that_is_done_since_a_list_has_grown(tmp_path: Path) -> None:
    anna = Sharing(tmp_path, "anna", contacts=1)
    anna.turn()
    anna.begin()
    anna.turns(1000)
    for attempt in anna.lasting:
        anna.hang_up(attempt)
    anna.turns(2000)
    assert anna.store.campaigns()[0].state == "done"
    anna.add([contact(9)])
    anna.turns(3000)
    assert anna.store.campaigns()[0].state == "done"
    assert len(anna.switch.dialled) == 1


class Alone(Sharing):
    """An appliance with a file of its own."""

    store_of = DatabaseStore


def test_nobody_waits_for_the_name_in_a_file_of_one_s_own(tmp_path: Path) -> None:
    killed = Alone(tmp_path, "anna", contacts=8)
    killed.turn()
    killed.begin()
    killed.turns(1500)
    begun = set(killed.lasting)
    again = Alone(tmp_path, "anna", run="2")
    again.now_ms = killed.now_ms
    again.switch = killed.switch
    for attempt in begun:
        again.hang_up(attempt)
    again.turns(1000)
    assert again.told == {"campaigns-name": ""}
    assert set(again.lasting) - begun
    rings = len(again.lasting)
    # Somebody took `state.db` away, and left the campaigns.
    lost = Alone(tmp_path, "anna", run="3", identity="a new disk")
    lost.now_ms = again.now_ms
    lost.turns(5000)
    assert lost.why() == ["its appliance has lost what it knew"] * rings
    assert not lost.switch.dialled.keys() & again.switch.dialled.keys()


class Late(SharedStore):
    """Another appliance leases the number of each contact after it was read that the contact is due."""

    late = True

    def due(self, lists: Sequence[str], now_ms: int, limit: int) -> list[Candidate]:
        found = super().due(lists, now_ms, limit)
        if lists == [LIST] and self.late:
            self.late = False
            for at, one in enumerate(found):
                attempt = f"dother{at}"
                theirs = Lease(
                    attempt=attempt,
                    campaign="other",
                    listed_in="theirs",
                    contact=f"t{at}",
                    number=one.number,
                    owner="bert",
                )
                assert self.lease(theirs, now_ms) is None
        return found


class LateAppliance(Sharing):
    """An appliance that is always too late."""

    store_of = Late


def test_a_number_that_another_one_has_just_taken_is_called_when_that_one_is_done(tmp_path: Path) -> None:
    """The contact of the other list must not wait as long as one that the rules forbid to call."""
    anna = LateAppliance(tmp_path, "anna", contacts=2)
    store = anna.store
    same = [msgspec.structs.replace(contact(at), listed_in="theirs", id=f"t{at}") for at in range(2)]
    store.add("theirs", [Row(contact=one, line=line) for line, one in enumerate(same, 1)], anna.wall_ms)
    store.set_campaign("other", "running", anna.wall_ms)
    anna.turn()
    anna.begin()
    anna.turns(2000)
    assert not anna.switch.dialled
    for attempt in [one.id for one in store.open_attempts("bert")]:
        store.end(attempt, Outcome(disposition="connected", ended_ms=anna.wall_ms))
    anna.turns(10_000)
    assert len(anna.switch.dialled) == 2
