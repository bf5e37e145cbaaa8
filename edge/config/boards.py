"""What systemd is told of a board: files of its configuration, made of the board's profile and the machine's cores."""

from collections.abc import Iterable, Mapping
from typing import Final

from edge.core.lines.profile import Board, DeviceProfile

#: Where the files go, from the root.
SERVICE: Final = "etc/systemd/system/edge.service.d/10-board.conf"
MANAGER: Final = "etc/systemd/system.conf.d/10-edge-board.conf"
MODULES: Final = "etc/modules-load.d/edge-board.conf"
#: After the package's own (60).
SYSCTL: Final = "etc/sysctl.d/70-edge-board.conf"
#: A manager that has not fed the board's watchdog for so long hangs; boards that cannot wait for it take their longest.
_WATCHDOG_MS: Final = 30_000
#: Which lights show what, in the service's environment: `/sys/class/leds/ACT=call`, with blanks between them.
LIGHTS: Final = "EDGE_LIGHTS"
#: In the service's environment, `0`: no real-time priority for media, whatever the service is allowed.
PRIORITY: Final = "EDGE_RT_PRIORITY"
_LEDS: Final = "/sys/class/leds"
#: Profile of computers that say no model of their own.
GENERIC: Final = "board-x86"


def recognise(boards: dict[str, DeviceProfile], model: str, machine: str) -> str | None:
    """Name the profile of the board whose device tree says `model`; empty: it has none, and `machine` (uname) decides.

    A profile lists its models with commas between them. None: no profile is of it.
    """
    if model:
        fits = (name for name, one in boards.items() if any(said in model for said in one.model.split(", ")))
        return next(fits, None)
    return GENERIC if machine == "x86_64" and GENERIC in boards else None


def files_of(name: str, board: Board, cores: int) -> dict[str, str]:
    """Give the files by their paths, for a machine that has so many cores.

    With fewer than the profile says none is kept free, since the one that it names may not be there.
    """
    head = f"# Made by `edge hw board --write` from the profile {name}; what is changed here is overwritten.\n"
    service, manager = f"[Service]\nLimitRTPRIO={board.priority}\n", ""
    if not board.priority:
        service += f"# Not with CAP_SYS_NICE, either.\nEnvironment={PRIORITY}=0\n"
    if pins(board, cores):
        own = set(board.media_cores)
        service += f"# The media engine's core is among them, all others of this machine stay off it ({MANAGER}).\n"
        service += f"CPUAffinity={_ranges(range(cores))}\n"
        manager += f"CPUAffinity={_ranges(core for core in range(cores) if core not in own)}\n"
    service += _lights_of(board)
    if board.watchdog:
        longest = board.watchdog_longest_ms or _WATCHDOG_MS
        manager += "# It starts the machine anew when the kernel or systemd hangs.\n"
        manager += f"WatchdogDevice={board.watchdog}\nRuntimeWatchdogSec={min(longest, _WATCHDOG_MS) // 1000}\n"
    found = {SERVICE: head + service}
    if manager:
        found[MANAGER] = f"{head}[Manager]\n{manager}"
    if board.receive_buffer:
        found[SYSCTL] = f"{head}net.core.rmem_max = {board.receive_buffer}\n"
    if board.modules:
        found[MODULES] = head + "".join(f"{module}\n" for module in board.modules)
    return found


def _lights_of(board: Board) -> str:
    """Give the service's settings for the lights that it is to use; empty: there are none."""
    shown = [led for led in board.leds if led.shows != "free"]
    if not shown:
        return ""
    places = [f"{_LEDS}/{led.name}" for led in shown]
    named = " ".join(f"{place}={led.shows}" for place, led in zip(places, shown, strict=True))
    return (
        "# Its lights: they are the service's while it runs, and out when it does not.\n"
        f'Environment="{LIGHTS}={named}"\n'
        f"ReadWritePaths={' '.join(f'-{place}' for place in places)}\n"
        f"ExecStartPre=-+/bin/chown edge {' '.join(f'{place}/brightness' for place in places)}\n"
        f"ExecStopPost=-+/bin/sh -c 'for led in {' '.join(places)}; do echo 0 > $$led/brightness; done'\n"
    )


def real_time_wanted(environment: Mapping[str, str]) -> bool:
    """Say whether media asks for real-time priority, by the service's environment."""
    return environment.get(PRIORITY) != "0"


def pins(board: Board, cores: int) -> bool:
    """Say whether cores are kept for the media engine: those of the profile are there, and others, too."""
    return bool(board.media_cores) and cores >= board.cores and len(set(board.media_cores)) < cores


def _ranges(cores: Iterable[int]) -> str:
    """Write cores as systemd does: `0-2 5`."""
    found: list[list[int]] = []
    for core in sorted(cores):
        if found and found[-1][-1] == core - 1:
            found[-1].append(core)
        else:
            found.append([core])
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in found)
