"""What TLS needs, checked before anything is started: files that fit each other, certificates that are still valid.

Front makes its contexts by the same functions, so what `edge check` accepts works.
"""

import contextlib
import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

from edge.config.errors import Findings
from edge.config.kinds import split_host_port
from edge.config.located import Located, place_of
from edge.config.site import Site
from edge.config.trunk_settings import Trunk
from edge.core.certificate import NoCertificateError, not_after

#: A certificate that has fewer days left should be renewed by now.
SOON_DAYS = 21


class TlsFileError(Exception):
    """A file for TLS can't be used; `setting` names it."""

    def __init__(self, setting: str, text: str) -> None:
        super().__init__(text)
        self.setting = setting


def _wrong(setting: str, path: str, error: Exception) -> TlsFileError:
    if isinstance(error, ssl.SSLError):
        reason = (
            "it is not the key of the certificate" if "MISMATCH" in str(error.reason) else "it is not PEM of that kind"
        )
        return TlsFileError(setting, f"{path}: {reason}")
    return TlsFileError(setting, f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")


def _base(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _no_password() -> str:
    # Without it OpenSSL would ask at a terminal, and nobody sits there.
    raise TlsFileError("key", "the private key is encrypted")


def _load_own(context: ssl.SSLContext, setting: tuple[str, str], certificate: str, key: str) -> None:
    for name, path in zip(setting, (certificate, key or certificate), strict=True):
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise _wrong(name, path, error) from None
    try:
        context.load_cert_chain(certificate, key or certificate, password=_no_password)
    except TlsFileError:
        raise TlsFileError(setting[1], f"{key or certificate}: the private key is encrypted") from None
    except (OSError, ssl.SSLError) as error:
        raise _wrong(setting[1] if key else setting[0], key or certificate, error) from None


def _load_roots(context: ssl.SSLContext, trunk: Trunk) -> None:
    if not trunk.tls_ca:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(trunk.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise _wrong("tls_ca", trunk.tls_ca, error) from None


def server_context(site: Site, trunk: Trunk | None) -> ssl.SSLContext:
    """Make the context for connections that `trunk` opens. Raises `TlsFileError`."""
    context = _base(ssl.PROTOCOL_TLS_SERVER)
    _load_own(context, ("certificate", "key"), site.sip.certificate, site.sip.key)
    if trunk is not None and trunk.tls_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        _load_roots(context, trunk)
    return context


def http_context(site: Site) -> ssl.SSLContext:
    """Make the context for HTTPS. Raises `TlsFileError`; its `setting` is one of `[http]`."""
    context = _base(ssl.PROTOCOL_TLS_SERVER)
    _load_own(context, ("certificate", "key"), site.http.certificate, site.http.key)
    return context


def client_context(site: Site, trunk: Trunk | None) -> ssl.SSLContext:
    """Make the context for connections that we open to `trunk`; None: to one that no trunk names. Raises as above."""
    context = _base(ssl.PROTOCOL_TLS_CLIENT)
    if trunk is None:
        context.load_default_certs()
    elif trunk.tls_verify:
        _load_roots(context, trunk)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if trunk is not None and trunk.tls_certificate:
        _load_own(context, ("tls_certificate", "tls_key"), trunk.tls_certificate, trunk.tls_key)
    elif site.sip.certificate:
        _load_own(context, ("certificate", "key"), site.sip.certificate, site.sip.key)
    return context


def expected_name(trunk: Trunk) -> str:
    """Return the name or IP address that the trunk's certificate must be for (RFC 5922 section 4: what was dialled)."""
    split = split_host_port(trunk.address)
    return trunk.tls_name or (split[0] if split is not None else "")


def end_of(path: str) -> datetime | None:
    """Return the end of validity of the first certificate of a PEM file; None where there is none."""
    try:
        text = Path(path).read_text(errors="replace")
        begin = text.index("-----BEGIN CERTIFICATE-----")
        return not_after(ssl.PEM_cert_to_DER_cert(text[begin : text.index("-----END CERTIFICATE-----") + 25]))
    except (OSError, ValueError, NoCertificateError):
        return None


def check_tls(site: Site, root: Located, findings: Findings) -> None:
    """Check everything about TLS, and that keys of SRTP are told over it."""
    if site.sip.certificate:
        try:
            server_context(site, None)
        except TlsFileError as error:
            findings.follow_up(place_of(root, ("sip", error.setting)), str(error))
        check_end(site.sip.certificate, root, ("sip", "certificate"), findings)
        if site.sip.tls_port == site.sip.port:
            findings.follow_up(place_of(root, ("sip", "tls_port")), "tls_port is the port of UDP and TCP")
    elif site.sip.key:
        findings.follow_up(place_of(root, ("sip", "key")), "a key without a certificate")
    for index, trunk in enumerate(site.trunks):
        _check_trunk(site, index, trunk, root, findings)


def _check_trunk(site: Site, index: int, trunk: Trunk, root: Located, findings: Findings) -> None:
    at = ("trunks", index)
    _check_keys(trunk, root, at, findings)
    if trunk.tls_client_certificate and not trunk.tls_ca:
        findings.follow_up(
            place_of(root, (*at, "tls_client_certificate")),
            f"trunk '{trunk.name}' needs tls_ca: every owner of a public certificate would be let in",
        )
    elif trunk.tls_ca or trunk.tls_certificate:
        try:
            client_context(site, trunk)
            if trunk.tls_ca:
                _load_roots(_base(ssl.PROTOCOL_TLS_CLIENT), trunk)
        except TlsFileError as error:
            if error.setting.startswith("tls_"):
                findings.follow_up(place_of(root, (*at, error.setting)), str(error))
    if trunk.tls_certificate:
        check_end(trunk.tls_certificate, root, (*at, "tls_certificate"), findings)
    if trunk.transport in {"tls", "auto"} and not trunk.tls_verify:
        findings.warning(
            place_of(root, (*at, "tls_verify")),
            f"trunk '{trunk.name}' is not asked who it is: whoever stands in between can read its calls and keys",
            "set tls_ca and tls_name instead",
        )


def _check_keys(trunk: Trunk, root: Located, at: tuple[str | int, ...], findings: Findings) -> None:
    if trunk.srtp == "off" or trunk.transport == "tls":
        return
    advice = "set transport = 'tls', or srtp_without_tls = true where nobody can read the signalling"
    place = place_of(root, (*at, "srtp"))
    over = "what its name says" if trunk.transport == "auto" else trunk.transport
    said = f"trunk '{trunk.name}' is signalled over {over}, where everybody on the way can read the keys"
    if trunk.srtp_without_tls:
        findings.warning(place_of(root, (*at, "srtp_without_tls")), said, "set transport = 'tls'")
    elif trunk.srtp == "required" and trunk.address:
        findings.follow_up(place, f"{said}: it cannot be called", advice)
    else:
        what = "are refused" if trunk.srtp == "required" else "are not encrypted"
        findings.warning(place, f"{said}: calls over UDP and TCP {what}", advice)


def check_end(path: str, root: Located, at: tuple[str | int, ...], findings: Findings) -> None:
    """Warn of a certificate that is or will soon be too old."""
    end = end_of(path)
    if end is None:
        return
    days = (end - datetime.now(UTC)).total_seconds() / 86400
    if days < 0:
        findings.warning(place_of(root, at), f"{path} expired on {end:%Y-%m-%d}")
    elif days < SOON_DAYS:
        findings.warning(place_of(root, at), f"{path} expires on {end:%Y-%m-%d}")


def file_digests(site: Site) -> dict[str, str]:
    """Return digests of the files of certificates, keys and roots that there are, by their settings.

    A reload reads them again: what was renewed in place is a change, though no setting is.
    """
    files = {
        "sip.certificate": site.sip.certificate,
        "sip.key": site.sip.key,
        "http.certificate": site.http.certificate,
        "http.key": site.http.key,
    }
    for trunk in site.trunks:
        for setting in ("tls_certificate", "tls_key", "tls_ca"):
            files[f"trunk {trunk.name}: {setting}"] = getattr(trunk, setting)
    found = {}
    for name, file in files.items():
        with contextlib.suppress(OSError):
            if file:
                found[name] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return found
