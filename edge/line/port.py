"""A serial port by pyserial: opened for ourselves alone, read on a thread, written from the loop."""

import asyncio
import contextlib
import fcntl
import os
import termios
import threading
from collections.abc import Callable
from typing import Any

from edge.core.lines.profile import Serial

#: A device that takes nothing for so long is lost.
_WRITE_S = 0.5
_READ_S = 0.5
_PARITY = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}


class PortError(Exception):
    """The port cannot be opened, or is lost; the text says why."""


class Port:
    """An open port. `received` and `lost` are called on the loop.

    To open and to close it may take seconds; both may be done on any thread.
    """

    def __init__(
        self, url: str, settings: Serial, received: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        """Open it; nothing is read before `begin`. Raises `PortError`."""
        self._received, self._lost = received, lost
        self._over = False
        self._is_device = "://" not in url
        self._owed = b""
        self._port = _opened(url, settings)
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Read from now on, for the running loop."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, args=[loop], name="port", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Write; a port that takes nothing is lost."""
        if self._over:
            return
        try:
            self._port.write(data)
        except OSError as error:  # SerialException and SerialTimeoutException are such
            self._fail(f"it cannot be written: {error}")

    def write_sound(self, data: bytes) -> int:
        """Write what there is room for at once, in whole samples of 16 bits; returns how many octets were left out."""
        if self._over or not self._is_device:
            self.write(data)
            return 0
        try:
            written = os.write(self._port.fileno(), self._owed + data)
        except BlockingIOError:
            return len(data)
        except OSError as error:
            self._fail(f"it cannot be written: {error}")
            return 0
        whole = self._owed + data
        # Half a sample that has left is followed by its other half, or all that comes would be noise.
        self._owed = whole[written : written + 1] if written % 2 else b""
        return len(whole) - written - len(self._owed)

    def let_go(self) -> None:
        """Call nobody any more; `close` gives it back."""
        self._over = True

    def close(self) -> None:
        """Give it back; nothing is called any more."""
        self._over = True
        with contextlib.suppress(OSError, AttributeError, TypeError):
            self._port.cancel_read()
        if self._thread is not None:
            self._thread.join(2 * _READ_S)
        with contextlib.suppress(OSError):
            self._port.close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._over:
            try:
                data = self._port.read(1)
                waiting = self._port.in_waiting if data else 0
                data += self._port.read(waiting) if waiting else b""
            except (OSError, TypeError, AttributeError) as error:  # the last two: closed while it reads
                _call(loop, self._fail, f"it was lost: {error}")
                return
            if data:
                _call(loop, self._hand_over, data)

    def _hand_over(self, data: bytes) -> None:
        if not self._over:
            self._received(data)

    def _fail(self, text: str) -> None:
        if not self._over:
            self._over = True
            self._lost(text)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[Any], None], value: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(function, value)


def _opened(url: str, settings: Serial) -> Any:
    try:
        import serial
    except ImportError as error:
        raise PortError(f"pyserial is not installed ({error}): pip install 'edge-appliance[lines]'") from None
    known = {5: serial.FIVEBITS, 6: serial.SIXBITS, 7: serial.SEVENBITS, 8: serial.EIGHTBITS}
    try:
        port = serial.serial_for_url(
            url,
            do_not_open=True,
            baudrate=settings.baudrate,
            bytesize=known[settings.bytesize],
            parity=_PARITY[settings.parity],
            stopbits=settings.stopbits,
            rtscts=settings.rtscts,
            timeout=_READ_S,
            write_timeout=_WRITE_S,
        )
        if "://" not in url:
            port.exclusive = True
            port.dtr = settings.dtr
        port.open()
    except (OSError, ValueError) as error:
        raise PortError(_explained(url, error)) from None
    if "://" not in url:
        with contextlib.suppress(OSError):
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    return port


def _explained(url: str, error: Exception) -> str:
    text = str(error)
    if "exclusively lock" in text or "Resource temporarily unavailable" in text or "busy" in text.lower():
        return f"{url} is in use by another line or program"
    return f"{url}: {text}"
