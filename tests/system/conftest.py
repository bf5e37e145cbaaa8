"""Fixtures of the system tests: addresses, a backend, an appliance, two telephones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import Appliance, appliance, sink
from tests.support.backend import Backend, backend
from tests.support.softphone import Softphone


@dataclass
class Bench:
    """What most system tests need. Caller and target send tones of their own: 700 and 900 Hz."""

    edge: Appliance
    backend: Backend
    caller: Softphone
    target: Softphone


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A running appliance with a backend, a caller, and the target of its transfers, each on an address of its own.

    Parametrised indirectly it takes more of the site, as `write_site` does.
    """
    with (
        loopback_address() as edge_at,
        loopback_address() as caller_at,
        loopback_address() as target_at,
        backend(edge_at) as receiver,
        Softphone(caller_at, tone_hz=700) as caller,
        Softphone(target_at, port=5060, tone_hz=900, user="target") as target,
        appliance(
            edge_at, tmp_path, target=target_at, extra=sink(receiver.url), **getattr(request, "param", {})
        ) as edge,
    ):
        yield Bench(edge, receiver, caller, target)
        edge.check_histories()
