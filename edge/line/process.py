"""The process of one line: its device, its user agent, and what the supervisor and backends are told of it."""

import asyncio
import faulthandler
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from edge.config.lines import host_of
from edge.config.site import Site
from edge.config.trunk_settings import Line
from edge.core.lines import words
from edge.line.agent import Agent, Place
from edge.line.device import STORM_S, STUCK_S, LineDevice
from edge.line.levels import Meter
from edge.metrics.library import generate_latest
from edge.metrics.line import LineMetrics
from edge.runtime.aio import AsyncChannel, AsyncLink, run_until_stopped
from edge.runtime.clock import monotonic_ms
from edge.runtime.landlock import write_only_beneath
from edge.runtime.link import LinkClient
from edge.runtime.logs import keep_way, logger
from edge.runtime.process import ProcessContext
from edge.runtime.seccomp import DEVICES, confine
from edge.vocabulary.media import Address
from edge.vocabulary.reports import Noticed
from edge.vocabulary.site_events import LineSoundBroken, LineStateChanged, SiteEvent, SmsReceived
from edge.vocabulary.supervision import Drain, ReloadLine, Replied, Request, Scrape, Scraped, Stop
from edge.vocabulary.wire import unpacker

_site = unpacker(Site)
#: Names of processes: this and the line's.
PREFIX = "line-"
#: How long a changed configuration waits for a call in progress, looked at so often.
_LOOK_S = 0.5
#: A port that is taken is tried again after this.
_AGAIN_S = 2.0
#: What is written last, that the modem hang up, say, is given so long to leave.
_LAST_S = 1.0


def of_site(site: Site, name: str) -> Line | None:
    """Find a line; None: the site has it no more, and this process is about to be ended."""
    return next((line for line in site.lines if line.name == name), None)


def place_of(site: Site, line: Line, rate: int) -> Place:
    """Say where everybody is."""
    own = host_of(site)
    sip, media = site.sip.address, site.media.address or site.sip.address
    front = own if sip in {"0.0.0.0", "::"} else sip  # noqa: S104 - compared, not bound
    engine = own if media in {"0.0.0.0", "::"} else media  # noqa: S104
    address = Address(own, line.sip_port)
    to = Address(front, site.sip.port)
    early = bool(line.device["sound"]["early"])
    return Place(address, to, engine, line.did or line.name, rate, line.device["kind"], early)


