"""The state that all parts of the relay share: `from_peer`, `from_span`, `orphans` decide, `writing` makes messages."""

import heapq
from typing import cast

from edge.core.deadline import Deadline
from edge.core.sip.actions import (
    Action,
    Bury,
    Count,
    Counted,
    DropKeys,
    Finish,
    Flow,
    Forget,
    KeepKeys,
    OfferKeys,
    Save,
    Seized,
    Tell,
    ToPeer,
    ToSpan,
    Transport,
)
from edge.core.sip.authentication import Authenticator
from edge.core.sip.dialog_index import Dialogs
from edge.core.sip.dialogs import KEPT_MOVES, TIMEOUT_MS, Dialog, Tombstone
from edge.core.sip.guard import Guard
from edge.core.sip.info import Job
from edge.core.sip.message import Request, Response, serialise
from edge.core.sip.presence import default_port
from edge.core.sip.reachability import Reachability
from edge.core.sip.spans import SpanPool
from edge.core.sip.traffic import Seizure, Traffic, result_of
from edge.core.sip.transactions import Repeater
from edge.core.sip.trunks import Settings, Trunk, Trunks
from edge.core.sip.uri import NameAddr, is_literal
from edge.core.sip.writing import TRANSPORTS, Writer
from edge.vocabulary.endings import EndReason, Outcome, Party
from edge.vocabulary.ids import CommandId, Incarnation, LegId
from edge.vocabulary.media import Address
from edge.vocabulary.reports import AnyReport, LegEnded
from edge.vocabulary.site_events import SecurityCause


