"""A campaign through callees of every kind, as real processes: what becomes of each attempt, why, and what follows.

The rules are those of the United States with hours and ring times of a test; every deviation is in the report.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from edge.cli import main
from edge.storage.campaigns.store import opened
from tests.support import tones
from tests.support.addresses import address
from tests.support.appliance import Appliance, write_site
from tests.support.farm import KINDS, Farm, greeting
from tests.support.waiting import until

#: Alone: a sender that is kept waiting makes other cadences.
pytestmark = [pytest.mark.system, pytest.mark.alone]

MINUTE = 60_000
#: What is said to people and to machines, Hz; prompts of `write_site` last for a minute.
HELLO_HZ, MESSAGE_HZ = 550.0, 620.0
MENU = """
version: 1
start: who
nodes:
  who:
    answered: {wait_for: beep, timeout: 6s}
    human: hello
    machine: message
    no_beep: bye
    fax: bye
    unknown: bye
  hello: {play: hello, next: bye}
  message: {play: message, next: bye}
  bye: {hang_up: ""}
"""
RULES = """
title = "Test: the United States, at any time"
extends = "us-ftc"
[hours]
week = { mon-sun = "00:00-24:00" }
override = true
reason = "a test runs at any time"
source = "test"
[ring]
least = "4s"
override = true
reason = "a test has no patience"
source = "test"
"""
CAMPAIGN = """
[[trunks]]
name = "town"
sources = ["192.0.2.1"]
address = "{town}:5060"
tones = "us"
[[campaigns]]
name = "everyone"
lists = ["everyone"]
rules = "usa"
trunk = "town"
menu = "main"
caller_id = "+12025550123"
max_channels = 8
calls_per_second = 8
ring_timeout = "4s"
on_machine = "menu"
"""


class Expected(NamedTuple):
    """What has to come of a call."""

    disposition: str
    decided_by: str
    code: int | None = None
    #: Of the tone that tells it.
    tone: str = ""
    #: What the contact waits for: minutes until the same number is called again, `next` for his other number, `never`.
    then: int | str = "never"
    verdict: str = ""


#: By kind of callee.
TABLE: dict[str, Expected] = {
    "human": Expected("connected", "verdict", verdict="human"),
    "machine": Expected("machine", "verdict", verdict="machine", then=240),
    "silent": Expected("silence", "verdict", verdict="unknown", then=120),
    "fax": Expected("fax", "verdict", verdict="fax"),
    "hangs_up": Expected("silence", "answer", then=120),
    "crosses": Expected("silence", "answer", then=120),
    "busy": Expected("busy", "sip", 486, then=10),
    "busy_tone": Expected("busy", "tone", tone="busy", then=10),
    "reorder_tone": Expected("congestion", "tone", 480, "reorder", then=15),
    "sit_intercept": Expected("changed", "tone", 480, "sit intercept"),
    "sit_vacant_code": Expected("unallocated", "tone", 480, "sit vacant_code"),
    "sit_reorder": Expected("congestion", "tone", 480, "sit reorder", then=15),
    "sit_reorder_interlata": Expected("congestion", "tone", 480, "sit reorder_interlata", then=15),
    "sit_no_circuit": Expected("congestion", "tone", 480, "sit no_circuit", then=15),
    "sit_no_circuit_interlata": Expected("congestion", "tone", 480, "sit no_circuit_interlata", then=15),
    "sit_unanswered": Expected("unallocated", "tone", None, "sit vacant_code"),
    "rings_out": Expected("no_answer", "outcome", then=120),
    "dead": Expected("failed", "outcome", then=15),
    "rings_once": Expected("no_answer", "sip", 480, then=120),
    "vacant": Expected("unallocated", "sip", 404, then="next"),
    "gone": Expected("changed", "sip", 410),
    "declines": Expected("rejected", "sip", 603, then=24 * 60),
    "absent": Expected("no_answer", "sip", 480, then=120),
    "overloaded": Expected("congestion", "sip", 503, then=15),
    "vacant_by_cause": Expected("unallocated", "q850", 480),
    "barred": Expected("refused_by_network", "sip", 403),
    "out_of_order": Expected("out_of_order", "q850", 480, then=24 * 60),
    "analysed": Expected("refused_by_network", "sip", 608),
    "moved": Expected("failed", "sip", 302, then=15),
}
#: Area codes, and where they are.
PLACES = {"212": "America/New_York", "312": "America/Chicago", "808": "Pacific/Honolulu"}


def number(kind: str, of: int = 0) -> str:
    """Give a number of a kind of callee; they are spread over the places."""
    area = list(PLACES)[sorted(KINDS).index(kind) % len(PLACES)]
    return f"+1{area}7360{of}{KINDS[kind].code}"


def write(edge: Appliance, town: str) -> None:
    """Write site, menu, prompts and rules."""
    write_site(edge, menu=MENU, extra=CAMPAIGN.format(town=town))
    for name, hz in (("hello", HELLO_HZ), ("message", MESSAGE_HZ)):
        soundfile.write(edge.folder / "prompts" / "en" / f"{name}.wav", tones.sine(hz, 12_000), 8000, subtype="PCM_16")
    rules = edge.folder / "dialing_rules"
    rules.mkdir()
    (rules / "usa.toml").write_text(RULES)
    edge.site.write_text(edge.site.read_text().replace("[paths]\n", f'[paths]\ndialing_rules = "{rules}"\n'))


def fill(edge: Appliance, name: str, contacts: dict[str, list[str]]) -> None:
    """Have lists, the register and consents imported, as operators do."""
    where = ["--config", str(edge.site)]
    numbers = [one for own in contacts.values() for one in own]
    rows = [f"{id_},{own[0]},{own[1] if len(own) > 1 else ''}" for id_, own in contacts.items()]
    files = {
        "people": "\n".join(["id,number,number_work", *rows]),
        "register": "number\n+12125550199",
        "consents": "\n".join(["number,given,evidence", *(f"{one},2026-01-02,form {one[-4:]}" for one in numbers)]),
    }
    for file, text in files.items():
        (edge.folder / f"{file}.csv").write_text(text + "\n")
    at = {file: str(edge.folder / f"{file}.csv") for file in files}
    assert main(["dial", "import", at["people"], "--list", name, *where]) == 0
    assert main(["dial", "dnc", "import", at["register"], "--list", "us-national-dnc", *where]) == 0
    assert main(["dial", "consent", "import", at["consents"], "--kind", "prior_express_written", *where]) == 0


def ended(edge: Appliance, campaign: str) -> list[dict[str, Any]]:
    found = [event["data"] for event in edge.events() if event["type"] == "dialer.attempt_ended"]
    return [one for one in found if one["campaign"] == campaign]


@contextmanager
def place(folder: Path) -> Iterator[tuple[Appliance, Farm]]:
    ears = {number("machine"): greeting()}
    with address() as at, address() as town_at, Farm(town_at, folder / "farm", ears) as farm:
        edge = Appliance(at, folder)
        write(edge, town_at)
        edge.state.mkdir(parents=True, exist_ok=True)
        contacts = {kind: [number(kind)] for kind in TABLE}
        contacts["vacant"].append(number("busy", 9))
        fill(edge, "everyone", contacts)
        edge.start()
        try:
            yield edge, farm
        finally:
            edge.stop()


def test_a_campaign_over_callees_of_every_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with place(tmp_path) as (edge, farm):
        assert main(["dial", "start", "everyone", "--config", str(edge.site)]) == 0
        until(lambda: len(ended(edge, "everyone")) == len(TABLE) + 1, 60, "all attempts ended")
        found = {one["number"]: one for one in ended(edge, "everyone")}
        everybody_was_told_apart(found)
        a_message_was_left(farm)
        what_the_callees_saw(farm)
        what_follows(edge, found)
        edge.check_histories()


def everybody_was_told_apart(found: dict[str, dict[str, Any]]) -> None:
    wrong = {}
    for kind, expected in TABLE.items():
        told = found[number(kind)]
        evidence = told["evidence"]
        heard = {f"{tone['label']} {tone.get('meaning', '')}".strip() for tone in evidence.get("tones", [])}
        seen = Expected(
            told["disposition"],
            evidence["decided_by"],
            evidence.get("sip_code") if expected.code is not None else None,
            expected.tone if expected.tone in heard else "",
            expected.then,
            evidence.get("verdict", ""),
        )
        if seen != expected:
            wrong[kind] = (seen, sorted(heard), told)
    assert not wrong, json.dumps(wrong, indent=1)


def a_message_was_left(farm: Farm) -> None:
    """The machine's caller was silent until its beep was over, and then it heard all of the message."""
    ear = farm.ears[number("machine")]
    heard = ear.audio.recorded()
    loud = loud_frames(heard)
    began_s, ended_s = loud[0] * 0.02, (loud[-1] + 1) * 0.02
    assert began_s > len(ear.says) / 8000, "after the beep"
    assert ended_s - began_s == pytest.approx(1.5, abs=0.1)
    assert tones.share(heard[round(began_s * 8000) : round(ended_s * 8000)], MESSAGE_HZ) > 0.9


