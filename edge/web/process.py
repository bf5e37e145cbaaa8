"""The process: HTTP on one side, the supervisor on the other."""

import asyncio
from typing import cast

from edge.metrics.library import generate_latest
from edge.metrics.web import WebMetrics
from edge.runtime.aio import AsyncChannel, run_until_stopped
from edge.runtime.process import ProcessContext
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop
from edge.web.api import make_api
from edge.web.questions import Questions
from edge.web.requests import RequestError, answer
from edge.web.server import App, inherited, make_server


async def serve(context: ProcessContext, stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    metrics = WebMetrics()
    channel = context.channel
    on_loop = AsyncChannel(channel)
    questions = Questions(channel, on_loop)

    def scrape(message: Scrape) -> None:
        channel.send(Scraped(message.id, generate_latest(metrics.registry).decode()))
        on_loop.send_rest()

    def reply(message: Request) -> None:
        try:
            body, error = answer(message.what, message.body, context.fds), None
        except RequestError as wrong:
            body, error = b"", str(wrong)
        channel.send(Replied(message.id, body, error))
        on_loop.send_rest()

    channel.on(Stop, lambda _message: stop.set())
    channel.on(Drain, lambda _message: None)  # the last to be wanted: whoever drains wants to see it
    channel.on(Reload, lambda _message: None)  # nothing of ours can change while we run
    channel.on(Scrape, scrape)
    channel.on(Request, reply)
    server = make_server(cast(App, make_api(questions, metrics)), metrics)
    task = asyncio.create_task(server.serve(sockets=[inherited(context.fds["http_listener"][0])]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    channel.ready()
    await asyncio.wait([task, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await task
    on_loop.close()


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code."""

    async def body(stop: asyncio.Event) -> None:
        await serve(context, stop)

    return run_until_stopped("web", body)
