"""`edge menu test --call`: the tests beside menus as real calls.

Without `--to` a throw-away appliance of the site is called, in which each test has targets, backends, tables and a time
of its own (`edge.app.menu_stage`); with it, any SIP URI, of which nothing is seen but what is heard.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from edge.app.caller import UnreachableError
from edge.app.menu_call import Call, LiveCall
from edge.app.menu_crowd import NotGatheredError
from edge.app.menu_events import EventFeed
from edge.app.menu_part import Part, own
from edge.app.menu_possible import impossible
from edge.app.menu_prompts import Prompts, prompts_of
from edge.app.menu_scene import Answers, Scene
from edge.app.menu_stage import staged
from edge.app.menu_stage_queues import queues_in
from edge.app.menu_world import World
from edge.app.phone import host_address
from edge.cli.call import FailedError, make_call
from edge.cli.call import running as running_site
from edge.cli.menu_results import Result, Tested, sum_up
from edge.cli.menu_test import Calling, compiled_tests, test_files, usual_country
from edge.cli.output import complain
from edge.cli.site import BadSiteError, UsageError, inspect_site
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings
from edge.config.loader import Inspection
from edge.config.menu_tests import MenuTest
from edge.config.prompts import synthesise_all
from edge.core.menus.expectations import Miss, follow, passed_over
from edge.core.menus.model import DoNotCall, Menu
from edge.core.menus.rehearsed_hunt import RING_MS, TALK_MS
from edge.core.sip.errors import SipError
from edge.core.sip.uri import Uri, parse_uri
from edge.vocabulary.media import Address

#: Name and version of a menu.
Version = tuple[str, str]
#: A phone that is further behind may not have heard all.
LATE_MS = 800
#: What an appliance of ours is called as where the test does not say.
CALLED = "menu"


class Sheet(Struct):
    """A file of tests, its menu, and what can be heard of it."""

    file: Path
    menu: Menu
    tests: list[MenuTest]
    #: Of the menu, and of those on trial.
    prompts: dict[Version, Prompts]
    results: list[Result] = field(default_factory=list)
    moves: set[tuple[str, str]] = field(default_factory=set)


class Target(Struct):
    """Whom the tests call."""

    uri: Uri
    to: Address
    feed: EventFeed | None = None
    #: Of an appliance of ours: makes a call to a number by a trunk, on a menu. Raises `FailedError`.
    make: Callable[[str, str, str], str] | None = None


def cache_folder() -> Path:
    """Name the folder of spoken texts of tests and rehearsals: the site's own belongs to the daemon."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edge"


def call_all(names: tuple[str, ...], config: Path | None, calling: Calling, *, demo: bool) -> list[Tested]:
    """Run all tests as calls. Raises `UsageError`, `BadSiteError`."""
    found = inspect_site(config, demo=demo, overrides={"paths.state": str(cache_folder())}, menus=False)
    state = Path(inspect_site(config, demo=demo, menus=False).site.paths.state)
    sheets = [_sheet(file, found, state) for file in test_files(names, found)]
    with tempfile.TemporaryDirectory(prefix="edge-menu-") as name, World(Path(name)) as world:
        folder = Path(name)
        if calling.to is not None:
            _call_sheets(sheets, world, _elsewhere(calling.to), calling)
        else:
            with _own_appliance(found.site, sheets, world, folder, calling.jobs) as target:
                _call_sheets(sheets, world, target, calling)
    return [sum_up(one.menu, one.file, one.results, one.moves, blind=calling.to is not None) for one in sheets]


def _sheet(file: Path, found: Inspection, state: Path) -> Sheet:
    menu, tests, compiler = compiled_tests(file, found, state)
    findings = Findings()
    synthesise_all(compiler.speeches, findings)
    if findings.errors:
        raise BadSiteError(findings.errors)
    known: dict[Version, Prompts] = {}
    for one in (menu, *(test.menu for test in tests)):
        if (one.name, one.version) not in known:
            prompts = known[one.name, one.version] = prompts_of(one, normalise=found.site.speech.normalise_files)
            if prompts.short:
                complain(f"{one.name}: too short to be recognised: {', '.join(prompts.short)}")
    return Sheet(file, menu, tests, known)


def why_not(test: MenuTest, part: Part | None, longest_s: int) -> str:
    """Say why a test is not to be a call; empty: it is. `part` is None when the appliance is not ours."""
    waits_s = sum(step.wait_ms for step in test.steps) // 1000
    if waits_s > longest_s:
        return f"its caller waits for {waits_s} s (--longest)"
    if part is None:
        return "it is of a call that the appliance makes" if test.answered is not None else ""
    if test.answered is not None and any(isinstance(node, DoNotCall) for node in part.menu.nodes.values()):
        return "no campaign makes its call, so nobody could be put on a list (do_not_call)"
    return impossible(part.menu, test.source.targets, part.queues)


def _elsewhere(to: str) -> Target:
    try:
        uri = parse_uri(to)
        return Target(uri, host_address(uri.host, uri.port))
    except (SipError, OSError) as error:
        detail = error.detail if isinstance(error, SipError) else error.strerror
        raise UsageError(f"'{to}' cannot be called: {detail}") from None


