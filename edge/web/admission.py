"""Who is let in to the API: the gate with its clock and its counts, and what the site says of numbers."""

from typing import NamedTuple

from edge.config.site import Site
from edge.core.access.gate import Gate, Holder, Refusal
from edge.metrics.web import WebMetrics
from edge.runtime.clock import monotonic_ms
from edge.vocabulary.access import Role, allows
from edge.web.endpoint import RefusedError


class Guest(NamedTuple):
    """Somebody who was let in."""

    holder: Holder
    sees_numbers: bool


class Admission:
    """Lets in by the tokens of the site in force."""

    def __init__(self, site: Site, metrics: WebMetrics) -> None:
        self._gate = Gate()
        self._metrics = metrics
        self._operators_see = False
        self.configure(site)

    def configure(self, site: Site) -> None:
        """Take the tokens that hold from now on."""
        self._gate.configure(Holder(one.name, one.hash, one.role, one.rate, one.burst) for one in site.api_tokens)
        self._operators_see = site.http.operators_see_numbers

    def admit(self, authorization: str | None, least: Role, source: str) -> Guest:
        """Let in who may; raises `RefusedError`."""
        found = self._gate.admit(authorization, least, source, monotonic_ms())
        if isinstance(found, Refusal):
            self._metrics.refused.labels(found.why).inc()
            headers = {"Retry-After": str(found.retry_after_s)} if found.retry_after_s else {}
            if found.status == 401:
                headers["WWW-Authenticate"] = 'Bearer realm="edge"'
            raise RefusedError(found.status, found.text, headers=headers)
        sees = allows(found.role, "integrator") or (found.role == "operator" and self._operators_see)
        return Guest(found, sees)
