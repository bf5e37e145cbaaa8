"""The shared state of the media plane: one block of memory, mapped by whoever runs or watches the engine.

The supervisor holds the memory (a memfd), so legs, rings and RTP counters outlive the engine that works on them. Zero
bytes are a valid empty state. All offsets are computed here and nowhere else.

Ownership, so that no lock is needed: the *engine* (the GIL-free loop) writes everything except what is named here.
The *controller* (Python of the media process) writes command entries and `COMMAND_HEAD`, `EVENT_TAIL`, `RUN`,
`WAKE_FD`, `CRASH_PHASE`, the settings words, and the prompt arena; the *recorder's writer thread* writes `rec_read`.
Times are CLOCK_MONOTONIC nanoseconds, lengths are samples at 8 kHz unless a name says otherwise.

A leg works at 8 kHz (`wide` 0) or at 16 kHz (`wide` 1). What belongs to its playout (the ring, every `jb_` length) is
in samples of the leg's own rate: `FRAME << wide` of them a tick. RTP counts by a clock of its own: `FRAME << rtp_wide`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dsp.codecs.state_words import DOWN_WORDS, G722_WORDS, UP_WORDS
from dsp.detectors.answer_state import ANSWER_SETTINGS, ANSWER_STATE
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.detectors.progress_state import PROGRESS_STATE
from dsp.detectors.speech_state import SPEECH_STATE

MAGIC = 0x45444745504C414E
VERSION = 19
PAGE = 4096

SAMPLE_RATE = 8000
FRAME = 160
TICK_NS = 20_000_000
NS_PER_SAMPLE = 125_000

#: Of the leg's own rate: 2.56 s narrow, 1.28 s wide.
JITTER_SAMPLES = 20480
#: What lies in the ring where there is no sample: no decoder gives it.
ABSENT = -32768
#: Histogram of the packets' delay, 5 ms each.
DELAY_BUCKETS = 102
#: Of the leg's own rate; a power of two.
CONCEAL_HISTORY = 1024
CONCEAL_FUTURE = 320
#: Reflection coefficients of comfort noise that are used.
CN_ORDER = 12
#: Samples at 8 kHz in which one source of what a leg hears fades over to the next (5 ms).
EDGE = 40
RECORD_FRAMES = 16000
PLAY_ITEMS = 16
MAX_DIGITS = 64
TE_MEMORY = 8
#: SSRCs of a peer whose roll-over counter is remembered.
SRTP_STREAMS = 4
#: Room for a struct sockaddr_in or sockaddr_in6.
SOCKADDR = 32
#: Sender reports of ours that a peer may refer to.
SENT_SR = 4

# --- control words ------------------------------------------------------------------------------------------------
CONTROL_WORDS = 512

CTL_MAGIC = 0
CTL_VERSION = 1
CTL_SLOTS = 2
CTL_PROMPT_SAMPLES = 3
#: Controller: 1 run, 0 leave the loop after the present tick.
RUN = 4
#: Next tick to run; its instant is `GRID_ANCHOR_NS + TICK * TICK_NS`. Advanced by the tick's end mark.
TICK = 5
#: Instant of tick 0; 0: no engine has ever run.
GRID_ANCHOR_NS = 6
#: Packets leave this long after the tick's instant.
SEND_OFFSET_NS = 7
#: Descriptor of the eventfd that is written when a tick left events; -1: none.
WAKE_FD = 8
#: Test hook: n kills the engine between phase n and n + 1 of the next tick; 0: off.
CRASH_PHASE = 9
#: Highest open slot + 1.
SLOTS_USED = 10
#: Monotonic counters of commands put in (controller) and done (engine).
COMMAND_HEAD = 11
COMMAND_TAIL = 12
#: Monotonic counters of events put in (engine) and taken out (controller).
EVENT_HEAD = 13
EVENT_TAIL = 14
#: Setting: report AUDIO_STOPPED after this many ticks without RTP; 0: never.
SILENCE_TICKS = 15
#: Setting: playout delay that a leg starts with, samples.
PLAYOUT_DELAY = 16
#: Setting: bounds of the playout delay, samples.
MIN_DELAY = 20
MAX_DELAY = 21
#: Instant at which the last tick ended.
LAST_TICK_END_NS = 18
#: Times that an engine took the state up.
TAKE_UPS = 19
#: Setting: 1 takes the kernel's receive time stamp of each packet for its arrival, 0 the tick's instant.
ARRIVAL_STAMPS = 28
#: Setting: report a peer that sends nothing above the noise floor for this many ticks; 0: never.
QUIET_TICKS = 29
#: Setting: level of the noise that a leg is sent when there is nothing to send, dBm0 (below 0); 0: silence.
IDLE_NOISE = 27

# Counters; they only grow.
LATE_TICKS = 32  # began more than 1 ms after their instant
MISSED_TICKS = 33  # never run, skipped on the grid
LATE_SENDS = 34  # sending began more than 1 ms after the send instant
EVENTS_LOST = 35  # the event ring was full
COMMANDS_BAD = 36  # unknown kind, or a slot out of range
COMMANDS_STALE = 37  # a slot's generation had changed meanwhile
PACKETS_IN = 38
PACKETS_OUT = 39
PACKETS_REFUSED = 40  # not RTP, wrong version, length, payload type, stream; or no peer is known
PACKETS_FLOODED = 41  # read and dropped: more than a leg may bring a tick
PACKETS_LATE = 42
PACKETS_DUPLICATE = 43
SEND_ERRORS = 44
RTCP_IN = 45
RTCP_OUT = 46
RTCP_REFUSED = 47
RECORD_OVERRUNS = 48  # frames that found the recorder's ring full
TORN_LEGS = 49  # legs resynchronised at a take-up
RESYNCS = 50  # playout re-based after a jump, a new SSRC or a pause
CONCEALED = 51  # samples made up for lost packets
SLIPPED_TICKS = 63  # began more than half a tick after their instant

PACKETS_BAD_TAG = 100  # SRTP or SRTCP that is not authentic
PACKETS_REPLAYED = 101  # SRTP or SRTCP seen before, or too old to tell
SRTP_ERRORS = 102  # packets that could not be sealed, and were not sent

#: Histogram of the work of a tick (receive to end, without the wait for the send instant).
TICK_SUM_NS = 64
TICK_COUNT = 65
TICK_BUCKETS = 66  # first word; bucket i counts ticks of at most TICK_BOUNDS_US[i], the last one the rest
TICK_BOUNDS_US = (100, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12000, 16000, 20000, 50000)

# --- commands: int64[COMMANDS, COMMAND_WORDS]: kind, slot, generation, arguments ------------------------------------
COMMANDS = 1024
COMMAND_WORDS = 24

#: rtp_fd, rtcp_fd, ssrc, sequence, timestamp, CNAME (16 ASCII bytes, little-endian in 2 words). The slot takes over the
#: command's generation.
CMD_OPEN = 1
#: connected (1: the sockets have the peer), codec (CODEC_*), payload type, payload type of telephone-event (-1 none),
#: transmit (0/1), expect (0/1: the peer should send), packet time (ms), clock of
#: telephone-event (0: 8 kHz, 1: 16 kHz), digits go in-band (0/1), tones of others are not heard (0/1),
#: payload type of comfort noise (0 none), RTCP on the RTP socket (0/1), keys are not looked for in its audio (0/1),
#: limits of their tones (`digits.set_limits`; 0: those of Q.24)
CMD_UPDATE_REMOTE = 2
#: play number (> 0), times (0 for ever), barge-in, count, then `count` words `offset << 32 | length`; the last word of
#: the entry is 0 when the play replaces what the leg hears, else 1 + the gain (Q12) of what it hears meanwhile
CMD_PLAY = 3
#: play number
CMD_STOP_PLAY = 4
#: other slot, other generation, room (0: slot + 1): both leave where they are and are a room of two
CMD_BRIDGE = 5
#: the leg leaves its room
CMD_UNBRIDGE = 6
#: recording number (> 0)
CMD_RECORD = 7
#: recording number
CMD_STOP_RECORD = 8
#: digits number (> 0), duration, gap (samples), count, then 8 ASCII digits a word, little-endian
CMD_SEND_DIGITS = 9
CMD_CLOSE = 10
#: room (1 to the number of slots), mode (ROOM_*), slot whispered to (-1 none), its generation
CMD_ROOM = 11
#: muted (0/1), deaf (0/1), gain of what the leg says, gain of what it hears (Q12, less 1), automatic level (0/1)
CMD_SOUND = 12
CMD_LAST = 12
#: handle of the keys (0: plain RTP), then from when on they are sent with (re-keying): SSRC, sequence number (-1: the
#: same). Before the `CMD_UPDATE_REMOTE` of the same negotiation.
CMD_SECURE = 30
#: number (> 0) of the window, then struct sockaddr of the negotiated RTP and RTCP address (4 words each): the peer's
#: address is learned (`learning.py`)
CMD_LEARN = 31
#: number (> 0), then the words of ANSWER_SETTINGS: it is told from now on who has answered
CMD_DETECT_ANSWER = 32
#: number (> 0), country (1 + index in the tables, 0: any), id of the tables: call progress tones are told from now on
CMD_DETECT_TONES = 33
#: rtp_fd, rtcp_fd: the leg uses these sockets from now on, its peer is of another family. Before `CMD_LEARN` and
#: `CMD_UPDATE_REMOTE` of the same negotiation.
CMD_SOCKETS = 34
#: on (0/1), and since when (ns): what the leg says is for nobody (`privacy.py`)
CMD_PRIVATE = 35

# --- events: int64[EVENTS, EVENT_WORDS]: kind, slot, generation, tick instant, arguments ----------------------------
EVENTS = 4096
EVENT_WORDS = 10

# After a crash of the engine an event may come twice (never zero times): numbers and start instants tell repeats.
#: method (METHOD_*), digit (ASCII, `!` is hook flash), start instant, duration ns, level dBm0 * 10 (NO_LEVEL: not
#: known), bits: 1 the end was seen, 2 the same key's tone was in the audio, too (RFC 4733 only)
EV_DIGIT = 1
#: play number, how (PLAY_*), samples played
EV_PLAY_ENDED = 2
#: on (0/1), instant
EV_SOUND = 3
#: digits number, digits sent
EV_DIGITS_SENT = 4
#: missing for ns, which fault (FAULT_*)
EV_AUDIO_STOPPED = 5
#: recording number, frames on the timeline, gap left, gap right (samples)
EV_RECORD_STOPPED = 6
EV_LEG_CLOSED = 7
#: told as missing for ns, which fault (FAULT_*)
EV_AUDIO_RESUMED = 20
#: code and cause (`dsp.detectors.answer`; cause << 8), start << 32 | end, when it was known (samples since the
#: command), and the verdict's `a`, `b` (thousandths) and level (dBm0 * 10)
EV_ANSWER = 30
#: code | phase << 8 | (1 + cause) << 16 (`dsp.detectors.progress`), start << 32 | end, when it was known (samples since
#: the command), lower << 32 | higher frequency (Hz * 10), level (dBm0 * 10), cycles << 40 | burst << 20 | pause
EV_TONE = 31
#: recording number, on (0/1), frame of the recording from which on it is silence (or is so no more)
EV_PRIVATE = 32

#: No RTP comes; it comes and holds no sound; the peer reports that nothing of ours arrives.
FAULT_NO_PACKETS = 0
FAULT_NO_SOUND = 1
FAULT_NOT_RECEIVED = 2

METHOD_RFC4733 = 0
METHOD_INBAND = 1
NO_LEVEL = -10_000

PLAY_FINISHED = 0
PLAY_STOPPED = 1
PLAY_BARGED = 2

#: How a leg is in a room: heard by all others, by nobody, by one of them.
ROOM_TALK = 0
ROOM_LISTEN = 1
ROOM_WHISPER = 2

CODEC_PCMU = 0
CODEC_PCMA = 1
CODEC_L16 = 2
#: From here on wide: L16 by a clock of 16 kHz, G.722 by one of 8 kHz (RFC 3551 section 4.5.2).
CODEC_L16_WIDE = 3
CODEC_G722 = 4
CODECS = 5

# A slot's words of `codec`: what follows the stream that comes in, then the rest.
CODEC_DECODER = 0
CODEC_PACKET_DOWN = CODEC_DECODER + G722_WORDS
CODEC_PACKET_UP = CODEC_PACKET_DOWN + DOWN_WORDS
CODEC_RECEIVED = CODEC_PACKET_UP + UP_WORDS
CODEC_PLAYED_DOWN = CODEC_RECEIVED
CODEC_ENCODER = CODEC_PLAYED_DOWN + DOWN_WORDS
CODEC_SENT_DOWN = CODEC_ENCODER + G722_WORDS
CODEC_SENT_UP = CODEC_SENT_DOWN + DOWN_WORDS
CODEC_WORDS = CODEC_SENT_UP + UP_WORDS

#: Octets of audio that may wait for their packet: less than a packet of 60 ms, and a frame, of wide L16.
PACKING = 2560

LEG_FREE = 0
LEG_OPEN = 1

#: One leg. Counters grow from `CMD_OPEN` on and stay readable after the close until the slot is opened again.
LEG = np.dtype(
    [
        # identity
        ("state", "i8"),
        ("generation", "i8"),
        ("begin_tick", "i8"),  # marks: they differ only while (or because) a tick is torn
        ("end_tick", "i8"),
        ("rtp_fd", "i8"),
        ("rtcp_fd", "i8"),
        # negotiated
        ("connected", "i8"),
        ("codec", "i8"),
        ("payload_type", "i8"),
        ("te_payload_type", "i8"),
        ("transmit", "i8"),
        ("expect", "i8"),  # the peer should send
        # sending (RFC 3550 section 5.1); `tx_tick` is the tick that `tx_ts` belongs to
        ("ssrc", "i8"),
        ("tx_seq", "i8"),
        ("tx_ts", "i8"),
        ("tx_tick", "i8"),
        ("tx_sent_tick", "i8"),  # last tick (+ 1) that a packet was sent for; written before the packet leaves
        ("tx_marker", "i8"),
        ("tx_packets", "i8"),
        ("tx_octets", "i8"),
        ("send_errors", "i8"),
        ("cname", "u1", (16,)),
        # receiving: source validation (RFC 3550 A.1) and statistics (A.3, A.8)
        ("rx_state", "i8"),
        ("rx_ssrc", "i8"),
        ("rx_probation", "i8"),
        ("rx_other_ssrc", "i8"),
        ("rx_other_seq", "i8"),
        ("rx_max_seq", "i8"),
        ("rx_cycles", "i8"),
        ("rx_base_seq", "i8"),
        ("rx_bad_seq", "i8"),
        ("rx_received", "i8"),  # of the present source, and how many of them came twice
        ("rx_repeated", "i8"),
        ("rx_seen", "i8"),  # bit n: `rx_max_seq - n` has come
        ("rx_step", "i8"),  # of the newest packet's sequence number
        ("rx_lost_before", "i8"),  # lost packets of earlier sources of this leg
        ("rx_expected_prior", "i8"),
        ("rx_received_prior", "i8"),
        ("rx_transit", "i8"),  # -1: no packet yet
        ("rx_jitter_q4", "i8"),  # samples * 16
        ("rx_packets", "i8"),  # all accepted packets of the leg
        ("rx_octets", "i8"),
        ("rx_refused", "i8"),
        ("rx_flooded", "i8"),
        ("rx_burst", "i8"),  # packets taken, less those that ticks allow for
        ("rx_arrival_ns", "i8"),  # arrival of the present packet, as exactly as it is known
        ("rx_last_ns", "i8"),  # arrival of the last accepted packet (tick's instant)
        ("rx_watch_ns", "i8"),  # since when the peer should send
        ("rx_stop_told", "i8"),  # instant at which it was told that nothing comes; 0: it was not, or it is over
        # playout; timestamps are unwrapped to 64 bits
        ("jb_started", "i8"),
        ("jb_play_ts", "i8"),  # next sample to be played
        ("jb_newest_ts", "i8"),  # end of the newest packet
        ("jb_clock", "i8"),  # samples played by the grid; with a timestamp it makes an offset, see `delay.py`
        ("jb_dry", "i8"),  # samples played since the store ran empty, and how many of them were made up
        ("jb_dry_made", "i8"),
        ("jb_dry_ts", "i8"),  # where it ran empty
        ("jb_first_ts", "i8"),  # first of what has come since then
        ("jb_pause_ts", "i8"),  # the newest pause of the sender: its begin and its end
        ("jb_spurt_ts", "i8"),
        ("jb_pauses", "i8"),  # times without audio in a row that were the sender's pauses
        ("jb_jumped", "i8"),  # 1: `jb_resync_ts` is valid
        ("jb_resync_ts", "i8"),  # a jumped timestamp waiting for a second witness
        ("jb_start", "i8"),  # settings: playout delay at the start, its bounds
        ("jb_least", "i8"),
        ("jb_most", "i8"),
        ("jb_target", "i8"),  # playout delay aimed at
        ("jb_clean", "i8"),  # whole frames played in a row
        ("jb_pace", "i8"),  # ticks until the delay may be changed in speech
        ("jb_wait", "i8"),  # attempts since it should be
        ("jb_late", "i8"),
        ("jb_duplicate", "i8"),
        ("jb_concealed", "i8"),
        ("jb_underruns", "i8"),  # times that the store was empty because packets were delayed
        # these are in samples of 8 kHz, whatever the leg's rate
        ("jb_waited", "i8"),  # made up while the store was empty because packets were delayed
        ("jb_stretched", "i8"),  # added to make the delay longer
        ("jb_compressed", "i8"),  # taken out to make it shorter
        ("jb_delay", "i8"),  # playout delay above the fastest packets: now, its sum over ticks, and its highest
        ("jb_delay_sum", "i8"),
        ("jb_delay_ticks", "i8"),
        ("jb_delay_max", "i8"),
        ("jb_resyncs", "i8"),
        ("jb_late_run", "i8"),  # packets in a row that came too late
        # what the path does (`delay.py`); all but counts are offsets: play clock minus RTP time
        ("jd_reference", "i8"),  # of bucket 0
        ("jd_want", "i8"),
        ("jd_previous", "i8"),
        ("jd_low", "i8"),  # lowest and highest of this window and of the one before
        ("jd_low_before", "i8"),
        ("jd_high", "i8"),
        ("jd_high_before", "i8"),
        ("jd_exact", "i8"),  # lowest offset at the arrival itself, in this window and the one before
        ("jd_exact_before", "i8"),
        ("jd_exact_previous", "i8"),
        ("jd_guard", "i8"),  # a packet that waited less for the tick counts as a tick later
        ("jd_window", "i8"),  # its length, and its end by the play clock
        ("jd_window_end", "i8"),
        ("jd_forget_at", "i8"),
        ("jd_total", "i8"),
        ("jd_counts", "i4", (DELAY_BUCKETS,)),  # samples (8 kHz) that came so late
        ("jd_lost", "i8"),  # a packet (samples, 8 kHz) for each hole, with a longer memory
        ("jd_came", "i8"),  # samples (8 kHz) that came, with the same memory
        ("jd_packet", "i8"),  # length of the last packet
        ("jd_foresight", "i8"),  # a packet is kept in store for concealment
        # concealment (`concealment.py`)
        ("pc_lost", "i8"),  # samples made up in a row; 0 none
        ("pc_fade", "i8"),  # samples of the cross-fade to real ones still to come, and its whole length
        ("pc_fade_length", "i8"),
        ("pc_brief", "i8"),  # 1: what is made up is likely to stand for nothing and is short
        ("pc_gone", "i8"),  # samples after which it has faded to nothing
        ("pc_wide", "i8"),  # the rate that the history has
        ("pc_at", "i8"),  # samples played so far; the history's next place
        ("pc_pitch", "i8"),
        ("pc_periods", "i8"),  # pitch periods that are repeated; 0 none any more
        ("pc_phase", "i8"),
        ("pc_turn", "i8"),  # samples of the cross-fade to more periods still to come, and what it fades from
        ("pc_old_periods", "i8"),
        ("pc_old_phase", "i8"),
        ("pc_step", "f8"),
        ("pc_history", "i2", (CONCEAL_HISTORY,)),
        ("pc_template", "i2", (1024,)),
        ("pc_made_up", "i8"),  # samples made up in all, for lost, late and delayed ones
        ("pc_hole", "i8"),  # length of a hole whose end is known; 0 not known
        ("pc_known", "i8"),  # samples that are known behind it, in `pc_future`
        ("pc_both", "i8"),  # 1: what follows is heard in the hole, from its sample `pc_from` on
        ("pc_from", "i8"),
        ("pc_plain", "i8"),  # 1: its end became known only in its course
        ("pc_voiced", "i8"),
        ("pc_rate", "f8"),
        ("pc_next_pitch", "i8"),
        ("pc_next_step", "f8"),
        ("pc_future", "i2", (CONCEAL_FUTURE,)),
        # comfort noise (`comfort_noise.py`); levels are mean squares or amplitudes of int16
        ("cn_payload_type", "i8"),  # 0: not negotiated
        ("cn_told", "i8"),  # 1: the peer described its background and has sent no audio since
        ("cn_level", "f8"),
        ("cn_order", "i8"),
        ("cn_k", "f8", (CN_ORDER,)),  # reflection coefficients
        ("cn_state", "f8", (CN_ORDER + 1,)),
        ("cn_gain", "f8"),
        ("cn_wanted", "f8"),
        ("cn_seed", "i8"),
        ("cn_idle_seed", "i8"),
        ("cn_floor", "f8"),  # what the quietest frames of the leg had; 0: not known
        ("cn_tilt", "f8"),
        ("cn_packets", "i8"),
        # edges (`edges.py`)
        ("ed_source", "i8"),  # what the last frame that the leg was sent was made from
        ("ed_silent", "i8"),
        ("ed_wide", "i8"),  # the rate that the tail has
        ("ed_tail", "i2", (2 * EDGE,)),
        # telephone events received (RFC 4733 section 2.5)
        ("te_active", "i8"),
        ("te_ts", "i8"),
        ("te_event", "i8"),
        ("te_duration", "i8"),
        ("te_volume", "i8"),
        ("te_start_ns", "i8"),
        ("te_last_ns", "i8"),
        ("te_next", "i8"),
        ("te_seen", "i8", (TE_MEMORY, 3)),  # SSRC, timestamp, event of the last ones
        # digits to send
        ("dg_number", "i8"),
        ("dg_active", "i8"),
        ("dg_count", "i8"),
        ("dg_index", "i8"),
        ("dg_duration", "i8"),
        ("dg_gap", "i8"),
        ("dg_phase", "i8"),
        ("dg_elapsed", "i8"),
        ("dg_ts", "i8"),
        ("dg_ends", "i8"),
        ("dg_osc", "i8", (2,)),
        ("dg_digits", "u1", (MAX_DIGITS,)),
        # play
        ("pl_number", "i8"),
        ("pl_active", "i8"),
        ("pl_count", "i8"),
        ("pl_index", "i8"),
        ("pl_position", "i8"),
        ("pl_left", "i8"),  # times still to play, this one included; -1 for ever
        ("pl_barge", "i8"),
        ("pl_start_ns", "i8"),
        ("pl_played", "i8"),
        ("pl_offset", "i8", (PLAY_ITEMS,)),
        ("pl_length", "i8", (PLAY_ITEMS,)),
        (
            "pl_last",
            "i8",
        ),  # last sample played, and how the sound behind a joint is bent: by how much, for how long yet
        ("pl_bend", "i8"),
        ("pl_bent", "i8"),
        ("pl_mix", "i8"),  # 0: replaces the room, else 1 + gain (Q12) of the room meanwhile
        # room: where the leg is to be heard (`rm_`) and is heard (`sp_`), see `rooms.py`
        ("rm_room", "i8"),  # number from 1; 0 none
        ("rm_mode", "i8"),
        ("rm_to", "i8"),  # slot + 1 of the leg whispered to
        ("rm_to_generation", "i8"),
        ("sp_room", "i8"),
        ("sp_mode", "i8"),
        ("sp_to", "i8"),
        ("sp_to_generation", "i8"),
        ("sp_gain", "i8"),  # Q12, at the end of the last frame
        # sound: what is asked for; gains are Q12, less 1, so that zero changes nothing
        ("sd_muted", "i8"),
        ("sd_deaf", "i8"),
        ("sd_said", "i8"),
        ("sd_heard", "i8"),
        ("sd_now", "i8"),  # gain of what is heard at the end of the last frame
        # automatic level (`auto_level.py`)
        ("al_on", "i8"),
        ("al_floor", "f8"),  # mean squares: of noise, of speech
        ("al_power", "f8"),
        ("al_gain_db", "f8"),
        # recorder; frames are absolute since the recording's first tick
        ("rec_number", "i8"),
        ("rec_active", "i8"),
        ("rec_start_tick", "i8"),
        ("rec_write", "i8"),
        ("rec_read", "i8"),
        ("rec_gap_left", "i8"),
        ("rec_gap_right", "i8"),
        # levels
        ("lv_on", "i8"),
        ("lv_loud", "i8"),
        ("lv_quiet", "i8"),
        ("first_sound_ns", "i8"),
        # RTCP (RFC 3550 section 6)
        ("rc_next_tick", "i8"),
        ("rc_in", "i8"),
        ("rc_out", "i8"),
        ("rc_last_sr", "i8"),  # middle 32 bits of the peer's last SR
        ("rc_last_sr_ns", "i8"),
        ("rc_round_trip_us", "i8"),  # -1 not known
        ("rc_peer_fraction", "i8"),  # loss the peer sees, 1/256; -1 not known
        ("rc_peer_lost", "i8"),
        ("rc_peer_jitter", "i8"),
        # codec: what follows from the negotiated one
        ("wide", "i8"),  # 1: 16 kHz
        ("rtp_wide", "i8"),  # 1: the RTP clock runs at 16 kHz
        ("te_wide", "i8"),  # 1: telephone-event counts by 16 kHz
        ("ptime_ms", "i8"),  # of our packets; 0: 20
        # digits: source of the last telephone event, and how keys get to this leg
        ("te_ssrc", "i8"),
        ("dg_tones", "i8"),  # 1: as tones, also where telephone-event was negotiated
        ("dg_guard", "i8"),  # 1: by signalling or events, so it does not hear the tones of others
        ("dg_deaf", "i8"),  # 1: keys of this leg are not looked for in its audio
        ("dg_limits", "i8"),  # what such a key's tone must be like, as the command has it
        ("dg_hidden_ns", "i8"),  # until then a tone of this leg is played
        ("dg_tone", "i8"),  # the last digit of it that was recognised in-band (ASCII), and when that ended
        ("dg_tone_ns", "i8"),
        # codec: the one before, whose packets are still taken for a while
        ("old_codec", "i8"),
        ("old_payload_type", "i8"),
        ("old_te_payload_type", "i8"),
        ("old_until_ns", "i8"),
        # codec: octets that wait in `packing` to fill a packet, and what they are
        ("pk_octets", "i8"),
        ("pk_ts", "i8"),  # RTP time of the first one
        ("pk_codec", "i8"),
        ("pk_payload_type", "i8"),
        # SRTP (`srtp.py`): handles of keys (0 none), packet indices of RFC 3711 (roll-over counter and sequence number)
        ("sr_handle", "i8"),  # 0: plain RTP
        ("sr_previous", "i8"),  # keys before these; packets under them are still taken until a tick
        ("sr_until_tick", "i8"),
        ("sr_tx_handle", "i8"),  # keys that packets leave under
        ("sr_switch_tick", "i8"),  # when the sender changes to the present keys without a packet of the peer under them
        ("sr_next_ssrc", "i8"),  # to send with from that change on; -1: the same
        ("sr_next_seq", "i8"),
        ("sr_tx_index", "i8"),  # last one used
        ("sr_rx_next", "i8"),  # place in memory that the next unknown SSRC takes
        ("sr_rx_known", "i8", (SRTP_STREAMS,)),
        ("sr_rx_ssrc", "i8", (SRTP_STREAMS,)),
        ("sr_rx_index", "i8", (SRTP_STREAMS,)),  # highest authentic one
        ("sr_fresh", "i8", (SRTP_STREAMS,)),  # 1: no packet under the present keys yet
        ("sr_streams", "i8"),  # SSRCs that came up under the present keys
        ("sr_rtcp_tx", "i8"),  # last SRTCP index used
        ("sr_rtcp_ssrc", "i8"),
        ("sr_rtcp_rx", "i8"),  # highest authentic one of that SSRC
        ("rx_bad_tag", "i8"),
        ("rx_replayed", "i8"),
        ("sr_unkeyed", "i8"),  # packets of either direction dropped because this engine has no keys for the leg
        # quality: what the leg's record at its end and the live view are made of (`quality.py`)
        ("ql_ticks", "i8"),  # ticks in which the stream was valid, and of those the ones with sound
        ("ql_talk_ticks", "i8"),
        ("ql_jitter_sum_us", "i8"),  # over `ql_ticks`
        ("ql_jitter_max_us", "i8"),
        ("ql_delay_sum_us", "i8"),  # from a packet's arrival to its turn, over `ql_delays` packets
        ("ql_delay_max_us", "i8"),
        ("ql_delays", "i8"),
        ("ql_gaps", "i8"),  # holes in the sequence numbers, and the packets missing in them
        ("ql_gap_packets", "i8"),
        ("ql_reordered", "i8"),
        ("ql_power_in", "i8"),  # smoothed mean squares: what the peer says, what it is sent
        ("ql_power_out", "i8"),
        ("ql_quiet", "i8"),  # samples in a row at the noise floor
        ("ql_quiet_told_ns", "i8"),  # instants at which a fault was told; 0: it was not, or it is over
        ("ql_deaf_told_ns", "i8"),
        # RTCP, further: round trips, what the peer hears of us, its BYE
        ("rc_mux", "i8"),  # 1: on the RTP socket (RFC 5761)
        ("rc_trips", "i8"),
        ("rc_trip_sum_us", "i8"),
        ("rc_trip_min_us", "i8"),
        ("rc_trip_max_us", "i8"),
        ("rc_sent_sr", "i8", (SENT_SR,)),  # middle 32 bits of our last SRs; 0: none
        ("rc_sent", "i8"),
        ("rc_peer_highest", "i8"),  # extended highest sequence number that the peer has of us
        ("rc_peer_tx", "i8"),  # packets that we had sent when it last reported
        ("rc_deaf", "i8"),  # reports in a row by which nothing of ours arrives
        ("rc_bye", "i8"),  # 1: the present source has said goodbye
        # symmetric RTP (`learning.py`)
        ("ln_state", "i8"),
        ("ln_number", "i8"),  # of the window, written last
        ("ln_until_ns", "i8"),
        ("ln_rtp", "u1", (SOCKADDR,)),  # negotiated addresses
        ("ln_rtcp", "u1", (SOCKADDR,)),
        ("ln_own_count", "i8"),  # packets in sequence of the negotiated one
        ("ln_own_ssrc", "i8"),
        ("ln_own_seq", "i8"),
        ("ln_own_ns", "i8"),
        ("ln_from", "u1", (SOCKADDR,)),  # the candidate, and the peer if `ln_learned`
        ("ln_from_rtcp", "u1", (SOCKADDR,)),
        ("ln_count", "i8"),
        ("ln_ssrc", "i8"),
        ("ln_seq", "i8"),
        ("ln_first_ns", "i8"),  # its first packet in sequence, its last one
        ("ln_seen_ns", "i8"),
        ("ln_contest_ns", "i8"),  # when another candidate was seen beside it
        ("ln_learned", "i8"),
        ("ln_connected", "i8"),
        ("ln_rtcp_dirty", "i8"),  # 1: what is in the RTCP socket may be anybody's
        # who answered (`hearing.py`)
        ("an_number", "i8"),  # of the command
        ("an_on", "i8"),
        # call progress tones (`call_progress.py`)
        ("tn_table", "i8"),  # id of the tables whose tones are looked for, and their place in this engine
        ("tn_kit", "i8"),
        ("tn_number", "i8"),  # of the command; 0: none are looked for
        # privacy (`privacy.py`)
        ("pv_on", "i8"),
        ("pv_until_ns", "i8"),  # when it runs out; 0: it was not ended
    ],
    align=True,
)


class PlaneState(NamedTuple):
    """The state's parts, as arrays over the shared memory."""

    ctl: npt.NDArray[np.int64]
    commands: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    #: `LEG` records; fields read as attributes: `legs[slot].rx_packets`.
    legs: Any
    #: The same memory as int64 words, to clear a record.
    leg_words: npt.NDArray[np.int64]
    #: `DTMF_STATE` records.
    dtmf: Any
    #: int16[slots, JITTER_SAMPLES], indexed by RTP time.
    jitter: npt.NDArray[np.int16]
    #: int16[slots, RECORD_FRAMES, 2]; frame n lies at n % RECORD_FRAMES.
    record: npt.NDArray[np.int16]
    #: int16[prompt_samples]
    prompts: npt.NDArray[np.int16]
    #: int64[slots, CODEC_WORDS]: states of codecs and resamplers, see `CODEC_DECODER`...
    codec: npt.NDArray[np.int64]
    #: uint8[slots, PACKING]: encoded audio that waits to fill a packet.
    packing: npt.NDArray[np.uint8]
    #: `SPEECH_STATE`, `ANSWER_STATE` and `ANSWER_SETTINGS` records; the last ones also as int64 words.
    speech: Any
    answers: Any
    rules: Any
    rule_words: npt.NDArray[np.int64]
    #: `PROGRESS_STATE` records.
    progress: Any


