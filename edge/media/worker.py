"""The worker: puts the parts together on one pump, and stands between them and switch and supervisor."""

import contextlib
import dataclasses
import faulthandler
import os
import signal

from msgspec.structs import replace

from dsp.detectors.progress_tables import make_tables
from dsp.plane import layout
from dsp.plane.engine import Engine
from dsp.plane.scheduling import Service
from dsp.tones.cadence import with_countries
from edge.config.boards import real_time_wanted
from edge.config.site import Site
from edge.core.load.overload import LOOK_MS
from edge.core.recording import wav
from edge.media.events import Events
from edge.media.keys import LegKeys
from edge.media.legs import Legs
from edge.media.load import Load
from edge.media.loader import Loader
from edge.media.mailboxes import Watch
from edge.media.messages import Messages
from edge.media.plays import Plays
from edge.media.prompts import PromptMemory
from edge.media.reading import read_figures
from edge.media.recorder import Outcome, Recorder
from edge.media.ring import CommandRing, EventRing
from edge.media.share import Share
from edge.media.state import map_media_state, touch_pages
from edge.media.takeup import Found, TakeUp
from edge.media.views import ViewError, Views
from edge.metrics.library import generate_latest
from edge.metrics.media import MediaMetrics, MediaReading
from edge.runtime.clock import monotonic_ms, rfc3339, wall_time
from edge.runtime.key_table import KeyTable
from edge.runtime.link import LinkClient
from edge.runtime.logs import logger
from edge.runtime.memory import collect_rarely, lock_memory
from edge.runtime.process import ProcessContext, be_prompt, read_site
from edge.runtime.pump import Pump
from edge.runtime.standby import stand_by
from edge.vocabulary.commands import LookIntoMailbox, StartMessage, StartRecording
from edge.vocabulary.ids import CommandId
from edge.vocabulary.quality import QualityFigures
from edge.vocabulary.reports import AnyReport, EngineOverload, MailboxSeen, RecordingDone, RecordingFailed
from edge.vocabulary.supervision import Reload, Replied, Request, Scrape, Scraped, Stop

BEAT_MS = 1000
#: How often the first tick is looked for.
READY_POLL_MS = 5
#: A switch that is there is connected within this.
LINK_MS = 200
DISK_CONDITION = "recording_disk"
#: How often mailboxes are looked at: what is in them, and what is too old.
MAILBOXES_MS = 60_000


