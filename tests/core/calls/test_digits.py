"""One key press is one digit, however many methods carry it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.calls.digits import Fuser, Seen

METHODS = ["rfc4733", "inband", "info"]
#: What reports of one press may be off: onset of in-band (a packet or two), and how late INFO comes.
INBAND_JITTER_MS = 40
INFO_LATE_MS = 1200


def digits_of(reports: list[Seen]) -> str:
    fuser = Fuser()
    return "".join(seen.digit for seen in reports if fuser.take(seen))


presses = st.lists(
    # Key, how long it is held, pause after it: 93 ms a digit is the fastest dialling that receivers must take (Q.24).
    st.tuples(st.sampled_from("0123456789*#ABCD"), st.integers(50, 400), st.integers(45, 3000)),
    max_size=20,
)


def reports_of(draw: st.DrawFn, keys: list[tuple[str, int, int]], methods: list[str]) -> list[Seen]:
    """All reports of all presses, in the order in which switch gets them."""
    timed: list[tuple[int, int, Seen]] = []
    start = 10_000
    last_info = 0
    for digit, held, pause in keys:
        for method in methods:
            if method == "info":
                # INFO requests overtake each other no more than other requests of a dialog: CSeq orders them.
                arrival = max(last_info, start + draw(st.integers(0, INFO_LATE_MS)))
                last_info = arrival
                timed.append((arrival, len(timed), Seen("info", digit, arrival, held)))
            else:
                jitter = draw(st.integers(0, INBAND_JITTER_MS)) if method == "inband" else 0
                onset = start + jitter
                reported = start + held + draw(st.integers(0, 20))
                timed.append((reported, len(timed), Seen(method, digit, onset, held)))  # type: ignore[arg-type]
        start += held + pause
    timed.sort()
    return [seen for _, _, seen in timed]


@given(st.data(), presses, st.sets(st.sampled_from(METHODS), min_size=1))
def test_n_presses_are_n_digits_in_order(data, keys, methods):
    reports = reports_of(data.draw, keys, sorted(methods))
    assert digits_of(reports) == "".join(key for key, _, _ in keys)


@given(st.data(), presses)
def test_an_exact_method_that_misses_presses_adds_none(data, keys):
    """RFC 4733 sees all; in-band only some of them."""
    seen = reports_of(data.draw, keys, ["rfc4733"])
    extra = [
        Seen("inband", s.digit, s.onset_ms + data.draw(st.integers(0, INBAND_JITTER_MS)), s.duration_ms)
        for s in seen
        if data.draw(st.booleans())
    ]
    merged = sorted([*seen, *extra], key=lambda s: (s.onset_ms + s.duration_ms, s.method == "inband"))
    assert digits_of(merged) == "".join(key for key, _, _ in keys)


def test_the_same_key_twice_over_both_methods_stays_two():
    reports = [
        Seen("rfc4733", "1", 0, 50),
        Seen("inband", "1", 30, 50),
        Seen("rfc4733", "1", 93, 50),
        Seen("inband", "1", 123, 50),
    ]
    assert digits_of(reports) == "11"


def test_a_method_never_confirms_itself():
    assert digits_of([Seen("rfc4733", "5", 0, 50), Seen("rfc4733", "5", 60, 50)]) == "55"


def test_info_alone_counts_each():
    assert digits_of([Seen("info", "5", 0, 160), Seen("info", "5", 10, 160)]) == "55"


def test_late_info_is_the_same_press():
    assert digits_of([Seen("inband", "7", 1000, 80), Seen("info", "7", 2400, 160)]) == "7"


def test_info_before_the_end_of_the_press():
    assert digits_of([Seen("info", "7", 1020, 160), Seen("rfc4733", "7", 1000, 300)]) == "7"


def test_too_late_info_is_another_press():
    assert digits_of([Seen("inband", "7", 1000, 80), Seen("info", "7", 2501, 160)]) == "77"


def test_other_digit_is_another_press():
    assert digits_of([Seen("inband", "7", 1000, 80), Seen("rfc4733", "8", 1010, 80)]) == "78"


@pytest.mark.parametrize(("apart", "digits"), [(80, "3"), (81, "33")])
def test_window_of_the_onset(apart, digits):
    assert digits_of([Seen("rfc4733", "3", 1000, 40), Seen("inband", "3", 1000 + apart, 40)]) == digits


def test_pieces_of_a_long_tone():
    reports = [Seen("rfc4733", "9", 0, 800), Seen("inband", "9", 10, 300), Seen("inband", "9", 330, 400)]
    assert digits_of(reports) == "9"


def test_overlap_is_the_same_press():
    assert digits_of([Seen("inband", "9", 0, 400), Seen("rfc4733", "9", 150, 300)]) == "9"


def test_order_keeps_121_apart_when_a_method_missed_the_first():
    reports = [
        Seen("rfc4733", "1", 0, 60),
        Seen("rfc4733", "2", 120, 60),
        Seen("info", "2", 200, 60),
        Seen("rfc4733", "1", 240, 60),
        Seen("info", "1", 400, 60),
        Seen("info", "1", 500, 60),
    ]
    # The second INFO "1" has no press left to confirm: it is a press of its own.
    assert digits_of(reports) == "1211"


def test_evidence_is_kept():
    fuser = Fuser()
    fuser.take(Seen("rfc4733", "1", 0, 60))
    fuser.take(Seen("inband", "1", 20, 60))
    fuser.take(Seen("inband", "2", 500, 60))
    assert [[s.method for s in p.evidence] for p in fuser.presses] == [["rfc4733", "inband"], ["inband"]]
    assert fuser.digits == {"rfc4733": 1, "inband": 1}
    assert fuser.duplicates == 1


def test_memory_is_bounded():
    fuser = Fuser()
    for number in range(1000):
        fuser.take(Seen("rfc4733", "1", number * 200, 60))
    assert len(fuser.presses) == 32
    assert fuser.digits["rfc4733"] == 1000
