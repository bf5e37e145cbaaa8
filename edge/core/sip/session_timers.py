"""Session timers (RFC 4028), front's in every dialog: a span's stack never hears of them.

Both sides agree how long a session lasts without a refresh and who sends it. Whoever does sends a re-INVITE or UPDATE
at half that time; when none has come, the other side hangs up a little before the end.
"""

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from edge.core.sip.message import Request, Response

if TYPE_CHECKING:
    from edge.core.sip.dialogs import Dialog
    from edge.core.sip.relay import Relay

#: No interval may be shorter (section 5), seconds.
FLOOR_S = 90
#: A peer that grants less than it may is taken at its word down to this.
_LEAST_S = 20
#: A session ends that long before its interval is over, or a third of it (section 10), milliseconds.
_MARGIN_MS = 32_000
#: How soon a refresh that was refused is tried again.
RETRY_MS = 5000

Who = Literal["", "us", "peer"]
Preferred = Literal["auto", "us", "peer"]


class Policy(Struct, frozen=True, kw_only=True):
    """What a trunk wants of its sessions."""

    #: Interval that we ask for and grant at the most, seconds; 0: we do not ask for timers.
    expires_s: int = 1800
    #: Shortest interval that we take.
    min_s: int = FLOOR_S
    #: Who refreshes, where it is ours to say.
    refresher: Preferred = "auto"


class Timer(Struct, kw_only=True):
    """The timer of a dialog."""

    #: Seconds; 0: no timer runs.
    interval_s: int = 0
    refresher: Who = ""
    #: When the session ends without a refresh, and when something is due for it (CLOCK_MONOTONIC, milliseconds).
    ends_ms: int = 0
    due_ms: int = 0
    #: The shortest interval that the peer has named, seconds.
    min_s: int = 0
    #: The peer takes UPDATE.
    update: bool = False
    #: What the peer's first INVITE asked for, until it is answered.
    supported: bool = False
    asked_s: int = 0
    asked_refresher: str = ""


def _interval(value: str) -> tuple[int, str]:
    """Read a Session-Expires header in canonical form: seconds, and `uac`, `uas` or nothing."""
    seconds, _, who = value.partition(";refresher=")
    return int(seconds or 0), who


def policy_of(relay: "Relay", dialog: "Dialog") -> Policy:
    """Return what the dialog's trunk wants."""
    trunk = relay.trunks.by_name.get(dialog.trunk)
    return trunk.session if trunk is not None else Policy()


# --- we are asked ---------------------------------------------------------------------------------------------------


def too_small(policy: Policy, request: Request) -> dict[str, str] | None:
    """Return the headers of a 422, when a peer that knows timers asks for too short an interval (section 9)."""
    seconds, _ = _interval(request.extras.get("Session-Expires", ""))
    known = "timer" in request.tokens("Supported") | request.tokens("Require")
    return {"Min-SE": str(policy.min_s)} if known and 0 < seconds < policy.min_s else None


def note(timer: Timer, request: Request) -> None:
    """Keep what a request of the peer says of timers, until it is answered."""
    timer.asked_s, timer.asked_refresher = _interval(request.extras.get("Session-Expires", ""))
    timer.supported = "timer" in request.tokens("Supported") | request.tokens("Require")
    timer.min_s = max(FLOOR_S, int(request.extras.get("Min-SE", "0")))
    note_methods(timer, request)


def note_methods(timer: Timer, message: Request | Response) -> None:
    """Keep whether the peer takes UPDATE, if the message says which methods it takes."""
    if "Allow" in message.extras:
        timer.update = "update" in message.tokens("Allow")


def grant(relay: "Relay", dialog: "Dialog", answer: Response) -> None:
    """Say in our 2xx what interval there is and who refreshes (section 9), and run it."""
    timer, policy = dialog.timer, policy_of(relay, dialog)
    if timer.asked_s:  # never above what was asked for
        timer.interval_s = max(FLOOR_S, min(timer.asked_s, max(policy.expires_s or timer.asked_s, timer.min_s)))
    else:
        timer.interval_s = max(policy.expires_s, timer.min_s) if policy.expires_s and timer.supported else 0
    _say_supported(answer.extras)
    if not timer.interval_s:
        _stop(timer)
        return
    who = timer.asked_refresher or ("uas" if policy.refresher == "us" else "uac")
    if not timer.supported:
        who = "uas"  # a proxy asked, the peer does not know how
    elif who == "uac":
        answer.extras["Require"] = ", ".join(sorted(answer.tokens("Require") | {"timer"}))
    answer.extras["Session-Expires"] = f"{timer.interval_s};refresher={who}"
    _run(relay, dialog, "peer" if who == "uac" else "us")


