"""Engines of a call: the least loaded first, one for all its legs, none that is too busy."""

from hypothesis import given
from hypothesis import strategies as st

from edge.config.engines import engine_names, engine_of, share_of, slots_of
from edge.config.site import Media, Site
from edge.core.calls.engines import Engines
from edge.core.calls.slots import QUARANTINE_MS

MEDIA = st.builds(
    lambda engines, more: Media(engines=engines, slots=engines + more), st.integers(1, 8), st.integers(0, 50)
)


@given(MEDIA)
def test_every_slot_belongs_to_one_engine(media):
    shares = [slots_of(media, engine) for engine in range(media.engines)]
    assert [slot for share in shares for slot in share] == list(range(media.slots))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert all(engine_of(media, slot) == engine for engine, share in enumerate(shares) for slot in share)
    assert len(set(engine_names(media))) == media.engines


def test_a_share_looks_like_a_whole_site():
    site = Site(name="x", media=Media(slots=9, engines=2, first_port=20000))
    assert engine_names(site.media) == ["media0", "media1"]
    own = share_of(site, 1).media
    assert (own.slots, own.first_port) == (5, 20008)
    assert engine_names(Media()) == ["media"]


def two() -> Engines:
    return Engines([range(4), range(4, 8)])


def test_calls_are_spread_and_further_legs_stay():
    engines = two()
    firsts = [engines.take_first(0) for _ in range(4)]
    assert [engines.engine_of(slot) for slot in firsts] == [0, 1, 0, 1]
    assert engines.engine_of(engines.take_further(1, 0)) == 1
    assert engines.engine_of(engines.take_first(0)) == 0, "the other one has more legs now"


def test_an_engine_without_room_for_a_second_leg_is_the_last_choice():
    engines = Engines([range(2), range(2, 12)])
    assert engines.engine_of(engines.take_first(0)) == 0
    assert [engines.engine_of(engines.take_first(0)) for _ in range(9)] == [1] * 9
    assert engines.engine_of(engines.take_further(0, 0)) == 0
    assert engines.engine_of(engines.take_first(0)) == 1
    assert engines.take_first(0) is None
    assert engines.take_further(0, 0) is None


def test_an_engine_that_is_away_gets_a_call_only_when_no_other_has_room():
    engines = two()
    assert [engines.engine_of(engines.take_first(0, {0})) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_an_overloaded_engine_gets_no_call_but_further_legs():
    engines = two()
    engines.overloaded.add(0)
    assert [engines.engine_of(engines.take_first(0)) for _ in range(4)] == [1] * 4
    assert engines.take_first(0) is None
    assert not engines.all_overloaded
    assert engines.take_further(0, 0) is not None
    engines.overloaded.add(1)
    assert engines.all_overloaded


def test_claimed_and_resting_slots_are_no_room():
    engines = two()
    engines.claim([0, 1, 2, 5])
    assert engines.taken == 4
    assert engines.engine_of(engines.take_first(0)) == 1
    engines.give_back(5, 0)
    assert engines.taken == 4
    assert [engines.take_further(1, 0) for _ in range(3)] == [6, 7, None], "the freed slot rests"
    assert engines.take_further(1, QUARANTINE_MS) == 5
