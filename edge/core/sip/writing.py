"""How messages of the relay are written: in front's name towards peers, canonical towards spans.

Towards a peer everything is in front's name; towards a span everything is canonical: parties are `peer` and the leg id,
and the description is ours.
"""

from hashlib import blake2s

from edge.core.sip.actions import Flow
from edge.core.sip.dialogs import Dialog, Pending
from edge.core.sip.message import ALLOW, ALLOW_REFER, RELAYED, Request, Response
from edge.core.sip.presence import DEFAULT_PORT, Presence, bracketed
from edge.core.sip.trunks import Settings
from edge.core.sip.uri import NameAddr, Uri, Via
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

TRANSPORTS = ("udp", "tcp", "tls")
MAX_FORWARDS = 70
#: Seconds in Retry-After, where room is expected soon.
RETRY_SOON = "1"
#: Header fields that are carried through the relay; all others end here.
CARRIED = ("Require", "Supported", "Unsupported", "RSeq", "RAck", "Reason", "Retry-After")
_FILTERED = frozenset({"Require", "Supported", "Unsupported"})
_COOKIE = "z9hG4bK"


def digest(*parts: str) -> str:
    """16 hex digits that are the same for a retransmission, and different for anything else."""
    return blake2s("\0".join(parts).encode(), digest_size=8).hexdigest()


def leg_of_branch(branch: str) -> LegId:
    """Return the leg that a branch of ours was made for (empty: not ours)."""
    return LegId(branch[len(_COOKIE) :].rpartition("-")[0]) if branch.startswith(_COOKIE) else LegId("")


def first_routes(dialog: Dialog) -> list[NameAddr]:
    """Return the route set of a first INVITE: the proxy of its trunk, then what its registrar wants (RFC 3608)."""
    proxy, wanted = dialog.proxy, dialog.service_routes
    if proxy is None or (wanted and wanted[0].uri.host == proxy.host):
        return wanted
    return [NameAddr(proxy), *wanted]


def base_of_branch(branch: str) -> str:
    """Return a branch of ours without the number of the try that it was made for (`Pending.sent_branch`)."""
    head, dash, tail = branch.rpartition("-")
    return f"{head}{dash}{tail.partition('.')[0]}"


def carried(message: Request | Response) -> dict[str, str]:
    """Return the extra headers of `message` that go on to the other side."""
    found: dict[str, str] = {}
    if not message.extras:
        return found
    for name in CARRIED:
        value = message.extras.get(name)
        if value is not None and name in _FILTERED:
            value = ", ".join([x for x in value.split(", ") if x.lower() in RELAYED])
        if value:
            found[name] = value
    return found


def later(status: int) -> dict[str, str]:
    """Return the header that tells a peer when to try again (RFC 3261 section 20.33), for a status that means it."""
    return {"Retry-After": RETRY_SOON} if status == 503 else {}


#: Requests inside a dialog that name where we are (RFC 3261 section 8.1.1.8, RFC 6665 section 8.1).
_WITH_CONTACT = frozenset({"INVITE", "UPDATE", "REFER", "NOTIFY"})


