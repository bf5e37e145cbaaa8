"""An agent who looks at contacts before they are called: through kills, and with what he says came of the talk."""

import json
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
from tests.support.campaigns import MENU, RULES
from tests.support.softphone import Softphone
from tests.support.waiting import until

pytestmark = pytest.mark.system

SITE = """
[[trunks]]
name = "town"
sources = ["192.0.2.1"]
address = "{town}:5060"
[[agents]]
name = "anna"
target = "sip:anna@{agent}:5060"
wrap_up = "1h"
[[queues]]
name = "sales"
agents = ["anna"]
[[campaigns]]
name = "renewals"
lists = ["customers"]
rules = "anytime"
trunk = "town"
queue = "sales"
caller_id = "+493022334455"
pacing = "preview"
ring_timeout = "20s"
[campaigns.preview]
timeout = "10m"
again_after = "1h"
[[campaigns.results]]
code = "sold"
key = "1"
[[campaigns.results]]
code = "later"
then = "callback"
after = "1h"
"""
NUMBERS = ("+493022000100", "+493022000200")


def ask(edge: Appliance, process: str, request: str, **body: Any) -> Any:
    answer = edge.control(what="request", process=process, request=request, body=body)
    return answer.get("body") if answer.get("ok", True) else None


def seen(edge: Appliance) -> Any:
    """What anna sees; None while nobody can say."""
    try:
        return ask(edge, "dialer", "preview", agent="anna")
    except (OSError, ValueError):
        return None


def anna_is(edge: Appliance) -> str:
    try:
        return str(ask(edge, "switch", "agents")[0]["state"])
    except (OSError, ValueError, TypeError):
        return ""


def told(edge: Appliance, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in edge.events() if event["type"] == kind]


def test_an_agent_looks_accepts_talks_and_says_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        address() as at,
        address() as town_at,
        address() as agent_at,
        Callees(town_at) as town,
        Softphone(agent_at, port=5060, user="anna") as anna,
    ):
        edge = Appliance(at, tmp_path)
        write_site(edge, menu=MENU, extra=SITE.format(town=town_at, agent=agent_at))
        rules = edge.folder / "dialing_rules"
        rules.mkdir()
        (rules / "anytime.toml").write_text(RULES)
        edge.site.write_text(edge.site.read_text().replace("[paths]\n", f'[paths]\ndialing_rules = "{rules}"\n'))
        edge.state.mkdir(parents=True, exist_ok=True)
        store = DatabaseStore(edge.state / "campaigns.db")
        contacts = [
            Contact(
                listed_in="customers",
                id=f"c{index}",
                numbers=[ContactNumber(number=Private(number))],
                attributes={"name": f"Customer {index}"},
            )
            for index, number in enumerate(NUMBERS)
        ]
        store.add("customers", [Row(contact=one, line=line) for line, one in enumerate(contacts, 1)], 1_700_000_000_000)
        edge.start()
        try:
            where = ["--config", str(edge.site)]
            assert main(["dial", "start", "renewals", *where]) == 0
            she_looks_through_kills(edge)
            assert town.invited == {}
            assert main(["dial", "preview", "anna", *where]) == 0
            shown = capsys.readouterr().out
            assert "Customer 0" in shown
            assert NUMBERS[0] not in shown
            assert main(["dial", "preview", "anna", "--accept", *where]) == 0
            they_talk(edge, anna, town)
            what_came_of_it(edge, store, where)
            the_next_one_is_skipped(edge, where)
            assert town.invited == {NUMBERS[0]: 1}
            edge.check_histories()
        finally:
            edge.stop()
            store.close()


def she_looks_through_kills(edge: Appliance) -> None:
    until(lambda: (seen(edge) or {}).get("ready"), 30, "anna looks at a contact")
    preview = seen(edge)["preview"]
    for name in ("dialer", "switch"):
        edge.wait_restarted(name, edge.kill(name))
        until(lambda: (seen(edge) or {}).get("ready") and anna_is(edge) == "previewing", 30, f"{name} goes on")
        assert seen(edge)["preview"] == preview
    assert len(told(edge, "dialer.preview_offered")) == 1
    assert told(edge, "dialer.preview_ended") == []


def they_talk(edge: Appliance, anna: Softphone, town: Callees) -> None:
    desk = anna.expect_call()
    assert town.invited == {}, "the agent comes first"
    desk.accept()
    until(lambda: told(edge, "queue.connected"), 20, "they talk")
    assert anna_is(edge) == "talking"
    desk.bye()
    edge.wait_event("dialer.attempt_ended")
    (ended,) = told(edge, "dialer.attempt_ended")
    assert (ended["number"], ended["disposition"], ended["evidence"]["queue"]) == (NUMBERS[0], "connected", "connected")
    until(lambda: anna_is(edge) == "wrap_up", 20, "she wraps up")


def what_came_of_it(edge: Appliance, store: DatabaseStore, where: list[str]) -> None:
    """What she says while the dialer is dead is followed when it is back."""
    edge.wait_restarted("dialer", edge.kill("dialer"))
    assert main(["agents", "disposition", "anna", "sold", "--note", "two years", *where]) == 0
    assert main(["agents", "disposition", "anna", "later", *where]) == 0
    edge.wait_restarted("switch", edge.kill("switch"))
    attempt = told(edge, "dialer.attempt_ended")[0]["attempt"]
    until(lambda: len(store.results(attempt)) == 2, 30, "the dialer has both")
    results = told(edge, "dialer.result")
    assert [(one["code"], one["ordinal"]) for one in results] == [("sold", 1), ("later", 2)]
    found = store.contact("customers", "c0")
    assert found is not None
    assert (found.state, found.due_ms) == ("waiting", results[-1]["due_ms"])
    assert json.dumps(results[0]["note"]) == '"two years"'


def the_next_one_is_skipped(edge: Appliance, where: list[str]) -> None:
    until(lambda: (seen(edge) or {}).get("contact") == "c1", 30, "anna looks at the next one")
    until(lambda: seen(edge)["ready"], 30, "she is kept for it")
    assert main(["dial", "preview", "anna", "--skip", "--reason", "lunch", *where]) == 0
    edge.wait_event("dialer.preview_ended", count=2)
    assert [(one["how"], one["reason"]) for one in told(edge, "dialer.preview_ended")] == [
        ("accepted", ""),
        ("skipped", "lunch"),
    ]
    until(lambda: anna_is(edge) == "ready", 20, "she is free")
