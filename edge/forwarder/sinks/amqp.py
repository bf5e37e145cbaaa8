"""AMQP 0-9-1 with publisher confirms, as RabbitMQ speaks it."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPChannelError, AMQPError, ChannelInvalidStateError, DeliveryError
from aiormq.exceptions import PublishError

from edge.config.sink_settings import AmqpSettings
from edge.core.delivery.cloudevents import STRUCTURED, take_apart
from edge.core.delivery.template import Template, cleaner
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Peer, SinkContext, words
from edge.forwarder.sinks.server import Keeper, KeptSink, read_server, tls_of

#: Longest routing key (AMQP 0-9-1, short string), bytes.
MAX_KEY = 255


class _Open(NamedTuple):
    connection: AbstractConnection
    exchange: AbstractExchange


async def _shut(held: _Open) -> None:
    await held.connection.close()


class AmqpSink(KeptSink[_Open]):
    """One connection with one channel, on which many messages wait for their confirms."""

    settings = AmqpSettings
    max_batch = 256
    parallel = 2

    def __init__(self, settings: AmqpSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._server = read_server(settings.url, {"amqp": (5672, False), "amqps": (5671, True)})
        self._tls = tls_of(settings, self._server)
        self._key = Template(settings.routing_key, context.site, cleaner(".*#"))
        self._keeper = Keeper(self._open, _shut)

    @property
    def peer(self) -> Peer:
        """The broker."""
        return self._server.peer(self._tls)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Publish all at once; each has a confirm of its own."""
        held = None
        try:
            held = await self._keeper.get()
            exchange = held.exchange
            answers = await asyncio.gather(*(self._publish(exchange, event) for event in events))
        except (AMQPError, OSError, RuntimeError) as error:
            self._context.condition(f"{self._server.host}: {words(error)}")
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            self._context.condition(
                f"{self._server.host}: no confirm in time; RabbitMQ stops publishers while its disk or memory is short"
            )
            self._keeper.drop(held)
            raise
        if any(answer.result == "unreachable" for answer in answers):
            self._keeper.drop(held)
        elif all(answer is ACCEPTED for answer in answers):
            self._context.condition("")
        return answers

    async def _publish(self, exchange: AbstractExchange, event: Outgoing) -> Answer:
        key = self._key.fill(event.type, event.call, event.id)[:MAX_KEY]
        try:
            await exchange.publish(self._message(event), key, mandatory=True)
        except PublishError as error:
            self._context.condition(
                f"no queue is bound to the exchange '{self._settings.exchange}' for the routing key '{key}': bind one"
            )
            return Answer("failed", f"not routed: {words(error)}")
        except DeliveryError as error:
            self._context.condition(f"the broker does not take events: {type(error.frame).__name__}")
            return Answer("busy", "the broker has rejected it: a queue is full, or has no room on its disk")
        except (AMQPChannelError, ChannelInvalidStateError) as error:
            self._context.condition(f"{self._server.host}: {words(error)}")
            return Answer("unreachable", words(error))
        except (AMQPError, OSError, RuntimeError) as error:
            return Answer("unreachable", words(error))
        return ACCEPTED

    def _message(self, event: Outgoing) -> aio_pika.Message:
        headers: dict[str, str] = {}
        body, content_type = event.body, STRUCTURED
        if self._settings.mode == "binary":
            parts = take_apart(body)
            # The prefix of the AMQP binding (1.0, section 3.1.3.1) that clients of all kinds can read.
            headers = {f"cloudEvents_{name}": value for name, value in parts.attributes.items()}
            body, content_type = parts.data, parts.content_type
        return aio_pika.Message(
            body,
            headers=dict(headers),
            content_type=content_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=event.id,
            type=event.type,
            app_id="edge-appliance",
        )

    async def _open(self) -> _Open:
        settings = self._settings
        connection = await aio_pika.connect(
            host=self._server.host,
            port=self._server.port,
            login=settings.user or "guest",
            password=settings.password or "guest",
            virtualhost=self._server.path or "/",
            ssl=self._server.tls,
            ssl_context=self._tls,
            timeout=settings.timeout_ms / 1000,
            client_properties={"connection_name": f"edge-{self._context.site}"},
        )
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            exchange = await channel.declare_exchange(
                settings.exchange, aio_pika.ExchangeType.TOPIC, durable=True, passive=not settings.create
            )
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(_abandon(connection)))
            raise
        return _Open(connection, exchange)


async def _abandon(connection: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(1):
            await connection.close()
    except (TimeoutError, AMQPError, OSError, RuntimeError):
        return
