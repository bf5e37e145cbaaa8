"""What a process loads stays in its memory for as long as it runs, so most of them load no code of menus and calls."""

import subprocess
import sys

#: Entries of the processes that walk no menus; media's is left out, for it takes numba a second to be imported.
LIGHT = ("edge.app.start", "edge.app.running", "edge.app.child", "edge.front.process", "edge.forwarder.process")
LIGHT += ("edge.web.process", "edge.span.process", "edge.dialer.process")
#: The nodes of menus, the calls, the events of calls, and what tables of callers are made with: 3 MB and more.
HEAVY = ("edge.core.menus.kinds", "edge.core.menus.model", "edge.core.calls.call", "edge.vocabulary.events")
HEAVY += ("edge.config.tables", "edge.config.compiled")
#: Clients of brokers are for forwarders with such a sink.
BROKERS = ("nats", "paho", "aio_pika", "aiormq", "redis")
HEAVY += BROKERS


def test_processes_that_walk_no_menus_load_none() -> None:
    code = f"import sys, {', '.join(LIGHT)}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_commands_are_read_without_what_few_of_them_need() -> None:
    """Each `edge` command reads all others: numbers, the engine's kernels and databases are for those that run them."""
    heavy = ("numpy", "numba", "sqlalchemy", "psycopg", "PIL", "soundfile", *BROKERS)
    # Commands use a module of a process here and there, never the process.
    heavy += tuple(f"edge.{name}.process" for name in ("front", "span", "switch", "forwarder", "dialer", "web"))
    code = f"import sys, edge.cli; edge.cli.build(); print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_switch_does() -> None:
    code = f"import sys, edge.switch.process; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "edge.core.menus.model" in done.stdout.split()
