"""What operators and other processes may ask switch: a JSON document in, a JSON document out."""

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec.json import Decoder
from msgspec.structs import replace

from edge.core.calls.call import Call
from edge.core.calls.inputs import Announce, ChangeMode, ChangeSound, Drop, Invite, Originate, PutOnHold, Stopped
from edge.core.calls.leg import Leg
from edge.core.menus.model import Announcement, Menu, Sound
from edge.core.routing.numbers import e164
from edge.runtime.clock import wall_time
from edge.storage.reader import Reader
from edge.storage.turn import StorageError
from edge.switch import callback_requests
from edge.switch.acts import ActRefusedError, Acts
from edge.switch.described import describe
from edge.switch.exchange import Exchange
from edge.switch.orders import OrderError, Orders
from edge.switch.presence import WishRequest
from edge.switch.request_bodies import (
    AnnounceRequest,
    CallRequest,
    HoldRequest,
    InviteRequest,
    LegRequest,
    ModeRequest,
    OriginateRequest,
    SoundRequest,
    TrialRequest,
)
from edge.switch.results import ResultRequest
from edge.switch.trials import Change, TrialError
from edge.vocabulary.identity import Identity
from edge.vocabulary.ids import CallId, LegId
from edge.vocabulary.media import LegSound
from edge.vocabulary.private import Private
from edge.vocabulary.site_events import ConfigurationEvent
from edge.vocabulary.wire import json_reader, to_json


class RequestError(Exception):
    """The request can't be met; the text says why."""


class NoSuchError(RequestError):
    """What it is about is not there."""


_originate = json_reader(OriginateRequest)
_call = json_reader(CallRequest)
_invite = json_reader(InviteRequest)
_trial = json_reader(TrialRequest)
_leg = json_reader(LegRequest)
_mode = json_reader(ModeRequest)
_hold = json_reader(HoldRequest)
_sound = json_reader(SoundRequest)
_announcement = json_reader(AnnounceRequest)
_notice: Decoder[ConfigurationEvent] = json_reader(cast(Any, ConfigurationEvent))
_wish = json_reader(WishRequest)
_result = json_reader(ResultRequest)


#: What can be done by the API.
ACTS = frozenset(
    {
        *("originate", "hang_up", "invite", "mode", "sound", "hold", "drop", "say_over", "agent_wish", "agent_result"),
        *("play", "say", "bridge", "gather", "press", "transfer", "queue", "record"),
        *("trial_start", "trial_stop", "close_callback", "call_callback", "hold_callback", "release_callback"),
    }
)


#: What is done by a command is told, as is what the API does.
COMMANDS = ACTS | {"announce"}


