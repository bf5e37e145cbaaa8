"""Certificates for tests, made by the openssl program: independent of what is tested."""

import ipaddress
import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """PEM files of a certificate and its private key."""

    certificate: str
    key: str


def _openssl(*arguments: str, given: str = "") -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=given.encode(), timeout=30)


class Authority:
    """A certificate authority with files in `folder`; `root` is what its certificates are verified with."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._made = 0
        self._key = str(folder / f"{name}.key")
        self.root = str(folder / f"{name}.pem")
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"),
            *("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.root),
        )

    def issue(self, *names: str, days: int = 30) -> Pair:
        """A certificate for host names and IP addresses; `days` may be negative."""
        self._made += 1
        stem = str(self._folder / f"{Path(self.root).stem}-{self._made}")
        request, key, certificate = f"{stem}.csr", f"{stem}.key", f"{stem}.pem"
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=test", "-keyout", key, "-out", request),
        )
        alternatives = ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names)
        extensions = Path(f"{stem}.ext")
        extensions.write_text(f"subjectAltName={alternatives}\n")
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", str(days), "-extfile", str(extensions), "-out", certificate),
        )
        return Pair(certificate, key)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
