"""What the ledger forgets, and when."""

from datetime import timedelta

import pytest

from edge.metrics.switch import SwitchMetrics
from edge.runtime.clock import rfc3339, wall_time
from edge.storage.reader import Reader
from edge.storage.store import Store
from edge.storage.turn import Turn
from edge.switch.ledger import Ledger
from tests.storage.test_store import closed_callback


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state.db")
    ages = {f"c{days}.4": rfc3339(wall_time() - timedelta(days=days, minutes=1)) for days in (1, 5, 9)}
    rows = {id_: closed_callback(int(id_[1]), 1)._replace(closed=closed) for id_, closed in ages.items()}
    store.write(Turn(callbacks=rows))
    yield store
    store.close()


@pytest.mark.parametrize(("days", "left"), [(0, [1, 5, 9]), (9, [1, 5]), (5, [1]), (30, [1, 5, 9])])
def test_numbers_of_closed_callbacks_are_kept_for_so_many_days(store, tmp_path, days, left):
    ledger = Ledger(store, SwitchMetrics(), lambda *_: None)
    ledger.purge(days)
    rows = Reader(tmp_path / "state.db").callbacks(open_only=False)
    assert sorted(int(row.id[1]) for row in rows if row.number) == left
    assert len(rows) == 3
    assert not ledger.trouble