class Relay(Writer):
    """Shared state; `out` collects the actions of one input."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.trunks = Trunks(settings.trunks, settings.calls_per_second, settings.key_tones, settings.groups)
        self.authenticator = Authenticator(settings.seed)
        #: Routes that registrars want calls of their trunks to take, by trunk.
        self.service_routes: dict[str, list[NameAddr]] = {}
        self.dialogs = Dialogs()
        self.guard = Guard(self.trunks, self.dialogs, settings.calls_per_second)
        self.spans = SpanPool(settings.max_spans)
        self.share_out()
        self.repeats = Repeater()
        #: Digits that front sends itself.
        self.digits: dict[LegId, Job] = {}
        self.reachability = Reachability()
        self.traffic = Traffic()
        self.now_ms = 0
        self.out: list[Action] = []
        self._dirty: dict[LegId, None] = {}
        self._alarms: list[tuple[int, str, LegId]] = []

    def share_out(self) -> None:
        """Keep a further span free where there are trunks that one of them could take the room from."""
        self.spans.spare = 2 if len(self.trunks.by_name) > 1 else 1

    # --- output

    def take(self) -> list[Action]:
        """Return the actions of this input: the table first, so that a crash after a send finds what was sent."""
        changed = [self.dialogs.by_leg[leg] for leg in self._dirty if leg in self.dialogs.by_leg]
        for dialog in changed:
            self._drop_keys(dialog)
            self.dialogs.channels.note(dialog)
        saves: list[Action] = [Save(dialog.leg) for dialog in changed]
        # Keys come before the table that names them: those that it doesn't name are overwritten after a crash.
        keys = [action for action in self.out if isinstance(action, OfferKeys | KeepKeys)]
        out = [action for action in self.out if not isinstance(action, OfferKeys | KeepKeys)] if keys else self.out
        self.out = []
        self._dirty.clear()
        return [*keys, *saves, *out]

    def _drop_keys(self, dialog: Dialog) -> None:
        """Drop the keys that nothing in the dialog names any more."""
        if not dialog.keys:
            return
        named = {dialog.offered_keys}
        waiting = [pending.secured for pending in dialog.pending.values() if pending.status < 300]
        named |= {secured.handle for secured in (dialog.secured, *waiting) if secured is not None}
        self.out += [DropKeys(handle) for handle in dialog.keys if handle not in named]
        dialog.keys = [handle for handle in dialog.keys if handle in named]

    def save(self, dialog: Dialog) -> None:
        """Note that the dialog changed."""
        self._dirty[dialog.leg] = None

    def count(self, what: Counted, label: str) -> None:
        """Count something."""
        self.out.append(Count(what, label))

    def hold(self, source: str, kind: SecurityCause) -> None:
        """Hold something against a source."""
        self.out += self.guard.hold(source, kind, self.now_ms)

    def tell(self, report: AnyReport) -> None:
        """Report to switch."""
        self.out.append(Tell(report))

    def tell_ended(
        self, dialog: Dialog, outcome: Outcome, text: str, by: Party = "appliance", code: int | None = None
    ) -> None:
        """Report the end of a leg, once."""
        self.tell_end(dialog, EndReason(outcome=outcome, ended_by=by, sip_code=code, text=text))

    def tell_end(self, dialog: Dialog, end: EndReason) -> None:
        """Report the end of a leg, once."""
        if not dialog.told:
            dialog.told, dialog.end = True, end
            self.save(dialog)
            self.tell(LegEnded(dialog.leg, end))

    def to_peer(self, message: Request | Response, flow: Flow) -> bytes:
        """Send to a peer; returns the bytes."""
        data = serialise(message)
        self.out.append(ToPeer(data, flow))
        return data

    def to_span(self, message: Request | Response, port: int) -> bytes:
        """Send to a span; returns the bytes."""
        data = serialise(message)
        self.out.append(ToSpan(data, port))
        return data

    # --- time

    def alarm(self, dialog: Dialog, after_ms: int) -> None:
        """Give the dialog a new deadline."""
        dialog.deadline_ms = self.now_ms + after_ms
        heapq.heappush(self._alarms, (dialog.deadline_ms, "dialog", dialog.leg))
        self.save(dialog)

    def set_alarm(self, at_ms: int, kind: str, leg: LegId) -> None:
        """Note a time at which `kind` of `leg` is due."""
        heapq.heappush(self._alarms, (at_ms, kind, leg))

    def pop_alarm(self) -> tuple[int, str, LegId] | None:
        """Return a due alarm, or None."""
        if self._alarms and self._alarms[0][0] <= self.now_ms:
            return heapq.heappop(self._alarms)
        return None

    @property
    def deadline(self) -> Deadline | None:
        """When something is due next."""
        found = [Deadline(self._alarms[0][0], self._alarms[0][1])] if self._alarms else []
        if (repeat := self.repeats.next_ms()) is not None:
            found.append(Deadline(repeat, "repeat"))
        if (idle := self.spans.next_retirement_ms()) is not None:
            found.append(Deadline(idle, "retire"))
        return min(found, default=None)

    # --- the end of a dialog

    def end_seizure(self, dialog: Dialog, status: int) -> None:
        """Count how a call, or one attempt of it, went at its trunk; `status`: final one of the INVITE."""
        if not dialog.seized_ms:
            return
        seizure = Seizure(
            trunk=dialog.trunk,
            direction="in" if dialog.incoming else "out",
            result=result_of(200 if dialog.answered_ms else status, rang=dialog.rang_ms > 0),
            talk_ms=self.now_ms - dialog.answered_ms if dialog.answered_ms else 0,
            ring_ms=dialog.rang_ms - dialog.seized_ms if dialog.rang_ms else 0,
        )
        self.traffic.add(seizure, self.now_ms)
        self.out.append(Seized(seizure))
        dialog.seized_ms = dialog.rang_ms = dialog.answered_ms = 0

    def bury(self, dialog: Dialog) -> None:
        """End a dialog that is over on both sides: a tombstone stays for 32 s, the slot is free."""
        invite = dialog.invite()
        self.end_seizure(dialog, invite.status if invite is not None else 0)
        tomb = Tombstone(
            leg=dialog.leg,
            call_id=dialog.call_id,
            peer_tag=dialog.peer_tag,
            own_tag=dialog.own_tag,
            incoming=dialog.incoming,
            trunk=dialog.trunk,
            invite_cseq=dialog.invite_cseq,
            invite_branch=dialog.invite_branch,
            status=invite.status if invite is not None else 200,
            bye_cseq=dialog.bye_cseq,
            until_ms=self.now_ms + TIMEOUT_MS,
            span=Incarnation("") if dialog.told else dialog.span,
            end=dialog.end,
            by_peer=dialog.by_peer,
            moves=dialog.moves[-KEPT_MOVES:],
        )
        self.repeats.stop_all(f"{dialog.leg}/")
        self.dialogs.remove(dialog, tomb)
        self.spans.free(dialog.leg, self.now_ms)
        self.set_alarm(tomb.until_ms, "tomb", tomb.leg)
        if dialog.holding is not None:
            self.out.append(Finish(CommandId(dialog.holding.command), "the leg has ended"))
        self.out.append(Bury(dialog.leg))
        self.out += [DropKeys(handle) for handle in dialog.keys]

    def forget(self, leg: LegId) -> None:
        """Drop a tombstone that has had its time."""
        tomb = self.dialogs.tombs.get(leg)
        if tomb is not None and tomb.until_ms <= self.now_ms:
            self.dialogs.forget(leg)
            self.out.append(Forget(leg))

    # --- trunks and addresses

    def belongs(self, dialog: Dialog, flow: Flow) -> bool:
        """Whether a message from `flow` may touch the dialog: right tags from elsewhere are not enough."""
        if self.trunks.includes(dialog.trunk, flow.address.host):
            return True
        # The trunk of a call that came in may be gone by a reload: who began the call may still end it.
        alone = not dialog.incoming or dialog.trunk not in self.trunks.by_name
        return alone and flow.address.host == dialog.first_host

    def has_channel(self, trunk: Trunk) -> bool:
        """Whether the trunk has room for one more call of either direction."""
        return not trunk.max_channels or self.dialogs.channels.of(trunk.name) < trunk.max_channels

    def may_dial(self, trunk: Trunk) -> bool:
        """Whether the trunk takes one more call of ours now, which is counted then."""
        return self.has_channel(trunk) and self.trunks.admit(trunk, self.now_ms, ours=True)

    def aim(self, dialog: Dialog) -> None:
        """Set where requests to the peer go from its route set and remote target (RFC 3261 section 12.2.1.1).

        A name stays at the address that it was reached by: a look-up in the middle of a call could only break it.
        """
        uri = dialog.routes[0].uri if dialog.routes else dialog.target
        if not is_literal(uri.host):
            return
        asked = "tls" if uri.scheme == "sips" else uri.param("transport")
        transport = dialog.flow.transport
        # What began over TLS stays there, whatever a Contact says: its keys were told there.
        if transport != "tls" and asked in TRANSPORTS:
            transport = cast(Transport, asked)
        host = uri.host.strip("[]")
        kept = dialog.flow.connection if transport == dialog.flow.transport and host == dialog.flow.address.host else 0
        # Only hosts that the site file names, or that we dialled, are sent anything (no third party by a Contact).
        named = host == dialog.first_host or self.trunks.includes(dialog.trunk, host)
        if named and self.presence.reaches(host):
            dialog.flow = Flow(
                transport, Address(host, uri.port or default_port(transport)), kept, dialog.trunk, dialog.flow.server
            )
