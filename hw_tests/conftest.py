"""The bench: which device, what it may do, who stands by; and the report that is left.

pytest hw_tests --profile simcom-sim7600 --call +49301234567
"""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from edge.cli.desk_sound import NoDeviceError
from edge.cli.hw_bench import Bench, loop_of
from edge.cli.hw_port import PortError
from edge.cli.hw_sound import Loop
from edge.cli.hw_target import Target, target_of
from edge.cli.site import BadSiteError, UsageError
from edge.core.lines.words import Connected, Identified
from hw_tests.helper import Helper
from hw_tests.report import Report

OPTIONS = (
    ("--profile", "NAME", "Profile of the device: a name of firmware_profiles, or of the site's."),
    ("--port", "PORT", "Its port: a path, a by-path link, or a URL of pyserial. Else it is found by its profile."),
    ("--sound-port", "PORT", "Its port of sound, where the profile has sound on a port and it is not found with it."),
    ("--sound-in", "DEVICE", "What is heard: number of a sound device, or part of its name."),
    ("--sound-out", "DEVICE", "What is said."),
    ("--call", "NUMBER", "Somebody who answers, and says what he hears (an echo test)."),
    ("--sms", "NUMBER", "The number of the device's own SIM: it sends itself a message."),
    ("--config", "FILE", "A site file, for its profiles."),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "the device at the bench")
    for name, value, text in OPTIONS:
        group.addoption(name, metavar=value, help=text)
    group.addoption("--attended", action="store_true", help="Somebody stands by, who does what he is asked to.")
    group.addoption("--far-hangs-up", type=float, metavar="SECONDS", help="The far side hangs up by itself that soon.")
    group.addoption("--reports", type=Path, default=Path("hw_reports"), metavar="FOLDER", help="Where reports go.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[Report.key] = Report(config.getoption("profile") or "none")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    made = yield
    item.config.stash[Report.key].add(item.name, made)
    return made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Say last and loudly that nothing was tested.

    A named port that is not there is a bench that is not as it was said to be: no test has run, which is no pass.
    """
    report = session.config.stash[Report.key]
    idle = report.nothing_tested and session.exitstatus == pytest.ExitCode.OK
    if idle and session.config.getoption("port"):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
    yield
    told = session.config.pluginmanager.get_plugin("terminalreporter")
    if idle and told is not None:
        told.section("NOTHING WAS TESTED", sep="!", red=True, bold=True)
        for reason in report.reasons:
            told.write_line(reason, red=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash[Report.key]
    if report.tests:
        for path in report.write(config.getoption("reports")):
            terminalreporter.write_line(f"report: {path}")


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> dict[str, object]:
    """What a test measures; it goes into the report, whether the test passes or not."""
    return request.config.stash[Report.key].figures(request.node.name)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The device; tests skip where it is absent."""
    option = request.config.getoption
    if not option("profile"):
        pytest.skip("--profile NAME says which device is at the bench")

    try:
        return locate(request.config)
    except PortError as error:
        pytest.skip(f"the device is absent: {error}")
    except UsageError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    except BadSiteError as error:
        pytest.exit("\n".join(map(str, error.errors)), returncode=pytest.ExitCode.USAGE_ERROR)


def locate(config: pytest.Config) -> Target:
    option = config.getoption
    return target_of(
        None,
        Path(option("config")) if option("config") else None,
        profile=option("profile"),
        port=option("port"),
        sound_port=option("sound_port"),
        sound_in=option("sound_in"),
        sound_out=option("sound_out"),
    )


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, target: Target) -> Iterator[Bench]:
    """The modem, with its port open; `identity` waits until it is ready."""
    if not target.is_modem or target.profile is None:
        pytest.skip(f"{target.name} is no modem")
    try:
        opened = Bench(target.profile, target.found.control, lambda: locate(request.config).found.control)
    except PortError as error:
        pytest.skip(f"the device cannot be used: {error}")
    with opened:
        yield opened


@pytest.fixture(scope="session")
def identity(request: pytest.FixtureRequest, bench: Bench) -> Identified:
    """The modem, when it takes calls; `BenchError` says why it does not."""
    found = bench.start() or Identified("", "", "", "")
    request.config.stash[Report.key].device(found)
    return found


@pytest.fixture(scope="session")
def call(request: pytest.FixtureRequest, bench: Bench, identity: Identified) -> Connected:
    """A call to the far side, which goes on until a test ends it."""
    number = request.config.getoption("call")
    if not number:
        pytest.skip("--call NUMBER of somebody who answers and says what he hears")
    return bench.call(number)


@pytest.fixture
def open_sound(request: pytest.FixtureRequest, target: Target) -> Callable[[], AbstractContextManager[Loop]]:
    """Open the device's sound, in the call that there is; the test skips where there is none."""
    modem: Bench | None = request.getfixturevalue("bench") if target.is_modem else None

    @contextlib.contextmanager
    def opened() -> Iterator[Loop]:
        names = {"sound_in": target.sound_in, "sound_out": target.sound_out}
        with contextlib.ExitStack() as stack:
            try:
                sound = stack.enter_context(loop_of(target.profile, target.found, modem, **names))
            except (NoDeviceError, PortError) as error:
                pytest.skip(f"there is no sound: {error}")
            yield sound

    return opened


@pytest.fixture
def loop(
    request: pytest.FixtureRequest, target: Target, open_sound: Callable[[], AbstractContextManager[Loop]]
) -> Iterator[Loop]:
    """Sound through the device and back: in a call with a modem, through a cable or the air with a sound card."""
    if target.is_modem:
        request.getfixturevalue("call")
    with open_sound() as opened:
        yield opened


@pytest.fixture
def helper(request: pytest.FixtureRequest) -> Helper:
    """Skips where nobody stands by."""
    if not request.config.getoption("attended"):
        pytest.skip("--attended: somebody has to stand by")
    return Helper(request.config)


@pytest.fixture
def quiet_line(bench: Bench, identity: Identified) -> Bench:
    """The modem without a call."""
    if bench.busy:
        bench.hang_up()
        time.sleep(bench.profile.limits.rest_ms / 1000)
    return bench
