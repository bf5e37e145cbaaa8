"""Which processes an appliance consists of, and what each is given."""

from typing import Final, NamedTuple

from edge.app.starters import Recipe


class Composition(NamedTuple):
    """The packages of the processes; tests put others in their place."""

    front: Recipe = Recipe(
        "edge.front",
        ("sip_udp", "sip_tcp", "sip_tls", "sip_probe", "inner_udp", "front_table", "key_table", "sip_trace"),
        secrets=True,
    )
    switch: Recipe = Recipe("edge.switch", ("link_listener", "switch_seats"))
    media: Recipe = Recipe("edge.media", ("media_state", "rtp", "rtp6", "key_table"), zygote=True, prompt=True)
    span: Recipe = Recipe("edge.span", (), zygote=True)
    forwarder: Recipe = Recipe("edge.forwarder", secrets=True, stdout=True)
    #: Only where the site has campaigns; it needs the password of their database.
    dialer: Recipe = Recipe("edge.dialer", secrets=True)
    #: One for each line of the site. It brings and takes sound every 20 ms: late, it has a hole.
    line: Recipe = Recipe("edge.line", prompt=True)
    web: Recipe = Recipe("edge.web", ("http_listener", "sip_trace"))
    #: Module run once before switch and media start (`python -m`, with the effective configuration's path).
    repair: str = "edge.app.repair"

    def keepers(self) -> frozenset[str]:
        """Return the names of the processes that are given the site's secrets."""
        return frozenset(name for name, recipe in self._asdict().items() if getattr(recipe, "secrets", False))


APPLIANCE: Final = Composition()
