"""Two appliances that dial one list from one PostgreSQL: what stands still, what is killed, and what comes back."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.cli import main
from edge.storage.campaigns.database_store import DatabaseStore
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.callees import Callees
from tests.support.campaigns import attempts, campaign, fill, number, town_site
from tests.support.postgres import Postgres
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

#: What callees do, see `callees.KINDS`.
KINDS = (0, 4, 0, 1, 0, 6)
#: So many contacts come onto the list at a time, and the last one is called when all is over.
BATCH = 10
#: Bounds a test that fails.
LIMIT_S = 120
#: They stand on the lists of two campaigns.
SHARED = 4
CONDITION = "campaigns-storage"
FAR_MS = 4_000_000_000_000


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    made = Postgres()
    try:
        yield made
    finally:
        made.remove()


class Both:
    """Two appliances, whom they call, and the list."""

    def __init__(self, anna: Appliance, bert: Appliance, town: Callees, store: DatabaseStore) -> None:
        self.anna, self.bert, self.town, self.store = anna, bert, town, store
        self.filled = 0
        self.last = number(999, 0)
        fill(store, "first", [[self.last]], 999)
        assert store.postpone("first", "c999", FAR_MS, 0)

    def numbers(self, first: int, end: int) -> list[str]:
        return [number(of, KINDS[of % len(KINDS)]) for of in range(first, end)]

    def add(self) -> None:
        """Put some more contacts onto the list."""
        new = self.numbers(self.filled, self.filled + BATCH)
        fill(self.store, "first", [[one] for one in new], self.filled)
        self.filled += BATCH

    def dial(self, edge: Appliance, *arguments: str) -> None:
        assert main(["dial", *arguments, "--config", str(edge.site)]) == 0

    def goes_on(self) -> None:
        """Wait until somebody is called who was not called before."""
        before = len(self.town.invited)
        self.add()
        until(lambda: len(self.town.invited) > before, LIMIT_S, "somebody is called")

    def closed(self, campaign: str | None = None) -> Counter[str]:
        """Count the attempts at each number that have ended, or are held."""
        made = self.store.attempts(campaign=campaign)
        return Counter(one.number.reveal() for one in made if one.state in {"ended", "held"})

    def story(self) -> str:
        """Tell what became of all attempts, for a test that fails."""
        made = [(one.owner, one.campaign, one.state, one.disposition, one.evidence) for one in self.store.attempts()]
        return f"{self.store.campaigns()}; {made}; {self.town.invited}"

    def shares(self) -> set[str]:
        """Return who has made attempts."""
        return {one.owner for one in self.store.attempts()}

    def is_over(self) -> bool:
        """Tell whether nobody is left to be called, and the campaign says so."""
        first = next(one for one in self.store.lists(0) if one.name == "first")
        return first.waiting == first.open == 0 and campaign(self.anna, "first")["state"] == "done"

    def conditions(self, edge: Appliance) -> dict[str, str]:
        status = edge.status()
        return {one["condition"]: one["text"] for one in [*status["conditions"], *status["notes"]]}


def site(edge: Appliance, name: str, town: str, agent: str, postgres: Postgres) -> None:
    edge.folder.mkdir()
    edge.name = name
    town_site(edge, town, agent)
    text = edge.site.read_text().replace("calls_per_second = 20", "calls_per_second = 4")
    edge.site.write_text(f'{text}\n[dialer]\ndatabase = "{postgres.url}"\ngone_after = "5s"\n')


@pytest.mark.first
def test_two_appliances_dial_one_list(tmp_path: Path, postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        address() as anna_at,
        address() as bert_at,
        address() as town_at,
        address() as caller_at,
        Callees(town_at) as town,
        Softphone(caller_at) as caller,
    ):
        anna, bert = Appliance(anna_at, tmp_path / "anna"), Appliance(bert_at, tmp_path / "bert")
        site(anna, "anna", town_at, caller_at, postgres)
        site(bert, "bert", town_at, caller_at, postgres)
        store = DatabaseStore(postgres.url)
        anna.start(ready=False)
        bert.start()
        anna.wait_ready()
        both = Both(anna, bert, town, store)
        try:
            each_number_has_one_call_at_a_time(both)
            the_database_stands_still(both, postgres, caller)
            the_database_is_killed(both, postgres)
            one_of_them_is_killed(both, capsys)
            it_comes_back(both)
            everybody_was_called_once(both)
        except AssertionError as error:
            raise AssertionError(f"{error}; {both.story()}") from error
        finally:
            anna.stop()
            bert.stop()
            store.close()


def each_number_has_one_call_at_a_time(both: Both) -> None:
    """Both campaigns begin with the same numbers at the same moment."""
    shared = both.numbers(0, SHARED)
    fill(both.store, "second", [[one] for one in shared])
    both.add()
    both.dial(both.anna, "start", "first")
    both.dial(both.bert, "start", "second")
    until(
        lambda: all(both.closed()[one] == 2 for one in shared), LIMIT_S, "both campaigns have called them", every_s=0.1
    )
    while len(both.shares()) < 2:  # one may have been quicker with all of them
        both.goes_on()
    assert not +both.town.crossed


def the_database_stands_still(both: Both, postgres: Postgres, caller: Softphone) -> None:
    """Calls go on and end, and callers are taken; nobody is dialled; both say what is wrong."""
    both.add()
    until(lambda: both.town.talking, LIMIT_S, "somebody talks")
    with postgres.frozen():
        for edge in (both.anna, both.bert):
            until(lambda edge=edge: CONDITION in both.conditions(edge), LIMIT_S, "it is told", every_s=0.05)  # type: ignore[misc]
        until(lambda: not both.town.talking and not both.town.ringing, LIMIT_S, "calls end")
        called = both.town.invited.copy()
        call = caller.call(both.anna.uri).wait_answered()
        call.bye()
        call.wait_ended()
        assert both.town.invited == called
    for edge in (both.anna, both.bert):
        until(lambda edge=edge: CONDITION not in both.conditions(edge), LIMIT_S, "it works again", every_s=0.05)  # type: ignore[misc]
    both.goes_on()


def the_database_is_killed(both: Both, postgres: Postgres) -> None:
    both.add()
    until(lambda: both.town.talking, LIMIT_S, "somebody talks")
    postgres.stop()
    for edge in (both.anna, both.bert):
        until(lambda edge=edge: CONDITION in both.conditions(edge), LIMIT_S, "it is told", every_s=0.05)  # type: ignore[misc]
    until(lambda: not both.town.talking and not both.town.ringing, LIMIT_S, "calls end")
    postgres.start()
    both.store.close()  # ours had a connection, too
    for edge in (both.anna, both.bert):
        until(lambda edge=edge: CONDITION not in both.conditions(edge), LIMIT_S, "it works again", every_s=0.05)  # type: ignore[misc]
    both.goes_on()


def one_of_them_is_killed(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    """What it was at is held, the other one finishes the list, and says what a person has to look at."""
    both.add()
    bert, store = both.bert, both.store
    pids = [int(one["pid"]) for one in bert.processes() if one["pid"]]
    assert bert.process is not None
    dialer = bert.pid("dialer")
    os.kill(dialer, signal.SIGSTOP)
    while not store.open_attempts("bert"):
        os.kill(dialer, signal.SIGCONT)
        both.goes_on()
        os.kill(dialer, signal.SIGSTOP)
    os.kill(bert.process.pid, signal.SIGKILL)
    bert.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 10, "every process gone")
    left = {one.id for one in store.open_attempts("bert")}
    assert left
    until(lambda: {one.id for one in store.held_attempts()} == left, LIMIT_S, "what it has left is held", every_s=0.05)
    assert store.postpone("first", "c999", 0, 0)
    until(both.is_over, LIMIT_S, "the list is done", every_s=0.05)
    capsys.readouterr()
    both.dial(both.anna, "held", "--json")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(one["attempt"], one["appliance"]) for one in told} == {(one, "bert") for one in left}
    both.dial(both.anna, "status")
    assert "appliance bert was last seen" in capsys.readouterr().out


def it_comes_back(both: Both) -> None:
    """It takes back what nobody has settled; what it has not dialled is called, what it has and lost stays held."""
    settled = both.store.held_attempts()[0]
    both.dial(both.anna, "settle", settled.id, "no_answer")
    both.bert.start()
    until(lambda: campaign(both.bert, "first")["absent"] == [], LIMIT_S, "it is there")
    reasons: Callable[[], set[str]] = lambda: {str(one.evidence["held"]) for one in both.store.held_attempts()}  # noqa: E731
    until(
        lambda: not both.store.open_attempts() and reasons() <= {"nobody knows what became of the call"},
        LIMIT_S,
        "it has said of all what it knows",
        every_s=0.05,
    )
    until(both.is_over, LIMIT_S, "the list is done again", every_s=0.05)
    until(lambda: campaign(both.anna, "first")["absent"] == [], LIMIT_S, "the other one sees that")


def everybody_was_called_once(both: Both) -> None:
    made = list(both.store.attempts())
    assert Counter(one.state for one in made).keys() <= {"ended", "held", "released"}
    assert both.closed("first") == Counter([*both.numbers(0, both.filled), both.last])
    # Who is held may have been called or not, for the appliance died over it; and a call may fail before it leaves.
    sure = Counter(
        one.number.reveal()
        for one in made
        if one.state == "ended" and one.disposition != "failed" and "settled_by" not in one.evidence
    )
    most = both.closed()
    assert all(sure[one] <= both.town.invited[one] <= most[one] for one in most | both.town.invited)
    made = [one for one in made if one.campaign == "first"]
    shares = Counter(one.owner for one in made if one.state == "ended")
    assert min(shares["anna"], shares["bert"]) > 0
    events = [one for edge in (both.anna, both.bert) for one in attempts(edge, "first")]
    settled = {one.id for one in made if "settled_by" in one.evidence}
    told = Counter(one["attempt"] for one in events if one["disposition"] != "held" and one["attempt"] not in settled)
    assert told == Counter(one.id for one in made if one.state == "ended" and one.id not in settled)
    both.anna.check_histories()
    both.bert.check_histories()
