"""The effective configuration as who hands it on has it: with menus that are not looked into."""

from typing import Annotated

import msgspec
from msgspec import Raw, Struct

from edge.config.annotations import HIDDEN
from edge.config.site import Site

#: An empty table.
_NOTHING = Raw(msgspec.msgpack.encode({}))


class _Version(Struct, frozen=True):
    version: str


_versions = msgspec.msgpack.Decoder(dict[str, _Version])


class PackedSite(Site, frozen=True, kw_only=True):
    """A `CompiledSite` (see there) with menus that are handed on as they came, without the code of their nodes."""

    menus: Annotated[Raw, HIDDEN] = _NOTHING
    tried: Annotated[Raw, HIDDEN] = _NOTHING
    whispers: Annotated[Raw, HIDDEN] = _NOTHING

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the menus, by name."""
        return {name: menu.version for name, menu in _versions.decode(self.menus).items()}
