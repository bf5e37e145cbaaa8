"""What is plugged in: serial ports and sound cards by the USB device that they belong to, and by its plug.

Numbers of `ttyUSB` and of cards are given in the order in which the kernel finds things, so nothing goes by them. A
device is known by its USB ids, its plug (bus and ports, `1-2.3`) and its serial number if it has one; what it is for,
by the number of the interface. Everything is read below a root of sysfs (Documentation/ABI/testing/sysfs-bus-usb), so
a made tree is as good as a machine. What vanishes while it is read is left out: it is gone.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct, field

from edge.core.lines.profile import DeviceProfile

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
    def called(self) -> str:
        """Its names, for people and to be searched."""
        return " ".join(word for word in (self.id, self.usb.name if self.usb is not None else "") if word)

    @property
    def hardware(self) -> str:
        """What ALSA and PortAudio's names of its devices have in them."""
        return f"hw:{self.number}"


class Machine(Struct, frozen=True):
    """What was there when it was looked at."""

    ports: list[SerialPort] = field(default_factory=list)
    cards: list[SoundCard] = field(default_factory=list)
    #: All USB devices in the order of their plugs, those without a driver, too.
    usb: list[UsbDevice] = field(default_factory=list)

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
    usb_devices = {usb for place in _entries(sysfs / "bus/usb/devices") if (usb := _usb_device(place.resolve()))}
    ports.sort(key=lambda one: _natural(one.device))
    return Machine(ports, sorted(cards, key=lambda one: one.number), sorted(usb_devices))


class Filters(Struct, frozen=True, kw_only=True):
    """What a line says of its device; empty texts say nothing."""

    #: A path or link of the control port, or a URL of pyserial (`socket://...`), which nothing is looked up for.
    port: str = ""
    #: Plug, as `UsbDevice.path`.
    usb_path: str = ""
    serial_number: str = ""


class Found(Struct, frozen=True, kw_only=True):
    """A device that is there."""

    #: Port to open for commands, by the name that it has now; empty: it has none (a sound card).
    control: str = ""
    #: Port that carries its sound (`[sound] how = "serial_pcm"`).
    sound_port: str = ""
    #: None: it has no card, or which one is left to the line's names of sound devices.
    card: SoundCard | None = None
    usb: UsbDevice | None = None


class NotFound(Struct, frozen=True):
    """It is not there, or which one is meant cannot be told; the text says what to do."""

    text: str


def fitting(profile: DeviceProfile, machine: Machine) -> list[UsbDevice]:
    """List the USB devices that have the ids of a profile, with or without a driver."""
    return [one for one in machine.usb if one.ids in {ids.casefold() for ids in profile.find.usb}]


def find(profile: DeviceProfile, filters: Filters, machine: Machine) -> Found | NotFound:
    """Find the device of a line. Two that fit are none: which one gets the calls must not hang on chance."""
    if "://" in filters.port:
        return Found(control=filters.port)
    if filters.port:
        return _by_port(profile, filters, machine)
    if not profile.find.usb:
        return _without_ids(profile, filters, machine)
    chosen = [one for one in fitting(profile, machine) if _is_meant(one, filters)]
    if not chosen:
        return NotFound(_nothing(profile, filters, machine))
    if len(chosen) > 1:
        every = "; ".join(f"{one}, serial number {one.serial_number or 'none'}" for one in chosen)
        return NotFound(f"{len(chosen)} devices fit, say which by usb_path (or serial_number): {every}")
    return _parts(profile, chosen[0], machine)


def _is_meant(device: UsbDevice, filters: Filters) -> bool:
    return filters.usb_path in {"", device.path} and filters.serial_number in {"", device.serial_number}


def _by_port(profile: DeviceProfile, filters: Filters, machine: Machine) -> Found | NotFound:
    port = machine.port(filters.port)
    if port is None:
        if not Path(filters.port).exists():
            there = ", ".join(one.name for one in machine.ports) or "none"
            return NotFound(f"{filters.port} is not there; serial ports: {there}")
        return Found(control=filters.port)  # such as a pseudo terminal
    if port.usb is None:
        return Found(control=port.device)
    if not _is_meant(port.usb, filters):
        return NotFound(f"{filters.port} belongs to {port.usb}, which is not the device of usb_path or serial_number")
    sound = _interface(profile.find.sound_interface, port.usb, machine)
    return Found(
        control=port.device,
        sound_port="" if sound is None else sound.device,
        card=machine.card_of(port.usb),
        usb=port.usb,
    )


