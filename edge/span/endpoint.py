"""The pjsua2 endpoint of a span: how it is configured, and its calls as thin shells that put events into a queue.

Rules that the library enforces by abort(): all calls into it from the main thread, after libCreate in this process; a
`Call` is dropped inside its own DISCONNECTED callback and at no other time, for a deleted Call hangs up whatever call
has its number by then.
"""

import re
import traceback
from collections import deque
from collections.abc import Callable
from typing import Literal

import pjsua2 as pj

from edge.core.calls import span_words
from edge.core.calls.span_words import Action, Event
from edge.runtime.logs import logger
from edge.span import library
from edge.vocabulary.ids import LegId
from edge.vocabulary.media import Address

#: Tells front (and nobody else: front takes it off) which address belongs into the SDP.
MEDIA_HEADER = "X-Edge-Media"

#: On our BYE (RFC 3326); trunks write the cause into their records.
_NORMAL_CLEARING = 'Q.850;cause=16;text="Normal call clearing"'
#: What tells phones of a group that they have not missed the call.
_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'

_LEG = re.compile(r"INVITE sips?:([A-Za-z0-9._~-]{1,128})@")
_REASON = re.compile(r"^Reason[ \t]*:[ \t]*(.{0,512})", re.MULTILINE | re.IGNORECASE)

_log = logger("span")


class Endpoint:
    """One pjsua2 endpoint. Make one a process, in the forked worker, in its main thread."""

    def __init__(self, address: str, front: Address | None) -> None:
        #: What happened, in order; the owner takes it out after each `wait`.
        self.events: deque[Event] = deque()
        #: Exceptions in callbacks and requests that front should not have sent, by kind.
        self.faults: dict[str, int] = {}
        self._front = front
        self._calls: dict[LegId, _Call] = {}
        self._stale_bridge = False
        library.be_quiet()
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        library.seed()
        library.forget_host_name()
        self._endpoint.libInit(_endpoint_config())
        library.be_quiet()
        library.check_legs()
        transport = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, _transport_config(address))
        self._bridge = library.Bridge()
        self._endpoint.libStart()
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, 128 if codec.codecId.startswith("PCM") else 0)
        #: Where it listens.
        self.address = Address(address, int(self._endpoint.transportGetInfo(transport).localName.rpartition(":")[2]))
        #: Readable when SIP has come.
        self.fd = library.socket_at(address, self.address.port)
        library.keep_on_loopback(self.fd)
        self._timers = library.Timers()
        self._account = _Account(self)
        self._account.create(_account_config(self.address))

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def timer_ms(self) -> int | None:
        """Milliseconds until one of the library's timers is due; None when none runs."""
        return self._timers.wait_ms()

    def handle(self) -> None:
        """Handle SIP that has come (a message at least, not always all) and timers that are due."""
        self._endpoint.libHandleEvents(0)
        if self._stale_bridge:
            self._stale_bridge = False
            self._bridge.tick()

    def perform(self, action: Action) -> str | None:
        """Carry out an action on a leg; returns why it failed."""
        try:
            if isinstance(action, span_words.Dial):
                self._dial(action)
                return None
            call = self._calls.get(getattr(action, "leg", LegId("")))
            if call is None:
                return "the stack has no such call"
            _on_call(call, action)
        except pj.Error as error:
            return f"{error.title}: {error.reason}"
        return None

    def _dial(self, action: span_words.Dial) -> None:
        if self._front is None:
            raise pj.Error(0, "makeCall", "front's port is not known", "", 0)
        call = _Call(self, self._account, action.leg)
        self._calls[action.leg] = call
        options = pj.CallOpParam(True)
        options.txOption.headers.append(_media_header(action.media))
        try:
            call.makeCall(f"sip:{action.leg}@{self._front}", options)
        except pj.Error:
            self._calls.pop(action.leg, None)
            raise

    # --- called by the callbacks ---

    def fault(self, kind: str) -> None:
        """Count and log an exception in a callback; it must not travel into the library."""
        self.count(kind)
        _log.error("fault in a callback", kind=kind, trace=traceback.format_exc(limit=8))

    def count(self, kind: str) -> None:
        """Count a fault."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def incoming(self, account: "_Account", prm: pj.OnIncomingCallParam) -> None:
        """Keep the new call, or refuse it."""
        found = _LEG.match(prm.rdata.wholeMsg)
        leg = LegId(found.group(1)) if found else LegId("")
        call = _Call(self, account, leg, prm.callId)
        if self._front is not None and prm.rdata.srcAddress != str(self._front):
            self._refuse(call, "stranger", pj.PJSIP_SC_FORBIDDEN)  # some other process of this machine
        elif found is None:
            self._refuse(call, "no_leg", pj.PJSIP_SC_INTERNAL_SERVER_ERROR)
        elif leg in self._calls:
            self._refuse(call, "duplicate_leg", pj.PJSIP_SC_INTERNAL_SERVER_ERROR)
        else:
            self._calls[leg] = call
            self.events.append(span_words.Invited(leg))

    def _refuse(self, call: "_Call", kind: str, code: int) -> None:
        self.count(kind)
        # Kept until its own DISCONNECTED like any other, under a name that no leg has.
        call.leg = LegId(f"?{call.getId()}")
        self._calls[call.leg] = call
        call.hangup(_response(code, ""))

    def bridge_changed(self) -> None:
        """Have the bridge ticked after this round."""
        self._stale_bridge = True

    def disconnected(self, leg: LegId) -> None:
        """Drop the call: its last reference but the callback's own."""
        self._stale_bridge = True
        self._calls.pop(leg, None)


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        try:
            self._endpoint.incoming(self, prm)
        except Exception:
            self._endpoint.fault("incoming")


