"""A process of the appliance that has nothing to do: it stands for signalling where only media is measured."""

from edge.runtime.process import ProcessContext
from edge.runtime.pump import Pump
from edge.vocabulary.supervision import Reload, Replied, Request, Scrape, Scraped, SpanDown, SpanList, SpanUp, Stop


def prepare(context: ProcessContext) -> None:
    """Nothing to prepare."""


def main(context: ProcessContext) -> int:
    pump, channel = Pump(context.name), context.channel
    channel.on(Stop, lambda _: pump.stop())
    channel.on(Scrape, lambda message: channel.send(Scraped(message.id, "")))
    channel.on(Request, lambda message: channel.send(Replied(message.id, b"null")))
    for kind in (Reload, SpanUp, SpanDown, SpanList):
        channel.on(kind, lambda _: None)
    channel.attach(pump)
    pump.every(1000, channel.beat)
    channel.ready(1 if context.name == "span" else 0)
    pump.run()
    return 0
