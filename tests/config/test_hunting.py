"""Several targets, hunt lists of the site and whispers, from their sources to the compiled menu."""

from pathlib import Path

import pytest

from edge.config.loader import inspect
from edge.core.menus.model import Menu, Target, Transfer

SITE = """
name = "x"
[paths]
menus = "menus"
prompts = "prompts"
state = "state"
[[trunks]]
name = "out"
sources = ["192.0.2.1"]
address = "192.0.2.1:5060"
[[hunt_lists]]
name = "sales"
strategy = "round_robin"
trunk = "out"
ring_timeout = "15s"
hunt_timeout = "60s"
skip_busy = true
leave_on = ["rejected"]
targets = [{{ to = "100" }}, {{ to = "sip:{anna}@192.0.2.7", ring_timeout = "25s", leave_on = ["busy"] }}]
[[routes]]
number = "1"
menu = "main"
"""
MENU = """
version: 1
start: listed
defaults:
  transfer: {whisper: {sounds: [{say: "A call for you."}], accept: "1", decline: "2", accept_timeout: 7s}}
nodes:
  listed:
    transfer: {hunt_list: sales}
    failed: own
  own:
    transfer:
      targets: ["sip:a@192.0.2.7", {to: "+4930${digits}", trunk: out, ring_timeout: 9s}, {to: "7", leave_on: [busy]}]
      trunk: out
      ring_timeout: 12s
      strategy: all
      leave_on: [rejected]
      whisper: {say: "For you."}
    failed: end
  end:
    hang_up:
"""


def compiled(folder: Path, anna: str = "anna") -> Menu:
    (folder / "menus").mkdir(exist_ok=True)
    (folder / "site.toml").write_text(SITE.format(anna=anna))
    (folder / "menus/main.yaml").write_text(MENU)
    found = inspect(folder / "site.toml")
    assert [error.message for error in found.errors] == []
    return found.site.menus["main"]


def transfer(menu: Menu, name: str) -> Transfer:
    node = menu.nodes[name]
    assert isinstance(node, Transfer)
    return node


@pytest.fixture
def menu(tmp_path: Path) -> Menu:
    return compiled(tmp_path)


def test_a_list_of_the_site_is_in_the_menu_that_names_it(menu: Menu) -> None:
    node = transfer(menu, "listed")
    assert node.targets == [
        Target(target="100", trunk="out", ring_timeout_ms=15_000, leave_on=["rejected"]),
        Target(target="sip:anna@192.0.2.7", trunk="out", ring_timeout_ms=25_000, leave_on=["busy"]),
    ]
    assert (node.hunt_list, node.strategy, node.skip_busy, node.hunt_timeout_ms) == (
        "sales", "round_robin", True, 60_000,
    )  # fmt: skip
    assert node.ringing, "the ringing tone of a country"


def test_targets_in_a_menu_have_what_the_transfer_says(menu: Menu) -> None:
    node = transfer(menu, "own")
    assert node.targets == [
        Target(target="sip:a@192.0.2.7", trunk="out", ring_timeout_ms=12_000, leave_on=["rejected"]),
        Target(target="+4930${digits}", trunk="out", ring_timeout_ms=9000, leave_on=["rejected"]),
        Target(target="7", trunk="out", ring_timeout_ms=12_000, leave_on=["busy"]),
    ]
    assert (node.strategy, node.hunt_list, node.hunt_timeout_ms) == ("all", "", 0)


def test_whispers(menu: Menu) -> None:
    usual, own = transfer(menu, "listed").whisper, transfer(menu, "own").whisper
    assert usual is not None
    assert ([one.label for one in usual.sounds], usual.accept, usual.decline, usual.accept_timeout_ms) == (
        ["A call for you."], "1", "2", 7000,
    )  # fmt: skip
    assert own is not None
    assert ([one.label for one in own.sounds], own.accept) == (["For you."], "")


def test_a_changed_list_is_another_version_of_the_menu(tmp_path: Path, menu: Menu) -> None:
    assert compiled(tmp_path).version == menu.version
    other = compiled(tmp_path, "berta")
    assert other.version != menu.version
    assert transfer(other, "listed").targets[1].target == "sip:berta@192.0.2.7"
