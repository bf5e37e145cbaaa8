"""The supervisor: what `edge run` is. Starts and restarts everything, and answers for the whole.

Plain Python on purpose: neither numba, numpy nor pjsua2 is ever imported here, so nothing of theirs can end it.
"""

import contextlib
import os
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from edge.app.composition import APPLIANCE, Composition
from edge.app.control import Answer, ControlSocket
from edge.app.errand import Errand
from edge.app.fleet import Fleet, child_environment
from edge.app.health import Health
from edge.app.lights import Lights
from edge.app.loading import Loading, order_of
from edge.app.notices import Notices
from edge.app.notify import ServiceManager
from edge.app.preparing import Prepared, Source
from edge.app.readiness import complete, conditions, notes, process_document, spans_document, takes_calls
from edge.app.relay import count_of
from edge.app.reloading import SiteMemory, merge, of_lines, secrets_of, with_run_dir, without_secrets
from edge.app.service import Service
from edge.app.sockets import Sockets, unix_listener
from edge.app.starters import Surroundings
from edge.app.stopping import Drainage, LastCalls, Shutdown
from edge.config.packed import PackedSite
from edge.metrics.library import generate_latest
from edge.metrics.supervisor import SupervisorMetrics
from edge.runtime.clock import monotonic_ms
from edge.runtime.logs import logger
from edge.runtime.pump import Pump
from edge.vocabulary.media import Address
from edge.vocabulary.site_events import ConfigurationEvent
from edge.vocabulary.supervision import Reload, ReloadLine
from edge.vocabulary.wire import pack

#: Repair of a former run's recordings may take so long before calls are taken without it.
REPAIR_MS = 120_000
#: Orphans that nobody knows (grandchildren of a killed process) are reaped so often.
REAP_MS = 5000
#: Status asks switch for its calls, and does without when it does not answer.
COUNT_MS = 1000

#: Requests that change the appliance; the log says who made them. Acts on calls are events (`api.acted`).
_CHANGES = frozenset({"reload", "rollback", "release", "drain", "stop"})
_log = logger("supervisor")


