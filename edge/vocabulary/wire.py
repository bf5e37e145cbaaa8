"""The one codec for everything that leaves a process: MessagePack on links and in the journal, JSON for events."""

from typing import Any, TypeVar

import msgspec

from edge.vocabulary.private import Private

T = TypeVar("T")


def _encode_own(value: Any) -> Any:
    if isinstance(value, Private):
        return value.reveal()
    raise NotImplementedError(f"cannot encode {type(value).__name__}")


def _decode_own(kind: type, value: Any) -> Any:
    if kind is Private and isinstance(value, str):
        return Private(value)
    raise NotImplementedError(f"cannot decode {kind.__name__}")


_pack = msgspec.msgpack.Encoder(enc_hook=_encode_own)
_json = msgspec.json.Encoder(enc_hook=_encode_own)


def pack(value: Any) -> bytes:
    """MessagePack bytes of a typed value."""
    return _pack.encode(value)


def unpacker(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    """Make a decoder for `kind`; raises `msgspec.DecodeError` on anything else."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_decode_own)


def to_json(value: Any) -> bytes:
    """JSON bytes of a typed value."""
    return _json.encode(value)


def json_reader(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Make a JSON decoder for `kind`; raises `msgspec.DecodeError` on anything else."""
    return msgspec.json.Decoder(kind, dec_hook=_decode_own)
