"""What the API has done: each act once under its `Idempotency-Key`, each told by an `api.acted` in its transaction.

Web asks; who may do what by HTTP it has decided. Whom a token may have dialled is decided here, where numbers are read.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from edge.config.site import ApiToken
from edge.core.routing.numbers import e164
from edge.runtime.clock import rfc3339
from edge.storage.reader import Reader
from edge.storage.turn import ActRow
from edge.vocabulary.ids import CallId
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import ApiActed
from edge.vocabulary.wire import json_reader

if TYPE_CHECKING:
    from edge.switch.exchange import Exchange

#: How long a key is remembered.
KEEP: Final = timedelta(hours=24)
#: Keys of this life that need not be looked up on disk.
MEMORY: Final = 2000
#: Fields of requests that say what they are about, other than a call.
_SUBJECTS: Final = ("agent", "name", "leg", "menu")
#: A token may dial everything, or show everybody.
ANYTHING: Final = "*"
#: The caller who is shown where nobody says another one; a trunk's `caller_id` takes its place.
OWN_CALLER: Final = "edge"
#: What holds for a token that the site does not have any more.
_NOBODY: Final = ApiToken(name="nobody", hash="")


class ActRequest(Struct, frozen=True, kw_only=True):
    """Have something done for a token, or tell of what user `uid` did without one."""

    token: str
    role: str
    uid: int | None = None
    #: Where the request came from, an IP address.
    source: str = ""
    act: str
    body: msgspec.Raw
    #: Empty: it is done whenever it is asked for.
    key: str = ""
    #: Of act and body as they came by HTTP.
    digest: str = ""


class NotedRequest(Struct, frozen=True, kw_only=True):
    """Tell of an act that another process has done, or refused (`why`)."""

    token: str
    role: str
    source: str = ""
    act: str
    subject: str = ""
    why: str = ""


class ActRefusedError(Exception):
    """It is not done: an HTTP status, and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


#: Does one thing; raises `ActRefusedError`.
Perform = Callable[[str, bytes], bytes]
_act = json_reader(ActRequest)
_noted = json_reader(NotedRequest)
_plain: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Acts:
    """Acts of the API."""

    def __init__(self, exchange: Callable[[], "Exchange"], reader: Reader, perform: Perform) -> None:
        self._exchange = exchange
        self._reader = reader
        self._perform = perform
        self._memory: OrderedDict[tuple[str, str], ActRow] = OrderedDict()

    def handlers(self) -> dict[str, Callable[[bytes], Any]]:
        """Give the requests by name."""
        return {"act": self._do, "acted": self._note}

    def _do(self, body: bytes) -> dict[str, Any]:
        request = _act.decode(body)
        try:
            known = self._known(request)
            return {"status": 200, "again": True, "answer": msgspec.Raw(known.answer)} if known else self._once(request)
        except ActRefusedError as refused:
            return {"status": refused.status, "error": str(refused)}

    def _known(self, request: ActRequest) -> ActRow | None:
        """Find what the key has led to. Raises `ActRefusedError`."""
        if not request.key:
            return None
        row = self._memory.get((request.token, request.key)) or self._reader.act(request.token, request.key)
        if row is None or row.at < rfc3339(self._exchange().wall - KEEP):
            if self._exchange().refusing == "storage":
                # It could be done, but not remembered.
                raise ActRefusedError(503, "storage does not work now")
            return None
        if row.digest != request.digest:
            raise ActRefusedError(422, "this Idempotency-Key was used for another request")
        return row

    def _once(self, request: ActRequest) -> dict[str, Any]:
        said = _plain.decode(request.body)
        target = str(said.get("target") or "")
        try:
            self._check_dialling(request, said, target)
            answer = self._perform(request.act, bytes(request.body))
        except ActRefusedError as refused:
            self._tell(request, said, str(refused))
            raise
        self._tell(request, {**said, "id": said.get("id") or _plain.decode(answer).get("call")})
        if request.key:
            row = ActRow(request.token, request.key, request.digest, rfc3339(self._exchange().wall), answer)
            self._exchange().turn.acts[row.token, row.key] = self._memory[row.token, row.key] = row
            while len(self._memory) > MEMORY:
                self._memory.popitem(last=False)
        return {"status": 200, "answer": msgspec.Raw(answer)}

    def tell_command(self, uid: int, act: str, body: bytes, why: str, answer: bytes = b"{}") -> None:
        """Tell of what somebody did at the machine itself, or was refused."""
        try:
            said = _plain.decode(body)
        except msgspec.MsgspecError:
            said = {}  # it was refused for that
        made = said.get("id") or _plain.decode(answer).get("call")
        request = ActRequest(token="", role="", uid=uid, act=act, body=msgspec.Raw(body))
        self._tell(request, {**said, "id": made}, why)

    def _tell(self, request: ActRequest, said: dict[str, Any], why: str = "") -> None:
        subject = next((str(said[name])[:128] for name in _SUBJECTS if said.get(name)), "")
        call = str(said.get("id") or "")[:128]
        self._exchange().notice(
            ApiActed(
                token=request.token,
                role=request.role,
                source=request.source,
                uid=request.uid,
                act=request.act,
                call=CallId(call) if call and "callback" not in request.act else None,
                subject=subject or (call if "callback" in request.act else ""),
                target=Private(str(said["target"])[:300]) if said.get("target") else None,
                result="refused" if why else "done",
                why=why[:200],
            )
        )

    def _check_dialling(self, request: ActRequest, said: dict[str, Any], target: str) -> None:
        """Refuse what the token may not have dialled: nothing is allowed that the site does not say."""
        if not target or request.act == "agent_wish":
            return
        plan = self._exchange().plan
        token = next((one for one in plan.site.api_tokens if one.name == request.token), _NOBODY)
        trunk, caller = str(said.get("trunk") or ""), str(said.get("caller") or OWN_CALLER)
        country = plan.countries.get(trunk, "")
        if not any(one == ANYTHING or _fits(target, country, one) for one in token.may_dial):
            raise ActRefusedError(403, "this token may not dial that (may_dial)")
        if token.trunks and trunk not in token.trunks:
            raise ActRefusedError(403, "this token may dial on its trunks only (trunks)")
        if caller != OWN_CALLER and not any(one == ANYTHING or _shows(caller, country, one) for one in token.may_show):
            raise ActRefusedError(403, "this token may not show that caller (may_show)")

    def _note(self, body: bytes) -> dict[str, Any]:
        request = _noted.decode(body)
        self._exchange().notice(
            ApiActed(
                token=request.token,
                role=request.role,
                source=request.source,
                act=request.act,
                subject=request.subject[:128],
                result="refused" if request.why else "done",
                why=request.why[:200],
            )
        )
        return {}


def _fits(target: str, country: str, allowed: str) -> bool:
    """Say whether a target begins so; an address with a host is one as a whole, else `desk@a.example` were more."""
    if "@" in target or ":" in target:  # a number in a URI is no number: its host decides where it rings
        rest = target.removeprefix(allowed)
        bound = not rest or allowed.endswith("@") or "@" not in allowed or rest[0] in ":;?"
        return allowed.startswith(("sip:", "sips:")) and target.startswith(allowed) and bound
    return (e164(target, country) or target).startswith(allowed)


def _shows(caller: str, country: str, allowed: str) -> bool:
    """Say whether a caller begins so: a number, however it is written, or a name; never an address."""
    return "@" not in caller and ":" not in caller and (e164(caller, country) or caller).startswith(allowed)
