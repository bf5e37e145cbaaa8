"""The far end of an encrypted stream, by pylibsrtp's own classes: what it opens was sealed as the standard says."""

from pylibsrtp import Error, Policy, Session

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class SrtpPeer:
    """Seals with its own key, opens with the other side's; counts what it could not open."""

    def __init__(self, suite: str, own: bytes, theirs: bytes) -> None:
        profile = _PROFILES[suite]
        self._out = Session(Policy(key=own, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self._in = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self.refused = 0

    def seal(self, packet: bytes) -> bytes:
        return bytes(self._out.protect(packet))

    def open(self, packet: bytes) -> bytes | None:
        return self._opened(self._in.unprotect, packet)

    def open_rtcp(self, packet: bytes) -> bytes | None:
        return self._opened(self._in.unprotect_rtcp, packet)

    def _opened(self, function, packet: bytes) -> bytes | None:  # type: ignore[no-untyped-def]
        try:
            return bytes(function(packet))
        except Error:
            self.refused += 1
            return None
