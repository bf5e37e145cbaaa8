"""Menus that are held at a version."""

from msgspec import Struct


class Pin(Struct, frozen=True, kw_only=True):
    """A menu that is held at a version. `since`: RFC 3339, UTC."""

    menu: str
    version: str
    since: str
    #: What its file says.
    file: str
