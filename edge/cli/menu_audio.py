"""`edge menu try --audio`: walk through a menu at the desk's microphone and speaker.

It is a call to a throw-away appliance of the site, by SIP on loopback, so what is heard went through the plays, gains
and codecs of calls, and what is said through their detectors: keys by tone, speech. Who is called and what backends say
is asked in the terminal.
"""

import queue
import tempfile
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field

from edge.app.menu_call import Call, LiveCall
from edge.app.menu_part import Part
from edge.app.menu_prompts import prompts_of
from edge.app.menu_scene import Answers
from edge.app.menu_stage_queues import queues_in
from edge.app.menu_world import World
from edge.cli.desk_sound import Device, Handset, NoDeviceError, Sound
from edge.cli.menu_call import CALLED, cache_folder, running
from edge.cli.menu_named import spoken_menu
from edge.cli.menu_test import usual_country
from edge.cli.menu_try import HANG_UP, KEYS, Keyboard, answer_key, check_full, keyboard, outcome_key, queue_there, words
from edge.cli.output import BAD, FINE, complain, console, print_table, printable
from edge.cli.site import BadSiteError, usable_site
from edge.config.errors import Findings
from edge.config.loader import Inspection
from edge.config.prompts import synthesise_all
from edge.config.tables import make_tables
from edge.core.menus.model import Menu
from edge.core.menus.rehearsed_hunt import TALK_MS
from edge.core.menus.rehearsed_world import BackendAnswer
from edge.core.sip.uri import Uri
from edge.switch.tables import Tables


class Sitting(Struct, kw_only=True):
    """How somebody sits there."""

    caller: str
    called: str
    #: Local time of the menu.
    local: datetime
    #: Mailboxes that are full.
    full: list[str]
    microphone: str | None
    speaker: str | None


class Question(Struct):
    """Something that a person is to say."""

    text: str
    answers: str
    answer: Future[str] = field(default_factory=Future)


def list_devices() -> int:
    """Print the devices of this machine."""
    try:
        with Sound() as sound:
            devices = sound.devices()
    except NoDeviceError as error:
        complain(error)
        return BAD
    rows = [(one.index, printable(one.name), one.inputs, one.outputs, one.rate) for one in devices]
    print_table(("number", "name", "inputs", "outputs", "rate"), rows, right=("number", "inputs", "outputs", "rate"))
    return FINE if devices else BAD


def try_aloud(name: str, config: Path | None, *, demo: bool, who: Sitting) -> int:
    """Walk through a menu. Raises `UsageError`, `BadSiteError`."""
    found = usable_site(config, demo=demo, overrides={"paths.state": str(cache_folder())})
    menu, speeches = spoken_menu(name, found)
    check_full(who.full, menu)
    findings = Findings()
    synthesise_all(speeches, findings)
    make_tables(found.site.tables, findings)
    if findings.errors:
        raise BadSiteError(findings.errors)
    try:
        with Sound() as sound:
            devices = sound.choose(who.microphone, hears=True), sound.choose(who.speaker, hears=False)
            return _walk(menu, found, who, (sound, *devices))
    except NoDeviceError as error:
        complain(error)
        return BAD


def _walk(menu: Menu, found: Inspection, who: Sitting, devices: tuple[Sound, Device, Device]) -> int:
    sound, microphone, speaker = devices
    rows = Tables(found.site.tables).rows(menu, who.caller)
    part = Part(
        menu=menu,
        caller=who.caller,
        rows=rows,
        wall_ms=menu.zone.wall_ms(who.local),
        country=usual_country(found.site),
        queues={name: queue_there(name, found.site) for name in queues_in(menu)},
        full=who.full,
    )
    prompts = prompts_of(menu, normalise=found.site.speech.normalise_files)
    complain("starting an appliance for this call")
    with tempfile.TemporaryDirectory(prefix="edge-menu-") as folder, World(Path(folder)) as world:
        talker = Talker()
        scene = world.add(part, found.site, talker.answers())
        with running(found.site, world, Path(folder), 1) as target:
            if target.feed is None:
                raise AssertionError("an appliance of ours tells its events")
            call = LiveCall(world, prompts, menu, scene)
            target.feed.follow(part.trunk, call.event)
            world.gather(scene, target.to, target.feed)
            handset = sound.open(microphone, speaker)
            try:
                call.connect(handset.hear, handset.speak)
                uri = Uri("sip", who.called or CALLED, target.uri.host, target.uri.port)
                call.dial(scene.caller, Call(uri=uri, to=target.to, caller=who.caller))
                with keyboard():
                    talker.run(call)
            finally:
                handset.close()
    _tell(handset)
    return FINE


class Talker:
    """The person at the desk: keys, and answers to what the world asks."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._open: Question | None = None
        self._keys = Keyboard()
        self._shown = 0
        self._hung_up = False

    def answers(self) -> Answers:
        """Give a world that asks."""
        return Answers(outcome_of=self._outcome, answer_of=self._answer, ring_ms=0, talk_ms=TALK_MS)

    def run(self, call: LiveCall) -> None:
        """Go on until the menu ends the call, or the caller does."""
        while not call.over and not self._hung_up:
            self._show(call)
            if self._open is None and not self._asked.empty():
                self._open = self._asked.get()
                console().print(f"          ? {self._open.text}", markup=False, style="bold")
            self._take(self._keys.next(), call)
        call.hang_up()
        while self._open is not None or not self._asked.empty():
            (self._open or self._asked.get()).answer.set_result("")
            self._open = None
        self._show(call)
        console().print("the caller hangs up" if self._hung_up else "the call is over", style="bold")

    def _take(self, key: str, call: LiveCall) -> None:
        if key and key in HANG_UP:
            self._hung_up = True
        elif key and self._open is not None:
            if key.lower() in self._open.answers:
                self._open.answer.set_result(key.lower())
                self._open = None
        elif key and key in KEYS:
            call.press(key)

    def _show(self, call: LiveCall) -> None:
        while self._shown < len(call.lines):
            console().print(words(call.lines[self._shown]), markup=False, soft_wrap=True)
            self._shown += 1

    def _ask(self, text: str, answers: str) -> str:
        question = Question(text, answers)
        self._asked.put(question)
        return question.answer.result()

    def _outcome(self, target: str) -> str:
        return outcome_key(target, self._ask)

    def _answer(self, endpoint: str) -> BackendAnswer:
        return answer_key(endpoint, self._ask)


def _tell(handset: Handset) -> None:
    """Tell what was wrong with the sound, if anything."""
    if handset.speaker_dry or handset.speaker_dropped:
        complain(f"the speaker ran dry {handset.speaker_dry} times; {handset.speaker_dropped} samples were left out")
    if handset.microphone_dry or handset.microphone_dropped:
        complain(
            f"the microphone ran dry {handset.microphone_dry} times; {handset.microphone_dropped} samples were left out"
        )
