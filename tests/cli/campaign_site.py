"""A site with a campaign, rules of its own, and a store that has a contact, a list and a consent."""

from datetime import datetime
from pathlib import Path

from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.store import opened
from edge.storage.campaigns.words import Lease, Outcome, Row
from edge.vocabulary.dialing import Consent, Contact, ContactNumber, Disposition
from edge.vocabulary.private import Private

CALLEE, OURS = "+13125550123", "+12125550100"
SITE = """
name = "here"
[paths]
state = "state"
menus = "menus"
prompts = "prompts"
dialing_rules = "rules"
[[trunks]]
name = "carrier"
sources = ["192.0.2.1"]
address = "192.0.2.1"
[[routes]]
number = "*"
menu = "hello"
[[campaigns]]
name = "spring"
lists = ["customers"]
rules = "own"
trunk = "carrier"
menu = "hello"
caller_id = "+12125550100"
"""
RULES = """
title = "Our own"
extends = "us-ftc"
[[attempts]]
of = "number"
most = 2
window = "week"
source = "our own promise"
[ring]
least = "14s"
override = true
reason = "counsel said so"
"""
MENU = 'version: 1\nstart: bye\nnodes:\n  bye:\n    hang_up: ""\n'
#: Wednesday.
AT = "2026-11-18T12:00-06:00"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def dialled(
    store: CampaignStore,
    attempt: str,
    at: str,
    disposition: Disposition = "no_answer",
    rang_ms: int = 20_000,
    lasts_ms: int = 25_000,
) -> None:
    store.set_campaign("spring", "running", 1)
    lease = Lease(
        attempt=attempt, campaign="spring", listed_in="customers", contact="c1", number=Private(CALLEE), owner="a"
    )
    assert store.lease(lease, moment(at)) is None
    assert store.dialling(attempt, moment(at))
    outcome = Outcome(disposition=disposition, ended_ms=moment(at) + lasts_ms, rang_ms=rang_ms, next_due_ms=0)
    assert store.end(attempt, outcome)


def make_site(tmp_path: Path) -> Path:
    for folder, file, text in (("menus", "hello.yaml", MENU), ("rules", "own.toml", RULES)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir(mode=0o700)
    store = opened(tmp_path / "state")
    contact = Contact(listed_in="customers", id="c1", numbers=[ContactNumber(number=Private(CALLEE))])
    store.add("customers", [Row(contact=contact, line=2)], 1)
    edition = store.begin_edition("us-national-dnc")
    store.suppress("us-national-dnc", {Private("+12025550177"): 1}, edition)
    store.finish_edition("us-national-dnc", edition, moment("2026-11-10T00:00Z"))
    store.agree([(Private(CALLEE), Consent(kind="prior_express_written", given_ms=1, evidence="form 7"))])
    dialled(store, "a1", "2026-11-16T12:00-06:00")
    store.close()
    return tmp_path