@contextlib.contextmanager
def _own_appliance(site: CompiledSite, sheets: list[Sheet], world: World, folder: Path, jobs: int) -> Iterator[Target]:
    """Stage all tests, and run the appliance."""
    for sheet in sheets:
        for test in sheet.tests:
            part = Part(
                menu=test.menu,
                caller=test.source.caller,
                rows=test.rows,
                wall_ms=test.menu.zone.wall_ms(test.local),
                country=test.source.country or usual_country(site),
                queues={name: test.queue_of(name, site) for name in queues_in(test.menu)},
                records=test.source.records,
                full=test.source.full,
                refused=test.refused,
                trial=test.source.trial,
                arm=test.source.arm,
            )
            answers = Answers(outcome_of=test.outcome_of, answer_of=test.answer_of, ring_ms=RING_MS, talk_ms=TALK_MS)
            world.add(part, site, answers, called=test.answered is not None)
    with running(site, world, folder, jobs) as target:
        yield target


@contextlib.contextmanager
def running(site: CompiledSite, world: World, folder: Path, calls: int) -> Iterator[Target]:
    """Run an appliance for the scenes of a world, `calls` at once. Raises `UsageError` when it cannot be."""
    try:
        parts = [scene.part for scene in world.scenes]
        stage = staged(site, parts, folder, world.backends(), calls)
    except (OSError, ValueError, UnreachableError, subprocess.CalledProcessError) as error:
        raise UsageError(f"the tests cannot be staged: {error}") from None
    try:
        with (
            running_site(stage, folder, "the appliance did not start"),
            EventFeed(Path(stage.paths.state)) as feed,
        ):
            at = Address(stage.sip.address, stage.sip.port)
            yield Target(Uri("sip", "", at.host, at.port), at, feed, partial(make_call, Path(stage.paths.run)))
    except FailedError as error:
        raise UsageError(str(error)) from None


def _call_sheets(sheets: list[Sheet], world: World, target: Target, calling: Calling) -> None:
    """Call for all tests, several at once; results stand in the order of the tests."""
    lock = threading.Lock()
    scenes = iter(world.scenes)
    with ThreadPoolExecutor(calling.jobs) as pool:
        begun: list[list[Result | Future[Result]]] = []
        for sheet in sheets:
            calls: list[Result | Future[Result]] = []
            for test in sheet.tests:
                scene = next(scenes, None)
                skipped = why_not(test, scene.part if scene is not None else None, calling.longest_s)
                if skipped:
                    calls.append(Result(file=sheet.file, test=test, miss=None, lines=[], seconds=0, skipped=skipped))
                    continue
                calls.append(pool.submit(_call, sheet, test, (world, target, scene), (calling.heard, lock)))
            begun.append(calls)
        for sheet, calls in zip(sheets, begun, strict=True):
            sheet.results = [one if isinstance(one, Result) else one.result() for one in calls]


def _call(
    sheet: Sheet,
    test: MenuTest,
    where: tuple[World, Target, Scene | None],
    keep: tuple[Path | None, threading.Lock],
) -> Result:
    world, _, scene = where
    began = time.perf_counter()
    call = LiveCall(world, sheet.prompts[test.menu.name, test.menu.version], test.menu, scene)
    try:
        _begin(call, test, where)
        if call.status != 200:
            miss: Miss | None = Miss(0, f"the call was refused ({call.status})" if call.status else "nobody answered")
        else:
            miss = follow(test.steps, call)
    except (NotGatheredError, FailedError) as error:
        miss = Miss(0, f"the test cannot be staged: {error}")
    call.hang_up()
    if scene is not None and scene.crowd_calls is not None:
        scene.crowd_calls.leave()
    if miss is not None and call.late_ms > LATE_MS:
        miss = Miss(miss.step, f"{miss.message} (this machine was up to {call.late_ms} ms late: try fewer --jobs)")
    recording = ""
    with keep[1]:
        sheet.moves |= call.moves if test.menu is sheet.menu else set()
        if miss is not None:
            folder = keep[0] or Path(tempfile.mkdtemp(prefix="edge-menu-heard-"))
            folder.mkdir(parents=True, exist_ok=True)
            recording = str(call.write_heard(folder / f"{sheet.menu.name}-{test.place.line}.wav"))
    return Result(
        file=sheet.file,
        test=test,
        miss=miss,
        lines=call.lines,
        seconds=time.perf_counter() - began,
        unseen=passed_over(test.steps, call),
        recording=recording,
    )


def _begin(call: LiveCall, test: MenuTest, where: tuple[World, Target, Scene | None]) -> None:
    """Dial, when all are where they are to be. Raises `NotGatheredError`."""
    world, target, scene = where
    if scene is None or target.feed is None:
        call.dial(world.phone_to(target.to), Call(uri=target.uri, to=target.to, caller=test.source.caller))
        return
    target.feed.follow(scene.part.trunk, call.event)
    uri = Uri("sip", test.source.called or CALLED, target.uri.host, target.uri.port)
    with world.turn:
        world.gather(scene, target.to, target.feed)
        if test.answered is None or target.make is None:
            call.dial(scene.caller, Call(uri=uri, to=target.to, caller=test.source.caller))
            return
        call.await_call(scene.caller, test.answered)
        target.make(test.source.caller or CALLED, scene.part.trunk, own(scene.part.menu.name, scene.part.number))
        call.wait_for_answer()
