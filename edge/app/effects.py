"""What each process does about a change when it is reloaded, in words for people and kinds for programs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from edge.config.compiled import CompiledSite
from edge.config.difference import Change, Effect
from edge.config.versions import Versions
from edge.core.sip import registration
from edge.front.settings import trunks_of
from edge.storage.deliveries import Deliveries
from edge.storage.reader import Reader
from edge.storage.turn import StorageError

_REGISTRATION = {
    "begun": "it will be registered",
    "ended": "its registration will be ended",
    "replaced": "its registration will be ended, and begun with the new address of record",
    "renewed": "it will be registered anew at once",
}
#: Settings that calls in progress feel, too.
_AT_ONCE = frozenset({"media", "events", "limits", "reload", "http", "presence"})
_LATER = "for calls that begin after the reload; those in progress go on as they began"


class Effects:
    """Says what a reload from one site to another does."""

    def __init__(self, old: CompiledSite, new: CompiledSite, versions: Versions) -> None:
        self._old, self._new, self._versions = old, new, versions
        self._before = {trunk.name: trunk for trunk in trunks_of(old)}
        self._after = {trunk.name: trunk for trunk in trunks_of(new)}
        self._by: dict[str, Callable[[Change], Iterator[Effect]]] = {
            "trunk": self._trunk,
            "line": self._line,
            "menu": self._menu,
            "sink": self._sink,
            "queue": self._queue,
            "agent": self._agent,
            "campaign": self._campaign,
            "token": self._token,
            "certificate": self._certificate,
        }

    def told(self, change: Change) -> Change:
        """Return the change with its effects."""
        effects = list(self._by.get(change.what, self._other)(change))
        if change.settings and all(setting.needs_restart for setting in change.settings):
            effects = []
        if any(setting.needs_restart for setting in change.settings):
            effects.append(Effect(kind="needs_restart", text="not before a restart"))
        return replace(change, effects=effects)

    def held(self, files: CompiledSite) -> Iterator[Change]:
        """Tell menus whose files say something else than the version that they are held at."""
        for pin in self._versions.pins:
            menu = files.menus.get(pin.menu)
            if menu is not None and menu.version != pin.version and pin.menu in self._new.menus:
                text = f"it stays rolled back to {pin.version} until edge menu release {pin.menu}"
                versions = [pin.version, menu.version]
                yield Change(what="menu", name=pin.menu, versions=versions, effects=[Effect(kind="held", text=text)])

    def _trunk(self, change: Change) -> Iterator[Effect]:
        becomes = registration.change_of(self._before.get(change.name), self._after.get(change.name))
        if becomes in _REGISTRATION:
            yield Effect(kind=f"registration_{becomes}", text=_REGISTRATION[becomes])
        if change.action == "removed":
            text = "its calls are neither taken nor placed any more; those in progress go on"
            yield Effect(kind="calls_go_on", text=text)
        elif change.action == "changed":
            yield Effect(kind="new_calls", text=_LATER)

    def _line(self, change: Change) -> Iterator[Effect]:
        if change.action == "added":
            yield Effect(kind="line_begins", text="its process is started, and looks for the device")
        elif change.action == "removed":
            yield Effect(kind="line_ends", text="its process ends, and with it a call that is on the line")
        else:
            yield Effect(kind="line_changes", text="as soon as no call is on the line")

    def _menu(self, change: Change) -> Iterator[Effect]:
        if change.action == "added":
            return
        yield Effect(kind="calls_keep_version", text=f"calls in progress stay on version {change.versions[0]}")

    def _sink(self, change: Change) -> Iterator[Effect]:
        known, waiting = self._place(change.name)
        if change.action == "removed":
            text = f"it gets no more events, {waiting} that wait included; its place is kept for 7 days"
            yield Effect(kind="cursor_kept", text=text)
        elif change.action == "changed" or known:
            yield Effect(kind="cursor_goes_on", text=f"it goes on at its place: {waiting} events wait")
        else:
            text = f"it begins with the oldest event that is kept: {waiting} events"
            yield Effect(kind="cursor_begins", text=text)

    def _place(self, sink: str) -> tuple[bool, int]:
        """Return whether a sink has a place, and how many events lie behind it."""
        state = Path(self._old.paths.state)
        deliveries, reader = Deliveries(state / "delivery.db"), Reader(state / "state.db")
        with closing(deliveries), closing(reader):
            try:
                place, oldest, last = deliveries.place(sink), reader.oldest_sequence(), reader.last_sequence()
            except StorageError:
                return False, 0
        begin = place if place is not None else (oldest or last + 1) - 1
        return place is not None, max(0, last - begin)

    def _queue(self, change: Change) -> Iterator[Effect]:
        if change.action == "removed":
            yield Effect(kind="callers_leave", text="who waits in it leaves it at once (outcome failed)")
        elif change.action == "changed":
            yield Effect(kind="callers_stay", text="who waits in it keeps his place")

    def _agent(self, change: Change) -> Iterator[Effect]:
        if change.action == "removed":
            yield Effect(kind="calls_go_on", text="no more calls are offered; a talk in progress goes on")
        else:
            yield Effect(kind="new_calls", text="for what is offered after the reload")

    def _campaign(self, change: Change) -> Iterator[Effect]:
        if change.action == "removed":
            yield Effect(kind="calls_go_on", text="it begins no more calls; attempts in progress go on")
        if not self._new.campaigns:
            yield Effect(kind="dialer_ends", text="the dialer ends with its last attempt")
        elif not self._old.campaigns:
            yield Effect(kind="dialer_begins", text="the dialer is started")
        if change.action == "changed":
            yield Effect(kind="new_calls", text="for attempts that begin after the reload")

    def _token(self, change: Change) -> Iterator[Effect]:
        if change.action == "removed":
            yield Effect(kind="refused", text="requests with it get 401 from then on")
        else:
            yield Effect(kind="at_once", text="for the next request")

    def _certificate(self, _change: Change) -> Iterator[Effect]:
        text = "for connections that begin after the reload; those that are open keep theirs"
        yield Effect(kind="new_connections", text=text)

    def _other(self, change: Change) -> Iterator[Effect]:
        if change.what in _AT_ONCE:
            yield Effect(kind="at_once", text="at once")
        else:
            yield Effect(kind="new_calls", text=_LATER)
