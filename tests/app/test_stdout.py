"""Standard output of `edge run` has events where a sink says so, and nothing else."""

import json
from pathlib import Path

from edge.config.sink_settings import StdoutSettings
from tests.app.appliance import Appliance, site_for
from tests.support.addresses import address
from tests.support.outbox import OutboxWriter
from tests.support.waiting import until


def test_events_on_standard_output(tmp_path: Path) -> None:
    outbox = OutboxWriter(tmp_path / "state")
    for number in range(20):
        outbox.append(f"call{number % 3}")
    output = tmp_path / "stdout"
    with address() as host:
        site = site_for(host, tmp_path, sinks=[StdoutSettings(name="out").sink()])
        appliance = Appliance(site, {"REAL": "forwarder"}, stdout=output)
        try:
            appliance.until_ready()
            until(lambda: output.read_bytes().count(b"\n") >= 20)
            (standing,) = appliance.request("forwarder", "sinks")
            assert (standing["name"], standing["type"]) == ("out", "stdout")
        finally:
            appliance.end()
    assert sorted(json.loads(line)["id"] for line in output.read_bytes().splitlines()) == sorted(outbox.ids)