class Writer:
    """Messages in the name of the appliance that has these settings; it knows no call but what it is given."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.presence = Presence(settings)
        #: Trunks whose peers may send calls on.
        self.referring = {trunk.name for trunk in settings.trunks if trunk.refer}
        self.inner_host = bracketed(settings.inner.host)
        self._inner_peer = Uri("sip", "peer", self.inner_host)

    def via_to_span(self, branch: str) -> Via:
        """Our one Via as spans see it."""
        return Via("UDP", self.inner_host, self.settings.inner.port, (("branch", branch),))

    def methods_for(self, dialog: Dialog) -> str:
        """Return what the peer of a dialog may ask of us, as an Allow header."""
        return ALLOW_REFER if dialog.trunk in self.referring else ALLOW

    @staticmethod
    def transaction(request: Request, *, acknowledges: bool = False) -> str:
        """Return what tells a peer's transaction from its others, the same for INVITE, CANCEL and negative ACK.

        That is the branch, or for who knows none (RFC 2543, RFC 3261 section 17.2.3) number and method.
        `acknowledges`: an ACK of a 2xx, which is a transaction of its own.
        """
        branch = request.vias[0].branch
        if branch.startswith(_COOKIE) and branch != _COOKIE:
            return branch
        method = request.method
        if method == "CANCEL" or (method == "ACK" and not acknowledges):
            method = "INVITE"
        return f"{branch} {request.cseq} {method}"

    def branch(self, dialog: Dialog, side: str, received: str) -> str:
        """Return our branch for a request that came with `received`: the same for repeats, CANCEL and negative ACK."""
        return f"{_COOKIE}{dialog.leg}-{digest(side, dialog.span, received)}"

    def request_to_peer(self, dialog: Dialog, method: str, cseq: int, branch: str, *, first: bool = False) -> Request:
        """Make a request in front's name; `first`: it is the first INVITE, its CANCEL or its negative ACK."""
        target, routes, flow = dialog.target, dialog.routes, dialog.flow
        if first:
            flow = dialog.first_flow
            target, routes = dialog.request_uri, first_routes(dialog)
        if routes and routes[0].uri.param("lr") is None:
            # A strict router: it becomes the Request-URI, and the target the last route (section 12.2.1.1).
            target, routes = routes[0].uri, [*routes[1:], NameAddr(dialog.target)]
        tag = "" if first and method != "ACK" else dialog.peer_tag
        return Request(
            method=method,
            uri=target,
            vias=[self.presence.via(flow, branch)],
            max_forwards=MAX_FORWARDS,
            from_=dialog.own.with_tag(dialog.own_tag),
            to=dialog.peer.with_tag(tag),
            call_id=dialog.call_id,
            cseq=cseq,
            contact=self.presence.contact(flow, target) if method in _WITH_CONTACT else None,
            routes=routes,
            extras={"Allow": self.methods_for(dialog)} if method in ("INVITE", "UPDATE") else {},
        )

    def request_to_span(self, dialog: Dialog, method: str, cseq: int, branch: str) -> Request:
        """Make a canonical request for the dialog's span."""
        return Request(
            method=method,
            uri=Uri("sip", dialog.leg, self.inner_host, dialog.port),
            vias=[self.via_to_span(branch)],
            max_forwards=MAX_FORWARDS,
            from_=NameAddr(self._inner_peer).with_tag(dialog.shown_tag or dialog.peer_tag),
            to=NameAddr(Uri("sip", dialog.leg, self.inner_host)).with_tag(dialog.own_tag),
            call_id=dialog.call_id,
            cseq=cseq,
            contact=self.inner_contact(dialog) if method in ("INVITE", "UPDATE") else None,
            extras={"Allow": ALLOW} if method in ("INVITE", "UPDATE") else {},
        )

    def inner_contact(self, dialog: Dialog) -> NameAddr:
        """Where the span sends its requests in this dialog: to front, naming the leg."""
        return NameAddr(Uri("sip", dialog.leg, self.inner_host, self.settings.inner.port))

    def response_to_peer(self, dialog: Dialog, pending: Pending, status: int) -> Response:
        """Make a response to a peer's request that was passed on."""
        creates = pending.method in ("INVITE", "UPDATE") and 100 < status < 300
        extras = {"Allow": self.methods_for(dialog)} if creates else later(status)
        return Response(
            status=status,
            vias=pending.vias,
            from_=pending.from_,
            to=pending.to if pending.to.tag or status == 100 else pending.to.with_tag(dialog.own_tag),
            call_id=dialog.call_id,
            cseq=pending.cseq,
            method=pending.method,
            contact=self.presence.contact(
                pending.flow or dialog.flow, dialog.request_uri if dialog.incoming else dialog.target
            )
            if creates
            else None,
            record_routes=pending.record_routes if creates else [],
            extras=extras,
        )

    def response_to_span(self, dialog: Dialog, pending: Pending, status: int) -> Response:
        """Make a response to a span's request that was passed on."""
        creates = pending.method in ("INVITE", "UPDATE") and 100 < status < 300
        tag = dialog.shown_tag or dialog.peer_tag or digest("tag", dialog.leg)
        return Response(
            status=status,
            vias=pending.vias,
            from_=pending.from_,
            to=pending.to if pending.to.tag or status == 100 else pending.to.with_tag(tag),
            call_id=dialog.call_id,
            cseq=pending.cseq,
            method=pending.method,
            contact=self.inner_contact(dialog) if creates else None,
            extras={"Allow": ALLOW} if creates else {},
        )


def reply(request: Request, status: int, extras: dict[str, str] | None = None) -> Response:
    """Make an answer of front's own, outside of any dialog (RFC 3261 section 8.2.6, stateless as in 8.2.7)."""
    tag = digest("reply", request.call_id, request.from_.tag, request.vias[0].branch)
    return Response(
        status=status,
        vias=request.vias,
        from_=request.from_,
        to=request.to if request.to.tag or status == 100 else request.to.with_tag(tag),
        call_id=request.call_id,
        cseq=request.cseq,
        method=request.method,
        extras=extras or {},
    )


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where answers to a peer's request go (RFC 3261 section 18.2.2, RFC 3581)."""
    if flow.reliable:
        return flow
    via = request.vias[0]
    if via.param("rport") is not None:
        return flow
    return Flow("udp", Address(flow.address.host, via.port or DEFAULT_PORT))
