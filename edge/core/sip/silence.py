"""How long the first INVITE of a leg may meet with silence: front repeats it (timer A), then gives it up (timer B).

Each INVITE of it begins anew: the first one, that with credentials, and that to the next address.
"""

from edge.core.sip.dialogs import TIMEOUT_MS, Dialog, Pending
from edge.core.sip.relay import Relay


def _key(dialog: Dialog) -> str:
    return f"{dialog.leg}/attempt"


def begin(relay: Relay, dialog: Dialog, invite: Pending) -> None:
    """Wait for the first word on an INVITE that was just sent, as long as its trunk says."""
    trunk = relay.trunks.by_name.get(dialog.trunk)
    dialog.heard_by_ms = relay.now_ms + (trunk.invite_timeout_ms if trunk is not None else TIMEOUT_MS)
    dialog.invite_flow = dialog.first_flow
    relay.save(dialog)
    go_on(relay, dialog, invite)


def go_on(relay: Relay, dialog: Dialog, invite: Pending) -> None:
    """Repeat the INVITE until something is heard; `attempts.lapse` sees when nothing was."""
    relay.repeats.start(_key(dialog), invite.sent, dialog.first_flow, relay.now_ms)
    relay.set_alarm(dialog.heard_by_ms, "attempt", dialog.leg)


def broken(relay: Relay, dialog: Dialog) -> None:
    """Take note that something was heard, or that nobody listens any more."""
    relay.repeats.stop(_key(dialog))
    dialog.heard_by_ms = 0