class Requests:
    """The requests by name. Numbers are shown: the control socket's mode is the permission."""

    def __init__(self, exchange: Callable[[], Exchange | None], reader: Reader) -> None:
        self._exchange_now = exchange
        self._reader = reader
        self._acts = Acts(lambda: self._exchange, reader, self._act)
        self._known: dict[str, Callable[[bytes], Any]] = {
            "calls": self._list,
            "originate": self._make,
            "call": self._one,
            "hang_up": self._hang_up,
            "end_calls": self._end_calls,
            "invite": self._ask_in,
            "mode": self._change_mode,
            "sound": self._change_sound,
            "hold": self._put_on_hold,
            "drop": self._drop,
            "announce": self._announce,
            "notice": self._notice,
            **callback_requests.handlers(lambda: self._exchange),
            "trials": self._trials,
            "trial_start": self._start_trial,
            "trial_stop": self._stop_trial,
            "agents": lambda _body: self._exchange.queues.describe_agents(),
            "agent_wish": self._agent_wish,
            "agent_result": self._agent_result,
            "queues": lambda _body: self._exchange.queues.describe(),
            "queue_figures": lambda _body: self._exchange.queues.figures(),
            **Orders(lambda: self._exchange).handlers(),
            **self._acts.handlers(),
        }

    def asked(self, what: str, body: bytes, uid: int | None = None) -> bytes:
        """Return the reply to a request of user `uid`, or of a process of ours. Raises `RequestError`."""
        if uid is None or what not in COMMANDS or self._exchange_now() is None:
            return self.answer(what, body)
        try:
            answer = self.answer(what, body)
        except RequestError as error:
            self._acts.tell_command(uid, what, body, str(error))
            raise
        self._acts.tell_command(uid, what, body, "", answer)
        return answer

    def answer(self, what: str, body: bytes) -> bytes:
        """Return the reply. Raises `RequestError`."""
        handler = self._known.get(what)
        if handler is None:
            raise RequestError(f"unknown request {what[:40]!r}")
        try:
            return to_json(handler(body))
        except msgspec.MsgspecError as error:
            raise RequestError(f"{what}: {error}") from error
        except callback_requests.CallbackError as error:
            raise RequestError(str(error)) from error
        except OrderError as error:
            raise (NoSuchError if error.missing else RequestError)(str(error)) from error
        except StorageError as error:
            raise RequestError(f"storage: {error}") from error

    def _act(self, what: str, body: bytes) -> bytes:
        """Do something for the API. Raises `ActRefusedError`."""
        if what not in ACTS:
            raise ActRefusedError(404, f"there is no act {what[:40]!r}")
        try:
            return self.answer(what, body)
        except NoSuchError as error:
            raise ActRefusedError(404, str(error)) from error
        except RequestError as error:
            status = 400 if isinstance(error.__cause__, msgspec.MsgspecError) else 409
            raise ActRefusedError(status, str(error)) from error

    @property
    def _exchange(self) -> Exchange:
        exchange = self._exchange_now()
        if exchange is None:
            raise RequestError("storage does not work yet")
        return exchange

    def _list(self, _body: bytes) -> list[dict[str, Any]]:
        return [describe(self._exchange, call) for call in self._exchange.calls.values() if call.begun is not None]

    def _notice(self, body: bytes) -> None:
        """Make an event of the supervisor's; answered when it is on disk."""
        self._exchange.notice(_notice.decode(body))

    def _end_calls(self, _body: bytes) -> list[dict[str, Any]]:
        """End all calls, take no new ones; ask again until none is left. The appliance stops."""
        self._exchange.draining = True
        for call in list(self._exchange.calls.values()):
            if not call.over:  # with an agent's line the call that has it may end, too
                self._exchange.feed(call, Stopped("the appliance stops"))
        return self._list(b"")

    def _make(self, body: bytes) -> dict[str, str]:
        request = _originate.decode(body)
        exchange = self._exchange
        menu = request.menu if isinstance(request.menu, Menu) else exchange.plan.site.menus.get(request.menu)
        if menu is None:
            raise NoSuchError(f"no menu {str(request.menu)[:60]!r}")
        if exchange.refuses or exchange.draining:
            raise RequestError(f"no new calls: {exchange.refuses or 'draining'}")
        id_ = CallId(f"o{secrets.token_hex(10)}")
        peer = e164(request.target, exchange.plan.countries.get(request.trunk, "")) or request.target
        begin = Originate(
            target=Private(request.target),
            trunk=request.trunk,
            caller=Private(request.caller),
            identity=Identity(
                withheld=request.withheld,
                headers={name: Private(value) for name, value in request.headers.items()},
            ),
            terms=exchange.plan.terms(
                menu,
                wall_time(),
                dialled=True,
                peer=peer,
                trunk=request.trunk,
                callbacks=len(exchange.callbacks),
            ),
            ring_timeout_ms=request.ring_timeout_ms,
        )
        exchange.originate(id_, begin, menu)
        return {"call": id_}

    def _one(self, body: bytes) -> dict[str, Any]:
        id_ = CallId(_call.decode(body).id)
        call = self._exchange.calls.get(id_)
        row = self._reader.call(id_)
        if call is None and row is None:
            raise NoSuchError("no such call")
        found: dict[str, Any] = describe(self._exchange, call) if call is not None else {}
        if row is not None:
            found = {**row._asdict(), "recordings": msgspec.Raw(row.recordings.encode()), **found}
        end = call.end if call is not None else None
        events = [msgspec.Raw(event.body) for event in self._reader.events_of(id_)]
        last = msgspec.json.decode(events[-1]) if events else {}
        ended = last.get("type") == "call.ended"
        found["end"] = last["data"]["end"] if ended else end
        found["state"] = "ended" if ended else "open"
        found["events"] = events
        return found

    def _hang_up(self, body: bytes) -> dict[str, str]:
        call = self._live(_call.decode(body).id)
        self._exchange.feed(call, Stopped("by request"))
        return {"call": call.id}

    def _agent_wish(self, body: bytes) -> dict[str, Any]:
        """Have an agent take calls, or not."""
        request = _wish.decode(body)
        fault = self._exchange.presence.wanted(request)
        if fault:
            raise RequestError(fault)
        return next(one for one in self._exchange.queues.describe_agents() if one["name"] == request.agent)

    def _agent_result(self, body: bytes) -> dict[str, Any]:
        """Take what an agent says came of his last talk."""
        request = _result.decode(body)
        fault = self._exchange.results.give(request)
        if fault is not None:
            raise RequestError(fault[1])
        return next(one for one in self._exchange.queues.describe_agents() if one["name"] == request.agent)

    # --- talks of more than two

    def _live(self, id_: str) -> Call:
        call = self._exchange.calls.get(CallId(id_))
        if call is None:
            raise NoSuchError("no such call")
        return call

    def _talking(self, id_: str) -> Call:
        call = self._live(id_)
        if not call.talking:
            raise RequestError("nobody is connected with the caller")
        return call

    def _ask_in(self, body: bytes) -> dict[str, str]:
        request = _invite.decode(body)
        call = self._talking(request.id)
        before = set(call.legs)
        invite = Invite(
            target=Private(request.target),
            trunk=request.trunk,
            caller=Private(request.caller),
            mode=request.mode,
            to=_leg_of(call, request.to).id if request.to is not None else None,
            supervises=request.supervises,
            ring_timeout_ms=request.ring_timeout_ms,
        )
        self._exchange.feed(call, invite)
        return {"call": call.id, "leg": next(leg for leg in call.legs if leg not in before)}

    def _change_mode(self, body: bytes) -> dict[str, str]:
        request = _mode.decode(body)
        call = self._talking(request.id)
        leg = _leg_of(call, request.leg)
        if leg.id not in call.guests.present:
            raise RequestError("the leg is not a further one")
        to = _leg_of(call, request.to).id if request.to is not None else None
        if to == leg.id:
            raise RequestError("a leg cannot whisper to itself")
        self._exchange.feed(call, ChangeMode(leg.id, request.mode, to))
        return {"call": call.id, "leg": leg.id}

    def _change_sound(self, body: bytes) -> dict[str, Any]:
        request = _sound.decode(body)
        call = self._live(request.id)
        leg = _leg_of(call, request.leg)
        given = {name: getattr(request, name) for name in LegSound.__struct_fields__}
        sound = replace(leg.sound, **{name: value for name, value in given.items() if value is not None})
        self._exchange.feed(call, ChangeSound(leg.id, sound))
        return {"call": call.id, "leg": leg.id, "sound": leg.sound}

    def _put_on_hold(self, body: bytes) -> dict[str, str]:
        request = _hold.decode(body)
        call = self._talking(request.id)
        leg = _leg_of(call, request.leg)
        if not leg.talks:
            raise RequestError("the leg is not up")
        if leg.hold_asked is not None:
            raise RequestError("the leg is being held or resumed")
        if leg.on_hold == request.on:
            raise RequestError("the leg is on hold" if request.on else "the leg is not on hold")
        self._exchange.feed(call, PutOnHold(leg.id, request.on))
        return {"call": call.id, "leg": leg.id}

    def _drop(self, body: bytes) -> dict[str, str]:
        request = _leg.decode(body)
        call = self._live(request.id)
        leg = _leg_of(call, request.leg)
        if call.party(leg) is None:
            raise RequestError("the call's first leg ends with the call" if leg is call.first else "the leg has ended")
        self._exchange.feed(call, Drop(leg.id))
        return {"call": call.id, "leg": leg.id}

    def _announce(self, body: bytes) -> dict[str, str]:
        request = _announcement.decode(body)
        call = self._talking(request.id)
        path = Path(request.file)
        if "\0" in request.file or not path.is_absolute() or not path.is_file():
            raise NoSuchError("there is no such sound file")
        sound = Sound(path=request.file, label=path.name)
        self._exchange.feed(call, Announce(Announcement(sounds=[sound], to=request.to, duck_db=request.duck_db)))
        return {"call": call.id, "leg": call.first.id}

    # --- trials

    def _trials(self, _body: bytes) -> list[dict[str, Any]]:
        return self._exchange.trials.listed(int(wall_time().timestamp() * 1000))

    def _start_trial(self, body: bytes) -> dict[str, str]:
        return self._change_trial(body, self._exchange.trials.start)

    def _stop_trial(self, body: bytes) -> dict[str, str]:
        return self._change_trial(body, self._exchange.trials.stop)

    def _change_trial(self, body: bytes, change: Callable[[str, datetime], Change]) -> dict[str, str]:
        name = _trial.decode(body).name
        try:
            self._exchange.change_trial(change(name, wall_time()))
        except TrialError as error:
            raise RequestError(str(error)) from error
        return {"trial": name}


def _leg_of(call: Call, name: str) -> Leg:
    """Find a leg by its id or its number."""
    leg = call.legs.get(LegId(name)) or call.legs.get(LegId(f"{call.id}.{name}"))
    if leg is None:
        raise NoSuchError("no such leg")
    return leg
