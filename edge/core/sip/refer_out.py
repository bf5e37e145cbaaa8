"""Sending a peer elsewhere by REFER (RFC 3515, blind), and hearing from its NOTIFYs what came of it."""

import re

from edge.core.sip import in_dialog, ours
from edge.core.sip.actions import Finish
from edge.core.sip.admission import Arrival, refuse_request
from edge.core.sip.dialogs import Dialog
from edge.core.sip.errors import SipError
from edge.core.sip.presence import bracketed
from edge.core.sip.relay import Relay
from edge.core.sip.uri import URI_LIMIT, Uri, parse_uri
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.reports import ReferEnded

_FRAGMENT = "message/sipfrag"
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: |\r|\n|$)")
_NUMBER = re.compile(r"[A-Za-z0-9\-_.!~*'()+&=]{1,64}")


def send(relay: Relay, command: CommandId, leg: LegId, target: str) -> None:
    """Send the peer of `leg` to `target`, a SIP URI or a number there; `ReferEnded` follows."""
    dialog = relay.dialogs.by_leg.get(leg)
    if dialog is None or dialog.orphan or dialog.state != "confirmed" or dialog.referring:
        relay.out.append(Finish(command, "the leg can't be sent elsewhere now"))
        return
    uri = _uri(relay, dialog, target)
    if uri is None:
        relay.out.append(Finish(command, "bad target"))
        return
    dialog.referring = True
    ours.send(relay, dialog, "REFER", "refer", extras={"Refer-To": f"<{uri}>"})
    relay.out.append(Finish(command, None))


def _uri(relay: Relay, dialog: Dialog, target: str) -> Uri | None:
    if _NUMBER.fullmatch(target):
        trunk = relay.trunks.by_name.get(dialog.trunk)
        host = trunk.host if trunk is not None and trunk.host else dialog.first_host
        return Uri("sip", target, bracketed(host))
    try:
        uri = parse_uri(target) if len(target) <= URI_LIMIT else None
    except SipError:
        return None
    return uri if uri is not None and uri.scheme in ("sip", "sips") else None


def notified(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Take a NOTIFY of the peer about our REFER (section 2.4.5); any other belongs to nothing."""
    request = arrival.request
    match = _STATUS.match(request.body) if request.content_type == _FRAGMENT else None
    if not dialog.referring:
        refuse_request(relay, arrival, 481)
    elif match is None:
        refuse_request(relay, arrival, 400)
    else:
        status = int(match[1])
        if status >= 200:
            ended(relay, dialog, status)
        in_dialog.answer(relay, dialog, arrival, 200)


def ended(relay: Relay, dialog: Dialog, status: int) -> None:
    """Tell what came of our REFER, once."""
    if dialog.referring:
        dialog.referring = False
        relay.save(dialog)
        relay.tell(ReferEnded(dialog.leg, status))
