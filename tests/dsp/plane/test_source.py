"""Source validation and loss (RFC 3550 A.1, A.3)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.plane import layout as lo
from dsp.plane import source
from dsp.plane.source import ACCEPT, ACCEPT_NEW, REFUSE, REPEATED


@pytest.fixture
def leg():
    return np.zeros(1, lo.LEG).view(np.recarray)[0]


def feed(leg, *packets):
    return [source.admit(leg, ssrc, seq & 0xFFFF) for ssrc, seq in packets]


def test_two_packets_in_sequence_prove_a_source(leg):
    assert feed(leg, (1, 10), (1, 11), (1, 12)) == [REFUSE, ACCEPT_NEW, ACCEPT]


def test_junk_first_does_not_latch(leg):
    assert feed(leg, (9, 500), (1, 10), (1, 11), (9, 700), (1, 12)) == [REFUSE, REFUSE, ACCEPT_NEW, REFUSE, ACCEPT]


def test_a_new_source_takes_over_after_two_packets(leg):
    feed(leg, (1, 10), (1, 11), (1, 15))
    assert feed(leg, (2, 900), (2, 901), (2, 902)) == [REFUSE, ACCEPT_NEW, ACCEPT]
    assert source.lost(leg) == 3


def test_strangers_between_do_not_take_over(leg):
    feed(leg, (1, 10), (1, 11))
    verdicts = [source.admit(leg, 2, 100 + 2 * i) + source.admit(leg, 1, 12 + i) for i in range(20)]
    assert verdicts == [ACCEPT] * 20


def test_the_sequence_number_wraps(leg):
    feed(leg, *[(1, 65530 + i) for i in range(20)])
    assert source.expected(leg) == 19
    assert source.lost(leg) == 0


def test_loss_is_counted_over_a_wrap_and_reordering_is_not_loss(leg):
    feed(leg, (1, 65533), (1, 65534), (1, 1), (1, 0), (1, 65535), (1, 2), (1, 5))
    assert source.lost(leg) == 2


def test_a_jump_needs_two_in_a_row(leg):
    feed(leg, (1, 10), (1, 11))
    assert feed(leg, (1, 30000)) == [REFUSE]
    assert feed(leg, (1, 12)) == [ACCEPT]
    assert feed(leg, (1, 40000), (1, 40001), (1, 40002)) == [REFUSE, ACCEPT_NEW, ACCEPT]


def test_a_torn_leg_proves_its_source_again(leg):
    feed(leg, (1, 10), (1, 11), (1, 13))
    source.restart(leg)
    assert feed(leg, (1, 14), (1, 15)) == [REFUSE, ACCEPT_NEW]
    assert source.lost(leg) == 1


def test_jitter_of_a_steady_stream_is_zero_and_of_an_uneven_one_is_not(leg):
    feed(leg, (1, 1), (1, 2))
    for i in range(50):
        source.admit(leg, 1, 3 + i)
        source.note_transit(leg, 160 * i, 160 * i + 5000)
    assert leg.rx_jitter_q4 == 0
    for i in range(50, 150):
        source.admit(leg, 1, 3 + i)
        source.note_transit(leg, 160 * i, 160 * i + 5000 + 40 * (i % 2))
    assert leg.rx_jitter_q4 >> 4 == pytest.approx(40, abs=2)


def test_what_came_before_is_known_and_is_no_gain(leg):
    assert feed(leg, (1, 65533), (1, 65534), (1, 65534), (1, 1), (1, 0), (1, 0), (1, 65534), (1, 2)) == [
        REFUSE, ACCEPT_NEW, REPEATED, ACCEPT, ACCEPT, REPEATED, REPEATED, ACCEPT,
    ]  # fmt: skip
    assert source.lost(leg) == 1  # 65535: three copies of others do not make up for it
    assert leg.rx_repeated == 3
    assert leg.rx_received == 7  # RFC 3550 A.3 counts every packet that came


def test_a_step_says_how_many_are_missing(leg):
    steps = []
    for sequence in (10, 11, 12, 15, 13, 13, 16):
        source.admit(leg, 1, sequence)
        steps.append(int(leg.rx_step))
    assert steps == [0, 0, 1, 3, -2, -2, 1]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 65535), st.lists(st.integers(-80, 90), max_size=60))
def test_repeats_are_found_as_by_a_set(start, moves):
    leg = np.zeros(1, lo.LEG).view(np.recarray)[0]
    feed(leg, (1, start), (1, start + 1))
    newest, came = start + 1, {start + 1}
    for move in moves:
        sequence = newest + move
        verdict = source.admit(leg, 1, sequence & 0xFFFF)
        if newest - sequence < 62:
            assert verdict == (REPEATED if sequence in came else ACCEPT)
        came.add(sequence)
        newest = max(newest, sequence)
