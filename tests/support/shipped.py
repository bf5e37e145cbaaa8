"""The sites that are shipped: the demo, and the examples that people copy."""

from pathlib import Path

import edge
from edge.config.loader import inspect
from edge.core.menus.model import Menu

SITES = sorted(Path(edge.__file__).parent.glob("app/**/site.toml"))


def shipped_menus(state: Path) -> dict[str, Menu]:
    """Compile all their menus; by site and name. `state`: a folder to find nothing in. Raises without any menu."""
    found = {path.parent.name: inspect(path, {"paths.state": str(state)}).site.menus for path in SITES}
    if not all(found.values()):
        raise LookupError(f"a site without menus: {found}")
    return {f"{site}/{name}": menu for site, menus in found.items() for name, menu in menus.items()}
