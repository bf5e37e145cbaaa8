"""The end of validity, beside what the openssl program says about the same certificate."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.core.certificate import NoCertificateError, not_after
from tests.support.certificates import Authority


def der_of(path: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text())


@pytest.mark.parametrize("days", [1, 90, 20_000])  # beyond 2049 the time is written in another form
def test_it_is_what_openssl_says(tmp_path: Path, days: int) -> None:
    pair = Authority(tmp_path).issue("sip.example.org", days=days)
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", pair.certificate], check=True, capture_output=True, text=True
    ).stdout
    expected = datetime.strptime(said.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert not_after(der_of(pair.certificate)) == expected
    assert abs(expected - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)


def test_what_is_cut_or_changed_is_no_certificate(tmp_path: Path) -> None:
    der = der_of(Authority(tmp_path).root)
    end = not_after(der)
    for length in range(0, len(der), 7):
        with pytest.raises(NoCertificateError):
            not_after(der[:length])
    for at in range(len(der)):
        try:
            found = not_after(der[:at] + bytes([der[at] ^ 0x55]) + der[at + 1 :])
        except NoCertificateError:
            continue
        assert isinstance(found, datetime), end
