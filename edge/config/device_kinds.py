"""Kinds of texts in profiles of devices; `kinds.FAULTS` lists them. Each check says what is wrong, or nothing."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from edge.core.lines.relays import octets

_USB_ID: Final = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)
_DEVICE: Final = re.compile(r"/dev/[A-Za-z0-9._/-]{1,100}", re.ASCII)
_LED: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_:.+-]{0,62}", re.ASCII)
#: V.250, 5.2.1: a command line begins with AT. What ends or edits one (S3, S5) cannot stand in it.
_AT: Final = re.compile(r"AT[ -~]{0,198}", re.ASCII)
_REPEATED: Final = re.compile(r"\)[*+]|\)\{\d*,\}")


def usb_id_fault(text: str) -> str:
    """Check vendor and product of a USB device."""
    return "" if _USB_ID.fullmatch(text) else f"'{text}' is not vendor:product in hexadecimal such as 1e0e:9001"


def at_command_fault(text: str) -> str:
    """Check a command line for a modem (ITU-T V.250), without its carriage return."""
    if _AT.fullmatch(text):
        return ""
    if text[:2].upper() == "AT" and text.isascii() and text.isprintable():
        return "a command begins with AT in capitals, and has at most 200 characters"
    return f"'{text[:60]}' is not a command: AT and printable ASCII, at most 200 characters"


def line_pattern_fault(text: str) -> str:
    """Check a regular expression for a line of a modem. A repeated group could take forever on what it sends."""
    if len(text) > 200:
        return "the pattern is longer than 200 characters"
    if _REPEATED.search(text):
        return "the pattern repeats a group without end"
    try:
        re.compile(text, re.ASCII)
    except (re.error, OverflowError) as error:
        return f"not a pattern: {error}"
    return ""


def octets_fault(text: str) -> str:
    """Check what is written to a relay board."""
    try:
        made = octets(text, 1)
    except ValueError as error:
        return str(error)
    return "" if 0 < len(made) <= 64 else "1 to 64 octets are written"


def device_path_fault(text: str) -> str:
    """Check a device file."""
    return "" if _DEVICE.fullmatch(text) and ".." not in text else f"'{text}' is not a device such as /dev/watchdog0"


def led_fault(text: str) -> str:
    """Check the name of a light; it stands in settings of systemd, where a blank or a $ would mean more."""
    return "" if _LED.fullmatch(text) else f"'{text[:60]}' is no folder of /sys/class/leds such as ACT"


def serial_port_fault(text: str) -> str:
    """Check a port for commands or sound: a device file by its path, or a URL of pyserial."""
    if "://" in text:
        known = ("socket://", "rfc2217://", "spy://", "alt://", "loop://", "hwgrep://")
        if not text.startswith(known):
            return f"'{text[:60]}' is no URL of a serial port such as socket://host:port"
        return _network_fault(text) if text.startswith(known[:2]) else ""
    return "" if text.startswith("/") else f"'{text[:60]}' is no path such as /dev/serial/by-path/..."


def _network_fault(url: str) -> str:
    """Check that a port in another box has a host and a port."""
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname and parts.port)
    except ValueError:
        whole = False
    return "" if whole else f"'{url[:60]}' has no host, or no port from 1 to 65535: socket://host:port"


FAULTS: Final[dict[str, Callable[[str], str]]] = {
    "usb_id": usb_id_fault,
    "at_command": at_command_fault,
    "line_pattern": line_pattern_fault,
    "octets": octets_fault,
    "device_path": device_path_fault,
    "led": led_fault,
    "serial_port": serial_port_fault,
}
