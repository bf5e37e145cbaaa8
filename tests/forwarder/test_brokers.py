"""What each type of sinks says to its server, and what it makes of what the server says; real servers."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.config.sink_settings import AmqpSettings, NatsSettings, RedisSettings, SinkSettings, SyslogSettings
from edge.forwarder.sinks.base import Answer, Outgoing, SinkContext, deliver
from edge.forwarder.sinks.kinds import class_of
from edge.forwarder.sinks.trial import trial_event
from edge.runtime.logs import logger
from tests.support.addresses import address
from tests.support.brokers import Mosquitto, Nats, Rabbit, RedisServer, run
from tests.support.certificates import Authority


def event(kind: str = "call.started", call: str | None = "a*b>c", number: int = 1, size: int = 0) -> Outgoing:
    document = {
        "specversion": "1.0",
        "id": f"{call}.{number}",
        "source": "edge/box",
        "type": kind,
        "subject": call,
        "callseq": number,
        "datacontenttype": "application/json",
        "data": {"text": "grüße" + "x" * size},
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Outgoing(f"{call}.{number}", kind, call, "2026-01-01T00:00:00Z", body)


def send(settings: SinkSettings, events: Sequence[Outgoing]) -> tuple[list[Answer], list[str]]:
    """Deliver once by a fresh sink: the answers, and what the sink says."""
    said: list[str] = []

    async def body() -> list[Answer]:
        sink = class_of(settings.type).make(settings, SinkContext("box", logger("test"), said.append))
        try:
            return await deliver(sink, events, settings.timeout_ms)
        finally:
            await sink.close()

    return run(body()), [text for text in said if text]


def results(settings: SinkSettings, *events: Outgoing) -> list[str]:
    return [answer.result for answer in send(settings, events or [event()])[0]]


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    broker = Nats()
    yield broker
    broker.remove()


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    broker = Mosquitto()
    yield broker
    broker.remove()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    broker = RedisServer()
    yield broker
    broker.remove()


def test_nats_has_a_subject_an_id_and_headers(nats: Nats) -> None:
    one = event()
    assert results(nats.settings(), one) == ["accepted"]
    assert results(nats.settings(), one) == ["accepted"]  # known by its id: kept once
    assert results(nats.settings(mode="binary", subject="edge.x.{group}.{id}"), event(number=2)) == ["accepted"]
    first, second = nats.messages()[-2:]
    assert first.subject == "edge.box.call.started.a_b_c"
    assert (first.headers["Nats-Msg-Id"], first.headers["Content-Type"]) == (one.id, "application/cloudevents+json")
    assert first.data == one.body
    assert second.subject == "edge.x.call.a_b_c_2"
    assert second.headers["ce-type"] == "call.started"
    assert (second.headers["ce-subject"], second.headers["ce-callseq"]) == ("a*b>c", "2")
    assert second.headers["Content-Type"] == "application/json"
    assert json.loads(second.data) == {"text": "grüße"}


def test_nats_without_a_stream_says_how_to_make_one_or_makes_it(nats: Nats) -> None:
    settings = nats.settings(subject="other.{site}.{type}")
    (answer,), said = send(settings, [event()])
    assert answer.result == "failed"
    assert "no stream takes the subject other.box.call.started" in said[-1]
    assert "nats stream add EDGE --subjects 'other.box.>'" in said[-1]
    settings = nats.settings(subject="other.{site}.{type}", stream="OTHER", create=True)
    assert results(settings) == ["accepted"]
    assert results(nats.settings(subject="edge.{site}.x", stream="OTHER")) == ["refused"]  # the stream is another
    large = event(size=2_000_000)
    assert results(settings, large, event(number=3)) == ["refused", "accepted"]


def test_nats_is_logged_in_to(nats: Nats) -> None:
    config = nats.folder / "nats.conf"
    before = config.read_text()
    try:
        nats.kill()
        rights = '{user: u, password: p, permissions: {publish: ["edge.fine"], subscribe: "_INBOX.>"}}'
        config.write_text(f"{before}authorization {{ users = [{rights}] }}\n")
        nats.start()
        (answer,), said = send(nats.settings(), [event()])
        assert (answer.result, bool(said)) == ("unreachable", True)
        assert "p@ss" not in str(send(nats.settings(user="u", password="p@ss"), [event()]))
        assert results(nats.settings(user="u", password="p", subject="edge.fine")) == ["accepted"]
        (answer,), said = send(nats.settings(user="u", password="p", subject="edge.not"), [event()])
        assert answer.result == "refused"
        assert "permissions violation" in said[-1].lower()
    finally:
        nats.kill()
        config.write_text(before)
        nats.start()


def _claims(signer: Any, subject: str, what: dict[str, Any]) -> str:
    """A JWT as NATS has them (nats.io, "JWT authentication"): Ed25519, version 2."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    issuer = signer.public_key.decode()
    claims = {"jti": subject, "iat": 1_700_000_000, "iss": issuer, "name": "x", "sub": subject, "nats": what}
    text = ".".join(part(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
    return f"{text}.{part(signer.sign(text.encode()))}"


def test_nats_is_logged_in_to_by_a_file_of_credentials(nats: Nats, tmp_path: Path) -> None:
    import nkeys

    account_byte = nkeys.PREFIX_BYTE_ACCOUNT
    prefixes = (nkeys.PREFIX_BYTE_OPERATOR, account_byte, nkeys.PREFIX_BYTE_USER, account_byte)
    seeds = [nkeys.encode_seed(os.urandom(32), prefix) for prefix in prefixes]
    operator, account, *others = map(nkeys.from_seed, seeds)
    names = [key.public_key.decode() for key in (operator, account, *others)]
    storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, **storage}
    of_operator = _claims(operator, names[0], {"type": "operator", "version": 2})
    of_account = _claims(operator, names[1], {"type": "account", "version": 2, "limits": limits})
    of_system = _claims(operator, names[3], {"type": "account", "version": 2})
    of_user = _claims(account, names[2], {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
    credentials = tmp_path / "edge.creds"
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seeds[2].decode()}\n------END USER NKEY SEED------\n"
    )
    config = nats.folder / "nats.conf"
    before = config.read_text()
    try:
        nats.kill()
        known = f'{{ {names[1]}: "{of_account}", {names[3]}: "{of_system}" }}'
        trust = f'operator: "{of_operator}"\nsystem_account: {names[3]}\nresolver: MEMORY\nresolver_preload: {known}\n'
        config.write_text(before + trust)
        nats.start()
        good = nats.settings(credentials_file=str(credentials), subject="edge.{id}", stream="CREDS", create=True)
        assert results(good) == ["accepted"]
        assert results(nats.settings()) == ["unreachable"]
        (answer,), _ = send(nats.settings(credentials_file=str(tmp_path / "none")), [event()])
        assert answer.result == "unreachable"
    finally:
        nats.kill()
        config.write_text(before)
        nats.start()


def test_mqtt_has_a_topic_and_properties(mosquitto: Mosquitto) -> None:
    one = event("call.ended", "a/b+c")
    assert results(mosquitto.settings(), one) == ["accepted"]
    assert results(mosquitto.settings(mode="binary"), event(number=2)) == ["accepted"]
    asyncio.run(_until(lambda: len(mosquitto.messages()) >= 2))
    first, second = mosquitto.messages()[-2:]
    assert (first.topic, first.qos, first.payload) == ("edge/box/call.ended/a_b_c", 1, one.body)
    assert first.properties.ContentType == "application/cloudevents+json"
    assert second.properties.ContentType == "application/json"
    attributes = dict(second.properties.UserProperty)
    assert (attributes["id"], attributes["specversion"], attributes["callseq"]) == ("a*b>c.2", "1.0", "2")
    assert json.loads(second.payload) == {"text": "grüße"}


def test_what_a_broker_of_mqtt_refuses_is_not_taken(mosquitto: Mosquitto) -> None:
    """Its PUBACK has a reason code; a client that only waits for a PUBACK would lose the event."""
    mosquitto.refuse()
    try:
        asyncio.run(_until(lambda: results(mosquitto.settings()) == ["refused"]))
        (answer,), said = send(mosquitto.settings(), [event()])
        assert answer.error == "Not authorized"
        assert "does not take edge/box/call.started/" in said[-1]
    finally:
        mosquitto.accept()


def test_redis_adds_entries_and_says_what_is_wrong(redis: RedisServer) -> None:
    assert results(redis.settings(stream="edge:{site}"), event(number=1), event(number=2)) == ["accepted"] * 2
    assert [fields[b"id"] for fields in redis.entries()] == [b"a*b>c.1", b"a*b>c.2"]
    assert results(redis.settings(mode="binary"), event(number=3)) == ["accepted"]
    assert redis.entries()[-1][b"type"] == b"call.started"
    assert json.loads(redis.entries()[-1][b"data"]) == {"text": "grüße"}
    with redis.client() as client:
        client.set("no-stream", "x")
        answers, said = send(redis.settings(stream="no-stream"), [event()])
        assert answers[0].result == "refused"
        assert "WRONGTYPE" in said[-1]
        many = [event(call=f"c{number}") for number in range(250)]
        assert set(results(redis.settings(stream="short", max_length=100), *many)) == {"accepted"}
        assert client.xlen("short") < 250
        client.config_set("requirepass", "right")
        try:
            answers, said = send(redis.settings(password="wr0ng"), [event()])
            assert answers[0].result == "unreachable"
            assert said
            assert "wr0ng" not in said[-1]
            assert results(redis.settings(password="right")) == ["accepted"]
        finally:
            client.config_set("requirepass", "")  # its own connection was made before


async def _until(condition: Any) -> None:
    for _ in range(1000):
        if await asyncio.to_thread(condition):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never")


def test_amqp_is_persistent_routed_and_has_room(rabbit: Rabbit) -> None:
    one = event()
    assert results(rabbit.settings(), one) == ["accepted"]
    assert results(rabbit.settings(mode="binary", routing_key="{group}.{id}"), event(number=2)) == ["accepted"]
    first, second = rabbit.messages()[-2:]
    assert (first.routing_key, first.message_id, first.type) == ("call.started.a_b>c", one.id, "call.started")
    assert (first.delivery_mode, first.content_type) == (2, "application/cloudevents+json")
    assert first.body == one.body
    assert second.routing_key == "call.a_b>c_2"
    assert second.headers["cloudEvents_type"] == "call.started"
    assert json.loads(second.body) == {"text": "grüße"}
    rabbit.empty()

    async def small(channel: Any) -> None:
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        queue = await channel.declare_queue("small", durable=True, arguments=arguments)
        exchange = await channel.declare_exchange("tiny", "topic", durable=True)
        await queue.bind(exchange, "#")

    rabbit.on_channel(small)
    sent = [results(rabbit.settings(exchange="tiny"), event(number=number))[0] for number in range(4)]
    assert sent[0] == "accepted"
    assert sent[-1] == "busy"
    (answer,), said = send(rabbit.settings(exchange="nobody"), [event()])
    assert answer.result == "failed"
    assert "no queue is bound to the exchange 'nobody' for the routing key 'call.started.a_b>c'" in said[-1]
    (answer,), said = send(rabbit.settings(exchange="missing", create=False), [event()])
    assert answer.result == "unreachable"
    assert "no exchange 'missing'" in said[-1]
    (answer,), said = send(rabbit.settings(user="guest", password="wr0ng"), [event()])
    assert answer.result == "unreachable"
    assert said
    assert "wr0ng" not in said[-1]


def test_a_broker_of_amqp_without_room_on_its_disk_is_waited_for(rabbit: Rabbit) -> None:
    rabbit.control("set_disk_free_limit", "1000000000000000")
    try:
        (answer,), said = send(rabbit.settings(), [event()])
        assert answer.result == "timed_out"
        assert "stops publishers while its disk or memory is short" in said[-1]
    finally:
        rabbit.control("set_disk_free_limit", "1000000")
    asyncio.run(_until(lambda: results(rabbit.settings()) == ["accepted"]))
    rabbit.empty()


@pytest.mark.parametrize("kind", ["tls", "tcp", "udp"])
def test_syslog_is_rfc_5424_in_frames_or_datagrams(kind: str, tmp_path: Any) -> None:
    got = bytearray()

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _peer: Any) -> None:
            got.extend(b"%d %b" % (len(data), data))

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            got.extend(part)
        writer.close()

    async def body(host: str) -> list[Answer]:
        loop = asyncio.get_running_loop()
        context, ca_file = None, ""
        if kind == "tls":
            authority = Authority(tmp_path)
            context, ca_file = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), authority.root
            context.load_cert_chain(*authority.issue(host))
        if kind == "udp":
            transport, _ = await loop.create_datagram_endpoint(Datagrams, (host, 0))
            port, close = transport.get_extra_info("sockname")[1], transport.close
        else:
            server = await asyncio.start_server(follow, host, 0, ssl=context)
            port, close = server.sockets[0].getsockname()[1], server.close
        settings = SyslogSettings(name="log", url=f"{kind}://{host}:{port}", ca_file=ca_file, timeout_ms=5000)
        sink = class_of("syslog").make(settings, SinkContext("box", logger("test"), lambda _text: None))
        many = [event(call="c1"), event(call="c2"), event(call="c3", size=100_000)]
        answers = await deliver(sink, many, 5000)
        await _until(lambda: got.count(b"specversion") >= 2 and (kind == "udp" or len(got) > 100_000))
        await sink.close()
        close()
        return answers

    with address() as host:
        answers = asyncio.run(body(host))
    # A datagram has an end; a stream has none.
    assert [answer.result for answer in answers] == ["accepted", "accepted", "refused" if kind == "udp" else "accepted"]
    length, _, rest = bytes(got).partition(b" ")
    message = rest[: int(length)].decode()
    head, _, document = message.partition("{")
    words = head.split(" ")
    assert words[:4] == ["<134>1", "2026-01-01T00:00:00Z", "box", "edge"]
    assert words[5:] == ["call.started", "-", ""]
    assert json.loads("{" + document)["id"] == "c1.1"


def test_settings_that_no_sink_can_be_made_of_are_told() -> None:
    from edge.forwarder.sinks.base import BadSettingsError

    bad: list[SinkSettings] = [
        NatsSettings(name="a", url="nats://h", create=True),
        NatsSettings(name="a", url="nats://h", create=True, stream="S", subject="{type}"),
        NatsSettings(name="a", url="http://h"),
        RedisSettings(name="a", url="redis://h/x"),
        AmqpSettings(name="a", url="amqps://h", ca_file="/nowhere"),
    ]
    for settings in bad:
        with pytest.raises(BadSettingsError):
            class_of(settings.type).make(settings, SinkContext("box", logger("test"), lambda _text: None))
    with pytest.raises(BadSettingsError, match="no type of sink 'kafka'"):
        class_of("kafka")


def test_the_test_event_is_a_cloudevent() -> None:
    made = trial_event("web", "box", "abc")
    assert json.loads(made.body)["id"] == made.id == "box.test-abc"
