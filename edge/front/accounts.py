"""What the site file says of accounts at providers, as the core wants it."""

from edge.config.kinds import split_host_port
from edge.config.trunk_settings import Trunk
from edge.core.sip.authentication import Account
from edge.core.sip.presence import bracketed, default_port
from edge.core.sip.trunks import Registrar
from edge.front.places import place_of, transport_of
from edge.vocabulary.private import Private


def account_of(trunk: Trunk) -> Account | None:
    """Return the account that challenges of a trunk are answered with; None: it has none."""
    if not trunk.user:
        return None
    return Account(
        user=trunk.user,
        auth_user=trunk.auth_user or trunk.user,
        password=Private(trunk.password),
        realm=trunk.realm,
    )


def registrar_of(trunk: Trunk) -> Registrar | None:
    """Return where and how a trunk is registered; None: it is not."""
    domain = split_host_port(trunk.registrar or trunk.address)
    if not trunk.register or domain is None:
        return None
    host, port = domain
    named = [trunk.outbound_proxy] if trunk.outbound_proxy else trunk.registrar_addresses or [trunk.registrar]
    hops = [place_of(one or trunk.address, trunk) for one in named]
    standard = default_port(transport_of(trunk))
    return Registrar(
        domain=bracketed(host),
        port=port if port not in (None, standard) else 0,
        aor_user=trunk.from_user or trunk.user,
        aor_domain=trunk.from_domain or bracketed(host),
        hops=tuple(one for one in hops if one is not None),
        by_proxy=bool(trunk.outbound_proxy),
        expires_s=trunk.expires_seconds,
        contact_params=tuple(_parameter(one) for one in trunk.contact_params),
    )


def _parameter(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name.lower(), value if equals else None
