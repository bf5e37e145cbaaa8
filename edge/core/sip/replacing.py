"""Calls that are to take the place of another one (INVITE with Replaces, RFC 3891 section 3)."""

from edge.core.sip.dialogs import Dialog
from edge.core.sip.errors import SipError
from edge.core.sip.message import Request
from edge.core.sip.relay import Relay
from edge.core.sip.replaces import Replaces, parse_replaces
from edge.core.sip.trunks import Trunk
from edge.vocabulary.private import Private
from edge.vocabulary.reports import TransferRefused


def may_replace(other: Dialog, replaces: Replaces, trunk: Trunk) -> bool:
    """Whether a peer of `trunk` may have a dialog replaced: it is that trunk's own, it is up, and the tags fit."""
    known = (other.own_tag, other.peer_tag) == (replaces.to_tag, replaces.from_tag)
    return known and other.trunk == trunk.name and other.state == "confirmed" and not other.orphan


def replaced(relay: Relay, request: Request, trunk: Trunk) -> Dialog | int | None:
    """Return the dialog whose place a new call of `trunk` is to have; the status that refuses it; None: it says none.

    481: there is no such dialog, or none that is up; 603: it is over, or may not be replaced by the trunk; 486: it was
    to be replaced only while it was not answered.
    """
    header = request.extras.get("Replaces", "")
    if not header:
        return None
    try:
        replaces = parse_replaces(header)
    except SipError:
        return 400
    other = relay.dialogs.of_tags(replaces.call_id, replaces.to_tag)
    if other is None or other.peer_tag != replaces.from_tag:
        return 603 if relay.dialogs.tomb_of(replaces.call_id, replaces.to_tag) is not None else 481
    if not trunk.refer or other.trunk != trunk.name:
        relay.tell(TransferRefused(other.leg, "replaces", Private(request.from_.uri.user)))
        return 603
    if not may_replace(other, replaces, trunk):
        return 603 if other.orphan or other.state == "ending" else 481
    return 486 if replaces.early_only else other
