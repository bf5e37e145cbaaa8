"""MQTT 5, QoS 1 (CloudEvents MQTT binding 1.0).

It stands on paho's own client and not on a wrapper: those that there are take every PUBACK for an acceptance, also one
that refuses (MQTT 5.0 section 3.4.2.1), and what was refused would be lost.
"""

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config.sink_settings import MqttSettings
from edge.core.delivery.cloudevents import STRUCTURED, take_apart
from edge.core.delivery.model import Result
from edge.core.delivery.template import Template, cleaner
from edge.forwarder.sinks.base import ACCEPTED, Answer, Outgoing, Peer, SinkContext, words
from edge.forwarder.sinks.server import MAYBE_OURS, Keeper, KeptSink, Server, read_server, tls_of

#: PUBACK reason codes (section 3.4.2.1) that are about this message, and that are about room.
_NEVER = frozenset({0x87, 0x90, 0x99})
_NO_ROOM = frozenset({0x97})
#: Messages on their way at once, where the broker allows so many (Receive Maximum, section 3.2.2.3.3).
IN_FLIGHT = 256


class _Connection:
    """A client of paho with its thread; its callbacks come to the loop."""

    def __init__(self, settings: MqttSettings, server: Server, tls: ssl.SSLContext | None, client_id: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._tls = tls is not None
        self._keepalive_s = settings.keepalive_seconds
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}
        self._over = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect_timeout = settings.timeout_ms / 1000
        self._client.max_inflight_messages_set(IN_FLIGHT)
        if settings.user:
            self._client.username_pw_set(settings.user, settings.password or None)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_publish = self._published

    async def open(self) -> None:
        """Connect and log in. Raises OSError."""
        arguments = (self._server.host, self._server.port, self._keepalive_s)
        await asyncio.to_thread(self._client.connect, *arguments)
        self._client.loop_start()
        await self._welcome

    async def shut(self) -> None:
        """End the connection and its thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def publish(self, topic: str, body: bytes, properties: Properties) -> ReasonCode:
        """Send a message and wait for its PUBACK. Raises OSError, ValueError."""
        if self._over:
            raise ConnectionError(self._over)
        info = self._client.publish(topic, body, qos=1, properties=properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise ConnectionError("not connected")
        future: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._waiting[info.mid] = future
        try:
            return await future
        finally:
            self._waiting.pop(info.mid, None)

    # --- in the thread of paho: hand over, and nothing else ------------------------------------------------------

    def _tell(self, what: Any, *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(what, *arguments)

    def _connected(self, client: Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any) -> None:
        room = getattr(properties, "ReceiveMaximum", None)
        if isinstance(room, int):
            client.max_inflight_messages_set(min(IN_FLIGHT, room))
        self._tell(self._greeted, str(code) if code.is_failure else "")

    def _disconnected(self, client: Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        client.disconnect()  # or its thread would connect again, and send again what the queue sends again
        self._tell(self._lost, str(code))

    def _published(self, _client: Client, _data: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        self._tell(self._answered, mid, code)

    # --- on the loop ---------------------------------------------------------------------------------------------

    def _greeted(self, fault: str) -> None:
        if self._welcome.done():
            return
        if fault:
            self._welcome.set_exception(ConnectionRefusedError(fault))
        else:
            self._welcome.set_result(None)

    def _lost(self, why: str) -> None:
        self._over = f"disconnected: {why}"
        # Paho keeps to itself what TLS says.
        hint = f"; {MAYBE_OURS}" if self._tls else ""
        self._greeted(f"disconnected before the log-in was answered: {why}{hint}")
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(self._over))

    def _answered(self, mid: int, code: ReasonCode) -> None:
        future = self._waiting.get(mid)
        if future is not None and not future.done():
            future.set_result(code)


class MqttSink(KeptSink[_Connection]):
    """One connection, with many messages waiting for their PUBACK."""

    settings = MqttSettings
    max_batch = IN_FLIGHT
    parallel = 1

    def __init__(self, settings: MqttSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._server = read_server(settings.url, {"mqtt": (1883, False), "mqtts": (8883, True)})
        self._tls = tls_of(settings, self._server)
        self._topic = Template(settings.topic, context.site, cleaner("+#/"))
        self._client_id = settings.client_id or f"edge-{context.site}-{settings.name}"
        self._keeper = Keeper(self._open, _Connection.shut)

    @property
    def peer(self) -> Peer:
        """The broker."""
        return self._server.peer(self._tls)

    async def deliver(self, events: Sequence[Outgoing]) -> Sequence[Answer]:
        """Publish all at once; each has a PUBACK of its own."""
        connection = None
        try:
            connection = await self._keeper.get()
            answers = await asyncio.gather(*(self._publish(connection, event) for event in events))
        except OSError as error:
            self._context.condition(f"{self._server.host}: {words(error)}")
            return [Answer("unreachable", words(error))]
        except asyncio.CancelledError:
            self._keeper.drop(connection)
            raise
        if any(answer.result == "unreachable" for answer in answers):
            self._keeper.drop(connection)
        elif all(answer is ACCEPTED for answer in answers):
            self._context.condition("")
        return answers

    async def _publish(self, connection: _Connection, event: Outgoing) -> Answer:
        topic = self._topic.fill(event.type, event.call, event.id)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        body = event.body
        if self._settings.mode == "binary":
            parts = take_apart(body)
            properties.ContentType, body = parts.content_type, parts.data
            properties.UserProperty = list(parts.attributes.items())
        else:
            properties.ContentType = STRUCTURED
            properties.PayloadFormatIndicator = 1
        try:
            code = await connection.publish(topic, body, properties)
        except OSError as error:
            return Answer("unreachable", words(error))
        except ValueError as error:  # longer than MQTT can say
            return Answer("refused", words(error))
        if not code.is_failure:
            return ACCEPTED
        self._context.condition(f"the broker does not take {topic}: {code}")
        result: Result = "refused" if code.value in _NEVER else "busy" if code.value in _NO_ROOM else "failed"
        return Answer(result, str(code))

    async def _open(self) -> _Connection:
        # A second client of one name would end the first: that of a replay, or one that is not known to be dead yet.
        client_id = f"{self._client_id}-{secrets.token_hex(3)}"
        connection = _Connection(self._settings, self._server, self._tls, client_id)
        try:
            await connection.open()
        except BaseException:
            self._keeper.drop(connection)
            raise
        return connection
