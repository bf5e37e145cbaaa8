import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.core.delivery.progress import Progress


@given(st.integers(0, 5), st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6)), max_size=40))
def test_it_is_the_set_of_what_was_finished(cursor: int, finished: list[tuple[int, int]]) -> None:
    progress = Progress(cursor)
    model = set(range(1, cursor + 1))
    for first, length in finished:
        progress.finish_range(first, first + length - 1)
        model |= set(range(first, first + length))
        assert {s for s in range(1, 60) if s in progress} == model
        contiguous = next(s for s in range(1, 60) if s not in model) - 1
        assert progress.cursor == contiguous
        ranges = progress.ahead
        assert all(a <= b for a, b in ranges)
        edges = [progress.cursor, *(edge for pair in ranges for edge in pair)]
        assert all(right[0] > left[1] + 1 for left, right in itertools.pairwise(ranges)), edges
        assert not ranges or ranges[0][0] > progress.cursor + 1


@given(st.integers(0, 5), st.lists(st.integers(1, 40), max_size=40))
def test_what_was_written_is_what_is_read(cursor: int, finished: list[int]) -> None:
    progress = Progress(cursor)
    for sequence in finished:
        progress.finish(sequence)
    again = Progress(progress.cursor, progress.ahead)
    assert (again.cursor, again.ahead) == (progress.cursor, progress.ahead)


def test_one_held_back_event_costs_one_range() -> None:
    progress = Progress(0)
    for sequence in range(2, 10_000):
        progress.finish(sequence)
    assert (progress.cursor, progress.ahead) == (0, [[2, 9999]])
    progress.finish(1)
    assert (progress.cursor, progress.ahead) == (9999, [])
