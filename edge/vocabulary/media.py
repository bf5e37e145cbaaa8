"""What two ends of a leg agreed about audio."""

from typing import Literal

from msgspec import Struct

CodecName = Literal["PCMU", "PCMA", "G722", "L16"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
#: Why a message is over: nobody spoke any more, it was long enough, it was stopped, or the leg was.
MessageEnd = Literal["silence", "length", "stopped", "leg_ended"]
#: What is wrong with audio that should be there: no RTP comes; it comes without any sound in it (digital silence);
#: the peer's RTCP reports say that nothing of ours arrives.
AudioFault = Literal["no_packets", "no_sound", "not_received"]
RoomMode = Literal["talk", "listen", "whisper"]
DigitMethod = Literal["rfc4733", "inband", "info"]
#: How digits are sent to a peer; `auto`: by RFC 4733 where it was negotiated, else in-band.
DigitSending = Literal["auto", "rfc4733", "info", "inband"]
#: Whether keys are looked for in a peer's audio; `auto`: only where RFC 4733 was not negotiated.
InbandDtmf = Literal["auto", "always", "never"]
#: Who answered a call that we made, and what is heard of a machine afterwards.
AnswerVerdict = Literal["human", "machine", "fax", "unknown"]
AnswerCause = Literal[
    "short_greeting",
    "greeting_then_silence",
    "long_greeting",
    "beep",
    "fax_ced",
    "fax_cng",
    "no_speech",
    "deadline",
    "stream_ended",
]
#: What is heard of a call that we make (ITU-T E.180, T.30, V.25).
ToneLabel = Literal["dial", "busy", "reorder", "ringback", "sit", "fax_cng", "fax_ced", "beep", "modem"]
#: Of `sit` its meaning (Telcordia GR-1162), of `fax_ced` its form (ITU-T V.25, V.8).
ToneMeaning = Literal[
    "unspecified",
    "intercept",
    "vacant_code",
    "reorder",
    "no_circuit",
    "reorder_interlata",
    "no_circuit_interlata",
    "reserved_1",
    "reserved_2",
    "ans",
    "ans_reversed",
    "ansam",
    "ansam_reversed",
]
#: What stands for hook flash (RFC 4733 event 16) among digits.
FLASH = "!"


class Address(Struct, frozen=True, order=True):
    """An IP address and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class KeyTones(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tones in a peer's audio are keys. The limits can only be stricter than the defaults, those of Q.24."""

    inband: InbandDtmf = "always"
    #: A tone of this length is a key; one that is 17 ms shorter is none.
    min_tone_ms: int = 40
    #: A pause of this length separates two keys; one that is 20 ms shorter is bridged.
    min_pause_ms: int = 40
    #: Of the weaker one of the two tones.
    min_level_dbm0: int = -31
    #: High tone above the low one.
    max_twist_db: int = 6
    #: Low tone above the high one.
    max_reverse_twist_db: int = 10


#: The detector's own limits, on every call.
Q24 = KeyTones()


class RemoteMedia(Struct, frozen=True, kw_only=True):
    """The peer's side of a negotiated audio stream, from front's own parse of its SDP."""

    rtp: Address
    rtcp: Address
    codec: CodecName
    #: RTP payload type of `codec`, both ways (0 PCMU, 8 PCMA, 9 G722, L16 as negotiated).
    payload_type: int
    #: Payload type of telephone-event (RFC 4733), None when the peer did not offer it.
    telephone_event: int | None
    #: Packet time we send with, milliseconds.
    ptime_ms: int
    #: As the peer stated it: `sendonly` means that it holds us.
    direction: Direction
    #: RTP clock of `codec`, Hz (G.722 has 8000 although it samples at 16000: RFC 3551 section 4.5.2).
    clock_rate: int = 8000
    #: Clock of telephone-event, Hz.
    telephone_event_rate: int = 8000
    #: RTCP travels on the RTP port (RFC 5761).
    rtcp_mux: bool = False
    #: The trunk lets the peer's address be learned from its packets (symmetric RTP).
    symmetric: bool = False
    #: Handle of the keys of SRTP in the key table; 0: plain RTP.
    crypto: int = 0
    #: How digits are sent, as the trunk says.
    dtmf: DigitSending = "auto"
    #: Which of its tones are keys, as the trunk says.
    key_tones: KeyTones = KeyTones()
    #: Payload type of comfort noise (RFC 3389), None when the peer does not know it. We take it and never send it.
    comfort_noise: int | None = None

    @property
    def tones_are_keys(self) -> bool:
        """Whether keys are looked for in this peer's audio."""
        inband = self.key_tones.inband
        return inband == "always" or (inband == "auto" and self.telephone_event is None)

    @property
    def digits_by(self) -> DigitMethod:
        """How this peer gets digits: `dtmf`, but in-band where RFC 4733 is wanted and was not negotiated."""
        if self.dtmf in {"auto", "rfc4733"}:
            return "inband" if self.telephone_event is None else "rfc4733"
        return "info" if self.dtmf == "info" else "inband"


class LegSound(Struct, frozen=True, kw_only=True):
    """How a leg is heard in its room, and how it hears the room. What is recorded of it does not change by that."""

    #: What it says is not heard.
    muted: bool = False
    #: It does not hear the others.
    deaf: bool = False
    #: Of what it says.
    gain_db: float = 0.0
    #: Of what it hears of the others.
    heard_gain_db: float = 0.0
    #: What it says is lifted slowly towards the nominal speech level when it is quiet.
    auto_level: bool = False
