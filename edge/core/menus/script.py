"""The menu that a test caller runs on its own leg: listen, press a key, listen again, hang up."""

from edge.core.menus.model import HangUp, Listen, Menu, Node, NodeId, Press, Wait


def press_script(
    keys: list[str],
    *,
    sound_timeout_ms: int = 10_000,
    before_key_ms: int = 1_000,
    stay_ms: int = 3_000,
) -> Menu:
    """Make a menu that waits for sound before each of `keys`, presses it, stays and hangs up.

    `before_key_ms` is the time between hearing the prompt and pressing; `stay_ms` the time after the last key (or after
    the first sound without keys). A far end that stays silent for `sound_timeout_ms` ends the call with the text
    `no sound`, so that silence is told from a call that went well.
    """
    nodes: dict[NodeId, Node] = {
        "stay": Wait(milliseconds=stay_ms, next="bye"),
        "bye": HangUp(text="script done"),
        "silent": HangUp(text="no sound"),
    }
    following = "stay"
    for number in range(len(keys), 0, -1):
        listen, think, press = (f"{what}_{number}" for what in ("listen", "think", "press"))
        nodes[press] = Press(digits=keys[number - 1], next=following)
        nodes[think] = Wait(milliseconds=before_key_ms, next=press)
        nodes[listen] = Listen(timeout_ms=sound_timeout_ms, next=think, failed="silent")
        following = listen
    nodes["start"] = Listen(timeout_ms=sound_timeout_ms, next=following, failed="silent")
    return Menu(name="test-call", version="", start="start", nodes=nodes)
