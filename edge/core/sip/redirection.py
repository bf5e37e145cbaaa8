"""A 3xx to a call of ours, on a trunk that says `redirects = "follow"` (RFC 3261 section 8.1.3.4).

The contacts are tried in the order of their q, each in a transaction of its own like any other address of the call
(`attempts`). Only numbers that the trunk's `refer_to` has are, and on that trunk: at the address that the call was sent
to, whatever hosts the contacts name. No number is tried twice, and no call is sent on more than `MOST` times.
"""

from msgspec.structs import replace

from edge.core.routing.numbers import written
from edge.core.sip.dialogs import Attempt, Dialog
from edge.core.sip.message import Response
from edge.core.sip.referral import number_on
from edge.core.sip.relay import Relay
from edge.core.sip.uri import NameAddr, Uri
from edge.vocabulary.private import Private
from edge.vocabulary.reports import Redirected

#: Redirections in a row.
MOST = 3
#: Contacts that are tried, over all of them.
CONTACTS = 8
_STATUSES = (300, 301, 302)


def follows(relay: Relay, dialog: Dialog, message: Response) -> bool:
    """Take the contacts of a 3xx as what is tried next; False: none of them may be, and it is a refusal."""
    trunk = relay.trunks.by_name.get(dialog.trunk)
    if message.status not in _STATUSES or trunk is None or not trunk.redirects or dialog.redirected >= MOST:
        return False
    tried = dialog.sent_on or [dialog.request_uri.user]
    numbers: list[str] = []
    for contact in sorted(message.contacts, key=_weight, reverse=True):
        number = number_on(relay, trunk, contact.uri)
        allowed = bool(number) and trunk.may_be_sent_to(number)
        number = written(number, trunk.country, trunk.dial_as)
        if allowed and number not in (*tried, *numbers) and len(tried) + len(numbers) <= CONTACTS:
            numbers.append(number)
    if not numbers:
        return False
    diverted = [Private(dialog.request_uri.user), *dialog.identity.diverted_from]
    dialog.identity = replace(dialog.identity, diverted_from=diverted, diversion_reason="deflection")
    dialog.sent_on = [*tried, *numbers]
    dialog.redirected += 1
    uri = dialog.request_uri
    dialog.others = [
        Attempt(
            trunk=dialog.trunk,
            uri=Uri(uri.scheme, number, uri.host, uri.port, uri.params),
            flow=dialog.first_flow,
            proxy=dialog.proxy,
        )
        for number in numbers
    ]
    return True


def _weight(contact: NameAddr) -> float:
    """Return the contact's q (section 20.10); one without it is as good as any."""
    value = next((value or "" for key, value in contact.params if key == "q"), "1")
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def begun(relay: Relay, dialog: Dialog) -> None:
    """Tell that the next contact is dialled."""
    if dialog.redirected:
        relay.tell(Redirected(dialog.leg, Private(dialog.request_uri.user)))
