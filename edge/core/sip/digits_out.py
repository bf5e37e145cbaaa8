"""Digits that front sends by INFO, one request a key, for a leg whose span is gone."""

from edge.core.sip import info, ours
from edge.core.sip.actions import Finish
from edge.core.sip.relay import Relay
from edge.vocabulary.ids import CommandId, LegId
from edge.vocabulary.media import FLASH
from edge.vocabulary.private import Private

_KEYS = frozenset("0123456789*#ABCD" + FLASH)
_LONGEST_MS = 10_000


def send(relay: Relay, command: CommandId, leg: LegId, digits: Private, duration_ms: int) -> None:
    """Begin; `Finish` says when the last one has left, or why there are none."""
    dialog = relay.dialogs.by_leg.get(leg)
    keys = list(digits.reveal().upper())
    error = None
    if dialog is None or not dialog.adopted or dialog.orphan or dialog.state != "confirmed":
        error = "the leg is not front's"
    elif leg in relay.digits:
        error = "digits are being sent"
    elif not set(keys) <= _KEYS:
        error = "not digits"
    if error is not None or not keys:
        relay.out.append(Finish(command, error))
        return
    relay.digits[leg] = info.Job(command, keys, max(0, min(duration_ms, _LONGEST_MS)), relay.now_ms)
    due(relay, leg)


def due(relay: Relay, leg: LegId) -> None:
    """Send the next key, if its time has come."""
    job, dialog = relay.digits.get(leg), relay.dialogs.by_leg.get(leg)
    if job is None or dialog is None or job.next_ms > relay.now_ms:
        return
    digit = info.Digit(job.keys.pop(0), job.duration_ms)
    content_type, body = info.for_peer(digit, dialog.info_type)
    ours.send(relay, dialog, "INFO", "digit", content_type=content_type, body=body)
    if job.keys:
        job.next_ms = relay.now_ms + info.pace_ms(job.duration_ms)
        relay.set_alarm(job.next_ms, "digit", leg)
    else:
        del relay.digits[leg]
        relay.out.append(Finish(job.command, None))
