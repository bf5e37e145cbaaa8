"""Who a source address is, and how many new calls a second it may bring."""

import ipaddress
from collections import deque
from typing import Literal

from msgspec import Struct

from edge.core.routing.numbers import Form
from edge.core.sip.actions import Transport
from edge.core.sip.authentication import Account
from edge.core.sip.session_timers import Policy
from edge.core.sip.uri import is_literal
from edge.vocabulary.crypto import SrtpPolicy
from edge.vocabulary.media import Q24, Address, DigitSending, KeyTones

_SOURCES_REMEMBERED = 4096


class Registrar(Struct, frozen=True, kw_only=True):
    """Where and how a trunk is registered (RFC 3261 section 10)."""

    #: Host and port (0: none) of the Request-URI.
    domain: str
    port: int = 0
    #: User and domain of the address of record.
    aor_user: str
    aor_domain: str
    #: Hosts and ports that REGISTER is sent to; the next one when one does not answer.
    hops: tuple[tuple[str, int], ...]
    #: They are a proxy before the registrar, and named in a Route.
    by_proxy: bool = False
    expires_s: int = 3600
    #: Further parameters of the Contact header.
    contact_params: tuple[tuple[str, str | None], ...] = ()


class Trunk(Struct, frozen=True, kw_only=True):
    """A peer, as the site file describes it."""

    name: str
    #: Addresses and networks (CIDR).
    sources: tuple[str, ...]
    #: Where outgoing calls are sent to: an IP address or a name; empty: cannot be dialled by number.
    host: str = ""
    port: int = 5060
    transport: Transport = "udp"
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    srtp: SrtpPolicy = "off"
    dtmf: DigitSending = "auto"
    #: Which tones of its peers are keys.
    key_tones: KeyTones = KeyTones()
    #: Its peers' media addresses may be learned.
    symmetric: bool = False
    #: Calls that it may bring at the same time without having acknowledged our answer.
    max_pending: int = 100
    #: Who we are there; None: it knows us by our address.
    account: Account | None = None
    #: None: it is not registered.
    registrar: Registrar | None = None
    #: User part of our Contact in registrations; calls for it are this trunk's, where trunks share an address.
    contact_user: str = ""
    #: Of our From, instead of the caller and our own address; empty: not instead.
    from_user: str = ""
    from_domain: str = ""
    #: Interval of OPTIONS; 0: none. It is down after so many misses in a row.
    qualify_ms: int = 0
    qualify_misses: int = 3
    #: Place calls there, too, when it is known to be down.
    dial_when_down: bool = False
    #: Keys of SRTP may be told over connections that are not TLS.
    srtp_without_tls: bool = False
    session: Policy = Policy()
    #: Country of its national numbers (`DE`), and how it wants numbers that are dialled through it.
    country: str = ""
    dial_as: Form = "as_is"
    #: It is believed when it names another caller than From does.
    trust_identity: bool = False
    #: Own headers (`X-...`) that are taken from it and sent to it.
    headers: tuple[str, ...] = ()
    #: Number that it is shown as the caller (user part); empty: the real one.
    caller_id: str = ""
    caller_id_in: Literal["from", "asserted"] = "from"
    send_identity: Literal["none", "pai", "rpid"] = "none"
    #: It is told from which number a call was diverted.
    send_diversion: bool = False

    def srtp_over(self, transport: Transport) -> SrtpPolicy | None:
        """Return the policy for calls signalled over `transport`; None: there can be none, their keys could be read."""
        if transport == "tls" or self.srtp_without_tls or self.srtp == "off":
            return self.srtp
        return None if self.srtp == "required" else "off"


class Trunks:
    """All trunks."""

    def __init__(self, trunks: tuple[Trunk, ...], calls_per_second: int, key_tones: KeyTones = Q24) -> None:
        self._cap = calls_per_second
        self._learned: dict[str, tuple[str, ...]] = {}
        self._starts: dict[str, deque[int]] = {}
        #: Grows with every new set of trunks or of their addresses.
        self.version = 0
        self.replace(trunks, key_tones)

    def replace(self, trunks: tuple[Trunk, ...], key_tones: KeyTones = Q24) -> None:
        """Take a new set of trunks; calls in progress keep their trunk's name.

        `key_tones`: which tones are keys where a call goes to no trunk.
        """
        self.key_tones = key_tones
        self.version += 1
        self.by_name = {trunk.name: trunk for trunk in trunks}
        self._set_networks()

    def learn(self, hosts: dict[str, tuple[str, ...]]) -> None:
        """Take the addresses that names of trunks and registrars were found to have, by trunk: sources, too."""
        if hosts != self._learned:
            self._learned = hosts
            self.version += 1
            self._set_networks()

    def _set_networks(self) -> None:
        # A trunk's own address answers what we send there, whether its sources name it or not.
        self._networks = [
            (ipaddress.ip_network(source, strict=False), trunk)
            for trunk in self.by_name.values()
            for source in (
                *trunk.sources,
                *([trunk.host] if is_literal(trunk.host) else []),
                *self._learned.get(trunk.name, ()),
            )
        ]
        self._known: dict[str, tuple[Trunk, ...]] = {}

    def of_host(self, host: str) -> Trunk | None:
        """Return the first trunk that names `host` among its sources; None for a stranger."""
        found = self.all_of_host(host)
        return found[0] if found else None

    def of_call(self, host: str, user: str) -> Trunk | None:
        """Return whose call to `user` from `host` is: accounts at one provider differ by their Contact."""
        found = self.all_of_host(host)
        return next((trunk for trunk in found if trunk.contact_user and trunk.contact_user == user), None) or (
            found[0] if found else None
        )

    def includes(self, name: str, host: str) -> bool:
        """Whether `host` is one of the sources of trunk `name`."""
        return any(trunk.name == name for trunk in self.all_of_host(host))

    def all_of_host(self, host: str) -> tuple[Trunk, ...]:
        """Return the trunks that name `host` among their sources, in the order of the site file."""
        try:
            return self._known[host]
        except KeyError:
            pass
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return ()
        names = {trunk.name: trunk for network, trunk in self._networks if address in network}
        found = tuple(names.values())
        if len(self._known) >= _SOURCES_REMEMBERED:
            # A flood from many addresses must not grow our memory.
            self._known.clear()
        self._known[host] = found
        return found

    @property
    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """All sources."""
        return [network for network, _ in self._networks]

    def admit(self, trunk: Trunk, now_ms: int) -> bool:
        """Count a new call of `trunk`; False when it is above the cap of calls a second."""
        starts = self._starts.setdefault(trunk.name, deque())
        while starts and starts[0] <= now_ms - 1000:
            starts.popleft()
        if len(starts) >= self._cap:
            return False
        starts.append(now_ms)
        return True


class Settings(Struct, frozen=True, kw_only=True):
    """What the relay is told about the site."""

    #: Address and port that peers are shown.
    public: Address
    #: Port of `public` for TLS; 0: nothing listens there, but connections of ours name it.
    tls_port: int = 5061
    #: Host that descriptions name instead of the media engine's own address (NAT); empty: the engine's.
    media_host: str = ""
    #: Front's own address towards spans.
    inner: Address
    trunks: tuple[Trunk, ...]
    calls_per_second: int
    #: Which tones are keys where a call goes to no trunk.
    key_tones: KeyTones = KeyTones()
    max_spans: int
    #: Random and unguessable, for what must not be foreseen (cnonces, jitter).
    seed: str = ""
    #: What strangers get.
    strangers: Literal["drop", "refuse"] = "drop"
