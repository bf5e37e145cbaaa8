"""The quality record that is made of the engine's counts."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.plane import layout, source
from edge.media.figures import figures_of, quality_of
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address, RemoteMedia
from edge.vocabulary.quality import QualityFigures

LEG = LegId("c.1")
REMOTE = RemoteMedia(
    rtp=Address("127.0.0.1", 4000),
    rtcp=Address("127.0.0.1", 4001),
    codec="PCMU",
    payload_type=0,
    telephone_event=101,
    ptime_ms=20,
    direction="sendrecv",
)


def record(**values):
    made = np.zeros(1, layout.LEG).view(np.recarray)[0]
    made["rc_round_trip_us"] = made["rc_peer_fraction"] = -1
    for name, value in values.items():
        made[name] = value
    return made


def streamed(received=950, lost=50, **values):
    """A leg whose source is valid and has lost packets."""
    return record(
        rx_state=source.VALID, rx_max_seq=received + lost - 1, rx_received=received, rx_packets=received, **values
    )


def test_a_leg_that_never_had_a_packet_knows_nothing_and_says_so():
    figures = figures_of(LEG, record(), None)
    assert (figures.packets_received, figures.packets_lost, figures.jitter_ms) == (0, 0, 0.0)
    unknown = {
        "loss_received", "loss_sent", "burst_ratio", "jitter_mean_ms", "jitter_max_ms", "jitter_sent_ms",
        "playout_delay_mean_ms", "playout_delay_max_ms", "round_trip_ms", "round_trip_min_ms", "round_trip_mean_ms",
        "round_trip_max_ms", "mos_received", "mos_sent", "talk_share", "dtmf", "speech_level_dbm0", "noise_floor_dbm0",
    }  # fmt: skip
    assert {name for name in QualityFigures.__struct_fields__ if getattr(figures, name) is None} == unknown
    assert figures.codec == ""


def test_a_whole_record():
    made = streamed(
        ql_gap_packets=50, ql_gaps=10, jb_late=20, tx_packets=1000, rx_jitter_q4=16 * 40, ql_ticks=1000,
        ql_talk_ticks=400, ql_jitter_sum_us=4_000_000, ql_jitter_max_us=9000, ql_delays=950, ql_delay_sum_us=57_000_000,
        ql_delay_max_us=80_000, rc_trips=2, rc_round_trip_us=30_000, rc_trip_min_us=30_000, rc_trip_max_us=50_000,
        rc_trip_sum_us=80_000, rc_peer_fraction=0, rc_peer_lost=100, rc_peer_tx=1000, rc_peer_jitter=24, rc_bye=1,
        jb_concealed=8000, first_sound_ns=5_000_000_000, ql_reordered=3, jb_duplicate=2, rc_in=4, rc_out=5,
    )  # fmt: skip
    figures = figures_of(LEG, made, REMOTE)
    assert figures.packets_lost == 50
    assert figures.loss_received == pytest.approx(70 / (950 - 2 + 50), abs=1e-4)
    assert figures.loss_sent == 0.1
    assert figures.burst_ratio == pytest.approx(5 * (1 - 70 / 998), abs=0.01)
    assert (figures.jitter_ms, figures.jitter_mean_ms, figures.jitter_max_ms, figures.jitter_sent_ms) == (5, 4, 9, 3)
    assert (figures.playout_delay_mean_ms, figures.playout_delay_max_ms) == (60, 80)
    assert (figures.round_trip_ms, figures.round_trip_min_ms, figures.round_trip_max_ms) == (30, 30, 50)
    assert figures.round_trip_mean_ms == 40
    assert figures.talk_share == 0.4
    assert figures.concealed_ms == 1000
    assert figures.first_sound_ms == 5000
    assert (figures.codec, figures.dtmf, figures.rtcp_goodbye, figures.packets_reordered) == (
        "PCMU",
        "rfc4733",
        True,
        3,
    )
    assert figures.mos_sent is not None
    assert figures.mos_received is not None
    assert 2 < figures.mos_sent < 3.5
    assert figures.mos_received > figures.mos_sent


def test_a_wide_leg_counts_by_its_own_rates():
    made = streamed(
        wide=1, rtp_wide=1, rx_jitter_q4=16 * 160, jb_concealed=16000, rc_peer_fraction=0, rc_peer_jitter=160,
        jb_stretched=8000, jb_compressed=4000,
    )  # fmt: skip
    figures = figures_of(LEG, made, REMOTE)
    assert (figures.jitter_ms, figures.jitter_sent_ms, figures.concealed_ms) == (10, 10, 1000)
    assert (figures.stretched_ms, figures.compressed_ms) == (1000, 500)  # these count at 8 kHz, whatever the leg's rate


def test_what_a_hostile_peer_reports_is_no_figure():
    made = streamed(
        tx_packets=100, rc_peer_fraction=255, rc_peer_lost=-0x800000, rc_peer_jitter=0xFFFFFFFF, rc_peer_tx=100
    )
    figures = figures_of(LEG, made, REMOTE)
    assert (figures.loss_sent, figures.jitter_sent_ms) == (0, None)


COUNTS = st.integers(0, 1 << 40)
FIELDS = [name for name in layout.LEG.names if layout.LEG[name] == np.int64]


@given(st.dictionaries(st.sampled_from(FIELDS), COUNTS))
def test_any_record_gives_a_record_that_can_be_sent(values):
    values |= {name: values[name] % 2 for name in ("wide", "rtp_wide") if name in values}
    values |= {name: values[name] % 3 for name in ("rx_state",) if name in values}
    figures = quality_of(record(**values), REMOTE)
    msgspec.convert(figures, QualityFigures)
    for name in ("loss_received", "loss_sent"):
        assert figures[name] is None or 0 <= figures[name] <= 1
    for name in ("mos_received", "mos_sent"):
        assert figures[name] is None or 1 <= figures[name] <= 4.5
