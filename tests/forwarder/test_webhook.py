"""What is made of a sink's URL."""

import pytest

from edge.forwarder.sinks.base import BadSettingsError
from edge.forwarder.sinks.webhook import read_url


@pytest.mark.parametrize(
    ("text", "origin", "path", "authority", "userinfo"),
    [
        ("https://crm.example", b"crm.example:443", b"/", b"crm.example", ""),
        ("https://CRM.example:443/a", b"crm.example:443", b"/a", b"crm.example", ""),
        ("http://crm.example:8080/a?b=c#d", b"crm.example:8080", b"/a?b=c", b"crm.example:8080", ""),
        ("http://[::1]:81/?x", b"::1:81", b"/?x", b"[::1]:81", ""),
        ("http://u:p%40@h/in%20box?key=v%2Fw&q=[1]", b"h:80", b"/in%20box?key=v%2Fw&q=[1]", b"h", "u:p%40"),
        ("http://h/gr\u00fc\u00dfe?\u20ac", b"h:80", b"/gr%C3%BC%C3%9Fe?%E2%82%AC", b"h", ""),
        ("http://h/a b\x7f", b"h:80", b"/a%20b%7F", b"h", ""),
    ],
)
def test_a_url_is_used_as_written(text: str, origin: bytes, path: bytes, authority: bytes, userinfo: str) -> None:
    url, host, user = read_url(text)
    assert f"{url.host}:{url.port}".encode() == origin
    assert (url.path, host, user) == (path, authority, userinfo)


@pytest.mark.parametrize(
    "text", ["", "crm.example/a", "ftp://h/", "http://", "http://h:99999/", "http://[::1/", "http://h:x/"]
)
def test_a_url_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadSettingsError):
        read_url(text)
