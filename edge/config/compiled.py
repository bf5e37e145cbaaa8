"""The effective configuration with its menus, and how it is handed on to processes that do not walk them.

`CompiledSite`, `PackedSite` and `Site` are the same MessagePack, of which each reader takes what it needs: who reads a
`Site` neither holds menus nor loads the code of their nodes, some 3 MB in each process.
"""

from typing import Annotated

from msgspec import field
from msgspec.structs import replace

from edge.config.annotations import HIDDEN
from edge.config.packed import PackedSite
from edge.config.site import Site
from edge.core.menus.model import Menu
from edge.core.menus.sounds import sound_paths
from edge.vocabulary.wire import pack, unpacker

_packed = unpacker(PackedSite)


class CompiledSite(Site, frozen=True, kw_only=True):
    """The whole effective configuration."""

    #: Compiled menus by name.
    menus: Annotated[dict[str, Menu], HIDDEN] = field(default_factory=dict)
    #: Versions of menus that are on trial, compiled, by the name of the trial.
    tried: Annotated[dict[str, Menu], HIDDEN] = field(default_factory=dict)
    #: What agents of campaigns are told, compiled, by the name of the campaign: a node `whisper`.
    whispers: Annotated[dict[str, Menu], HIDDEN] = field(default_factory=dict)


def packed(site: Site) -> PackedSite:
    """Make of a site what the supervisor hands on, with the sounds listed that its menus name."""
    if isinstance(site, CompiledSite):
        menus = [*site.menus.values(), *site.tried.values(), *site.whispers.values()]
        site = replace(site, sounds=list(dict.fromkeys(path for menu in menus for path in sound_paths(menu))))
    return _packed.decode(pack(site))
