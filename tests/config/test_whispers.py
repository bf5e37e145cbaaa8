"""What agents of campaigns are told: compiled with the site, read out with the contact's values, and told to nobody."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.config.campaign_menu import queue_menu
from edge.config.compiled import CompiledSite, packed
from edge.config.loader import Inspection, inspect
from edge.core.calls.inputs import AgentOffered, Handed, Originate
from edge.core.menus.model import Menu
from edge.vocabulary import commands as c
from edge.vocabulary import reports as r
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.wire import pack, unpacker
from tests.config.box import SITE
from tests.core.calls.desk import FIRST, REMOTE, SPAN, TERMS, Desk, ended, seat

CAMPAIGN = """
[[agents]]
name = "anna"
target = "sip:anna@127.0.0.9"
line = "nailed_up"
[[queues]]
name = "sales"
agents = ["anna"]
max_wait = "2s"
[[campaigns]]
name = "spring"
lists = ["spring"]
rules = "us-ftc"
trunk = "t"
queue = "sales"
caller_id = "+12125550100"
on_machine = "menu"
whisper = "${segment} customer, ${open} invoices"
[campaigns.contact_values]
segment = {values = ["gold", "silver"]}
open = {type = "number"}
"""
MENU = "version: 1\nstart: bye\nnodes: {bye: {hang_up: x}}\n"
LINE = LegId("p.1")


def looked_at(folder: Path, *changes: tuple[str, str], menu: str = MENU) -> Inspection:
    text = SITE.format(folder) + CAMPAIGN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "menus").mkdir(exist_ok=True)
    (folder / "menus/main.yaml").write_text(menu)
    (folder / "site.toml").write_text(text)
    return inspect(folder / "site.toml")


def compiled(folder: Path) -> Menu:
    found = looked_at(folder)
    assert [str(one) for one in found.errors if "spring" in str(one) or "campaigns" in str(one)] == []
    site = found.site
    assert isinstance(site, CompiledSite)
    handed_on = unpacker(CompiledSite).decode(pack(packed(site)))
    assert handed_on.whispers == site.whispers
    [campaign] = handed_on.campaigns
    return queue_menu(campaign, handed_on.whispers["spring"])


def said(menu: Menu, **values: str) -> tuple[list[str], Desk]:
    """What an agent with a leg that stays up hears when somebody with these values answers."""
    begun = Originate(
        target=Private("+12125550111"), trunk="", caller=Private("edge"), terms=replace(TERMS, menu_key="k"),
        attributes={name: Private(value) for name, value in values.items()},
    )  # fmt: skip
    desk = Desk(begun, menu)
    desk.reserve(FIRST, 0)
    desk.give(r.LegMedia(FIRST, REMOTE))
    desk.give(r.LegAnswered(FIRST))
    line = Handed(leg=LINE, span=SPAN, seat=seat(7), remote=REMOTE, trunk="")
    desk.give(
        AgentOffered(
            number=1, agent="anna", target=Private("sip:anna@127.0.0.9"), trunk="", ring_timeout_ms=1, line=line,
            tone="tone:440/200",
        )
    )  # fmt: skip
    bridged = [one for one in desk.sent if isinstance(one.body, c.Bridge)]
    assert len(bridged) == 1, "who has answered does not wait for the whisper"
    plays = [body for body in desk.bodies(c.Play) if body.leg == LINE]  # type: ignore[attr-defined]
    assert all(play.mix for play in plays)  # type: ignore[attr-defined]
    labels = {path: word for words in menu.words.values() for word, path in words.items()}
    files = [path for play in plays for path in play.files]  # type: ignore[attr-defined]
    return [labels.get(path, "text") if path != "tone:440/200" else "tone" for path in files], desk


@pytest.fixture(scope="module")
def menu(tmp_path_factory: pytest.TempPathFactory) -> Menu:
    return compiled(tmp_path_factory.mktemp("site"))


def test_the_contact_is_told_over_the_first_words(menu: Menu) -> None:
    heard, desk = said(menu, segment="gold", open="3", language="de")
    assert heard == ["tone", "gold", "text", "three", "text"]
    desk.give(ended(FIRST))
    told = str(desk.events)
    assert "gold" not in told, "values of contacts are in no event"
    assert desk.types()[-1] == "call.ended"


@pytest.mark.parametrize(
    ("values", "heard"),
    [
        ({}, ["tone", "text", "text"]),
        ({"segment": "platinum", "open": "many"}, ["tone", "text", "text"]),
        ({"segment": "silver", "open": "21", "name": "Anna"}, ["tone", "silver", "text", "twenty-one", "text"]),
    ],
)
def test_what_a_list_does_not_have_is_left_out(menu: Menu, values: dict[str, str], heard: list[str]) -> None:
    assert said(menu, **values)[0] == heard


def test_a_whisper_that_makes_callees_wait_is_told(tmp_path: Path) -> None:
    changes = ('queue = "sales"', 'menu = "main"'), ('whisper = "${segment} customer, ${open} invoices"\n', "")
    nodes = 'wait: {{queue: {{name: sales, {}: [{{say: "Spring."}}]}}, failed: bye}}'
    for what, warned in (("whisper", True), ("comfort", False)):
        found = looked_at(
            tmp_path,
            *changes,
            menu=MENU.replace("start: bye", "start: wait").replace("{bye", f"{{{nodes.format(what)}, bye"),
        )
        assert any("who answers waits" in str(one) for one in found.warnings) == warned, found.warnings


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("${segment} customer", "${nobody} customer"), "there is no value 'nobody'"),
        (('{values = ["gold", "silver"]}', "{}"), "can't be read out"),
        (("open = {", 'open = {values = ["x"], '), "a number has no list of values"),
        (("segment = {", "caller = {"), "'caller' is a value that every call has"),
        (('["gold", "silver"]', '["two words"]'), "'two words' is no word"),
        (('queue = "sales"', 'menu = "main"'), "has no agents to tell something"),
    ],
)
def test_faults_are_told_where_they_are(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    errors = [str(one) for one in looked_at(tmp_path, change).errors]
    assert any(fault in one for one in errors), errors
