"""Keys in the audio, as a trunk wants it: beside RFC 4733, only without it, only long ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.addresses import address
from tests.support.appliance import TONES, Appliance, appliance
from tests.support.sip_call import Call
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

PROFILE = """
vendor = "Acme"
model = "X1"
kind = "gsm_gateway"
sources = ["this test"]
[dtmf]
inband = "auto"
min_tone = "80ms"
"""


@contextmanager
def calls(folder: Path, trunk: str, *event_types: int | None) -> Iterator[tuple[Appliance, list[Call]]]:
    """An appliance, and a call to its menu for each payload type of RFC 4733; None: a phone without it."""
    (folder / "profiles").mkdir()
    (folder / "profiles/acme.toml").write_text(PROFILE)
    with address() as at, address() as caller_at, appliance(at, folder, trunk=trunk) as edge:
        phones = [Softphone(caller_at, event_type=event_type) for event_type in event_types]
        try:
            made = [phone.call(edge.uri).wait_answered() for phone in phones]
            for call in made:
                hears(call, TONES["welcome"])
            yield edge, made
        finally:
            for phone in phones:
                phone.close()


def press(call: Call, key: str, method: str = "inband", duration_ms: int = 100) -> None:
    call.audio.press(key, duration_ms, method=method)
    until(lambda: not call.audio.pressing, 5, "the key is out")


def test_only_where_no_events_were_negotiated(tmp_path: Path) -> None:
    with calls(tmp_path, 'inband_dtmf = "auto"', 101, None) as (edge, (with_events, without)):
        press(with_events, "1")
        press(without, "2")
        hears(without, TONES["two"])
        hears(with_events, TONES["welcome"])
        press(with_events, "1", "rfc4733")
        hears(with_events, TONES["one"])
        told = {(e["data"]["digit"], e["data"]["method"]) for e in edge.events() if e["type"] == "dtmf.received"}
        assert told == {("2", "inband"), ("1", "rfc4733")}


def test_a_profile_asks_for_long_tones(tmp_path: Path) -> None:
    with calls(tmp_path, 'profile = "acme"', None) as (edge, (call,)):
        press(call, "1", duration_ms=60)
        press(call, "2", duration_ms=100)
        hears(call, TONES["two"])
        assert [e["data"]["digit"] for e in edge.events() if e["type"] == "dtmf.received"] == ["2"]
