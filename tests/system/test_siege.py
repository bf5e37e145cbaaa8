"""A whole appliance under SIP attacks: small forms of what `edge bench siege` measures."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import callee
from bench.mutations import fuzz
from bench.siege import PENDING, Siege, flood, running_call, settle, siege, strangers
from tests.support.appliance import ROOT, TONES
from tests.support.sip_fuzz import NEW, message
from tests.support.softphone import Softphone
from tests.support.waiting import until
from tests.system.flows import hears

pytestmark = pytest.mark.system

UNHURT = ("failed", "rtp_lost", "span_restarts", "other_restarts")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with siege(tmp_path_factory.mktemp("siege"), calls_per_second=30) as made:
        yield made
        settle(made)


def zero(found: dict, *names: str) -> bool:
    wrong = {name: found[name] for name in names if found[name]}
    assert not wrong, f"{wrong} of {json.dumps(found)}"
    return True


@pytest.mark.alone
def test_a_flood_of_strangers_is_not_noticed_and_gets_nothing(at: Siege) -> None:
    found = flood(at, 1000, 2.0, strangers())
    assert found["sent"] > 1000, found
    assert zero(found, *UNHURT)
    assert found["reflected"] == 0, found
    assert found["rss_growth_mb"] < 20, found


@pytest.mark.alone
def test_a_noisy_trunk_hurts_no_other(at: Siege) -> None:
    found = flood(at, 500, 2.0, [at.noisy], "INVITE")
    assert zero(found, *UNHURT)
    # So many of its calls are taken, which nobody acknowledges; the surplus is told to come later.
    assert found["statuses"]["503"] > 0, found
    assert found["rss_growth_mb"] < 20, found
    # The last good calls may not be quite over, for their recordings are being finished.
    until(lambda: at.edge.status()["calls"] <= PENDING, 20, "only the calls that the noisy one may bring are left")


def test_fuzz(tmp_path: Path) -> None:
    with siege(tmp_path, calls_per_second=10_000) as made:
        found = fuzz(made, 3000, seed=11)
        assert found["renewed"] > 0, found
        assert found["dialled"] > 0, found
        assert zero(found, "rtp_lost", "span_restarts", "other_restarts")
        assert found["unanswered"] == 0, found
        assert found["reflected"] == 0, found
        assert found["rss_growth_mb"] < 20, found


def test_hostile_callees_take_nothing_with_them(at: Siege) -> None:
    found = callee.trap(at, callee.TRAPS)
    assert found["traps"] == len(callee.TRAPS) >= 39
    assert zero(found, "not_released", "honest_failed", "span_restarts", "other_restarts")


def last_words(at: Siege) -> list[dict]:
    """What the log says that a dead span was sent, when it has said all of it: a line each."""
    whole = [line for line in at.edge.log.read_text().splitlines(keepends=True) if line[0] == "{" and line[-1] == "\n"]
    lines = [json.loads(line) for line in whole]
    told = [line["messages"] for line in lines if line["event"] == "span died of a signal"]
    words = [line for line in lines if line["event"] == "message before the death"]
    return words if told and len(words) == told[0] else []


def test_a_span_that_dies_of_a_signal_leaves_what_it_was_sent_and_no_conversation_is_cut(at: Siege) -> None:
    with Softphone(at.good, tone_hz=700) as phone:
        call = running_call(phone, at)
        own = at.edge.last_call()
        (held,) = [leg["span"] for made in at.edge.live_calls() if made["id"] == own for leg in made["legs"]]
        (pid,) = [int(span["pid"]) for span in at.edge.status()["spans"] if span["incarnation"] == held]
        os.kill(pid, signal.SIGABRT)
        lines = until(lambda: last_words(at), 20, "the log tells all that it was sent last")
        # The span may have had other calls before.
        assert [line["message"].split()[0] for line in lines][-2:] == ["INVITE", "ACK"]
        assert {line["span"] for line in lines} == {held}
        call.audio.press("1")
        hears(call, TONES["one"])
        call.bye()
        call.wait_ended()


def bans(at: Siege, *words: str) -> str:
    """What `edge bans` prints."""
    command = [sys.executable, "-m", "edge.cli", "bans", *words, "--state", str(at.edge.state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


def test_a_scanner_is_banned_for_people_and_backends_to_see(at: Siege) -> None:
    host = strangers(30)[-1]
    scan = message(NEW[3], {"host": host, "port": 5060, "edge": at.edge.address, "branch": "s", "tag": "t", "call": "s",
                            "cseq": 1}).replace(b"User-Agent: x/1", b"User-Agent: friendly-scanner")  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as scanner:
        scanner.bind((host, 0))

        def banned() -> list[dict]:
            for _ in range(50):
                scanner.sendto(scan, (at.edge.address, 5060))
            return [ban for ban in json.loads(bans(at, "list", "--json")) if ban["source"] == host]

        (ban,) = until(banned, 60, "banned")
    assert ban["cause"] == "scanner"
    assert host in bans(at, "list")
    told = until(lambda: [e for e in at.edge.events("test") if e["data"].get("source") == host], 20, "the event")
    assert [(e["type"], e["data"]["cause"]) for e in told] == [("security.banned", "scanner")]
    assert bans(at, "clear", host) == "1 cleared\n"
    assert host not in bans(at, "list")
    until(
        lambda: (
            [e["data"].get("by") for e in at.edge.events("test") if e["data"]["source"] == host] == [None, "cleared"]
        )
    )