def _say_supported(extras: dict[str, str]) -> None:
    known = [tag for tag in extras.get("Supported", "").split(", ") if tag]
    extras["Supported"] = ", ".join(dict.fromkeys([*known, "timer"]))


# --- we ask ---------------------------------------------------------------------------------------------------------


def ask(policy: Policy, timer: Timer, extras: dict[str, str]) -> None:
    """Ask for a timer in the header fields of an INVITE or UPDATE of ours (section 7.1)."""
    _say_supported(extras)
    wanted = timer.interval_s or policy.expires_s
    if not wanted:
        return
    if timer.refresher:
        who = "uac" if timer.refresher == "us" else "uas"  # the roles stay as they are
    else:
        who = {"us": "uac", "peer": "uas"}.get(policy.refresher, "")
    least = max(timer.min_s, policy.min_s)
    extras["Session-Expires"] = f"{max(wanted, least)}" + (f";refresher={who}" if who else "")
    if least > FLOOR_S:
        extras["Min-SE"] = str(least)


def raised(timer: Timer, message: Response) -> dict[str, str]:
    """Return the headers with which a request that got a 422 is sent again (section 7.3); none: it says too little."""
    least = int(message.extras.get("Min-SE", "0"))
    if least <= max(timer.min_s, FLOOR_S):
        return {}
    timer.min_s = least
    timer.interval_s = max(timer.interval_s, least) if timer.interval_s else 0
    return {"Session-Expires": str(least), "Min-SE": str(least)}


def granted(relay: "Relay", dialog: "Dialog", message: Response) -> None:
    """Run what the peer's 2xx says; without a word of it there is no timer (section 7.2)."""
    timer = dialog.timer
    note_methods(timer, message)
    seconds, who = _interval(message.extras.get("Session-Expires", ""))
    if not seconds:
        _stop(timer)
        relay.save(dialog)
        return
    timer.interval_s = max(seconds, _LEAST_S)
    _run(relay, dialog, "peer" if who == "uas" else "us")


# --- time -----------------------------------------------------------------------------------------------------------


def _stop(timer: Timer) -> None:
    timer.interval_s = timer.ends_ms = timer.due_ms = 0
    timer.refresher = ""


def _run(relay: "Relay", dialog: "Dialog", refresher: Who) -> None:
    timer = dialog.timer
    interval_ms = timer.interval_s * 1000
    timer.refresher = refresher
    timer.ends_ms = relay.now_ms + interval_ms - min(_MARGIN_MS, interval_ms // 3)
    _due(relay, dialog, relay.now_ms + interval_ms // 2 if refresher == "us" else timer.ends_ms)


def _due(relay: "Relay", dialog: "Dialog", at_ms: int) -> None:
    dialog.timer.due_ms = at_ms
    relay.set_alarm(at_ms, "session", dialog.leg)
    relay.save(dialog)


def retry(relay: "Relay", dialog: "Dialog") -> None:
    """Try a refresh again that was refused, as long as the session lasts."""
    timer = dialog.timer
    if timer.interval_s:
        # Not all dialogs at the same time, and not in step with the peer's own request (RFC 3261 section 14.1).
        apart = sum(dialog.leg.encode()) % 20 * 100
        _due(relay, dialog, min(timer.ends_ms, relay.now_ms + RETRY_MS + apart))


def wait_for_end(relay: "Relay", dialog: "Dialog") -> None:
    """Wait for the answer to a refresh, or for the end of the session."""
    _due(relay, dialog, dialog.timer.ends_ms)


def restore(relay: "Relay", dialog: "Dialog") -> None:
    """Go on with the timer of an earlier life of front."""
    if dialog.timer.due_ms:
        relay.set_alarm(dialog.timer.due_ms, "session", dialog.leg)
