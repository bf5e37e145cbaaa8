"""The sound devices of this machine by PyAudio (PortAudio): the one place that knows of it."""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

from msgspec import Struct

#: Samples a second of most calls.
RATE = 8000


class NoDeviceError(Exception):
    """There is no such microphone or speaker; the text says why."""


class Device(Struct, frozen=True):
    """A device of the machine."""

    index: int
    name: str
    inputs: int
    outputs: int
    rate: int


def _take(_file: bytes, _line: int, _function: bytes, _error: int, _text: bytes) -> None:
    """Take what ALSA would write to standard error: lines count their underruns themselves."""


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
#: Kept for as long as the library may call it.
_unheard = _HANDLER(_take)


def be_silent() -> None:
    """Have ALSA write nothing for as long as this process lives (`snd_lib_error_set_handler`)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_unheard)


def _library() -> Any:
    try:
        import pyaudio
    except ImportError as error:
        raise NoDeviceError(
            f"PyAudio is not installed ({error}): pip install 'edge-appliance[audio]', with portaudio19-dev"
        ) from None
    return pyaudio


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what ALSA writes to standard error about (devices that are not there, underruns) from the terminal."""
    before = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nothing)


class Sound:
    """PortAudio, begun. Use as a context manager."""

    def __init__(self) -> None:
        self.library = _library()
        with quiet():
            self.port = self.library.PyAudio()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.terminate()

    def devices(self) -> list[Device]:
        """List all devices."""
        found = (self.port.get_device_info_by_index(index) for index in range(self.port.get_device_count()))
        return [
            Device(
                int(one["index"]),
                str(one["name"]),
                int(one["maxInputChannels"]),
                int(one["maxOutputChannels"]),
                int(one["defaultSampleRate"]),
            )
            for one in found
        ]

    def choose(self, wanted: str | None, *, hears: bool) -> Device:
        """Find a device by its number or a part of its name; None: the default one. Raises `NoDeviceError`."""
        what = "microphone" if hears else "speaker"
        devices = [one for one in self.devices() if (one.inputs if hears else one.outputs)]
        if not devices:
            raise NoDeviceError(f"this machine has no {what}")
        if wanted is None:
            ask = self.port.get_default_input_device_info if hears else self.port.get_default_output_device_info
            try:
                default = int(ask()["index"])
            except OSError as error:
                raise NoDeviceError(f"there is no default {what}: {error}") from None
            return next((one for one in devices if one.index == default), devices[0])
        if wanted.isdecimal():
            fitting = [one for one in devices if one.index == int(wanted)]
        else:
            fitting = [one for one in devices if one.name == wanted]
            fitting = fitting or [one for one in devices if wanted.casefold() in one.name.casefold()]
        if len(fitting) != 1:
            known = ", ".join(f"{one.index} {one.name}" for one in fitting or devices)
            raise NoDeviceError(
                f"'{wanted}' fits several {what}s: {known}"
                if fitting
                else f"'{wanted}' is no {what}; there are {known}"
            )
        return fitting[0]

    def rate_of(self, device: Device, *, hears: bool, wanted: int = RATE) -> int:
        """Return the rate to open a device at: `wanted`, that of the call, where it can be had."""
        options: dict[str, Any] = (
            {"input_device": device.index, "input_channels": 1, "input_format": self.library.paInt16}
            if hears
            else {"output_device": device.index, "output_channels": 1, "output_format": self.library.paInt16}
        )
        for rate in dict.fromkeys((wanted, 16000, device.rate)):
            try:
                if self.port.is_format_supported(rate, **options):
                    return rate
            except ValueError:
                continue
        raise NoDeviceError(f"{device.name} takes no 16-bit mono at {wanted}, 16000 or {device.rate} Hz")

    def stream(self, device: Device, rate: int, take: Callable[..., Any], *, hears: bool) -> Any:
        """Open one side by itself, mono and of 16 bits, in blocks of 20 ms; `take` is PortAudio's callback.

        It runs from now on, until it is closed. Raises `NoDeviceError`.
        """
        side = (
            {"input": True, "input_device_index": device.index}
            if hears
            else {"output": True, "output_device_index": device.index}
        )
        try:
            return self.port.open(
                format=self.library.paInt16,
                channels=1,
                rate=rate,
                frames_per_buffer=rate // 50,
                stream_callback=take,
                **side,
            )
        except OSError as error:
            raise NoDeviceError(f"{device.name}: {error}") from None
