"""Lists of sounds that go round, begun somewhere in the middle."""

import pytest

from edge.media.plays import _from
from edge.media.prompts import Region


@pytest.mark.parametrize("start", [0, 1, 9, 10, 14, 15, 29, 30, 31, 1000])
def test_a_list_that_goes_round_begins_anywhere(start):
    regions = [Region(100, 10), Region(500, 5), Region(200, 15)]
    plain = [at for region in regions for at in range(region.offset, region.offset + region.length)]
    turned = [at for region in _from(regions, start) for at in range(region.offset, region.offset + region.length)]
    begin = start % len(plain)
    assert turned == plain[begin:] + plain[:begin]
    assert len(_from(regions, start)) <= len(regions) + 1
    assert all(region.length for region in _from(regions, start))


def test_nothing_can_begin_nowhere():
    assert _from([], 500) == []
    assert _from([Region(7, 0)], 3) == [Region(7, 0)]
