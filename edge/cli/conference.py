"""`edge calls listen|whisper|barge|add|mute|unmute|gain|announce|hold|resume|drop`: what operators do with a talk.

Works on calls whose caller talks with somebody. A leg is named by its id or its number (`edge calls legs`).
"""

import math
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from edge.cli.daemon import Where, ask_process
from edge.cli.output import BAD, FINE, USAGE, complain, print_json, print_table
from edge.cli.site import ConfigOption, DemoOption, JsonOption, StateOption

CallArgument = Annotated[str, Parameter(help="Id of the call.")]
LegArgument = Annotated[str, Parameter(help="Id of the leg, or its number in the call.")]
WhoArgument = Annotated[str, Parameter(help="SIP URI (or number on --trunk) to ring, or a leg that is there already.")]
TrunkOption = Annotated[str, Parameter(name="--trunk", help="Trunk to dial through.")]
CallerOption = Annotated[str, Parameter(name="--caller", help="Caller id shown.")]
HeldArgument = Annotated[str, Parameter(help="Id of the leg, or its number in the call; else the caller's.")]
ToOption = Annotated[str | None, Parameter(name="--to", help="Leg that hears it; else the one the caller talks with.")]

#: How long the answer of a peer that is to be held is waited for, and how often it is looked for, seconds.
HOLD_S = 40.0
POLL_S = 0.1


def register(calls: App) -> None:
    """Add the commands to `edge calls`."""
    for command in (legs, listen, whisper, barge, add, mute, unmute, gain, announce, hold, resume, drop):
        calls.command(command)


def legs(
    call: CallArgument,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
    json: JsonOption = False,
) -> int:
    """List the legs of a call in progress."""
    found = ask_process((config, demo, state), "switch", "call", {"id": call})
    if isinstance(found, int):
        return found
    if json:
        for leg in _legs(found):
            print_json(leg)
        return FINE
    rows = [(leg["id"], leg["signalling"], leg["media"], _part(leg), _sound(leg["sound"])) for leg in _legs(found)]
    print_table(("leg", "signalling", "media", "in the talk", "sound"), rows)
    return FINE


