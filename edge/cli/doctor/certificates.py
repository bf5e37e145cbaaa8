"""Certificates: ours, as peers will judge them, and those that peers show."""

import functools
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from edge.cli.doctor.asking import CERTIFICATE
from edge.cli.doctor.findings import Notes
from edge.cli.doctor.names import families, own_servers, places
from edge.cli.doctor.patient import Patient
from edge.config.site import Site
from edge.config.tls import (
    SOON_DAYS,
    TlsFileError,
    client_context,
    end_of,
    expected_name,
    http_context,
    server_context,
)
from edge.config.trunk_settings import Trunk
from edge.core.certificate import NoCertificateError, not_after
from edge.core.sip.presence import default_port
from edge.front.names import Names, NoAnswerError, UnknownNameError

_LIMIT_S = 6.0
#: Makes a context; raises `TlsFileError`.
_Maker = Callable[[], ssl.SSLContext]
RENEW = "renew it, and edge reload"


def examine(patient: Patient, notes: Notes) -> None:
    """Look at all of them."""
    site = patient.site
    ours = _ours(site)
    for what, file, make in ours:
        try:
            context = make()
        except TlsFileError as error:
            notes.bad(what, str(error), "put certificate and key there that belong together")
            continue
        _judge_end(what, file, end_of(file), notes)
        _judge_chain(what, context, notes)
    names = Names(own_servers(site), families=families(site))
    theirs = [trunk for trunk in site.trunks if trunk.transport == "tls" and trunk.address]
    for trunk in theirs:
        _look_at_peer(site, trunk, names, notes)
    if not ours and not theirs:
        notes.ok("", "nothing here is done over TLS")


def _ours(site: Site) -> list[tuple[str, str, _Maker]]:
    found: list[tuple[str, str, _Maker]] = []
    if site.sip.certificate:
        found.append(("sip.certificate", site.sip.certificate, lambda: server_context(site, None)))
    if site.http.certificate:
        found.append(("http.certificate", site.http.certificate, lambda: http_context(site)))
    for trunk in site.trunks:
        if trunk.tls_certificate:
            made = functools.partial(client_context, site, trunk)
            found.append((f"trunk {trunk.name}: tls_certificate", trunk.tls_certificate, made))
    return found


def _judge_end(what: str, shown: str, end: datetime | None, notes: Notes) -> None:
    if end is None:
        notes.bad(what, f"{shown}: no certificate can be read", "put a certificate in PEM there")
        return
    days = (end - datetime.now(UTC)).total_seconds() / 86_400
    text = f"{shown}: good until {end:%Y-%m-%d}"
    if days < 0:
        notes.bad(what, f"{shown}: expired on {end:%Y-%m-%d}", RENEW)
    elif days < SOON_DAYS:
        notes.advice(what, f"{text}, {days:.0f} days", RENEW)
    else:
        notes.ok(what, f"{text}, {days:.0f} days")


def _judge_chain(what: str, context: ssl.SSLContext, notes: Notes) -> None:
    """Tell whether a peer that trusts the roots of this system takes it: by a handshake with ourselves."""
    if context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        return
    peer = ssl.create_default_context()
    peer.check_hostname = False
    reason = handshake(context, peer)
    if not reason:
        notes.ok(what, "its chain leads to a root that this system trusts")
    elif "expired" not in reason:  # that was told
        notes.ok(what, f"by the roots of this system: {reason}. Peers have to be given its root, or the chain is short")


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Shake hands in memory; why the client refuses the server's certificate, empty: it does not."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(6):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return "" if "CERTIFICATE_REQUIRED" in str(error.reason) else str(error.reason)
    return ""


def _look_at_peer(site: Site, trunk: Trunk, names: Names, notes: Notes) -> None:
    what = f"trunk {trunk.name}: its certificate"
    try:
        found = names.look_up(places(trunk)[0])
    except (UnknownNameError, NoAnswerError):
        notes.skipped(what, "its address is not known", "see names")
        return
    peer, name = found.addresses[0], expected_name(trunk)
    try:
        context = client_context(site, trunk)
        with (
            socket.create_connection((peer.host, peer.port or default_port("tls")), _LIMIT_S) as plain,
            context.wrap_socket(plain, server_hostname=name or peer.host) as secure,
        ):
            der, version = secure.getpeercert(binary_form=True), secure.version()
    except TlsFileError as error:
        notes.bad(what, str(error), "see the trunk's tls_ settings")
        return
    except ssl.SSLCertVerificationError as error:
        text = f"refused for the name {name or peer.host}: {error.verify_message}"
        notes.bad(what, text, CERTIFICATE)
        return
    except OSError as error:
        notes.bad(what, f"no TLS with {peer}: {error.strerror or error}", "set the port where the peer speaks TLS")
        return
    try:
        end = not_after(der or b"")
    except NoCertificateError:
        end = None
    _judge_end(what, f"{version}, {name or peer.host}", end, notes)
