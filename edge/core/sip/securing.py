"""Which keys a dialog has: chosen from offers and answers, kept under handles, dropped when nothing names them."""

from edge.core.sip.actions import KeepKeys, OfferKeys
from edge.core.sip.crypto import (
    PLAIN,
    SECURE,
    PeerCrypto,
    Secured,
    choose_crypto,
    offer_lines,
    offered_suite,
    own_line,
)
from edge.core.sip.dialogs import Dialog
from edge.core.sip.errors import SipError
from edge.core.sip.relay import Relay
from edge.core.sip.sdp import Audio, Session
from edge.core.sip.writing import digest


def _fresh(dialog: Dialog) -> int:
    """Return a new handle; leg ids are unguessable and unique over all lives of the appliance."""
    dialog.keys_made += 1
    handle = int(digest("keys", dialog.leg, str(dialog.keys_made)), 16) >> 1 or 1
    dialog.keys.append(handle)
    return handle


def first(relay: Relay, dialog: Dialog, session: Session) -> Secured | None:
    """Choose keys for the offer that made the dialog."""
    secured = offered(relay, dialog, session)
    return secured if isinstance(secured, Secured) else None


def offered(relay: Relay, dialog: Dialog, session: Session) -> Secured | SipError | None:
    """Choose keys for a peer's offer; None: plain RTP. Not in force yet.

    An offer that repeats the key in use keeps it, so nothing is heard of a session refresh; a new key of the peer gets
    a new one of ours. The error (488) is for an offer that would make an encrypted call plain.
    """
    audio = session.audio
    line = choose_crypto(audio.crypto) if audio is not None else None
    if audio is None or line is None:
        return SipError(488, "session_description", "encrypted so far") if dialog.secured is not None else None
    known = [dialog.secured, *[pending.secured for pending in dialog.pending.values()]]
    for secured in known:
        if secured is not None and secured.print == line.print:
            return _same(secured, line, audio)
    return _keep(relay, dialog, line, audio, seed_of=0)


def _same(secured: Secured, line: PeerCrypto, audio: Audio) -> Secured:
    return Secured(handle=secured.handle, tag=line.tag, suite=secured.suite, print=secured.print, profile=audio.profile)


def _keep(relay: Relay, dialog: Dialog, line: PeerCrypto, audio: Audio, *, seed_of: int) -> Secured:
    handle = _fresh(dialog)
    relay.out.append(KeepKeys(handle=handle, suite=line.suite, remote=line.key, seed_of=seed_of))
    relay.save(dialog)
    return Secured(handle=handle, tag=line.tag, suite=line.suite, print=line.print, profile=audio.profile)


def offer(relay: Relay, dialog: Dialog) -> tuple[str, tuple[str, ...]]:
    """Return profile and a=crypto attributes of our offer: what is in use, at first every suite."""
    if dialog.secured is not None:
        return dialog.secured.profile, own_line(dialog.secured)
    if dialog.srtp == "off" or dialog.remote is not None:
        return PLAIN, ()
    if not dialog.offered_keys:
        dialog.offered_keys = _fresh(dialog)
        relay.out.append(OfferKeys(dialog.offered_keys))
        relay.save(dialog)
    return SECURE if dialog.srtp == "required" else PLAIN, offer_lines(dialog.offered_keys)


def answered(relay: Relay, dialog: Dialog, audio: Audio) -> bool:
    """Put the keys of the peer's answer in force; False: it is not an answer to what we offered."""
    line = audio.crypto[0] if audio.crypto else None
    before = dialog.secured
    if before is not None:
        if line is None or (line.tag, line.suite) != (before.tag, before.suite):
            return _reoffered(relay, dialog, line, audio)
        seed = before.handle
    elif line is None:
        return audio.profile == PLAIN and dialog.srtp != "required"
    else:
        if not dialog.offered_keys or offered_suite(line.tag) != line.suite:
            return False
        seed = dialog.offered_keys
    if before is not None and before.print == line.print:
        dialog.secured = _same(before, line, audio)
    else:
        dialog.secured = _keep(relay, dialog, line, audio, seed_of=seed)
    relay.save(dialog)
    return True


def _reoffered(relay: Relay, dialog: Dialog, line: PeerCrypto | None, audio: Audio) -> bool:
    """Take another answer to our first offer: early media of one branch of a fork, the final answer of another."""
    if line is None or not dialog.offered_keys or offered_suite(line.tag) != line.suite:
        return False
    dialog.secured = _keep(relay, dialog, line, audio, seed_of=dialog.offered_keys)
    return True