def listen(
    call: CallArgument,
    who: WhoArgument,
    *,
    trunk: TrunkOption = "",
    caller: CallerOption = "edge",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a supervisor hear a call, heard by nobody. Keys on its phone: 4 listen, 5 whisper, 6 barge in."""
    return _join((config, demo, state), call, who, "listen", trunk=trunk, caller=caller)


def whisper(
    call: CallArgument,
    who: WhoArgument,
    *,
    to: ToOption = None,
    trunk: TrunkOption = "",
    caller: CallerOption = "edge",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a supervisor hear a call, heard by one leg only."""
    return _join((config, demo, state), call, who, "whisper", trunk=trunk, caller=caller, to=to)


def barge(
    call: CallArgument,
    who: WhoArgument,
    *,
    trunk: TrunkOption = "",
    caller: CallerOption = "edge",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a supervisor talk with all legs of a call."""
    return _join((config, demo, state), call, who, "talk", trunk=trunk, caller=caller)


def add(
    call: CallArgument,
    who: Annotated[str, Parameter(help="SIP URI, or number on --trunk.")],
    *,
    trunk: TrunkOption = "",
    caller: CallerOption = "edge",
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Add somebody to a call: a conference. It goes on while two of its legs talk, one of them the caller."""
    return _join((config, demo, state), call, who, "talk", trunk=trunk, caller=caller, supervises=False)


def mute(
    call: CallArgument,
    leg: LegArgument,
    *,
    deaf: Annotated[bool, Parameter(name="--deaf", negative=(), help="It does not hear, instead.")] = False,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a leg be heard by nobody. What it says is recorded all the same."""
    return _act((config, demo, state), "sound", {"id": call, "leg": leg, "deaf" if deaf else "muted": True})


def unmute(
    call: CallArgument,
    leg: LegArgument,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a leg be heard, and hear, again."""
    return _act((config, demo, state), "sound", {"id": call, "leg": leg, "muted": False, "deaf": False})


def gain(
    call: CallArgument,
    leg: LegArgument,
    db: Annotated[float, Parameter(help="-60 to 24; 0: as it is.", allow_leading_hyphen=True)],
    *,
    heard: Annotated[bool, Parameter(name="--heard", negative=(), help="Of what it hears, instead.")] = False,
    auto: Annotated[bool | None, Parameter(name="--auto", negative="--no-auto", help="Lift it when quiet.")] = None,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Change how loud a leg is for the others."""
    if not math.isfinite(db):
        complain("a gain is a number of dB")
        return USAGE
    wanted: dict[str, Any] = {"id": call, "leg": leg, "heard_gain_db" if heard else "gain_db": db}
    if auto is not None:
        wanted["auto_level"] = auto
    return _act((config, demo, state), "sound", wanted)


def announce(
    call: CallArgument,
    file: Annotated[Path, Parameter(help="Sound file that the appliance can read.")],
    *,
    to: Annotated[Literal["both", "caller", "target"], Parameter(name="--to", help="Who hears it.")] = "both",
    duck_db: Annotated[int, Parameter(name="--duck-db", help="The voices are so much lower under it: 0 to 60.")] = 12,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Mix a sound file over a talk, once. While somebody holds it waits."""
    wanted = {"id": call, "file": str(file.absolute()), "to": to, "duck_db": duck_db}
    return _act((config, demo, state), "announce", wanted)


def hold(
    call: CallArgument,
    leg: HeldArgument = "1",
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Put a leg of a talk on hold: it hears the hold music, and nobody hears it."""
    return _hold((config, demo, state), call, leg, on=True)


def resume(
    call: CallArgument,
    leg: HeldArgument = "1",
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """Let a leg that is on hold talk again."""
    return _hold((config, demo, state), call, leg, on=False)


def _hold(where: Where, call: str, leg: str, *, on: bool) -> int:
    """Ask, and wait for what the leg's peer says to it."""
    asked = ask_process(where, "switch", "hold", {"id": call, "leg": leg, "on": on})
    if isinstance(asked, int):
        return asked
    until = time.monotonic() + HOLD_S
    while time.monotonic() < until:
        found = ask_process(where, "switch", "call", {"id": call})
        if isinstance(found, int):
            return found
        state = next((one for one in _legs(found) if one["id"] == asked["leg"]), None)
        if state is None:
            complain("the leg has ended")
            return BAD
        if state["hold_asked"] is None:
            if state["on_hold"] == on:
                print(asked["leg"])
                return FINE
            complain("its peer did not agree; the event leg.hold_failed says why")
            return BAD
        time.sleep(POLL_S)
    complain("its peer has not answered yet")
    return BAD


def drop(
    call: CallArgument,
    leg: LegArgument,
    *,
    config: ConfigOption = None,
    demo: DemoOption = False,
    state: StateOption = None,
) -> int:
    """End one leg of a call, not the caller's."""
    return _act((config, demo, state), "drop", {"id": call, "leg": leg})


def _join(where: Where, call: str, who: str, mode: str, **invite: Any) -> int:
    """Ring a phone, or change the mode of a leg that is there."""
    if who.startswith(f"{call}."):
        return _act(where, "mode", {"id": call, "leg": who, "mode": mode, "to": invite.get("to")})
    return _act(where, "invite", {"id": call, "target": who, "mode": mode, "supervises": True, **invite})


def _act(where: Where, what: str, body: dict[str, Any]) -> int:
    """Ask, and print the leg that it is about."""
    answer = ask_process(where, "switch", what, body)
    if isinstance(answer, int):
        return answer
    print(answer["leg"])
    return FINE


def _legs(call: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call.get("legs", [])
    return found


def _part(leg: dict[str, Any]) -> str:
    """Show how a leg takes part in the talk."""
    return ", ".join(
        word for word in (leg["mode"], "holds" if leg["held"] else "", "on hold" if leg["on_hold"] else "") if word
    )


def _sound(sound: dict[str, Any]) -> str:
    """Show what differs from the plain."""
    words = [word for word, on in (("muted", sound["muted"]), ("deaf", sound["deaf"])) if on]
    words += [f"{sound['gain_db']:+g} dB"] if sound["gain_db"] else []
    words += [f"hears {sound['heard_gain_db']:+g} dB"] if sound["heard_gain_db"] else []
    words += ["automatic level"] if sound["auto_level"] else []
    return ", ".join(words)
