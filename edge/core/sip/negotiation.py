"""Offer and answer (RFC 3264) between a peer and a span: neither ever sees the other's description.

The peer's description becomes facts (`RemoteMedia`), and the span gets a canonical one with PCMU, whatever the peer has
(a span only signals), and a port that means nothing. The span's description is only asked for its direction and its
payload type of telephone-event; the peer gets the leg's address in the media engine.
"""

import re
from functools import lru_cache
from typing import cast

from msgspec.structs import replace

from edge.core.sip import securing
from edge.core.sip.crypto import PLAIN, own_line
from edge.core.sip.dialogs import Dialog
from edge.core.sip.errors import SipError
from edge.core.sip.formats import OFFERED, OUR_EVENTS, SPAN_FORMAT, Event, Format, choose_format
from edge.core.sip.message import Request
from edge.core.sip.presence import is_six
from edge.core.sip.relay import Relay
from edge.core.sip.sdp import (
    DEFAULT_PTIME_MS,
    Audio,
    Leg,
    Session,
    read_session,
    remote_media,
)
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.media import Address, CodecName, Direction, RemoteMedia
from edge.vocabulary.reports import LegMedia

SDP_TYPE = "application/sdp"
#: What spans are told about media: nobody listens there, and the span's media transport is inert.
_NOWHERE_PORT = 40_000
#: As `edge.core.sip.sdp` takes them.
_SOURCE = re.compile(rb"\na=ssrc:[0-9]{1,10} cname:[0-9a-f]{1,32}\r")
_ORIGIN_NUMBERS = re.compile(rb"(\no=\S+) [0-9]{1,20} [0-9]{1,20} IN")


def _format(remote: RemoteMedia) -> Format:
    return Format(remote.codec, remote.clock_rate, remote.payload_type)


def _events(remote: RemoteMedia) -> tuple[Event, ...]:
    if remote.telephone_event is None:
        return ()
    return (Event(remote.telephone_event, remote.telephone_event_rate),)


def audio_of(body: bytes, policy: SrtpPolicy) -> tuple[Session, Audio] | SipError:
    """Read a description and its usable audio; the error says 488 when there is none."""
    session = read_session(body, policy)
    if isinstance(session, SipError):
        return session
    if session.audio is None:
        return SipError(488, "session_description", "no usable audio")
    return session, session.audio


def facts_of_offer(  # noqa: PLR0917 - all that an offer is judged by
    relay: Relay,
    body: bytes,
    wanted: list[str],
    current: RemoteMedia | None,
    known_host: str,
    policy: SrtpPolicy = "off",
) -> tuple[RemoteMedia, Session] | SipError:
    """Choose a codec of the peer's offer; returns facts and the session. A codec in use stays when it's still offered.

    Audio may be of another family than the signalling, if we have that one, too (RFC 6157 section 3.1). Keys are the
    caller's part (`edge.core.sip.securing`).
    """
    found = audio_of(body, policy)
    if isinstance(found, SipError):
        return found
    session, audio = found
    chosen = choose_format(audio.formats, wanted, _format(current) if current is not None else None)
    if chosen is None:
        return SipError(488, "session_description", "no common codec")
    known = current.rtp.host if current is not None else known_host
    remote = remote_media(audio, chosen, known, mux=True)
    if not relay.presence.reaches(remote.rtp.host):
        return SipError(488, "session_description", "audio at an address of a family that we have none of")
    return remote, session


def facts_of_answer(relay: Relay, dialog: Dialog, body: bytes) -> RemoteMedia | None:
    """Read the peer's answer to our offer: its first codec counts. None: unusable."""
    found = audio_of(body, dialog.srtp)
    if isinstance(found, SipError):
        return None
    session, audio = found
    chosen = next((one for one in audio.formats if one.codec in dialog.codecs), None)
    if chosen is None:
        return None
    known = _peer_host(dialog)
    # An answer takes up what our offer had: `a=rtcp-mux` only once it is in use.
    remote = remote_media(audio, chosen, known, mux=dialog.remote is not None and dialog.remote.rtcp_mux)
    # An answer of the other family can't be heard: it does not reach the address that we have offered.
    if is_six(remote.rtp.host) != dialog.offered_six or not securing.answered(relay, dialog, audio):
        return None
    dialog.lines = session.lines
    return remote


def learn(relay: Relay, dialog: Dialog, remote: RemoteMedia) -> None:
    """Put new facts of the peer in force; switch is told when they differ."""
    handle = dialog.secured.handle if dialog.secured is not None else 0
    remote = replace(remote, dtmf=dialog.dtmf, key_tones=dialog.key_tones, symmetric=dialog.symmetric, crypto=handle)
    if remote != dialog.remote:
        dialog.remote = remote
        relay.tell(LegMedia(dialog.leg, remote))
    relay.save(dialog)