class Worker:
    """One life of the media process. Everything in here runs on the pump's thread, but for what is posted to it."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        self._log = logger(context.name)
        if context.standby:
            be_prompt(False)  # nobody waits for it now
        self.pump = Pump(context.name)
        locked = lock_memory(present=False)  # before anything is mapped that the engine works on
        share = Share(context)
        state = map_media_state(share.memory_fd, share.site)
        self._plane, self._table = state.plane, state.table
        self._engine = Engine(state.plane, make_tables(with_countries(share.site.tones)))
        self._event_ring = EventRing(state.plane)
        commands = CommandRing(self._engine)
        self._memory = PromptMemory(state.plane.prompts, state.prompt_index)
        self._loader = Loader(
            self._memory.capacity,
            lambda: self.pump.post(self._take_loaded),
            normalise=context.site.speech.normalise_files,
        )
        self._recorder = Recorder(
            state.plane,
            context.site.paths.recordings,
            context.site.recording.reserve_mb,
            drained=lambda recording: self.pump.post(lambda: self.legs.recording_drained(recording)),
            ended=lambda outcome: self.pump.post(lambda: self._recording_ended(outcome)),
            disk_state=lambda text: self.pump.post(lambda: self._disk_state(text)),
        )
        self._keys = LegKeys(KeyTable(context.fds["key_table"][0]), self._engine.keys, state.plane)
        self.legs = Legs(
            state.plane,
            state.table,
            commands,
            share.sockets,
            report=self._report,
            done=self._done,
            keys=self._keys,
            start_recording=self._recorder.record,
            refuse_recording=self._refuse_recording,
            timestamp=lambda: rfc3339(wall_time()),
            ended=self._leg_ended,
            tones=self._engine.tones,
        )
        self._plays = Plays(
            self._memory,
            state.plane.prompts,
            commands,
            request=self._loader.request,
            state_of=self.legs.open_leg,
            save=self.legs.save,
            report=self._report,
            done=self._done,
        )
        self.legs.plays = self._plays
        self.legs.messages = Messages(
            state.plane,
            self._recorder,
            self.legs.open_leg,
            self.legs.save_begun,
            self.legs.save,
            commands.push,
            self._refuse_recording,
            lambda: rfc3339(wall_time()),
            self._look_into,
        )
        self._events = Events(
            self.legs,
            self._plays,
            self._report,
            self._recorder.wake,
            lambda fault: self.metrics.audio_faults.labels(fault).inc(),
        )
        self._views = Views(state.plane, self.legs)
        self._commands = commands
        self._memory_map = state.memory
        self.metrics = MediaMetrics(self._figures)
        self._link = LinkClient(
            context.link_path,
            context.name,
            context.incarnation,
            share.inbound(self.legs.handle),
            self.legs.discard,
            share.outbound(lambda: replace(self.legs.snapshot(), overloaded=self._load.overloaded)),
        )
        self._link.on_change(self.legs.privacy.switch_is)
        self._mailboxes = Watch(context.site, self._recorder.aside, self.pump.post, self.metrics.mailbox)
        self._share = share
        self._load = Load(state.plane, context.site.media.overload_percent, self._overloaded)
        self._load.memory_locked = locked
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._disk_trouble = ""
        self._stale_told = 0
        self._events_lost_before = self._ticks_seen = 0

    def run(self) -> int:
        """Stand by if that is wanted, take up what is there, serve until told to stop; return the exit code."""
        if self._context.standby and not self._stand_by():
            return 0
        # What is heard and said comes first, then what is told of it.
        take_up = self._go_on()
        left = take_up.run(self._table)
        self._recorder.start()
        self._loader.start()
        for recording in left.running:
            self._recorder.record(recording, resumed=True)
        for recording in left.finishing:
            self._recorder.finish(recording)
        self.pump.watch(self._wake_fd, self._on_events)
        self._attach()
        self._on_events()  # what a predecessor did not come to
        self._plays.preload(sounds_of(self._context.site))
        if not self._context.standby:  # it has done so while there was time
            collect_rarely()
        try:
            self.pump.run()
        finally:
            self._plane.ctl[layout.WAKE_FD] = -1
            self._engine.stop()
            self._loader.stop()
            self._recorder.stop()
        return 0

    def _stand_by(self) -> bool:
        """Prepare all that can be, and wait for the end of the engine; False: told to stop."""
        self._context.channel.on(Reload, lambda message: self._take_site(read_site(message.path)))
        collect_rarely()
        be_prompt(self._context.prompt)  # only now: what was prepared could wait
        return stand_by(self._context, self.pump, self._keep_warm)

    def _keep_warm(self) -> None:
        touch_pages(self._memory_map, self._share.memory_fd)
        self._keys.keep_ahead()

    def _take_site(self, site: Site) -> None:
        """Know a configuration that came before there was anything to do with it."""
        self._context = dataclasses.replace(self._context, site=site)
        self._mailboxes.take(site)
        self._recorder.watch(site.paths.recordings, site.recording.reserve_mb)
        self._take_tones(site)

    def _take_tones(self, site: Site) -> None:
        if not self._engine.take_tones(make_tables(with_countries(site.tones))):
            self._log.warning("tones are not changed: calls of too many earlier ones are in progress; reload later")

    def _go_on(self) -> TakeUp:
        """Run the engine from where its predecessor's was."""
        ctl = self._plane.ctl
        self._apply(self._context.site)
        self._events_lost_before, self._ticks_seen = int(ctl[layout.EVENTS_LOST]), int(ctl[layout.TICK])
        take_up = TakeUp(Found(self._plane), self._plane, self._commands, self.legs, self._plays, self._report)
        self._keys.settle()  # without them the engine would drop what comes, and be mute
        ctl[layout.WAKE_FD] = self._wake_fd
        self._engine.take_up()
        self._start_engine()
        self._load.take_up()
        self._memory.take_up()
        return take_up

    def _attach(self) -> None:
        channel = self._context.channel
        channel.on(Stop, lambda _: self.pump.stop())
        channel.on(Scrape, self._scrape)
        channel.on(Reload, self._reload)
        channel.on(Request, self._request)
        channel.attach(self.pump)
        self._link.attach(self.pump)
        self.pump.at(monotonic_ms() + LINK_MS, self._look_for_switch)
        self.pump.every(BEAT_MS, self._beat)
        self.pump.every(LOOK_MS, lambda: self._load.look(monotonic_ms()))
        if self._share.index == 0:  # they are of all engines
            self.pump.every(MAILBOXES_MS, self._mailboxes.look)
            self._mailboxes.look()
        self._ready_poll = self.pump.every(READY_POLL_MS, self._ready_when_ticking)

    def _look_for_switch(self) -> None:
        if not self._link.connected:
            self.legs.privacy.switch_is(False)

    # --- engine

    def _start_engine(self) -> None:
        # A loop that runs wild is ended by the kernel; this says where it was.
        faulthandler.register(signal.SIGXCPU, chain=True)
        cores = self._context.site.media.cores
        core = cores[self._share.index % len(cores)] if cores else None
        if core is not None and core not in os.sched_getaffinity(0):
            self._log.warning("this core is not ours to use; the engine is not bound", core=core)
            core = None
        service = self._engine.start(core, real_time=real_time_wanted(os.environ))
        self._load.real_time = service is Service.REAL_TIME
        self._log.info(
            "engine started", priority=service.name.lower(), memory_locked=self._load.memory_locked, core=core
        )

    def _overloaded(self, on: bool) -> None:
        self._log.warning("overload: new calls are refused" if on else "overload is over", legs=self.legs.open_count)
        self._report(EngineOverload(on))

    def _figures(self) -> MediaReading:
        reading = read_figures(self._plane, self.legs, self._plays, self._memory)
        return reading._replace(engine=self._load.reading(self._share.index))

    def _apply(self, site: Site) -> None:
        self._load.set_limit(site.media.overload_percent)
        ctl = self._plane.ctl
        ctl[layout.SILENCE_TICKS] = site.media.silence_timeout_ms * 1_000_000 // layout.TICK_NS
        ctl[layout.PLAYOUT_DELAY] = site.media.playout_delay_ms * layout.SAMPLE_RATE // 1000
        ctl[layout.MIN_DELAY] = site.media.min_delay_ms * layout.SAMPLE_RATE // 1000
        ctl[layout.MAX_DELAY] = site.media.max_delay_ms * layout.SAMPLE_RATE // 1000
        ctl[layout.QUIET_TICKS] = site.media.quiet_timeout_ms * 1_000_000 // layout.TICK_NS
        ctl[layout.ARRIVAL_STAMPS] = 1
        ctl[layout.IDLE_NOISE] = site.media.idle_noise_dbm0

    def _on_events(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        for event in self._event_ring:
            self._events.handle(event)

    def _ticked(self) -> bool:
        ticks = int(self._plane.ctl[layout.TICK])
        moved = ticks != self._ticks_seen
        self._ticks_seen = ticks
        return moved

    def _ready_when_ticking(self) -> None:
        if self._ticked():
            self._ready_poll.cancel()
            self._context.channel.ready()

    def _beat(self) -> None:
        # The engine has no other witness: without its ticks the supervisor must take this process for dead.
        if self._ticked():
            self._context.channel.beat()
        self._keys.sweep()
        lost = int(self._plane.ctl[layout.EVENTS_LOST])
        if lost != self._events_lost_before:
            # Somebody waits for what they told. The next worker's take-up finds that out by itself: a tick's pause.
            raise RuntimeError(f"{lost - self._events_lost_before} events of the engine were lost")

    # --- prompts and recordings

    def _take_loaded(self) -> None:
        results = self._loader.results()
        for result in results:
            if result.error:
                self._log.warning("sound file cannot be played", file=result.path, error=result.error)
        self._plays.loaded(results)

    def _refuse_recording(self, command: StartRecording | StartMessage) -> bool:
        if self._disk_trouble:
            self.metrics.recordings_failed.inc()
            self._report(
                RecordingFailed(
                    leg=command.leg,
                    recording=command.recording,
                    path=command.path,
                    duration_ms=0,
                    error=self._disk_trouble,
                )
            )
        return bool(self._disk_trouble)

    def _look_into(self, command: LookIntoMailbox) -> None:
        def tell(messages: int, length_ms: int) -> None:
            seen = MailboxSeen(leg=command.leg, folder=command.folder, messages=messages, length_ms=length_ms)
            self._report(seen)

        self._mailboxes.ask(command.folder, tell)

    def _disk_state(self, text: str) -> None:
        self._disk_trouble = text
        self._context.channel.health(DISK_CONDITION, text)
        self._log.warning("recording disk", condition=text or "well again")

    def _recording_ended(self, outcome: Outcome) -> None:
        recording = outcome.state
        if recording.error:
            self.metrics.recordings_failed.inc()
            self._log.error("recording failed", recording=recording.recording, error=recording.error)
        else:
            self.metrics.recordings_done.inc()
        self._report(_ending(outcome))
        self.legs.recording_ended(recording)
        if recording.is_message and self._share.index == 0:
            self._mailboxes.look()

    # --- switch and supervisor

    def _leg_ended(self, figures: QualityFigures) -> None:
        self.metrics.leg_ended(figures)

    def _report(self, body: AnyReport) -> None:
        self._link.report(body)

    def _done(self, id_: CommandId, error: str | None) -> None:
        if error is not None:
            self.metrics.commands_failed.inc()
            self._log.warning("command failed", id=id_, error=error)
        self._link.done(id_, error)

    def _scrape(self, message: Scrape) -> None:
        stale = self._events.stale
        self.metrics.events_stale.inc(stale - self._stale_told)
        self._stale_told = stale
        self._context.channel.send(Scraped(message.id, generate_latest(self.metrics.registry).decode()))

    def _request(self, message: Request) -> None:
        try:
            reply = Replied(message.id, self._views.answer(message.what, message.body))
        except ViewError as error:
            reply = Replied(message.id, b"", str(error))
        self._context.channel.send(reply)

    def _reload(self, message: Reload) -> None:
        site = read_site(message.path)
        self._mailboxes.take(site)
        self._apply(site)
        self._take_tones(site)
        self._recorder.watch(site.paths.recordings, site.recording.reserve_mb)
        self._plays.preload(sounds_of(site))


def _ending(outcome: Outcome) -> RecordingDone | RecordingFailed:
    recording = outcome.state
    duration_ms = wav.milliseconds(max(0, recording.frames))
    if recording.error:
        return RecordingFailed(
            leg=recording.leg,
            recording=recording.recording,
            path=recording.path,
            duration_ms=duration_ms,
            error=recording.error,
        )
    return RecordingDone(
        leg=recording.leg,
        recording=recording.recording,
        path=recording.path,
        duration_ms=duration_ms,
        gap_ms_left=wav.milliseconds(recording.gap_left),
        gap_ms_right=0 if recording.is_message else wav.milliseconds(recording.gap_right),
        size_bytes=outcome.size_bytes,
        sha256=outcome.sha256,
        ended_by=recording.ended_by,
    )


def sounds_of(site: Site) -> list[str]:
    """Return the path of every sound that a setting or a menu names, each once."""
    callbacks = [site.callbacks.announcement] if site.callbacks.announcement else []
    return list(dict.fromkeys([*site.hold_music_files, *callbacks, *site.sounds]))