class Supervisor:
    """One run of the appliance. `run` returns the exit code."""

    def __init__(
        self, prepared: Prepared, sockets: Sockets, source: Source | None = None, composition: Composition = APPLIANCE
    ) -> None:
        """Make everything, start nothing; `prepared` has the site, with the run folder named."""
        if prepared.site is None:
            raise ValueError("nothing was prepared")
        self.site = site = prepared.site
        self._composition = composition
        self._run_dir = Path(site.paths.run)
        self._sockets = sockets
        self._boot_id = secrets.token_hex(8)
        self._began_ms = monotonic_ms()
        self._mode = "starting"
        self._was_complete = False
        self._taking_calls: bool | None = None
        self._said_ready = False
        self._site_memory = SiteMemory()
        self._secret_memory = SiteMemory()
        self.needs_restart: list[str] = []
        self._drainage: Drainage | None = None
        self._last_calls: LastCalls | None = None
        self._shutdown: Shutdown | None = None
        self._repair: Errand | None = None
        self._restarts_told: dict[str, int] = {}
        self.metrics = SupervisorMetrics()
        self.pump = Pump("supervisor")
        around = Surroundings(
            sockets=sockets,
            site_path=self._site_memory.put(without_secrets(site)),
            secret_site_path=self._secret_memory.put(site),
            secrets=secrets_of(site),
            run_dir=str(self._run_dir),
            boot_id=self._boot_id,
            environment=child_environment(site.paths.state, sockets.inner_port),
        )
        self._around = around
        self.fleet = Fleet(site, composition, around, self.pump)
        self._service = Service(
            ServiceManager(os.environ), Health(self.fleet, sockets, self.pump), self.fleet, self.pump
        )
        self._lights = Lights(os.environ, self.fleet, self.pump)
        self.fleet.on_change = self._look
        self.fleet.on_front = self._front_is_new
        self.fleet.on_ask = self._ask
        self.fleet.own_metrics = self._exposition
        listener = unix_listener(str(self._run_dir / "control.sock"), socket.SOCK_STREAM, 64)
        self._control = ControlSocket(listener, self.pump, self._handle)
        self._notices = Notices(self.fleet, self.pump)
        self._loading = Loading(source, prepared, self, self.pump, self.metrics)

    # --- life

    def run(self) -> int:
        """Run until stopped; returns the exit code of the command."""
        self.pump.on_signal(signal.SIGTERM, self._terminate)
        self.pump.on_signal(signal.SIGINT, self.stop)
        self.pump.on_signal(signal.SIGHUP, self._reload_by_signal)
        self.pump.every(REAP_MS, self._reap_strangers)
        self._service.start()
        self._lights.start()
        _log.info("starting", boot=self._boot_id, site=self.site.name, state=self.site.paths.state)
        self.fleet.start()
        self._repair = Errand(self._composition.repair, [self._around.site_path], self.pump, REPAIR_MS, self._repaired)
        try:
            self.pump.run()
        finally:
            self._clean_up()
        return 0

    def _repaired(self, status: int | None) -> None:
        self._repair = None
        if status != 0:
            _log.error("recordings of the former run could not be repaired", status=status)
        if self._shutdown is None:
            self.fleet.start_calls()

    def _clean_up(self) -> None:
        self._lights.close()
        self._control.close()
        self._sockets.close()
        for name in ("control.sock", "link.sock"):
            with contextlib.suppress(OSError):
                (self._run_dir / name).unlink()
        self._site_memory.close()
        self._secret_memory.close()
        self.pump.close()

    def _reap_strangers(self) -> None:
        known = {process.pid for process in [*self.fleet.processes, *self.fleet.spans.all()]}
        with contextlib.suppress(ChildProcessError):
            while True:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid in known:
                    return
                os.waitpid(found.si_pid, 0)

    # --- readiness

    def _look(self) -> None:
        """Any state changed: tell those whom it concerns, each only of what changed for them."""
        if self._shutdown is not None:
            self._shutdown.look()
            return
        if not self._was_complete and complete(self.fleet):
            self._was_complete = True
            if self._mode == "starting":
                self._mode = "running"
            self.pump.at(0, self.fleet.start_beside)
        takes = takes_calls(self.fleet, self._mode, was_complete=self._was_complete)
        if takes != self._taking_calls:
            self._taking_calls = takes
            _log.info("new calls are let in" if takes else "new calls are refused")
            self.fleet.accept_calls(takes)
        reasons = conditions(self.fleet, self._mode)
        if not reasons and not self._said_ready:
            self._said_ready = True
            _log.info("ready", took_ms=monotonic_ms() - self._began_ms)
        self._lights.looked(ready=not reasons)
        self._service.looked(f"{reasons[0].process}: {reasons[0].text}" if reasons else "")

    def _front_is_new(self) -> None:
        self.fleet.accept_calls(bool(self._taking_calls))

    # --- stopping

    def _terminate(self) -> None:
        if self._drainage is not None:
            self.stop()
        else:
            self.drain()

    def drain(self) -> None:
        """Take no new calls, let those in progress end, then stop."""
        if self._drainage is not None or self._last_calls is not None:
            return
        _log.info("draining", limit_s=self.site.limits.drain_seconds)
        self._mode = "draining"
        self._service.leaving()
        self._look()
        self._drainage = Drainage(self.fleet, self.pump, self.site.limits.drain_seconds * 1000, self.stop)

    def stop(self) -> None:
        """Stop now, in order."""
        if self._last_calls is not None:
            return
        _log.info("stopping")
        self._mode = "stopping"
        self.fleet.leaving = True
        self.fleet.campaigners.stop()
        self._service.leaving()
        if self._drainage is not None:
            self._drainage.cancel()
        self._loading.cancel()
        if self._repair is not None:
            self._repair.cancel()
        self.fleet.accept_calls(False)
        self._last_calls = LastCalls(self.fleet, self.pump, self._no_calls)

    def _no_calls(self) -> None:
        # From a turn of its own: a phase without members ends at once, within the constructor.
        self.pump.at(0, self._begin_shutdown)

    def _begin_shutdown(self) -> None:
        if self._shutdown is None:
            self._shutdown = Shutdown(self.fleet, self.pump, self._gone)

    def _gone(self) -> None:
        _log.info("stopped")
        self.pump.stop()

    # --- reload

    def _reload_by_signal(self) -> None:
        self.reload(lambda _answer: None)

    def reload(self, answer: Answer) -> None:
        """Load the configuration anew; when it has faults the old one stays. `answer` gets the faults."""
        if not self._is_leaving(answer):
            self._loading.reload("reload", answer)

    def _order(self, request: dict[str, Any], answer: Answer) -> None:
        order = order_of(request)
        if order is None:
            answer({"ok": False, "error": 'a rollback names "menu", and perhaps "version"'})
        elif not self._is_leaving(answer):
            self._loading.order(order, answer)

    def _is_leaving(self, answer: Answer) -> bool:
        if self._mode in {"draining", "stopping"}:
            answer({"ok": False, "error": f"it is {self._mode}"})
            return True
        return False

    @property
    def secret_site_path(self) -> str:
        """Where the effective configuration can be read, with its secrets."""
        return self._around.secret_site_path

    def loading(self, *, begins: bool) -> None:
        """Tell the service manager that files are being loaded, or are no more."""
        self._service.reloading(begins=begins)

    def tell(self, event: ConfigurationEvent) -> None:
        """Have an event made that belongs to no call."""
        self._notices.tell(event)

    def take_over(self, new: PackedSite, *, of_files: bool) -> None:
        """Put a configuration in force: one of files, or the one before with another version of a menu."""
        merged = merge(self.site, with_run_dir(new))
        self.site = merged.site
        if of_files:
            self.needs_restart = merged.needs_restart
        self._around.site_path = self._site_memory.put(without_secrets(self.site))
        self._around.secret_site_path = self._secret_memory.put(self.site)
        self._around.secrets = secrets_of(self.site)
        self._around.reloaded = True
        keepers = self._composition.keepers()
        lines = frozenset(process.name for process in self.fleet.lines.all())
        self.fleet.tell_all(Reload(self._around.site_path), but=keepers | lines)
        self.fleet.tell_all(ReloadLine(pack(of_lines(self.site))), only=lines)
        self.fleet.tell_all(Reload(self._around.secret_site_path), only=keepers)
        self.fleet.campaigners.follow(wanted=bool(self.site.campaigns))
        self.fleet.lines.follow([line.name for line in self.site.lines])
        self.fleet.want_refused()

    # --- answers

    def _handle(self, request: dict[str, Any], answer: Answer) -> None:
        what = request.get("what")
        if what in _CHANGES:
            _log.info("asked at the control socket", what=what, uid=request["uid"])
        if what == "status":
            self.status(lambda document: answer({"ok": True, "body": document}))
        elif what == "reload":
            self.reload(answer)
        elif what in {"rollback", "release", "plan"}:
            self._order(request, answer)
        elif what == "drain":
            self.drain()
            answer({"ok": True, "body": None})
        elif what == "stop":
            answer({"ok": True, "body": None})
            self.stop()
        elif what == "request":
            self._pass_on(request, answer)
        else:
            known = "status, reload, plan, rollback, release, drain, stop, request"
            answer({"ok": False, "error": f"unknown request; known: {known}"})

    def _pass_on(self, request: dict[str, Any], answer: Answer) -> None:
        name, what = request.get("process"), request.get("request")
        if not isinstance(name, str) or not isinstance(what, str):
            answer({"ok": False, "error": 'a request names "process" and "request"'})
            return

        def replied(body: bytes, error: str | None) -> None:
            # str(): msgspec encodes no text of another class, as that of who did not answer is.
            answer({"ok": False, "error": str(error)} if error is not None else {"ok": True, "body": _json(body)})

        self.fleet.ask(name, what, msgspec.json.encode(request.get("body", {})), replied, uid=request["uid"])

    def _ask(self, what: str, _body: bytes, answer: Any) -> None:
        if what == "status":
            self.status(lambda document: answer(msgspec.json.encode(document), None))
        elif what == "reload":
            self.reload(lambda document: answer(msgspec.json.encode(document), None))
        else:
            answer(b"", f"the supervisor does not know {what[:40]!r}")

    def status(self, answer: Any) -> None:
        """Describe everything; `answer(document)` is called within `COUNT_MS`."""
        found: dict[str, Any] = {}

        def gather(name: str, value: Any) -> None:
            found[name] = value
            if len(found) == 4:
                answer({**self._document(), **found})

        def counted(body: bytes, error: str | None) -> None:
            gather("calls", None if error is not None else count_of(body))

        def into(name: str) -> Callable[[bytes, str | None], None]:
            return lambda body, error: gather(name, None if error is not None else _json(body))

        relay, switch = self.fleet.relay, self.fleet.switch
        relay.request(switch, "calls", b"{}", counted, limit_ms=COUNT_MS)
        relay.request(self.fleet.front, "trunks", b"{}", into("trunks"), limit_ms=COUNT_MS)
        relay.request(switch, "trials", b"{}", into("trials"), limit_ms=COUNT_MS)
        relay.request(switch, "queue_figures", b"{}", into("queues"), limit_ms=COUNT_MS)

    def _document(self) -> dict[str, Any]:
        now_ms = monotonic_ms()
        reasons = conditions(self.fleet, self._mode)
        return {
            "name": self.site.name,
            "ready": not reasons,
            "takes_calls": bool(self._taking_calls),
            "mode": self._mode,
            "pid": os.getpid(),
            "boot_id": self._boot_id,
            "uptime_s": round((now_ms - self._began_ms) / 1000, 1),
            "site": self.site.source,
            "needs_restart": self.needs_restart,
            "configuration": self._loading.document(),
            "sip": str(Address(self.site.sip.address, self._sockets.sip_port)),
            "sip6": str(Address(self.site.sip.address6, self._sockets.sip_port)) if self.site.sip.address6 else "",
            "http": f"{self.site.http.address}:{self._sockets.http_port}",
            "conditions": [reason._asdict() for reason in reasons],
            "notes": [note._asdict() for note in notes(self.fleet)],
            "processes": [process_document(process, now_ms) for process in self.fleet.processes],
            "spans": spans_document(self.fleet, now_ms),
            "spans_wanted": self.fleet.spans.wanted,
            "span_restarts": self.fleet.spans.restarts,
            "span_last_exit": self.fleet.spans.last_end or None,
        }

    def _count_restarts(self, name: str, restarts: int) -> None:
        self.metrics.restarts.labels(name).inc(restarts - self._restarts_told.get(name, 0))
        self._restarts_told[name] = restarts

    def _exposition(self) -> str:
        metrics, fleet = self.metrics, self.fleet
        for process in fleet.processes:
            metrics.running.labels(process.name).set(process.running)
            metrics.crash_loop.labels(process.name).set(process.lifecycle.crash_loop)
            self._count_restarts(process.name, process.lifecycle.restarts)
        self._count_restarts("span", fleet.spans.restarts)
        reasons = conditions(fleet, self._mode)
        metrics.ready.set(not reasons)
        metrics.conditions.set(len(reasons))
        metrics.notes.set(len(notes(fleet)))
        metrics.takes_calls.set(bool(self._taking_calls))
        metrics.spans.set(len(fleet.spans.up))
        metrics.spans_wanted.set(fleet.spans.wanted)
        return generate_latest(metrics.registry).decode()


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace")
