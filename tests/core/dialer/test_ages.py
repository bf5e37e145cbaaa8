from hypothesis import given
from hypothesis import strategies as st

from edge.core.dialer.ages import Ages

CELL, CELLS = 1000, 8


def naive(begins: list[int], now_ms: int) -> list[int]:
    counts = [0] * CELLS
    for begin in begins:
        counts[min(max(now_ms // CELL - begin // CELL, 0), CELLS - 1)] += 1
    return counts


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=60))
def test_counts_are_those_of_a_list_of_begins(steps: list[tuple[int, bool]]) -> None:
    ages, begins, now = Ages(CELL, CELLS), list[int](), 5000
    ages.advance(now)
    for passes, adds in steps:
        now += passes
        ages.advance(now)
        if adds or not begins:
            begins.append(now)
            ages.add(now)
        else:
            ages.remove(begins.pop(len(begins) // 2))
        assert list(ages.counts) == naive(begins, now)
        assert ages.total == len(begins)
    assert list(Ages.of(begins, now, cell_ms=CELL, cells=CELLS).counts) == naive(begins, now)


def test_a_clock_that_goes_back_loses_nothing() -> None:
    ages = Ages.of([9000, 8000], 10_000, cell_ms=CELL, cells=CELLS)
    ages.advance(2000)
    ages.remove(9000)
    ages.advance(11_000)
    assert ages.total == 1
    assert list(ages.counts) == naive([8000], 11_000)
