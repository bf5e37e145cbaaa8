"""The appliance as it is installed: its units on a machine with systemd, this tree in the place of a release."""

import sys
from pathlib import Path

from tests.support.machine import Machine

ROOT = Path(__file__).parents[2]
_PROGRAM = f"""#!/bin/sh
exec {sys.executable} -m edge.cli "$@"
"""
#: What a release brings under /opt/edge is here where the tests run: in folders that the unit hides.
_DROP_IN = f"""[Service]
ProtectHome=tmpfs
BindReadOnlyPaths={ROOT} {sys.base_prefix} {Path(sys.prefix)}
Environment=PYTHONPATH={{path}} PYTHONDONTWRITEBYTECODE=1
"""
_PLACES = {
    "edge.service": "usr/lib/systemd/system",
    "edge-retention.service": "usr/lib/systemd/system",
    "edge-selftest.service": "usr/lib/systemd/system",
    "edge.sysusers": "usr/lib/sysusers.d/edge.conf",
    "edge.tmpfiles": "usr/lib/tmpfiles.d/edge.conf",
    "edge.sysctl": "usr/lib/sysctl.d/60-edge.conf",
}


def install(machine: Machine, site: str, menus: dict[str, str], drop_in: str = "") -> None:
    """Put units, this tree as the release, `site` and `menus` on a machine that has not booted."""
    for name, place in _PLACES.items():
        path = place if place.endswith(".conf") else f"{place}/{name}"
        machine.put(path, (ROOT / "systemd" / name).read_text())
    machine.put("opt/edge/current/venv/bin/edge", _PROGRAM, 0o755)
    shared = [ROOT, *(Path(p) for p in sys.path if p.endswith("site-packages"))]
    lines = _DROP_IN.format(path=":".join(map(str, shared)))
    for path in shared:
        if not path.is_relative_to(ROOT) and not path.is_relative_to(sys.base_prefix):
            lines += f"BindReadOnlyPaths={path}\n"
    machine.put("etc/systemd/system/edge.service.d/test.conf", lines + drop_in)
    for name in ("edge-retention", "edge-selftest"):
        # The machine has no /dev that systemd could make another one beside.
        machine.put(f"etc/systemd/system/{name}.service.d/test.conf", f"{lines}PrivateDevices=no\n")
    machine.put("etc/edge/site.toml", site)
    for name, text in menus.items():
        machine.put(f"etc/edge/menus/{name}", text)
