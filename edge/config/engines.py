"""How the media engines share the slots: which process has which, and what it is called.

A slot's index is the appliance's own; an engine counts its share from 0.
"""

from msgspec.structs import replace

from edge.config.site import Media, Site


def engine_names(media: Media) -> list[str]:
    """Return the names of the engines' processes: `media`, or `media0`, `media1`... where there are several."""
    return ["media"] if media.engines == 1 else [f"media{engine}" for engine in range(media.engines)]


def slots_of(media: Media, engine: int) -> range:
    """Return the slots of an engine; shares differ by one at most."""
    return range(engine * media.slots // media.engines, (engine + 1) * media.slots // media.engines)


def engine_of(media: Media, slot: int) -> int:
    """Return the engine that has `slot`."""
    return ((slot + 1) * media.engines - 1) // media.slots


def share_of(site: Site, engine: int) -> Site:
    """Return the site as one engine sees it: its slots and their ports are all that there are."""
    own = slots_of(site.media, engine)
    first_port = site.media.first_port + 2 * own.start
    return replace(site, media=replace(site.media, slots=len(own), first_port=first_port))
