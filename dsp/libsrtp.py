"""libsrtp (RFC 3711, RFC 6188, RFC 7714), as the package pylibsrtp brings it: its C functions and its sessions.

The package's extension module holds a whole libsrtp 2 with OpenSSL. Policies and sessions are made by the package,
whose compiler knew the C structures; packets are handed to the C functions themselves, by address, from code without
the GIL. The extension is loaded for itself alone (RTLD_LOCAL): nobody who looks for another OpenSSL must find its own.
"""

import ctypes
from collections.abc import Iterable
from typing import Any, NamedTuple

import pylibsrtp
from pylibsrtp import Policy
from pylibsrtp import _binding as binding

_library = ctypes.CDLL(binding.__file__)
_ffi: Any = binding.ffi

#: `srtp_err_status_t` as far as it is told apart.
OK = 0
REPLAYED = 9
TOO_OLD = 10
INDEX_TOO_OLD = 26

#: Octets of an authentication tag at the end of an SRTCP packet, for all suites that have one there (RFC 4568 6.2).
RTCP_TAG = 10


class Suite(NamedTuple):
    """A crypto suite by what packets look like; lengths in octets."""

    #: Master key and master salt together.
    key_bytes: int
    #: Authentication tag of an RTP packet.
    tag_bytes: int
    #: AEAD (RFC 7714): the tag belongs to the ciphertext, and the SRTCP index stands last.
    aead: bool
    profile: int
    #: Setters of libsrtp for policies that no profile stands for: for RTP and RTCP.
    setters: tuple[str, str] | None = None


#: By the names of the SDP crypto suites registry. SRTCP tags have 80 bits also where RTP's have 32 (RFC 4568 6.2.2).
SUITES: dict[str, Suite] = {
    "AEAD_AES_256_GCM": Suite(44, 16, True, Policy.SRTP_PROFILE_AEAD_AES_256_GCM),
    "AEAD_AES_128_GCM": Suite(28, 16, True, Policy.SRTP_PROFILE_AEAD_AES_128_GCM),
    "AES_256_CM_HMAC_SHA1_80": Suite(
        46,
        10,
        False,
        Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        ("srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80", "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80"),
    ),
    "AES_CM_128_HMAC_SHA1_80": Suite(30, 10, False, Policy.SRTP_PROFILE_AES128_CM_SHA1_80),
    "AES_256_CM_HMAC_SHA1_32": Suite(
        46,
        4,
        False,
        Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        ("srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32", "srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80"),
    ),
    "AES_CM_128_HMAC_SHA1_32": Suite(30, 4, False, Policy.SRTP_PROFILE_AES128_CM_SHA1_32),
}


def address(name: str) -> int:
    """Address of one of libsrtp's functions; raises `AttributeError` when this build lacks it."""
    found = ctypes.cast(getattr(_library, name), ctypes.c_void_p).value
    assert found is not None  # noqa: S101 - a symbol that was found is somewhere
    return found


def _policy(suite: Suite, key: bytes, kind: int, ssrc: int) -> Policy:
    policy = Policy(key=key, ssrc_type=kind, ssrc_value=ssrc, srtp_profile=suite.profile)
    if suite.setters is not None:
        inner = policy._policy  # noqa: SLF001 - the structure has no public name
        for part, name in zip((inner.rtp, inner.rtcp), suite.setters, strict=True):
            setter = getattr(_library, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], None
            setter(int(_ffi.cast("intptr_t", _ffi.addressof(part))))
    return policy


class Session:
    """One direction's keys in use. `pointer` is valid until `close`; the C structure is wiped there.

    `ssrcs` names streams that must exist before their first packet (only those can be given a roll-over counter);
    all other SSRCs of the direction become streams as they come.
    """

    def __init__(self, suite: str, key: bytes, *, inbound: bool, ssrcs: Iterable[int] = ()) -> None:
        facts = SUITES[suite]
        if len(key) != facts.key_bytes:
            raise ValueError(f"{suite} takes {facts.key_bytes} octets of key and salt")
        kind = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
        self._session: pylibsrtp.Session | None = pylibsrtp.Session(_policy(facts, key, kind, 0))
        for ssrc in dict.fromkeys(ssrcs):
            self._session.add_stream(_policy(facts, key, Policy.SSRC_SPECIFIC, ssrc))
        handle = self._session._srtp[0]  # noqa: SLF001 - for the C functions
        self.pointer = int(_ffi.cast("intptr_t", handle))

    def close(self) -> None:
        """Give the session back; nobody may use `pointer` any more."""
        self.pointer = 0
        self._session = None  # the last reference: pylibsrtp calls srtp_dealloc