def loud_frames(samples: tones.Samples) -> list[int]:
    """Give the frames of 20 ms in which something is to be heard."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    return [int(at) for at in np.flatnonzero([tones.level_dbm0(one) > -45 for one in frames])]


def what_the_callees_saw(farm: Farm) -> None:
    assert farm.invited() == Counter([*(number(kind) for kind in TABLE), number("busy", 9)]), "each once"
    for kind in TABLE:
        seen = [what for what, _ in farm.seen(number(kind))]
        if "cancelled" in KINDS[kind].steps:
            assert seen == ["INVITE", "CANCEL", "ACK"], kind
            (_, began), (_, given_up), _ = farm.seen(number(kind))
            assert given_up - began >= 4.0, f"{kind}: as long as the rules want it to ring"
        elif kind == "dead":
            assert seen == ["INVITE"], "what gave no answer at all gets no CANCEL (RFC 3261 9.1)"
        elif "over" in KINDS[kind].steps:
            assert seen == ["INVITE", "ACK", "BYE"], kind


def what_follows(edge: Appliance, found: dict[str, dict[str, Any]]) -> None:
    store = opened(edge.state)
    try:
        for kind, expected in TABLE.items():
            status = store.contact("everyone", kind)
            told = found[number(kind)]
            assert status is not None
            if expected.then == "never":
                assert status.state == "done", kind
            elif expected.then == "next":
                other = found[number("busy", 9)]
                assert (other["contact"], other["disposition"], status.position) == (kind, "busy", 1)
                assert other["started_ms"] >= told["ended_ms"]
            else:
                assert (status.state, status.position) == ("waiting", 0), kind
                assert status.due_ms - told["ended_ms"] == int(expected.then) * MINUTE, kind
    finally:
        store.close()
