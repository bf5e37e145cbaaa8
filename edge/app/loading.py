"""The configuration while the appliance runs: loaded anew, or a menu of it changed, one load at a time."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from edge.app.control import Answer
from edge.app.preparing import Order, Prepared, Preparing, Source
from edge.app.watching import Watch
from edge.config.packed import PackedSite
from edge.config.pinned import Pin
from edge.metrics.supervisor import SupervisorMetrics
from edge.runtime.clock import rfc3339, wall_time
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary import site_events

#: Of a refused configuration so many faults are told by events and status; the log and the answer have them all.
FEW = 10

_log = logger("supervisor")


class Owner(Protocol):
    """Who has the configuration."""

    #: The one in force.
    site: PackedSite

    @property
    def needs_restart(self) -> list[str]:
        """Settings that wait for a restart."""
        ...

    @property
    def secret_site_path(self) -> str:
        """Where the one in force can be read, with its secrets."""
        ...

    def loading(self, *, begins: bool) -> None:
        """Hear that files are being loaded, or are no more."""

    def take_over(self, new: PackedSite, *, of_files: bool) -> None:
        """Put a configuration in force."""

    def tell(self, event: site_events.ConfigurationEvent) -> None:
        """Have an event made."""


class _Wish(NamedTuple):
    """A load that somebody waits for."""

    by: site_events.LoadedBy
    order: Order | None
    answer: Answer


class Loading:
    """Does what is wished, in turn; whoever wishes files to be loaded is answered by a load that began after that."""

    def __init__(
        self, source: Source | None, prepared: Prepared, owner: Owner, pump: Pump, metrics: SupervisorMetrics
    ) -> None:
        self._source = source
        self._owner = owner
        self._pump = pump
        self._metrics = metrics
        self._wishes: list[_Wish] = []
        self._under_way: list[_Wish] = []
        self._preparing: Preparing | None = None
        self._loaded = (rfc3339(wall_time()), "start")
        self._refused: dict[str, Any] | None = None
        self._pins: list[Pin] = prepared.pins
        self._watch = Watch(lambda: pump.post(self._changed))
        self._note_pins()
        if source is not None:
            self._watch.follow(owner.site, prepared.signature)

    # --- wishes

    def reload(self, by: site_events.LoadedBy, answer: Answer) -> None:
        """Load the files anew; when they have faults all stays as it is. `answer` gets the faults."""
        self._wish(_Wish(by, None, answer))

    def order(self, order: Order, answer: Answer) -> None:
        """Roll a menu back, or release it; or say what a reload would do."""
        self._wish(_Wish("reload", order, answer))

    def _changed(self) -> None:
        self.reload("watch", lambda _answer: None)

    def _wish(self, wish: _Wish) -> None:
        if self._source is None:
            wish.answer({"ok": False, "error": "there is nothing to reload"})
            return
        self._wishes.append(wish)
        self._next()

    def cancel(self) -> None:
        """Load nothing any more: the supervisor stops."""
        self._watch.close()
        self._wishes.clear()
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None

    def _next(self) -> None:
        if self._preparing is not None or not self._wishes or self._source is None:
            return
        first = self._wishes[0]
        same = [wish for wish in self._wishes if first.order is None and wish.order is None] or [first]
        self._wishes = [wish for wish in self._wishes if wish not in same]
        self._under_way = same
        order = None if first.order is None else replace(first.order, base=self._owner.secret_site_path)
        if order is None:
            self._watch.loading()
            self._owner.loading(begins=True)
        self._preparing = Preparing(replace(self._source, by=first.by, order=order), self._pump, self._prepared)

    # --- what came of them

    def _prepared(self, prepared: Prepared) -> None:
        self._preparing = None
        wishes, self._under_way = self._under_way, []
        order = wishes[0].order
        if order is not None and order.what == "plan":
            answer = _planned(prepared)
        elif order is not None:
            answer = self._ordered(order, prepared)
        else:
            answer = self._reloaded(wishes[0].by, prepared)
            self._owner.loading(begins=False)
        self._note_pins()
        for wish in wishes:
            wish.answer(answer)
        self._next()

    def _reloaded(self, by: site_events.LoadedBy, prepared: Prepared) -> dict[str, Any]:
        now = rfc3339(wall_time())
        if prepared.site is None:
            for error in prepared.errors:
                _log.error("reload: the configuration has a fault; the old one stays", fault=error, by=by)
            self._metrics.reloads.labels("refused").inc()
            self._refused = {"at": now, "by": by, "faults": len(prepared.errors), "errors": prepared.errors[:FEW]}
            places = [place_of(error) for error in prepared.errors[:FEW]]
            self._owner.tell(site_events.ConfigurationRefused(by=by, faults=len(prepared.errors), places=places))
            text = "the configuration has faults; the old one stays"
            return {"ok": False, "error": text, "errors": prepared.errors}
        before = self._versions()
        self._owner.take_over(prepared.site, of_files=True)
        self._metrics.reloads.labels("done").inc()
        self._loaded, self._refused, self._pins = (now, by), None, prepared.pins
        self._watch.follow(self._owner.site, prepared.signature)
        after, needs_restart = self._versions(), self._owner.needs_restart
        changed = {name: version for name, version in after.items() if before.get(name) != version}
        gone = sorted(before.keys() - after.keys())
        for warning in prepared.warnings:
            _log.warning("reload", warning=warning)
        _log.info("reloaded", by=by, menus=changed, needs_restart=needs_restart)
        self._owner.tell(site_events.ConfigurationLoaded(by=by, menus=changed, gone=gone, needs_restart=needs_restart))
        held = [f"menu '{pin.menu}' stays rolled back to {pin.version}; its file says {pin.file}" for pin in self._pins]
        body = {"needs_restart": needs_restart, "warnings": [*prepared.warnings, *held], "menus": changed}
        return {"ok": True, "body": body}

    def _ordered(self, order: Order, prepared: Prepared) -> dict[str, Any]:
        if prepared.site is None:
            return {"ok": False, "error": "; ".join(prepared.errors)}
        before = self._versions()[order.menu]
        self._owner.take_over(prepared.site, of_files=False)
        self._pins = prepared.pins
        version = self._versions()[order.menu]
        kind = site_events.MenuRolledBack if order.what == "rollback" else site_events.MenuReleased
        _log.warning(order.what, menu=order.menu, version=version, instead_of=before)
        self._owner.tell(kind(menu=order.menu, version=version, instead_of=before))
        body = {"menu": order.menu, "version": version, "instead_of": before, "warnings": prepared.warnings}
        return {"ok": True, "body": body}

    def _versions(self) -> Mapping[str, str]:
        return self._owner.site.versions

    # --- for status and metrics

    def _note_pins(self) -> None:
        self._metrics.refused.set(self._refused is not None)
        self._metrics.rolled_back.set(len(self._pins))

    def document(self) -> dict[str, Any]:
        """Describe it for status."""
        return {
            "loaded": self._loaded[0],
            "by": self._loaded[1],
            "watched": self._owner.site.reload.watch,
            "refused": self._refused,
            "rolled_back": [
                {"menu": pin.menu, "version": pin.version, "since": pin.since, "file": pin.file} for pin in self._pins
            ],
        }


def _planned(prepared: Prepared) -> dict[str, Any]:
    if not prepared.plan or prepared.errors:
        return {"ok": False, "error": "the configuration has faults", "errors": prepared.errors}
    return {"ok": True, "body": msgspec.Raw(prepared.plan)}


def place_of(error: str) -> str:
    """Return the place of a fault, without its text, which may hold what events must not."""
    return error.partition(": ")[0][:300]


def order_of(request: Mapping[str, Any]) -> Order | None:
    """Read an order from a request of the control socket; None: it is none."""
    what, menu, version = request.get("what"), request.get("menu"), request.get("version", "")
    if what == "plan":
        return Order(what="plan")
    if not isinstance(menu, str) or not isinstance(version, str):
        return None
    if what == "rollback":
        return Order(what="rollback", menu=menu, version=version)
    return Order(what="release", menu=menu)
