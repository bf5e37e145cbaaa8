from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.desk import Desk
from tests.media.rig import Appliance, Rig, running
from tests.media.talker import Talker
from tests.support.addresses import address


@pytest.fixture(scope="package")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with address() as own:
        made = Appliance(own, tmp_path_factory.mktemp("media"))
        yield made
        made.close()


@pytest.fixture
def rig(appliance: Appliance, tmp_path: Path) -> Iterator[Rig]:
    with running(appliance, tmp_path) as made:
        yield made


@pytest.fixture
def talker(address: str) -> Iterator[Talker]:
    desk = Desk(address)
    yield Talker(desk)
    desk.close()
