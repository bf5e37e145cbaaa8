"""What the core is told about the site: its trunks, their groups, our own addresses."""

import os

from edge.config import trunk_settings
from edge.config.site import Site
from edge.core.sip.presence import default_port
from edge.core.sip.session_timers import Policy
from edge.core.sip.trunks import Group, Member, Settings, Trunk
from edge.front.accounts import account_of, registrar_of
from edge.front.places import place_of, transport_of
from edge.vocabulary.media import Address, KeyTones


def trunks_of(site: Site) -> tuple[Trunk, ...]:
    """Return the site's trunks as the core wants them."""
    found: list[Trunk] = []
    for trunk in site.trunks:
        at = place_of(trunk.address, trunk)
        found.append(
            Trunk(
                name=trunk.name,
                sources=tuple(trunk.sources),
                host=at.host if at is not None else "",
                port=(at.port if at is not None else 0) or default_port(transport_of(trunk)),
                any_port=at is not None and not at.port,
                others=tuple(one for text in trunk.addresses if (one := place_of(text, trunk)) is not None),
                proxy=place_of(trunk.outbound_proxy, trunk),
                invite_timeout_ms=trunk.invite_timeout_ms,
                max_channels=trunk.max_channels,
                calls_per_second=trunk.calls_per_second,
                transport=transport_of(trunk),
                any_transport=trunk.transport == "auto",
                codecs=tuple(codec.upper() for codec in trunk.codecs),
                srtp=trunk.srtp,
                srtp_without_tls=trunk.srtp_without_tls,
                dtmf=trunk.dtmf,
                symmetric=trunk.symmetric_rtp,
                max_pending=trunk.max_pending,
                key_tones=_key_tones(trunk),
                account=account_of(trunk),
                session=Policy(
                    expires_s=max(trunk.session_expires_seconds, trunk.session_min_seconds)
                    if trunk.session_expires_seconds
                    else 0,
                    min_s=trunk.session_min_seconds,
                    refresher=trunk.session_refresher,
                ),
                country=trunk.country,
                dial_as=trunk.dial_as,
                trust_identity=trunk.trust_identity,
                headers=tuple(trunk.headers),
                caller_id=trunk.caller_id,
                caller_id_in=trunk.caller_id_in,
                send_identity=trunk.send_identity,
                send_diversion=trunk.send_diversion,
                reliable=trunk.reliable_provisionals == "when_supported",
                refer=trunk.refer == "allow",
                redirects=trunk.redirects == "follow",
                refer_to=tuple(trunk.refer_to),
                registrar=registrar_of(trunk),
                contact_user=(trunk.contact_user or trunk.user) if trunk.register else "",
                from_user=trunk.from_user,
                from_domain=trunk.from_domain,
                qualify_ms=trunk.qualify_ms,
                qualify_misses=trunk.qualify_misses,
                dial_when_down=trunk.dial_when_down,
                source_port=trunk.source_port,
            )
        )
    return tuple(found)


def groups_of(site: Site) -> tuple[Group, ...]:
    """Return the site's groups of trunks as the core wants them."""
    return tuple(
        Group(
            name=group.name,
            members=tuple(Member(one.trunk, one.priority, one.weight) for one in group.members),
            codes=frozenset(
                code
                for text in group.failover_on
                for code in range(int(text[0]) * 100, int(text[0]) * 100 + 100)
                if text.endswith("xx") or code == int(text)
            ),
            ring_timeout_ms=group.ring_timeout_ms,
        )
        for group in site.trunk_groups
    )


def _key_tones(trunk: trunk_settings.Trunk) -> KeyTones:
    return KeyTones(
        inband=trunk.inband_dtmf,
        min_tone_ms=trunk.dtmf_min_tone_ms,
        min_pause_ms=trunk.dtmf_min_pause_ms,
        min_level_dbm0=trunk.dtmf_min_level_dbm0,
        max_twist_db=trunk.dtmf_max_twist_db,
        max_reverse_twist_db=trunk.dtmf_max_reverse_twist_db,
    )


def settings_of(site: Site, sip: tuple[str, int], inner: tuple[str, int]) -> Settings:
    """Return the core's settings; `sip` and `inner` are the addresses that the sockets are really bound to."""
    return Settings(
        public=Address(site.sip.public_address or sip[0], sip[1]),
        public6=site.sip.public_address6 or site.sip.address6,
        media_host=site.sip.public_address,
        media_host6=site.sip.public_address6 or site.media.address6 or site.sip.address6,
        tls_port=site.sip.tls_port,
        inner=Address(*inner),
        trunks=trunks_of(site),
        groups=groups_of(site),
        calls_per_second=site.sip.calls_per_second,
        key_tones=KeyTones(inband=site.media.inband_dtmf),
        max_spans=site.sip.max_spans,
        strangers=site.sip.strangers,
        seed=os.urandom(16).hex(),
    )
