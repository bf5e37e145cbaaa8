"""Peers who want another one in their place: REFER (RFC 3515), also of two calls with us (RFC 3891, RFC 5589).

Who can send our calls on can have them paid by us. So it takes a trunk that says `refer = "allow"`; only a number that
its `refer_to` has is dialled, on that same trunk and nowhere else, whatever host the peer names; and a dialog of ours
can only be replaced by who is on its other end, by trunk. All else is refused, and told.

Switch places the call (`TransferAsked`) and says what comes of it (`TellReferrer`), which the peer hears by NOTIFY: one
at a time, the newest one next.
"""

from edge.core.sip import in_dialog, ours
from edge.core.sip.admission import Arrival, refuse_request
from edge.core.sip.dialogs import Dialog, Pending, Referral
from edge.core.sip.errors import SipError, phrase
from edge.core.sip.relay import Relay
from edge.core.sip.replaces import ReferTo, parse_refer_to
from edge.core.sip.replacing import may_replace
from edge.core.sip.trunks import Trunk
from edge.core.sip.uri import Uri
from edge.vocabulary.ids import LegId
from edge.vocabulary.private import Private
from edge.vocabulary.reports import TransferAsked, TransferRefused

#: A peer hears what came of its REFER by then.
LIFETIME_MS = 180_000
_FRAGMENT = "message/sipfrag;version=2.0"
#: Longest number that is dialled for a peer.
_NUMBER_LIMIT = 64


def take(relay: Relay, dialog: Dialog, arrival: Arrival) -> None:
    """Answer a REFER: 202 and the first NOTIFY, or a refusal."""
    refer_to = _refer_to(arrival)
    trunk = relay.trunks.by_name.get(dialog.trunk)
    allowing = trunk if trunk is not None and trunk.refer else None
    if allowing is not None and refer_to is None:
        refuse_request(relay, arrival, 400)
        return
    if allowing is not None and dialog.referral is not None:
        refuse_request(relay, arrival, 491)
        return
    asked = _allowed(relay, dialog, allowing, refer_to) if allowing is not None and refer_to is not None else None
    if asked is None:
        relay.count("refused", "refer")
        target = in_dialog.readable(refer_to.uri) if refer_to is not None else Private("")
        relay.tell(TransferRefused(dialog.leg, "refer", target))
        in_dialog.answer(relay, dialog, arrival, 603)
        return
    silent = arrival.request.extras.get("Refer-Sub") == "false"
    # The first of a dialog needs no number of its own, and some peers know none (section 2.4.6).
    event = f"refer;id={arrival.request.cseq}" if dialog.referrals else "refer"
    dialog.referrals += 1
    dialog.referral = Referral(event=event, silent=silent, until_ms=relay.now_ms + LIFETIME_MS)
    relay.set_alarm(dialog.referral.until_ms, "referral", dialog.leg)
    in_dialog.answer(relay, dialog, arrival, 202, extras={"Refer-Sub": "false"} if silent else None)
    relay.tell(asked)
    tell(relay, dialog, 100)


def _refer_to(arrival: Arrival) -> ReferTo | None:
    try:
        return parse_refer_to(arrival.request.extras.get("Refer-To", ""))
    except SipError:
        return None


def _allowed(relay: Relay, dialog: Dialog, trunk: Trunk, refer_to: ReferTo) -> TransferAsked | None:
    """Return what switch is to be asked; None: the trunk's rules do not let the peer."""
    if refer_to.uri.param("method") not in (None, "invite"):
        return None
    replaces = refer_to.replaces
    if replaces is not None and (other := relay.dialogs.of_tags(replaces.call_id, replaces.to_tag)) is not None:
        if other is dialog or not may_replace(other, replaces, trunk):
            return None
        return TransferAsked(leg=dialog.leg, target=Private(""), trunk=trunk.name, other=other.leg)
    number = number_on(relay, trunk, refer_to.uri)
    if not number or not trunk.host or not trunk.may_be_sent_to(number):
        return None
    return TransferAsked(
        leg=dialog.leg,
        target=Private(number),
        trunk=trunk.name,
        replaces=Private(str(replaces) if replaces is not None else ""),
    )


def number_on(relay: Relay, trunk: Trunk, uri: Uri) -> str:
    """Return the number that a URI names on `trunk`, as the peer or we would dial it; "": it is somebody else's."""
    if uri.scheme != "tel":
        host = uri.host.strip("[]").lower()
        own = {relay.settings.public.host, relay.settings.public6, trunk.host.lower(), trunk.from_domain.lower()}
        if host not in own and not relay.trunks.includes(trunk.name, host):
            return ""
    number = uri.user.partition(";")[0]
    if uri.scheme == "tel":
        number = "".join([char for char in number if char not in "-.()"])
    return number if len(number) <= _NUMBER_LIMIT else ""


# --- what the peer hears --------------------------------------------------------------------------------------------


def told(relay: Relay, leg: LegId, code: int) -> None:
    """Take what switch says of the call that a peer wanted; who has hung up meanwhile needs no word."""
    dialog = relay.dialogs.by_leg.get(leg)
    if dialog is not None and not dialog.orphan:
        tell(relay, dialog, code)


def tell(relay: Relay, dialog: Dialog, code: int) -> None:
    """Let the peer know how its REFER goes; from 200 on that was the last word."""
    referral = dialog.referral
    if referral is None or dialog.state == "ending":
        return
    relay.save(dialog)
    if referral.silent:
        dialog.referral = None if code >= 200 else referral
    elif referral.telling:
        referral.due = code
    else:
        _notify(relay, dialog, referral, code)


def _notify(relay: Relay, dialog: Dialog, referral: Referral, code: int) -> None:
    last = code >= 200
    left_s = max(1, (referral.until_ms - relay.now_ms) // 1000)
    sent = ours.send(
        relay,
        dialog,
        "NOTIFY",
        "notify",
        content_type=_FRAGMENT,
        body=f"SIP/2.0 {code} {phrase(code)}\r\n".encode(),
        extras={
            "Event": referral.event,
            "Subscription-State": "terminated;reason=noresource" if last else f"active;expires={left_s}",
        },
    )
    referral.telling, referral.due = sent.branch, 0
    if last:
        dialog.referral = None


def heard(relay: Relay, dialog: Dialog, pending: Pending) -> None:
    """Go on after a NOTIFY: with the next status, or not at all where the peer does not want to hear it.

    Only the subscription is over then, not the call (RFC 5057 section 5.1).
    """
    referral = dialog.referral
    if referral is None or referral.telling != pending.branch:
        return
    relay.save(dialog)
    referral.telling = ""
    if not 200 <= pending.status < 300:
        dialog.referral = None
    elif referral.due:
        _notify(relay, dialog, referral, referral.due)


def lapsed(relay: Relay, dialog: Dialog) -> None:
    """Tell a peer that nothing more will be heard of its REFER."""
    referral = dialog.referral
    if referral is not None and referral.until_ms <= relay.now_ms:
        referral.telling = ""
        tell(relay, dialog, 503)


def restore(relay: Relay, dialog: Dialog) -> None:
    """Go on with what an earlier life of front had accepted."""
    if dialog.referral is not None:
        relay.set_alarm(dialog.referral.until_ms, "referral", dialog.leg)