def take_answer(relay: Relay, dialog: Dialog, message: Request) -> RemoteMedia | None:
    """Take the answer to the offer in our response (RFC 3264 section 5, late offer) from ACK or PRACK; None: no use."""
    dialog.answer_due = False
    relay.save(dialog)
    remote = facts_of_answer(relay, dialog, message.body) if message.content_type == SDP_TYPE else None
    if remote is not None:
        learn(relay, dialog, remote)
    return remote


def span_direction(body: bytes) -> tuple[Direction, int | None] | None:
    """Return direction and telephone-event payload type of a span's description; None when it isn't usable."""
    # What spans write differs only by numbers that may be any: in the o= line and in an attribute that is not read.
    return _span_direction(_ORIGIN_NUMBERS.sub(rb"\1 0 0 IN", _SOURCE.sub(b"", body, 1), 1))


@lru_cache(maxsize=64)
def _span_direction(body: bytes) -> tuple[Direction, int | None] | None:
    session = read_session(body)
    if isinstance(session, SipError) or session.audio is None:
        return None
    return session.audio.direction, session.audio.telephone_event


_MIRRORED: dict[Direction, Direction] = {"sendonly": "recvonly", "recvonly": "sendonly"}


def answering(wanted: Direction, offered: Direction) -> Direction:
    """Return the direction of our answer: what we want, as far as the offer allows it (RFC 3264 section 6.1)."""
    allowed = _MIRRORED.get(offered, offered)
    if "sendrecv" in (wanted, allowed):
        return allowed if wanted == "sendrecv" else wanted
    return wanted if wanted == allowed else "inactive"


def sdp_for_span(relay: Relay, dialog: Dialog, remote: RemoteMedia, events: int | None) -> bytes:
    """Write the canonical description of the peer; `events`: payload type of telephone-event in it."""
    leg = Leg(
        address=Address(relay.settings.inner.host, _NOWHERE_PORT),
        formats=(SPAN_FORMAT,),
        events=(Event(events, 8000),) if events is not None else (),
        direction=remote.direction,
    )
    return dialog.to_span.write(leg)


def _peer_host(dialog: Dialog) -> str:
    """Return where the peer's audio is, or as long as that is not known, where its signalling is."""
    return dialog.remote.rtp.host if dialog.remote is not None else dialog.flow.address.host


def answer_for_peer(relay: Relay, dialog: Dialog, media: Address, remote: RemoteMedia, direction: Direction) -> bytes:
    """Write the leg's answer to the peer's offer: its m= lines in their order, one codec."""
    leg = Leg(
        address=relay.presence.media_towards(media, remote.rtp.host),
        formats=(_format(remote),),
        events=_events(remote),
        direction=direction,
        ptime_ms=remote.ptime_ms,
        max_ptime_ms=_format(remote).longest_ms,
        lines=dialog.lines,
        comfort_noise=remote.comfort_noise is not None,
        rtcp_mux=remote.rtcp_mux,
        profile=dialog.secured.profile if dialog.secured is not None else PLAIN,
        crypto=own_line(dialog.secured) if dialog.secured is not None else (),
    )
    return dialog.to_peer.write(leg)


def offer_for_peer(relay: Relay, dialog: Dialog, media: Address, direction: Direction) -> bytes:
    """Write the leg's offer: the trunk's codecs at first, later the one in use."""
    remote = dialog.remote
    formats: tuple[Format, ...]
    if remote is not None:
        formats, events = (_format(remote),), _events(remote)
        noise = remote.comfort_noise is not None
    else:
        formats = tuple([one for name in dialog.codecs for one in OFFERED.get(cast("CodecName", name), ())])
        events = tuple([OUR_EVENTS[clock] for clock in dict.fromkeys([8000, *(one.clock_rate for one in formats)])])
        noise = "PCMU" in dialog.codecs or "PCMA" in dialog.codecs
    profile, crypto = securing.offer(relay, dialog)
    dialog.offered_six = is_six(_peer_host(dialog))
    leg = Leg(
        address=relay.presence.media_towards(media, _peer_host(dialog)),
        formats=formats,
        events=events,
        direction=direction,
        ptime_ms=remote.ptime_ms if remote is not None else DEFAULT_PTIME_MS,
        max_ptime_ms=min(one.longest_ms for one in formats),
        lines=dialog.lines,
        comfort_noise=noise,
        rtcp_mux=remote is not None and remote.rtcp_mux,
        profile=profile,
        crypto=crypto,
    )
    return dialog.to_peer.write(leg)
