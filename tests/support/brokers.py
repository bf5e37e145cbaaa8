"""Real servers of events, each on an address of its own: started, killed, frozen, filled, and read by a test."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from edge.config.sink_settings import (
    AmqpSettings,
    MqttSettings,
    NatsSettings,
    RedisSettings,
    SinkSettings,
    SyslogSettings,
)
from tests.support.addresses import address
from tests.support.waiting import until

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own, whatever loop the test has."""
    found: list[T] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


class Broker:
    """A server with a folder of its own. It runs after it was made."""

    port = 0
    #: Settings of a sink besides name and address.
    more: dict[str, Any] = {}  # noqa: RUF012 -- never changed

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.host = self._stack.enter_context(address())
        self.folder = Path(tempfile.mkdtemp(prefix="edge-broker-"))
        self.process: subprocess.Popen[bytes] | None = None
        try:
            self.prepare()
            self.start()
            self.started()
        except BaseException:
            self.remove()
            raise

    def prepare(self) -> None:
        """Write what the server reads."""

    def started(self) -> None:
        """Make what it keeps."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def settings(self, **more: Any) -> SinkSettings:
        raise NotImplementedError

    def bodies(self) -> list[bytes]:
        """All messages that it has, in the order of their arrival."""
        raise NotImplementedError

    def received(self) -> list[str]:
        """Ids of the events."""
        return [json.loads(body)["id"] for body in self.bodies()]

    def refuse(self) -> None:
        """Take no events."""
        raise NotImplementedError

    def accept(self) -> None:
        """Take them again."""
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.folder,  # what a server leaves when it crashes stays with it
                start_new_session=True,
            )
        until(self.is_up, 60, f"{type(self).__name__} is up")

    def is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return self.listens(self.port)

    def listens(self, port: int) -> bool:
        try:
            socket.create_connection((self.host, port), 0.5).close()
        except OSError:
            return False
        return True

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def freeze(self) -> None:
        """Stop it; it does nothing any more when this returns: a signal takes its time to reach all threads."""
        assert self.process is not None
        self.signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def remove(self) -> None:
        self.kill()
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nats(Broker):
    """nats-server with JetStream and a stream `EDGE`."""

    port = 4222

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    def prepare(self) -> None:
        config = f'listen: "{self.host}:{self.port}"\njetstream {{ store_dir: "{self.folder}/js" }}\n'
        (self.folder / "nats.conf").write_text(config)

    def command(self) -> list[str]:
        return ["/usr/sbin/nats-server", "-c", str(self.folder / "nats.conf")]

    def started(self) -> None:
        run(self._stream(lambda js: js.add_stream(name="EDGE", subjects=["edge.>"])))

    async def _stream(self, act: Any) -> Any:
        import nats

        client = await nats.connect(self.url)
        try:
            return await act(client.jetstream())
        finally:
            await client.close()

    def settings(self, **more: Any) -> SinkSettings:
        return NatsSettings(url=self.url, **{"name": "nats", "timeout_ms": 500, **more})

    async def _all(self, js: Any) -> list[Any]:
        state = (await js.stream_info("EDGE")).state
        return [await js.get_msg("EDGE", seq) for seq in range(max(1, state.first_seq), state.last_seq + 1)]

    def messages(self) -> list[Any]:
        return run(self._stream(self._all))  # type: ignore[no-any-return]

    def bodies(self) -> list[bytes]:
        return [message.data for message in self.messages()]

    async def _limit(self, js: Any, most: int) -> None:
        config = (await js.stream_info("EDGE")).config
        await js.update_stream(config.evolve(max_msgs=most, discard="new"))

    def refuse(self) -> None:
        count = max(1, run(self._stream(lambda js: js.stream_info("EDGE"))).state.messages)
        run(self._stream(lambda js: self._limit(js, count)))

    def accept(self) -> None:
        run(self._stream(lambda js: self._limit(js, -1)))


class Mosquitto(Broker):
    """mosquitto, and a subscriber that reads along with a session that stays."""

    port = 1883

    def prepare(self) -> None:
        self._got: list[Any] = []
        self._acl = self.folder / "acl"
        self._reads = threading.Event()
        config = f"""
            listener {self.port} {self.host}
            allow_anonymous true
            user root
            acl_file {self._acl}
            max_inflight_messages 0
            max_queued_messages 0
        """
        (self.folder / "mosquitto.conf").write_text("\n".join(line.strip() for line in config.splitlines()))

    def command(self) -> list[str]:
        return ["/usr/sbin/mosquitto", "-c", str(self.folder / "mosquitto.conf")]

    def started(self) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        self._reader = Client(CallbackAPIVersion.VERSION2, "reader", protocol=MQTTProtocolVersion.MQTTv5)
        self._reader.reconnect_delay_set(1, 1)
        self._reader.on_message = lambda _c, _d, message: self._got.append(message)
        self._reader.on_connect = lambda client, *_: client.subscribe("edge/#", qos=1)
        self._reader.on_subscribe = lambda *_: self._reads.set()
        stay = Properties(PacketTypes.CONNECT)
        stay.SessionExpiryInterval = 3600
        self._reader.connect(self.host, self.port, clean_start=False, properties=stay)
        self._reader.loop_start()
        assert self._reads.wait(10)
        self.accept()

    def start(self) -> None:
        # Nothing is taken before the reader reads: to a broker without subscribers messages are nobody's.
        self._acl.write_text("topic read #\n")
        self._reads.clear()
        super().start()
        if hasattr(self, "_reader"):
            assert self._reads.wait(10)
            self.accept()

    def settings(self, **more: Any) -> SinkSettings:
        return MqttSettings(url=f"mqtt://{self.host}:{self.port}", **{"name": "mqtt", "timeout_ms": 500, **more})

    def messages(self) -> list[Any]:
        return list(self._got)

    def bodies(self) -> list[bytes]:
        return [bytes(message.payload) for message in self._got]

    def _rule(self, text: str) -> None:
        self._acl.write_text(text)
        self.signal(signal.SIGHUP)

    def refuse(self) -> None:
        self._rule("topic read #\n")

    def accept(self) -> None:
        self._rule("topic readwrite #\n")

    def remove(self) -> None:
        if hasattr(self, "_reader"):
            self._reader.disconnect()
            self._reader.loop_stop()
        super().remove()


class RedisServer(Broker):
    """redis-server that writes all to its disk."""

    port = 6379

    def command(self) -> list[str]:
        options = {"bind": self.host, "port": "6379", "dir": str(self.folder), "appendonly": "yes", "save": ""}
        return ["/usr/bin/redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]

    def client(self) -> Any:
        import redis

        return redis.Redis(self.host, self.port)

    def is_up(self) -> bool:
        import redis

        with self.client() as client, suppress(redis.exceptions.RedisError):
            return bool(client.ping())
        return False

    def settings(self, **more: Any) -> SinkSettings:
        url = f"redis://{self.host}:{self.port}"
        return RedisSettings(url=url, **{"name": "redis", "stream": "edge:{site}", "timeout_ms": 500, **more})

    def entries(self) -> list[dict[bytes, bytes]]:
        with self.client() as client:
            return [fields for _, fields in client.xrange("edge:box")]

    def bodies(self) -> list[bytes]:
        return [fields[b"event"] for fields in self.entries()]

    def refuse(self) -> None:
        with self.client() as client:
            client.config_set("maxmemory", "1")

    def accept(self) -> None:
        with self.client() as client:
            client.config_set("maxmemory", "0")


class Rabbit(Broker):
    """rabbitmq-server, with a port mapper of Erlang of its own, and a queue `all`."""

    port = 5672
    _epmd: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        # Wherever it listens, it listens on 127.0.0.1, too: the port has to be nobody else's there.
        while not self._map_ports():
            pass
        (self.folder / "plugins").write_text("[].\n")

    def _map_ports(self) -> bool:
        # Before it listens on our address only, the node tries its port on all of them.
        with socket.socket() as probe, socket.socket() as other:
            probe.bind(("", 0))
            other.bind(("", 0))
            self._epmd_port, self._node_port = probe.getsockname()[1], other.getsockname()[1]
        command = ["epmd", "-address", self.host, "-port", str(self._epmd_port)]
        self._epmd = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(lambda: self.listens(self._epmd_port) or self._epmd.poll() is not None, 20, "epmd listens")
        return self._epmd.poll() is None

    def command(self) -> list[str]:
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

    def environment(self) -> dict[str, str]:
        interface = "{" + self.host.replace(".", ",") + "}"
        arguments = f"-start_epmd false -kernel inet_dist_use_interface {interface} +S 1:1 +SDcpu 1:1 +SDio 2 +A 4"
        return {
            **os.environ,
            "HOME": str(self.folder),
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "ERL_EPMD_ADDRESS": self.host,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_NODENAME": f"edge@{self.host}",
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false",
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none-env"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": arguments,
        }

    def is_up(self) -> bool:
        return super().is_up() and b"Server startup complete" in (self.folder / "log").read_bytes()

    def start(self) -> None:
        (self.folder / "log").write_bytes(b"")
        super().start()

    def started(self) -> None:
        async def make(channel: Any) -> None:
            exchange = await channel.declare_exchange("edge", "topic", durable=True)
            queue = await channel.declare_queue("all", durable=True)
            await queue.bind(exchange, "#")

        self.on_channel(make)

    def on_channel(self, act: Any) -> Any:
        import aio_pika

        async def body() -> Any:
            connection = await aio_pika.connect(host=self.host, port=self.port, timeout=10)
            async with connection:
                return await act(await connection.channel())

        return run(body())

    def settings(self, **more: Any) -> SinkSettings:
        return AmqpSettings(url=f"amqp://{self.host}:{self.port}", **{"name": "amqp", "timeout_ms": 1000, **more})

    def messages(self) -> list[Any]:
        """Read the queue without taking anything out of it."""

        async def read(channel: Any) -> list[Any]:
            queue = await channel.get_queue("all")
            found = []
            while (message := await queue.get(fail=False)) is not None:
                found.append(message)
            for message in reversed(found):
                await message.nack(requeue=True)
            return found

        return self.on_channel(read)  # type: ignore[no-any-return]

    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages()]

    def _bind(self, bound: bool) -> None:
        async def change(channel: Any) -> None:
            queue = await channel.get_queue("all")
            await (queue.bind("edge", "#") if bound else queue.unbind("edge", "#"))

        self.on_channel(change)

    def refuse(self) -> None:
        self._bind(bound=False)

    def accept(self) -> None:
        self._bind(bound=True)

    def control(self, *words: str) -> None:
        """Ask the node as its operator does."""
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "--node", self.environment()["RABBITMQ_NODENAME"], *words]
        subprocess.run(command, env=self.environment(), check=True, capture_output=True)

    def empty(self) -> None:
        async def purge(channel: Any) -> None:
            await (await channel.get_queue("all")).purge()

        self.on_channel(purge)

    def remove(self) -> None:
        super().remove()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()


class Rsyslog(Broker):
    """rsyslogd that writes what it gets over TCP to a file, message by message."""

    port = 10514

    def prepare(self) -> None:
        (self.folder / "rsyslog.conf").write_text(
            f"""
            global(workDirectory="{self.folder}" maxMessageSize="256k")
            module(load="imtcp")
            template(name="raw" type="string" string="%syslogseverity% %hostname% %app-name% %msgid%%msg%\\n")
            input(type="imtcp" address="{self.host}" port="{self.port}")
            action(type="omfile" file="{self.folder}/out" template="raw" asyncWriting="off" flushOnTXEnd="on")
            """
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/rsyslogd", "-n", "-f", f"{self.folder}/rsyslog.conf", "-i", f"{self.folder}/pid"]

    def settings(self, **more: Any) -> SinkSettings:
        return SyslogSettings(url=f"tcp://{self.host}:{self.port}", **{"name": "log", "timeout_ms": 500, **more})

    def lines(self) -> list[str]:
        path = self.folder / "out"
        return path.read_text().splitlines() if path.exists() else []

    def bodies(self) -> list[bytes]:
        return [line[line.index("{") :].encode() for line in self.lines() if "{" in line]