def _without_ids(profile: DeviceProfile, filters: Filters, machine: Machine) -> Found | NotFound:
    """Find a device that is known by its card's name, by its plug, or not at all."""
    if filters.usb_path or filters.serial_number:
        chosen = [one for one in machine.usb if _is_meant(one, filters)]
        return (
            _parts(profile, chosen[0], machine) if len(chosen) == 1 else NotFound(_nothing(profile, filters, machine))
        )
    wanted = profile.find.sound_card
    if wanted:
        cards = [one for one in machine.cards if wanted.casefold() in one.called.casefold()]
        if len(cards) != 1:
            there = ", ".join(f"{one.number} {one.called}" for one in machine.cards) or "none"
            return NotFound(f"{len(cards) or 'no'} sound cards are called '{wanted}'; there are: {there}")
        return Found(card=cards[0], usb=cards[0].usb)
    if profile.kind != "sound_card":
        return NotFound("the profile has no USB ids to find it by: say 'port'")
    return Found()


def _parts(profile: DeviceProfile, device: UsbDevice, machine: Machine) -> Found | NotFound:
    """Find the ports and the card of a device."""
    control = sound = None
    if profile.kind != "sound_card":
        ports = machine.ports_of(device)
        control = _interface(profile.find.control_interface, device, machine)
        if profile.find.control_interface is None and len(ports) == 1:
            control = ports[0]
        if control is None:
            return NotFound(f"{device} has no serial port {_lacking(profile.find.control_interface, ports)}")
    if profile.sound.how == "serial_pcm":
        sound = _interface(profile.find.sound_interface, device, machine)
        if sound is None:
            ports = machine.ports_of(device)
            return NotFound(f"{device} has no port for sound {_lacking(profile.find.sound_interface, ports)}")
    card = machine.card_of(device)
    if card is None and profile.sound.how == "uac" and not profile.find.sound_card:
        return NotFound(f"{device} has no sound card: is snd-usb-audio there, and its USB sound switched on?")
    return Found(
        control="" if control is None else control.device,
        sound_port="" if sound is None else sound.device,
        card=card,
        usb=device,
    )


def _interface(number: int | None, device: UsbDevice, machine: Machine) -> SerialPort | None:
    return next((one for one in machine.ports_of(device) if number is not None and one.interface == number), None)


def _lacking(number: int | None, ports: list[SerialPort]) -> str:
    if not ports:
        return "at all: is its driver there (option, cdc_acm, ch341), and is it in the right USB mode?"
    there = ", ".join(f"{one.interface}" for one in ports)
    return f"on interface {number}, it has some on {there}" if number is not None else f"by itself, but on {there}"


def _nothing(profile: DeviceProfile, filters: Filters, machine: Machine) -> str:
    """Say that there is no such device, and what there is instead."""
    ids = " or ".join(profile.find.usb) or "any"
    others = fitting(profile, machine) if profile.find.usb else []
    at = f" at {filters.usb_path}" if filters.usb_path else ""
    number = f" with serial number {filters.serial_number}" if filters.serial_number else ""
    text = f"no USB device {ids}{at}{number}"
    if others:
        return f"{text}; there is {'; '.join(map(str, others))}"
    here = next((one for one in machine.usb if one.path == filters.usb_path), None)
    return f"{text}; what is plugged in there is {here}" if here is not None else text


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
        usb = _usb_device(folder)
        if usb is not None:
            return usb, interface
    return None, None


def _usb_device(folder: Path) -> UsbDevice | None:
    vendor, product = _number(folder / "idVendor"), _number(folder / "idProduct")
    if vendor is None or product is None:
        return None
    texts = (_read(folder / name) for name in ("manufacturer", "product", "serial"))
    return UsbDevice(folder.name, vendor, product, *texts)


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
