"""What was negotiated, in the words of the engine's commands."""

from msgspec.structs import replace

from dsp.plane import layout
from dsp.plane.engine import pack_limits
from edge.media.sockets import pack_sockaddr, usable
from edge.vocabulary.media import Address, KeyTones, RemoteMedia

_CODECS = {
    ("PCMU", 8000): layout.CODEC_PCMU,
    ("PCMA", 8000): layout.CODEC_PCMA,
    ("L16", 8000): layout.CODEC_L16,
    ("L16", 16000): layout.CODEC_L16_WIDE,
    ("G722", 8000): layout.CODEC_G722,
}

#: Fields of the engine's record that `facts_of` sets, in its order.
FACT_FIELDS = (
    "connected", "codec", "payload_type", "te_payload_type", "transmit", "expect", "ptime_ms", "te_wide", "dg_tones",
    "dg_guard", "cn_payload_type", "rc_mux", "dg_deaf", "dg_limits",
)  # fmt: skip


def facts_of(remote: RemoteMedia) -> tuple[int, ...]:
    """Give the arguments of `CMD_UPDATE_REMOTE`."""
    event_type = -1 if remote.telephone_event is None else remote.telephone_event
    transmit = remote.direction in {"sendrecv", "recvonly"}
    expect = remote.direction in {"sendrecv", "sendonly"}
    return (
        int(usable(remote.rtp)),
        _CODECS[remote.codec, remote.clock_rate],
        remote.payload_type,
        event_type,
        int(transmit),
        int(expect),
        remote.ptime_ms,
        int(remote.telephone_event_rate == 2 * layout.SAMPLE_RATE),
        int(remote.digits_by == "inband"),
        int(remote.digits_by != "inband"),
        remote.comfort_noise or 0,
        int(remote.rtcp_mux),
        int(not remote.tones_are_keys),
        _limits(remote.key_tones),
    )


def _limits(tones: KeyTones) -> int:
    """Give the detector's word; its own limits are 0, so that a leg without others costs nothing to compare."""
    if replace(tones, inband="always") == KeyTones():
        return 0
    return pack_limits(
        tones.min_tone_ms,
        tones.min_pause_ms,
        tones.min_level_dbm0,
        tones.max_twist_db,
        tones.max_reverse_twist_db,
    )


def sockaddrs_of(remote: RemoteMedia) -> list[int]:
    """Give the addresses of `CMD_LEARN` in its words; raises `BadAddressError`."""
    rtcp = remote.rtcp if usable(remote.rtcp) else next_port(remote)
    return [*pack_sockaddr(remote.rtp), *pack_sockaddr(rtcp)]


def next_port(remote: RemoteMedia) -> Address:
    """Give the address after RTP's, where RTCP goes when no other was stated (RFC 3550 section 11)."""
    return Address(remote.rtp.host, remote.rtp.port + 1)
