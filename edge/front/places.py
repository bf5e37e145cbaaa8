"""Where the site file says that trunks are, as the core wants it."""

from edge.config.kinds import split_host_port
from edge.config.trunk_settings import Trunk
from edge.core.sip.actions import Place, Transport


def transport_of(trunk: Trunk) -> Transport:
    """Return what is spoken with a trunk where DNS says nothing else."""
    return "udp" if trunk.transport == "auto" else trunk.transport


def place_of(text: str, trunk: Trunk) -> Place | None:
    """Return the place of a `host:port` of a trunk's; None where none is stated."""
    split = split_host_port(text) if text else None
    if split is None:
        return None
    return Place(split[0], split[1] or 0, transport_of(trunk), trunk.transport == "auto")
