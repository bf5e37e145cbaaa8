"""A real systemd-journald with a namespace of its own, and journalctl to read what it has."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.sink_settings import JournaldSettings
from edge.forwarder.sinks.trial import trial_event
from tests.forwarder.test_brokers import event, send
from tests.support.waiting import until

PROGRAM = Path("/lib/systemd/systemd-journald")


@pytest.fixture
def namespace() -> Iterator[str]:
    if os.geteuid() != 0 or not PROGRAM.exists() or not shutil.which("journalctl"):
        pytest.skip("systemd-journald is not there, or needs root")
    name = f"edge{os.getpid()}"
    quiet = {**os.environ, "SYSTEMD_LOG_TARGET": "null"}
    process = subprocess.Popen([str(PROGRAM), name], env=quiet)
    try:
        until(lambda: Path(f"/run/systemd/journal.{name}/socket").exists())
        yield name
    finally:
        process.kill()
        process.wait()
        for folder in [*Path("/var/log/journal").glob(f"*.{name}"), *Path("/run/log/journal").glob(f"*.{name}")]:
            shutil.rmtree(folder)
        shutil.rmtree(f"/run/systemd/journal.{name}")


def entries(name: str) -> list[dict[str, str]]:
    command = ["journalctl", f"--namespace={name}", "-o", "json", "--all", "--no-pager", "SYSLOG_IDENTIFIER=edge"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_journal_has_each_event_with_its_fields_also_a_long_one(namespace: str) -> None:
    settings = JournaldSettings(name="j", socket=f"/run/systemd/journal.{namespace}/socket", timeout_ms=5000)
    # The second is too long for a datagram, and goes as a memory file.
    events = [trial_event("j", "box", "1"), event("call.ended", "c1", size=400_000), event("call.ended", "c2")]
    answers, _ = send(settings, events)
    assert [answer.result for answer in answers] == ["accepted"] * 3
    until(lambda: len(entries(namespace)) == 3)
    found = entries(namespace)
    assert [entry["EDGE_EVENT"].encode() for entry in found] == [one.body for one in events]
    assert (found[2]["EDGE_TYPE"], found[2]["EDGE_CALL"], found[2]["MESSAGE"]) == ("call.ended", "c2", "call.ended c2")
