"""Fixtures of the system tests: addresses, a backend, an appliance, two telephones."""

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.addresses import address as loopback_address
from tests.support.appliance import Appliance, appliance, sink
from tests.support.backend import Backend, backend
from tests.support.softphone import Softphone
from tests.support.waiting import until

_FAILED = pytest.StashKey[bool]()


@dataclass
class Bench:
    """What most system tests need. Caller and target send tones of their own: 700 and 900 Hz."""

    edge: Appliance
    backend: Backend
    caller: Softphone
    target: Softphone


@dataclass
class House:
    """A running appliance and its backend, to be closed; its transfers go to `target`."""

    edge: Appliance
    backend: Backend
    target: str
    closing: ExitStack

    @classmethod
    def of(cls, folder: Path, site: dict[str, Any]) -> "House":
        """Start them; `site` as `write_site` takes it."""
        with ExitStack() as opened:
            edge_at, target = (opened.enter_context(loopback_address()) for _ in range(2))
            receiver = opened.enter_context(backend(edge_at))
            made = appliance(edge_at, folder, target=target, extra=sink(receiver.url), **site)
            return cls(opened.enter_context(made), receiver, target, opened.pop_all())

    def begin(self) -> None:
        """What has happened is none of the next test's business. All of it must have been delivered."""
        until(lambda: len(self.backend.events()) == len(self.edge.events()), 30, "everything delivered")
        self.edge.forget()
        self.backend.forget()


@dataclass
class Street:
    """Appliances that tests leave to those after them, by site; the two that were used last."""

    folders: pytest.TempPathFactory
    houses: dict[str, House] = field(default_factory=dict)

    def take(self, site: dict[str, Any]) -> House:
        """The house of this site, as if it were new; the caller gives it back or closes it."""
        house = self.houses.pop(json.dumps(site, sort_keys=True), None)
        if house is None:
            return House.of(self.folders.mktemp("shared"), site)
        try:
            house.edge.wait_ready()
            house.begin()
        except BaseException:
            house.closing.close()
            raise
        return house

    def give_back(self, site: dict[str, Any], house: House) -> None:
        """Keep it for a test to come."""
        self.houses[json.dumps(site, sort_keys=True)] = house
        while len(self.houses) > 2:
            self.houses.pop(next(iter(self.houses))).closing.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test failed: nobody gets the appliance that it has left."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """What tests marked `shared` take their appliance from."""
    made = Street(tmp_path_factory)
    yield made
    for house in made.houses.values():
        house.closing.close()


@pytest.fixture
def bench(tmp_path: Path, street: Street, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A running appliance with a backend, a caller, and the target of its transfers, each on an address of its own.

    Parametrised indirectly it takes more of the site, as `write_site` does. A test marked `shared` gets the appliance
    that another such test with the same site has left.
    """
    site = getattr(request, "param", {})
    shared = request.node.get_closest_marker("shared") is not None
    house = street.take(site) if shared else House.of(tmp_path, site)
    sound = False
    try:
        with (
            loopback_address() as caller_at,
            Softphone(caller_at, tone_hz=700) as caller,
            Softphone(house.target, port=5060, tone_hz=900, user="target") as target,
        ):
            yield Bench(house.edge, house.backend, caller, target)
            house.edge.check_histories()
            sound = shared and not request.node.stash.get(_FAILED, False)
    finally:
        if sound:
            street.give_back(site, house)
        else:
            house.closing.close()
