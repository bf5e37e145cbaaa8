"""One call by what is on the box alone: hours, the table of callers, their language, digits read back, a sub-menu."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.config.prompts import spoken_name
from tests.support.addresses import address
from tests.support.appliance import TONES, appliance
from tests.support.softphone import Softphone
from tests.system.flows import hears

pytestmark = pytest.mark.system

MENU = """
version: 1
language: en
languages: [de]
start: open
attributes: {speaks: {values: [en, de], default: en}, account: digits}
hours: {always: {time_zone: Europe/Berlin, week: {mon-sun: "00:00-24:00"}}}
nodes:
  open:
    hours: always
    open: who
    closed: bye
  who:
    lookup: vips
    known: speak
    unknown: bye
  speak:
    language: "${speaks}"
    next: account
  account:
    gather: {greet_long: welcome, max_digits: 2, check: luhn, into: account, confirm: [{digits: "${digits}"}]}
    next: further
    failed: bye
  further:
    menu: inner
    results: {done: bye}
    next: account
  bye:
    hang_up: "${result} ${language}"
"""
INNER = """
version: 1
language: en
languages: [de]
start: ask
nodes:
  ask:
    gather: two
    choices: {5: right}
    failed: wrong
  right:
    give_back: done
  wrong:
    give_back:
"""
#: What is heard in German, Hz: prompts, and the recorded words of the two digits.
GERMAN = {"welcome": 740, "two": 820, spoken_name("eins"): 1000, spoken_name("acht"): 1150}


def test_a_known_caller_is_served_by_the_box_alone(tmp_path: Path) -> None:
    for name, hz in GERMAN.items():
        path = tmp_path / "prompts/de" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        length = 2 if "/" in name else 60
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * np.arange(length * 8000) / 8000), 8000, subtype="PCM_16")
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus/inner.yaml").write_text(INNER)
    (tmp_path / "vips.csv").write_text("number,customer_type,speaks\n+4930123456,vip,de\n")
    tables = f'[[tables]]\nname = "vips"\nfile = "{tmp_path}/vips.csv"\n'
    with (
        address() as at,
        address() as caller_at,
        Softphone(caller_at, tone_hz=700, user="030123456") as caller,
        appliance(at, tmp_path, menu=MENU, trunk='country = "DE"', extra=tables) as edge,
    ):
        call = caller.call(edge.uri).wait_answered()
        hears(call, GERMAN["welcome"])
        call.audio.press("1")
        call.audio.press("8")
        hears(call, GERMAN[spoken_name("eins")])
        hears(call, GERMAN[spoken_name("acht")])
        call.audio.press("1")
        hears(call, GERMAN["two"])
        call.audio.press("5")
        call.wait_ended()
        ended = edge.wait_event("call.ended", edge.last_call())["data"]
        assert ended["end"]["text"] == "done de"
        assert ended["attributes"] == {"customer_type": "vip", "speaks": "de", "account": "18"}
        assert ended["language"] == "de"
        assert ended["path"] == ["open", "who", "speak", "account", "further", "inner/ask", "inner/right", "bye"]
        set_to = [e["data"]["attributes"] for e in edge.events() if e["type"] == "menu.attributes_set"]
        assert set_to == [{"customer_type": "vip", "speaks": "de"}, {"language": "de"}, {"account": "18"}]
        assert TONES["welcome"] not in GERMAN.values()
        log = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*.log"))
        assert "30123456" not in log
