"""Sites with campaigns, and what became of them."""

from typing import Any

from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Row
from edge.vocabulary.dialing import Contact, ContactNumber
from edge.vocabulary.private import Private
from tests.support.appliance import Appliance, write_site
from tests.support.waiting import until

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


def number(of: int, kind: int) -> str:
    return f"+493022{of:04}{kind}0"


def fill(store: CampaignStore, name: str, numbers: list[list[str]], first: int = 0) -> None:
    """Put contacts with these numbers on a list; their ids are `c` and a count from `first` on."""
    contacts = [
        Contact(listed_in=name, id=f"c{at}", numbers=[ContactNumber(number=Private(one)) for one in own])
        for at, own in enumerate(numbers, first)
    ]
    store.add(name, [Row(contact=one, line=line) for line, one in enumerate(contacts, 1)], 1_700_000_000_000)


def town_site(edge: Appliance, town: str, agent: str, more: str = "") -> None:
    """Write a site with campaigns and rules of its own; `more`: TOML for the end."""
    trunk = f'[[trunks]]\nname = "town"\nsources = ["192.0.2.1"]\naddress = "{town}:5060"\n'
    extra = trunk + CAMPAIGN.format(name="first") + CAMPAIGN.format(name="second") + AGENTS.format(agent=agent) + more
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
