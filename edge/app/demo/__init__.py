"""The demo site: package data that `edge run --demo` runs on loopback."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge.config.compiled import CompiledSite
from edge.config.loader import NOTHING, Inspection, load_found
from edge.config.site import Site

SITE_FILE: Final = Path(__file__).with_name("site.toml")


def demo_overrides(overrides: Mapping[str, object] = NOTHING) -> dict[str, object]:
    """Complete overrides for the demo: whoever moves the state folder moves the recordings in it, too."""
    complete = dict(overrides)
    if "paths.state" in complete:
        complete.setdefault("paths.recordings", Path(str(complete["paths.state"])) / "recordings")
    return complete


def demo_found(
    overrides: Mapping[str, object] = NOTHING,
    *,
    make_prompts: bool = True,
    claim: Callable[[Site], None] | None = None,
) -> Inspection:
    """Load the demo site; arguments as for `edge.config.loader.load_found`. Raises `ConfigErrors`."""
    return load_found(SITE_FILE, demo_overrides(overrides), make_prompts=make_prompts, claim=claim)


def demo_site(overrides: Mapping[str, object] = NOTHING, *, make_prompts: bool = True) -> CompiledSite:
    """Load the demo site: `demo_found`, of which only the site is wanted."""
    return demo_found(overrides, make_prompts=make_prompts).site
