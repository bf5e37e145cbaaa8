"""Menus and recordings change under calls: who is on a version stays on it, whatever is loaded and whoever dies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from tests.support.addresses import address
from tests.support.appliance import MENU, TONES, Appliance, appliance
from tests.support.softphone import Call, Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

CALLS = 10
#: What `welcome` and `two` sound like in further versions, Hz.
SECOND, THIRD = (1000, 1150), (1300, 1450)


class Place(NamedTuple):
    edge: Appliance
    phone: Softphone
    folder: Path

    def up(self) -> Call:
        """A call that is up; where its span is still being made it is refused, and made again."""

        def placed() -> Call | None:
            until(self.has_spans, 30, "all spans that front wants")
            call = self.phone.call(self.edge.uri)
            until(lambda: call.final is not None, 15, "a final response")
            return call if call.answered else None

        call = until(placed, 30, "a call that is taken")
        assert call is not None
        return call

    def has_spans(self) -> bool:
        status = self.edge.status()
        return sum(span["state"] == "running" for span in status["spans"]) >= int(status["spans_wanted"])

    def new_call(self, hz: int) -> Call:
        call = self.up()
        hears(call, hz)
        return call

    def write(self, sounds: tuple[int, int]) -> None:
        """Other recordings, and 1 leads where 2 did; another target makes a version of each."""
        for name, hz in zip(("welcome", "two"), sounds, strict=True):
            tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(60 * 8000) / 8000)
            soundfile.write(self.folder / "prompts/en" / f"{name}.wav", tone, 8000, subtype="PCM_16")
        other = MENU.replace("    choices: {1: one, 2: two, 9: connect", "    choices: {1: two, 2: one, 9: connect")
        (self.folder / "menus/main.yaml").write_text(other.replace("TARGET", f"127.0.0.1:{sounds[0]}"))

    def history(self, call: Call) -> list[dict[str, Any]]:
        events = self.edge.events()
        (id_,) = [e["subject"] for e in events if e["data"].get("sip_call_id") == call.call_id]
        return [event for event in events if event["subject"] == id_]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with address() as at, address() as phone_at, Softphone(phone_at) as phone, appliance(at, tmp_path) as edge:
        yield Place(edge, phone, tmp_path)


def test_calls_stay_on_their_version(place: Place) -> None:
    edge = place.edge
    old = [place.up() for _ in range(CALLS)]
    for call in old:
        hears(call, TONES["welcome"])
    first = place.history(old[0])[-1]["menuversion"]

    place.write(SECOND)
    second = edge.control(what="reload")["body"]["menus"]["main"]
    newer = place.new_call(SECOND[0])
    newer.audio.press("1")
    hears(newer, SECOND[1])
    for call in old[:8]:
        call.audio.press("1")
    for call in old[:8]:
        hears(call, TONES["one"])

    # Loaded while switch makes its calls again.
    place.write(THIRD)
    pid = edge.kill("switch")
    third = edge.control(what="reload")["body"]["menus"]["main"]
    edge.wait_restarted("switch", pid)
    newest = place.new_call(THIRD[0])
    for call in old:
        call.audio.press("2")
    for call in old:
        hears(call, TONES["two"])
    assert len({first, second, third}) == 3

    answer = edge.control(what="rollback", menu="main", version=first[:6])["body"]
    assert (answer["version"], answer["instead_of"]) == (first, third)
    back = place.new_call(TONES["welcome"])
    back.audio.press("1")
    hears(back, TONES["one"])

    assert [call.audio.lost() for call in old] == [0] * CALLS
    everybody = dict.fromkeys([*old, back], first) | {newer: second, newest: third}
    for call in everybody:
        call.bye()
    until(lambda: edge.types().count("call.ended") == len(everybody), 20, "all ended")
    for call, version in everybody.items():
        events = place.history(call)
        assert {event.get("menuversion") for event in events} == {version}
        assert events[-1]["data"]["menu_version"] == version
        assert events[-1]["data"]["end"]["ended_by"] == "caller"
    until(lambda: edge.types("test") == ["configuration.loaded", "configuration.loaded", "menu.rolled_back"], 10)
    edge.check_histories()
