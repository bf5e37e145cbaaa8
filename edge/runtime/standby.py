"""A worker that stands by: it has prepared all it can and waits for the end of the one whose work it goes on with."""

from collections.abc import Callable

from edge.runtime.process import ProcessContext, name_process
from edge.runtime.pump import Pump
from edge.vocabulary.supervision import Stop, TakeOver

BEAT_MS = 1000


def stand_by(context: ProcessContext, pump: Pump, keep_warm: Callable[[], None] = lambda: None) -> bool:
    """Wait to be called, on a pump that nothing else runs on; False: it was told to stop instead.

    `keep_warm` is called with each beat. The channel stays on the pump; handlers that the owner has put on it are used.
    """
    called = False

    def take_over(_: TakeOver) -> None:
        nonlocal called
        called = True
        pump.stop()

    def beat() -> None:
        keep_warm()
        context.channel.beat()

    name_process(f"{context.name}-standby")
    context.channel.on(TakeOver, take_over)
    context.channel.on(Stop, lambda _: pump.stop())
    context.channel.attach(pump)
    beats = pump.every(BEAT_MS, beat)
    keep_warm()
    context.channel.ready()
    pump.run()
    beats.cancel()
    context.channel.on(TakeOver, lambda _: None)
    name_process(context.name)
    return called
