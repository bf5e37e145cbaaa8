"""Campaigns through real processes and callees of all kinds, and through kills: nobody is called twice."""

import json
from pathlib import Path

import pytest

from bench import dialer_kills
from edge.cli import main
from edge.storage.campaigns.database_store import DatabaseStore
from tests.support.addresses import address
from tests.support.appliance import Appliance
from tests.support.callees import Callees
from tests.support.campaigns import attempts, campaign, fill, number, town_site, wait_done
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

#: The kills of `edge bench dialer_kills`, few of them.
KILLS, CONTACTS = 20, 50
#: What becomes of a call, by the last digit but one of its number.
EXPECTED = {
    "0": "connected",
    "1": "busy",
    "2": "rejected",
    "3": "unallocated",
    "4": "no_answer",
    "5": "congestion",
    "6": "silence",
    "7": "fax",
}


def test_everybody_is_called_once_and_agents_talk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        address() as at,
        address() as town_at,
        address() as agent_at,
        Callees(town_at) as town,
        Softphone(agent_at, port=5060, user="anna") as anna,
    ):
        edge = Appliance(at, tmp_path)
        town_site(edge, town_at, agent_at)
        edge.state.mkdir(parents=True, exist_ok=True)
        store = DatabaseStore(edge.state / "campaigns.db")
        kinds = [0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7]
        fill(store, "first", [[number(of, kind)] for of, kind in enumerate(kinds)] + [[number(90, 1), number(90, 0)]])
        fill(store, "agents", [[number(200 + of, 0)] for of in range(3)])
        edge.start()
        try:
            everybody_is_called_once(edge, town, capsys, len(kinds))
            an_agent_talks(edge, anna)
            edge.check_histories()
        finally:
            edge.stop()
            store.close()


def everybody_is_called_once(edge: Appliance, town: Callees, capsys: pytest.CaptureFixture[str], count: int) -> None:
    where = ["--config", str(edge.site)]
    until(lambda: campaign(edge, "first")["contacts"] == count + 1, 20, "the dialer has its lists")
    assert town.invited == {}
    assert main(["dial", "start", "first", "--why", "test", *where]) == 0
    wait_done(edge, "first")
    ended = attempts(edge, "first")
    assert {one["number"]: one["disposition"] for one in ended} == {
        one["number"]: EXPECTED[one["number"][-2]] for one in ended
    }
    assert town.most() == 1
    assert len(ended) == len(town.invited) == count + 2
    last = next(one for one in ended if one["number"] == number(90, 1))
    assert last["next"] == {"step": "next_number"}
    capsys.readouterr()
    assert main(["dial", "status", "first", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["waiting"], told["open"], told["held"]) == (count + 1, 0, 0, 0)
    assert told["outcomes"]["busy"] == 3
    edge.wait_event("dialer.campaign_state", count=2)  # it follows the store, by way of switch
    states = [event["data"] for event in edge.events() if event["type"] == "dialer.campaign_state"]
    assert [(one["campaign"], one["state"]) for one in states] == [("first", "running"), ("first", "done")]
    assert town.phone.calls  # the calls carry our number
    assert all("+493022334455@" in call.requests("INVITE")[0].get("From") for call in town.phone.calls.values())


def an_agent_talks(edge: Appliance, anna: Softphone) -> None:
    """One call at a time for one agent; who answers when she does not was abandoned."""
    assert main(["dial", "start", "agents", "--config", str(edge.site)]) == 0
    for count in (1, 2):
        desk = anna.expect_call()
        assert campaign(edge, "agents")["open"] == 1
        desk.accept()
        until(lambda: campaign(edge, "agents")["talking"] == 1, 20, "they talk")
        desk.bye()
        until(lambda count=count: len(attempts(edge, "agents")) == count, 20, "it is over")  # type: ignore[misc]
    anna.expect_call().reject(486)
    wait_done(edge, "agents")
    ended = attempts(edge, "agents")
    assert [one["disposition"] for one in ended] == ["connected", "connected", "abandoned"]
    assert [one["evidence"]["queue"] for one in ended] == ["connected", "connected", "timed_out"]
    assert all(one["evidence"]["decided_by"] == "queue" for one in ended)


@pytest.mark.first
def test_no_kill_has_anybody_called_twice_or_lost(seed: int) -> None:
    found = dialer_kills.run(KILLS, CONTACTS, seed)
    told = f"seed {seed}: {found}"
    assert found.kills.total() == KILLS, told
    assert (found.called_twice, found.released_and_called) == (0, 0), told
    assert (found.open, found.lost, found.untold, found.told_twice) == (0, 0, 0, 0), told
    # Of what is held somebody has to say what became of it. No kill of a process alone leaves that unknown.
    assert not found.held, told
