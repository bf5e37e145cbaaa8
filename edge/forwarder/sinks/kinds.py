"""Which class is a type of sinks: ours, else that of an installed package. Nothing is loaded before it is asked for."""

from importlib import import_module

from edge.config.sink_settings import SinkSettings
from edge.config.sinks import NoSuchTypeError, brought
from edge.config.site import Sink as SinkOfSite
from edge.forwarder.sinks.base import BadSettingsError, Sink

#: Module and class, by type.
OURS = {
    "webhook": ("webhook", "WebhookSink"),
    "nats": ("nats", "NatsSink"),
    "mqtt": ("mqtt", "MqttSink"),
    "amqp": ("amqp", "AmqpSink"),
    "redis": ("redis", "RedisSink"),
    "file": ("lines", "FileSink"),
    "stdout": ("lines", "StdoutSink"),
    "syslog": ("syslog", "SyslogSink"),
    "journald": ("journald", "JournaldSink"),
    "vcon_file": ("vcon", "VconFileSink"),
    "vcon_webhook": ("vcon", "VconWebhookSink"),
}


def class_of(kind: str) -> type[Sink]:
    """Load the class of a type. Raises BadSettingsError."""
    if kind in OURS:
        module, name = OURS[kind]
        found = getattr(import_module(f"edge.forwarder.sinks.{module}"), name)
    else:
        try:
            found = brought(kind)
        except NoSuchTypeError as error:
            raise BadSettingsError(str(error)) from error
    if not (isinstance(found, type) and issubclass(found, Sink)):
        raise BadSettingsError(f"sinks of type '{kind}' are not made from Sink")
    return found


def settings_from(sink: SinkOfSite, kind: type[Sink]) -> SinkSettings:
    """Read the settings of a sink of the site. Raises BadSettingsError."""
    try:
        return kind.settings.of(sink)
    except ValueError as error:  # msgspec.ValidationError is one
        raise BadSettingsError(f"the settings can't be read: {error}") from error
