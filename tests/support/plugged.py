"""A machine that is made: trees like /sys and /dev, with devices that are plugged in and pulled out.

Folders, links and files are as Linux 6.1 has them for option, cdc_acm, ch341 and snd-usb-audio.
"""

import shutil
from pathlib import Path


class Plugged:
    """A machine; `sysfs` and `dev` are its roots."""

    def __init__(self, folder: Path) -> None:
        self.sysfs, self.dev = folder / "sys", folder / "dev"
        self._bus = self.sysfs / "devices/pci0000:00/0000:00:14.0/usb1"
        self._all = self.sysfs / "bus/usb/devices"
        for place in (self.sysfs / "class/tty", self.sysfs / "class/sound", self.dev, self._bus, self._all):
            place.mkdir(parents=True)
        # What every machine has and nobody can call with: a console, four names of ports with one chip behind them.
        (self.sysfs / "devices/virtual/tty/tty1").mkdir(parents=True)
        (self.sysfs / "class/tty/tty1").symlink_to(self.sysfs / "devices/virtual/tty/tty1")
        for number, chip in enumerate((4, 0, 0, 0)):
            self._tty(self.sysfs / "devices/platform/serial8250", f"ttyS{number}", chip)
        hdmi = self.sysfs / "devices/pci0000:00/0000:00:1f.3"
        hdmi.mkdir()
        self._sound(hdmi, 0, "PCH")

    def _tty(self, device: Path, name: str, chip: int | None = None) -> None:
        place = device / "tty" / name
        place.mkdir(parents=True)
        (place / "device").symlink_to(device)
        if chip is not None:
            (place / "type").write_text(f"{chip}\n")
        (self.sysfs / "class/tty" / name).symlink_to(place)
        (self.dev / name).touch()

    def _sound(self, device: Path, number: int, name: str) -> None:
        place = device / f"sound/card{number}"
        place.mkdir(parents=True)
        (place / "device").symlink_to(device)
        (place / "id").write_text(name + "\n")
        (self.sysfs / f"class/sound/card{number}").symlink_to(place)

    def _link(self, kind: str, name: str, leads_to: str) -> None:
        folder = self.dev / "serial" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(f"../../{leads_to}")

    def device(self, path: str, ids: str, *, names: tuple[str, str] = ("", ""), serial: str = "") -> Path:
        """A USB device at `path` (`1-2`)."""
        place = self._bus / path
        place.mkdir()
        (self._all / path).symlink_to(place)
        vendor, product = ids.split(":")
        files = {
            "idVendor": vendor,
            "idProduct": product,
            "manufacturer": names[0],
            "product": names[1],
            "serial": serial,
        }
        for name, text in files.items():
            if text:
                (place / name).write_text(text + "\n")
        return place

    def interface(self, path: str, number: int) -> Path:
        """One of its interfaces."""
        place = self._bus / path / f"{path}:1.{number}"
        place.mkdir()
        (place / "bInterfaceNumber").write_text(f"{number:02x}\n")
        return place

    def usb_serial(self, path: str, number: int, tty: str) -> str:
        """A port of a usb-serial driver (option, ch341) on an interface; gives its by-path link."""
        self._tty(self.interface(path, number) / tty, tty)
        return self._by_path(path, number, tty, "-port0")

    def acm(self, path: str, number: int, tty: str) -> str:
        """A port of cdc_acm."""
        self._tty(self.interface(path, number), tty)
        return self._by_path(path, number, tty, "")

    def _by_path(self, path: str, number: int, tty: str, port: str) -> str:
        name = f"pci-0000:00:14.0-usb-0:{path.partition('-')[2]}:1.{number}{port}"
        self._link("by-path", name, tty)
        self._link("by-path", name.replace("-usb-", "-usbv2-"), tty)
        return str(self.dev / "serial/by-path" / name)

    def sound(self, path: str, number: int, card: int, name: str) -> None:
        """A card of snd-usb-audio on an interface."""
        self._sound(self.interface(path, number), card, name)

    def sim7600(self, path: str, first_tty: int, serial: str = "0123456789ABCDEF") -> list[str]:
        """A SIM7600: five ports of `option`; its serial number is that of all of them."""
        self.device(path, "1e0e:9001", names=("SimTech, Incorporated", "SimTech, Incorporated"), serial=serial)
        return [self.usb_serial(path, number, f"ttyUSB{first_tty + number}") for number in range(5)]

    def unplug(self, path: str) -> None:
        """Pull a device out: all that hangs on it vanishes, with the links."""
        shutil.rmtree(self._bus / path)
        for folder in (self.sysfs / "class/tty", self.sysfs / "class/sound", self._all):
            for link in folder.iterdir():
                if not link.exists():
                    link.unlink()
                    (self.dev / link.name).unlink(missing_ok=True)
        for link in self.dev.glob("serial/*/*"):
            if not link.exists():
                link.unlink()