def _guarded(kind: str) -> Callable[[Callable[["_Call", object], None]], Callable[["_Call", object], None]]:
    """Make a callback count its exceptions instead of losing them in the library."""

    def wrap(callback: Callable[["_Call", object], None]) -> Callable[["_Call", object], None]:
        def guarded(self: "_Call", prm: object) -> None:
            try:
                callback(self, prm)
            except Exception:
                self.endpoint.fault(kind)

        return guarded

    return wrap


class _Call(pj.Call):  # type: ignore[misc]
    """Holds names only; the endpoint's table holds it, until DISCONNECTED."""

    def __init__(self, endpoint: Endpoint, account: _Account, leg: LegId, number: int = -1) -> None:
        super().__init__(account, number)
        self.endpoint = endpoint
        self.leg = leg

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        over = True  # also when the library no longer knows the call
        try:
            info = self.getInfo()
            over = info.state == pj.PJSIP_INV_STATE_DISCONNECTED
            event = _state_event(self.leg, info, prm.e)
            if event is not None:
                self.endpoint.events.append(event)
        except Exception:
            self.endpoint.fault("call_state")
            if over:
                self.endpoint.events.append(span_words.Disconnected(leg=self.leg, by=None, status=500))
        finally:
            if over:
                self.endpoint.disconnected(self.leg)

    @_guarded("media_state")
    def onCallMediaState(self, _prm: object) -> None:  # noqa: N802
        self.endpoint.bridge_changed()

    @_guarded("dtmf")
    def onDtmfEvent(self, prm: object) -> None:  # noqa: N802
        if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO:  # type: ignore[attr-defined]
            self.endpoint.events.append(span_words.InfoReceived(self.leg, prm.digit, prm.duration))  # type: ignore[attr-defined]

    @_guarded("transfer")
    def onCallTransferRequest(self, prm: object) -> None:  # noqa: N802
        # Accepted, the library would place the new call by itself, in a slot that front has not given it.
        prm.statusCode = pj.PJSIP_SC_DECLINE  # type: ignore[attr-defined]

    @_guarded("replace")
    def onCallReplaceRequest(self, prm: object) -> None:  # noqa: N802
        prm.statusCode = pj.PJSIP_SC_DECLINE  # type: ignore[attr-defined]