def mark_of(line: str, message: words.SmsReceived) -> str:
    """Name a message: the same whenever it is read from that place again."""
    parts = (line, message.place, message.number.reveal(), message.at, message.text.reveal())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class LineProcess:
    """The process on the running loop."""

    def __init__(self, context: ProcessContext, stop: asyncio.Event) -> None:
        self._stop = stop
        self._name = context.name.removeprefix(PREFIX)
        self._log = logger(context.name)
        self._metrics = LineMetrics(self._name)
        self._site = context.site
        self._changed = asyncio.Event()
        self._device: LineDevice | None = None
        self._agent: Agent | None = None
        self._state: words.LineState = "absent"
        self._text = ""
        self._since_ms = monotonic_ms()
        self._identity: dict[str, str] = {}
        self._signal: dict[str, Any] = {"dbm": None, "operator": ""}
        self._runs = [0, 0, 0, 0]
        self._keepsake = Path(context.run_dir) / f"{context.name}.bye"
        self._channel = context.channel
        self._on_loop = AsyncChannel(context.channel)
        self._channel.on(Stop, lambda _message: self._stop.set())
        self._channel.on(Drain, lambda _message: None)  # front takes no new calls, and those of the line go to front
        self._channel.on(ReloadLine, self._reload)
        self._channel.on(Scrape, self._scrape)
        self._channel.on(Request, self._request)
        link = LinkClient(
            context.link_path,
            context.name,
            context.incarnation,
            lambda _id, _order: None,
            lambda _legs: None,
            lambda: None,
        )
        self._link = AsyncLink(link)

    async def serve(self) -> None:
        """Serve until told to stop."""
        ending = asyncio.create_task(self._woken_at_the_end())
        self._channel.ready()
        self._note("the device is being looked for")
        while not self._stop.is_set():
            line = of_site(self._site, self._name)
            if line is None or not line.device:
                await self._pause()
                continue
            await self._serve_one(line)
        await ending
        self._link.close()
        self._on_loop.close()

    async def _serve_one(self, line: Line) -> None:
        """Serve with these settings until others are in force, or the end."""
        device = self._device = LineDevice(line, self._told, self._fault)
        place = place_of(self._site, line, device.rate)
        agent = self._agent = Agent(line.name, place, device, self._keepsake)
        agent.on_call = lambda there: self._metrics.call.labels(self._name).set(there)
        device.on_state = self._settled
        device.on_disturbed = self._disturbed
        if await self._listen(agent, line, place):
            device.start()
            while self._holds(line, place):
                await self._pause()
        # Settings change between calls; what is there to be stopped is not waited for.
        while agent.busy and not self._stop.is_set() and self._line() is not None:
            await self._pause(_LOOK_S)
        agent.close()
        device.close()
        # At the end nobody waits for what a driver may take for it: it is given back with the process.
        stops = self._stop.is_set()
        if not await device.closed(_LAST_S if stops else STUCK_S) and not stops:
            raise SystemExit(75)
        await agent.closed()
        self._device = self._agent = None

    def _line(self) -> Line | None:
        return of_site(self._site, self._name)

    def _holds(self, line: Line, place: Place) -> bool:
        return not self._stop.is_set() and (place_of(self._site, line, place.rate), self._line()) == (place, line)

    async def _listen(self, agent: Agent, line: Line, place: Place) -> bool:
        while self._holds(line, place):
            try:
                await agent.open()
            except OSError as error:
                text = f"cannot listen on {place.own.host}:{place.own.port}: {error.strerror}; set its sip_port"
                self._show("failed", text)
                await self._pause(_AGAIN_S)
            else:
                return True
        return False

    async def _woken_at_the_end(self) -> None:
        await self._stop.wait()  # by the supervisor, or by an error of ours
        self._changed.set()

    async def _pause(self, limit_s: float | None = None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), limit_s)
        except TimeoutError:
            return
        if not self._stop.is_set():
            self._changed.clear()

    # --- what the device says

    def _told(self, action: words.Action) -> None:
        agent = self._agent
        match action:
            case words.Identified(vendor, model, firmware, imei):
                self._identity = {"vendor": vendor, "model": model, "firmware": firmware, "imei": imei}
            case words.Signal(dbm, operator):
                self._signal = {"dbm": dbm, "operator": operator}
                self._metrics.signal.labels(self._name).set(float("nan") if dbm is None else dbm)
            case words.SmsReceived():
                self._message(action)
            case words.Fault(text):
                self._fault("dialogue", text)
            case words.Ended(cause):
                self._metrics.calls.labels(self._name, cause).inc()
                self._log.info("call on the line ended", cause=cause, q850=action.q850, text=action.text)
        if agent is not None:
            _to_agent(agent, action)

    def _message(self, message: words.SmsReceived) -> None:
        self._metrics.messages.labels(self._name).inc()
        event = SmsReceived(
            line=self._name,
            message=mark_of(self._name, message),
            sender=message.number,
            text=message.text,
            sent_at=message.at,
        )
        device = self._device

        def kept() -> None:
            if device is not None and device is self._device:
                device.feed(words.SmsKept(message.place))

        # The modem's copy is the only one until the event is on disk.
        self._link.report(Noticed(event), kept)

    def _fault(self, kind: str, text: str) -> None:
        self._metrics.faults.labels(self._name, kind).inc()
        self._log.warning("fault of the line", kind=kind, text=text)

    def _disturbed(self, gaps: int) -> None:
        if gaps:
            self._tell(LineSoundBroken(line=self._name, gaps=gaps, within_ms=round(1000 * STORM_S)))
        self._show(self._state, self._text)

    def _settled(self) -> None:
        device = self._device
        if device is None:
            return
        if device.state != "ready" and self._state == "ready" and self._agent is not None:
            self._agent.hang_up(device.text)
        if device.state == "ready" and self._state != "ready":
            self._metrics.reconnects.labels(self._name).inc()
        self._show(device.state, device.text)

    def _show(self, state: words.LineState, text: str) -> None:
        before, self._text = self._state, text
        disturbed = self._device.disturbed if self._device is not None else ""
        well = f"line {self._name}: {disturbed}" if disturbed else ""
        self._note(well if state == "ready" else f"line {self._name} is {state.replace('_', ' ')}: {text or state}")
        if state == before:
            return
        now_ms = monotonic_ms()
        lasted_ms, self._state, self._since_ms = now_ms - self._since_ms, state, now_ms
        self._metrics.show(state)
        self._log.info("line", state=state, before=before, text=text)
        self._tell(LineStateChanged(line=self._name, state=state, before=before, text=text, lasted_ms=lasted_ms))

    def _note(self, text: str) -> None:
        self._channel.health("line", text, note=True)
        self._on_loop.send_rest()

    def _tell(self, event: SiteEvent) -> None:
        self._link.report(Noticed(event))

    # --- what the supervisor says

    def _reload(self, message: ReloadLine) -> None:
        self._site = _site.decode(message.site)
        self._changed.set()

    def _scrape(self, message: Scrape) -> None:
        self._measure()
        self._channel.send(Scraped(message.id, generate_latest(self._metrics.registry).decode()))
        self._on_loop.send_rest()

    def _measure(self) -> None:
        if self._device is None:
            return
        now = self._device.runs()
        counters = [
            one.labels(self._name, way)
            for one in (self._metrics.underruns, self._metrics.overruns)
            for way in ("in", "out")
        ]
        for counter, before, count in zip(counters, self._runs, now, strict=True):
            counter.inc(count - before)
        self._runs = now
        if self._device.pair is not None:
            self._metrics.drift.labels(self._name).set(self._device.pair.inward.drift_ppm / 1e6)

    def _request(self, message: Request) -> None:
        if message.what == "line":
            self._channel.send(Replied(message.id, msgspec.json.encode(self._document())))
        else:
            self._channel.send(Replied(message.id, b"", f"unknown request {message.what[:40]!r}"))
        self._on_loop.send_rest()

    def _document(self) -> dict[str, Any]:
        device, agent = self._device, self._agent
        pair = device.pair if device is not None else None
        runs = device.runs() if device is not None else [0] * 4
        return {
            "line": self._name,
            "state": self._state,
            "text": self._text,
            "since_ms": monotonic_ms() - self._since_ms,
            "busy": agent is not None and agent.busy,
            "identity": self._identity,
            "signal": self._signal,
            "sound": None
            if pair is None
            else {
                "in": _level(pair.meters[0]),
                "out": _level(pair.meters[1]),
                "disturbed": device.disturbed if device is not None else "",
                "drift_ppm": round(pair.inward.drift_ppm, 1),
                "depth_in_ms": round(1000 * pair.inward.depth_s, 1),
                "depth_out_ms": round(1000 * pair.outward.depth_s, 1),
            },
            "underruns": {"in": runs[0], "out": runs[1]},
            "overruns": {"in": runs[2], "out": runs[3]},
        }


