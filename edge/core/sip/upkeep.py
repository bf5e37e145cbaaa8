"""Keeping trunks up: their registrations and probes, what is known of each, and whether calls may be placed there.

After a restart of front everything is asked anew, spread over the first seconds: a registrar replaces a binding by the
same Contact, so nothing is lost, and the table need not hold it. Until the first verdict calls are placed.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from edge.core.deadline import Deadline
from edge.core.sip.actions import Flow, Located, Place
from edge.core.sip.message import Response
from edge.core.sip.presence import bracketed
from edge.core.sip.qualify import Qualify, places_of
from edge.core.sip.registration import Registration
from edge.core.sip.relay import Relay
from edge.core.sip.trunks import Trunk
from edge.core.sip.upkeep_parts import UpkeepRig
from edge.vocabulary.media import Address
from edge.vocabulary.trunks import TrunkCause

#: Registrations that begin in one instant at the most.
AT_ONCE = 20
SPREAD_MS = 1000

_WORDS: dict[TrunkCause, str] = {
    "no_answer": "no answer",
    "no_connection": "no connection",
    "no_such_name": "its name is not found",
    "busy": "it has no time",
    "rejected": "refused",
    "expired": "the binding is over, and it does not answer",
    "out_of_service": "it takes no calls",
    "stopped": "ended",
}


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of a trunk. Ages and times in seconds and milliseconds as named; None: not known or not asked."""

    name: str
    address: str
    transport: str
    #: False: calls are not placed there, or a line of this machine would refuse them; `why` says the reason.
    up: bool
    why: str
    registered: bool | None
    registration: str | None
    registrar: str | None
    registration_age_s: float | None
    expires_in_s: float | None
    registration_code: int | None
    registration_failures: int | None
    qualify: str | None
    qualify_age_s: float | None
    misses: int | None
    rtt_ms: float | None
    last_code: int | None
    last_answer_s: float | None
    #: Of the last answers to REGISTER and OPTIONS: where they came from; where we said that we are, and where the peer
    #: saw us (NAT); what came back otherwise than we had sent it (an ALG).
    answered_by: str | None
    shown_as: str | None
    seen_as: str | None
    rewritten: list[str]