def _state_event(leg: LegId, info: pj.CallInfo, event: pj.SipEvent) -> Event | None:
    message, method, role = "", "", None
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        state = event.body.tsxState
        method, role = state.tsx.method, state.tsx.role
        if state.type == pj.PJSIP_EVENT_RX_MSG:
            message = state.src.rdata.wholeMsg
    match info.state:
        case pj.PJSIP_INV_STATE_EARLY if info.role == pj.PJSIP_ROLE_UAC:
            return span_words.Progressed(leg, info.lastStatusCode, bool(message.partition("\r\n\r\n")[2]))
        case pj.PJSIP_INV_STATE_CONFIRMED:
            return span_words.Confirmed(leg)
        case pj.PJSIP_INV_STATE_DISCONNECTED:
            by: Literal["BYE", "CANCEL", "response"] | None = None
            if method == "BYE" and role == pj.PJSIP_ROLE_UAS:
                by = "BYE"
            elif method == "INVITE" and role == pj.PJSIP_ROLE_UAC and message.startswith("SIP/"):
                by = "response"
            elif method == "INVITE" and role == pj.PJSIP_ROLE_UAS and info.lastStatusCode == 487:
                by = "CANCEL"  # we never send 487 of our own accord
            return span_words.Disconnected(
                leg=leg,
                by=by,
                status=info.lastStatusCode,
                reason_phrase=info.lastReason,
                reason_header=", ".join(_REASON.findall(message.partition("\r\n\r\n")[0])),
            )
    return None


def _on_call(call: _Call, action: Action) -> None:
    match action:
        case span_words.Respond(code=code, media=media, text=text) if code < 300:
            options = _response(code, text)
            if media is not None:
                options.txOption.headers.append(_media_header(media))
            call.answer(options)
        case span_words.Respond(code=code, text=text):
            call.hangup(_response(code, text))
        case span_words.Release(answered=answered, elsewhere=elsewhere):
            options = pj.CallOpParam()
            if elsewhere:
                options.txOption.headers.append(_header("Reason", _ELSEWHERE))
            elif answered:
                options.txOption.headers.append(_header("Reason", _NORMAL_CLEARING))
            call.hangup(options)
        case span_words.SendInfo(digit=digit, duration_ms=duration_ms):
            dtmf = pj.CallSendDtmfParam()
            dtmf.method = pj.PJSUA_DTMF_METHOD_SIP_INFO
            dtmf.digits = digit.reveal()
            dtmf.duration = duration_ms
            call.sendDtmf(dtmf)


def _response(code: int, text: str) -> pj.CallOpParam:
    options = pj.CallOpParam()
    options.statusCode = code
    options.reason = text
    return options


def _media_header(media: Address) -> pj.SipHeader:
    return _header(MEDIA_HEADER, str(media))


def _header(name: str, value: str) -> pj.SipHeader:
    header = pj.SipHeader()
    header.hName = name
    header.hValue = value
    return header


def _endpoint_config() -> pj.EpConfig:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.maxCalls = library.MAX_LEGS
    config.uaConfig.natTypeInSdp = 0
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    media = config.medConfig
    media.clockRate = 8000
    media.sndClockRate = 8000
    media.threadCnt = 0
    media.hasIoqueue = False
    media.noVad = True
    media.ecTailLen = 0
    media.quality = 1
    return config


def _transport_config(address: str) -> pj.TransportConfig:
    config = pj.TransportConfig()
    config.boundAddress = address
    config.port = 0
    return config


def _account_config(address: Address) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = f"sip:edge@{address.host}"
    # Else the library finds out at each call which interface leads to the peer.
    config.sipConfig.contactForced = f"<sip:edge@{address}>"
    # Front's, in every dialog: it can go on with them when this process is gone.
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    # RFC 3262, both ways, with peers that know it.
    config.callConfig.prackUse = pj.PJSUA_100REL_OPTIONAL
    media = config.mediaConfig
    # No socket, no packet: media carries all audio. The address in the SDP is only what front replaces.
    media.useLoopMedTp = True
    media.lockCodecEnabled = False  # else an answer with two codecs starts a re-INVITE
    media.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    media.transportConfig.boundAddress = address.host
    media.transportConfig.port = 16384
    media.transportConfig.portRange = 1
    return config
