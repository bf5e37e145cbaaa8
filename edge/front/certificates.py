"""How TLS connections are made: contexts by trunk, made anew at a reload; and when certificates expire."""

import ssl
import time
from datetime import datetime
from typing import Literal

from edge.config.site import Site
from edge.config.tls import SOON_DAYS, TlsFileError, client_context, end_of, expected_name, server_context
from edge.config.trunk_settings import Trunk
from edge.core.certificate import NoCertificateError, not_after
from edge.front.tls import TlsLayer
from edge.metrics.front import FrontMetrics
from edge.runtime.logs import logger
from edge.vocabulary.site_events import CertificateExpiring

Side = Literal["server", "client"]

#: Whom a certificate is of, and the trunk that it is for or from; `sip.certificate` is for no trunk.
_Whose = tuple[Literal["ours", "theirs"], str]
_WHOSE: tuple[Literal["ours", "theirs"], ...] = ("ours", "theirs")
_SITE: _Whose = ("ours", "")
_DAY_S = 86_400
#: A trunk whose handshakes fail is named in the log so often at the most, seconds.
_LOG_EVERY_S = 60


class Certificates:
    """Makes the TLS of connections. A connection keeps the context that it began with, so a reload closes none."""

    def __init__(self, site: Site, metrics: FrontMetrics) -> None:
        self._metrics = metrics
        self._log = logger("front")
        self._site = site
        self._trunks: dict[str, Trunk] = {}
        #: By side (server: the peer opens the connection) and trunk; of no trunk under the empty name.
        self._contexts: dict[tuple[Side, str], ssl.SSLContext] = {}
        self._ends: dict[_Whose, datetime] = {}
        self._logged: dict[str, float] = {}
        #: When a certificate's end was told last, wall time.
        self._told: dict[tuple[_Whose, datetime], float] = {}
        self.load(site)

    def load(self, site: Site) -> None:
        """Read all files again. Where one can't be used now, the former context stays in force."""
        self._site = site
        self._trunks = {trunk.name: trunk for trunk in site.trunks}
        wanted: dict[tuple[Side, str], None] = {}
        if site.sip.certificate:
            wanted["server", ""] = None
        for trunk in site.trunks:
            if site.sip.certificate and trunk.tls_client_certificate:
                wanted["server", trunk.name] = None
            if trunk.transport in {"tls", "auto"}:
                wanted["client", trunk.name] = None
        # Others were made when they were needed first.
        before = {key: found for key, found in self._contexts.items() if key[1] in {"", *self._trunks}}
        self._contexts = before
        for side, name in {**wanted, **dict.fromkeys(before)}:
            self._make(side, name)
        self._note_own(site)

    def _make(self, side: Side, name: str) -> ssl.SSLContext | None:
        try:
            context = (server_context if side == "server" else client_context)(self._site, self._trunks.get(name))
        except TlsFileError as error:
            self._log.error("TLS files can't be used", side=side, trunk=name, setting=error.setting, reason=str(error))
            self._metrics.faults.labels("tls_files").inc()
            return None
        self._contexts[side, name] = context
        return context

    def _note_own(self, site: Site) -> None:
        files = {"": site.sip.certificate} | {trunk.name: trunk.tls_certificate for trunk in site.trunks}
        kept = {(whose, name) for name, file in files.items() for whose in _WHOSE if file or whose == "theirs"}
        self._ends = {key: end for key, end in self._ends.items() if key in kept}
        for name, file in files.items():
            end = end_of(file) if file else None
            if end is not None:
                self._ends["ours", name] = end

    # --- layers

    def server(self, trunk: str) -> TlsLayer | None:
        """Return TLS for a connection that this trunk has opened; None: there can be none."""
        known = self._trunks.get(trunk)
        # Never the common context for one that has to show a certificate.
        context = self._contexts.get(("server", trunk if known is not None and known.tls_client_certificate else ""))
        return TlsLayer(context, server_side=True) if context is not None else None

    def client(self, trunk: str, host: str) -> TlsLayer | None:
        """Return TLS for a connection that we open; `host` is what is dialled where no trunk says a name."""
        known = self._trunks.get(trunk)
        name = trunk if known is not None else ""
        context = self._contexts.get(("client", name)) or self._make("client", name)
        if context is None:
            return None
        expected = expected_name(known) if known is not None else ""
        return TlsLayer(context, server_side=False, server_name=expected or host)

    # --- what is seen of it

    def seen(self, trunk: str, layer: TlsLayer) -> None:
        """Note the certificate that a trunk has shown."""
        der = layer.peer_certificate()
        if der is None or not trunk:
            return
        try:
            self._ends["theirs", trunk] = not_after(der)
        except NoCertificateError:
            self._ends.pop(("theirs", trunk), None)

    def failed(self, trunk: str, host: str, reason: str) -> None:
        """Say in the log, now and then, why there is no connection to or from a trunk."""
        now_s = time.monotonic()
        if now_s - self._logged.get(trunk, -_LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[trunk] = now_s
            self._log.warning("no TLS", trunk=trunk, host=host, reason=reason)

    def days_left(self) -> dict[_Whose, float]:
        """Days until each certificate expires."""
        now_s = time.time()
        return {key: (end.timestamp() - now_s) / _DAY_S for key, end in self._ends.items()}

    def condition(self) -> str:
        """Why nobody can call us by TLS any more; empty: our certificate is valid."""
        left = self.days_left().get(_SITE)
        return "" if left is None or left > 0 else f"our certificate expired on {self._ends[_SITE]:%Y-%m-%d}"

    def set_gauges(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.certificate_days.clear()
        for (whose, name), days in self.days_left().items():
            self._metrics.certificate_days.labels(name, whose).set(days)

    def to_tell(self) -> list[CertificateExpiring]:
        """Certificates that should be renewed by now and have not been told of today."""
        now_s = time.time()
        found = []
        for whose, days in self.days_left().items():
            key = (whose, self._ends[whose])
            if days < SOON_DAYS and now_s - self._told.get(key, 0.0) >= _DAY_S:
                self._told[key] = now_s
                end = self._ends[whose].isoformat(timespec="seconds").replace("+00:00", "Z")
                ours = whose[0] == "ours"
                found.append(CertificateExpiring(trunk=whose[1], ours=ours, days_left=round(days, 1), not_after=end))
        self._told = {key: at for key, at in self._told.items() if self._ends.get(key[0]) == key[1]}
        return found
