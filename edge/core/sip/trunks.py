"""Who a source address is, and how many new calls a second it may bring."""

import ipaddress
from collections import deque
from typing import Literal

from msgspec import Struct

from edge.core.routing.did import covers
from edge.core.routing.numbers import Form, e164
from edge.core.sip.actions import Place, Transport
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
    #: Where REGISTER is sent to; the next one when one does not answer.
    hops: tuple[Place, ...]
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
    #: No port was stated: the name's SRV records may name others.
    any_port: bool = False
    #: Further addresses, tried when the first does not take the call.
    others: tuple[Place, ...] = ()
    #: Proxy that calls are sent through.
    proxy: Place | None = None
    #: How long nothing may be heard before another address is tried (RFC 3261 timer B).
    invite_timeout_ms: int = 32_000
    #: Calls at the same time, both directions; 0: any number.
    max_channels: int = 0
    #: New calls a second of each direction; 0: as for all.
    calls_per_second: int = 0
    transport: Transport = "udp"
    #: None was stated: NAPTR records of its name may say another one.
    any_transport: bool = False
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
    #: Our provisional responses are reliable where its peers support that.
    reliable: bool = True
    #: Its peers may send calls on to `refer_to`, by REFER and by a 3xx to a call of ours.
    refer: bool = False
    redirects: bool = False
    refer_to: tuple[str, ...] = ()
    #: Its calls come from this port, and nobody else's do; 0: from any.
    source_port: int = 0

    @property
    def place(self) -> Place:
        """Where it is called: its first address."""
        return Place(self.host, 0 if self.any_port else self.port, self.transport, self.any_transport)

    @property
    def literal_hosts(self) -> list[str]:
        """Its own addresses that need no look-up."""
        hosts = [self.host, *[place.host for place in (*self.others, self.proxy) if place is not None]]
        return [host for host in hosts if is_literal(host)]

    def may_be_sent_to(self, number: str) -> bool:
        """Whether its peers may send calls on to `number`."""
        names = (number, e164(number, self.country) if self.country else "")
        return any(covers(pattern, names) for pattern in self.refer_to)

    def srtp_over(self, transport: Transport) -> SrtpPolicy | None:
        """Return the policy for calls signalled over `transport`; None: there can be none, their keys could be read."""
        if transport == "tls" or self.srtp_without_tls or self.srtp == "off":
            return self.srtp
        return None if self.srtp == "required" else "off"


class Member(Struct, frozen=True):
    """One trunk of a group."""

    trunk: str
    #: Lower ones are tried first.
    priority: int = 1
    #: Its share among those of one priority.
    weight: int = 1


class Group(Struct, frozen=True, kw_only=True):
    """Trunks of which one takes a call."""

    name: str
    members: tuple[Member, ...]
    #: Status codes after which the next one is tried; after 503 it always is.
    codes: frozenset[int] = frozenset()
    #: The next one is tried when a call has not rung by then, milliseconds; 0: it may take its time.
    ring_timeout_ms: int = 0

    def in_order(self, draw: int) -> list[str]:
        """Return the trunks as they are to be tried; `draw`: a large random number.

        As RFC 2782 has it for servers: by priority, and in one priority each comes first as often as its weight says.
        """
        found: list[str] = []
        left = sorted(self.members, key=lambda member: member.priority)
        while left:
            level = [member for member in left if member.priority == left[0].priority]
            draw, at = divmod(draw, sum(member.weight for member in level))
            for member in level:
                at -= member.weight
                if at < 0:
                    found.append(member.trunk)
                    left.remove(member)
                    break
        return found


class Trunks:
    """All trunks."""

    def __init__(
        self,
        trunks: tuple[Trunk, ...],
        calls_per_second: int,
        key_tones: KeyTones = Q24,
        groups: tuple[Group, ...] = (),
    ) -> None:
        self._cap = calls_per_second
        self._learned: dict[str, tuple[str, ...]] = {}
        self._starts: dict[tuple[str, bool], deque[int]] = {}
        #: Grows with every new set of trunks or of their addresses.
        self.version = 0
        self.replace(trunks, key_tones, groups)

    def replace(self, trunks: tuple[Trunk, ...], key_tones: KeyTones = Q24, groups: tuple[Group, ...] = ()) -> None:
        """Take a new set of trunks; calls in progress keep their trunk's name.

        `key_tones`: which tones are keys where a call goes to no trunk.
        """
        self.key_tones = key_tones
        self.version += 1
        self.by_name = {trunk.name: trunk for trunk in trunks}
        self.groups = {group.name: group for group in groups}
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
                *trunk.literal_hosts,
                *self._learned.get(trunk.name, ()),
            )
        ]
        self._known: dict[str, tuple[Trunk, ...]] = {}

    def of_host(self, host: str) -> Trunk | None:
        """Return the first trunk that names `host` among its sources; None for a stranger."""
        found = self.all_of_host(host)
        return found[0] if found else None

    def of_call(self, source: Address, user: str) -> Trunk | None:
        """Return whose call to `user` from `source` is: accounts at one provider differ by their Contact."""
        found = self._of_port(source)
        return next((trunk for trunk in found if trunk.contact_user and trunk.contact_user == user), None) or (
            found[0] if found else None
        )

    def of_address(self, address: Address) -> Trunk | None:
        """Return the first trunk that what is sent to `address` goes to; None: there is none."""
        found = self._of_port(address)
        return found[0] if found else None

    def _of_port(self, address: Address) -> tuple[Trunk, ...]:
        found = self.all_of_host(address.host)
        own = tuple(trunk for trunk in found if trunk.source_port == address.port)
        return own or tuple(trunk for trunk in found if not trunk.source_port)

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

    def admit(self, trunk: Trunk, now_ms: int, *, ours: bool = False) -> bool:
        """Count a new call of `trunk`, or (`ours`) to it; False when it is above the cap of calls a second."""
        starts = self._starts.setdefault((trunk.name, ours), deque())
        while starts and starts[0] <= now_ms - 1000:
            starts.popleft()
        if len(starts) >= (trunk.calls_per_second or self._cap):
            return False
        starts.append(now_ms)
        return True


class Settings(Struct, frozen=True, kw_only=True):
    """What the relay is told about the site."""

    #: Address and port that peers are shown.
    public: Address
    #: Our IPv6 address (the same ports) where `public` is an IPv4 one and we have both; empty: we have not.
    public6: str = ""
    #: Port of `public` for TLS; 0: nothing listens there, but connections of ours name it.
    tls_port: int = 5061
    #: Host that descriptions name instead of the media engine's own address (NAT); empty: the engine's.
    media_host: str = ""
    #: Host that descriptions name to IPv6 peers; empty: as `media_host`.
    media_host6: str = ""
    #: Front's own address towards spans.
    inner: Address
    trunks: tuple[Trunk, ...]
    groups: tuple[Group, ...] = ()
    calls_per_second: int
    #: Which tones are keys where a call goes to no trunk.
    key_tones: KeyTones = KeyTones()
    max_spans: int
    #: Random and unguessable, for what must not be foreseen (cnonces, jitter).
    seed: str = ""
    #: What strangers get.
    strangers: Literal["drop", "refuse"] = "drop"