class Upkeep:
    """All registrations and probes."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._rig = UpkeepRig(relay, self._learn)
        self._registrations: dict[str, Registration] = {}
        self._probes: dict[str, Qualify] = {}
        #: Probes that a person asked for.
        self._tests: dict[str, Qualify] = {}
        self._leaving: list[Registration] = []
        self._started = False
        #: When `tick` has something to do.
        self.deadline: Deadline | None = None

    # --- life

    def start(self) -> None:
        """Begin, with the trunks as they are."""
        self._started = True
        self.replace()

    def replace(self) -> None:
        """Take over the trunks of the relay as they are now."""
        if not self._started:
            return
        trunks = self._relay.trunks.by_name
        for name, registration in list(self._registrations.items()):
            trunk = trunks.get(name)
            if trunk is None or not registration.replaced_by(trunk):
                del self._registrations[name]
                registration.leave()
                self._leaving.append(registration)
                if trunk is None or trunk.account != registration.trunk.account:
                    self._relay.authenticator.forget(name)
        self._tests.clear()
        for name, probe in list(self._probes.items()):
            trunk = trunks.get(name)
            if trunk is None or not probe.replaced_by(trunk):
                del self._probes[name]
                probe.leave()
        self._begin(trunks.values())
        self._learn()
        self._rearm()

    def _begin(self, trunks: Iterable[Trunk]) -> None:
        begun = 0
        for trunk in trunks:
            if trunk.registrar is not None and trunk.name not in self._registrations:
                delay_ms = begun // AT_ONCE * SPREAD_MS
                self._registrations[trunk.name] = Registration(self._rig, trunk, trunk.registrar, delay_ms)
                begun += 1
            if trunk.qualify_ms and trunk.host and trunk.name not in self._probes:
                self._probes[trunk.name] = Qualify(self._rig, trunk)

    def farewell(self) -> None:
        """End all bindings; `gone` tells when that is done."""
        self._started = False
        for registration in self._registrations.values():
            registration.leave()
            self._leaving.append(registration)
        for probe in self._probes.values():
            probe.leave()
        self._registrations.clear()
        self._probes.clear()
        self._rearm()

    @property
    def gone(self) -> bool:
        """Whether no binding waits for its end."""
        return all(one.state == "left" for one in self._leaving)

    # --- input

    def _all(self) -> Iterator[Registration | Qualify]:
        yield from self._registrations.values()
        yield from self._probes.values()
        yield from self._tests.values()
        yield from self._leaving

    def _rearm(self) -> None:
        # Kept, not searched when it is asked for, which is at every message of a call.
        due_ms = min((one.deadline_ms for one in self._all() if one.deadline_ms), default=None)
        self.deadline = Deadline(due_ms, "trunks") if due_ms is not None else None

    def tick(self) -> None:
        """Act on what is due."""
        now_ms = self._relay.now_ms
        if self.deadline is None or self.deadline.at_ms > now_ms:
            return
        for one in list(self._all()):
            if 0 < one.deadline_ms <= now_ms:
                one.due()
        self._leaving = [one for one in self._leaving if one.state != "left"]
        self._rearm()

    def takes(self, message: Response, flow: Flow) -> bool:
        """Take a response, if it answers a request of ours."""
        if message.method not in ("REGISTER", "OPTIONS") or len(message.vias) != 1:
            return False
        for one in self._all():
            before = one.state
            if one.takes(message, flow):
                if before == "down" and one.state == "up" and one.trunk.name in self._registrations:
                    # Who was away may have forgotten us.
                    self._registrations[one.trunk.name].renew()
                self._rearm()
                return True
        return False

    def located(self, item: Located) -> bool:
        """Take the answer to a look-up; False: it was not for us."""
        if not self._rig.located(item):
            return False
        for one in list(self._all()):
            one.named()
        self._rearm()
        return True

    def undelivered(self, address: Address) -> None:
        """No connection can be made to `address`."""
        for one in list(self._all()):
            one.undelivered(address)
        self._rearm()

    def connection_lost(self, connection: int) -> None:
        """Register anew what was registered over this connection."""
        for one in self._registrations.values():
            one.connection_lost(connection)
        self._rearm()

    def ask_now(self, trunk: str) -> None:
        """Probe a trunk without waiting for its turn; of one that has none, only `standings` tells then."""
        known = self._relay.trunks.by_name.get(trunk)
        probe = self._probes.get(trunk)
        if probe is None and known is not None and known.host:
            probe = self._tests[trunk] = self._tests.get(trunk) or Qualify(self._rig, known, once=True)
        if probe is not None:
            probe.ask_now()
            self._rearm()

    def _learn(self) -> None:
        """Let the trunks know what addresses their registrars and their own names have: requests come from there."""
        found: dict[str, set[str]] = {}
        for one in (*self._registrations.values(), *self._leaving):
            for place in one.registrar.hops:
                found.setdefault(one.trunk.name, set()).update(self._rig.known_hosts(place))
        for probe in (*self._probes.values(), *self._tests.values()):
            for place in places_of(probe.trunk):
                found.setdefault(probe.trunk.name, set()).update(self._rig.known_hosts(place))
        self._relay.trunks.learn({name: tuple(sorted(hosts)) for name, hosts in found.items()})

    # --- what follows for calls

    def why_down(self, trunk: str) -> str:
        """Return why calls should not be placed on a trunk; "" when they may."""
        return next(self._reasons(trunk), "")

    def _reasons(self, trunk: str) -> Iterator[str]:
        registration, probe = self._registrations.get(trunk), self._probes.get(trunk)
        if registration is not None and registration.state in ("rejected", "unreachable"):
            yield f"not registered for {self._age(registration.since_ms)}: {_words(registration)}"
        if probe is not None and probe.state == "down" and not _out_of_service(probe):
            yield f"no answer to {probe.misses} OPTIONS, down for {self._age(probe.since_ms)}: {_words(probe)}"

    def _age(self, since_ms: int) -> str:
        return f"{(self._relay.now_ms - since_ms) // 1000} s"

    # --- what is shown

    def standings(self) -> list[Standing]:
        """Return what is known of every trunk."""
        return [self._standing(trunk) for trunk in self._relay.trunks.by_name.values()]

    def _standing(self, trunk: Trunk) -> Standing:
        now_ms = self._relay.now_ms
        registration, probe = self._registrations.get(trunk.name), self._probes.get(trunk.name)
        why = self.why_down(trunk.name) or (_out_of_service(probe) if probe is not None else "")

        def ago(at_ms: int | None) -> float | None:
            return round((now_ms - at_ms) / 1000, 1) if at_ms is not None else None

        binding = registration.binding if registration is not None else None
        asked = probe or self._tests.get(trunk.name)
        answered = asked.answered_ms if asked is not None else None
        echoes = [one.echo for one in (registration, asked) if one is not None and one.echo is not None]
        return Standing(
            name=trunk.name,
            address=_named(places_of(trunk)[0]) if trunk.host else "",
            transport="auto" if trunk.any_transport else trunk.transport,
            up=not why,
            why=why,
            registered=registration.state == "registered" if registration is not None else None,
            registration=registration.state if registration is not None else None,
            registrar=_named(registration.place) if registration is not None else None,
            registration_age_s=ago(registration.since_ms) if registration is not None else None,
            expires_in_s=-(ago(binding.until_ms) or 0.0) if binding is not None else None,
            registration_code=registration.code if registration is not None else None,
            registration_failures=registration.failures if registration is not None else None,
            qualify=probe.state if probe is not None else None,
            qualify_age_s=ago(probe.since_ms) if probe is not None else None,
            misses=probe.misses if probe is not None else None,
            rtt_ms=_rtt(registration, asked),
            last_code=asked.code if asked is not None else None,
            last_answer_s=ago(answered),
            answered_by=next((echo.peer for echo in echoes), None),
            shown_as=next((echo.sent for echo in echoes), None),
            seen_as=next((echo.seen for echo in echoes if echo.seen), None),
            rewritten=list(dict.fromkeys(text for echo in echoes for text in echo.rewritten)),
        )


def _named(place: Place) -> str:
    return f"{bracketed(place.host)}:{place.port}" if place.port else place.host


def _rtt(registration: Registration | None, probe: Qualify | None) -> float | None:
    if probe is not None and probe.rtt_ms is not None:
        return probe.rtt_ms
    return registration.rtt_ms if registration is not None else None


def _out_of_service(probe: Qualify) -> str:
    """Say what a line of this machine says of why it takes no calls; "" when it does not say that."""
    if probe.state != "down" or probe.cause != "out_of_service":
        return ""
    return f"out of service: {probe.text or _WORDS['out_of_service']}"


def _words(one: Registration | Qualify) -> str:
    text = _WORDS[one.cause] if one.cause is not None else "not known"
    return f"{text} ({one.code})" if isinstance(one, Registration) and one.code is not None else text
