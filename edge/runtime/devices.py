"""What is plugged in: serial ports and sound cards by the USB device that they belong to, and by its plug.

Numbers of `ttyUSB` and of cards are given in the order in which the kernel finds things, so nothing goes by them. A
device is known by its USB ids, its plug (bus and ports, `1-2.3`) and its serial number if it has one; what it is for,
by the number of the interface. Everything is read below a root of sysfs (Documentation/ABI/testing/sysfs-bus-usb), so
a made tree is as good as a machine. What vanishes while it is read is left out: it is gone.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct

SYSFS: Final = Path("/sys")
DEV: Final = Path("/dev")
#: `type` of a serial port of the 8250 driver behind which there is no chip (include/uapi/linux/serial.h, PORT_UNKNOWN).
_NO_CHIP = "0"


class UsbDevice(Struct, frozen=True, order=True):
    """A device on the bus."""

    #: Bus and ports, such as `1-2.3`: stays as it is while the plug stays where it is.
    path: str
    vendor: int
    product: int
    manufacturer: str = ""
    name: str = ""
    #: Empty where it has none; cheap ones all have the same.
    serial_number: str = ""

    @property
    def ids(self) -> str:
        """Vendor and product as everybody writes them."""
        return f"{self.vendor:04x}:{self.product:04x}"

    def __str__(self) -> str:
        called = " ".join(word for word in (self.manufacturer, self.name) if word)
        return f"{self.ids} at {self.path}" + (f" ({called})" if called else "")


class SerialPort(Struct, frozen=True, kw_only=True):
    """A serial port that has hardware behind it."""

    #: What it is called now, such as `/dev/ttyUSB2`.
    device: str
    #: None: not on USB.
    usb: UsbDevice | None = None
    #: Number of the USB interface (bInterfaceNumber).
    interface: int | None = None
    #: Link of `/dev/serial/by-path` that leads there; empty: there is none.
    by_path: str = ""
    #: The same of `/dev/serial/by-id`.
    by_id: str = ""

    @property
    def name(self) -> str:
        """The name that lasts longest."""
        return self.by_path or self.by_id or self.device


class SoundCard(Struct, frozen=True, kw_only=True):
    """A card of ALSA."""

    number: int
    #: ALSA's short name, such as `Device`.
    id: str = ""
    usb: UsbDevice | None = None
    interface: int | None = None

    @property
    def hardware(self) -> str:
        """What ALSA and PortAudio's names of its devices have in them."""
        return f"hw:{self.number}"


class Machine(Struct, frozen=True):
    """What was there when it was looked at."""

    ports: list[SerialPort]
    cards: list[SoundCard]

    def devices(self) -> list[UsbDevice]:
        """List the USB devices that have a serial port or a card, in the order of their plugs."""
        found = [one.usb for one in self.ports] + [one.usb for one in self.cards]
        return sorted({one for one in found if one is not None})

    def ports_of(self, device: UsbDevice) -> list[SerialPort]:
        """List a device's serial ports, in the order of their interfaces."""
        mine = [one for one in self.ports if one.usb == device]
        return sorted(mine, key=lambda one: (-1 if one.interface is None else one.interface, one.device))

    def card_of(self, device: UsbDevice) -> SoundCard | None:
        """Find a device's card."""
        return next((one for one in self.cards if one.usb == device), None)

    def port(self, path: str) -> SerialPort | None:
        """Find a port by any of its names; links are followed."""
        real = str(Path(path).resolve())
        return next(
            (one for one in self.ports if path in {one.device, one.by_path, one.by_id} or one.device == real), None
        )


def look(sysfs: Path = SYSFS, dev: Path = DEV) -> Machine:
    """List serial ports and sound cards."""
    by_path, by_id = _links(dev / "serial/by-path"), _links(dev / "serial/by-id")
    ports = []
    for place in _entries(sysfs / "class/tty"):
        usb, interface = _usb(place / "device")
        if usb is None and not _is_real(place):
            continue
        device = str(dev / place.name)
        ports.append(
            SerialPort(
                device=device,
                usb=usb,
                interface=interface,
                by_path=by_path.get(device, ""),
                by_id=by_id.get(device, ""),
            )
        )
    cards = []
    for place in _entries(sysfs / "class/sound"):
        number = place.name.removeprefix("card")
        if number != place.name and number.isdecimal():
            usb, interface = _usb(place / "device")
            cards.append(SoundCard(number=int(number), id=_read(place / "id"), usb=usb, interface=interface))
    return Machine(sorted(ports, key=lambda one: _natural(one.device)), sorted(cards, key=lambda one: one.number))


class Watch:
    """Whether something was plugged in or pulled out. Cheap: names and links only, so twice a second costs nothing."""

    def __init__(self, sysfs: Path = SYSFS) -> None:
        self._classes = (sysfs / "class/tty", sysfs / "class/sound")
        self._seen = self._names()

    def changed(self) -> bool:
        """Tell whether the machine is another one than at the last call."""
        before, self._seen = self._seen, self._names()
        return before != self._seen

    def _names(self) -> frozenset[tuple[str, str]]:
        # The link says where it hangs, so a device that was pulled out and another that took its number differ.
        return frozenset((place.name, _target(place)) for folder in self._classes for place in _entries(folder))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _target(place: Path) -> str:
    try:
        return str(place.readlink())
    except OSError:
        return ""


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    try:
        return int(_read(file), 16)
    except ValueError:
        return None


def _is_real(port: Path) -> bool:
    """Tell whether a port that is not on USB is more than a name: consoles and pseudo terminals have no device."""
    return (port / "device").exists() and _read(port / "type") != _NO_CHIP


def _usb(device: Path) -> tuple[UsbDevice | None, int | None]:
    """Go up from a port's or card's device to the interface and the USB device that it belongs to."""
    try:
        place = device.resolve(strict=True)
    except OSError:
        return None, None
    interface: int | None = None
    for folder in (place, *place.parents):
        if interface is None:
            interface = _number(folder / "bInterfaceNumber")
        vendor, product = _number(folder / "idVendor"), _number(folder / "idProduct")
        if vendor is not None and product is not None:
            texts = (_read(folder / name) for name in ("manufacturer", "product", "serial"))
            return UsbDevice(folder.name, vendor, product, *texts), interface
    return None, None


def _links(folder: Path) -> dict[str, str]:
    """Map what the links of a folder lead to, to them. Of several the first in the order of names."""
    found: dict[str, str] = {}
    for link in sorted(_entries(folder)):
        try:
            found.setdefault(str(link.resolve()), str(link))
        except OSError:
            continue
    return found


def _natural(device: str) -> tuple[str, int]:
    name = device.rstrip("0123456789")
    return name, int(device[len(name) :] or -1)
