"""From the command line to a running supervisor: everything that can be refused is refused here, with exit code 78.

An address that is not there or is in use ends it with 75: a service manager tries again.
"""

import fcntl
import os
import sys
from pathlib import Path

from msgspec.structs import replace

from edge.app.composition import APPLIANCE, Composition
from edge.app.holder import lock_holder
from edge.app.preparing import Begun, Prepared, Source
from edge.app.reloading import with_run_dir
from edge.app.sockets import CannotOpenError, open_all
from edge.app.supervisor import Supervisor
from edge.config.site import Paths, Site
from edge.runtime.prctl import become_subreaper
from edge.runtime.process import EXIT_CONFIG, EXIT_LOST, be_prompt, name_process, raise_limits

#: Descriptors beside media's sockets and two for each span: listeners, channels, files, connections of front.
SPARE_DESCRIPTORS = 256


class RefusedError(Exception):
    """The appliance can't run like this; the text is for the operator."""


def make_folders(paths: Paths) -> None:
    """Make state and run folders. Raises RefusedError.

    A state folder on a file system that is read-only just now (a disk that failed, a repair) is no reason to stay away:
    the appliance answers, says why it takes no calls, and recovers by itself. It needs a run folder elsewhere for that.
    """
    for path, mode in ((Path(paths.state), 0o750), (Path(paths.run), 0o700)):
        try:
            path.mkdir(parents=True, exist_ok=True, mode=mode)
        except OSError as error:
            hint = "; set paths.run elsewhere (/run/edge)" if str(path) == paths.run else ""
            raise RefusedError(f"{path}: cannot be made: {error.strerror}{hint}") from error
        if os.access(path, os.W_OK | os.X_OK):
            continue
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            raise RefusedError(f"{path}: is not writable")
        if str(path) == paths.run:
            raise RefusedError(
                f"{path}: is on a read-only file system; set paths.run to a folder elsewhere (/run/edge)"
            )


def lock_state(paths: Paths) -> int:
    """Claim the state folder for this run; the descriptor holds the claim. Raises RefusedError.

    The folder itself is locked: that needs nothing written, so it works on a full disk, too.
    """
    fd = os.open(paths.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = lock_holder(fd)
        os.close(fd)
        raise RefusedError(f"{paths.state} is in use by another `edge run` (pid {holder or 'unknown'})") from None
    return fd


def claim(paths: Paths) -> int:
    """Make the folders and claim them for this run; the descriptor holds the claim. Raises RefusedError."""
    make_folders(paths)
    return lock_state(paths)


def descriptors_needed(site: Site) -> int:
    """Return how many descriptors the supervisor of a site holds at the most."""
    families = 2 if site.sip.address6 else 1
    return 2 * families * site.media.slots + 4 * site.sip.max_spans + SPARE_DESCRIPTORS


def check_descriptors(site: Site, limit: int) -> None:
    """Check the descriptor limit against the slot table. Raises RefusedError."""
    needed = descriptors_needed(site)
    if limit < needed:
        raise RefusedError(
            f"{site.media.slots} media slots and {site.sip.max_spans} spans need {needed} descriptors, "
            f"but the hard limit is {limit}: raise it (LimitNOFILE=, ulimit -Hn) or lower media.slots"
        )


def run(source: Source, composition: Composition = APPLIANCE, begun: Begun | None = None) -> int:
    """Load (`begun`: that has been begun), check, open and run; returns the exit code of `edge run`."""
    try:
        prepared = (begun or Begun(source)).wait(claim)
    except RefusedError as refused:
        print(refused, file=sys.stderr)
        return EXIT_CONFIG
    for warning in prepared.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in prepared.errors:
        print(error, file=sys.stderr)
    if prepared.site is None:
        return EXIT_CONFIG
    return run_prepared(prepared, source, composition, claimed=True)


def run_prepared(
    prepared: Prepared, source: Source | None, composition: Composition = APPLIANCE, *, claimed: bool = False
) -> int:
    """Run what was prepared. `claimed`: the folders are this run's already."""
    if prepared.site is None:
        raise ValueError("nothing was prepared")
    site = with_run_dir(prepared.site)
    try:
        if not claimed:
            claim(site.paths)
        check_descriptors(site, raise_limits())
        sockets = open_all(site, prepared.sizes, Path(site.paths.run))
        name_process("supervisor")
        be_prompt()
        become_subreaper()
        supervisor = Supervisor(replace(prepared, site=site), sockets, source, composition)
    except CannotOpenError as error:
        print(error, file=sys.stderr)
        return EXIT_LOST if error.passes else EXIT_CONFIG
    except RefusedError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    return supervisor.run()