def _align(size: int, to: int = PAGE) -> int:
    return -(-size // to) * to


def _sections(slots: int, prompt_bytes: int) -> list[tuple[int, int]]:
    """Offset and size of each part of the memory; the last entry is the end."""
    sizes = [
        CONTROL_WORDS * 8,
        COMMANDS * COMMAND_WORDS * 8,
        EVENTS * EVENT_WORDS * 8,
        slots * LEG.itemsize,
        slots * DTMF_STATE.itemsize,
        slots * JITTER_SAMPLES * 2,
        slots * RECORD_FRAMES * 4,
        prompt_bytes // 2 * 2,
        slots * CODEC_WORDS * 8,
        slots * PACKING,
        slots * SPEECH_STATE.itemsize,
        slots * ANSWER_STATE.itemsize,
        slots * ANSWER_SETTINGS.itemsize,
        slots * PROGRESS_STATE.itemsize,
        0,
    ]
    offset, out = 0, []
    for size in sizes:
        out.append((offset, size))
        offset = _align(offset + size)
    return out


def state_bytes(slots: int, prompt_bytes: int) -> int:
    """Size of the whole state for `slots` legs and `prompt_bytes` of prompts; a multiple of the page size."""
    return _sections(slots, prompt_bytes)[-1][0]


def map_state(buffer: Any, slots: int, prompt_bytes: int) -> PlaneState:
    """Arrays over `buffer` (a writable buffer of at least `state_bytes`, zeroed when new).

    Stamps a new state and checks an old one: raises `ValueError` when it was made by another version or for other
    sizes, or when the buffer is too small.
    """
    parts = _sections(slots, prompt_bytes)
    if len(memoryview(buffer)) < parts[-1][0]:
        raise ValueError(f"media state of {len(memoryview(buffer))} bytes, {parts[-1][0]} needed")

    def part(index: int, dtype: Any, shape: tuple[int, ...]) -> Any:
        count = int(np.prod(shape))
        return np.frombuffer(buffer, dtype=dtype, count=count, offset=parts[index][0]).reshape(shape)

    state = PlaneState(
        ctl=part(0, np.int64, (CONTROL_WORDS,)),
        commands=part(1, np.int64, (COMMANDS, COMMAND_WORDS)),
        events=part(2, np.int64, (EVENTS, EVENT_WORDS)),
        legs=part(3, LEG, (slots,)).view(np.recarray),
        leg_words=part(3, np.int64, (slots, LEG.itemsize // 8)),
        dtmf=part(4, DTMF_STATE, (slots,)).view(np.recarray),
        jitter=part(5, np.int16, (slots, JITTER_SAMPLES)),
        record=part(6, np.int16, (slots, RECORD_FRAMES, 2)),
        prompts=part(7, np.int16, (prompt_bytes // 2,)),
        codec=part(8, np.int64, (slots, CODEC_WORDS)),
        packing=part(9, np.uint8, (slots, PACKING)),
        speech=part(10, SPEECH_STATE, (slots,)).view(np.recarray),
        answers=part(11, ANSWER_STATE, (slots,)).view(np.recarray),
        rules=part(12, ANSWER_SETTINGS, (slots,)).view(np.recarray),
        rule_words=part(12, np.int64, (slots, ANSWER_SETTINGS.itemsize // 8)),
        progress=part(13, PROGRESS_STATE, (slots,)).view(np.recarray),
    )
    _stamp(state.ctl, slots, prompt_bytes // 2)
    return state


def _stamp(ctl: npt.NDArray[np.int64], slots: int, prompt_samples: int) -> None:
    if ctl[CTL_MAGIC] == 0:
        ctl[CTL_VERSION], ctl[CTL_SLOTS], ctl[CTL_PROMPT_SAMPLES] = VERSION, slots, prompt_samples
        ctl[WAKE_FD] = -1
        ctl[SEND_OFFSET_NS] = 4_000_000
        ctl[PLAYOUT_DELAY] = 480
        ctl[MIN_DELAY] = 160
        ctl[MAX_DELAY] = 2400
        ctl[CTL_MAGIC] = MAGIC
        return
    found = (int(ctl[CTL_MAGIC]), int(ctl[CTL_VERSION]), int(ctl[CTL_SLOTS]), int(ctl[CTL_PROMPT_SAMPLES]))
    wanted = (MAGIC, VERSION, slots, prompt_samples)
    if found != wanted:
        raise ValueError(f"media state was made by another version or for other sizes: {found}, not {wanted}")
