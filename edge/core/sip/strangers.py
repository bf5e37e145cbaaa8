"""Datagrams of sources that no trunk names: evidence, and perhaps an answer, never one worth forging an address for."""

import re
from typing import Literal

from edge.core.sip.actions import Flow, ToPeer
from edge.core.sip.message import Request, serialise
from edge.core.sip.parser import parse
from edge.core.sip.rates import Bucket, Buckets
from edge.core.sip.relay import Relay
from edge.core.sip.writing import reply, reply_flow
from edge.vocabulary.site_events import SecurityCause

Policy = Literal["drop", "refuse"]

#: Tools that attackers use, as they call themselves in User-Agent or as callers.
_TOOLS = re.compile(
    rb"friendly-scanner|friendly-request|sipvicious|sipcli|sip-?scan|sundayddr|pplsip|vaxsipuseragent|"
    rb"iwar|sivus|gulp/|smap |sipsak|siparmyknife|eyebeam release 3006o stamp",
    re.IGNORECASE,
)
#: Nobody is ever asked for credentials here, so who sends some unknown is guessing a user's password.
_GUESSES = re.compile(rb"\r\n(?:proxy-)?authorization[ \t]*:", re.IGNORECASE)
_LOOKS_LIKE_SIP = re.compile(rb"[A-Za-z]{3,32} |SIP/2")
#: Octets that are searched.
_SEARCHED = 4096
#: Datagrams that are looked at in a second; beyond that they are only counted.
_LOOKED_AT = 100
#: Refusals in a second, to all strangers and to one.
_REFUSALS, _REFUSALS_TO_ONE = 50, 5


def _kind_of(data: bytes) -> SecurityCause:
    if _TOOLS.search(data, 0, _SEARCHED):
        return "scanner"
    return "failed_digest" if _GUESSES.search(data, 0, _SEARCHED) else "stranger"


class Strangers:
    """What becomes of them."""

    def __init__(self, relay: Relay, policy: Policy) -> None:
        self._relay = relay
        self.policy: Policy = policy
        self._looks = Bucket(_LOOKED_AT)
        self._refusals = Bucket(_REFUSALS)
        self._refusals_to = Buckets(_REFUSALS_TO_ONE)

    def take(self, data: bytes, flow: Flow) -> None:
        """Look at a datagram."""
        relay, source = self._relay, flow.address.host
        relay.count("dropped", "stranger")
        # What is no SIP at all is somebody's lost packet, or keeps a NAT open.
        if not self._looks.take(relay.now_ms) or not _LOOKS_LIKE_SIP.match(data):
            return
        if relay.guard.banned(source, relay.now_ms) is not None:
            return
        relay.hold(source, _kind_of(data))
        if self.policy == "refuse":
            self._refuse(data, flow)

    def _refuse(self, data: bytes, flow: Flow) -> None:
        relay = self._relay
        message = parse(data)
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if not (self._refusals_to.take(flow.address.host, relay.now_ms) and self._refusals.take(relay.now_ms)):
            return
        message.vias[0] = message.vias[0].seen_from(flow.address.host, flow.address.port)
        answer = serialise(reply(message, 403))
        # Whose address it really is nobody knows: never more than came.
        if len(answer) <= len(data):
            relay.out.append(ToPeer(answer, reply_flow(message, flow)))
