"""How a leg or a call ended, as a value."""

from typing import Literal

from msgspec import Struct

#: Our own normalised outcome; a closed list, safe as a metric label.
Outcome = Literal[
    "completed",  # answered and hung up by either side
    "cancelled",  # the caller gave up before the answer
    "busy",
    "no_answer",
    "rejected",  # refused by the far end
    "not_accepted",  # answered, but nobody took the call: its voicemail did, say
    "not_found",  # no such number or address
    "unreachable",  # nothing answered at the address
    "no_room",  # we had no capacity, or could not store the call
    "no_route",  # no menu or trunk for it
    "trunk_down",  # the trunk is known not to answer, or not to be registered
    "media_lost",  # no common codec, or the audio stopped
    "max_duration",  # hard limit of the call
    "span_lost",  # the process that held its signalling died
    "appliance_restart",  # the appliance itself was restarted under it
    "stopped",  # ended by an operator or by a shut-down
    "failed",  # any other failure; the raw codes say which
]

#: Why a call of ours went on to another address: it was refused, nothing was heard, it did not ring in time (the
#: group's `ring_timeout_ms`), there was no connection, or a 3xx sent it to another number of the trunk.
FailoverCause = Literal["refused", "timeout", "no_ring", "no_connection", "redirected"]

Party = Literal["caller", "callee", "appliance", "network"]


class EndReason(Struct, frozen=True, kw_only=True):
    """Who ended it and why; raw codes and our own reading side by side."""

    outcome: Outcome
    ended_by: Party
    #: Final SIP status code, or None when there was none (a BYE has none).
    sip_code: int | None = None
    #: Q.850 cause from a Reason header (RFC 3326).
    q850_cause: int | None = None
    #: Where the peer named no cause: the one that a gateway makes of `sip_code` (RFC 3398 section 7.2.4.1).
    q850_mapped: int | None = None
    #: Reason text of the peer or of ourselves, bounded and printable.
    text: str = ""
