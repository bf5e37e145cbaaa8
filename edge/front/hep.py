"""Sends the SIP messages of peers to a capture server (`edge.runtime.hep`): never waits, and counts what is lost."""

import socket

from edge.config.kinds import split_host_port
from edge.config.site import Site
from edge.metrics.front import FrontMetrics
from edge.runtime.hep import hep_packet
from edge.runtime.sip_trace import Traced

#: Where capture servers listen.
HEP_PORT = 9060


class HepExport:
    """The way to the capture server that the site names, if it names one."""

    def __init__(self, site: Site, metrics: FrontMetrics) -> None:
        self._sent = metrics.hep_messages.labels("sent")
        self._dropped = metrics.hep_messages.labels("dropped")
        self._sock: socket.socket | None = None
        self._to = ("", 0)
        self._agent = 0
        self.use(site)

    @property
    def on(self) -> bool:
        """Whether there is anybody to send to."""
        return self._sock is not None

    def use(self, site: Site) -> None:
        """Send to whom this site names from now on (reload)."""
        self.close()
        found = split_host_port(site.sip.hep) if site.sip.hep else None
        self._agent = site.sip.hep_id
        if found is None:
            return
        host, port = found
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        self._sock, self._to = sock, (host, port or HEP_PORT)

    def close(self) -> None:
        """Send nothing any more."""
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    def send(self, message: Traced) -> None:
        """Send a message that has been blotted out; one that can't leave at once is lost."""
        if self._sock is None:
            return
        try:
            self._sock.sendto(hep_packet(message, self._agent), self._to)
        except (OSError, ValueError):
            self._dropped.inc()
        else:
            self._sent.inc()
