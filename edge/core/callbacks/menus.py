"""What who is called back, or his agent, goes through: small menus made of what the site says of callbacks."""

from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.model import HangUp, Menu, Node, Play, Queue, Set, Sound, Target, Transfer, Whisper
from edge.vocabulary.wire import pack

#: No menu of a site can be called so.
NAME = "(callback)"


class Connection(Struct, frozen=True, kw_only=True):
    """Who talks with who is called back, and what is heard until then."""

    #: One of them.
    queue: str = ""
    target: str = ""
    #: Of the target, and of the number that is called back.
    trunk: str = ""
    priority: int = 0
    announcement: Sound | None = None
    music: list[Sound] = []
    ringing: list[Sound] = []
    language: str = "en"
    ring_ms: int = 22_500


def caller_first(to: Connection) -> Menu:
    """Make the menu of who is called back: announcement, then queue or target."""
    nodes: dict[str, Node] = {"bye": HangUp("goodbye")}
    if to.queue:
        nodes["talk"] = Queue(
            queue=to.queue, music=to.music, left="bye", full="bye", timed_out="bye", no_agents="bye", failed="bye"
        )
    else:
        nodes["talk"] = Transfer(target=to.target, trunk=to.trunk, ringing=to.ringing, failed="bye")
    nodes["priority"] = Set(values={"priority": str(to.priority)}, next="talk")
    start = "priority"
    if to.announcement is not None:
        nodes["announcement"] = Play(sounds=[to.announcement], next=start)
        start = "announcement"
    return _menu(start, nodes, to.language)


def agent_first(to: Connection) -> Menu:
    """Make the menu of the agent, or target, who has answered: the number is rung and connected with him."""
    number = Target(target="${callback_number}", trunk=to.trunk, ring_timeout_ms=to.ring_ms, rings_for_ms=to.ring_ms)
    whisper = Whisper(sounds=[to.announcement]) if to.announcement is not None else None
    call = Transfer(targets=[number], ringing=to.ringing, whisper=whisper, failed="bye")
    return _menu("call", {"call": call, "bye": HangUp("not reached")}, to.language)


def _menu(start: str, nodes: dict[str, Node], language: str) -> Menu:
    menu = Menu(name=NAME, version="", start=start, nodes=nodes, language=language)
    return replace(menu, version=blake2b(pack(menu), digest_size=8).hexdigest())
