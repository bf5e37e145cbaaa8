"""Campaigns through real processes and callees of all kinds, and through kills: nobody is called twice."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.storage.campaigns.database_store import DatabaseStore
from edge.storage.campaigns.words import Row
from edge.vocabulary.dialing import Contact, ContactNumber
from edge.vocabulary.private import Private
from tests.support.addresses import address
from tests.support.appliance import Appliance, write_site
from tests.support.callees import Callees
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

SEED = 7
MENU = """
version: 1
start: hello
nodes:
  hello: {wait: 2s, next: bye}
  bye: {hang_up: ""}
"""
RULES = """
title = "Test: at any time, Germany"
[numbers]
countries = ["DE"]
source = "test"
[hours]
week = { mon-sun = "00:00-24:00" }
source = "test"
[ring]
least = "1s"
source = "test"
[abandonment]
ceiling_per_mille = 30
period_days = 30
connect_within = "2s"
message = false
source = "test"
"""
CAMPAIGN = """
[[campaigns]]
name = "{name}"
lists = ["{name}"]
rules = "anytime"
trunk = "town"
menu = "main"
caller_id = "+493022334455"
max_channels = 6
calls_per_second = 20
ring_timeout = "1500ms"
[[campaigns.retries]]
on = ["no_answer", "rejected", "congestion", "failed", "silence", "cancelled"]
step = "done"
[[campaigns.retries]]
on = ["busy"]
step = "next_number"
after = "0s"
"""
AGENTS = """
[[agents]]
name = "anna"
target = "sip:anna@{agent}:5060"
rest = "1h"
[[queues]]
name = "sales"
agents = ["anna"]
max_wait = "2s"
[[campaigns]]
name = "agents"
lists = ["agents"]
rules = "anytime"
trunk = "town"
queue = "sales"
caller_id = "+493022334455"
on_machine = "menu"
[[campaigns.retries]]
on = ["abandoned"]
step = "done"
"""
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


def number(of: int, kind: int) -> str:
    return f"+493022{of:04}{kind}0"


def fill(store: DatabaseStore, name: str, numbers: list[list[str]]) -> None:
    contacts = [
        Contact(listed_in=name, id=f"c{at}", numbers=[ContactNumber(number=Private(one)) for one in own])
        for at, own in enumerate(numbers)
    ]
    store.add(name, [Row(contact=one, line=line) for line, one in enumerate(contacts, 1)], 1_700_000_000_000)


def town_site(edge: Appliance, town: str, agent: str) -> None:
    """Write a site with campaigns and rules of its own."""
    trunk = f'[[trunks]]\nname = "town"\nsources = ["192.0.2.1"]\naddress = "{town}:5060"\n'
    extra = trunk + CAMPAIGN.format(name="first") + CAMPAIGN.format(name="second") + AGENTS.format(agent=agent)
    write_site(edge, menu=MENU, extra=extra)
    rules = edge.folder / "dialing_rules"
    rules.mkdir()
    (rules / "anytime.toml").write_text(RULES)
    edge.site.write_text(edge.site.read_text().replace("[paths]\n", f'[paths]\ndialing_rules = "{rules}"\n'))


def campaign(edge: Appliance, name: str) -> dict[str, Any]:
    answer = edge.control(what="request", process="dialer", request="campaigns", body={})["body"]
    return next(one for one in answer if one["name"] == name)


def attempts(edge: Appliance, name: str) -> list[dict[str, Any]]:
    found = [event["data"] for event in edge.events() if event["type"] == "dialer.attempt_ended"]
    return [one for one in found if one["campaign"] == name]


def test_a_campaign_and_one_through_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
        fill(store, "second", [[number(100 + of, 4 if of % 4 == 0 else 0)] for of in range(24)])
        fill(store, "agents", [[number(200 + of, 0)] for of in range(3)])
        edge.start()
        try:
            everybody_is_called_once(edge, town, capsys, len(kinds))
            an_agent_talks(edge, anna)
            through_kills(edge, town, store)
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


def through_kills(edge: Appliance, town: Callees, store: DatabaseStore) -> None:
    """Kill each process while phones ring, and then both again and again."""
    dice = random.Random(SEED)
    town.invited.clear()
    assert main(["dial", "start", "second", "--config", str(edge.site)]) == 0
    for name in ("dialer", "switch"):
        until(lambda: town.ringing, 30, "a phone rings")
        edge.wait_restarted(name, edge.kill(name))
    for _ in range(4):
        name = dice.choice(["dialer", "switch"])
        before = sum(town.invited.values())
        edge.wait_restarted(name, edge.kill(name))
        until(lambda before=before: sum(town.invited.values()) > before or done(edge, "second"), 30, "it goes on")  # type: ignore[misc]
    wait_done(edge, "second")
    assert town.most() == 1, f"seed {SEED}: {town.invited}"
    closed = list(store.attempts(campaign="second"))
    assert {one.state for one in closed} <= {"ended", "released", "held"}
    assert len({one.number for one in closed if one.state == "ended"}) == 24, f"seed {SEED}"
    assert len(town.invited) == 24
    assert len(attempts(edge, "second")) == 24


def wait_done(edge: Appliance, name: str) -> None:
    try:
        until(lambda: done(edge, name), 60, "the campaign is done")
    except AssertionError as error:
        raise AssertionError(f"{error}: {campaign(edge, name)}; log: {edge.log_tail()}") from None


def done(edge: Appliance, name: str) -> bool:
    try:
        return bool(campaign(edge, name)["state"] == "done")
    except (OSError, ValueError):
        return False  # it is being restarted
