"""A staged menu: what it reaches outside of itself is replaced, and told by its author's words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import edge
from edge.app.menu_part import Apart, Part, own
from edge.app.menu_stage import FILL, OTHER_ARM, members_of, named_in, places_of, staged, staged_menu
from edge.config.callback_settings import Callbacks
from edge.config.compiled import CompiledSite
from edge.config.loader import inspect
from edge.config.trunk_settings import GroupMember, Trunk, TrunkGroup
from edge.core.menus.facts import Row
from edge.core.menus.kinds.record import Room
from edge.core.menus.model import Ask, HangUp, Lookup, Menu, Record, Sound, Target, Transfer, Voicemail, Whisper
from edge.core.routing.trials import Asker, Assigned
from edge.metrics.switch import SwitchMetrics
from edge.switch.plan import Plan
from edge.switch.tables import Tables
from edge.switch.trials import Trials
from edge.vocabulary.media import Address
from edge.vocabulary.private import Private

SHOP = Path(edge.__file__).parent / "app/examples/shop/site.toml"
DESK = Address("127.9.9.9", 5071)


@pytest.fixture(scope="module")
def site() -> CompiledSite:
    return inspect(SHOP).site


def part_of(site: CompiledSite, caller: str = "+85221234567", **rows: Row) -> Part:
    return Part(menu=site.menus["main"], caller=caller, rows=dict(rows), wall_ms=86_400_000, host="127.9.9.8")


def numbered(part: Part, number: int) -> Part:
    part.number = number
    return part


def test_what_a_menu_reaches(site: CompiledSite) -> None:
    menu = site.menus["main"]
    assert places_of(menu) == ["sip:192.0.2.20"]
    assert named_in(menu, "endpoint") == ["bank"]
    assert named_in(menu, "table") == ["customers"]


def test_the_stage_has_nothing_of_the_real_world(site: CompiledSite, tmp_path: Path) -> None:
    gold = Row(False, {"customer_type": Private("gold")})
    parts = [part_of(site, customers=gold), part_of(site, customers=Row(True)), part_of(site, caller="")]
    for part in parts:
        part.places, part.endpoints = {"sip:192.0.2.20": DESK}, ["bank"]
    stage = staged(site, parts, tmp_path, ("https://127.0.0.1:4", "/ca.pem"), 2)
    assert [one.trunk for one in parts] == ["caller-0", "caller-1", "caller-2"]
    assert stage.sinks == []
    assert [one.url for one in stage.endpoints] == [f"https://127.0.0.1:4/{n}/bank" for n in range(3)]
    menu = stage.menus["main-1"]
    transfers = [node for node in menu.nodes.values() if isinstance(node, Transfer)]
    assert {node.target for node in transfers} == {f"sip:desk@{DESK}"}
    assert {node.endpoint for node in menu.nodes.values() if isinstance(node, Ask)} == {"bank-1"}
    assert {node.table for node in menu.nodes.values() if isinstance(node, Lookup)} == {"customers-1"}
    assert parts[1].target(transfers[0].target, "") == "sip:desk@192.0.2.20"
    tables = Tables(stage.tables)
    assert tables.rows(stage.menus["main-0"], "+85221234567") == {"customers-0": gold}
    assert tables.rows(stage.menus["main-1"], "+85221234567") == {"customers-1": Row(True)}
    assert tables.rows(stage.menus["main-2"], "+85221234567") == {}
    tables.close()


def test_each_call_of_the_stage_has_a_clock_of_its_own(site: CompiledSite, tmp_path: Path) -> None:
    parts = [part_of(site)]
    parts[0].places, parts[0].endpoints = {"sip:192.0.2.20": DESK}, ["bank"]
    plan = Plan(staged(site, parts, tmp_path, ("https://127.0.0.1:4", ""), 1))
    wall = datetime(2026, 11, 22, tzinfo=UTC)
    assert plan.terms(None, wall, trunk="caller-0").wall_ms == 86_400_000
    assert plan.terms(None, wall, trunk="another").wall_ms == round(wall.timestamp() * 1000)


def test_no_file_can_set_the_clock(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('name = "x"\n[clocks]\ncarrier = 5\n')
    assert any("clocks" in error.message for error in inspect(tmp_path / "site.toml").errors)


def test_trunks_and_groups_are_dialled_at_their_stand_ins(tmp_path: Path) -> None:
    nodes = {
        "a": Transfer(target="+4930${digits}", trunk="all", failed="c"),
        "b": Transfer(target="100", trunk="one", failed="c"),
        "c": HangUp(),
    }
    menu = Menu(name="m", version="", start="a", nodes=nodes)
    members = [GroupMember(trunk="one"), GroupMember(trunk="two", priority=2)]
    trunks = [
        Trunk(name="one", address="192.0.2.1:5060", user="me", password="secret", register=True),
        Trunk(name="two"),
    ]
    site = CompiledSite(name="x", trunks=trunks, trunk_groups=[TrunkGroup(name="all", members=members)])
    part = Part(menu=menu, caller="", rows={}, wall_ms=0, host="127.9.9.8")
    part.trunks = {name: Address("127.9.9.9", 5080 + n) for n, name in enumerate(("one", "two"))}
    assert members_of(site, "all") == ["one", "two"]
    copy = staged_menu(numbered(part, 7), tmp_path)
    assert [copy.nodes[name].trunk for name in "ab"] == ["all-7", "one-7"]
    stage = staged(site, [part], tmp_path, ("", ""), 1)
    assert [(one.name, one.address, one.password, one.register) for one in stage.trunks] == [
        ("caller-0", "", "", False),
        ("one-0", "127.9.9.9:5080", "", False),
        ("two-0", "127.9.9.9:5081", "", False),
    ]
    assert [member.trunk for member in stage.trunk_groups[0].members] == ["one-0", "two-0"]
    assert part.target("+4930123", "all-0") == "+4930123"


def test_targets_of_hunts_are_on_the_stage(tmp_path: Path) -> None:
    targets = [Target(target="sip:anna@192.0.2.9"), Target(target="100", trunk="one")]
    whisper = Whisper(sounds=[Sound("/w.wav", "for you")], accept="1", decline="2")
    nodes = {"a": Transfer(targets=targets, whisper=whisper, failed="c"), "c": HangUp()}
    part = Part(
        menu=Menu(name="m", version="", start="a", nodes=nodes), caller="", rows={}, wall_ms=0, host="127.9.9.8"
    )
    assert places_of(part.menu) == ["sip:192.0.2.9"]
    part.places = {"sip:192.0.2.9": Address("127.9.9.9", 5080)}
    copy = staged_menu(numbered(part, 7), tmp_path).nodes["a"]
    assert [(one.target, one.trunk) for one in copy.targets] == [("sip:anna@127.9.9.9:5080", ""), ("100", "one-7")]
    assert (copy.whisper.accept, copy.whisper.decline, copy.whisper.sounds) == ("1", "2", whisper.sounds)


def test_a_target_that_no_call_comes_through_to_has_a_trunk_of_its_own(tmp_path: Path) -> None:
    targets = [
        Target(target="sip:anna@192.0.2.9"),
        Target(target="100", trunk="one"),
        Target(target="101", trunk="one"),
    ]
    nodes = {"a": Transfer(targets=targets, strategy="random", failed="c"), "c": HangUp()}
    part = Part(
        menu=Menu(name="m", version="", start="a", nodes=nodes), caller="", rows={}, wall_ms=0, host="127.9.9.8"
    )
    part.places, part.trunks = {"sip:192.0.2.9": Address("127.9.9.9", 5080)}, {"one": Address("127.9.9.9", 5081)}
    part.apart = {
        "sip:anna@192.0.2.9": Apart(why="no_room", at=Address("127.9.9.10", 5082)),
        "100": Apart(why="trunk_down", at=Address("127.9.9.11", 5060)),
    }
    stage = staged(CompiledSite(name="x", trunks=[Trunk(name="one")]), [part], tmp_path, ("", ""), 1)
    copy = stage.menus["m-0"].nodes["a"]
    assert copy.strategy == "linear"
    assert [(one.target, one.trunk) for one in copy.targets] == [
        ("sip:anna@127.9.9.10:5082", ""),
        ("100", "apart-1-0"),
        ("101", "one-0"),
    ]
    own = {one.name: one for one in stage.trunks}
    full, down = own["apart-0-0"], own["apart-1-0"]
    assert (full.address, full.sources, full.max_channels) == ("127.9.9.10:5082", ["127.9.9.10"], 1)
    assert (down.address, down.qualify_misses, down.max_channels) == ("127.9.9.11:5060", 1, 0)
    assert down.qualify_ms > 0
    assert {(one.number, one.menu, one.trunk) for one in stage.routes if one.menu == FILL} == {
        (FILL, FILL, "apart-0-0"),
        (FILL, FILL, "apart-1-0"),
    }
    assert part.target("sip:anna@127.9.9.10:5082", "") == "sip:anna@192.0.2.9"


def test_where_nothing_can_be_recorded_no_folder_can_be_made(tmp_path: Path) -> None:
    nodes = {
        "a": Record(next="c", failed="c", unavailable="c"),
        "b": Voicemail(next="c", failed="c", unavailable="c", mailbox="x", folder="/var/x"),
        "c": HangUp(),
    }
    part = Part(menu=Menu(name="m", version="", start="a", nodes=nodes), caller="", rows={}, wall_ms=0)
    copy = staged_menu(part, tmp_path)
    assert [copy.nodes[name].folder for name in "ab"] == ["", str(tmp_path / "messages")]
    part.records = False
    copy = staged_menu(part, tmp_path)
    for name in "ab":
        with pytest.raises(NotADirectoryError):
            Path(copy.nodes[name].folder).mkdir(parents=True)


@pytest.mark.parametrize("arm", ["candidate", "control"])
def test_every_call_of_a_part_is_on_the_arm_that_it_says(tmp_path: Path, arm: str) -> None:
    nodes = {"a": HangUp()}
    menu = Menu(name="m", version="", start="a", nodes=nodes)
    part = Part(menu=menu, caller="", rows={}, wall_ms=0, host="127.9.9.8", trial="short", arm=arm)
    other = Part(menu=menu, caller="", rows={}, wall_ms=0, host="127.9.9.7")
    site = CompiledSite(name="x", callbacks=Callbacks(dial=True, target="sip:x@192.0.2.1"))
    stage = staged(site, [part, other], tmp_path, ("", ""), 1)
    plan = Plan(stage)
    trials = Trials(plan.trials, SwitchMetrics())
    for number in ("", "+15550100", "+15550101"):
        asker = Asker(call=f"c{number}", number=number, wall_ms=1)
        menu, assigned = trials.choose(plan, plan.route("100", "", "caller-0"), asker)
        assert (menu.name, assigned) == ("m-0", Assigned("short-0", arm))
        menu, assigned = trials.choose(plan, plan.route("100", "", "caller-1"), asker)
        assert (menu.name, assigned) == ("m-1", None)
    assert own(OTHER_ARM, 0) in stage.menus
    assert not stage.callbacks.dial


def test_mailboxes_of_the_stage_are_full_when_a_test_says_so_and_never_else(site: CompiledSite, tmp_path: Path) -> None:
    box = Voicemail(
        mailbox="sales", folder="/spool/sales", room=Room(messages=2, length_ms=9), next="bye", failed="bye",
        unavailable="bye", on_full="bye",
    )  # fmt: skip
    menu = Menu(name="m", version="v", start="box", nodes={"box": box, "bye": HangUp()})
    part = Part(menu=menu, caller="", rows={}, wall_ms=0)
    free = staged_menu(part, tmp_path).nodes["box"]
    assert isinstance(free, Voicemail)
    assert free.room is not None
    assert not free.room.is_full(1000, 10**9), "the messages of other tests lie in the same folder"
    part.full = ["sales"]
    full = staged_menu(part, tmp_path).nodes["box"]
    assert isinstance(full, Voicemail)
    assert full.room is not None
    assert full.room.is_full(0, 0)
