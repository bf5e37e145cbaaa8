"""How a child starts: what the supervisor gives it, and what every process does before its own main."""

import contextlib
import faulthandler
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, overload

import msgspec

from edge.config.site import Site
from edge.runtime.channel import EXIT_LOST, SupervisorChannel
from edge.runtime.logs import logger
from edge.runtime.memory import give_large_blocks_back
from edge.runtime.parent import die_with_parent
from edge.runtime.pump import EXIT_BUG
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.wire import unpacker

S = TypeVar("S", bound=Site)

EXIT_OK = 0
#: Nice value of the supervisor and of media (setpriority(2)).
_PROMPT = -15
#: Wrong usage of a command.
EXIT_USAGE = 2
#: EX_CONFIG of sysexits.h: bad configuration; the supervisor does not try again.
EXIT_CONFIG = 78

__all__ = [
    "EXIT_BUG",
    "EXIT_CONFIG",
    "EXIT_LOST",
    "EXIT_OK",
    "EXIT_USAGE",
    "Launch",
    "ProcessContext",
    "child_main",
    "read_launch",
]

#: Environment variable that carries a child's `Launch`.
LAUNCH = "EDGE_LAUNCH"


@dataclass
class ProcessContext:
    """All a process is given. Descriptors carry the same numbers as in the supervisor."""

    name: str
    site: Site
    #: This life of the process; a worker forked again gets a new one.
    incarnation: Incarnation
    channel: SupervisorChannel
    #: Where `site` was read, and who walks menus reads them, too (`edge.config.compiled`).
    site_path: str = ""
    #: By name, see `edge.app.sockets`; `rtp` is [rtp0, rtcp0, rtp1, rtcp1, ...].
    fds: dict[str, list[int]] = field(default_factory=dict)
    #: Path of switch's listening socket.
    link_path: str = ""
    run_dir: str = ""
    #: Of this `edge run`; the same for all its processes and their successors.
    boot_id: str = ""
    supervisor_pid: int = 0
    #: Which of several processes of this kind.
    index: int = 0
    #: See `Launch`.
    prompt: bool = False
    #: Prepare, then wait for `TakeOver` (`edge.runtime.standby`).
    standby: bool = False


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells a child by environment."""

    name: str
    #: Package that has `main(context)`; a zygote's has `prepare(context)`, too.
    module: str
    zygote: bool = False
    incarnation: str
    channel_fd: int
    #: Path of the effective configuration.
    site: str
    fds: dict[str, list[int]]
    link_path: str
    run_dir: str
    boot_id: str
    supervisor_pid: int
    #: It may not wait for its turn when the machine is busy, and neither may its workers.
    prompt: bool = False

    def environment(self) -> dict[str, str]:
        """Return the variable that `child_main` reads."""
        return {LAUNCH: msgspec.json.encode(self).decode()}


@overload
def read_site(path: str) -> Site: ...
@overload
def read_site(path: str, kind: type[S]) -> S: ...
def read_site(path: str, kind: type[Site] = Site) -> Site:
    """Read an effective configuration; what of it: `edge.config.compiled`.

    Raises OSError and `msgspec.DecodeError`; both are bugs, for we wrote it.
    """
    return unpacker(kind).decode(Path(path).read_bytes())


def name_process(name: str) -> None:
    """Show `edge-<name>` in ps and top (at most 15 characters)."""
    Path("/proc/self/comm").write_text(f"edge-{name}"[:15])


def be_prompt(prompt: bool = True) -> None:
    """Come before other programs of a busy machine (`prompt`), or wait like them, where that is allowed.

    Who restarts the media engine may not wait: until it has, every conversation is silent.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PROMPT if prompt else 0)


def raise_limits() -> int:
    """Lift the soft descriptor limit to the hard one and forbid core dumps (they'd hold digits). Returns the limit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def read_launch() -> Launch | None:
    """Take the launch out of the environment, so that no grandchild inherits it; None when there is none."""
    text = os.environ.pop(LAUNCH, None)
    return None if text is None else msgspec.json.decode(text, type=Launch)


def child_main(launch: Launch, run: Callable[[ProcessContext], int]) -> int:
    """Set the process up, call `run` with its context, and return the exit code."""
    faulthandler.enable()
    die_with_parent(launch.supervisor_pid)
    name_process(f"{launch.name}-zygote" if launch.zygote else launch.name)
    be_prompt(launch.prompt and not launch.zygote)  # a zygote compiles before it is needed
    raise_limits()
    give_large_blocks_back()
    # Ctrl-C reaches the whole foreground group; only the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = logger(launch.name)
    try:
        context = ProcessContext(
            name=launch.name,
            site=read_site(launch.site),
            site_path=launch.site,
            incarnation=Incarnation(launch.incarnation),
            channel=SupervisorChannel(launch.channel_fd),
            fds=launch.fds,
            link_path=launch.link_path,
            run_dir=launch.run_dir,
            boot_id=launch.boot_id,
            supervisor_pid=launch.supervisor_pid,
            prompt=launch.prompt,
        )
        return run(context)
    except Exception:
        log.exception("the process ends by an error")
        return EXIT_BUG
