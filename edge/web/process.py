"""The process: HTTP on one side, the supervisor on the other."""

import asyncio
import ssl
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import cast

from edge.config.tls import http_context
from edge.metrics.library import generate_latest
from edge.metrics.web import WebMetrics
from edge.runtime.aio import AsyncChannel, run_until_stopped
from edge.runtime.logs import logger
from edge.runtime.process import ProcessContext, read_site
from edge.vocabulary.supervision import Drain, Reload, Replied, Request, Scrape, Scraped, Stop
from edge.web.admission import Admission
from edge.web.api import Parts, make_api
from edge.web.outbox import Outbox
from edge.web.questions import Questions
from edge.web.requests import RequestError, answer
from edge.web.server import REQUEST_S, App, inherited, make_server
from edge.web.speech import Speech


async def serve(context: ProcessContext, stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    metrics = WebMetrics()
    channel = context.channel
    on_loop = AsyncChannel(channel)
    questions = Questions(channel, on_loop)

    site = context.site
    state = Path(site.paths.state)
    outbox = Outbox(state)
    admission = Admission(site, metrics)
    tls = http_context(site) if site.http.certificate else None
    speech = Speech(site, state)
    parts = Parts(
        questions=questions,
        outbox=outbox,
        admission=admission,
        metrics=metrics,
        stop=stop,
        trace_fd=context.fds["sip_trace"][0],
        recordings=[Path(one) for one in (site.paths.recordings, *(box.folder for box in site.mailboxes)) if one],
        speech=speech,
        on_loopback=ip_address(site.http.address).is_loopback,
    )

    def reload(message: Reload) -> None:
        new = read_site(message.path)
        admission.configure(new)
        speech.configure(new)
        if tls is not None and new.http.certificate:
            try:
                tls.load_cert_chain(new.http.certificate, new.http.key or None)
            except (OSError, ssl.SSLError) as error:
                logger("web").error("the certificate can't be read; the old one stays", error=str(error))

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
    channel.on(Reload, reload)
    channel.on(Scrape, scrape)
    channel.on(Request, reply)
    if tls is not None:
        # uvicorn has no setting for it, and asyncio's own is a minute: a connection counts from its handshake on only.
        loop = asyncio.get_running_loop()
        loop.create_server = partial(loop.create_server, ssl_handshake_timeout=REQUEST_S)  # type: ignore[method-assign]
    server = make_server(cast(App, make_api(parts)), metrics, tls)
    task = asyncio.create_task(server.serve(sockets=[inherited(context.fds["http_listener"][0])]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    channel.ready()
    await asyncio.wait([task, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await task
    outbox.close()
    on_loop.close()


def main(context: ProcessContext) -> int:
    """Run the process; returns its exit code."""

    async def body(stop: asyncio.Event) -> None:
        await serve(context, stop)

    return run_until_stopped("web", body)