def _level(meter: Meter) -> dict[str, Any]:
    level = meter.level
    return {
        "level_dbm0": None if level is None else round(level.dbm0, 1),
        "peak_dbm0": None if level is None else round(level.peak_dbm0, 1),
        "clipped": meter.clipped,
    }


def _to_agent(agent: Agent, action: words.Action) -> None:
    match action:
        case words.Incoming(caller, withheld):
            agent.incoming(caller, withheld=withheld)
        case words.CallerKnown(caller):
            agent.caller_known(caller)
        case words.SoundOn():
            agent.sound_on()
        case words.Rings():
            agent.rings()
        case words.Connected():
            agent.connected()
        case words.DialRefused():
            agent.dial_refused()
        case words.Ended():
            agent.ended(action)
        case words.DigitHeard(digit):
            agent.digit_heard(digit)


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code."""
    # Libraries of sound are silenced while they begin (`cards.quiet`), which may be for as long as they hang; our lines
    # are not, nor is where it hung.
    faulthandler.enable(keep_way())
    # What a device or a library of sound can do to this process, it can do here only.
    if not (write_only_beneath([Path("/dev"), Path(context.run_dir)]) and confine(DEVICES)):
        logger(context.name).warning("line is not confined: this kernel or machine has no Landlock, or no known filter")

    async def serve(stop: asyncio.Event) -> None:
        await LineProcess(context, stop).serve()

    return run_until_stopped(context.name, serve)
