"""The quality record of a leg, what was counted and measured from its opening to its end; and a look at a live one."""

from msgspec import Struct

from edge.vocabulary.ids import LegId, PlayId, RecordingId, SlotIndex
from edge.vocabulary.media import AudioFault, DigitMethod


class QualityFigures(Struct, frozen=True, kw_only=True):
    """Figures of a leg. `received` is what the peer sent us, `sent` what we sent; null: not known.

    Loss is a share from 0 to 1. Opinions (MOS, 1 to 4.5) are by the E-model: ITU-T G.107, G.107.1 for wideband.
    """

    #: RTP packets accepted.
    packets_received: int
    #: RTP packets sent.
    packets_sent: int
    #: Packets that never came, by their sequence numbers.
    packets_lost: int
    #: Packets that came after their turn to be played.
    packets_late: int
    #: Datagrams that were not accepted: not RTP, another payload type, a source that has not proved itself.
    packets_refused: int
    #: Interarrival jitter (RFC 3550) at the end.
    jitter_ms: float
    #: The last round trip by RTCP.
    round_trip_ms: float | None = None
    #: Codec in use at the end; empty: none was negotiated.
    codec: str = ""
    #: Packets that came twice.
    packets_duplicate: int = 0
    #: Packets that came out of their order.
    packets_reordered: int = 0
    #: Datagrams dropped unread because there were too many.
    packets_flooded: int = 0
    #: Packets that the kernel did not take.
    packets_not_sent: int = 0
    #: Share of the peer's packets that was not heard: lost or late.
    loss_received: float | None = None
    #: Share of our packets that did not reach the peer, by its reports.
    loss_sent: float | None = None
    #: Length of losses in a row against that of random loss: 1 random, more bursty (G.107 section 7.5).
    burst_ratio: float | None = None
    #: Audio made up in place of what was lost.
    concealed_ms: int = 0
    #: Times that playout ran dry because packets were delayed.
    underruns: int = 0
    #: Playout made slower and faster, to follow the network's delay and the peer's clock.
    stretched_ms: int = 0
    compressed_ms: int = 0
    #: Interarrival jitter over the leg's life.
    jitter_mean_ms: float | None = None
    jitter_max_ms: float | None = None
    #: Jitter of our stream at the peer, by its last report.
    jitter_sent_ms: float | None = None
    #: From a packet's arrival to its being played.
    playout_delay_mean_ms: float | None = None
    playout_delay_max_ms: float | None = None
    #: Round trips by RTCP.
    round_trip_min_ms: float | None = None
    round_trip_mean_ms: float | None = None
    round_trip_max_ms: float | None = None
    #: Mean opinion score of what we heard, and of what the peer heard.
    mos_received: float | None = None
    mos_sent: float | None = None
    #: Share of the time in which the peer was loud; the rest was silence.
    talk_share: float | None = None
    #: What we heard: the active level of speech (where there was some), the noise floor at the end, and time clipped.
    speech_level_dbm0: float | None = None
    noise_floor_dbm0: float | None = None
    clipped_ms: int = 0
    #: RTCP packets of the peer, and ours.
    rtcp_received: int = 0
    rtcp_sent: int = 0
    #: RTCP on the RTP port (RFC 5761).
    rtcp_mux: bool = False
    #: The peer ended its stream by an RTCP BYE.
    rtcp_goodbye: bool = False
    #: How the peer's digits were agreed to come.
    dtmf: DigitMethod | None = None
    #: Audio was encrypted (SRTP) at the end.
    srtp: bool = False
    #: Packets of SRTP and SRTCP that were not authentic, and those that had been seen before.
    packets_not_authentic: int = 0
    packets_replayed: int = 0
    #: The peer's address was learned from its packets, and is not the one of its SDP.
    symmetric_learned: bool = False


class LegView(Struct, frozen=True, kw_only=True):
    """A leg's media at this moment, for people. Levels are dBm0, null when nothing comes (or goes)."""

    leg: LegId
    slot: SlotIndex
    #: `open`; `closing` while its recording is completed.
    phase: str
    codec: str = ""
    #: RTP clock, Hz.
    clock_rate: int = 0
    #: As `connected`, after learning; empty: none was negotiated.
    peer: str = ""
    srtp: bool = False
    #: What the peer says, and what it is sent.
    level_in_dbm0: float | None = None
    level_out_dbm0: float | None = None
    #: The peer is loud.
    talks: bool = False
    #: What lies in the playout buffer, and the delay that is aimed at.
    buffer_ms: float = 0.0
    buffer_target_ms: float = 0.0
    #: The newest play, while it plays.
    plays: PlayId | None = None
    recording: RecordingId | None = None
    #: Room that it is in and how; a bridge is a room of two. 0: none.
    room: int = 0
    room_mode: str = ""
    sends_digits: bool = False
    #: Audio that is missing now.
    faults: list[AudioFault] = []
    figures: QualityFigures
